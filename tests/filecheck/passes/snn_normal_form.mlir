// RUN: snncc-opt -p snn-normal-form %s | filecheck %s
// RUN: snncc-opt -p snn-normal-form,snn-normal-form %s | filecheck %s

// a membrane that moves by a part of its distance, behind a scale, is one that leaks and adds

snn.parameter @w : tensor<2x2xf32> = dense<[[1.0, -0.5], [0.5, 0.75]]>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xi1>) {
  %w = snn.use @w : tensor<2x2xf32>
  %two = snn.constant dense<2.0> : tensor<f32>
  %b = snn.constant dense<0.75> : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %late = snn.delay %x by 2 : i64 init %off as "late" : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
  %i = snn.linear %late, %w as "fc" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %s = snn.scale %i, %two : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %y = snn.neuron as "lif" (%in = %s : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %b : tensor<f32>) -> (tensor<2xi1>) {
    %one = arith.constant 1.0 : f32
    %rest = arith.subf %one, %beta : f32
    %gone = arith.subf %in, %v : f32
    %step = arith.mulf %rest, %gone : f32
    %u = arith.addf %v, %step : f32
    %half = arith.constant 0.5 : f32
    %d = arith.subf %u, %half : f32
    %z = snn.spike gt %d : f32
    %zero = arith.constant 0.0 : f32
    %n = arith.select %z, %zero, %u : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK:      snn.parameter @lif.w0 : tensor<2x2xf64> = dense<[[5.000000e-01, -2.500000e-01], [2.500000e-01, 3.750000e-01]]>
// CHECK-NEXT: snn.parameter @lif.decay : tensor<f64> = dense<7.500000e-01>
// CHECK-NEXT: snn.parameter @lif.bias : tensor<f64> = dense<0.000000e+00>
// CHECK-NEXT: snn.parameter @lif.threshold : tensor<f64> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @net ("x" %[[X:.*]] : tensor<2xf64>) -> ("y" : tensor<2xi1>) {
// CHECK:        %[[LATE:.*]] = snn.delay %[[X]] by 2 : i64 init %{{.*}} as "x.late2"
// CHECK-NEXT:   %[[SUM:.*]] = snn.linear %[[LATE]], %{{.*}} as "lif.sum0"
// CHECK-NEXT:   snn.neuron as "lif" kind "lif" (%x0 = %[[SUM]] : tensor<2xf64>)
// CHECK-NEXT:     %[[DRIVE:.*]] = arith.addf %bias, %x0 : f64
// CHECK-NEXT:     %[[LEFT:.*]] = arith.mulf %decay, %v : f64
// CHECK-NEXT:     %[[U:.*]] = arith.addf %[[LEFT]], %[[DRIVE]] : f64
// CHECK-NEXT:     %[[OVER:.*]] = arith.subf %[[U]], %threshold : f64
// CHECK-NEXT:     %[[Z:.*]] = snn.spike gt %[[OVER]] : f64
// CHECK:          %[[V:.*]] = arith.select %[[Z]], %{{.*}}, %[[U]] : f64
// CHECK-NEXT:     snn.next (%[[Z]] : i1) state (%[[V]] : f64)
