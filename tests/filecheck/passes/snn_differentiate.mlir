// RUN: snncc-opt -p snn-differentiate %s | filecheck %s

// The gradient of a leaky neuron is a leaky neuron that runs back in time; it reads the membrane
// of the step before (the tape), and sums over time what reaches the parameters.

snn.parameter learnable @w : tensor<3x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]>
snn.parameter learnable @tau : tensor<f32> = dense<0.9>
snn.parameter fixed @theta : tensor<f32> = dense<1.0>
snn.network @net ("x" %x : tensor<2xf32>) -> ("z" : tensor<3xi1>) {
  %w = snn.use @w : tensor<3x2xf32>
  %tau = snn.use @tau : tensor<f32>
  %theta = snn.use @theta : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3xf32>
  %z = snn.neuron as "lif" (%x = %i : tensor<3xf32>) state (%v = %zero : tensor<f32>) params (%b = %tau : tensor<f32>, %t = %theta : tensor<f32>) -> (tensor<3xi1>) {
    %0 = arith.mulf %b, %v : f32
    %u = arith.addf %0, %x : f32
    %d = arith.subf %u, %t : f32
    %s = snn.spike gt %d surrogate <"straight_through"> : f32
    %r = snn.detach %s : i1
    %f = arith.uitofp %r : i1 to f32
    %1 = arith.mulf %f, %t : f32
    %2 = arith.subf %u, %1 : f32
    snn.next (%s : i1) state (%2 : f32)
  }
  snn.yield %z : tensor<3xi1>
}

// CHECK:      snn.network @net.forward ("x" %x : tensor<2xf32>) -> ("z" : tensor<3xi1>, "tape.0" : tensor<3xf32>) {
// CHECK-NEXT:   %w = snn.use @w : tensor<3x2xf32>
// CHECK-NEXT:   %tau = snn.use @tau : tensor<f32>
// CHECK-NEXT:   %theta = snn.use @theta : tensor<f32>
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %i = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3xf32>
// CHECK-NEXT:   %z, %z_1 = snn.neuron as "lif" (%x = %i : tensor<3xf32>) state (%v = %zero : tensor<f32>) params (%b = %tau : tensor<f32>, %t = %theta : tensor<f32>) -> (tensor<3xi1>, tensor<3xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %b, %v : f32
// CHECK-NEXT:     %u = arith.addf %0, %x : f32
// CHECK-NEXT:     %d = arith.subf %u, %t : f32
// CHECK-NEXT:     %s = snn.spike gt %d surrogate <"straight_through"> : f32
// CHECK-NEXT:     %r = snn.detach %s : i1
// CHECK-NEXT:     %f = arith.uitofp %r : i1 to f32
// CHECK-NEXT:     %1 = arith.mulf %f, %t : f32
// CHECK-NEXT:     %2 = arith.subf %u, %1 : f32
// CHECK-NEXT:     snn.next (%s : i1, %v : f32) state (%2 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %z, %z_1 : tensor<3xi1>, tensor<3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: snn.network reverse @net.backward ("d.z" %0 : tensor<3xf32>, "tape.0" %1 : tensor<3xf32>, "x" %2 : tensor<2xf32>) -> (last "d.lif.v" : tensor<3xf32>, "d.x" : tensor<2xf32>, sum "sum.0" : tensor<3xf32>, sum "sum.1" : tensor<1x3x2xf32>) {
// CHECK-NEXT:   %3 = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %tau = snn.use @tau : tensor<f32>
// CHECK-NEXT:   %4, %5, %6 = snn.neuron as "d.lif" (%d_out0 = %0 : tensor<3xf32>, %v = %1 : tensor<3xf32>) state (%d_v = %3 : tensor<f32>) params (%b = %tau : tensor<f32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
// CHECK-NEXT:     %0 = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %1 = arith.mulf %d_out0, %0 : f32
// CHECK-NEXT:     %2 = arith.addf %d_v, %1 : f32
// CHECK-NEXT:     %3 = arith.mulf %2, %v : f32
// CHECK-NEXT:     %4 = arith.mulf %2, %b : f32
// CHECK-NEXT:     snn.next (%2 : f32, %3 : f32, %4 : f32) state (%4 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %w = snn.use @w : tensor<3x2xf32>
// CHECK-NEXT:   %7 = snn.rearrange %w places <0 (2 by 1) (3 by 2)> : tensor<3x2xf32> -> tensor<2x3xf32>
// CHECK-NEXT:   %8 = snn.linear %4, %7 : (tensor<3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %9 = snn.reshape %4 : tensor<3xf32> -> tensor<1x3x1xf32>
// CHECK-NEXT:   %10 = snn.reshape %2 : tensor<2xf32> -> tensor<1x2x1xf32>
// CHECK-NEXT:   %11 = snn.outer %9, %10 : (tensor<1x3x1xf32>, tensor<1x2x1xf32>) -> tensor<1x3x2xf32>
// CHECK-NEXT:   snn.yield %6, %8, %5, %11 : tensor<3xf32>, tensor<2xf32>, tensor<3xf32>, tensor<1x3x2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @net.finish ("sum.0" %0 : tensor<3xf32>, "sum.1" %1 : tensor<1x3x2xf32>) -> ("d.w" : tensor<3x2xf32>, "d.tau" : tensor<f32>) {
// CHECK-NEXT:   %2 = snn.reduce sum %0 : tensor<3xf32> -> tensor<f32>
// CHECK-NEXT:   %3 = snn.reshape %1 : tensor<1x3x2xf32> -> tensor<3x2xf32>
// CHECK-NEXT:   snn.yield %3, %2 : tensor<3x2xf32>, tensor<f32>
// CHECK-NEXT: }
