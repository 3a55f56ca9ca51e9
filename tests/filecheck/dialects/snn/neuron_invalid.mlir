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
%n = snn.count %q max 1 : f32 -> i1

// CHECK: | Operation does not verify: result: expected one of i8, i16, i32, got i1

// -----

%q = "test.op"() : () -> f32
%n = snn.count %q max 300 : f32 -> i12

// CHECK: | Operation does not verify: result: expected one of i8, i16, i32, got i12

// -----

// 2^32 - 1 is rounded to 2^32, which does not fit

%q = "test.op"() : () -> f32
%n = snn.count %q max 4294967295 : f32 -> i32

// CHECK: | Operation does not verify: max: 4294967295 is no number of f32

// -----

%q = "test.op"() : () -> i32
%n = snn.count %q max 1 : i32 -> i8

// CHECK: | Operation does not verify: argument: expected f32 or f64, got i32

// -----

%z = "test.op"() : () -> i1
%y = snn.spike gt %z : i1

// CHECK: | Operation does not verify: argument: expected a number, got a spike (i1)

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

// CHECK: | Operation does not verify: body: test.op is not an operation of bodies

// -----

// what the interpreter does not know is refused where it stands, and so are types without C

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.maxnumf %x, %x : f32
  snn.next (%0 : f32)
}

// CHECK: | Operation does not verify: body: arith.maxnumf is not an operation of bodies

// -----

%x = "test.op"() : () -> tensor<2xi16>
%y = snn.neuron (%x = %x : tensor<2xi16>) -> (tensor<2xi16>) {
  %0 = arith.trunci %x : i16 to i4
  %1 = arith.extui %0 : i4 to i16
  snn.next (%1 : i16)
}

// CHECK: | Operation does not verify: body: arith.trunci: expected one of f32, f64, i1, i8, i16, i32, i64, got i4

// -----

// arithmetic is for numbers: a spike is extended first; and what wraps is defined

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.neuron (%x = %x : tensor<2xi1>) -> (tensor<2xi1>) {
  %0 = arith.addi %x, %x : i1
  snn.next (%0 : i1)
}

// CHECK: | Operation does not verify: body: arith.addi: expected a number, got a spike (i1)

// -----

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.neuron (%x = %x : tensor<2xi1>) -> (tensor<2xi1>) {
  %0 = arith.cmpi slt, %x, %x : i1
  snn.next (%0 : i1)
}

// CHECK: | Operation does not verify: body: arith.cmpi: expected a number, got a spike (i1)

// -----

%x = "test.op"() : () -> tensor<2xi8>
%y = snn.neuron (%x = %x : tensor<2xi8>) -> (tensor<2xi8>) {
  %0 = arith.addi %x, %x overflow<nsw> : i8
  snn.next (%0 : i8)
}

// CHECK: | Operation does not verify: body: arith.addi: wraps; overflow flags would leave it undefined

// -----

// names that passes keep: one for each output and state

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>) -> (tensor<2xf32>) attributes {known_as = ["a"]} {
  snn.next (%x : f32) state (%v : f32)
}

// CHECK: | Operation does not verify: known_as: expected 2 different names, got ["a"]

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.delay %x by 1 init %x {known_as = 1 : i64} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>

// CHECK: | Operation does not verify: known_as: expected 1 different names, got 1 : i64

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron kind "custom" (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.mulf %v, %v : f32
  snn.next (%0 : f32) state (%0 : f32)
}

// CHECK: | Operation does not verify: kind: "custom" is no hint; leave it out
