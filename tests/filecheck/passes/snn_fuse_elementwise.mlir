// RUN: snncc-opt --split-input-file -p snn-fuse-elementwise,dce %s | filecheck --match-full-lines %s

// an addition as a body: left to right, spikes and counts as floats, the node kept

snn.network @add ("x" %x : tensor<2xf32>, "s" %s : tensor<2xi1>, "n" %n : tensor<2xi16>) -> ("y" : tensor<2xf32>) {
  %y = snn.add %s, %x, %n as "sum" : (tensor<2xi1>, tensor<2xf32>, tensor<2xi16>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @add ("x" %x : tensor<2xf32>, "s" %s : tensor<2xi1>, "n" %n : tensor<2xi16>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y = snn.neuron as "sum" kind "map" (%x0 = %s : tensor<2xi1>, %x1 = %x : tensor<2xf32>, %x2 = %n : tensor<2xi16>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.uitofp %x0 : i1 to f32
// CHECK-NEXT:     %1 = arith.addf %0, %x1 : f32
// CHECK-NEXT:     %2 = arith.uitofp %x2 : i16 to f32
// CHECK-NEXT:     %3 = arith.addf %1, %2 : f32
// CHECK-NEXT:     snn.next (%3 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a factor is a parameter of the body, of its own shape

snn.parameter @s : tensor<2x1xf32> = dense<0.5>
snn.network @scale ("x" %x : tensor<2x3xi1>) -> ("y" : tensor<2x3xf32>) {
  %s = snn.use @s : tensor<2x1xf32>
  %y = snn.scale %x, %s as "gain" : (tensor<2x3xi1>, tensor<2x1xf32>) -> tensor<2x3xf32>
  snn.yield %y : tensor<2x3xf32>
}

// CHECK:      snn.parameter @s : tensor<2x1xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @scale ("x" %x : tensor<2x3xi1>) -> ("y" : tensor<2x3xf32>) {
// CHECK-NEXT:   %s = snn.use @s : tensor<2x1xf32>
// CHECK-NEXT:   %y = snn.neuron as "gain" kind "map" (%x = %x : tensor<2x3xi1>) params (%s = %s : tensor<2x1xf32>) -> (tensor<2x3xf32>) {
// CHECK-NEXT:     %0 = arith.uitofp %x : i1 to f32
// CHECK-NEXT:     %1 = arith.mulf %0, %s : f32
// CHECK-NEXT:     snn.next (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2x3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// batch normalisation: factors computed once, per channel (here 1/sqrt(0.25) and 3 - 1*2)

snn.network @batch_norm ("x" %x : tensor<2x3xf32>) -> ("y" : tensor<2x3xf32>) {
  %gamma = snn.constant dense<1.0> : tensor<2xf32>
  %beta = snn.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %mean = snn.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %variance = snn.constant dense<[0.25, 1.0]> : tensor<2xf32>
  %y = snn.batch_norm %x, %gamma, %beta, %mean, %variance as "bn" epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  snn.yield %y : tensor<2x3xf32>
}

// CHECK:      snn.network @batch_norm ("x" %x : tensor<2x3xf32>) -> ("y" : tensor<2x3xf32>) {
// CHECK-NEXT:   %0 = snn.constant dense<{{\[}}[2.000000e+00], [1.000000e+00]]> : tensor<2x1xf32>
// CHECK-NEXT:   %1 = snn.constant dense<{{\[}}[1.000000e+00], [0.000000e+00]]> : tensor<2x1xf32>
// CHECK-NEXT:   %y = snn.neuron as "bn" kind "map" (%x = %x : tensor<2x3xf32>) params (%a = %0 : tensor<2x1xf32>, %b = %1 : tensor<2x1xf32>) -> (tensor<2x3xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %x, %a : f32
// CHECK-NEXT:     %1 = arith.addf %0, %b : f32
// CHECK-NEXT:     snn.next (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2x3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// statistics that are streams stay a batch normalisation

snn.network @streams ("x" %x : tensor<2x3xf32>, "p" %p : tensor<2xf32>) -> ("y" : tensor<2x3xf32>) {
  %y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  snn.yield %y : tensor<2x3xf32>
}

// CHECK:      snn.network @streams ("x" %x : tensor<2x3xf32>, "p" %p : tensor<2xf32>) -> ("y" : tensor<2x3xf32>) {
// CHECK-NEXT:   %y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0.000000e+00 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2x3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a threshold keeps its comparison and its surrogate

snn.network @threshold ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %theta = snn.constant dense<0.5> : tensor<f32>
  %y = snn.threshold ge %x, %theta surrogate <"norse.superspike", alpha = 100.0 : f64> as "out" : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
  snn.yield %y : tensor<2xi1>
}

// CHECK:      snn.network @threshold ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
// CHECK-NEXT:   %theta = snn.constant dense<5.000000e-01> : tensor<f32>
// CHECK-NEXT:   %y = snn.neuron as "out" kind "threshold" (%x = %x : tensor<2xf32>) params (%theta = %theta : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.subf %x, %theta : f32
// CHECK-NEXT:     %1 = snn.spike ge %0 surrogate <"norse.superspike", alpha = 1.000000e+02 : f64> : f32
// CHECK-NEXT:     snn.next (%1 : i1)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a bias that ends the sum is an addition behind it, per channel behind a convolution; a
// bias that starts the sum stays with it

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.parameter @k : tensor<2x1x3xf32> = dense<0.5>
snn.parameter @b : tensor<2xf32> = dense<0.5>
snn.network @bias ("x" %x : tensor<2xi1>, "z" %z : tensor<1x4xi1>) -> ("l" : tensor<2xf32>, "c" : tensor<2x2xf32>, "f" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %k = snn.use @k : tensor<2x1x3xf32>
  %b = snn.use @b : tensor<2xf32>
  %l = snn.linear %x, %w bias %b last as "fc" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %c = snn.conv1d %z, %k bias %b last stride [1] padding [0, 0] dilation [1] as "conv" : (tensor<1x4xi1>, tensor<2x1x3xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %f = snn.linear %x, %w bias %b first as "first" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %l, %c, %f : tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.parameter @k : tensor<2x1x3xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.parameter @b : tensor<2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @bias ("x" %x : tensor<2xi1>, "z" %z : tensor<1x4xi1>) -> ("l" : tensor<2xf32>, "c" : tensor<2x2xf32>, "f" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %k = snn.use @k : tensor<2x1x3xf32>
// CHECK-NEXT:   %b = snn.use @b : tensor<2xf32>
// CHECK-NEXT:   %0 = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %l = snn.neuron as "fc" kind "map" (%x = %0 : tensor<2xf32>) params (%bias = %b : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %x, %bias : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %1 = snn.conv1d %z, %k stride [1] padding [0, 0] dilation [1] groups 1 as "conv" : (tensor<1x4xi1>, tensor<2x1x3xf32>) -> tensor<2x2xf32>
// CHECK-NEXT:   %2 = snn.reshape %b : tensor<2xf32> -> tensor<2x1xf32>
// CHECK-NEXT:   %c = snn.neuron as "conv" kind "map" (%x = %1 : tensor<2x2xf32>) params (%bias = %2 : tensor<2x1xf32>) -> (tensor<2x2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %x, %bias : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %f = snn.linear %x, %w bias %b first as "first" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %l, %c, %f : tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// into the neuron that alone reads it, through several; names that are taken get a number,
// and the hint goes

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.network @fused ("x" %x : tensor<2xi1>, "v" %v : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %theta = snn.constant dense<1.0> : tensor<f32>
  %gain = snn.constant dense<2.0> : tensor<2xf32>
  %w = snn.use @w : tensor<2x2xf32>
  %b = snn.constant dense<[0.25, 0.5]> : tensor<2xf32>
  %l = snn.linear %x, %w bias %b last as "fc" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %g = snn.scale %l, %gain as "gain" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %u = snn.add %v, %g : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = snn.neuron as "if" kind "if" (%in = %u : tensor<2xf32>) state (%x = %zero : tensor<f32>) params (%s = %theta : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.addf %x, %in : f32
    %1 = arith.subf %0, %s : f32
    %z = snn.spike gt %1 : f32
    %2 = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %2, %s : f32
    %4 = arith.subf %0, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @fused ("x" %x : tensor<2xi1>, "v" %v : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %theta = snn.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT:   %gain = snn.constant dense<2.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   %w = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %b = snn.constant dense<[2.500000e-01, 5.000000e-01]> : tensor<2xf32>
// CHECK-NEXT:   %0 = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %y = snn.neuron as "if" (%x0 = %v : tensor<2xf32>, %x_1 = %0 : tensor<2xf32>) state (%x = %zero : tensor<f32>) params (%s = %theta : tensor<f32>, %s_1 = %gain : tensor<2xf32>, %bias = %b : tensor<2xf32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.addf %x_1, %bias : f32
// CHECK-NEXT:     %1 = arith.mulf %0, %s_1 : f32
// CHECK-NEXT:     %2 = arith.addf %x0, %1 : f32
// CHECK-NEXT:     %3 = arith.addf %x, %2 : f32
// CHECK-NEXT:     %4 = arith.subf %3, %s : f32
// CHECK-NEXT:     %z = snn.spike gt %4 : f32
// CHECK-NEXT:     %5 = arith.uitofp %z : i1 to f32
// CHECK-NEXT:     %6 = arith.mulf %5, %s : f32
// CHECK-NEXT:     %7 = arith.subf %3, %6 : f32
// CHECK-NEXT:     snn.next (%z : i1) state (%7 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// not into neurons that share it, nor into one of another shape, nor as a parameter

snn.network @apart ("x" %x : tensor<2xf32>, "r" %r : tensor<3xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2x3xf32>, "d" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %shared = snn.add %x, %x as "shared" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %a = snn.neuron as "a" (%x = %shared : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %b = snn.neuron as "b" (%x = %shared : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %row = snn.add %r, %r as "row" : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %c = snn.neuron as "c" (%x = %row : tensor<3xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2x3xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %p = snn.add %x, %x as "p" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %d = snn.neuron as "d" () state (%v = %zero : tensor<f32>) params (%p = %p : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %p : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %a, %b, %c, %d : tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2xf32>
}

// CHECK:      snn.network @apart ("x" %x : tensor<2xf32>, "r" %r : tensor<3xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2x3xf32>, "d" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %shared = snn.neuron as "shared" kind "map" (%x0 = %x : tensor<2xf32>, %x1 = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %x0, %x1 : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %a = snn.neuron as "a" (%x = %shared : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %b = snn.neuron as "b" (%x = %shared : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %row = snn.neuron as "row" kind "map" (%x0 = %r : tensor<3xf32>, %x1 = %r : tensor<3xf32>) -> (tensor<3xf32>) {
// CHECK-NEXT:     %0 = arith.addf %x0, %x1 : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %c = snn.neuron as "c" (%x = %row : tensor<3xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2x3xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %p = snn.neuron as "p" kind "map" (%x0 = %x : tensor<2xf32>, %x1 = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %x0, %x1 : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %d = snn.neuron as "d" () state (%v = %zero : tensor<f32>) params (%p = %p : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %p : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %a, %b, %c, %d : tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// around a cycle: the neuron's own spikes come back through the delay and the sum

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.network @recurrent ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %w = snn.use @w : tensor<2x2xf32>
  %d = snn.delay %y by 1 init %off : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
  %r = snn.linear %d, %w : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %u = snn.add %x, %r : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = snn.neuron as "n" (%i = %u : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.addf %v, %i : f32
    %z = snn.spike gt %0 : f32
    snn.next (%z : i1) state (%0 : f32)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @recurrent ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %off = snn.constant dense<false> : tensor<i1>
// CHECK-NEXT:   %w = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %d = snn.delay %y by 1 : i64 init %off : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
// CHECK-NEXT:   %r = snn.linear %d, %w : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %y = snn.neuron as "n" (%x0 = %x : tensor<2xf32>, %x1 = %r : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.addf %x0, %x1 : f32
// CHECK-NEXT:     %1 = arith.addf %v, %0 : f32
// CHECK-NEXT:     %z = snn.spike gt %1 : f32
// CHECK-NEXT:     snn.next (%z : i1) state (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }
