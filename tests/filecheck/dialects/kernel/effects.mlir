// RUN: snncc-opt --split-input-file -p canonicalize,cse,dce --print-op-generic %s | filecheck --match-full-lines %s

// every kernel writes memory: none is removed, none is merged with its equal, and their
// order stays

kernel.program @lists block 1 {
  kernel.buffer const @w : memref<6x4xf32> = dense<0.5> : tensor<6x4xf32>
  kernel.buffer const @b : memref<4xf32> = dense<0.5> : tensor<4xf32>
  kernel.buffer stream @s : memref<1x6xi8>
  kernel.buffer work @l : memref<6xi16> stage "a"
  kernel.buffer work @y : memref<4xf32> stage "a"
  kernel.stage "a" of ["a"] (%steps) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<6x4xf32>
    %b = kernel.ref @b : memref<4xf32>
    %s = kernel.ref @s[%c0] : memref<6xi8>
    %l = kernel.ref @l : memref<6xi16>
    %y = kernel.ref @y : memref<4xf32>
    %unused = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
    %n = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
    %m = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
    kernel.gather %w rows %l count %n into %y : memref<6x4xf32>, memref<6xi16> -> memref<4xf32>
    kernel.gather %w rows %l count %n into %y : memref<6x4xf32>, memref<6xi16> -> memref<4xf32>
    kernel.gather %w rows %l count %m into %y : memref<6x4xf32>, memref<6xi16> -> memref<4xf32>
    kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8>, init memref<4xf32> -> memref<4xf32>
    kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8>, init memref<4xf32> -> memref<4xf32>
  }
}

// CHECK:      "kernel.program"() <{sym_name = "lists", block = 1 : i64}> ({
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role const>, sym_name = "w", type = memref<6x4xf32>, content = dense<5.000000e-01> : tensor<6x4xf32>}> : () -> ()
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role const>, sym_name = "b", type = memref<4xf32>, content = dense<5.000000e-01> : tensor<4xf32>}> : () -> ()
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role stream>, sym_name = "s", type = memref<1x6xi8>}> : () -> ()
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role work>, sym_name = "l", type = memref<6xi16>, stage = "a"}> : () -> ()
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role work>, sym_name = "y", type = memref<4xf32>, stage = "a"}> : () -> ()
// CHECK-NEXT:   "kernel.stage"() <{stage_name = "a", nodes = ["a"]}> ({
// CHECK-NEXT:   ^bb0(%steps: index):
// CHECK-NEXT:     %c0 = "arith.constant"() <{value = 0 : index}> : () -> index
// CHECK-NEXT:     %w = "kernel.ref"() <{buffer = @w}> : () -> memref<6x4xf32>
// CHECK-NEXT:     %b = "kernel.ref"() <{buffer = @b}> : () -> memref<4xf32>
// CHECK-NEXT:     %s = "kernel.ref"(%c0) <{buffer = @s}> : (index) -> memref<6xi8>
// CHECK-NEXT:     %l = "kernel.ref"() <{buffer = @l}> : () -> memref<6xi16>
// CHECK-NEXT:     %y = "kernel.ref"() <{buffer = @y}> : () -> memref<4xf32>
// CHECK-NEXT:     %unused = "kernel.compress"(%s, %l) : (memref<6xi8>, memref<6xi16>) -> index
// CHECK-NEXT:     %n = "kernel.compress"(%s, %l) : (memref<6xi8>, memref<6xi16>) -> index
// CHECK-NEXT:     %m = "kernel.compress"(%s, %l) : (memref<6xi8>, memref<6xi16>) -> index
// CHECK-NEXT:     "kernel.gather"(%w, %l, %n, %y) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<6x4xf32>, memref<6xi16>, index, memref<4xf32>) -> ()
// CHECK-NEXT:     "kernel.gather"(%w, %l, %n, %y) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<6x4xf32>, memref<6xi16>, index, memref<4xf32>) -> ()
// CHECK-NEXT:     "kernel.gather"(%w, %l, %m, %y) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<6x4xf32>, memref<6xi16>, index, memref<4xf32>) -> ()
// CHECK-NEXT:     "kernel.dense"(%w, %s, %b, %y) : (memref<6x4xf32>, memref<6xi8>, memref<4xf32>, memref<4xf32>) -> ()
// CHECK-NEXT:     "kernel.dense"(%w, %s, %b, %y) : (memref<6x4xf32>, memref<6xi8>, memref<4xf32>, memref<4xf32>) -> ()
// CHECK-NEXT:   }) : () -> ()
// CHECK-NEXT: }) : () -> ()
// CHECK-NEXT: }) : () -> ()

// -----

%w, %l, %n, %x = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<4x4x2xi8>)
%o, %p, %q = "test.op"() : () -> (memref<2x2x4xf32>, memref<2x2x2xf32>, memref<2x2x6xf32>)
"kernel.scatter"(%w, %l, %n, %o) <{input_shape = array<i64: 4, 4, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x2x4xf32>) -> ()
"kernel.scatter"(%w, %l, %n, %o) <{input_shape = array<i64: 4, 4, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x2x4xf32>) -> ()
"kernel.pool"(%x, %p) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xf32>) -> ()
"kernel.pool"(%x, %p) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xf32>) -> ()
"kernel.insert"(%o, %q) <{offsets = array<i64: 0, 0, 0>}> : (memref<2x2x4xf32>, memref<2x2x6xf32>) -> ()
"kernel.insert"(%p, %q) <{offsets = array<i64: 0, 0, 4>}> : (memref<2x2x2xf32>, memref<2x2x6xf32>) -> ()
"kernel.insert"(%o, %q) <{offsets = array<i64: 0, 0, 0>}> : (memref<2x2x4xf32>, memref<2x2x6xf32>) -> ()

// CHECK:      %w, %l, %n, %x = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<4x4x2xi8>)
// CHECK-NEXT: %o, %p, %q = "test.op"() : () -> (memref<2x2x4xf32>, memref<2x2x2xf32>, memref<2x2x6xf32>)
// CHECK-NEXT: "kernel.scatter"(%w, %l, %n, %o) <{input_shape = array<i64: 4, 4, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x2x4xf32>) -> ()
// CHECK-NEXT: "kernel.scatter"(%w, %l, %n, %o) <{input_shape = array<i64: 4, 4, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<2x2x4xf32>) -> ()
// CHECK-NEXT: "kernel.pool"(%x, %p) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xf32>) -> ()
// CHECK-NEXT: "kernel.pool"(%x, %p) <{pool = #snn<pool sum>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>}> : (memref<4x4x2xi8>, memref<2x2x2xf32>) -> ()
// CHECK-NEXT: "kernel.insert"(%o, %q) <{offsets = array<i64: 0, 0, 0>}> : (memref<2x2x4xf32>, memref<2x2x6xf32>) -> ()
// CHECK-NEXT: "kernel.insert"(%p, %q) <{offsets = array<i64: 0, 0, 4>}> : (memref<2x2x2xf32>, memref<2x2x6xf32>) -> ()
// CHECK-NEXT: "kernel.insert"(%o, %q) <{offsets = array<i64: 0, 0, 0>}> : (memref<2x2x4xf32>, memref<2x2x6xf32>) -> ()
// CHECK-NEXT: }) : () -> ()

// -----

// reading a delay line twice is the same twice, unless it is written in between; both stay,
// for each writes its output

%line, %at, %x, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)
"kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()
"kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()
kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
"kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()

// CHECK:      %line, %at, %x, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)
// CHECK-NEXT: "kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()
// CHECK-NEXT: "kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()
// CHECK-NEXT: "kernel.delay_write"(%x, %line, %at) : (memref<3xi8>, memref<5x3xi8>, memref<1xi32>) -> ()
// CHECK-NEXT: "kernel.delay_write"(%x, %line, %at) : (memref<3xi8>, memref<5x3xi8>, memref<1xi32>) -> ()
// CHECK-NEXT: "kernel.delay_read"(%line, %at, %y) <{steps = array<i64: 5>}> : (memref<5x3xi8>, memref<1xi32>, memref<3xi8>) -> ()
// CHECK-NEXT: }) : () -> ()

// -----

// equal elementwise work on one state is two updates

kernel.program @generic block 1 {
  kernel.buffer state @v : memref<2xf32> = dense<1.0> : tensor<2xf32>
  kernel.stage "a" of ["a"] (%n) {
    %v = kernel.ref @v : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%v : memref<2xf32>) {
    ^bb0(%a: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%v : memref<2xf32>) {
    ^bb0(%a: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
    }
  }
}

// CHECK:      "kernel.program"() <{sym_name = "generic", block = 1 : i64}> ({
// CHECK-NEXT:   "kernel.buffer"() <{role = #kernel<role state>, sym_name = "v", type = memref<2xf32>, content = dense<1.000000e+00> : tensor<2xf32>}> : () -> ()
// CHECK-NEXT:   "kernel.stage"() <{stage_name = "a", nodes = ["a"]}> ({
// CHECK-NEXT:   ^bb0(%n: index):
// CHECK-NEXT:     %v = "kernel.ref"() <{buffer = @v}> : () -> memref<2xf32>
// CHECK-NEXT:     "linalg.generic"(%v) <{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 0, 1>}> ({
// CHECK-NEXT:     ^bb0(%a: f32):
// CHECK-NEXT:       %0 = "arith.addf"(%a, %a) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
// CHECK-NEXT:       "linalg.yield"(%0) : (f32) -> ()
// CHECK-NEXT:     }) : (memref<2xf32>) -> ()
// CHECK-NEXT:     "linalg.generic"(%v) <{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 0, 1>}> ({
// CHECK-NEXT:     ^bb0(%a_1: f32):
// CHECK-NEXT:       %1 = "arith.addf"(%a_1, %a_1) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
// CHECK-NEXT:       "linalg.yield"(%1) : (f32) -> ()
// CHECK-NEXT:     }) : (memref<2xf32>) -> ()
// CHECK-NEXT:   }) : () -> ()
// CHECK-NEXT: }) : () -> ()
// CHECK-NEXT: }) : () -> ()
