// RUN: snncc-opt --split-input-file -p canonicalize,cse,dce %s | filecheck --match-full-lines %s

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
    kernel.gather %w rows %l count %n into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
    kernel.gather %w rows %l count %n into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
    kernel.gather %w rows %l count %m into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
    kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>
    kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>
  }
}

// CHECK:      kernel.program @lists block 1 {
// CHECK-NEXT:   kernel.buffer const @w : memref<6x4xf32> = dense<5.000000e-01> : tensor<6x4xf32>
// CHECK-NEXT:   kernel.buffer const @b : memref<4xf32> = dense<5.000000e-01> : tensor<4xf32>
// CHECK-NEXT:   kernel.buffer stream @s : memref<1x6xi8>
// CHECK-NEXT:   kernel.buffer work @l : memref<6xi16> stage "a"
// CHECK-NEXT:   kernel.buffer work @y : memref<4xf32> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%steps) {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %w = kernel.ref @w : memref<6x4xf32>
// CHECK-NEXT:     %b = kernel.ref @b : memref<4xf32>
// CHECK-NEXT:     %s = kernel.ref @s[%c0] : memref<6xi8>
// CHECK-NEXT:     %l = kernel.ref @l : memref<6xi16>
// CHECK-NEXT:     %y = kernel.ref @y : memref<4xf32>
// CHECK-NEXT:     %unused = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
// CHECK-NEXT:     %n = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
// CHECK-NEXT:     %m = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
// CHECK-NEXT:     kernel.gather %w rows %l count %n into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
// CHECK-NEXT:     kernel.gather %w rows %l count %n into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
// CHECK-NEXT:     kernel.gather %w rows %l count %m into %y : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
// CHECK-NEXT:     kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>
// CHECK-NEXT:     kernel.dense %w, %s init %b into %y : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

%w, %l, %n, %x = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<4x4x2xi8>)
%o, %p, %q = "test.op"() : () -> (memref<2x2x4xf32>, memref<2x2x2xf32>, memref<2x2x6xf32>)
kernel.scatter %w rows %l count %n into %o input [4, 4, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x2x4xf32>
kernel.scatter %w rows %l count %n into %o input [4, 4, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x2x4xf32>
kernel.pool sum %x into %p kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x4x2xi8> -> memref<2x2x2xf32>
kernel.pool sum %x into %p kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x4x2xi8> -> memref<2x2x2xf32>
kernel.insert %o into %q at [0, 0, 0] : memref<2x2x4xf32> into memref<2x2x6xf32>
kernel.insert %p into %q at [0, 0, 4] : memref<2x2x2xf32> into memref<2x2x6xf32>
kernel.insert %o into %q at [0, 0, 0] : memref<2x2x4xf32> into memref<2x2x6xf32>

// CHECK:      %w, %l, %n, %x = "test.op"() : () -> (memref<2x3x3x4xf32>, memref<40xi16>, index, memref<4x4x2xi8>)
// CHECK-NEXT: %o, %p, %q = "test.op"() : () -> (memref<2x2x4xf32>, memref<2x2x2xf32>, memref<2x2x6xf32>)
// CHECK-NEXT: kernel.scatter %w rows %l count %n into %o input [4, 4, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x2x4xf32>
// CHECK-NEXT: kernel.scatter %w rows %l count %n into %o input [4, 4, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x2x4xf32>
// CHECK-NEXT: kernel.pool sum %x into %p kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x4x2xi8> -> memref<2x2x2xf32>
// CHECK-NEXT: kernel.pool sum %x into %p kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x4x2xi8> -> memref<2x2x2xf32>
// CHECK-NEXT: kernel.insert %o into %q at [0, 0, 0] : memref<2x2x4xf32> into memref<2x2x6xf32>
// CHECK-NEXT: kernel.insert %p into %q at [0, 0, 4] : memref<2x2x2xf32> into memref<2x2x6xf32>
// CHECK-NEXT: kernel.insert %o into %q at [0, 0, 0] : memref<2x2x4xf32> into memref<2x2x6xf32>
// CHECK-NEXT: }

// -----

// reading a delay line twice is the same twice, unless it is written in between; both stay,
// for each writes its output

%line, %at, %x, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)
kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>

// CHECK:      %line, %at, %x, %y = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)
// CHECK-NEXT: kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
// CHECK-NEXT: kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
// CHECK-NEXT: kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
// CHECK-NEXT: kernel.delay_write %x into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
// CHECK-NEXT: kernel.delay_read %line at %at into %y steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
// CHECK-NEXT: }

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

// CHECK:      kernel.program @generic block 1 {
// CHECK-NEXT:   kernel.buffer state @v : memref<2xf32> = dense<1.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %v = kernel.ref @v : memref<2xf32>
// CHECK-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%v : memref<2xf32>) {
// CHECK-NEXT:     ^bb0(%a: f32):
// CHECK-NEXT:       %0 = arith.addf %a, %a : f32
// CHECK-NEXT:       linalg.yield %0 : f32
// CHECK-NEXT:     }
// CHECK-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%v : memref<2xf32>) {
// CHECK-NEXT:     ^bb0(%a_1: f32):
// CHECK-NEXT:       %1 = arith.addf %a_1, %a_1 : f32
// CHECK-NEXT:       linalg.yield %1 : f32
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }
