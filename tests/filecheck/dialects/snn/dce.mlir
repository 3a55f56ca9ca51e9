// RUN: snncc-opt --split-input-file -p dce %s | filecheck --match-full-lines %s

// dead streams, states among them; networks, parameters and inputs stay

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.network @streams ("x" %x : tensor<2xf32>, "unused" %unused : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %w = snn.use @w : tensor<2x2xf32>
  %a = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %b = snn.delay %a by 3 init %zero as "axon" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %c = snn.neuron as "li" (%x = %b : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %x : tensor<2xf32>
}
snn.network @nothing () -> () {
  snn.yield :
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @streams ("x" %x : tensor<2xf32>, "unused" %unused : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   snn.yield %x : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @nothing () -> () {
// CHECK-NEXT:   snn.yield :
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// dead cycles, through one delay and through two; the live one stays

snn.network @cycles ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %self = snn.delay %self by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d = snn.delay %y by 1 init %zero as "live" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d1 = snn.delay %d2 by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d2 = snn.delay %dead by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %y = snn.add %x, %d : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %dead = snn.add %d1, %y : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @cycles ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d = snn.delay %y by 1 : i64 init %zero as "live" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %y = snn.add %x, %d : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// within bodies; ports and results of a neuron stay (canonicalize drops them)

snn.network @bodies ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y, %z = snn.neuron kind "map" (%x = %x : tensor<2xf32>, %unused = %x : tensor<2xf32>) -> (tensor<2xf32>, tensor<2xi1>) {
    %dead = snn.count %x max 3 : f32 -> i8
    %0 = arith.negf %x : f32
    %z = snn.spike gt %0 : f32
    %1 = arith.mulf %0, %x : f32
    snn.next (%0 : f32, %z : i1)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @bodies ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y, %z = snn.neuron kind "map" (%x = %x : tensor<2xf32>, %unused = %x : tensor<2xf32>) -> (tensor<2xf32>, tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.negf %x : f32
// CHECK-NEXT:     %z = snn.spike gt %0 : f32
// CHECK-NEXT:     snn.next (%0 : f32, %z : i1)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }
