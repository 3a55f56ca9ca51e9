// RUN: snncc-opt -p 'kernel-to-standard' %s | filecheck --match-full-lines %s

// a sum of integers extends its terms; what MLIR leaves undefined is guarded

kernel.program @p block 1 {
  kernel.buffer const @w : memref<4x3xi8> = dense<1> : tensor<i8> signed
  kernel.buffer input @x : memref<?x4xi8> signed
  kernel.buffer output @y : memref<?x3xi32> signed
  kernel.stage "s" of [] (%n) {
    %k = arith.constant 0 : index
    %w = kernel.ref @w : memref<4x3xi8>
    %x = kernel.ref @x[%k] : memref<4xi8>
    %y = kernel.ref @y[%k] : memref<3xi32>
    kernel.dense %w, %x into %y : memref<4x3xi8>, memref<4xi8> -> memref<3xi32>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%y : memref<3xi32>) outs(%y : memref<3xi32>) {
    ^bb0(%a : i32, %o : i32):
      %d = arith.divsi %a, %o : i32
      %s = arith.shrsi %d, %a : i32
      linalg.yield %s : i32
    }
  }
}

// CHECK:      func.func @p_run(%x: memref<?x4xi8>, %y: memref<?x3xi32>, %steps: index) attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     %0 = arith.constant 0 : index
// CHECK-NEXT:     %1 = arith.constant 1 : index
// CHECK-NEXT:     %2 = arith.constant 4 : index
// CHECK-NEXT:     %3 = arith.constant 3 : index
// CHECK-NEXT:     %4 = arith.constant 0 : i32
// CHECK-NEXT:     scf.for %5 = %0 to %steps step %1 {
// CHECK-NEXT:       %6 = arith.subi %steps, %5 : index
// CHECK-NEXT:       %7 = arith.minsi %6, %1 : index
// CHECK-NEXT:       %8 = memref.get_global @p.w : memref<4x3xi8>
// CHECK-NEXT:       %9 = arith.muli %5, %2 : index
// CHECK-NEXT:       %10 = memref.reinterpret_cast %x to offset: [%9], sizes: [4], strides: [1] : memref<?x4xi8> to memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:       %11 = arith.muli %5, %3 : index
// CHECK-NEXT:       %12 = memref.reinterpret_cast %y to offset: [%11], sizes: [3], strides: [1] : memref<?x3xi32> to memref<3xi32, strided<[1], offset: ?>>
// CHECK-NEXT:       scf.for %13 = %0 to %3 step %1 {
// CHECK-NEXT:         memref.store %4, %12[%13] : memref<3xi32, strided<[1], offset: ?>>
// CHECK-NEXT:       }
// CHECK-NEXT:       scf.for %14 = %0 to %2 step %1 {
// CHECK-NEXT:         %15 = memref.load %10[%14] : memref<4xi8, strided<[1], offset: ?>>
// CHECK-NEXT:         %16 = arith.extsi %15 : i8 to i32
// CHECK-NEXT:         scf.for %17 = %0 to %3 step %1 {
// CHECK-NEXT:           %18 = memref.load %8[%14, %17] : memref<4x3xi8>
// CHECK-NEXT:           %19 = arith.extsi %18 : i8 to i32
// CHECK-NEXT:           %20 = arith.muli %19, %16 : i32
// CHECK-NEXT:           %21 = memref.load %12[%17] : memref<3xi32, strided<[1], offset: ?>>
// CHECK-NEXT:           %22 = arith.addi %21, %20 : i32
// CHECK-NEXT:           memref.store %22, %12[%17] : memref<3xi32, strided<[1], offset: ?>>
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%12 : memref<3xi32, strided<[1], offset: ?>>) outs(%12 : memref<3xi32, strided<[1], offset: ?>>) {
// CHECK-NEXT:       ^bb0(%a: i32, %o: i32):
// CHECK-NEXT:         %23 = arith.constant 0 : i32
// CHECK-NEXT:         %24 = arith.constant 1 : i32
// CHECK-NEXT:         %25 = arith.constant 0 : i32
// CHECK-NEXT:         %26 = arith.cmpi eq, %o, %25 : i32
// CHECK-NEXT:         %27 = arith.constant -1 : i32
// CHECK-NEXT:         %28 = arith.cmpi eq, %o, %27 : i32
// CHECK-NEXT:         %29 = arith.ori %26, %28 : i1
// CHECK-NEXT:         %30 = arith.select %29, %24, %o : i32
// CHECK-NEXT:         %31 = arith.divsi %a, %30 : i32
// CHECK-NEXT:         %32 = arith.subi %23, %a : i32
// CHECK-NEXT:         %33 = arith.select %26, %23, %31 : i32
// CHECK-NEXT:         %d = arith.select %28, %32, %33 : i32
// CHECK-NEXT:         %34 = arith.constant 31 : i32
// CHECK-NEXT:         %35 = arith.minui %a, %34 : i32
// CHECK-NEXT:         %s = arith.shrsi %d, %35 : i32
// CHECK-NEXT:         linalg.yield %s : i32
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @p_reset() attributes {llvm.emit_c_interface} {
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
