// RUN: snncc-opt --split-input-file --verify-diagnostics %s | filecheck --match-full-lines %s

// shapes

%x = "test.op"() : () -> tensor<2x0xf32>
%y = snn.neuron (%x = %x : tensor<2x0xf32>) -> (tensor<2x0xf32>) {
  snn.next (%x : f32)
}

// CHECK: | Operation does not verify: operand 0: expected sizes of at least 1, got tensor<2x0xf32>

// -----

%x = "test.op"() : () -> tensor<2xf32>
snn.neuron (%x = %x : tensor<2xf32>) -> () {
  snn.next ()
}

// CHECK: | Operation does not verify: expected at least one result

// -----

%x = "test.op"() : () -> tensor<1xf32>
%y, %z = snn.neuron (%x = %x : tensor<1xf32>) -> (tensor<2xf32>, tensor<1xf32>) {
  snn.next (%x : f32, %x : f32)
}

// CHECK: | Operation does not verify: expected results of one shape

// -----

%x = "test.op"() : () -> tensor<3xf32>
%y = snn.neuron (%x = %x : tensor<3xf32>) -> (tensor<2xf32>) {
  snn.next (%x : f32)
}

// CHECK: | Operation does not verify: input "x": expected a shape that broadcasts to 2, got 3

// -----

%x, %v = "test.op"() : () -> (tensor<2xf32>, tensor<2x1xf32>)
%y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %v : tensor<2x1xf32>) -> (tensor<2xf32>) {
  snn.next (%x : f32) state (%v : f32)
}

// CHECK: | Operation does not verify: state "v": expected a shape that broadcasts to 2, got 2x1

// -----

%x, %p = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.neuron (%x = %x : tensor<2x3xf32>) params (%p = %p : tensor<2xf32>) -> (tensor<2x3xf32>) {
  snn.next (%p : f32)
}

// CHECK: | Operation does not verify: parameter "p": expected a shape that broadcasts to 2x3, got 2

// -----

// names of ports

%x = "test.op"() : () -> tensor<2xf32>
%y = "snn.neuron"(%x) <{input_names = [], state_names = [], parameter_names = [], operandSegmentSizes = array<i32: 1, 0, 0>}> ({
^bb0(%a: f32):
  "snn.next"(%a) <{operandSegmentSizes = array<i32: 1, 0>}> : (f32) -> ()
}) : (tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: expected 1 input names, got 0

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = "snn.neuron"(%x) <{input_names = ["x"], state_names = ["v"], parameter_names = [], operandSegmentSizes = array<i32: 1, 0, 0>}> ({
^bb0(%a: f32):
  "snn.next"(%a) <{operandSegmentSizes = array<i32: 1, 0>}> : (f32) -> ()
}) : (tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: expected 0 state names, got 1

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = "snn.neuron"(%x) <{input_names = [], state_names = [], parameter_names = ["p", "q"], operandSegmentSizes = array<i32: 0, 0, 1>}> ({
^bb0(%a: f32):
  "snn.next"(%a) <{operandSegmentSizes = array<i32: 1, 0>}> : (f32) -> ()
}) : (tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: expected 1 parameter names, got 2

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%0 = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  snn.next (%0 : f32)
}

// CHECK: | Operation does not verify: input "0": expected letters, digits and _, not a digit first

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron () params (%tau.mem = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  snn.next (%tau.mem : f32)
}

// CHECK: | Operation does not verify: parameter "tau.mem": expected letters, digits and _, not a digit first

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = "snn.neuron"(%x, %x, %x) <{input_names = ["x"], state_names = ["v"], parameter_names = ["x"], operandSegmentSizes = array<i32: 1, 1, 1>}> ({
^bb0(%a: f32, %b: f32, %c: f32):
  "snn.next"(%a, %b) <{operandSegmentSizes = array<i32: 1, 1>}> : (f32, f32) -> ()
}) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: names are not unique: x, v, x

// -----

// the body's arguments and end

%x = "test.op"() : () -> tensor<2xf32>
%y = "snn.neuron"(%x, %x) <{input_names = ["x"], state_names = ["v"], parameter_names = [], operandSegmentSizes = array<i32: 1, 1, 0>}> ({
^bb0(%a: f32, %b: f64):
  "snn.next"(%a, %b) <{operandSegmentSizes = array<i32: 1, 1>}> : (f32, f64) -> ()
}) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: body: expected arguments (f32, f32), got (f32, f64)

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.negf %x : f32
  "test.termop"(%0) : (f32) -> ()
}

// CHECK: | Operation does not verify: body: expected snn.next at its end

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>) {
  snn.next (%x : f32)
}

// CHECK: | Operation does not verify: snn.next: expected outputs (i1), got (f32)

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  snn.next (%x : f32, %x : f32)
}

// CHECK: | Operation does not verify: snn.next: expected outputs (f32), got (f32, f32)

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  snn.next (%x : f32)
}

// CHECK: | Operation does not verify: snn.next: expected states (f32), got ()

// -----

%x, %n = "test.op"() : () -> (tensor<2xf32>, tensor<i8>)
%y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>, %n = %n : tensor<i8>) -> (tensor<2xf32>) {
  snn.next (%x : f32) state (%n : i8, %v : f32)
}

// CHECK: | Operation does not verify: snn.next: expected states (f32, i8), got (i8, f32)

// -----

// what stands where; a body sees its ports only

%x = "test.op"() : () -> f32
snn.next (%x : f32)

// CHECK: | Operation does not verify: 'snn.next' expects parent op 'snn.neuron'

// -----

%x, %outer = "test.op"() : () -> (tensor<2xf32>, f32)
%y = "snn.neuron"(%x) <{input_names = ["x"], state_names = [], parameter_names = [], operandSegmentSizes = array<i32: 1, 0, 0>}> ({
^bb0(%a: f32):
  "snn.next"(%outer) <{operandSegmentSizes = array<i32: 1, 0>}> : (f32) -> ()
}) : (tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: Operation using value defined out of its IsolatedFromAbove parent: NextOp(snn.next (%outer : f32))

// -----

// the kind says what the body is

%x, %zero = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.neuron as "out" kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
  %0 = arith.addf %v, %x : f32
  snn.next (%0 : f32) state (%0 : f32)
}

// CHECK: | Operation does not verify: kind: the body is "i", the hint says "lif"; a rewrite of the body drops the hint

// -----

%x, %zero = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.neuron kind "integrator" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
  %0 = arith.mulf %v, %v : f32
  snn.next (%0 : f32) state (%0 : f32)
}

// CHECK: | Operation does not verify: kind: the body is "custom", the hint says "integrator"; a rewrite of the body drops the hint

// -----

// snn.count, snn.detach

%q = "test.op"() : () -> f32
%n = snn.count %q max 0 : f32 -> i8

// CHECK: | Operation does not verify: max: expected 1 to 255 for i8, got 0

// -----

%q = "test.op"() : () -> f32
%n = snn.count %q max 256 : f32 -> i8

// CHECK: | Operation does not verify: max: expected 1 to 255 for i8, got 256

// -----

%q = "test.op"() : () -> f32
%n = snn.count %q max 2 : f32 -> i1

// CHECK: | Operation does not verify: max: expected 1 to 1 for i1, got 2

// -----

%q = "test.op"() : () -> f32
%n = "snn.detach"(%q) : (f32) -> f64

// CHECK:      | Operation does not verify: result 'result' at position 0 does not verify:
// CHECK-NEXT: | attribute f32 expected from variable 'T', but got f64

// -----

// bodies are scalar arithmetic in order

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %a = arith.addf %x, %b : f32
  %b = arith.addf %x, %x : f32
  snn.next (%a : f32)
}

// CHECK: | Operation does not verify: body: arith.addf uses a value that is defined below it

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  "test.op"(%x) : (f32) -> ()
  snn.next (%x : f32)
}

// CHECK: | Operation does not verify: body: expected scalar arithmetic, got test.op

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron kind "custom" (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.mulf %v, %v : f32
  snn.next (%0 : f32) state (%0 : f32)
}

// CHECK: | Operation does not verify: kind: "custom" is no hint; leave it out
