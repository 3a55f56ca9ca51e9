// RUN: snncc-opt --split-input-file -p snn-fold-parameters %s | filecheck --match-full-lines %s

// arithmetic on parameters leaves the body; marks go

snn.parameter learnable @w : tensor<f32> = dense<0.0>
snn.parameter fixed @theta : tensor<f32> = dense<1.0>
snn.network @plif ("x" %x : tensor<2xf32>) -> ("z" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %w = snn.use @w : tensor<f32>
  %theta = snn.use @theta : tensor<f32>
  %z = snn.neuron as "lif" kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%w = %w : tensor<f32>, %theta = %theta : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.negf %w : f32
    %1 = math.exp %0 : f32
    %2 = arith.constant 1.0 : f32
    %3 = arith.addf %2, %1 : f32
    %4 = arith.divf %2, %3 : f32
    %5 = arith.mulf %v, %4 : f32
    %6 = arith.addf %5, %x : f32
    %7 = arith.subf %6, %theta : f32
    %8 = snn.spike gt %7 : f32
    %9 = arith.uitofp %8 : i1 to f32
    %10 = arith.mulf %9, %theta : f32
    %11 = arith.subf %6, %10 : f32
    snn.next (%8 : i1) state (%11 : f32)
  }
  snn.yield %z : tensor<2xi1>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   snn.parameter @theta : tensor<f32> = dense<1.000000e+00>
// CHECK-NEXT:   snn.parameter @w.folded : tensor<f32> = dense<5.000000e-01>
// CHECK-NEXT:   snn.network @plif ("x" %x : tensor<2xf32>) -> ("z" : tensor<2xi1>) {
// CHECK-NEXT:     %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %theta = snn.use @theta : tensor<f32>
// CHECK-NEXT:     %{{\d+}} = snn.use @w.folded : tensor<f32>
// CHECK-NEXT:     %z = snn.neuron as "lif" kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %theta : tensor<f32>, %w_folded = %{{\d+}} : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:       %{{\d+}} = arith.mulf %v, %w_folded : f32
// CHECK-NEXT:       %{{\d+}} = arith.addf %{{\d+}}, %x : f32
// CHECK-NEXT:       %{{\d+}} = arith.subf %{{\d+}}, %theta : f32
// CHECK-NEXT:       %{{\d+}} = snn.spike gt %{{\d+}} : f32
// CHECK-NEXT:       %{{\d+}} = arith.uitofp %{{\d+}} : i1 to f32
// CHECK-NEXT:       %{{\d+}} = arith.subf %{{\d+}}, %{{\d+}} : f32
// CHECK-NEXT:       snn.next (%{{\d+}} : i1) state (%{{\d+}} : f32)
// CHECK-NEXT:     }

// -----

// weights that are moved, cut and multiplied; what is the same for all neurons; zeros

snn.parameter learnable @w : tensor<2x4xf32> = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]>
snn.parameter learnable @gain : tensor<2x1xf32> = dense<[[2.0], [0.5]]>
snn.parameter learnable @beta : tensor<2xf32> = dense<0.5>
snn.parameter learnable @bias : tensor<2xf32> = dense<0.0>
snn.parameter learnable @unread : tensor<2xf32> = dense<0.0>
snn.network @weights ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %w = snn.use @w : tensor<2x4xf32>
  %gain = snn.use @gain : tensor<2x1xf32>
  %beta = snn.use @beta : tensor<2xf32>
  %bias = snn.use @bias : tensor<2xf32>
  %half = snn.rearrange %w places <0, 1, 4, 5> : tensor<2x4xf32> -> tensor<2x2xf32>
  %scaled = snn.neuron kind "map" () params (%w = %half : tensor<2x2xf32>, %gain = %gain : tensor<2x1xf32>) -> (tensor<2x2xf32>) {
    %0 = arith.mulf %w, %gain : f32
    snn.next (%0 : f32)
  }
  %i = snn.linear %x, %scaled bias %bias last : (tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = snn.neuron (%x = %i : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %beta : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    snn.next (%1 : f32) state (%1 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   snn.parameter @unread : tensor<2xf32> = dense<0.000000e+00>
// CHECK-NEXT:   snn.parameter @w.folded : tensor<2x2xf32> = dense<{{\[\[}}2.000000e+00, 4.000000e+00], [2.500000e+00, 3.000000e+00{{\]\]}}>
// CHECK-NEXT:   snn.parameter @beta.folded : tensor<f32> = dense<5.000000e-01>
// CHECK-NEXT:   snn.network @weights ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:     %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %{{\d+}} = snn.use @w.folded : tensor<2x2xf32>
// CHECK-NEXT:     %i = snn.linear %x, %{{\d+}} : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %{{\d+}} = snn.use @beta.folded : tensor<f32>
// CHECK-NEXT:     %y = snn.neuron (%x = %i : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %{{\d+}} : tensor<f32>) -> (tensor<2xf32>) {

// -----

// what depends on an input or a state stays, and so does what stands in the body alone

snn.parameter @k : tensor<f32> = dense<0.5>
snn.network @rest ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %k = snn.use @k : tensor<f32>
  %y = snn.neuron kind "map" (%x = %x : tensor<2xf32>) params (%k = %k : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.constant 2.0 : f32
    %1 = arith.mulf %x, %k : f32
    %2 = arith.mulf %1, %0 : f32
    snn.next (%2 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:        snn.parameter @k : tensor<f32> = dense<5.000000e-01>
// CHECK:            %{{\d+}} = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:       %{{\d+}} = arith.mulf %x, %k : f32
// CHECK-NEXT:       %{{\d+}} = arith.mulf %{{\d+}}, %{{\d+}} : f32
