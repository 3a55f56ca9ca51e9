// RUN: snncc-opt --split-input-file -p snn-quantize %s | filecheck %s
// RUN: snncc-opt --split-input-file -p snn-quantize,snn-narrow %s | filecheck --check-prefix=NARROW %s

// The scale of the weights is 1/127 (grid), so the threshold is 127 of them and 2^8 parts of each.

snn.parameter @w : tensor<1x2xf32> = dense<[[1.0, -0.5039370078740157]]>
snn.parameter @beta : tensor<f32> = dense<0.5>
snn.parameter @theta : tensor<f32> = dense<1.0>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<1xi1>) {
  %w = snn.use @w : tensor<1x2xf32>
  %b = snn.use @beta : tensor<f32>
  %t = snn.use @theta : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<1x2xf32>) -> tensor<1xf32>
  %s = snn.neuron as "lif" (%in = %i : tensor<1xf32>) state (%v = %zero : tensor<f32>) params (%beta = %b : tensor<f32>, %theta = %t : tensor<f32>) -> (tensor<1xi1>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %in : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike ge %2 : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %f, %theta : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }
  snn.yield %s : tensor<1xi1>
}

// CHECK:      snn.parameter @w.int8 : tensor<1x2xi8>
// CHECK-NOT:  snn.parameter
// CHECK:      snn.linear %x, %{{.*}} as "fc" {{.*}} : (tensor<2xi1>, tensor<1x2xi8>) -> tensor<1xi32>
// CHECK:      snn.neuron as "lif" (%in = %{{.*}} : tensor<1xi32>) state (%v = %{{.*}} : tensor<i32>) -> (tensor<1xi1>)
// CHECK:        arith.shli %in
// CHECK:        arith.shrsi
// CHECK:        snn.spike ge %{{.*}} : i32
// CHECK:        snn.next (%{{.*}} : i1) state (%{{.*}} : i32)

// NARROW:     snn.linear %x, %{{.*}} : (tensor<2xi1>, tensor<1x2xi8>) -> tensor<1xi16>
// NARROW:     snn.neuron as "lif" (%in = %{{.*}} : tensor<1xi16>) state (%v = %{{.*}} : tensor<i16>)
