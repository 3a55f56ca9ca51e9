// RUN: snncc-opt %s -p snn-sums-as-states | filecheck --match-full-lines %s

// a product of two streams and a sum over time become neurons, a sum of elements a weighted sum

snn.network @net ("x" %x : tensor<3xf32>, "d" %d : tensor<2xf32>) -> (sum "w" : tensor<1x2x3xf32>, sum "e" : tensor<3xf32>, "l" : tensor<1xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %a = snn.reshape %d : tensor<2xf32> -> tensor<1x2x1xf32>
  %b = snn.reshape %x : tensor<3xf32> -> tensor<1x3x1xf32>
  %w = snn.outer %a, %b : (tensor<1x2x1xf32>, tensor<1x3x1xf32>) -> tensor<1x2x3xf32>
  %e = snn.neuron as "trace" (%x = %x : tensor<3xf32>) state (%s = %zero : tensor<f32>) -> (tensor<3xf32>) {
    %0 = arith.addf %s, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %l = snn.reduce sum %d : tensor<2xf32> -> tensor<1xf32>
  snn.yield %w, %e, %l : tensor<1x2x3xf32>, tensor<3xf32>, tensor<1xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   snn.parameter fixed @ones.2.f32 : tensor<1x2xf32> = dense<1.000000e+00>
// CHECK-NEXT:   snn.network @net ("x" %x : tensor<3xf32>, "d" %d : tensor<2xf32>) -> (last "w" : tensor<1x2x3xf32>, last "e" : tensor<3xf32>, "l" : tensor<1xf32>) {
// CHECK-NEXT:     %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %a = snn.reshape %d : tensor<2xf32> -> tensor<1x2x1xf32>
// CHECK-NEXT:     %b = snn.reshape %x : tensor<3xf32> -> tensor<1x3x1xf32>
// CHECK-NEXT:     %0 = snn.reshape %a : tensor<1x2x1xf32> -> tensor<1x2x1xf32>
// CHECK-NEXT:     %1 = snn.reshape %b : tensor<1x3x1xf32> -> tensor<1x1x3xf32>
// CHECK-NEXT:     %w = snn.neuron kind "map" (%x = %0 : tensor<1x2x1xf32>, %y = %1 : tensor<1x1x3xf32>) -> (tensor<1x2x3xf32>) {
// CHECK-NEXT:       %0 = arith.mulf %x, %y : f32
// CHECK-NEXT:       snn.next (%0 : f32)
// CHECK-NEXT:     }
// CHECK-NEXT:     %2 = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %e = snn.neuron as "trace" (%x = %x : tensor<3xf32>) state (%s = %zero : tensor<f32>, %total = %2 : tensor<f32>) -> (tensor<3xf32>) {
// CHECK-NEXT:       %0 = arith.addf %s, %x : f32
// CHECK-NEXT:       %1 = arith.addf %total, %0 : f32
// CHECK-NEXT:       snn.next (%1 : f32) state (%0 : f32, %1 : f32)
// CHECK-NEXT:     }
// CHECK-NEXT:     %3 = snn.reshape %d : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:     %4 = snn.use @ones.2.f32 : tensor<1x2xf32>
// CHECK-NEXT:     %5 = snn.linear %3, %4 : (tensor<2xf32>, tensor<1x2xf32>) -> tensor<1xf32>
// CHECK-NEXT:     %l = snn.reshape %5 : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT:     %6 = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %7 = snn.neuron kind "i" (%x = %w : tensor<1x2x3xf32>) state (%total = %6 : tensor<f32>) -> (tensor<1x2x3xf32>) {
// CHECK-NEXT:       %0 = arith.addf %total, %x : f32
// CHECK-NEXT:       snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:     }
// CHECK-NEXT:     snn.yield %7, %e, %l : tensor<1x2x3xf32>, tensor<3xf32>, tensor<1xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
