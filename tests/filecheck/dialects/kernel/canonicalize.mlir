// RUN: snncc-opt --split-input-file -p canonicalize %s | filecheck --match-full-lines %s

// references and constants that nothing uses go; buffers, stages and programs stay, even
// where nothing uses them

kernel.program @unused block 4 {
  kernel.buffer const @w : memref<2xf32> = dense<0.5> : tensor<2xf32>
  kernel.buffer work @unused : memref<2xf32> stage "a"
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.stage "a" of ["a"] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2xf32>
    %s = kernel.ref @s[%c0] : memref<2xf32>
  }
}
kernel.program @nothing block 1 {
  kernel.buffer input @x : memref<?x2xi8>
}

// CHECK:      kernel.program @unused block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2xf32> = dense<5.000000e-01> : tensor<2xf32>
// CHECK-NEXT:   kernel.buffer work @unused : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x2xf32>
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: kernel.program @nothing block 1 {
// CHECK-NEXT:   kernel.buffer input @x : memref<?x2xi8>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// equal references stay: cse merges them

kernel.program @references block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer work @x : memref<2xf32> stage "a"
  kernel.buffer work @y : memref<2xf32> stage "a"
  kernel.stage "a" of ["a"] (%n) {
    %w = kernel.ref @w : memref<2x2xf32>
    %v = kernel.ref @w : memref<2x2xf32>
    %x = kernel.ref @x : memref<2xf32>
    %y = kernel.ref @y : memref<2xf32>
    kernel.dense %w, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
    kernel.dense %v, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
}

// CHECK:      kernel.program @references block 1 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// CHECK-NEXT:   kernel.buffer work @x : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.buffer work @y : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %w = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %v = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %x = kernel.ref @x : memref<2xf32>
// CHECK-NEXT:     %y = kernel.ref @y : memref<2xf32>
// CHECK-NEXT:     kernel.dense %w, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:     kernel.dense %v, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// loops without kernels go, loops with one stay; the number that a compress gives may be
// unused, its list is not

kernel.program @loops block 4 {
  kernel.buffer stream @s : memref<4x6xi8>
  kernel.buffer work @l : memref<6xi16> stage "a"
  kernel.stage "a" of ["a"] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %k = %c0 to %n step %c1 {
      %s = kernel.ref @s[%k] : memref<6xi8>
    }
    scf.for %k = %c0 to %n step %c1 {
      %s = kernel.ref @s[%k] : memref<6xi8>
      %l = kernel.ref @l : memref<6xi16>
      %m = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
    }
  }
}

// CHECK:      kernel.program @loops block 4 {
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x6xi8>
// CHECK-NEXT:   kernel.buffer work @l : memref<6xi16> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %c1 = arith.constant 1 : index
// CHECK-NEXT:     scf.for %k = %c0 to %n step %c1 {
// CHECK-NEXT:       %s = kernel.ref @s[%k] : memref<6xi8>
// CHECK-NEXT:       %l = kernel.ref @l : memref<6xi16>
// CHECK-NEXT:       %m = kernel.compress %s into %l : memref<6xi8>, memref<6xi16>
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// elementwise work writes its outputs: it stays, and constants in its body are folded

kernel.program @generic block 1 {
  kernel.buffer state @v : memref<2xf32> = dense<0.0> : tensor<2xf32>
  kernel.buffer work @y : memref<2xf32> stage "a"
  kernel.stage "a" of ["a"] (%n) {
    %v = kernel.ref @v : memref<2xf32>
    %y = kernel.ref @y : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%v : memref<2xf32>) outs(%y : memref<2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %one = arith.constant 1.0 : f32
      %two = arith.addf %one, %one : f32
      %0 = arith.mulf %a, %two : f32
      linalg.yield %0 : f32
    }
  }
}

// CHECK:      kernel.program @generic block 1 {
// CHECK-NEXT:   kernel.buffer state @v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   kernel.buffer work @y : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %v = kernel.ref @v : memref<2xf32>
// CHECK-NEXT:     %y = kernel.ref @y : memref<2xf32>
// CHECK-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%v : memref<2xf32>) outs(%y : memref<2xf32>) {
// CHECK-NEXT:     ^bb0(%a: f32, %b: f32):
// CHECK-NEXT:       %two = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:       %0 = arith.mulf %a, %two : f32
// CHECK-NEXT:       linalg.yield %0 : f32
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }
