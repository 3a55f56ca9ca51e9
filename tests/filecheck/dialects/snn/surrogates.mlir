// RUN: snncc-opt --split-input-file %s | snncc-opt --split-input-file | filecheck --match-full-lines %s
// RUN: snncc-opt --split-input-file --print-op-generic %s | snncc-opt --split-input-file | filecheck --match-full-lines %s
// RUN: snncc-opt --split-input-file -p canonicalize,cse,dce,snn-fuse-elementwise,canonicalize,cse,dce %s | filecheck --match-full-lines %s

// a surrogate of the model's own; counts and thresholds name it as spikes do

snn.surrogate @SuperSpike (%u : f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %0 = math.absf %u : f32
  %1 = arith.addf %0, %one : f32
  %2 = arith.mulf %1, %1 : f32
  %3 = arith.divf %one, %2 : f32
  snn.derivative %3 : f32
}
snn.network @named ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi16>) {
  %y, %n = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi16>) {
    %z = snn.spike gt %x surrogate <@SuperSpike> : f32
    %n = snn.count %x max 3 surrogate <@SuperSpike> : f32 -> i16
    snn.next (%z : i1, %n : i16)
  }
  snn.yield %y, %n : tensor<2xi1>, tensor<2xi16>
}

// CHECK:      snn.surrogate @SuperSpike (%u : f32) -> f32 {
// CHECK-NEXT:   %one = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:   %0 = math.absf %u : f32
// CHECK-NEXT:   %1 = arith.addf %0, %one : f32
// CHECK-NEXT:   %2 = arith.mulf %1, %1 : f32
// CHECK-NEXT:   %3 = arith.divf %one, %2 : f32
// CHECK-NEXT:   snn.derivative %3 : f32
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @named ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi16>) {
// CHECK-NEXT:   %y, %n = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi16>) {
// CHECK-NEXT:     %z = snn.spike gt %x surrogate <@SuperSpike> : f32
// CHECK-NEXT:     %n = snn.count %x max 3 surrogate <@SuperSpike> : f32 -> i16
// CHECK-NEXT:     snn.next (%z : i1, %n : i16)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y, %n : tensor<2xi1>, tensor<2xi16>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// several arguments, derivatives by the first of them; what only surrogates read stays

snn.surrogate @both (%v : f32, %theta : f32, %width : f32) -> (f32, f32) attributes {origin = "test"} {
  %0 = arith.subf %v, %theta : f32
  %1 = arith.divf %0, %width : f32
  %2 = math.exp %1 : f32
  %3 = arith.negf %2 : f32
  snn.derivative %2, %3 {origin = "test"} : f32, f32
}
snn.surrogate @unused (%u : f64) -> f64 {
  snn.derivative %u : f64
}
snn.network @of ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi16>) {
  %w = snn.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %y, %n = snn.neuron (%x = %x : tensor<2xf32>) params (%w = %w : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi16>) {
    %theta = arith.constant 0.75 : f32
    %u = arith.subf %x, %theta : f32
    %soft = math.tanh %u : f32
    %0 = snn.spike gt %u surrogate <"straight_through"> of %soft : f32
    %1 = snn.spike ge %u surrogate <@both> of %x, %theta, %w {origin = "test"} : f32
    %2 = arith.andi %0, %1 : i1
    %3 = snn.count %x max 7 surrogate <"sinabs.gaussian", mu = 0.0 : f64> of %x, %theta {origin = "test"} : f32 -> i16
    snn.next (%2 : i1, %3 : i16)
  }
  snn.yield %y, %n : tensor<2xi1>, tensor<2xi16>
}

// CHECK:      snn.surrogate @both (%v : f32, %theta : f32, %width : f32) -> (f32, f32) attributes {origin = "test"} {
// CHECK-NEXT:   %0 = arith.subf %v, %theta : f32
// CHECK-NEXT:   %1 = arith.divf %0, %width : f32
// CHECK-NEXT:   %2 = math.exp %1 : f32
// CHECK-NEXT:   %3 = arith.negf %2 : f32
// CHECK-NEXT:   snn.derivative %2, %3 {origin = "test"} : f32, f32
// CHECK-NEXT: }
// CHECK-NEXT: snn.surrogate @unused (%u : f64) -> f64 {
// CHECK-NEXT:   snn.derivative %u : f64
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @of ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi16>) {
// CHECK-NEXT:   %w = snn.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK-NEXT:   %y, %n = snn.neuron (%x = %x : tensor<2xf32>) params (%w = %w : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi16>) {
// CHECK-NEXT:     %theta = arith.constant 7.500000e-01 : f32
// CHECK-NEXT:     %u = arith.subf %x, %theta : f32
// CHECK-NEXT:     %soft = math.tanh %u : f32
// CHECK-NEXT:     %0 = snn.spike gt %u surrogate <"straight_through"> of %soft : f32
// CHECK-NEXT:     %1 = snn.spike ge %u surrogate <@both> of %x, %theta, %w {origin = "test"} : f32
// CHECK-NEXT:     %2 = arith.andi %0, %1 : i1
// CHECK-NEXT:     %3 = snn.count %x max 7 surrogate <"sinabs.gaussian", mu = 0.000000e+00 : f64> of %x, %theta {origin = "test"} : f32 -> i16
// CHECK-NEXT:     snn.next (%2 : i1, %3 : i16)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y, %n : tensor<2xi1>, tensor<2xi16>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// of integers: a function of floats; a value whose gradient is that of another

snn.network @integers ("x" %x : tensor<2xi16>) -> ("y" : tensor<2xi1>, "n" : tensor<2xi8>) {
  %w = snn.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %y, %n = snn.neuron (%x = %x : tensor<2xi16>) params (%unit = %w : tensor<2xf32>) -> (tensor<2xi1>, tensor<2xi8>) {
    %f = arith.sitofp %x : i16 to f32
    %u = arith.mulf %f, %unit : f32
    %z = snn.spike ge %x surrogate <"atan", a = 2.0 : f64> of %u : i16, f32
    %r = math.roundeven %u : f32
    %i = arith.fptosi %r : f32 to i8
    %q = snn.straight_through %i of %u : i8, f32
    snn.next (%z : i1, %q : i8)
  }
  snn.yield %y, %n : tensor<2xi1>, tensor<2xi8>
}

// CHECK:          %z = snn.spike ge %x surrogate <"atan", a = 2.000000e+00 : f64> of %u : i16, f32
// CHECK-NEXT:     %r = math.roundeven %u : f32
// CHECK-NEXT:     %i = arith.fptosi %r : f32 to i8
// CHECK-NEXT:     %q = snn.straight_through %i of %u : i8, f32
// CHECK-NEXT:     snn.next (%z : i1, %q : i8)
