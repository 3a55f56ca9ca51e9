// RUN: snncc-opt -p snn-schedule %s | filecheck %s

// the forward program has no surrogates, nor what they alone read: a width, and a soft spike

snn.surrogate @wide (%v : f32, %width : f32) -> f32 {
  %0 = arith.divf %v, %width : f32
  snn.derivative %0 : f32
}
snn.parameter @width : tensor<2xf32> = dense<[0.5, 0.25]>
snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi16>) {
  %w = snn.use @width : tensor<2xf32>
  %y, %n = snn.neuron (%x = %x : tensor<2xf32>) params (%w = %w : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi16>) {
    %soft = math.tanh %x : f32
    %0 = snn.spike gt %x surrogate <@wide> of %x, %w : f32
    %passed = snn.straight_through %x of %soft : f32, f32
    %1 = snn.count %passed max 3 surrogate <"straight_through"> of %soft : f32 -> i16
    snn.next (%0 : i1, %1 : i16)
  }
  snn.yield %y, %n : tensor<2xi1>, tensor<2xi16>
}

// CHECK-NOT: surrogate
// CHECK-NOT: width
// CHECK-NOT: tanh
// CHECK: linalg.generic
// CHECK-SAME: ins(%{{.*}} : memref<2xf32>)
// CHECK-NOT: tanh
// CHECK: linalg.yield
