// RUN: snncc-opt --split-input-file --verify-diagnostics %s | filecheck --match-full-lines %s

// programs

kernel.program @net block 0 {
  kernel.buffer input @x : memref<?x2xi8>
}

// CHECK: | Operation does not verify: block: expected at least 1 step, got 0

// -----

kernel.program @net block 1 {
  %c0 = arith.constant 0 : index
}

// CHECK: | Operation does not verify: expected buffers and stages, got arith.constant

// -----

// buffers: who has content, who counts steps, who belongs to a stage, where they stand

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2xf32>
}

// CHECK: | Operation does not verify: const buffer: expected content

// -----

kernel.program @net block 1 {
  kernel.buffer state @v : memref<2xf32>
}

// CHECK: | Operation does not verify: state buffer: expected content

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xf32> = dense<0.0> : tensor<f32>
}

// CHECK: | Operation does not verify: stream buffer: expected no content

// -----

kernel.program @net block 1 {
  kernel.buffer work @s : memref<2xf32> = dense<0.0> : tensor<f32> stage "a"
}

// CHECK: | Operation does not verify: work buffer: expected no content

// -----

kernel.program @net block 1 {
  kernel.buffer input @x : memref<4x2xi8>
}

// CHECK: | Operation does not verify: input buffer: expected steps (?) as the first axis, got memref<4x2xi8>

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<?x?xi8>
}

// CHECK: | Operation does not verify: output buffer: expected steps (?) as the first axis, got memref<?x?xi8>

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<?x2xi8>
}

// CHECK: | Operation does not verify: stream buffer: expected known sizes, got memref<?x2xi8>

// -----

kernel.program @net block 1 {
  kernel.buffer input @x : memref<?x2xf32> spikes
}

// CHECK: | Operation does not verify: spikes: expected an input or output of i8

// -----

kernel.program @net block 1 {
  kernel.buffer stream @y : memref<4x2xi8> spikes
}

// CHECK: | Operation does not verify: spikes: expected an input or output of i8

// -----

// constants of few bits; whole numbers that the caller's floats stand for

kernel.program @net block 1 {
  kernel.buffer input @x : memref<?x2xi8> packed 4
}

// CHECK: | Operation does not verify: input buffer: only a constant is packed

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x4xi8> = dense<1> : tensor<2x4xi8> packed 5
}

// CHECK: | Operation does not verify: packed: expected 2, 3, 4 bits, got 5

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x4xf32> = dense<1.0> : tensor<2x4xf32> packed 4
}

// CHECK: | Operation does not verify: packed: expected rows of integers, got memref<2x4xf32>

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xi8>
  kernel.buffer work @w : memref<2xi8> whole @s stage "a"
}

// CHECK: | Operation does not verify: work buffer: only rows of the caller are whole numbers

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xi8>
  kernel.buffer input @x : memref<?x2xf32> whole @s
}

// CHECK: | Operation does not verify: within: expected two ends of an input, and none of an output

// -----

kernel.program @net block 1 {
  kernel.buffer input @x : memref<?x2xf32> within [0, 1]
}

// CHECK: | Operation does not verify: within: expected the stream that is held at these ends

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<?x2xf32> whole @s
}

// CHECK: | Operation does not verify: whole: no kernel.buffer is named @s

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xf32>
  kernel.buffer output @y : memref<?x2xf32> whole @s
}

// CHECK: | Operation does not verify: whole: expected a stream of integers, got @s

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x3xi8>
  kernel.buffer output @y : memref<?x2xf32> whole @s
}

// CHECK: | Operation does not verify: whole: expected 2 elements, got memref<1x3xi8>

// -----

kernel.program @net block 1 {
  kernel.buffer work @s : memref<2xf32>
}

// CHECK: | Operation does not verify: work buffer: a stage owns work buffers, and only them

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xf32> stage "a"
}

// CHECK: | Operation does not verify: stream buffer: a stage owns work buffers, and only them

// -----

kernel.buffer stream @s : memref<1x2xf32>

// CHECK: | Operation does not verify: 'kernel.buffer' expects parent op 'kernel.program'

// -----

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xf32>
  kernel.buffer stream @s : memref<1x2xf32>
}

// CHECK: | Operation does not verify: Redefinition of symbol "s"

// -----

// stages

kernel.stage "a" of [] (%n) {
}

// CHECK: | Operation does not verify: 'kernel.stage' expects parent op 'kernel.program'

// -----

kernel.program @net block 1 {
  "kernel.stage"() <{stage_name = "a", nodes = []}> ({
  ^bb0(%n: index, %m: index):
  }) : () -> ()
}

// CHECK: | Operation does not verify: expected one argument: the steps of the block (index)

// -----

// references: to a buffer of the program, with as many elements of the same type

kernel.program @net block 1 {
  kernel.stage "a" of [] (%n) {
    %s = kernel.ref @s : memref<2xf32>
  }
}

// CHECK: | Operation does not verify: no kernel.buffer is named "s"

// -----

kernel.program @net block 1 {
  kernel.buffer state @v : memref<2x3xf32> = dense<0.0> : tensor<f32>
  kernel.stage "a" of [] (%n) {
    %v = kernel.ref @v : memref<2xf32>
  }
}

// CHECK: | Operation does not verify: buffer "v" is memref<2x3xf32>: expected 6 elements of f32, got memref<2xf32>

// -----

kernel.program @net block 1 {
  kernel.buffer state @v : memref<2x3xf32> = dense<0.0> : tensor<f32>
  kernel.stage "a" of [] (%n) {
    %v = kernel.ref @v : memref<2x3xi32>
  }
}

// CHECK: | Operation does not verify: buffer "v" is memref<2x3xf32>: expected 6 elements of f32, got memref<2x3xi32>

// -----

// with a step it is one row

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2x3xf32>
  kernel.stage "a" of [] (%n) {
    %c0 = arith.constant 0 : index
    %s = kernel.ref @s[%c0] : memref<4x2x3xf32>
  }
}

// CHECK: | Operation does not verify: buffer "s" is memref<4x2x3xf32>: expected 6 elements of f32, got memref<4x2x3xf32>

// -----

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2x3xf32>
  kernel.stage "a" of [] (%n) {
    %s = kernel.ref @s : memref<2x3xf32>
  }
}

// CHECK: | Operation does not verify: buffer "s" is memref<4x2x3xf32>: expected 24 elements of f32, got memref<2x3xf32>

// -----

// kernel.compress: the list holds every index

%x, %l = "test.op"() : () -> (memref<6xi8>, memref<5xi16>)
%n = kernel.compress %x into %l : memref<6xi8>, memref<5xi16>

// CHECK: | Operation does not verify: list: expected 6 elements, got memref<5xi16>

// -----

%x, %l = "test.op"() : () -> (memref<257xi8>, memref<257xi8>)
%n = kernel.compress %x into %l : memref<257xi8>, memref<257xi8>

// CHECK: | Operation does not verify: list: i8 cannot hold indices up to 256

// -----

%x, %l = "test.op"() : () -> (memref<6xi8>, memref<6xf32>)
%n = kernel.compress %x into %l : memref<6xi8>, memref<6xf32>

// CHECK: | Operation does not verify: list: f32 cannot hold indices up to 5

// -----

// kernel.gather and kernel.dense: sums of floats, and sums of integers as wide as their weights

%w, %l, %n, %o = "test.op"() : () -> (memref<6x4xi16>, memref<6xi16>, index, memref<4xi8>)
kernel.gather %w rows %l count %n into %o : memref<6x4xi16> rows memref<6xi16> -> memref<4xi8>

// CHECK: | Operation does not verify: weight: expected integers of at most i8, got i16

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<6x4xf32>, memref<6xi16>, index, memref<4xi32>)
kernel.gather %w rows %l count %n into %o : memref<6x4xf32> rows memref<6xi16> -> memref<4xi32>

// CHECK: | Operation does not verify: weight: expected integers of at most i32, got f32

// -----

%w, %x, %o = "test.op"() : () -> (memref<6x4xi8>, memref<6xf32>, memref<4xi16>)
kernel.dense %w, %x into %o : memref<6x4xi8>, memref<6xf32> -> memref<4xi16>

// CHECK: | Operation does not verify: values: expected integers, got memref<6xf32>

// -----

%w, %x, %o, %b = "test.op"() : () -> (memref<6x4xi8>, memref<6xi8>, memref<4xi16>, memref<4xi8>)
kernel.dense %w, %x init %b into %o : memref<6x4xi8>, memref<6xi8> init memref<4xi8> -> memref<4xi16>

// CHECK: | Operation does not verify: init: expected 4 elements of i16, got memref<4xi8>

// -----

%x, %o = "test.op"() : () -> (memref<4x4x2xi8>, memref<2x2x2xi16>)
"kernel.pool"(%x, %o) <{pool = #snn<pool max>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xi16>) -> ()

// CHECK: | Operation does not verify: output: expected elements of i8, got i16

// -----

%x, %o = "test.op"() : () -> (memref<4x4x2xi8>, memref<2x2x2xi16>)
"kernel.pool"(%x, %o) <{pool = #snn<pool avg>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xi16>) -> ()

// CHECK: | Operation does not verify: output: expected elements of f32 or f64, got i16

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<6x4xf32>, memref<6xi16>, index, memref<6xf32>)
kernel.gather %w rows %l count %n into %o : memref<6x4xf32> rows memref<6xi16> -> memref<6xf32>

// CHECK: | Operation does not verify: out: expected 4 elements of f32, got memref<6xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<6x4xf32>, memref<6xi16>, index, memref<4xf64>)
kernel.gather %w rows %l count %n into %o : memref<6x4xf32> rows memref<6xi16> -> memref<4xf64>

// CHECK: | Operation does not verify: weight: expected elements of f64, got f32

// -----

%w, %l, %n, %o, %v = "test.op"() : () -> (memref<6x4xf32>, memref<6xi16>, index, memref<4xf32>, memref<4xi8>)
kernel.gather %w rows %l count %n values %v into %o : memref<6x4xf32> rows memref<6xi16> values memref<4xi8> -> memref<4xf32>

// CHECK: | Operation does not verify: values: expected 6 elements, got memref<4xi8>

// -----

%w, %x, %o, %b = "test.op"() : () -> (memref<6x4xf32>, memref<6xf32>, memref<4xf32>, memref<6xf32>)
kernel.dense %w, %x init %b into %o : memref<6x4xf32>, memref<6xf32> init memref<6xf32> -> memref<4xf32>

// CHECK: | Operation does not verify: init: expected 4 elements of f32, got memref<6xf32>

// -----

%w, %x, %o, %b = "test.op"() : () -> (memref<6x4xf32>, memref<6xf32>, memref<4xf32>, memref<4xf64>)
kernel.dense %w, %x init %b into %o : memref<6x4xf32>, memref<6xf32> init memref<4xf64> -> memref<4xf32>

// CHECK: | Operation does not verify: init: expected 4 elements of f32, got memref<4xf64>

// -----

%w, %x, %o = "test.op"() : () -> (memref<6x4xf32>, memref<4xf32>, memref<4xf32>)
kernel.dense %w, %x into %o : memref<6x4xf32>, memref<4xf32> -> memref<4xf32>

// CHECK: | Operation does not verify: values: expected 6 elements, got memref<4xf32>

// -----

// kernel.scatter

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: input: expected 3 numbers, got (4, 5)

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: stride: expected 2 numbers, got (2,)

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1, 1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: padding: expected 2 numbers, got (1, 1, 1, 1)

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: dilation: expected 2 numbers, got ()

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<18x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<18x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: expected a weight [channels, rows, columns, outputs] and an output [height, width, channels] or [length, channels], got memref<18x4xf32> and memref<2x3x4xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<24xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<24xf32>

// CHECK: | Operation does not verify: expected a weight [channels, rows, columns, outputs] and an output [height, width, channels] or [length, channels], got memref<2x3x3x4xf32> and memref<24xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<1x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<1x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: weight: expected 2 input channels and 4 outputs, got memref<1x3x3x4xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: weight: expected 2 input channels and 2 outputs, got memref<2x3x3x4xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<3x3x3x2xf32>, memref<60xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 3] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<3x3x3x2xf32> rows memref<60xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: groups: 2 does not divide 3 channels

// -----

%w, %l, %n, %o, %v = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>, memref<20xi8>)
kernel.scatter %w rows %l count %n values %v into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> values memref<20xi8> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: values: expected 40 elements, got memref<20xi8>

// -----

%w, %l, %n, %o, %b = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>, memref<3xf32>)
kernel.scatter %w rows %l count %n init %b into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> init memref<3xf32> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: init: expected 4 elements of f32, got memref<3xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xi16>, memref<40xi16>, index, memref<2x3x4xi8>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xi16> rows memref<40xi16> -> memref<2x3x4xi8>

// CHECK: | Operation does not verify: weight: expected integers of at most i8, got i16

// -----

// kernel.pool

%x, %y = "test.op"() : () -> (memref<4x6x2xi8>, memref<2x3x2xf32>)
kernel.pool sum %x into %y kernel [2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xf32>

// CHECK: | Operation does not verify: kernel: expected 2 numbers, got (2,)

// -----

%x, %y = "test.op"() : () -> (memref<4x6x2xi8>, memref<2x3x2xf32>)
kernel.pool sum %x into %y kernel [2, 2] stride [2, 2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xf32>

// CHECK: | Operation does not verify: stride: expected 2 numbers, got (2, 2, 2)

// -----

%x, %y = "test.op"() : () -> (memref<4x6x2xi8>, memref<2x3x2xf32>)
kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : memref<4x6x2xi8> -> memref<2x3x2xf32>

// CHECK: | Operation does not verify: padding: expected 2 numbers, got (0, 0, 0, 0)

// -----

%x, %y = "test.op"() : () -> (memref<24x2xi8>, memref<2x3x2xf32>)
kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0] : memref<24x2xi8> -> memref<2x3x2xf32>

// CHECK: | Operation does not verify: expected [height, width, channels] with the same channels, got memref<24x2xi8> and memref<2x3x2xf32>

// -----

%x, %y = "test.op"() : () -> (memref<4x6x2xi8>, memref<6x2xf32>)
kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<6x2xf32>

// CHECK: | Operation does not verify: expected [height, width, channels] with the same channels, got memref<4x6x2xi8> and memref<6x2xf32>

// -----

%x, %y = "test.op"() : () -> (memref<2x4x6xi8>, memref<2x2x3xf32>)
kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0] : memref<2x4x6xi8> -> memref<2x2x3xf32>

// CHECK: | Operation does not verify: expected [height, width, channels] with the same channels, got memref<2x4x6xi8> and memref<2x2x3xf32>

// -----

// kernel.insert

%x, %y = "test.op"() : () -> (memref<4x2xi8>, memref<8xi8>)
kernel.insert %x into %y at [0, 0] : memref<4x2xi8> into memref<8xi8>

// CHECK: | Operation does not verify: expected as many axes and offsets, got memref<4x2xi8>, memref<8xi8>, [0, 0]

// -----

%x, %y = "test.op"() : () -> (memref<4x2xi8>, memref<4x5xi8>)
kernel.insert %x into %y at [0] : memref<4x2xi8> into memref<4x5xi8>

// CHECK: | Operation does not verify: expected as many axes and offsets, got memref<4x2xi8>, memref<4x5xi8>, [0]

// -----

%x, %y = "test.op"() : () -> (memref<4x2xi8>, memref<4x5xi8>)
kernel.insert %x into %y at [0, 4] : memref<4x2xi8> into memref<4x5xi8>

// CHECK: | Operation does not verify: memref<4x2xi8> at [0, 4] passes the end of memref<4x5xi8>

// -----

%x, %y = "test.op"() : () -> (memref<4x2xi8>, memref<4x5xi8>)
kernel.insert %x into %y at [-1, 0] : memref<4x2xi8> into memref<4x5xi8>

// CHECK: | Operation does not verify: memref<4x2xi8> at [-1, 0] passes the end of memref<4x5xi8>

// -----

// kernel.rearrange

%x, %p, %y = "test.op"() : () -> (memref<4xi8>, memref<2xi8>, memref<2xf32>)
kernel.rearrange %x at %p into %y : memref<4xi8> at memref<2xi8> -> memref<2xf32>

// CHECK: | Operation does not verify: out: expected elements of i8, got memref<2xf32>

// -----

%x, %p = "test.op"() : () -> (memref<4xf32>, memref<2xf32>)
kernel.rearrange %x at %p into %x : memref<4xf32> at memref<2xf32> -> memref<4xf32>

// CHECK: | Operation does not verify: places: expected whole numbers, got memref<2xf32>

// -----

%x, %p = "test.op"() : () -> (memref<4xi8>, memref<3xi8>)
kernel.rearrange %x at %p into %x : memref<4xi8> at memref<3xi8> -> memref<4xi8>

// CHECK: | Operation does not verify: places: 3 runs do not divide the 4 elements of memref<4xi8>

// -----

// delay lines: a ring of rows, its position, and steps within its depth

%l, %p, %x = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<4xi8>)
kernel.delay_write %x into %l at %p : memref<4xi8>, memref<5x3xi8>, memref<1xi32>

// CHECK: | Operation does not verify: expected rows of memref<4xi8> in the line, got memref<5x3xi8>

// -----

%l, %p, %x = "test.op"() : () -> (memref<5x3xi8>, memref<1xi64>, memref<3xi8>)
kernel.delay_write %x into %l at %p : memref<3xi8>, memref<5x3xi8>, memref<1xi64>

// CHECK: | Operation does not verify: position: expected memref<1xi32>, got memref<1xi64>

// -----

%l, %p, %x = "test.op"() : () -> (memref<5x3xi8>, memref<i32>, memref<3xi8>)
kernel.delay_write %x into %l at %p : memref<3xi8>, memref<5x3xi8>, memref<i32>

// CHECK: | Operation does not verify: position: expected memref<1xi32>, got memref<i32>

// -----

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3x1xi8>)
kernel.delay_read %l at %p into %y steps [1] : memref<5x3xi8> at memref<1xi32> -> memref<3x1xi8>

// CHECK: | Operation does not verify: expected rows of memref<3x1xi8> in the line, got memref<5x3xi8>

// -----

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_read %l at %p into %y steps [1, 2] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>

// CHECK: | Operation does not verify: steps: expected 1 or 3 numbers, got 2

// -----

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_read %l at %p into %y steps [] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>

// CHECK: | Operation does not verify: steps: expected 1 or 3 numbers, got 0

// -----

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_read %l at %p into %y steps [1, 2, 6] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>

// CHECK: | Operation does not verify: steps: expected 1 to 5

// -----

// 0 steps need the value of now

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_read %l at %p into %y steps [1, 0, 2] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>

// CHECK: | Operation does not verify: steps: expected 1 to 5

// -----

%l, %p, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_read %l at %p now %y into %y steps [1, -1, 2] : memref<5x3xi8> at memref<1xi32> now memref<3xi8> -> memref<3xi8>

// CHECK: | Operation does not verify: steps: expected 0 to 5

// -----

// weights have two axes, groups are counted from 1, content fits its buffer

%w, %x, %o = "test.op"() : () -> (memref<6xf32>, memref<6xf32>, memref<4xf32>)
kernel.dense %w, %x into %o : memref<6xf32>, memref<6xf32> -> memref<4xf32>

// CHECK: | Operation does not verify: weight: expected [inputs, outputs], got memref<6xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<6x4x1xf32>, memref<6xi16>, index, memref<4xf32>)
kernel.gather %w rows %l count %n into %o : memref<6x4x1xf32> rows memref<6xi16> -> memref<4xf32>

// CHECK: | Operation does not verify: weight: expected [inputs, outputs], got memref<6x4x1xf32>

// -----

%w, %l, %n, %o = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x3x4xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 0 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x4xf32>

// CHECK: | Operation does not verify: groups: expected at least 1, got 0

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2xf32> = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
}

// CHECK: | Operation does not verify: content: expected one or 2 elements of f32, got tensor<3xf32>

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2xf32> = dense<1> : tensor<2xi8>
}

// CHECK: | Operation does not verify: content: expected one or 2 elements of f32, got tensor<2xi8>

// -----

// sums, last values and products

kernel.program @net block 1 {
  kernel.buffer stream @y : memref<1x2xf32> sum
}

// CHECK: | Operation does not verify: stream buffer: only an output is a sum or a last value

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<2xf32> sum last
}

// CHECK: | Operation does not verify: expected a sum or a last value, got both

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<?x2xf32> last
}

// CHECK: | Operation does not verify: output buffer: expected known sizes, got memref<?x2xf32>

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<2x3xf32> sum order [0, 0]
}

// CHECK: | Operation does not verify: order: expected each of 2 axes once, got [0, 0]

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<?x3xf32> order [1, 0]
}

// CHECK: | Operation does not verify: order: expected a sum or a last value

// -----

kernel.program @net block 1 {
  kernel.buffer output @y : memref<2x3xf32> sum sizes [5]
}

// CHECK: | Operation does not verify: sizes: expected 6 elements, got [5]

// -----

%a, %b, %l, %y, %n = "test.op"() : () -> (memref<4x3x2x5xf32>, memref<4x7x2x2xi8>, memref<12xi16>, memref<2x7x5xf32>, index)
kernel.outer %a, %b steps %n list %l into %y : memref<4x3x2x5xf32>, memref<4x7x2x2xi8>, memref<12xi16> -> memref<2x7x5xf32>

// CHECK: | Operation does not verify: right: expected 4x7x3x2 elements, got memref<4x7x2x2xi8>

// -----

%a, %b, %l, %y, %n = "test.op"() : () -> (memref<4x3x2x5xf64>, memref<4x7x3x2xi8>, memref<12xi16>, memref<2x7x5xf32>, index)
kernel.outer %a, %b steps %n list %l into %y : memref<4x3x2x5xf64>, memref<4x7x3x2xi8>, memref<12xi16> -> memref<2x7x5xf32>

// CHECK: | Operation does not verify: left: expected elements of f32, got f64

// -----

// what is held, blocks of weighted sums, bits

kernel.program @net block 1 {
  kernel.buffer output @y : memref<?x2xf32> held
}

// CHECK: | Operation does not verify: output buffer: only an input is held

// -----

kernel.program @net block 1 {
  kernel.buffer input @w : memref<4xf32> held
  kernel.buffer state @v : memref<2x3xf32> = dense<0.0> : tensor<f32> from @w
}

// CHECK: | Operation does not verify: from: expected an input of 6 elements that is held, got 'w'

// -----

kernel.program @net block 1 {
  kernel.buffer input @w : memref<4xf32> held
  kernel.buffer stream @v : memref<1x4xf32> from @w
}

// CHECK: | Operation does not verify: stream buffer: only a state starts from an input

// -----

%w, %x, %t, %y, %n = "test.op"() : () -> (memref<7x5xf32>, memref<4x5xf32>, memref<20xf32>, memref<4x7xf32>, index)
kernel.project %w, %x steps %n room %t into %y : memref<7x5xf32>, memref<4x5xf32>, memref<20xf32> -> memref<4x7xf32>

// CHECK: | Operation does not verify: room: expected 35 elements, got memref<20xf32>

// -----

%w, %x, %t, %y, %n = "test.op"() : () -> (memref<7x5xf32>, memref<4x7xf32>, memref<80xf32>, memref<4x5xf32>, index)
kernel.project %w, %x steps %n room %t into %y : memref<7x5xf32>, memref<4x7xf32>, memref<80xf32> -> memref<4x5xf32>

// CHECK: | Operation does not verify: expected 4 steps of 5 inputs and 7 results, got memref<4x7xf32> and memref<4x5xf32>

// -----

%s, %b = "test.op"() : () -> (memref<17xi8>, memref<2xi8>)
kernel.pack %s into %b : memref<17xi8> into memref<2xi8>

// CHECK: | Operation does not verify: bits: expected 3 bytes for 17 spikes, got memref<2xi8>

// -----

// sums of active rows and of products for a block of steps

%w, %x, %l, %y, %n = "test.op"() : () -> (memref<5x7xf32>, memref<4x6xi8>, memref<5xi16>, memref<4x7xf32>, index)
kernel.gather_steps %w, %x steps %n list %l into %y : memref<5x7xf32>, memref<4x6xi8>, memref<5xi16> -> memref<4x7xf32>

// CHECK: | Operation does not verify: expected 4 steps of 5 inputs and 7 outputs, got memref<4x6xi8> and memref<4x7xf32>

// -----

%w, %x, %l, %y, %n = "test.op"() : () -> (memref<200x7xf32>, memref<4x200xf32>, memref<200xi16>, memref<4x7xf32>, index)
kernel.gather_steps %w, %x steps %n list %l into %y : memref<200x7xf32>, memref<4x200xf32>, memref<200xi16> -> memref<4x7xf32>

// CHECK: | Operation does not verify: list: expected 128 elements of i16, got memref<200xi16>

// -----

%w, %x, %l, %p, %y, %n = "test.op"() : () -> (memref<5x70xf32>, memref<200x5xf32>, memref<1200xi16>, memref<320xf32>, memref<200x70xf32>, index)
kernel.gather_steps %w, %x steps %n list %l panel %p into %y : memref<5x70xf32>, memref<200x5xf32>, memref<1200xi16> panel memref<320xf32> -> memref<200x70xf32>

// CHECK: | Operation does not verify: panel: expected 350 of f32, got memref<320xf32>

// -----

%a, %x, %r, %l, %p, %y, %n = "test.op"() : () -> (memref<4x7xf32>, memref<4x5xf32>, memref<5xi32>, memref<25xi16>, memref<28xf32>, memref<5x7xf32>, index)
kernel.outer_rows %a, %x spikes steps %n active %r list %l panel %p into %y : memref<4x7xf32>, memref<4x5xf32>, memref<5xi32>, memref<25xi16>, memref<28xf32> -> memref<5x7xf32>

// CHECK: | Operation does not verify: spikes: expected elements of i8, got memref<4x5xf32>

// -----

%a, %x, %r, %l, %p, %y, %n = "test.op"() : () -> (memref<40x7xf32>, memref<40x5xf32>, memref<5xi32>, memref<205xi16>, memref<280xf32>, memref<5x7xf32>, index)
kernel.outer_rows %a, %x steps %n active %r list %l panel %p into %y : memref<40x7xf32>, memref<40x5xf32>, memref<5xi32>, memref<205xi16>, memref<280xf32> -> memref<5x7xf32>

// CHECK: | Operation does not verify: active: expected 10 of i32, got memref<5xi32>

// -----

%w, %x, %t, %y, %n = "test.op"() : () -> (memref<7x5xf64>, memref<4x5xf64>, memref<35xf64>, memref<4x7xf64>, index)
kernel.project fused %w, %x steps %n room %t into %y : memref<7x5xf64>, memref<4x5xf64>, memref<35xf64> -> memref<4x7xf64>

// CHECK: | Operation does not verify: fused: expected elements of f32, got f64

// -----

// blocks of whole samples

kernel.program @net block 10 sample 4 {
  kernel.buffer input @x : memref<?x3xf32>
}

// CHECK: | Operation does not verify: sample: expected a divisor of 10 steps, got 4

// -----

kernel.program @net block 8 sample 4 {
  kernel.buffer output @y : memref<?x3xf32> sampled
}

// CHECK: | Operation does not verify: output buffer: only an input that is not held, a sum and a last value are sampled

// -----

kernel.program @net block 8 sample 4 {
  kernel.buffer input @x : memref<3xf32> sampled
}

// CHECK: | Operation does not verify: input buffer: expected samples (?) as the first axis, got memref<3xf32>

// -----

kernel.program @net block 8 {
  kernel.buffer input @x : memref<?x3xf32> sampled
}

// CHECK: | Operation does not verify: buffer "x": the program has no samples

// -----

kernel.program @net block 8 sample 4 {
  kernel.buffer work @v : memref<3xf32> stage "v"
  kernel.stage "v" of [] (%steps) {
    %v = kernel.ref @v : memref<3xf32>
    kernel.restart %v : memref<3xf32>
  }
}

// CHECK: | Operation does not verify: expected states, got "v"
