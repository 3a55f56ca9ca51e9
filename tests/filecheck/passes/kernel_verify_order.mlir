// RUN: snncc-opt --split-input-file --verify-diagnostics -p kernel-verify-order %s | filecheck --match-full-lines %s

// a program in order: streams are written before they are read, in this stage or an earlier
// one; states are read before they are written. It comes out as it went in

kernel.program @in_order block 4 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer state @v : memref<2xf32> = dense<0.0> : tensor<2xf32>
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.buffer work @l : memref<2xi16> stage "b"
  kernel.buffer work @u : memref<2xf32> stage "b"
  kernel.buffer input @x : memref<?x2xf32>
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "a" of ["a"] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %k = %c0 to %n step %c1 {
      %w = kernel.ref @w : memref<2x2xf32>
      %v = kernel.ref @v : memref<2xf32>
      %s = kernel.ref @s[%k] : memref<2xf32>
      kernel.dense %w, %v into %s : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
    }
  }
  kernel.stage "b" of ["b"] (%n) {
    %c0 = arith.constant 0 : index
    %s = kernel.ref @s[%c0] : memref<2xf32>
    %l = kernel.ref @l : memref<2xi16>
    %m = kernel.compress %s into %l : memref<2xf32>, memref<2xi16>
    %w = kernel.ref @w : memref<2x2xf32>
    %u = kernel.ref @u : memref<2xf32>
    kernel.gather %w rows %l count %m into %u : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
    %x = kernel.ref @x[%c0] : memref<2xf32>
    %y = kernel.ref @y[%c0] : memref<2xf32>
    %v = kernel.ref @v : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%u, %x : memref<2xf32>, memref<2xf32>) outs(%y, %v : memref<2xf32>, memref<2xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
      %0 = arith.addf %a, %b : f32
      linalg.yield %0, %0 : f32, f32
    }
  }
}
snn.network @not_a_program () -> () {
  snn.yield :
}

// CHECK:      kernel.program @in_order block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// CHECK-NEXT:   kernel.buffer state @v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x2xf32>
// CHECK-NEXT:   kernel.buffer work @l : memref<2xi16> stage "b"
// CHECK-NEXT:   kernel.buffer work @u : memref<2xf32> stage "b"
// CHECK-NEXT:   kernel.buffer input @x : memref<?x2xf32>
// CHECK-NEXT:   kernel.buffer output @y : memref<?x2xf32>
// CHECK-NEXT:   kernel.stage "a" of ["a"] (%n) {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %c1 = arith.constant 1 : index
// CHECK-NEXT:     scf.for %k = %c0 to %n step %c1 {
// CHECK-NEXT:       %w = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:       %v = kernel.ref @v : memref<2xf32>
// CHECK-NEXT:       %s = kernel.ref @s[%k] : memref<2xf32>
// CHECK-NEXT:       kernel.dense %w, %v into %s : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "b" of ["b"] (%n_1) {
// CHECK-NEXT:     %c0_1 = arith.constant 0 : index
// CHECK-NEXT:     %s_1 = kernel.ref @s[%c0_1] : memref<2xf32>
// CHECK-NEXT:     %l = kernel.ref @l : memref<2xi16>
// CHECK-NEXT:     %m = kernel.compress %s_1 into %l : memref<2xf32>, memref<2xi16>
// CHECK-NEXT:     %w_1 = kernel.ref @w : memref<2x2xf32>
// CHECK-NEXT:     %u = kernel.ref @u : memref<2xf32>
// CHECK-NEXT:     kernel.gather %w_1 rows %l count %m into %u : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
// CHECK-NEXT:     %x = kernel.ref @x[%c0_1] : memref<2xf32>
// CHECK-NEXT:     %y = kernel.ref @y[%c0_1] : memref<2xf32>
// CHECK-NEXT:     %v_1 = kernel.ref @v : memref<2xf32>
// CHECK-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%u, %x : memref<2xf32>, memref<2xf32>) outs(%y, %v_1 : memref<2xf32>, memref<2xf32>) {
// CHECK-NEXT:     ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
// CHECK-NEXT:       %0 = arith.addf %a, %b : f32
// CHECK-NEXT:       linalg.yield %0, %0 : f32, f32
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @not_a_program () -> () {
// CHECK-NEXT:   snn.yield :
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// values: used above their definition, in the stage, in a loop and in a body

kernel.program @net block 1 {
  kernel.buffer stream @s : memref<1x2xf32>
  kernel.stage "late" of [] (%n) {
    %s = kernel.ref @s[%c0] : memref<2xf32>
    %c0 = arith.constant 0 : index
  }
}

// CHECK: kernel-verify-order: stage 'late': kernel.ref uses a value that is defined below it

// -----

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.stage "loop" of [] (%n) {
    %c0 = arith.constant 0 : index
    scf.for %k = %c0 to %n step %c1 {
      %s = kernel.ref @s[%k] : memref<2xf32>
    }
    %c1 = arith.constant 1 : index
  }
}

// CHECK: kernel-verify-order: stage 'loop': scf.for uses a value that is defined below it

// -----

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.stage "inner" of [] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %k = %c0 to %n step %c1 {
      %s = kernel.ref @s[%last] : memref<2xf32>
    }
    %last = arith.constant 3 : index
  }
}

// CHECK: kernel-verify-order: stage 'inner': kernel.ref uses a value that is defined below it

// -----

kernel.program @net block 1 {
  kernel.buffer state @v : memref<2xf32> = dense<0.0> : tensor<2xf32>
  kernel.stage "body" of [] (%n) {
    %v = kernel.ref @v : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%v : memref<2xf32>) {
    ^bb0(%a: f32):
      %0 = arith.addf %a, %1 : f32
      %1 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
    }
  }
}

// CHECK: kernel-verify-order: stage 'body': arith.addf uses a value that is defined below it

// -----

// the steps of a loop are not known behind it, nor those of another stage

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2xf32>
  "kernel.stage"() <{stage_name = "outside", nodes = []}> ({
  ^bb0(%n: index):
    %s = "kernel.ref"(%m) <{buffer = @s}> : (index) -> memref<2xf32>
  }) : () -> ()
  "kernel.stage"() <{stage_name = "other", nodes = []}> ({
  ^bb0(%m: index):
  }) : () -> ()
}

// CHECK: kernel-verify-order: stage 'outside': kernel.ref uses a block argument that is defined below it

// -----

// buffers: streams and work are written before they are read, by an earlier stage or here

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer stream @s : memref<1x2xf32>
  kernel.buffer stream @t : memref<1x2xf32>
  kernel.stage "reader" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %s = kernel.ref @s[%c0] : memref<2xf32>
    %t = kernel.ref @t[%c0] : memref<2xf32>
    kernel.dense %w, %s into %t : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
  kernel.stage "writer" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %s = kernel.ref @s[%c0] : memref<2xf32>
    %t = kernel.ref @t[%c0] : memref<2xf32>
    kernel.dense %w, %t into %s : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'reader' reads stream 's' before anything writes it

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer work @l : memref<2xi16> stage "a"
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "a" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %l = kernel.ref @l : memref<2xi16>
    %y = kernel.ref @y[%c0] : memref<2xf32>
    kernel.gather %w rows %l count %c0 into %y : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'a' reads work 'l' before anything writes it

// -----

// weights and inputs are not written

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer const @b : memref<2xf32> = dense<0.5> : tensor<2xf32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.stage "a" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %b = kernel.ref @b : memref<2xf32>
    %x = kernel.ref @x[%c0] : memref<2xf32>
    kernel.dense %w, %x into %b : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'a' writes the const 'b'

// -----

kernel.program @net block 1 {
  kernel.buffer input @x : memref<?x2xf32>
  kernel.stage "a" of [] (%n) {
    %c0 = arith.constant 0 : index
    %x = kernel.ref @x[%c0] : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<2xf32>) {
    ^bb0(%a: f32):
      linalg.yield %a : f32
    }
  }
}

// CHECK: kernel-verify-order: stage 'a' writes the input 'x'

// -----

// each kernel's output: what it may not write shows that it writes

kernel.program @net block 1 {
  kernel.buffer const @l : memref<2xi16> = dense<0> : tensor<2xi16>
  kernel.buffer input @x : memref<?x2xi8>
  kernel.stage "compress" of [] (%n) {
    %c0 = arith.constant 0 : index
    %l = kernel.ref @l : memref<2xi16>
    %x = kernel.ref @x[%c0] : memref<2xi8>
    %m = kernel.compress %x into %l : memref<2xi8>, memref<2xi16>
  }
}

// CHECK: kernel-verify-order: stage 'compress' writes the const 'l'

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x2xf32> = dense<0.5> : tensor<2x2xf32>
  kernel.buffer const @l : memref<2xi16> = dense<0> : tensor<2xi16>
  kernel.buffer const @o : memref<2xf32> = dense<0.5> : tensor<2xf32>
  kernel.stage "gather" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<2x2xf32>
    %l = kernel.ref @l : memref<2xi16>
    %o = kernel.ref @o : memref<2xf32>
    kernel.gather %w rows %l count %c0 into %o : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'gather' writes the const 'o'

// -----

kernel.program @net block 1 {
  kernel.buffer const @w : memref<1x1x1x1xf32> = dense<0.5> : tensor<1x1x1x1xf32>
  kernel.buffer const @l : memref<1xi16> = dense<0> : tensor<1xi16>
  kernel.buffer const @o : memref<1x1x1xf32> = dense<0.5> : tensor<1x1x1xf32>
  kernel.stage "scatter" of [] (%n) {
    %c0 = arith.constant 0 : index
    %w = kernel.ref @w : memref<1x1x1x1xf32>
    %l = kernel.ref @l : memref<1xi16>
    %o = kernel.ref @o : memref<1x1x1xf32>
    kernel.scatter %w rows %l count %c0 into %o input [1, 1, 1] stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : memref<1x1x1x1xf32> rows memref<1xi16> -> memref<1x1x1xf32>
  }
}

// CHECK: kernel-verify-order: stage 'scatter' writes the const 'o'

// -----

kernel.program @net block 1 {
  kernel.buffer const @x : memref<1x1x1xf32> = dense<0.5> : tensor<1x1x1xf32>
  kernel.buffer const @o : memref<1x1x1xf32> = dense<0.25> : tensor<1x1x1xf32>
  kernel.stage "pool" of [] (%n) {
    %x = kernel.ref @x : memref<1x1x1xf32>
    %o = kernel.ref @o : memref<1x1x1xf32>
    kernel.pool sum %x into %o kernel [1, 1] stride [1, 1] padding [0, 0] : memref<1x1x1xf32> -> memref<1x1x1xf32>
  }
}

// CHECK: kernel-verify-order: stage 'pool' writes the const 'o'

// -----

kernel.program @net block 1 {
  kernel.buffer const @x : memref<2xf32> = dense<0.5> : tensor<2xf32>
  kernel.buffer const @o : memref<2xf32> = dense<0.25> : tensor<2xf32>
  kernel.stage "insert" of [] (%n) {
    %x = kernel.ref @x : memref<2xf32>
    %o = kernel.ref @o : memref<2xf32>
    kernel.insert %x into %o at [0] : memref<2xf32> into memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'insert' writes the const 'o'

// -----

kernel.program @net block 1 {
  kernel.buffer state @line : memref<3x2xf32> = dense<0.0> : tensor<3x2xf32>
  kernel.buffer state @line.position : memref<1xi32> = dense<0> : tensor<1xi32>
  kernel.buffer const @o : memref<2xf32> = dense<0.25> : tensor<2xf32>
  kernel.stage "read" of [] (%n) {
    %line = kernel.ref @line : memref<3x2xf32>
    %p = kernel.ref @line.position : memref<1xi32>
    %o = kernel.ref @o : memref<2xf32>
    kernel.delay_read %line at %p into %o steps [3] : memref<3x2xf32> at memref<1xi32> -> memref<2xf32>
  }
}

// CHECK: kernel-verify-order: stage 'read' writes the const 'o'

// -----

kernel.program @net block 1 {
  kernel.buffer const @line : memref<3x2xf32> = dense<0.0> : tensor<3x2xf32>
  kernel.buffer state @line.position : memref<1xi32> = dense<0> : tensor<1xi32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.stage "write" of [] (%n) {
    %c0 = arith.constant 0 : index
    %line = kernel.ref @line : memref<3x2xf32>
    %p = kernel.ref @line.position : memref<1xi32>
    %x = kernel.ref @x[%c0] : memref<2xf32>
    kernel.delay_write %x into %line at %p : memref<2xf32>, memref<3x2xf32>, memref<1xi32>
  }
}

// CHECK: kernel-verify-order: stage 'write' writes the const 'line'

// -----

kernel.program @net block 1 {
  kernel.buffer state @line : memref<3x2xf32> = dense<0.0> : tensor<3x2xf32>
  kernel.buffer const @line.position : memref<1xi32> = dense<0> : tensor<1xi32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.stage "write" of [] (%n) {
    %c0 = arith.constant 0 : index
    %line = kernel.ref @line : memref<3x2xf32>
    %p = kernel.ref @line.position : memref<1xi32>
    %x = kernel.ref @x[%c0] : memref<2xf32>
    kernel.delay_write %x into %line at %p : memref<2xf32>, memref<3x2xf32>, memref<1xi32>
  }
}

// CHECK: kernel-verify-order: stage 'write' writes the const 'line.position'
