// RUN: snncc-opt --split-input-file --verify-diagnostics %s | filecheck --match-full-lines %s

// what all operations on streams share: sizes and element types

%x = "test.op"() : () -> tensor<2x0xf32>
%y = snn.reshape %x : tensor<2x0xf32> -> tensor<1xf32>

// CHECK: | Operation does not verify: operand 0: expected sizes of at least 1, got tensor<2x0xf32>

// -----

%x = "test.op"() : () -> tensor<?xf32>
%y = snn.reshape %x : tensor<?xf32> -> tensor<1xf32>

// CHECK: | Operation does not verify: operand 0: expected sizes of at least 1, got tensor<?xf32>

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.reshape %x : tensor<2xf32> -> tensor<?xf32>

// CHECK: | Operation does not verify: result 0: expected sizes of at least 1, got tensor<?xf32>

// -----

%x = "test.op"() : () -> tensor<2xf32>
%h = "test.op"() : () -> tensor<2xf16>
%y = snn.add %x, %h : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>

// CHECK: | Operation does not verify: operand 1: expected elements of f32, f64, i1, i8, i16 or i32, got f16

// -----

%x = "test.op"() : () -> tensor<2xindex>
%y = snn.reshape %x : tensor<2xindex> -> tensor<2xindex>

// CHECK: | Operation does not verify: operand 0: expected elements of f32, f64, i1, i8, i16 or i32, got index

// -----

%x = "test.op"() : () -> tensor<2xf32>
%y = snn.add %x : (tensor<2xf32>) -> tensor<2xbf16>

// CHECK: | Operation does not verify: result 0: expected elements of f32, f64, i1, i8, i16 or i32, got bf16

// -----

%x = "test.op"() : () -> f32
%y = "snn.add"(%x) : (f32) -> tensor<2xf32>

// CHECK:      | Operation does not verify: operand 'inputs' at position 0 does not verify:
// CHECK-NEXT: | f32 should be of base attribute tensor

// -----

// snn.add

%y = snn.add : () -> tensor<2xf32>

// CHECK: | Operation does not verify: expected at least one operand

// -----

%x = "test.op"() : () -> tensor<2xi1>
%y = snn.add %x : (tensor<2xi1>) -> tensor<2xi1>

// CHECK: | Operation does not verify: result: expected elements of f32 or f64, got i1

// -----

%x = "test.op"() : () -> tensor<2xf32>
%z = "test.op"() : () -> tensor<1xf32>
%y = snn.add %x, %z : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: operand 1: expected shape 2, got 1

// -----

// snn.scale

%x, %s = "test.op"() : () -> (tensor<2xi8>, tensor<2xi8>)
%y = snn.scale %x, %s : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>

// CHECK: | Operation does not verify: result: expected elements of f32 or f64, got i8

// -----

%x, %s = "test.op"() : () -> (tensor<2xf32>, tensor<2xf64>)
%y = snn.scale %x, %s : (tensor<2xf32>, tensor<2xf64>) -> tensor<2xf32>

// CHECK: | Operation does not verify: factor: expected elements of f32, got f64

// -----

%x, %s = "test.op"() : () -> (tensor<1xf32>, tensor<2xf32>)
%y = snn.scale %x, %s : (tensor<1xf32>, tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: result: expected shape 1, got 2

// -----

%x, %s = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.scale %x, %s : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: factor: expected a shape that broadcasts to 2x3, got 2

// -----

// snn.batch_norm

%x, %p = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xi8>

// CHECK: | Operation does not verify: result: expected elements of f32 or f64, got i8

// -----

%x, %p = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: result: expected shape 2x3, got 2

// -----

%x, %p, %q = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf64>)
%y = snn.batch_norm %x, %p, %p, %p, %q epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf64>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: statistics: expected elements of f32, got f64

// -----

%x = "test.op"() : () -> tensor<f32>
%y = snn.batch_norm %x, %x, %x, %x, %x epsilon 0.0 : f64 : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>

// CHECK: | Operation does not verify: input: expected [channels, ...], got a scalar

// -----

%x, %p, %q = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>, tensor<3xf32>)
%y = snn.batch_norm %x, %p, %p, %q, %p epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: mean: expected shape 2, got 3

// -----

%x, %p, %q = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>, tensor<f32>)
%y = snn.batch_norm %x, %q, %p, %p, %p epsilon 0.0 : f64 : (tensor<2x3xf32>, tensor<f32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: gamma: expected shape 2, got scalar

// -----

%x, %p = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.batch_norm %x, %p, %p, %p, %p epsilon -0.5 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: epsilon: expected at least 0, got -0.5

// -----

%x, %p = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
%y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0x7FF8000000000000 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: epsilon: expected at least 0, got nan

// -----

// snn.threshold

%x, %t = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.threshold gt %x, %t : (tensor<2xf32>, tensor<f32>) -> tensor<3xi1>

// CHECK: | Operation does not verify: result: expected shape 2, got 3

// -----

%x, %t = "test.op"() : () -> (tensor<2xf32>, tensor<3xf32>)
%y = snn.threshold gt %x, %t : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>

// CHECK: | Operation does not verify: threshold: expected a shape that broadcasts to 2, got 3

// -----

%x, %t = "test.op"() : () -> (tensor<2xf32>, tensor<f64>)
%y = snn.threshold gt %x, %t : (tensor<2xf32>, tensor<f64>) -> tensor<2xi1>

// CHECK: | Operation does not verify: threshold: expected elements of f32, got f64

// -----

%x, %t = "test.op"() : () -> (tensor<2xf32>, tensor<f32>)
%y = snn.threshold gt %x, %t : (tensor<2xf32>, tensor<f32>) -> tensor<2xi8>

// CHECK: | Operation does not verify: result: expected elements of i1, got i8

// -----

// snn.linear; the generic form, where the custom one computes the type of the result

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2x1xf32>)
%y = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2x1xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: weight: expected [outputs, inputs], got tensor<3x2x1xf32>

// -----

%x, %w = "test.op"() : () -> (tensor<2xi1>, tensor<3x2xi16>)
%y = snn.linear %x, %w : (tensor<2xi1>, tensor<3x2xi16>) -> tensor<3xi8>

// CHECK: | Operation does not verify: weight: expected integers wider than i1 and of at most i8, got i16

// -----

%x, %w = "test.op"() : () -> (tensor<2xi1>, tensor<3x2xi1>)
%y = snn.linear %x, %w : (tensor<2xi1>, tensor<3x2xi1>) -> tensor<3xi8>

// CHECK: | Operation does not verify: weight: expected integers wider than i1 and of at most i8, got i1

// -----

%x, %w = "test.op"() : () -> (tensor<2xi1>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<2xi1>, tensor<3x2xf32>) -> tensor<3xi32>

// CHECK: | Operation does not verify: weight: expected integers wider than i1 and of at most i32, got f32

// -----

%x, %w = "test.op"() : () -> (tensor<2xi1>, tensor<3x2xi8>)
%y = snn.linear %x, %w : (tensor<2xi1>, tensor<3x2xi8>) -> tensor<3xi1>

// CHECK: | Operation does not verify: result: expected numbers, got spikes (i1)

// -----

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xi8>)
%y = snn.linear %x, %w : (tensor<2xf32>, tensor<3x2xi8>) -> tensor<3xi16>

// CHECK: | Operation does not verify: operand 0: expected spikes or integers, got f32

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2xi1>, tensor<3x2xi8>, tensor<3xi8>)
%y = snn.linear %x, %w bias %b first : (tensor<2xi1>, tensor<3x2xi8>, tensor<3xi8>) -> tensor<3xi16>

// CHECK: | Operation does not verify: bias: expected elements of i16, got i8

// -----

%x, %w = "test.op"() : () -> (tensor<2xf64>, tensor<3x2xf64>)
%y = "snn.linear"(%x, %w) <{bias_position = #snn<bias_position last>, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2xf64>, tensor<3x2xf64>) -> tensor<3xf32>

// CHECK: | Operation does not verify: weight and bias: expected elements of f32, got f64

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf64>)
%y = snn.linear %x, %w bias %b last : (tensor<2xf32>, tensor<3x2xf32>, tensor<3xf64>) -> tensor<3xf32>

// CHECK: | Operation does not verify: weight and bias: expected elements of f32, got f64

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>, tensor<1xf32>)
%y = snn.linear %x, %w bias %b last : (tensor<2xf32>, tensor<3x2xf32>, tensor<1xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: bias: expected shape 3, got 1

// -----

%x, %w = "test.op"() : () -> (tensor<3xf32>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<3xf32>, tensor<3x2xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: input: expected shape 2, got 3

// -----

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2xf32>)
%y = "snn.linear"(%x, %w) <{bias_position = #snn<bias_position last>, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: result: expected shape 3, got 2

// -----

// snn.conv1d and snn.conv2d

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0, 0] dilation [1] : (tensor<2x9xf32>, tensor<3x2xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: weight: expected [outputs, inputs per group, kernel length], got tensor<3x2xf32>

// -----

%x, %w = "test.op"() : () -> (tensor<2x9x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv2d %x, %w stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] : (tensor<2x9x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: weight: expected [outputs, inputs per group, kernel height, width], got tensor<3x2x3xf32>

// -----

%x, %w = "test.op"() : () -> (tensor<2xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0, 0] dilation [1] : (tensor<2xf32>, tensor<3x2x3xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: input: expected [channels, length], got tensor<2xf32>

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3x3xf32>)
%y = snn.conv2d %x, %w stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] : (tensor<2x9xf32>, tensor<3x2x3x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: input: expected [channels, height, width], got tensor<2x9xf32>

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [0] padding [0, 0] dilation [1] : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: stride: expected 1 numbers of at least 1, got [0]

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = "snn.conv1d"(%x, %w) <{bias_position = #snn<bias_position last>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: stride: expected 1 numbers of at least 1, got [1, 1]

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [1, -1] dilation [1] : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: padding: expected 2 numbers of at least 0, got [1, -1]

// -----

%x, %w = "test.op"() : () -> (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>)
%y = snn.conv2d %x, %w stride [1, 1] padding [0, 0, 0, 0] dilation [1, 0] : (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>) -> tensor<3x7x9xf32>

// CHECK: | Operation does not verify: dilation: expected 2 numbers of at least 1, got [1, 0]

// -----

%x, %w = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>)
%y = "snn.conv1d"(%x, %w) <{bias_position = #snn<bias_position last>, stride = array<i64: 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xi8>

// CHECK: | Operation does not verify: weight: expected integers wider than i1 and of at most i8, got f32

// -----

%x, %w, %b = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x2x3xf32>, tensor<3x1xf32>)
%y = snn.conv1d %x, %w bias %b first stride [1] padding [0, 0] dilation [1] : (tensor<2x9xf32>, tensor<3x2x3xf32>, tensor<3x1xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: bias: expected shape 3, got 3x1

// -----

%x, %w = "test.op"() : () -> (tensor<4x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0, 0] dilation [1] groups 2 : (tensor<4x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: groups: expected a divisor of 3 outputs, got 2

// -----

%x, %w = "test.op"() : () -> (tensor<4x9xf32>, tensor<3x2x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0, 0] dilation [1] groups 0 : (tensor<4x9xf32>, tensor<3x2x3xf32>) -> tensor<3x7xf32>

// CHECK: | Operation does not verify: groups: expected a divisor of 3 outputs, got 0

// -----

%x, %w = "test.op"() : () -> (tensor<4x9xf32>, tensor<6x4x3xf32>)
%y = snn.conv1d %x, %w stride [1] padding [0, 0] dilation [1] groups 2 : (tensor<4x9xf32>, tensor<6x4x3xf32>) -> tensor<6x7xf32>

// CHECK: | Operation does not verify: input: expected 8 channels (4 in each of 2 groups), got 4

// -----

%x, %w = "test.op"() : () -> (tensor<2x4xf32>, tensor<3x2x3xf32>)
%y = "snn.conv1d"(%x, %w) <{bias_position = #snn<bias_position last>, stride = array<i64: 1>, padding = array<i64: 0, 0>, dilation = array<i64: 2>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2x4xf32>, tensor<3x2x3xf32>) -> tensor<3x1xf32>

// CHECK: | Operation does not verify: the window is larger than the padded input

// -----

%x, %w = "test.op"() : () -> (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>)
%y = "snn.conv2d"(%x, %w) <{bias_position = #snn<bias_position last>, stride = array<i64: 2, 1>, padding = array<i64: 0, 1, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2x9x9xf32>, tensor<3x2x3x3xf32>) -> tensor<3x4x8xf32>

// CHECK: | Operation does not verify: result: expected shape 3x4x7, got 3x4x8

// -----

// snn.pool2d

%x = "test.op"() : () -> tensor<4x4xf32>
%y = "snn.pool2d"(%x) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>}> : (tensor<4x4xf32>) -> tensor<2x2xf32>

// CHECK: | Operation does not verify: input: expected [channels, height, width], got tensor<4x4xf32>

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 0] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x2x3xf32>

// CHECK: | Operation does not verify: kernel: expected 2 numbers of at least 1, got [2, 0]

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [0, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x3x2xf32>

// CHECK: | Operation does not verify: stride: expected 2 numbers of at least 1, got [0, 2]

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = "snn.pool2d"(%x) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (tensor<1x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: | Operation does not verify: padding: expected 4 numbers of at least 0, got [0, 0]

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d avg %x kernel [3, 3] stride [1, 1] padding [1, 1, 2, 0] : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>

// CHECK: | Operation does not verify: padding: expected at most half of the kernel [3, 3], got [1, 1, 2, 0]

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = "snn.pool2d"(%x) <{pool = #snn<pool avg>, kernel = array<i64: 2, 5>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>}> : (tensor<1x4x4xf32>) -> tensor<1x3x1xf32>

// CHECK: | Operation does not verify: the window 2x5 is larger than the padded input

// -----

%x = "test.op"() : () -> tensor<2x4x4xf32>
%y = "snn.pool2d"(%x) <{pool = #snn<pool avg>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>}> : (tensor<2x4x4xf32>) -> tensor<1x2x2xf32>

// CHECK: | Operation does not verify: result: expected shape 2x2x2, got 1x2x2

// -----

%x = "test.op"() : () -> tensor<1x4x4xi1>
%y = snn.pool2d max %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xi1>) -> tensor<1x2x2xf32>

// CHECK: | Operation does not verify: result: expected elements of i1, got f32

// -----

%x = "test.op"() : () -> tensor<1x4x4xi1>
%y = snn.pool2d avg %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xi1>) -> tensor<1x2x2xi8>

// CHECK: | Operation does not verify: result: expected elements of f32 or f64, got i8

// -----

%x = "test.op"() : () -> tensor<1x4x4xi1>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xi1>) -> tensor<1x2x2xi1>

// CHECK: | Operation does not verify: result: expected numbers, got spikes (i1)

// -----

%x = "test.op"() : () -> tensor<1x4x4xf32>
%y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf32>) -> tensor<1x2x2xi8>

// CHECK: | Operation does not verify: operand 0: expected spikes or integers, got f32

// -----

// snn.reshape and snn.concat

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.reshape %x : tensor<2x3xi1> -> tensor<6xf32>

// CHECK: | Operation does not verify: result: expected elements of i1, got f32

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.reshape %x : tensor<2x3xi1> -> tensor<5xi1>

// CHECK: | Operation does not verify: result: expected 6 elements, got 5

// -----

// snn.rearrange: one place for each element, of an element that is there

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.rearrange %x places <0 (6 by 1)> : tensor<2x3xi1> -> tensor<6xi8>

// CHECK: | Operation does not verify: result: expected elements of i1, got i8

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.rearrange %x places <0 (6 by 1), 0> : tensor<2x3xi1> -> tensor<6xi1>

// CHECK: | Operation does not verify: places: expected one for each of 6 elements of tensor<6xi1>, got 7

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.rearrange %x places <0 (1000000000 by 0) (1000000000 by 0)> : tensor<2x3xi1> -> tensor<6xi1>

// CHECK: | Operation does not verify: places: expected one for each of 6 elements of tensor<6xi1>, got 1000000000000000000

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.rearrange %x places <0, 1 (2 by 2) (2 by 3)> : tensor<2x3xi1> -> tensor<5xi1>

// CHECK: | Operation does not verify: places: expected indices of tensor<2x3xi1>, 0 to 5, or -1 for a zero, got 6

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.rearrange %x places <3 (6 by -1)> : tensor<2x3xi1> -> tensor<6xi1>

// CHECK: | Operation does not verify: places: expected indices of tensor<2x3xi1>, 0 to 5, or -1 for a zero, got -2

// -----

%y = snn.concat axis 0 : () -> tensor<2xi1>

// CHECK: | Operation does not verify: expected at least one operand

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.concat %x axis 2 : (tensor<2x3xi1>) -> tensor<2x3xi1>

// CHECK: | Operation does not verify: axis: expected 0 to 1, got 2

// -----

%x = "test.op"() : () -> tensor<2x3xi1>
%y = snn.concat %x axis -1 : (tensor<2x3xi1>) -> tensor<2x3xi1>

// CHECK: | Operation does not verify: axis: expected 0 to 1, got -1

// -----

%x, %z = "test.op"() : () -> (tensor<2x3xi1>, tensor<2x3xi8>)
%y = snn.concat %x, %z axis 0 : (tensor<2x3xi1>, tensor<2x3xi8>) -> tensor<4x3xi1>

// CHECK: | Operation does not verify: operands: expected elements of i1, got i8

// -----

%x, %z = "test.op"() : () -> (tensor<2x3xi1>, tensor<2x3xi1>)
%y = snn.concat %x, %z axis 0 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<4x3xi8>

// CHECK: | Operation does not verify: operands: expected elements of i1, got i8

// -----

%x, %z = "test.op"() : () -> (tensor<2x3xi1>, tensor<3x2xi1>)
%y = snn.concat %x, %z axis 0 : (tensor<2x3xi1>, tensor<3x2xi1>) -> tensor<5x3xi1>

// CHECK: | Operation does not verify: operand 1: expected 2x3 but for axis 0, got 3x2

// -----

%x, %z = "test.op"() : () -> (tensor<2x3xi1>, tensor<2xi1>)
%y = snn.concat %x, %z axis 0 : (tensor<2x3xi1>, tensor<2xi1>) -> tensor<4x3xi1>

// CHECK: | Operation does not verify: operand 1: expected 2x3 but for axis 0, got 2

// -----

%x, %z = "test.op"() : () -> (tensor<2x3xi1>, tensor<2x1xi1>)
%y = snn.concat %x, %z axis 1 : (tensor<2x3xi1>, tensor<2x1xi1>) -> tensor<2x5xi1>

// CHECK: | Operation does not verify: result: expected shape 2x4, got 2x5

// -----

// a sum rounds nothing before it adds: floats have the type of the result

%x, %z = "test.op"() : () -> (tensor<2xf32>, tensor<2xf64>)
%y = snn.add %x, %z : (tensor<2xf32>, tensor<2xf64>) -> tensor<2xf32>

// CHECK: | Operation does not verify: operand 1: expected elements of f32, got f64

// -----

%x, %s = "test.op"() : () -> (tensor<2xf64>, tensor<2xf32>)
%y = snn.scale %x, %s : (tensor<2xf64>, tensor<2xf32>) -> tensor<2xf32>

// CHECK: | Operation does not verify: operand 0: expected elements of f32, got f64

// -----

%x, %p = "test.op"() : () -> (tensor<2x3xf64>, tensor<2xf32>)
%y = snn.batch_norm %x, %p, %p, %p, %p epsilon 0.0 : f64 : (tensor<2x3xf64>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>

// CHECK: | Operation does not verify: operand 0: expected elements of f32, got f64

// -----

%x, %w = "test.op"() : () -> (tensor<2xf64>, tensor<3x2xf32>)
%y = snn.linear %x, %w : (tensor<2xf64>, tensor<3x2xf32>) -> tensor<3xf32>

// CHECK: | Operation does not verify: operand 0: expected elements of f32, got f64

// -----

%x = "test.op"() : () -> tensor<1x4x4xf64>
%y = snn.pool2d avg %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<1x4x4xf64>) -> tensor<1x2x2xf32>

// CHECK: | Operation does not verify: operand 0: expected elements of f32, got f64

// -----

%x, %t = "test.op"() : () -> (tensor<2xi8>, tensor<2xi8>)
%y = snn.threshold gt %x, %t : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi1>

// CHECK: | Operation does not verify: input: expected elements of f32 or f64, got i8

// -----

// weights without axes

%x = "test.op"() : () -> tensor<f32>
%y = snn.linear %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>

// CHECK: | Operation does not verify: weight: expected [outputs, inputs], got tensor<f32>

// -----

%x = "test.op"() : () -> tensor<f32>
%y = snn.conv1d %x, %x stride [1] padding [0, 0] dilation [1] : (tensor<f32>, tensor<f32>) -> tensor<f32>

// CHECK: | Operation does not verify: weight: expected [outputs, inputs per group, kernel length], got tensor<f32>
