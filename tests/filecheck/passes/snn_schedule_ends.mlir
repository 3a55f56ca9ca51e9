// RUN: snncc-opt -p 'snn-fuse-elementwise,snn-schedule{time-block=4}' %s | filecheck --match-full-lines %s

// ends of a network of integers stay apart: a caller with whole numbers goes without the stages
// that convert. What is no product with a constant, and what is a whole number, is no end.

snn.parameter @w : tensor<2x3xi8> = dense<[[1, -2, 3], [0, 5, -6]]>
snn.parameter @each : tensor<2xf32> = dense<[0.5, 0.25]>
snn.network @net ("x" %x : tensor<3xf32>) -> ("y" : tensor<2xf32>, "z" : tensor<2xf32>, "n" : tensor<3xi8>, "again" : tensor<2xf32>) {
  %n = snn.neuron as "x.whole" (%a = %x : tensor<3xf32>) -> (tensor<3xi8>) attributes {scales = {x.whole = 0.5 : f64}} {
    %two = arith.constant 2.0 : f32
    %high = arith.constant 100.0 : f32
    %low = arith.constant -100.0 : f32
    %0 = arith.mulf %a, %two : f32
    %1 = arith.cmpf olt, %0, %high : f32
    %2 = arith.select %1, %0, %high : f32
    %3 = arith.cmpf ogt, %2, %low : f32
    %4 = arith.select %3, %2, %low : f32
    %5 = math.roundeven %4 : f32
    %6 = arith.fptosi %5 : f32 to i32
    %7 = arith.trunci %6 : i32 to i8
    snn.next (%7 : i8)
  }
  %w = snn.use @w : tensor<2x3xi8>
  %each = snn.use @each : tensor<2xf32>
  %i = snn.linear %n, %w as "fc" : (tensor<3xi8>, tensor<2x3xi8>) -> tensor<2xi32>
  %y = snn.neuron as "y.float" (%a = %i : tensor<2xi32>) params (%scale = %each : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    snn.next (%1 : f32)
  }
  %z = snn.neuron as "squares" (%a = %i : tensor<2xi32>) -> (tensor<2xf32>) {
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %0 : f32
    snn.next (%1 : f32)
  }
  snn.yield %y, %z, %n, %y : tensor<2xf32>, tensor<2xf32>, tensor<3xi8>, tensor<2xf32>
}

// CHECK:          kernel.buffer stream @x.whole : memref<4x3xi8> signed
// CHECK-NEXT:     kernel.buffer stream @fc : memref<4x2xi32> signed
// CHECK-NEXT:     kernel.buffer input @x : memref<?x3xf32> whole @x.whole within [-100, 100] {scale = 5.000000e-01 : f64}
// CHECK-NEXT:     kernel.buffer output @y : memref<?x2xf32> whole @fc {scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>}
// CHECK-NEXT:     kernel.buffer output @z : memref<?x2xf32>
// CHECK-NEXT:     kernel.buffer output @n : memref<?x3xi8> signed
// CHECK-NEXT:     kernel.buffer output @again : memref<?x2xf32> whole @fc {scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>}
// CHECK-NEXT:     kernel.stage "x.whole" of ["x.whole"] converts (%0) {
// CHECK:          kernel.stage "fc" of ["fc"] (%{{.*}}) {
// CHECK:          kernel.stage "y.float" of ["y.float"] converts (%{{.*}}) {
// CHECK:          kernel.stage "squares" of ["squares"] (%{{.*}}) {
// CHECK:          kernel.stage "outputs" of [] (%{{.*}}) {
// CHECK:          kernel.stage "converted" of [] converts (%{{.*}}) {
