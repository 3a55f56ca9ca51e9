// RUN: snncc-opt --split-input-file -p cse %s | filecheck --match-full-lines %s

// equal references are one, also from a loop to the stage around it; another step, another
// type and another buffer are not equal, nor is another stage's reference

kernel.program @references block 4 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.buffer stream @t : memref<4x2xf32>
  kernel.buffer work @y : memref<2xf32> stage "a"
  kernel.buffer work @z : memref<2xf32> stage "b"
  kernel.stage "a" of ["a"] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %s0 = kernel.ref @s[%c0] : memref<2xf32>
    scf.for %k = %c0 to %n step %c1 {
      %v = kernel.ref @w : memref<2x2xf32>
      %x = kernel.ref @s[%k] : memref<2xf32>
      %x2 = kernel.ref @s[%k] : memref<2xf32>
      %column = kernel.ref @s[%k] : memref<2x1xf32>
      %t = kernel.ref @t[%k] : memref<2xf32>
      %y = kernel.ref @y : memref<2xf32>
      kernel.dense %w, %x init %t into %y : memref<2x2xf32>, memref<2xf32> init memref<2xf32> -> memref<2xf32>
      kernel.dense %v, %x2 init %s0 into %y : memref<2x2xf32>, memref<2xf32> init memref<2xf32> -> memref<2xf32>
      kernel.dense %v, %column init %t into %y : memref<2x2xf32>, memref<2x1xf32> init memref<2xf32> -> memref<2xf32>
    }
  }
  kernel.stage "b" of ["b"] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %x = kernel.ref @s[%c0] : memref<2xf32>
    %z = kernel.ref @z : memref<2xf32>
    kernel.dense %w, %x into %z : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
}

// CHECK:      kernel.program @references block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x2xf32>
// CHECK-NEXT:   kernel.buffer stream @t : memref<4x2xf32>
// CHECK-NEXT:   kernel.buffer work @y : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.buffer work @z : memref<2xf32> stage "b"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %c1 = arith.constant 1 : index
// CHECK-NEXT:     %w = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %s0 = kernel.ref @s[%c0] : memref<2xf32>
// CHECK-NEXT:     scf.for %k = %c0 to %n step %c1 {
// CHECK-NEXT:       %x = kernel.ref @s[%k] : memref<2xf32>
// CHECK-NEXT:       %column = kernel.ref @s[%k] : memref<2x1xf32>
// CHECK-NEXT:       %t = kernel.ref @t[%k] : memref<2xf32>
// CHECK-NEXT:       %y = kernel.ref @y : memref<2xf32>
// CHECK-NEXT:       kernel.dense %w, %x init %t into %y : memref<2x2xf32>, memref<2xf32> init memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:       kernel.dense %w, %x init %s0 into %y : memref<2x2xf32>, memref<2xf32> init memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:       kernel.dense %w, %column init %t into %y : memref<2x2xf32>, memref<2x1xf32> init memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "b" of ["b"] (%n_1) {
// CHECK-NEXT:     %c0_1 = arith.constant 0 : index
// CHECK-NEXT:     %w_1 = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %x_1 = kernel.ref @s[%c0_1] : memref<2xf32>
// CHECK-NEXT:     %z = kernel.ref @z : memref<2xf32>
// CHECK-NEXT:     kernel.dense %w_1, %x_1 into %z : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a buffer keeps its reference while its content changes between the two

kernel.program @rewritten block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer work @x : memref<2xf32> stage "a"
  kernel.buffer work @y : memref<2xf32> stage "a"
  kernel.stage "a" of ["a"] (%n) {
    %w = kernel.ref @w : memref<2x2xf32>
    %x = kernel.ref @x : memref<2xf32>
    %y = kernel.ref @y : memref<2xf32>
    kernel.dense %w, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
    %y2 = kernel.ref @y : memref<2xf32>
    kernel.dense %w, %y2 into %x : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
}

// CHECK:      kernel.program @rewritten block 1 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// CHECK-NEXT:   kernel.buffer work @x : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.buffer work @y : memref<2xf32> stage "a"
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %w = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %x = kernel.ref @x : memref<2xf32>
// CHECK-NEXT:     %y = kernel.ref @y : memref<2xf32>
// CHECK-NEXT:     kernel.dense %w, %x into %y : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:     kernel.dense %w, %y into %x : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// equal stages, equal programs and equal buffers of two programs stay two

kernel.program @a block 1 {
  kernel.buffer output @y : memref<?x2xi8>
  kernel.stage "a" of [] (%n) {
  }
  kernel.stage "a" of [] (%n) {
  }
}
kernel.program @b block 1 {
  kernel.buffer output @y : memref<?x2xi8>
  kernel.stage "a" of [] (%n) {
  }
}

// CHECK:      kernel.program @a block 1 {
// CHECK-NEXT:   kernel.buffer output @y : memref<?x2xi8>
// CHECK-NEXT:   kernel.stage "a" of [] (%n) {
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "a" of [] (%n_1) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: kernel.program @b block 1 {
// CHECK-NEXT:   kernel.buffer output @y : memref<?x2xi8>
// CHECK-NEXT:   kernel.stage "a" of [] (%n_2) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }
