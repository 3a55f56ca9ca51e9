// RUN: snncc-opt --split-input-file -p canonicalize %s | filecheck --match-full-lines %s

// reshapes: to the same shape, of a reshape, back to the first shape

snn.network @reshapes ("x" %x : tensor<2x3xf32>) -> ("a" : tensor<2x3xf32>, "b" : tensor<6xf32>, "c" : tensor<2x3xf32>, "d" : tensor<3x2xf32>, "e" : tensor<1x6xf32>) {
  %a = snn.reshape %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %b0 = snn.reshape %x as "inner" : tensor<2x3xf32> -> tensor<3x2xf32>
  %b1 = snn.reshape %b0 : tensor<3x2xf32> -> tensor<1x6xf32>
  %b = snn.reshape %b1 as "flatten" : tensor<1x6xf32> -> tensor<6xf32>
  %c0 = snn.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  %c = snn.reshape %c0 : tensor<6xf32> -> tensor<2x3xf32>
  %d = snn.reshape %x as "used" : tensor<2x3xf32> -> tensor<3x2xf32>
  %e = snn.reshape %d : tensor<3x2xf32> -> tensor<1x6xf32>
  snn.yield %a, %b, %c, %d, %e : tensor<2x3xf32>, tensor<6xf32>, tensor<2x3xf32>, tensor<3x2xf32>, tensor<1x6xf32>
}

// CHECK:      snn.network @reshapes ("x" %x : tensor<2x3xf32>) -> ("a" : tensor<2x3xf32>, "b" : tensor<6xf32>, "c" : tensor<2x3xf32>, "d" : tensor<3x2xf32>, "e" : tensor<1x6xf32>) {
// CHECK-NEXT:   %b = snn.reshape %x as "flatten" : tensor<2x3xf32> -> tensor<6xf32>
// CHECK-NEXT:   %d = snn.reshape %x as "used" : tensor<2x3xf32> -> tensor<3x2xf32>
// CHECK-NEXT:   %e = snn.reshape %x : tensor<2x3xf32> -> tensor<1x6xf32>
// CHECK-NEXT:   snn.yield %x, %b, %x, %d, %e : tensor<2x3xf32>, tensor<6xf32>, tensor<2x3xf32>, tensor<3x2xf32>, tensor<1x6xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// rearrangements: in order, under another shape, of a reshape, of each other

snn.network @places ("x" %x : tensor<2x3xf32>) -> ("a" : tensor<2x3xf32>, "b" : tensor<6xf32>, "c" : tensor<3x2xf32>, "d" : tensor<2xf32>, "e" : tensor<2x3xf32>, "f" : tensor<5xf32>, "g" : tensor<6xf32>) {
  %a = snn.rearrange %x places <0 (2 by 3) (3 by 1)> : tensor<2x3xf32> -> tensor<2x3xf32>
  %b = snn.rearrange %x places <0 (6 by 1)> as "flatten" : tensor<2x3xf32> -> tensor<6xf32>
  %c0 = snn.reshape %x : tensor<2x3xf32> -> tensor<6x1xf32>
  %c = snn.rearrange %c0 places <0 (3 by 1) (2 by 3)> as "transpose" : tensor<6x1xf32> -> tensor<3x2xf32>
  %d = snn.rearrange %x places <0, 1> : tensor<2x3xf32> -> tensor<2xf32>
  %e0 = snn.rearrange %x places <5 (6 by -1)> : tensor<2x3xf32> -> tensor<3x2xf32>
  %e = snn.rearrange %e0 places <5 (6 by -1)> : tensor<3x2xf32> -> tensor<2x3xf32>
  %f0 = snn.rearrange %x places <-1, 4, 2> as "inner" : tensor<2x3xf32> -> tensor<3xf32>
  %f = snn.rearrange %f0 places <2, -1, 1, 0, 1> as "outer" : tensor<3xf32> -> tensor<5xf32>
  %g0 = snn.rearrange %x places <0 (3 by 1) (2 by 3)> as "turned" : tensor<2x3xf32> -> tensor<3x2xf32>
  %g = snn.reshape %g0 : tensor<3x2xf32> -> tensor<6xf32>
  snn.yield %a, %b, %c, %d, %e, %f, %g : tensor<2x3xf32>, tensor<6xf32>, tensor<3x2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<5xf32>, tensor<6xf32>
}

// CHECK:      snn.network @places ("x" %x : tensor<2x3xf32>) -> ("a" : tensor<2x3xf32>, "b" : tensor<6xf32>, "c" : tensor<3x2xf32>, "d" : tensor<2xf32>, "e" : tensor<2x3xf32>, "f" : tensor<5xf32>, "g" : tensor<6xf32>) {
// CHECK-NEXT:   %b = snn.reshape %x as "flatten" : tensor<2x3xf32> -> tensor<6xf32>
// CHECK-NEXT:   %c = snn.rearrange %x places <0 (3 by 1) (2 by 3)> as "transpose" : tensor<2x3xf32> -> tensor<3x2xf32>
// CHECK-NEXT:   %d = snn.rearrange %x places <0, 1> : tensor<2x3xf32> -> tensor<2xf32>
// CHECK-NEXT:   %f = snn.rearrange %x places <2, -1, 4, -1, 4> as "outer" : tensor<2x3xf32> -> tensor<5xf32>
// CHECK-NEXT:   %g = snn.rearrange %x places <0 (3 by 1) (2 by 3)> as "turned" : tensor<2x3xf32> -> tensor<6xf32>
// CHECK-NEXT:   snn.yield %x, %b, %c, %d, %x, %f, %g : tensor<2x3xf32>, tensor<6xf32>, tensor<3x2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<5xf32>, tensor<6xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// of constants: a constant, where its text stays short; parameters are no constants

snn.parameter @w : tensor<2xf32> = dense<[1.0, 2.0]>
snn.network @fixed () -> ("a" : tensor<3xf32>, "b" : tensor<2x2xi1>, "c" : tensor<300xf32>, "d" : tensor<300xi16>, "e" : tensor<2xf32>) {
  %a0 = snn.constant dense<[[1.0, -0.0, 2.0]]> : tensor<1x3xf32>
  %a = snn.rearrange %a0 places <1, -1, 2> : tensor<1x3xf32> -> tensor<3xf32>
  %b0 = snn.constant dense<true> : tensor<2xi1>
  %b = snn.rearrange %b0 places <1 (4 by 0)> : tensor<2xi1> -> tensor<2x2xi1>
  %c = snn.rearrange %a0 places <0 (100 by 0) (3 by 1)> : tensor<1x3xf32> -> tensor<300xf32>
  %d0 = snn.constant dense<7> : tensor<2xi16>
  %d = snn.rearrange %d0 places <0 (300 by 0)> : tensor<2xi16> -> tensor<300xi16>
  %w = snn.use @w : tensor<2xf32>
  %e = snn.rearrange %w places <1, 0> : tensor<2xf32> -> tensor<2xf32>
  snn.yield %a, %b, %c, %d, %e : tensor<3xf32>, tensor<2x2xi1>, tensor<300xf32>, tensor<300xi16>, tensor<2xf32>
}

// CHECK:      snn.network @fixed () -> ("a" : tensor<3xf32>, "b" : tensor<2x2xi1>, "c" : tensor<300xf32>, "d" : tensor<300xi16>, "e" : tensor<2xf32>) {
// CHECK-NEXT:   %a0 = snn.constant dense<[[1.000000e+00, -0.000000e+00, 2.000000e+00]]> : tensor<1x3xf32>
// CHECK-NEXT:   %a = snn.constant dense<"0x000000800000000000000040"> : tensor<3xf32>
// CHECK-NEXT:   %b = snn.constant dense<true> : tensor<2x2xi1>
// CHECK-NEXT:   %c = snn.rearrange %a0 places <0 (100 by 0) (3 by 1)> : tensor<1x3xf32> -> tensor<300xf32>
// CHECK-NEXT:   %d = snn.constant dense<7> : tensor<300xi16>
// CHECK-NEXT:   %w = snn.use @w : tensor<2xf32>
// CHECK-NEXT:   %e = snn.rearrange %w places <1, 0> : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %a, %b, %c, %d, %e : tensor<3xf32>, tensor<2x2xi1>, tensor<300xf32>, tensor<300xi16>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// operations that return their operand

snn.network @of_one ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
  %a = snn.add %x as "sum" : (tensor<2xf32>) -> tensor<2xf32>
  %b = snn.concat %x axis 0 as "cat" : (tensor<2xf32>) -> tensor<2xf32>
  snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @of_one ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
// CHECK-NEXT:   snn.yield %x, %x : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// and those that do not: the sum makes floats of spikes; -0.0 + 0.0 is 0.0

snn.network @of_several ("s" %s : tensor<2xi1>, "x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<4xf32>) {
  %zero = snn.constant dense<0.0> : tensor<2xf32>
  %a = snn.add %s : (tensor<2xi1>) -> tensor<2xf32>
  %b = snn.add %x, %zero : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %c = snn.concat %x, %x axis 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  snn.yield %a, %b, %c : tensor<2xf32>, tensor<2xf32>, tensor<4xf32>
}

// CHECK:      snn.network @of_several ("s" %s : tensor<2xi1>, "x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<4xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   %a = snn.add %s : (tensor<2xi1>) -> tensor<2xf32>
// CHECK-NEXT:   %b = snn.add %x, %zero : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %c = snn.concat %x, %x axis 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
// CHECK-NEXT:   snn.yield %a, %b, %c : tensor<2xf32>, tensor<2xf32>, tensor<4xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a factor of exactly one everywhere

snn.network @scale ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
  %one = snn.constant dense<1.0> : tensor<f32>
  %ones = snn.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %a = snn.scale %x, %one as "gain" : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %b = snn.scale %a, %ones : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @scale ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
// CHECK-NEXT:   snn.yield %x, %x : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// kept: not one everywhere, spikes that become floats, a parameter that may be trained,
// parameters whose content was not loaded

snn.parameter @p : tensor<f32> = dense<1.0>
snn.parameter @q : tensor<f32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">
snn.network @scale ("x" %x : tensor<2xf32>, "s" %s : tensor<2xi1>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2xf32>, "d" : tensor<2xf32>) {
  %almost = snn.constant dense<[1.0, 0.99999994]> : tensor<2xf32>
  %one = snn.constant dense<1.0> : tensor<f32>
  %p = snn.use @p : tensor<f32>
  %q = snn.use @q : tensor<f32>
  %a = snn.scale %x, %almost : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %b = snn.scale %s, %one : (tensor<2xi1>, tensor<f32>) -> tensor<2xf32>
  %c = snn.scale %x, %p : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %d = snn.scale %x, %q : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  snn.yield %a, %b, %c, %d : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.parameter @p : tensor<f32> = dense<1.000000e+00>
// CHECK-NEXT: snn.parameter @q : tensor<f32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">
// CHECK-NEXT: snn.network @scale ("x" %x : tensor<2xf32>, "s" %s : tensor<2xi1>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>, "c" : tensor<2xf32>, "d" : tensor<2xf32>) {
// CHECK-NEXT:   %almost = snn.constant dense<[1.000000e+00, 0.99999994]> : tensor<2xf32>
// CHECK-NEXT:   %one = snn.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT:   %p = snn.use @p : tensor<f32>
// CHECK-NEXT:   %q = snn.use @q : tensor<f32>
// CHECK-NEXT:   %a = snn.scale %x, %almost : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %b = snn.scale %s, %one : (tensor<2xi1>, tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:   %c = snn.scale %x, %p : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:   %d = snn.scale %x, %q : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %a, %b, %c, %d : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// the maximum of one element; a stride does not matter on an axis of one element

snn.network @pools ("x" %x : tensor<2x3x3xf32>, "s" %s : tensor<4x1x1xi1>) -> ("a" : tensor<2x3x3xf32>, "b" : tensor<4x1x1xi1>) {
  %a = snn.pool2d max %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] as "pool" : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %b = snn.pool2d max %s kernel [1, 1] stride [2, 3] padding [0, 0, 0, 0] : (tensor<4x1x1xi1>) -> tensor<4x1x1xi1>
  snn.yield %a, %b : tensor<2x3x3xf32>, tensor<4x1x1xi1>
}

// CHECK:      snn.network @pools ("x" %x : tensor<2x3x3xf32>, "s" %s : tensor<4x1x1xi1>) -> ("a" : tensor<2x3x3xf32>, "b" : tensor<4x1x1xi1>) {
// CHECK-NEXT:   snn.yield %x, %s : tensor<2x3x3xf32>, tensor<4x1x1xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// kept: a sum starts at +0 and so has no -0.0; other windows; a stride that drops elements

snn.network @pools ("x" %x : tensor<2x3x3xf32>) -> ("a" : tensor<2x3x3xf32>, "b" : tensor<2x3x3xf32>, "c" : tensor<2x2x2xf32>, "d" : tensor<2x3x3xf32>) {
  %a = snn.pool2d sum %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %b = snn.pool2d avg %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %c = snn.pool2d max %x kernel [1, 1] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x2x2xf32>
  %d = snn.pool2d max %x kernel [3, 1] stride [1, 1] padding [1, 1, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  snn.yield %a, %b, %c, %d : tensor<2x3x3xf32>, tensor<2x3x3xf32>, tensor<2x2x2xf32>, tensor<2x3x3xf32>
}

// CHECK:      snn.network @pools ("x" %x : tensor<2x3x3xf32>) -> ("a" : tensor<2x3x3xf32>, "b" : tensor<2x3x3xf32>, "c" : tensor<2x2x2xf32>, "d" : tensor<2x3x3xf32>) {
// CHECK-NEXT:   %a = snn.pool2d sum %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
// CHECK-NEXT:   %b = snn.pool2d avg %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
// CHECK-NEXT:   %c = snn.pool2d max %x kernel [1, 1] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x2x2xf32>
// CHECK-NEXT:   %d = snn.pool2d max %x kernel [3, 1] stride [1, 1] padding [1, 1, 0, 0] : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
// CHECK-NEXT:   snn.yield %a, %b, %c, %d : tensor<2x3x3xf32>, tensor<2x3x3xf32>, tensor<2x2x2xf32>, tensor<2x3x3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// delays are kept, those of a constant that starts from itself too: users may set their lines

snn.network @delays () -> ("a" : tensor<2xf32>) {
  %half = snn.constant dense<0.5> : tensor<2xf32>
  %a = snn.delay %half by 3 init %half as "axon" : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  snn.yield %a : tensor<2xf32>
}

// CHECK:      snn.network @delays () -> ("a" : tensor<2xf32>) {
// CHECK-NEXT:   %half = snn.constant dense<5.000000e-01> : tensor<2xf32>
// CHECK-NEXT:   %a = snn.delay %half by 3 : i64 init %half as "axon" : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %a : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a neuron without its unused input, state, parameter and result: what is left has a name

snn.network @trim ("x" %x : tensor<2xf32>, "u" %u : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %one = snn.constant dense<1.0> : tensor<f32>
  %z, %membrane = snn.neuron as "lif1" (%unused = %u : tensor<2xf32>, %x = %x : tensor<2xf32>) state (%trace = %zero : tensor<f32>, %v = %zero : tensor<f32>) params (%never = %one : tensor<f32>, %beta = %one : tensor<f32>, %theta = %one : tensor<f32>) -> (tensor<2xi1>, tensor<2xf32>) attributes {origin = "test"} {
    %0 = arith.mulf %beta, %v : f32
    %u = arith.addf %0, %x : f32
    %1 = arith.subf %u, %theta : f32
    %z = snn.spike gt %1 : f32
    %2 = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %2, %theta : f32
    %4 = arith.subf %u, %3 : f32
    %5 = arith.addf %trace, %2 : f32
    snn.next (%z : i1, %u : f32) state (%5 : f32, %4 : f32)
  }
  snn.yield %z : tensor<2xi1>
}

// CHECK:      snn.network @trim ("x" %x : tensor<2xf32>, "u" %u : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %one = snn.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT:   %z = snn.neuron as "lif1" kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %one : tensor<f32>, %theta = %one : tensor<f32>) -> (tensor<2xi1>) attributes {origin = "test"} {
// CHECK-NEXT:     %0 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %u = arith.addf %0, %x : f32
// CHECK-NEXT:     %1 = arith.subf %u, %theta : f32
// CHECK-NEXT:     %z = snn.spike gt %1 : f32
// CHECK-NEXT:     %2 = arith.uitofp %z : i1 to f32
// CHECK-NEXT:     %3 = arith.mulf %2, %theta : f32
// CHECK-NEXT:     %4 = arith.subf %u, %3 : f32
// CHECK-NEXT:     snn.next (%z : i1) state (%4 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %z : tensor<2xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// the hint changes with the first result: the membrane alone is an integrator

snn.network @trim ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %z, %u = snn.neuron kind "if" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %zero : tensor<f32>) -> (tensor<2xi1>, tensor<2xf32>) {
    %u = arith.addf %v, %x : f32
    %0 = arith.subf %u, %theta : f32
    %z = snn.spike gt %0 : f32
    snn.next (%z : i1, %u : f32) state (%u : f32)
  }
  snn.yield %u : tensor<2xf32>
}

// CHECK:      snn.network @trim ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %u = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %u = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%u : f32) state (%u : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %u : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// and goes where what is left has no name

snn.network @trim ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %z, %u = snn.neuron kind "if" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %zero : tensor<f32>) -> (tensor<2xi1>, tensor<2xf32>) {
    %u = arith.addf %v, %x : f32
    %0 = arith.subf %u, %theta : f32
    %z = snn.spike gt %0 : f32
    %2 = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %2, %theta : f32
    %4 = arith.subf %u, %3 : f32
    snn.next (%z : i1, %u : f32) state (%4 : f32)
  }
  snn.yield %u : tensor<2xf32>
}

// CHECK:      snn.network @trim ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %u = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %u = arith.addf %v, %x : f32
// CHECK-NEXT:     %0 = arith.subf %u, %theta : f32
// CHECK-NEXT:     %z = snn.spike gt %0 : f32
// CHECK-NEXT:     %1 = arith.uitofp %z : i1 to f32
// CHECK-NEXT:     %2 = arith.mulf %1, %theta : f32
// CHECK-NEXT:     %3 = arith.subf %u, %2 : f32
// CHECK-NEXT:     snn.next (%u : f32) state (%3 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %u : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// states that feed only each other are dead; a state that feeds a live one is not

snn.network @states ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.neuron (%x = %x : tensor<2xf32>) state (%ping = %zero : tensor<f32>, %v = %zero : tensor<f32>, %i = %zero : tensor<f32>, %pong = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %ping, %x : f32
    %1 = arith.mulf %i, %x : f32
    %2 = arith.addf %v, %i : f32
    snn.next (%v : f32) state (%pong : f32, %2 : f32, %1 : f32, %0 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @states ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>, %i = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %i, %x : f32
// CHECK-NEXT:     %1 = arith.addf %v, %i : f32
// CHECK-NEXT:     snn.next (%v : f32) state (%1 : f32, %0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// nothing to drop: the neuron stays as it is, hint or not

snn.network @whole ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %a = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %b = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @whole ("x" %x : tensor<2xf32>) -> ("a" : tensor<2xf32>, "b" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %a = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %b = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %a, %b : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a result that only a dead cycle reads is dropped with the cycle

snn.network @dead_cycle ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %e by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %y, %more = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %0 = arith.negf %x : f32
    %1 = arith.mulf %x, %x : f32
    snn.next (%0 : f32, %1 : f32)
  }
  %e = snn.add %d, %more : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @dead_cycle ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y = snn.neuron kind "map" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.negf %x : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// within bodies: constants are folded, what only looks neutral is not

snn.network @bodies ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.neuron kind "map" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
    %a = arith.constant 0.1 : f32
    %b = arith.constant 0.2 : f32
    %sum = arith.addf %a, %b : f32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %0 = arith.mulf %x, %sum : f32
    %1 = arith.addf %0, %zero : f32
    %2 = arith.mulf %1, %one : f32
    %3 = arith.mulf %2, %zero : f32
    snn.next (%3 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @bodies ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y = snn.neuron kind "map" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %sum = arith.constant 3.000000e-01 : f32
// CHECK-NEXT:     %zero = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %one = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %0 = arith.mulf %x, %sum : f32
// CHECK-NEXT:     %1 = arith.addf %0, %zero : f32
// CHECK-NEXT:     %2 = arith.mulf %1, %one : f32
// CHECK-NEXT:     %3 = arith.mulf %2, %zero : f32
// CHECK-NEXT:     snn.next (%3 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// the hint follows the body: this decay is 1 after rounding, so nothing leaks

snn.network @hint ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.neuron kind "li" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %one = arith.constant 1.0 : f32
    %small = arith.constant 1.0e-9 : f32
    %decay = arith.addf %one, %small : f32
    %0 = arith.mulf %decay, %v : f32
    %1 = arith.addf %0, %x : f32
    snn.next (%1 : f32) state (%1 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @hint ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %y = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %decay = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %0 = arith.mulf %decay, %v : f32
// CHECK-NEXT:     %1 = arith.addf %0, %x : f32
// CHECK-NEXT:     snn.next (%1 : f32) state (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// live cycles stay, dead streams and dead cycles go, parameters stay

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.parameter @unused : tensor<2x2xf32> = dense<0.5>
snn.network @cycles ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %y by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d1 = snn.delay %d2 by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %d2 = snn.delay %dead by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %w = snn.use @w : tensor<2x2xf32>
  %v = snn.use @unused : tensor<2x2xf32>
  %r = snn.linear %d, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.add %x, %r : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %dead = snn.linear %d1, %v : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %stream = snn.neuron (%x = %y : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.parameter @unused : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @cycles ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d = snn.delay %y by 1 : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %w = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %r = snn.linear %d, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %y = snn.add %x, %r : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }
