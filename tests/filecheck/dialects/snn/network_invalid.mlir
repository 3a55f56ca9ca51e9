// RUN: snncc-opt --split-input-file --verify-diagnostics %s | filecheck --match-full-lines %s

// snn.parameter, snn.use, snn.constant

"snn.parameter"() <{sym_name = "w", type = tensor<2xf32>, value = dense<0.5> : tensor<3xf32>}> : () -> ()

// CHECK: | Operation does not verify: expected a value of tensor<2xf32>, got tensor<3xf32>

// -----

snn.network @net () -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2xf32>
  snn.yield %w : tensor<2xf32>
}

// CHECK: | Operation does not verify: no snn.parameter is named "w"

// -----

// a symbol, but no parameter

snn.network @net () -> ("y" : tensor<2xf32>) {
  %w = snn.use @net : tensor<2xf32>
  snn.yield %w : tensor<2xf32>
}

// CHECK: | Operation does not verify: no snn.parameter is named "net"

// -----

snn.parameter @w : tensor<2xf32> = dense<0.5>
snn.network @net () -> ("y" : tensor<2xf64>) {
  %w = snn.use @w : tensor<2xf64>
  snn.yield %w : tensor<2xf64>
}

// CHECK: | Operation does not verify: parameter "w": expected tensor<2xf32>, got tensor<2xf64>

// -----

%y = "snn.constant"() <{value = dense<0.5> : tensor<2xf32>}> : () -> tensor<3xf32>

// CHECK: | Operation does not verify: expected a result of tensor<2xf32>, got tensor<3xf32>

// -----

// snn.delay

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.delay %x by 1 init %i : tensor<2xf32>, tensor<f32> -> tensor<3xf32>

// CHECK: | Operation does not verify: expected a result of tensor<2xf32>, got tensor<3xf32>

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<3xf32>)
%y = snn.delay %x by 1 init %i : tensor<2xf32>, tensor<3xf32> -> tensor<2xf32>

// CHECK: | Operation does not verify: init: expected a shape that broadcasts to 2, got 3

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<1x2xf32>)
%y = snn.delay %x by 1 init %i : tensor<2xf32>, tensor<1x2xf32> -> tensor<2xf32>

// CHECK: | Operation does not verify: init: expected a shape that broadcasts to 2, got 1x2

// -----

%x, %i = "test.op"() : () -> (tensor<2xi1>, tensor<f32>)
%y = snn.delay %x by 1 init %i : tensor<2xi1>, tensor<f32> -> tensor<2xi1>

// CHECK: | Operation does not verify: init: expected elements of i1, got f32

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.delay %x by dense<[1, 2, 3]> : tensor<3xi64> init %i : tensor<2xf32>, tensor<f32> -> tensor<2xf32>

// CHECK: | Operation does not verify: by: expected one number of steps for each element of tensor<2xf32>, got tensor<3xi64>

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.delay %x by 0 init %i : tensor<2xf32>, tensor<f32> -> tensor<2xf32>

// CHECK: | Operation does not verify: by: expected at least 1 step, got 0

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.delay %x by dense<[1, -1]> : tensor<2xi64> init %i : tensor<2xf32>, tensor<f32> -> tensor<2xf32>

// CHECK: | Operation does not verify: by: expected at least 0 steps, got -1

// -----

%x, %i = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.delay %x by dense<0> : tensor<2xi64> init %i : tensor<2xf32>, tensor<f32> -> tensor<2xf32>

// CHECK: | Operation does not verify: by: expected a delay of at least 1 step somewhere, got 0

// -----

// the interface of snn.network; the generic form, where the custom one keeps the parts alike

"snn.network"() <{sym_name = "net", function_type = (tensor<2xf32>) -> (), input_names = ["x"], output_names = []}> ({
^bb0(%x: tensor<3xf32>):
  "snn.yield"() : () -> ()
}) : () -> ()

// CHECK: | Operation does not verify: the body's arguments differ from the inputs' types

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.add %x : (tensor<2xf32>) -> tensor<2xf32>
  "test.termop"(%y) : (tensor<2xf32>) -> ()
}

// CHECK: | Operation does not verify: expected snn.yield at the end of the network

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>, "z" : tensor<2xi1>) {
  snn.yield %x : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.yield: expected (tensor<2xf32>, tensor<2xi1>), got (tensor<2xf32>)

// -----

"snn.network"() <{sym_name = "net", function_type = (tensor<2xf32>) -> (), input_names = ["x", "y"], output_names = []}> ({
^bb0(%x: tensor<2xf32>):
  "snn.yield"() : () -> ()
}) : () -> ()

// CHECK: | Operation does not verify: expected 1 input names, got 2

// -----

"snn.network"() <{sym_name = "net", function_type = (tensor<2xf32>) -> tensor<2xf32>, input_names = ["x"], output_names = []}> ({
^bb0(%x: tensor<2xf32>):
  "snn.yield"(%x) : (tensor<2xf32>) -> ()
}) : () -> ()

// CHECK: | Operation does not verify: expected 1 output names, got 0

// -----

snn.network @net ("a" %x : tensor<2xf32>, "b" %y : tensor<2xf32>, "a" %z : tensor<2xf32>) -> () {
  snn.yield :
}

// CHECK: | Operation does not verify: input names are not unique: a, b, a

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>, "y" : tensor<2xf32>) {
  snn.yield %x, %x : tensor<2xf32>, tensor<2xf32>
}

// CHECK: | Operation does not verify: output names are not unique: y, y

// -----

snn.network @net ("x" %x : tensor<2x?xf32>) -> () {
  snn.yield :
}

// CHECK: | Operation does not verify: expected a tensor of known sizes, got tensor<2x?xf32>

// -----

"snn.network"() <{sym_name = "net", function_type = (f32) -> (), input_names = ["x"], output_names = []}> ({
^bb0(%x: f32):
  "snn.yield"() : () -> ()
}) : () -> ()

// CHECK: | Operation does not verify: expected a tensor of known sizes, got f32

// -----

// what stands where

snn.yield :

// CHECK: | Operation does not verify: 'snn.yield' expects parent op 'snn.network'

// -----

%x = "test.op"() : () -> tensor<2xf32>
snn.network @net () -> ("y" : tensor<2xf32>) {
  snn.yield %x : tensor<2xf32>
}

// CHECK: | Operation does not verify: Operation using value defined out of its IsolatedFromAbove parent: YieldOp(snn.yield %x : tensor<2xf32>)

// -----

// the order of the text: only a delay may look ahead

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %a = snn.add %b as "early" : (tensor<2xf32>) -> tensor<2xf32>
  %b = snn.add %x as "late" : (tensor<2xf32>) -> tensor<2xf32>
  snn.yield %a : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.add "early" uses a value that is defined below it; only snn.delay may

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  snn.yield %x : tensor<2xf32>
  %b = snn.add %x : (tensor<2xf32>) -> tensor<2xf32>
}

// CHECK: | Operation does not verify: 'snn.yield' must be the last operation in its parent block

// -----

// a delay looks ahead for its stream, not for what it starts from

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.delay %x by 1 init %zero as "axon" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.delay "axon" uses a value that is defined below it; only snn.delay may

// -----

// a delay of 0 steps for some element does not look ahead

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.delay %a by dense<[0, 1]> : tensor<2xi64> init %zero as "axon" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %a = snn.add %x : (tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.delay "axon" uses a value that is defined below it; only snn.delay may

// -----

// loops within one step: of one operation,

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.add %x, %y as "self" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: instantaneous loop: snn.add "self" -> snn.add "self"; every cycle passes through a snn.delay of at least one step

// -----

// of several, named in the order of the data; the branch beside the loop is not named,

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %one = snn.constant dense<1.0> : tensor<f32>
  %a = snn.add %x, %c as "a" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %side = snn.scale %x, %one as "side" : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %b = snn.scale %a, %one : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %c = snn.add %side, %b as "c" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %c : tensor<2xf32>
}

// CHECK: | Operation does not verify: instantaneous loop: snn.add "a" -> snn.scale -> snn.add "c" -> snn.add "a"; every cycle passes through a snn.delay of at least one step

// -----

// through a delay that passes some element at once,

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %y by dense<[1, 0]> : tensor<2xi64> init %zero as "axon" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %y = snn.add %x, %d as "sum" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: instantaneous loop: snn.delay "axon" -> snn.add "sum" -> snn.delay "axon"; every cycle passes through a snn.delay of at least one step

// -----

// through a neuron and its neighbour

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %u = snn.add %x, %s as "in" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %s = snn.neuron as "li" (%i = %u : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %i : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %s : tensor<2xf32>
}

// CHECK: | Operation does not verify: instantaneous loop: snn.add "in" -> snn.neuron "li" -> snn.add "in"; every cycle passes through a snn.delay of at least one step

// -----

// a late definition on a cycle that passes through a delay is no loop

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.add %x, %d as "sum" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %d = snn.delay %y by 1 init %zero as "axon" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.add "sum" uses a value that is defined below it; only snn.delay may

// -----

// the start of a delay is defined above it, also where it is the stream

snn.network @net () -> ("y" : tensor<2xf32>) {
  %y = snn.delay %c by 1 init %c as "axon" : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %c = snn.constant dense<0.5> : tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: | Operation does not verify: snn.delay "axon" uses a value that is defined below it; only snn.delay may

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.delay %x by dense<[1.5, 2.0]> : tensor<2xf32> init %x : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>

// CHECK: | Operation does not verify: by: expected whole numbers, got tensor<2xf32>
