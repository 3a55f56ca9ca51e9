// RUN: snncc-opt --split-input-file %s -p kernel-to-standard | filecheck --match-full-lines %s

// the mean of the elements inside

kernel.program @p block 1 {
  kernel.buffer input @x : memref<?x5x4x2xi8>
  kernel.buffer output @y : memref<?x3x2x2xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<5x4x2xi8>
    %y = kernel.ref @y[%k] : memref<3x2x2xf32>
    "kernel.pool"(%x, %y) <{pool = #snn<pool avg>, kernel = array<i64: 3, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, exclude_padding}> : (memref<5x4x2xi8>, memref<3x2x2xf32>) -> ()
  }
}

// CHECK:        func.func @p_run(%x: memref<?x5x4x2xi8>, %y: memref<?x3x2x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 40 : index
// CHECK-NEXT:     %3 = arith.constant 12 : index
// CHECK-NEXT:     %4 = arith.constant 3 : index
// CHECK-NEXT:     %5 = arith.constant 2 : index
// CHECK-NEXT:     %6 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %7 = arith.constant 5 : index
// CHECK-NEXT:     %8 = arith.constant 4 : index
// CHECK-NEXT:     scf.for %9 = %0 to %steps step %1 {
// CHECK-NEXT:       %10 = arith.subi %steps, %9 : index
// CHECK-NEXT:       %11 = arith.minsi %10, %1 : index
// CHECK-NEXT:       %12 = arith.muli %9, %2 : index
// CHECK-NEXT:       %13 = memref.reinterpret_cast %x to offset: [%12], sizes: [5, 4, 2], strides: [8, 2, 1] : memref<?x5x4x2xi8> to memref<5x4x2xi8, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:       %14 = arith.muli %9, %3 : index
// CHECK-NEXT:       %15 = memref.reinterpret_cast %y to offset: [%14], sizes: [3, 2, 2], strides: [4, 2, 1] : memref<?x3x2x2xf32> to memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:       scf.for %16 = %0 to %4 step %1 {
// CHECK-NEXT:         scf.for %17 = %0 to %5 step %1 {
// CHECK-NEXT:           scf.for %18 = %0 to %5 step %1 {
// CHECK-NEXT:             memref.store %6, %15[%16, %17, %18] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:             %19 = arith.muli %16, %5 : index
// CHECK-NEXT:             %20 = arith.subi %19, %1 : index
// CHECK-NEXT:             %21 = arith.subi %0, %20 : index
// CHECK-NEXT:             %22 = arith.maxsi %21, %0 : index
// CHECK-NEXT:             %23 = arith.subi %7, %20 : index
// CHECK-NEXT:             %24 = arith.minsi %23, %4 : index
// CHECK-NEXT:             %25 = arith.muli %17, %5 : index
// CHECK-NEXT:             %26 = arith.subi %0, %25 : index
// CHECK-NEXT:             %27 = arith.maxsi %26, %0 : index
// CHECK-NEXT:             %28 = arith.subi %8, %25 : index
// CHECK-NEXT:             %29 = arith.minsi %28, %5 : index
// CHECK-NEXT:             scf.for %30 = %22 to %24 step %1 {
// CHECK-NEXT:               scf.for %31 = %27 to %29 step %1 {
// CHECK-NEXT:                 %32 = arith.addi %20, %30 : index
// CHECK-NEXT:                 %33 = arith.addi %25, %31 : index
// CHECK-NEXT:                 %34 = memref.load %13[%32, %33, %18] : memref<5x4x2xi8, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:                 %35 = memref.load %15[%16, %17, %18] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:                 %36 = arith.uitofp %34 : i8 to f32
// CHECK-NEXT:                 %37 = arith.addf %35, %36 : f32
// CHECK-NEXT:                 memref.store %37, %15[%16, %17, %18] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:               }
// CHECK-NEXT:             }
// CHECK-NEXT:             %38 = arith.subi %24, %22 : index
// CHECK-NEXT:             %39 = arith.subi %29, %27 : index
// CHECK-NEXT:             %40 = arith.muli %38, %39 : index
// CHECK-NEXT:             %41 = arith.index_cast %40 : index to i32
// CHECK-NEXT:             %42 = arith.uitofp %41 : i32 to f32
// CHECK-NEXT:             %43 = memref.load %15[%16, %17, %18] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:             %44 = arith.divf %43, %42 : f32
// CHECK-NEXT:             memref.store %44, %15[%16, %17, %18] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:           }
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// the mean, padding counted

kernel.program @p block 1 {
  kernel.buffer input @x : memref<?x5x4x2xf32>
  kernel.buffer output @y : memref<?x3x2x2xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<5x4x2xf32>
    %y = kernel.ref @y[%k] : memref<3x2x2xf32>
    "kernel.pool"(%x, %y) <{pool = #snn<pool avg>, kernel = array<i64: 3, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 0>}> : (memref<5x4x2xf32>, memref<3x2x2xf32>) -> ()
  }
}

// CHECK:        func.func @p_run(%x: memref<?x5x4x2xf32>, %y: memref<?x3x2x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 40 : index
// CHECK-NEXT:     %3 = arith.constant 12 : index
// CHECK-NEXT:     %4 = arith.constant 3 : index
// CHECK-NEXT:     %5 = arith.constant 2 : index
// CHECK-NEXT:     %6 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %7 = arith.constant 5 : index
// CHECK-NEXT:     %8 = arith.constant 4 : index
// CHECK-NEXT:     %9 = arith.constant 6.000000e+00 : f32
// CHECK-NEXT:     scf.for %10 = %0 to %steps step %1 {
// CHECK-NEXT:       %11 = arith.subi %steps, %10 : index
// CHECK-NEXT:       %12 = arith.minsi %11, %1 : index
// CHECK-NEXT:       %13 = arith.muli %10, %2 : index
// CHECK-NEXT:       %14 = memref.reinterpret_cast %x to offset: [%13], sizes: [5, 4, 2], strides: [8, 2, 1] : memref<?x5x4x2xf32> to memref<5x4x2xf32, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:       %15 = arith.muli %10, %3 : index
// CHECK-NEXT:       %16 = memref.reinterpret_cast %y to offset: [%15], sizes: [3, 2, 2], strides: [4, 2, 1] : memref<?x3x2x2xf32> to memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:       scf.for %17 = %0 to %4 step %1 {
// CHECK-NEXT:         scf.for %18 = %0 to %5 step %1 {
// CHECK-NEXT:           scf.for %19 = %0 to %5 step %1 {
// CHECK-NEXT:             memref.store %6, %16[%17, %18, %19] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:             %20 = arith.muli %17, %5 : index
// CHECK-NEXT:             %21 = arith.subi %20, %1 : index
// CHECK-NEXT:             %22 = arith.subi %0, %21 : index
// CHECK-NEXT:             %23 = arith.maxsi %22, %0 : index
// CHECK-NEXT:             %24 = arith.subi %7, %21 : index
// CHECK-NEXT:             %25 = arith.minsi %24, %4 : index
// CHECK-NEXT:             %26 = arith.muli %18, %5 : index
// CHECK-NEXT:             %27 = arith.subi %0, %26 : index
// CHECK-NEXT:             %28 = arith.maxsi %27, %0 : index
// CHECK-NEXT:             %29 = arith.subi %8, %26 : index
// CHECK-NEXT:             %30 = arith.minsi %29, %5 : index
// CHECK-NEXT:             scf.for %31 = %23 to %25 step %1 {
// CHECK-NEXT:               scf.for %32 = %28 to %30 step %1 {
// CHECK-NEXT:                 %33 = arith.addi %21, %31 : index
// CHECK-NEXT:                 %34 = arith.addi %26, %32 : index
// CHECK-NEXT:                 %35 = memref.load %14[%33, %34, %19] : memref<5x4x2xf32, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:                 %36 = memref.load %16[%17, %18, %19] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:                 %37 = arith.addf %36, %35 : f32
// CHECK-NEXT:                 memref.store %37, %16[%17, %18, %19] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:               }
// CHECK-NEXT:             }
// CHECK-NEXT:             %38 = memref.load %16[%17, %18, %19] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:             %39 = arith.divf %38, %9 : f32
// CHECK-NEXT:             memref.store %39, %16[%17, %18, %19] : memref<3x2x2xf32, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:           }
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// the largest signed integer

kernel.program @p block 1 {
  kernel.buffer input @x : memref<?x5x4x2xi8>
  kernel.buffer output @y : memref<?x3x2x2xi8>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<5x4x2xi8>
    %y = kernel.ref @y[%k] : memref<3x2x2xi8>
    "kernel.pool"(%x, %y) <{pool = #snn<pool max>, kernel = array<i64: 3, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 0>}> : (memref<5x4x2xi8>, memref<3x2x2xi8>) -> ()
  }
}

// CHECK:        func.func @p_run(%x: memref<?x5x4x2xi8>, %y: memref<?x3x2x2xi8>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 40 : index
// CHECK-NEXT:     %3 = arith.constant 12 : index
// CHECK-NEXT:     %4 = arith.constant 3 : index
// CHECK-NEXT:     %5 = arith.constant 2 : index
// CHECK-NEXT:     %6 = arith.constant -128 : i8
// CHECK-NEXT:     %7 = arith.constant 5 : index
// CHECK-NEXT:     %8 = arith.constant 4 : index
// CHECK-NEXT:     scf.for %9 = %0 to %steps step %1 {
// CHECK-NEXT:       %10 = arith.subi %steps, %9 : index
// CHECK-NEXT:       %11 = arith.minsi %10, %1 : index
// CHECK-NEXT:       %12 = arith.muli %9, %2 : index
// CHECK-NEXT:       %13 = memref.reinterpret_cast %x to offset: [%12], sizes: [5, 4, 2], strides: [8, 2, 1] : memref<?x5x4x2xi8> to memref<5x4x2xi8, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:       %14 = arith.muli %9, %3 : index
// CHECK-NEXT:       %15 = memref.reinterpret_cast %y to offset: [%14], sizes: [3, 2, 2], strides: [4, 2, 1] : memref<?x3x2x2xi8> to memref<3x2x2xi8, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:       scf.for %16 = %0 to %4 step %1 {
// CHECK-NEXT:         scf.for %17 = %0 to %5 step %1 {
// CHECK-NEXT:           scf.for %18 = %0 to %5 step %1 {
// CHECK-NEXT:             memref.store %6, %15[%16, %17, %18] : memref<3x2x2xi8, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:             %19 = arith.muli %16, %5 : index
// CHECK-NEXT:             %20 = arith.subi %19, %1 : index
// CHECK-NEXT:             %21 = arith.subi %0, %20 : index
// CHECK-NEXT:             %22 = arith.maxsi %21, %0 : index
// CHECK-NEXT:             %23 = arith.subi %7, %20 : index
// CHECK-NEXT:             %24 = arith.minsi %23, %4 : index
// CHECK-NEXT:             %25 = arith.muli %17, %5 : index
// CHECK-NEXT:             %26 = arith.subi %0, %25 : index
// CHECK-NEXT:             %27 = arith.maxsi %26, %0 : index
// CHECK-NEXT:             %28 = arith.subi %8, %25 : index
// CHECK-NEXT:             %29 = arith.minsi %28, %5 : index
// CHECK-NEXT:             scf.for %30 = %22 to %24 step %1 {
// CHECK-NEXT:               scf.for %31 = %27 to %29 step %1 {
// CHECK-NEXT:                 %32 = arith.addi %20, %30 : index
// CHECK-NEXT:                 %33 = arith.addi %25, %31 : index
// CHECK-NEXT:                 %34 = memref.load %13[%32, %33, %18] : memref<5x4x2xi8, strided<[8, 2, 1], offset: ?>>
// CHECK-NEXT:                 %35 = memref.load %15[%16, %17, %18] : memref<3x2x2xi8, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:                 %36 = arith.maxsi %35, %34 : i8
// CHECK-NEXT:                 memref.store %36, %15[%16, %17, %18] : memref<3x2x2xi8, strided<[4, 2, 1], offset: ?>>
// CHECK-NEXT:               }
// CHECK-NEXT:             }
// CHECK-NEXT:           }
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// runs of neighbours from other places, and zeros

kernel.program @p block 1 {
  kernel.buffer const @to : memref<2xi8> = dense<[2, 0]> : tensor<2xi8>
  kernel.buffer const @where : memref<3xi8> = dense<[3, 4, 0]> : tensor<3xi8>
  kernel.buffer input @x : memref<?x4xi8>
  kernel.buffer output @y : memref<?x4xi8>
  kernel.buffer output @z : memref<?x3xi8>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<4xi8>
    %y = kernel.ref @y[%k] : memref<4xi8>
    %z = kernel.ref @z[%k] : memref<3xi8>
    %to = kernel.ref @to : memref<2xi8>
    %where = kernel.ref @where : memref<3xi8>
    kernel.rearrange %x at %to into %y : memref<4xi8> at memref<2xi8> -> memref<4xi8>
    kernel.rearrange %x at %where zeros into %z : memref<4xi8> at memref<3xi8> -> memref<3xi8>
  }
}

// CHECK:        "memref.global"() <{sym_name = "p.to", type = memref<2xi8>, initial_value = dense<[2, 0]> : tensor<2xi8>, sym_visibility = "private", constant}> : () -> ()
// CHECK-NEXT:   "memref.global"() <{sym_name = "p.where", type = memref<3xi8>, initial_value = dense<[3, 4, 0]> : tensor<3xi8>, sym_visibility = "private", constant}> : () -> ()
// CHECK-NEXT:   func.func @p_run(%x: memref<?x4xi8>, %y: memref<?x4xi8>, %z: memref<?x3xi8>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 4 : index
// CHECK-NEXT:     %3 = arith.constant 3 : index
// CHECK-NEXT:     %4 = arith.constant 0 : i8
// CHECK-NEXT:     %5 = arith.constant 2 : index
// CHECK-NEXT:     scf.for %6 = %0 to %steps step %1 {
// CHECK-NEXT:       %7 = arith.subi %steps, %6 : index
// CHECK-NEXT:       %8 = arith.minsi %7, %1 : index
// CHECK-NEXT:       %9 = arith.muli %6, %2 : index
// CHECK-NEXT:       %10 = memref.reinterpret_cast %x to offset: [%9], sizes: [4], strides: [1] : memref<?x4xi8> to memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %11 = arith.muli %6, %2 : index
// CHECK-NEXT:       %12 = memref.reinterpret_cast %y to offset: [%11], sizes: [4], strides: [1] : memref<?x4xi8> to memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %13 = arith.muli %6, %3 : index
// CHECK-NEXT:       %14 = memref.reinterpret_cast %z to offset: [%13], sizes: [3], strides: [1] : memref<?x3xi8> to memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %15 = memref.get_global @p.to : memref<2xi8>
// CHECK-NEXT:       %16 = memref.get_global @p.where : memref<3xi8>
// CHECK-NEXT:       scf.for %17 = %0 to %5 step %1 {
// CHECK-NEXT:         scf.for %18 = %0 to %5 step %1 {
// CHECK-NEXT:           %19 = arith.muli %17, %5 : index
// CHECK-NEXT:           %20 = arith.addi %19, %18 : index
// CHECK-NEXT:           %21 = memref.load %15[%17] : memref<2xi8>
// CHECK-NEXT:           %22 = arith.extui %21 : i8 to i64
// CHECK-NEXT:           %23 = arith.index_cast %22 : i64 to index
// CHECK-NEXT:           %24 = arith.addi %23, %18 : index
// CHECK-NEXT:           %25 = memref.load %10[%24] : memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:           memref.store %25, %12[%20] : memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %26 = %0 to %3 step %1 {
// CHECK-NEXT:         %27 = arith.addi %26, %0 : index
// CHECK-NEXT:         %28 = memref.load %16[%26] : memref<3xi8>
// CHECK-NEXT:         %29 = arith.extui %28 : i8 to i64
// CHECK-NEXT:         %30 = arith.index_cast %29 : i64 to index
// CHECK-NEXT:         memref.store %4, %14[%27] : memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         %31 = arith.cmpi ult, %30, %2 : index
// CHECK-NEXT:         scf.if %31 {
// CHECK-NEXT:           %32 = arith.addi %30, %0 : index
// CHECK-NEXT:           %33 = memref.load %10[%32] : memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:           memref.store %33, %14[%27] : memref<3xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// a part of a concatenation

kernel.program @p block 1 {
  kernel.buffer input @x : memref<?x2x3xi8>
  kernel.buffer output @y : memref<?x2x8xi8>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<2x3xi8>
    %y = kernel.ref @y[%k] : memref<2x8xi8>
    "kernel.insert"(%x, %y) <{offsets = array<i64: 0, 5>}> : (memref<2x3xi8>, memref<2x8xi8>) -> ()
  }
}

// CHECK:        func.func @p_run(%x: memref<?x2x3xi8>, %y: memref<?x2x8xi8>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 6 : index
// CHECK-NEXT:     %3 = arith.constant 16 : index
// CHECK-NEXT:     %4 = arith.constant 2 : index
// CHECK-NEXT:     %5 = arith.constant 3 : index
// CHECK-NEXT:     %6 = arith.constant 5 : index
// CHECK-NEXT:     scf.for %7 = %0 to %steps step %1 {
// CHECK-NEXT:       %8 = arith.subi %steps, %7 : index
// CHECK-NEXT:       %9 = arith.minsi %8, %1 : index
// CHECK-NEXT:       %10 = arith.muli %7, %2 : index
// CHECK-NEXT:       %11 = memref.reinterpret_cast %x to offset: [%10], sizes: [2, 3], strides: [3, 1] : memref<?x2x3xi8> to memref<2x3xi8, strided<[3, 1], offset: ?>>
// CHECK-NEXT:       %12 = arith.muli %7, %3 : index
// CHECK-NEXT:       %13 = memref.reinterpret_cast %y to offset: [%12], sizes: [2, 8], strides: [8, 1] : memref<?x2x8xi8> to memref<2x8xi8, strided<[8, 1], offset: ?>>
// CHECK-NEXT:       scf.for %14 = %0 to %4 step %1 {
// CHECK-NEXT:         scf.for %15 = %0 to %5 step %1 {
// CHECK-NEXT:           %16 = arith.addi %15, %6 : index
// CHECK-NEXT:           %17 = memref.load %11[%14, %15] : memref<2x3xi8, strided<[3, 1], offset: ?>>
// CHECK-NEXT:           memref.store %17, %13[%14, %16] : memref<2x8xi8, strided<[8, 1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }

// -----

// a delay of 3 steps: the ring is read, then written

kernel.program @p block 1 {
  kernel.buffer state @d : memref<3x2xf32> = dense<0.0> : tensor<3x2xf32>
  kernel.buffer state @d.position : memref<1xi32> = dense<0> : tensor<1xi32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<2xf32>
    %y = kernel.ref @y[%k] : memref<2xf32>
    %d = kernel.ref @d : memref<3x2xf32>
    %p = kernel.ref @d.position : memref<1xi32>
    "kernel.delay_read"(%d, %p, %y) <{steps = array<i64: 2>}> : (memref<3x2xf32>, memref<1xi32>, memref<2xf32>) -> ()
    kernel.delay_write %x into %d at %p : memref<2xf32>, memref<3x2xf32>, memref<1xi32>
  }
}

// CHECK:        func.func @p_run(%x: memref<?x2xf32>, %y: memref<?x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 2 : index
// CHECK-NEXT:     %3 = arith.constant 3 : index
// CHECK-NEXT:     scf.for %4 = %0 to %steps step %1 {
// CHECK-NEXT:       %5 = arith.subi %steps, %4 : index
// CHECK-NEXT:       %6 = arith.minsi %5, %1 : index
// CHECK-NEXT:       %7 = arith.muli %4, %2 : index
// CHECK-NEXT:       %8 = memref.reinterpret_cast %x to offset: [%7], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %9 = arith.muli %4, %2 : index
// CHECK-NEXT:       %10 = memref.reinterpret_cast %y to offset: [%9], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %11 = memref.get_global @p.d : memref<3x2xf32>
// CHECK-NEXT:       %12 = memref.get_global @p.d.position : memref<1xi32>
// CHECK-NEXT:       %13 = memref.load %12[%0] : memref<1xi32>
// CHECK-NEXT:       %14 = arith.extui %13 : i32 to i64
// CHECK-NEXT:       %15 = arith.index_cast %14 : i64 to index
// CHECK-NEXT:       %16 = arith.addi %15, %3 : index
// CHECK-NEXT:       %17 = arith.subi %16, %2 : index
// CHECK-NEXT:       %18 = arith.remui %17, %3 : index
// CHECK-NEXT:       scf.for %19 = %0 to %2 step %1 {
// CHECK-NEXT:         %20 = memref.load %11[%18, %19] : memref<3x2xf32>
// CHECK-NEXT:         memref.store %20, %10[%19] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       }
// CHECK-NEXT:       %21 = memref.load %12[%0] : memref<1xi32>
// CHECK-NEXT:       %22 = arith.extui %21 : i32 to i64
// CHECK-NEXT:       %23 = arith.index_cast %22 : i64 to index
// CHECK-NEXT:       scf.for %24 = %0 to %2 step %1 {
// CHECK-NEXT:         %25 = memref.load %8[%24] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         memref.store %25, %11[%23, %24] : memref<3x2xf32>
// CHECK-NEXT:       }
// CHECK-NEXT:       %26 = arith.addi %23, %1 : index
// CHECK-NEXT:       %27 = arith.remui %26, %3 : index
// CHECK-NEXT:       %28 = arith.index_cast %27 : index to i32
// CHECK-NEXT:       memref.store %28, %12[%0] : memref<1xi32>
// CHECK-NEXT:     }

// -----

// a delay for each element, some of none

kernel.program @p block 1 {
  kernel.buffer state @d : memref<3x2xf32> = dense<0.0> : tensor<3x2xf32>
  kernel.buffer state @d.position : memref<1xi32> = dense<0> : tensor<1xi32>
  kernel.buffer input @x : memref<?x2xf32>
  kernel.buffer output @y : memref<?x2xf32>
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %x = kernel.ref @x[%k] : memref<2xf32>
    %y = kernel.ref @y[%k] : memref<2xf32>
    %d = kernel.ref @d : memref<3x2xf32>
    %p = kernel.ref @d.position : memref<1xi32>
    "kernel.delay_read"(%d, %p, %x, %y) <{steps = array<i64: 0, 3>}> : (memref<3x2xf32>, memref<1xi32>, memref<2xf32>, memref<2xf32>) -> ()
  }
}

// CHECK:        "memref.global"() <{sym_name = "p.d.steps", type = memref<2xi32>, initial_value = dense<[0, 3]> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
// CHECK:        func.func @p_run(%x: memref<?x2xf32>, %y: memref<?x2xf32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 2 : index
// CHECK-NEXT:     %3 = arith.constant 3 : index
// CHECK-NEXT:     scf.for %4 = %0 to %steps step %1 {
// CHECK-NEXT:       %5 = arith.subi %steps, %4 : index
// CHECK-NEXT:       %6 = arith.minsi %5, %1 : index
// CHECK-NEXT:       %7 = arith.muli %4, %2 : index
// CHECK-NEXT:       %8 = memref.reinterpret_cast %x to offset: [%7], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %9 = arith.muli %4, %2 : index
// CHECK-NEXT:       %10 = memref.reinterpret_cast %y to offset: [%9], sizes: [2], strides: [1] : memref<?x2xf32> to memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       %11 = memref.get_global @p.d : memref<3x2xf32>
// CHECK-NEXT:       %12 = memref.get_global @p.d.position : memref<1xi32>
// CHECK-NEXT:       %13 = memref.load %12[%0] : memref<1xi32>
// CHECK-NEXT:       %14 = arith.extui %13 : i32 to i64
// CHECK-NEXT:       %15 = arith.index_cast %14 : i64 to index
// CHECK-NEXT:       %16 = arith.addi %15, %3 : index
// CHECK-NEXT:       %17 = memref.get_global @p.d.steps : memref<2xi32>
// CHECK-NEXT:       scf.for %18 = %0 to %2 step %1 {
// CHECK-NEXT:         %19 = memref.load %17[%18] : memref<2xi32>
// CHECK-NEXT:         %20 = arith.extui %19 : i32 to i64
// CHECK-NEXT:         %21 = arith.index_cast %20 : i64 to index
// CHECK-NEXT:         %22 = arith.subi %16, %21 : index
// CHECK-NEXT:         %23 = arith.remui %22, %3 : index
// CHECK-NEXT:         %24 = memref.load %11[%23, %18] : memref<3x2xf32>
// CHECK-NEXT:         %25 = arith.cmpi eq, %21, %0 : index
// CHECK-NEXT:         %26 = memref.load %8[%18] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:         %27 = arith.select %25, %26, %24 : f32
// CHECK-NEXT:         memref.store %27, %10[%18] : memref<2xf32, strided<[1], offset: ?>>
// CHECK-NEXT:       }
// CHECK-NEXT:     }
