// RUN: snncc-opt -p dce %s | filecheck --match-full-lines %s

// references, constants and loops of them go; what writes memory stays, buffers and stages too

kernel.program @net block 4 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.buffer stream @unused : memref<4x2xf32>
  kernel.buffer work @l : memref<2xi16> stage "a"
  kernel.stage "a" of ["a"] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %l = kernel.ref @l : memref<2xi16>
    %s = kernel.ref @s[%c0] : memref<2xf32>
    scf.for %k = %c0 to %n step %c1 {
      %x = kernel.ref @s[%k] : memref<2xf32>
    }
    %count = kernel.compress %s into %l : memref<2xf32>, memref<2xi16>
  }
  kernel.stage "nothing" of [] (%n) {
    %c0 = arith.constant 0 : index
  }
}

// CHECK:      kernel.program @net block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x2xf32>
// CHECK-NEXT:   kernel.buffer stream @unused : memref<4x2xf32>
// CHECK-NEXT:   kernel.buffer work @l : memref<2xi16> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %l = kernel.ref @l : memref<2xi16>
// CHECK-NEXT:     %s = kernel.ref @s[%c0] : memref<2xf32>
// CHECK-NEXT:     %count = kernel.compress %s into %l : memref<2xf32>, memref<2xi16>
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "nothing" of [] (%n_1) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }
