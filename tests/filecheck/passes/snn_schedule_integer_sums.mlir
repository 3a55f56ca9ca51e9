// RUN: snncc-opt -p snn-schedule %s | filecheck --match-full-lines %s

// a sum of i32 over time is held at the ends of the type, beside a copy of each step

snn.network @count ("n" %n : tensor<2xi32>) -> (sum "t" : tensor<2xi32>, "n" : tensor<2xi32>) {
  snn.yield %n, %n : tensor<2xi32>, tensor<2xi32>
}

// CHECK:      kernel.program @count block 1 {
// CHECK-NEXT:   kernel.buffer input @n : memref<?x2xi32>
// CHECK-NEXT:   kernel.buffer output @t : memref<2xi32> sum
// CHECK:          %6 = kernel.ref @t : memref<2xi32>
// CHECK-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "sum"} ins(%2 : memref<2xi32>) outs(%6 : memref<2xi32>) {
// CHECK-NEXT:     ^bb0(%x: i32, %total: i32):
// CHECK-NEXT:       %7 = arith.extsi %total : i32 to i64
// CHECK-NEXT:       %8 = arith.extsi %x : i32 to i64
// CHECK-NEXT:       %9 = arith.addi %7, %8 : i64
// CHECK-NEXT:       %10 = arith.constant 2147483647 : i64
// CHECK-NEXT:       %11 = arith.minsi %9, %10 : i64
// CHECK-NEXT:       %12 = arith.constant -2147483647 : i64
// CHECK-NEXT:       %13 = arith.maxsi %11, %12 : i64
// CHECK-NEXT:       %14 = arith.trunci %13 : i64 to i32
// CHECK-NEXT:       linalg.yield %14 : i32
// CHECK-NEXT:     }
