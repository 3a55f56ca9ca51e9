// RUN: snncc-opt --split-input-file -p cse %s | filecheck --match-full-lines %s

// equal operations without state, and what follows from them; unused ones go on the way

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.network @stateless ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w0 = snn.use @w : tensor<2x2xf32>
  %w1 = snn.use @w : tensor<2x2xf32>
  %unused = snn.use @w : tensor<2x2xf32>
  %a = snn.linear %x, %w0 : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %b = snn.linear %x, %w1 : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @stateless ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w0 = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %a = snn.linear %x, %w0 : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %y = snn.add %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// kept: other nodes of the model, other surrogates, another order of the operands, -0.0

snn.network @different ("x" %x : tensor<2xf32>, "y" %y : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2xi1>, "d" : tensor<2xi1>, "e" : tensor<2xf32>, "f" : tensor<2xf32>, "g" : tensor<f32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %a = snn.reshape %x as "a" : tensor<2xf32> -> tensor<2xf32>
  %b = snn.reshape %x as "b" : tensor<2xf32> -> tensor<2xf32>
  %c = snn.threshold gt %x, %zero surrogate <"norse.superspike", alpha = 100.0 : f64> : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
  %d = snn.threshold gt %x, %zero surrogate <"norse.superspike", alpha = 10.0 : f64> : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
  %e = snn.add %x, %y : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %f = snn.add %y, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %negative = snn.constant dense<-0.0> : tensor<f32>
  snn.yield %a, %b, %c, %d, %e, %f, %negative : tensor<2xf32>, tensor<2xf32>, tensor<2xi1>, tensor<2xi1>, tensor<2xf32>, tensor<2xf32>, tensor<f32>
}

// CHECK:      snn.network @different ("x" %x : tensor<2xf32>, "y" %y : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2xi1>, "d" : tensor<2xi1>, "e" : tensor<2xf32>, "f" : tensor<2xf32>, "g" : tensor<f32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %a = snn.reshape %x as "a" : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:   %b = snn.reshape %x as "b" : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:   %c = snn.threshold gt %x, %zero surrogate <"norse.superspike", alpha = 1.000000e+02 : f64> : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
// CHECK-NEXT:   %d = snn.threshold gt %x, %zero surrogate <"norse.superspike", alpha = 1.000000e+01 : f64> : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
// CHECK-NEXT:   %e = snn.add %x, %y : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %f = snn.add %y, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %negative = snn.constant dense<-0.000000e+00> : tensor<f32>
// CHECK-NEXT:   snn.yield %a, %b, %c, %d, %e, %f, %negative : tensor<2xf32>, tensor<2xf32>, tensor<2xi1>, tensor<2xi1>, tensor<2xf32>, tensor<2xf32>, tensor<f32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// equal delays and equal neurons are two: users may start them from different states. What
// reads the same of them is one

snn.network @states ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d0 = snn.delay %x by 2 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d1 = snn.delay %x by 2 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %n0 = snn.neuron (%x = %d0 : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %n1 = snn.neuron (%x = %d0 : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %sum = arith.addf %v, %x : f32
    snn.next (%sum : f32) state (%sum : f32)
  }
  %m0 = snn.neuron kind "map" (%x = %d1 : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.negf %x : f32
    snn.next (%0 : f32)
  }
  %m1 = snn.neuron kind "map" (%x = %d1 : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.negf %x : f32
    snn.next (%0 : f32)
  }
  %y = snn.add %n0, %n1, %m0, %m1 : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @states ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d0 = snn.delay %x by 2 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %d1 = snn.delay %x by 2 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %n0 = snn.neuron (%x = %d0 : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %n1 = snn.neuron (%x = %d0 : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %sum = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%sum : f32) state (%sum : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %m0 = snn.neuron kind "map" (%x = %d1 : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.negf %x : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %y = snn.add %n0, %n1, %m0, %m0 : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// within a body, where 0.0 and -0.0 are two, but not from one body to another

snn.network @bodies ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
  %a = snn.neuron kind "map" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
    %one = arith.constant 1.0 : f32
    %uno = arith.constant 1.0 : f32
    %0 = arith.addf %x, %one : f32
    %1 = arith.addf %x, %uno : f32
    %2 = arith.mulf %0, %1 : f32
    %plus = arith.constant 0.0 : f32
    %minus = arith.constant -0.0 : f32
    %3 = arith.addf %2, %plus : f32
    %4 = arith.addf %3, %minus : f32
    snn.next (%4 : f32)
  }
  %b = snn.neuron kind "map" (%x = %a : tensor<2xf32>) -> (tensor<2xf32>) {
    %one = arith.constant 1.0 : f32
    %0 = arith.addf %x, %one : f32
    snn.next (%0 : f32)
  }
  snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @bodies ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
// CHECK-NEXT:   %a = snn.neuron kind "map" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %one = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %0 = arith.addf %x, %one : f32
// CHECK-NEXT:     %1 = arith.mulf %0, %0 : f32
// CHECK-NEXT:     %plus = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %minus = arith.constant -0.000000e+00 : f32
// CHECK-NEXT:     %2 = arith.addf %1, %plus : f32
// CHECK-NEXT:     %3 = arith.addf %2, %minus : f32
// CHECK-NEXT:     snn.next (%3 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %b = snn.neuron kind "map" (%x = %a : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %one = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %0 = arith.addf %x, %one : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// equal networks stay two, and keep what they use

snn.parameter @w : tensor<2xf32> = dense<0.5>
snn.network @a () -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2xf32>
  snn.yield %w : tensor<2xf32>
}
snn.network @b () -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2xf32>
  snn.yield %w : tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @a () -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.use @w : tensor<2xf32>
// CHECK-NEXT:   snn.yield %w : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @b () -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.use @w : tensor<2xf32>
// CHECK-NEXT:   snn.yield %w : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// cycles stay whole; what reads a delay is merged, for delays stand above their streams

snn.network @cycles ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d0 = snn.delay %a by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d1 = snn.delay %b by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %a = snn.add %x, %d0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %b = snn.add %x, %d1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %c = snn.add %x, %d0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %d = snn.add %b, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %a, %d : tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @cycles ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d0 = snn.delay %a by 1 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %d1 = snn.delay %b by 1 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %a = snn.add %x, %d0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %b = snn.add %x, %d1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %d = snn.add %b, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %a, %d : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a dead cycle stays: dce removes it

snn.network @dead_cycle ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %a by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %a = snn.add %x, %d : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %dead = snn.add %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %x : tensor<2xf32>
}

// CHECK:      snn.network @dead_cycle ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d = snn.delay %a by 1 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %a = snn.add %x, %d : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %x : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }
