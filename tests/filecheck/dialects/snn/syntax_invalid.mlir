// RUN: snncc-opt --split-input-file --parsing-diagnostics %s | filecheck --match-full-lines %s

// content: digests have 32 hexadecimal digits in lower case

snn.parameter @w : tensor<2xf32> = #snn.blob<"9f86d081">

// CHECK: expected a digest of 32 hexadecimal digits, got '9f86d081'

// -----

snn.parameter @w : tensor<2xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad01x">

// CHECK: expected a digest of 32 hexadecimal digits, got '9f86d081884c7d659a2feaa0c55ad01x'

// -----

snn.parameter @w : tensor<2xf32> = #snn.blob<"9F86D081884C7D659A2FEAA0C55AD015">

// CHECK: expected a digest of 32 hexadecimal digits, got '9F86D081884C7D659A2FEAA0C55AD015'

// -----

snn.parameter @w : f32 = dense<0.5>

// CHECK: expected a tensor type

// -----

snn.parameter @w : tensor<2xf32> = "0.5"

// CHECK: expected #snn.blob<...> or dense<...>

// -----

%c = snn.constant 0.5 : f32

// CHECK: expected dense<...> : tensor<...>

// -----

// places: runs of indices

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.rearrange %x places <> : tensor<2xi1> -> tensor<2xi1>

// CHECK: expected at least one index

// -----

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.rearrange %x places <0 (0 by 1)> : tensor<2xi1> -> tensor<2xi1>

// CHECK: expected a number of at least 1, got 0

// -----

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.rearrange %x places <0 (2 of 1)> : tensor<2xi1> -> tensor<2xi1>

// CHECK: Expected 'by'

// -----

// interfaces of networks

snn.network @net ("x" %x : f32) -> () {
  snn.yield :
}

// CHECK: expected a tensor type

// -----

snn.network @net () -> ("y" : i1) {
  snn.yield :
}

// CHECK: expected a tensor type

// -----

// weighted sums state their operands and the result that follows from them

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<3xf32>

// CHECK: expected 2 operand types and one result type

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf32>)
%y = snn.linear %x, %w bias %b first : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3xf32>

// CHECK: expected 3 operand types and one result type

// -----

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xf32>) -> (tensor<3xf32>, tensor<3xf32>)

// CHECK: expected 2 operand types and one result type

// -----

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<2xf32>

// CHECK: snn.linear: the result is tensor<3xf32>, the text says tensor<2xf32>

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf32>)
%y = snn.linear %x, %w bias %b middle : (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<3xf32>

// CHECK: Expected `first`, or `last`.

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w padding [0, 0] dilation [1] : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: expected stride with 1 numbers

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0] dilation [1] : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: expected padding with 2 numbers

// -----

%x, %w = "test.op"() : () -> (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>)
%y = snn.conv2d %x, %w stride [1, 1] padding [0, 0, 0, 0] dilation [1] : (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>) -> tensor<3x7x7xf32>

// CHECK: expected dilation with 2 numbers

// -----

%x, %w = "test.op"() : () -> (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>)
%y = snn.conv2d %x, %w stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] : (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>) -> tensor<3x9x9xf32>

// CHECK: snn.conv2d: the result is tensor<3x7x7xf32>, the text says tensor<3x9x9xf32>

// -----

// snn.pool2d

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d min %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: Expected `sum`, `avg`, or `max`.

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: expected kernel with 2 numbers

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0] : (tensor<1x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: expected padding with 4 numbers

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>, tensor<1x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: expected one operand type and one result type

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> f32

// CHECK: expected a tensor type

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>

// CHECK: snn.pool2d: the result is tensor<1x2x2xf32>, the text says tensor<1x4x4xf32>

// -----

// comparisons and surrogates

%x = "test.op"() : () -> f32
%z = snn.spike lt %x : f32

// CHECK: Expected `gt`, or `ge`.

// -----

%x = "test.op"() : () -> f32
%z = snn.spike gt %x surrogate <atan> : f32

// CHECK: string literal expected for the name of the surrogate

// -----

%x = "test.op"() : () -> f32
%z = snn.spike gt %x surrogate <"snntorch.atan", 2.0> : f32

// CHECK: identifier expected for the name of an option of the surrogate

// -----

%x = "test.op"() : () -> f32
%z = snn.spike gt %x surrogate <"snntorch.atan", alpha 2.0> : f32

// CHECK: Expected '='

// -----

// neurons: every operand has a tensor type and a name of its own; the body sees these only

%x = "test.op"() : () -> f32
%y = snn.neuron (%x = %x : f32) -> (tensor<2xf32>) {
  snn.next (%x : f32)
}

// CHECK: expected a tensor type

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) state (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  snn.next (%x : f32) state (%x : f32)
}

// CHECK: SSA value %x is already defined

// -----

%x, %outer = "test.op"() : () -> (tensor<2xf32>, f32)
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.addf %x, %outer : f32
  snn.next (%0 : f32)
}

// CHECK: the neuron's body uses values it does not define: %outer

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %0 = arith.addf %typo, %oops : f32
  snn.next (%0 : f32)
}

// CHECK: the neuron's body uses values it does not define: %typo, %oops

// -----

// names in a body are not seen behind it

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.neuron (%a = %x : tensor<2xf32>) -> (tensor<2xf32>) {
  %inner = arith.negf %a : f32
  snn.next (%inner : f32)
}
"test.op"(%inner) : (f32) -> ()

// CHECK: values used but not defined: [%inner]

// -----

// operands that are no tensors

%x = "test.op"() : () -> f32
%y = snn.linear %x, %x : (f32, f32) -> tensor<3xf32>

// CHECK: expected a tensor type

// -----

%x = "test.op"() : () -> f32
%y = snn.conv1d %x, %x stride [1] padding [0, 0] dilation [1] : (f32, f32) -> tensor<1x1xf32>

// CHECK: expected a tensor type

// -----

%x = "test.op"() : () -> f32
%y = snn.pool2d sum %x kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] : (f32) -> tensor<1x1x1xf32>

// CHECK: expected a tensor type
