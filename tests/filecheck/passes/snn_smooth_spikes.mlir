// RUN: snncc-opt --split-input-file -p snn-smooth-spikes %s | filecheck --match-full-lines %s
// RUN: snncc-opt --split-input-file -p 'snn-smooth-spikes{surrogate="straight_through"}' %s | filecheck --match-full-lines --check-prefix GIVEN %s

// a spike is the integral of its surrogate; what holds it is a float; an input stays a spike

snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<4xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %back = snn.delay %s by 1 init %off : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
  %s = snn.neuron kind "if" (%x = %x : tensor<2xi1>) state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {
    %n = arith.uitofp %x : i1 to f32
    %u = arith.addf %v, %n : f32
    %z = snn.spike gt %u surrogate <"straight_through"> : f32
    %f = arith.uitofp %z : i1 to f32
    %w = arith.subf %u, %f : f32
    snn.next (%z : i1) state (%w : f32)
  }
  %y = snn.concat %back, %x axis 0 : (tensor<2xi1>, tensor<2xi1>) -> tensor<4xi1>
  snn.yield %y : tensor<4xi1>
}

// CHECK:        snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<4xf32>) {
// CHECK:          %0 = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:     %back = snn.delay %s by 1 : i64 init %0 : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:     %s = snn.neuron (%x = %x : tensor<2xi1>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:       %n = arith.uitofp %x : i1 to f32
// CHECK-NEXT:       %u = arith.addf %v, %n : f32
// CHECK-NEXT:       %0 = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:       %1 = arith.mulf %u, %0 : f32
// CHECK-NEXT:       %2 = arith.constant 5.000000e-01 : f32
// CHECK-NEXT:       %3 = arith.addf %1, %2 : f32
// CHECK-NEXT:       %w = arith.subf %u, %3 : f32
// CHECK-NEXT:       snn.next (%3 : f32) state (%w : f32)
// CHECK-NEXT:     }
// CHECK-NEXT:     %1 = snn.add %x : (tensor<2xi1>) -> tensor<2xf32>
// CHECK-NEXT:     %y = snn.concat %back, %1 axis 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
// CHECK-NEXT:     snn.yield %y : tensor<4xf32>

// -----

// a spike that decides is the one of the hard network, which puts it out

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %s = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {
    %u = arith.addf %v, %x : f32
    %z = snn.spike gt %u : f32
    %c = arith.constant 0.0 : f32
    %w = arith.select %z, %c, %u : f32
    snn.next (%z : i1) state (%w : f32)
  }
  snn.yield %s : tensor<2xi1>
}

// without a surrogate it stays
// CHECK:            %z = snn.spike gt %u : f32

// GIVEN:        snn.network @net ("x" %x : tensor<2xf32>, "hard.0" %0 : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
// GIVEN:          %s = snn.neuron (%x = %x : tensor<2xf32>, %hard0 = %0 : tensor<2xi1>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// GIVEN:            %w = arith.select %hard0, %c, %u : f32
// GIVEN-NEXT:       snn.next (%3 : f32) state (%w : f32)
// GIVEN:        snn.network @net.hard ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "hard.0" : tensor<2xi1>) {
// GIVEN:            %w = arith.select %z, %c, %u : f32
// GIVEN-NEXT:       snn.next (%z : i1, %z : i1) state (%w : f32)

// -----

// a refractory counter is made of spikes alone: so is what it decides; what a membrane
// decides is decided by the twin's own

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %s = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>, %c = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.constant 0.0 : f32
    %u = arith.addf %v, %x : f32
    %z = snn.spike gt %u surrogate <"straight_through"> : f32
    %f = arith.uitofp %z : i1 to f32
    %awake = arith.cmpf ole, %c, %0 : f32
    %w = arith.select %awake, %u, %v : f32
    %low = arith.cmpf olt, %w, %0 : f32
    %r = arith.select %low, %0, %w : f32
    snn.next (%f : f32) state (%r : f32, %f : f32)
  }
  snn.yield %s : tensor<2xf32>
}

// CHECK:        snn.network @net ("x" %x : tensor<2xf32>, "hard.0" %0 : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
// CHECK:            %w = arith.select %hard0, %u, %v : f32
// CHECK-NEXT:       %low = arith.cmpf olt, %w, %0 : f32
// CHECK-NEXT:       %r = arith.select %low, %0, %w : f32
// CHECK:        snn.network @net.hard ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>, "hard.0" : tensor<2xi1>) {
// CHECK:            snn.next (%f : f32, %awake : i1) state (%r : f32, %f : f32)
