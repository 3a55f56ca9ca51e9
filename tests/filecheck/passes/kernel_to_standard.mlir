// RUN: snncc-opt --split-input-file %s -p kernel-to-standard | filecheck --match-full-lines %s

// buffers become globals, the caller's are arguments; blocks of steps, the last one shorter;
// a state whose elements differ is reset from a constant

kernel.program @p block 4 {
  kernel.buffer const @w : memref<3x2xf32> = dense<0.5> : tensor<3x2xf32>
  kernel.buffer state @lif.v : memref<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>
  kernel.buffer state @"a b" : memref<2x3xi8> = dense<0> : tensor<2x3xi8> channel_last
  kernel.buffer stream @i : memref<4x2xf32>
  kernel.buffer work @list : memref<3xi16> stage "s"
  kernel.buffer input @x : memref<?x3x1xf32>
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "s" of [] (%n) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %k = %c0 to %n step %c1 {
      %w = kernel.ref @w : memref<3x2xf32>
      %i = kernel.ref @i[%k] : memref<2xf32>
      %x = kernel.ref @x[%k] : memref<3xf32>
      %list = kernel.ref @list : memref<3xi16>
      %count = kernel.compress %x into %list : memref<3xf32>, memref<3xi16>
      kernel.gather %w rows %list count %count values %x into %i : memref<3x2xf32> rows memref<3xi16> values memref<3xf32> -> memref<2xf32>
    }
  }
}

// CHECK:      builtin.module {
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.w", type = memref<3x2xf32>, initial_value = dense<5.000000e-01> : tensor<3x2xf32>, sym_visibility = "private", constant}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.lif.v", type = memref<2xf32>, initial_value = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>, sym_visibility = "private"}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.a b", type = memref<2x3xi8>, initial_value = dense<0> : tensor<2x3xi8>, sym_visibility = "private"}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.i", type = memref<4x2xf32>, initial_value = dense<0.000000e+00> : tensor<4x2xf32>, sym_visibility = "private"}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.list", type = memref<3xi16>, initial_value = dense<0> : tensor<3xi16>, sym_visibility = "private"}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.lif.v.init", type = memref<2xf32>, initial_value = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>, sym_visibility = "private", constant}> : () -> ()
// CHECK-NEXT:   func.func @p_run(%x: memref<?x3x1xf32>, %y: memref<?x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 4 : index
// CHECK-NEXT:     %2 = arith.constant 1 : index
// CHECK-NEXT:     %3 = arith.constant 2 : index
// CHECK-NEXT:     %4 = arith.constant 3 : index
// CHECK-NEXT:     %5 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     scf.for %6 = %0 to %steps step %1 {
// CHECK-NEXT:       %7 = arith.subi %steps, %6 : index
// CHECK-NEXT:       %8 = arith.minsi %7, %1 : index
// CHECK-NEXT:       scf.for %9 = %0 to %8 step %2 {
// CHECK-NEXT:         %10 = memref.get_global @p.w : memref<3x2xf32>
// CHECK-NEXT:         %11 = memref.get_global @p.i : memref<4x2xf32>
// CHECK-NEXT:         %12 = arith.muli %9, %3 : index
// CHECK-NEXT:         %13 = memref.reinterpret_cast %11 to offset: [%12], sizes: [2], strides: [1] : memref<4x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         %14 = arith.addi %6, %9 : index
// CHECK-NEXT:         %15 = arith.muli %14, %4 : index
// CHECK-NEXT:         %16 = memref.reinterpret_cast %x to offset: [%15], sizes: [3], strides: [1] : memref<?x3x1xf32> to memref<3xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         %17 = memref.get_global @p.list : memref<3xi16>
// CHECK-NEXT:         %18 = scf.for %19 = %0 to %4 step %2 iter_args(%20 = %0) -> (index) {
// CHECK-NEXT:           %21 = memref.load %16[%19] : memref<3xf32, strided<[1], offset: ?>>
// CHECK-NEXT:           %22 = arith.cmpf une, %21, %5 : f32
// CHECK-NEXT:           %23 = arith.index_cast %19 : index to i16
// CHECK-NEXT:           memref.store %23, %17[%20] : memref<3xi16>
// CHECK-NEXT:           %24 = arith.addi %20, %2 : index
// CHECK-NEXT:           %25 = arith.select %22, %24, %20 : index
// CHECK-NEXT:           scf.yield %25 : index
// CHECK-NEXT:         }
// CHECK-NEXT:         scf.for %26 = %0 to %3 step %2 {
// CHECK-NEXT:           memref.store %5, %13[%26] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:         scf.for %27 = %0 to %18 step %2 {
// CHECK-NEXT:           %28 = memref.load %17[%27] : memref<3xi16>
// CHECK-NEXT:           %29 = arith.extui %28 : i16 to i64
// CHECK-NEXT:           %30 = arith.index_cast %29 : i64 to index
// CHECK-NEXT:           %31 = memref.load %16[%30] : memref<3xf32, strided<[1], offset: ?>>
// CHECK-NEXT:           scf.for %32 = %0 to %3 step %2 {
// CHECK-NEXT:             %33 = memref.load %10[%30, %32] : memref<3x2xf32>
// CHECK-NEXT:             %34 = arith.mulf %33, %31 : f32
// CHECK-NEXT:             %35 = memref.load %13[%32] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:             %36 = arith.addf %35, %34 : f32
// CHECK-NEXT:             memref.store %36, %13[%32] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:           }
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @p_reset() attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 2 : index
// CHECK-NEXT:     %2 = arith.constant 1 : index
// CHECK-NEXT:     %3 = arith.constant 0 : i8
// CHECK-NEXT:     %4 = arith.constant 3 : index
// CHECK-NEXT:     %5 = memref.get_global @p.lif.v : memref<2xf32>
// CHECK-NEXT:     %6 = memref.get_global @p.lif.v.init : memref<2xf32>
// CHECK-NEXT:     scf.for %7 = %0 to %1 step %2 {
// CHECK-NEXT:       %8 = memref.load %6[%7] : memref<2xf32>
// CHECK-NEXT:       memref.store %8, %5[%7] : memref<2xf32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %9 = memref.get_global @"p.a b" : memref<2x3xi8>
// CHECK-NEXT:     scf.for %10 = %0 to %1 step %2 {
// CHECK-NEXT:       scf.for %11 = %0 to %4 step %2 {
// CHECK-NEXT:         memref.store %3, %9[%10, %11] : memref<2x3xi8>
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// a sum over counts that starts at 0 + init, and one over all inputs

kernel.program @p block 1 {
  kernel.buffer const @w : memref<3x2xf32> = dense<0.5> : tensor<3x2xf32>
  kernel.buffer const @b : memref<2xf32> = dense<0.25> : tensor<2xf32>
  kernel.buffer work @list : memref<3xi16> stage "s"
  kernel.buffer work @a : memref<2xf32> stage "s"
  kernel.buffer input @z : memref<?x3xi8>
  kernel.buffer input @x : memref<?x3xf32>
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %w = kernel.ref @w : memref<3x2xf32>
    %b = kernel.ref @b : memref<2xf32>
    %a = kernel.ref @a : memref<2xf32>
    %z = kernel.ref @z[%k] : memref<3xi8>
    %list = kernel.ref @list : memref<3xi16>
    %count = kernel.compress %z into %list : memref<3xi8>, memref<3xi16>
    kernel.gather %w rows %list count %count values %z init %b into %a : memref<3x2xf32> rows memref<3xi16> values memref<3xi8> init memref<2xf32> -> memref<2xf32>
    %x = kernel.ref @x[%k] : memref<3xf32>
    %y = kernel.ref @y[%k] : memref<2xf32>
    kernel.dense %w, %x into %y : memref<3x2xf32>, memref<3xf32> -> memref<2xf32>
  }
}

// CHECK:        func.func @p_run(%z: memref<?x3xi8>, %x: memref<?x3xf32>, %y: memref<?x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 3 : index
// CHECK-NEXT:     %3 = arith.constant 0 : i8
// CHECK-NEXT:     %4 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %5 = arith.constant 2 : index
// CHECK-NEXT:     scf.for %6 = %0 to %steps step %1 {
// CHECK-NEXT:       %7 = arith.subi %steps, %6 : index
// CHECK-NEXT:       %8 = arith.minsi %7, %1 : index
// CHECK-NEXT:       %9 = memref.get_global @p.w : memref<3x2xf32>
// CHECK-NEXT:       %10 = memref.get_global @p.b : memref<2xf32>
// CHECK-NEXT:       %11 = memref.get_global @p.a : memref<2xf32>
// CHECK-NEXT:       %12 = arith.muli %6, %2 : index
// CHECK-NEXT:       %13 = memref.reinterpret_cast %z to offset: [%12], sizes: [3], strides: [1] : memref<?x3xi8> to memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %14 = memref.get_global @p.list : memref<3xi16>
// CHECK-NEXT:       %15 = scf.for %16 = %0 to %2 step %1 iter_args(%17 = %0) -> (index) {
// CHECK-NEXT:         %18 = memref.load %13[%16] : memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         %19 = arith.cmpi ne, %18, %3 : i8
// CHECK-NEXT:         %20 = arith.index_cast %16 : index to i16
// CHECK-NEXT:         memref.store %20, %14[%17] : memref<3xi16>
// CHECK-NEXT:         %21 = arith.addi %17, %1 : index
// CHECK-NEXT:         %22 = arith.select %19, %21, %17 : index
// CHECK-NEXT:         scf.yield %22 : index
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %23 = %0 to %5 step %1 {
// CHECK-NEXT:         %24 = memref.load %10[%23] : memref<2xf32>
// CHECK-NEXT:         %25 = arith.addf %4, %24 : f32
// CHECK-NEXT:         memref.store %25, %11[%23] : memref<2xf32>
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %26 = %0 to %15 step %1 {
// CHECK-NEXT:         %27 = memref.load %14[%26] : memref<3xi16>
// CHECK-NEXT:         %28 = arith.extui %27 : i16 to i64
// CHECK-NEXT:         %29 = arith.index_cast %28 : i64 to index
// CHECK-NEXT:         %30 = memref.load %13[%29] : memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         %31 = arith.uitofp %30 : i8 to f32
// CHECK-NEXT:         scf.for %32 = %0 to %5 step %1 {
// CHECK-NEXT:           %33 = memref.load %9[%29, %32] : memref<3x2xf32>
// CHECK-NEXT:           %34 = arith.mulf %33, %31 : f32
// CHECK-NEXT:           %35 = memref.load %11[%32] : memref<2xf32>
// CHECK-NEXT:           %36 = arith.addf %35, %34 : f32
// CHECK-NEXT:           memref.store %36, %11[%32] : memref<2xf32>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:       %37 = arith.muli %6, %2 : index
// CHECK-NEXT:       %38 = memref.reinterpret_cast %x to offset: [%37], sizes: [3], strides: [1] : memref<?x3xf32> to memref<3xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %39 = arith.muli %6, %5 : index
// CHECK-NEXT:       %40 = memref.reinterpret_cast %y to offset: [%39], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       scf.for %41 = %0 to %5 step %1 {
// CHECK-NEXT:         memref.store %4, %40[%41] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %42 = %0 to %2 step %1 {
// CHECK-NEXT:         %43 = memref.load %38[%42] : memref<3xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         scf.for %44 = %0 to %5 step %1 {
// CHECK-NEXT:           %45 = memref.load %9[%42, %44] : memref<3x2xf32>
// CHECK-NEXT:           %46 = arith.mulf %45, %43 : f32
// CHECK-NEXT:           %47 = memref.load %40[%44] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:           %48 = arith.addf %47, %46 : f32
// CHECK-NEXT:           memref.store %48, %40[%44] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// a convolution: stride 2 down, dilation 2 across, two groups

kernel.program @p block 1 {
  kernel.buffer const @w : memref<4x3x2x3xf32> = dense<0.5> : tensor<4x3x2x3xf32>
  kernel.buffer work @list : memref<120xi16> stage "s"
  kernel.buffer input @z : memref<?x120xi8>
  kernel.buffer output @y : memref<?x3x5x6xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %w = kernel.ref @w : memref<4x3x2x3xf32>
    %z = kernel.ref @z[%k] : memref<120xi8>
    %list = kernel.ref @list : memref<120xi16>
    %y = kernel.ref @y[%k] : memref<3x5x6xf32>
    %count = kernel.compress %z into %list : memref<120xi8>, memref<120xi16>
    "kernel.scatter"(%w, %list, %count, %y) <{input_shape = array<i64: 5, 6, 4>, stride = array<i64: 2, 1>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 2>, groups = 2 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> : (memref<4x3x2x3xf32>, memref<120xi16>, index, memref<3x5x6xf32>) -> ()
  }
}

// CHECK:        func.func @p_run(%z: memref<?x120xi8>, %y: memref<?x3x5x6xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 120 : index
// CHECK-NEXT:     %3 = arith.constant 90 : index
// CHECK-NEXT:     %4 = arith.constant 0 : i8
// CHECK-NEXT:     %5 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %6 = arith.constant 15 : index
// CHECK-NEXT:     %7 = arith.constant 6 : index
// CHECK-NEXT:     %8 = arith.constant 24 : index
// CHECK-NEXT:     %9 = arith.constant 4 : index
// CHECK-NEXT:     %10 = arith.constant 2 : index
// CHECK-NEXT:     %11 = arith.constant 3 : index
// CHECK-NEXT:     %12 = arith.constant 5 : index
// CHECK-NEXT:     scf.for %13 = %0 to %steps step %1 {
// CHECK-NEXT:       %14 = arith.subi %steps, %13 : index
// CHECK-NEXT:       %15 = arith.minsi %14, %1 : index
// CHECK-NEXT:       %16 = memref.get_global @p.w : memref<4x3x2x3xf32>
// CHECK-NEXT:       %17 = arith.muli %13, %2 : index
// CHECK-NEXT:       %18 = memref.reinterpret_cast %z to offset: [%17], sizes: [120], strides: [1] : memref<?x120xi8> to memref<120xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %19 = memref.get_global @p.list : memref<120xi16>
// CHECK-NEXT:       %20 = arith.muli %13, %3 : index
// CHECK-NEXT:       %21 = memref.reinterpret_cast %y to offset: [%20], sizes: [3, 5, 6], strides: [30, 6, 1] : memref<?x3x5x6xf32> to memref<3x5x6xf32, strided<[30, 6, 1], offset: ?>>
// CHECK-NEXT:       %22 = scf.for %23 = %0 to %2 step %1 iter_args(%24 = %0) -> (index) {
// CHECK-NEXT:         %25 = memref.load %18[%23] : memref<120xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         %26 = arith.cmpi ne, %25, %4 : i8
// CHECK-NEXT:         %27 = arith.index_cast %23 : index to i16
// CHECK-NEXT:         memref.store %27, %19[%24] : memref<120xi16>
// CHECK-NEXT:         %28 = arith.addi %24, %1 : index
// CHECK-NEXT:         %29 = arith.select %26, %28, %24 : index
// CHECK-NEXT:         scf.yield %29 : index
// CHECK-NEXT:       }
// CHECK-NEXT:       %30 = memref.reinterpret_cast %y to offset: [%20], sizes: [15, 6], strides: [6, 1] : memref<?x3x5x6xf32> to memref<15x6xf32, strided<[6, 1], offset: ?>>
// CHECK-NEXT:       scf.for %31 = %0 to %6 step %1 {
// CHECK-NEXT:         scf.for %32 = %0 to %7 step %1 {
// CHECK-NEXT:           memref.store %5, %30[%31, %32] : memref<15x6xf32, strided<[6, 1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %33 = %0 to %22 step %1 {
// CHECK-NEXT:         %34 = memref.load %19[%33] : memref<120xi16>
// CHECK-NEXT:         %35 = arith.extui %34 : i16 to i64
// CHECK-NEXT:         %36 = arith.index_cast %35 : i64 to index
// CHECK-NEXT:         %37 = arith.divui %36, %8 : index
// CHECK-NEXT:         %38 = arith.remui %36, %8 : index
// CHECK-NEXT:         %39 = arith.divui %38, %9 : index
// CHECK-NEXT:         %40 = arith.remui %36, %9 : index
// CHECK-NEXT:         %41 = arith.divui %40, %10 : index
// CHECK-NEXT:         %42 = arith.muli %41, %11 : index
// CHECK-NEXT:         scf.for %43 = %0 to %11 step %1 {
// CHECK-NEXT:           %44 = arith.addi %37, %1 : index
// CHECK-NEXT:           %45 = arith.subi %44, %43 : index
// CHECK-NEXT:           %46 = arith.cmpi sge, %45, %0 : index
// CHECK-NEXT:           %47 = arith.cmpi slt, %45, %7 : index
// CHECK-NEXT:           %48 = arith.andi %46, %47 : i1
// CHECK-NEXT:           %49 = arith.remui %45, %10 : index
// CHECK-NEXT:           %50 = arith.cmpi eq, %49, %0 : index
// CHECK-NEXT:           %51 = arith.andi %48, %50 : i1
// CHECK-NEXT:           scf.if %51 {
// CHECK-NEXT:             %52 = arith.divui %45, %10 : index
// CHECK-NEXT:             scf.for %53 = %0 to %10 step %1 {
// CHECK-NEXT:               %54 = arith.muli %53, %10 : index
// CHECK-NEXT:               %55 = arith.subi %39, %54 : index
// CHECK-NEXT:               %56 = arith.cmpi sge, %55, %0 : index
// CHECK-NEXT:               %57 = arith.cmpi slt, %55, %12 : index
// CHECK-NEXT:               %58 = arith.andi %56, %57 : i1
// CHECK-NEXT:               scf.if %58 {
// CHECK-NEXT:                 scf.for %59 = %0 to %11 step %1 {
// CHECK-NEXT:                   %60 = memref.load %16[%40, %43, %53, %59] : memref<4x3x2x3xf32>
// CHECK-NEXT:                   %61 = arith.addi %42, %59 : index
// CHECK-NEXT:                   %62 = memref.load %21[%52, %55, %61] : memref<3x5x6xf32, strided<[30, 6, 1], offset: ?>>
// CHECK-NEXT:                   %63 = arith.addf %62, %60 : f32
// CHECK-NEXT:                   memref.store %63, %21[%52, %55, %61] : memref<3x5x6xf32, strided<[30, 6, 1], offset: ?>>
// CHECK-NEXT:                 }
// CHECK-NEXT:               }
// CHECK-NEXT:             }
// CHECK-NEXT:           }
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// a neuron stays a linalg.generic, on views

kernel.program @p block 1 {
  kernel.buffer state @v : memref<2xf32> = dense<0.0> : tensor<2xf32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.buffer output @y : memref<?x2xi8>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<2xf32>
    %y = kernel.ref @y[%k] : memref<2xi8>
    %v = kernel.ref @v : memref<2xf32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "if"} ins(%x : memref<2xf32>) outs(%y, %v : memref<2xi8>, memref<2xf32>) {
    ^bb0(%in: f32, %z: i8, %m: f32):
      %1 = arith.addf %m, %in : f32
      %th = arith.constant 1.0 : f32
      %2 = arith.cmpf ogt, %1, %th : f32
      %3 = arith.extui %2 : i1 to i8
      linalg.yield %3, %1 : i8, f32
    }
  }
}

// CHECK:        func.func @p_run(%x: memref<?x2xf32>, %y: memref<?x2xi8>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 2 : index
// CHECK-NEXT:     scf.for %3 = %0 to %steps step %1 {
// CHECK-NEXT:       %4 = arith.subi %steps, %3 : index
// CHECK-NEXT:       %5 = arith.minsi %4, %1 : index
// CHECK-NEXT:       %6 = arith.muli %3, %2 : index
// CHECK-NEXT:       %7 = memref.reinterpret_cast %x to offset: [%6], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %8 = arith.muli %3, %2 : index
// CHECK-NEXT:       %9 = memref.reinterpret_cast %y to offset: [%8], sizes: [2], strides: [1] : memref<?x2xi8> to memref<2xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %10 = memref.get_global @p.v : memref<2xf32>
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "if"} ins(%7 : memref<2xf32, strided<[1], offset: ?>>) outs(%9, %10 : memref<2xi8, strided<[1], offset: ?>>, memref<2xf32>) {
// CHECK-NEXT:       ^bb0(%in: f32, %z: i8, %m: f32):
// CHECK-NEXT:         %11 = arith.addf %m, %in : f32
// CHECK-NEXT:         %th = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:         %12 = arith.cmpf ogt, %11, %th : f32
// CHECK-NEXT:         %13 = arith.extui %12 : i1 to i8
// CHECK-NEXT:         linalg.yield %13, %11 : i8, f32
// CHECK-NEXT:       }
// CHECK-NEXT:     }
