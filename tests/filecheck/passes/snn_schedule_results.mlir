// RUN: snncc-opt -p 'snn-schedule{time-block=4},canonicalize,kernel-verify-order' %s | filecheck --match-full-lines %s

// in reverse the first step of a block takes the last row of the caller's arrays; a sum of
// products is added to when the block is done, other sums and last values at each step

snn.network reverse @back ("g" %g : tensor<3xf32>, "s" %s : tensor<2xi1>) -> (sum "w" : tensor<1x3x2xf32>, sum "b" : tensor<3xf32>, last "v" : tensor<3xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.neuron as "d" (%x = %g : tensor<3xf32>) state (%v = %zero : tensor<f32>) -> (tensor<3xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %l = snn.reshape %d : tensor<3xf32> -> tensor<1x3x1xf32>
  %r = snn.reshape %s : tensor<2xi1> -> tensor<1x2x1xi1>
  %w = snn.outer %l, %r : (tensor<1x3x1xf32>, tensor<1x2x1xi1>) -> tensor<1x3x2xf32>
  snn.yield %w, %d, %d : tensor<1x3x2xf32>, tensor<3xf32>, tensor<3xf32>
}

// CHECK:      kernel.program reverse @back block 4 {
// CHECK-NEXT:   kernel.buffer state @d.v : memref<3xf32> = dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT:   kernel.buffer stream @d : memref<4x3xf32>
// CHECK-NEXT:   kernel.buffer stream @outer.right : memref<4x2xi8>
// CHECK-NEXT:   kernel.buffer work @outer.active : memref<2xi32> stage "outer"
// CHECK-NEXT:   kernel.buffer work @outer.list : memref<10xi16> stage "outer"
// CHECK-NEXT:   kernel.buffer work @outer.panel : memref<12xf32> stage "outer"
// CHECK-NEXT:   kernel.buffer input @g : memref<?x3xf32>
// CHECK-NEXT:   kernel.buffer input @s : memref<?x2xi8> spikes
// CHECK-NEXT:   kernel.buffer output @w : memref<1x2x3xf32> sum order [0, 2, 1] sizes [1, 3, 2]
// CHECK-NEXT:   kernel.buffer output @b : memref<3xf32> sum
// CHECK-NEXT:   kernel.buffer output @v : memref<3xf32> last
// CHECK-NEXT:   kernel.stage "d" of ["d"] (%0) {
// CHECK-NEXT:     %1 = arith.constant 0 : index
// CHECK-NEXT:     %2 = arith.constant 1 : index
// CHECK-NEXT:     %3 = arith.subi %0, %2 : index
// CHECK-NEXT:     scf.for %4 = %1 to %0 step %2 {
// CHECK-NEXT:       %5 = arith.subi %3, %4 : index
// CHECK-NEXT:       %6 = kernel.ref @g[%5] : memref<3xf32>
// CHECK-NEXT:       %7 = kernel.ref @d[%4] : memref<3xf32>
// CHECK-NEXT:       %8 = kernel.ref @d.v : memref<3xf32>
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "d"} ins(%6 : memref<3xf32>) outs(%7, %8 : memref<3xf32>, memref<3xf32>) {
// CHECK-NEXT:       ^bb0(%x: f32, %y: f32, %v: f32):
// CHECK-NEXT:         %9 = arith.addf %v, %x : f32
// CHECK-NEXT:         linalg.yield %9, %9 : f32, f32
// CHECK-NEXT:       }
// CHECK-NEXT:       %10 = kernel.ref @b : memref<3xf32>
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "sum"} ins(%7 : memref<3xf32>) outs(%10 : memref<3xf32>) {
// CHECK-NEXT:       ^bb0(%x_1: f32, %total: f32):
// CHECK-NEXT:         %11 = arith.addf %total, %x_1 : f32
// CHECK-NEXT:         linalg.yield %11 : f32
// CHECK-NEXT:       }
// CHECK-NEXT:       %12 = kernel.ref @v : memref<3xf32>
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%7 : memref<3xf32>) outs(%12 : memref<3xf32>) {
// CHECK-NEXT:       ^bb0(%13: f32, %14: f32):
// CHECK-NEXT:         linalg.yield %13 : f32
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "outer" of [] (%15) {
// CHECK-NEXT:     %16 = arith.constant 0 : index
// CHECK-NEXT:     %17 = arith.constant 1 : index
// CHECK-NEXT:     %18 = arith.subi %15, %17 : index
// CHECK-NEXT:     scf.for %19 = %16 to %15 step %17 {
// CHECK-NEXT:       %20 = arith.subi %18, %19 : index
// CHECK-NEXT:       %21 = kernel.ref @s[%20] : memref<2xi8>
// CHECK-NEXT:       %22 = kernel.ref @outer.right[%19] : memref<2xi8>
// CHECK-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%21 : memref<2xi8>) outs(%22 : memref<2xi8>) {
// CHECK-NEXT:       ^bb0(%23: i8, %24: i8):
// CHECK-NEXT:         linalg.yield %23 : i8
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     %25 = kernel.ref @d : memref<4x3xf32>
// CHECK-NEXT:     %26 = kernel.ref @outer.right : memref<4x2xi8>
// CHECK-NEXT:     %27 = kernel.ref @outer.active : memref<2xi32>
// CHECK-NEXT:     %28 = kernel.ref @outer.list : memref<10xi16>
// CHECK-NEXT:     %29 = kernel.ref @outer.panel : memref<12xf32>
// CHECK-NEXT:     %30 = kernel.ref @w : memref<2x3xf32>
// CHECK-NEXT:     kernel.outer_rows %25, %26 spikes steps %15 active %27 list %28 panel %29 into %30 : memref<4x3xf32>, memref<4x2xi8>, memref<2xi32>, memref<10xi16>, memref<12xf32> -> memref<2x3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }
