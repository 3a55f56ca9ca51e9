// RUN: snncc-opt -p 'snn-fuse-elementwise,snn-schedule{time-block=4}' %s | filecheck --match-full-lines %s

// integers: signed buffers are marked, a last bias starts its sum, weights are shared by sums of
// different widths, and a graded input is listed with its values

snn.parameter @w : tensor<3x4xi8> = dense<[[1, -2, 3, -4], [0, 5, -6, 7], [-128, 127, 1, 1]]>
snn.parameter @b : tensor<3xi16> = dense<[1, -2, 3]>
snn.network @net ("x" %x : tensor<4xi1>, "a" %a : tensor<4xi8>) -> ("y" : tensor<3xi1>, "s" : tensor<3xi32>) {
  %w = snn.use @w : tensor<3x4xi8>
  %b = snn.use @b : tensor<3xi16>
  %zero = snn.constant dense<0> : tensor<i16>
  %i = snn.linear %x, %w bias %b last as "fc" : (tensor<4xi1>, tensor<3x4xi8>, tensor<3xi16>) -> tensor<3xi16>
  %s = snn.linear %a, %w as "graded" : (tensor<4xi8>, tensor<3x4xi8>) -> tensor<3xi32>
  %y = snn.neuron as "if" (%x = %i : tensor<3xi16>) state (%v = %zero : tensor<i16>) -> (tensor<3xi1>) {
    %th = arith.constant 100 : i16
    %u = arith.addi %v, %x : i16
    %d = arith.subi %u, %th : i16
    %z = snn.spike ge %d : i16
    %n = arith.select %z, %d, %u : i16
    snn.next (%z : i1) state (%n : i16)
  }
  snn.yield %y, %s : tensor<3xi1>, tensor<3xi32>
}

// CHECK:      kernel.program @net block 4 {
// CHECK-NEXT:     kernel.buffer const @w : memref<4x3xi8> = #snn.blob<"b7168c6c55e3aa0d76b4c7e544e62bea"> signed
// CHECK-NEXT:     kernel.buffer const @b : memref<3xi16> = dense<[1, -2, 3]> : tensor<3xi16> signed
// CHECK-NEXT:     kernel.buffer state @if.v : memref<3xi16> = dense<0> : tensor<3xi16> signed
// CHECK-NEXT:     kernel.buffer stream @graded : memref<4x3xi32> signed
// CHECK-NEXT:     kernel.buffer work @input.active : memref<4xi16> stage "graded"
// CHECK-NEXT:     kernel.buffer work @fc : memref<3xi16> signed stage "if"
// CHECK-NEXT:     kernel.buffer work @input.active_1 : memref<4xi16> stage "if"
// CHECK-NEXT:     kernel.buffer input @x : memref<?x4xi8> spikes
// CHECK-NEXT:     kernel.buffer input @a : memref<?x4xi8> signed
// CHECK-NEXT:     kernel.buffer output @y : memref<?x3xi8> spikes
// CHECK-NEXT:     kernel.buffer output @s : memref<?x3xi32> signed
// CHECK-NEXT:     kernel.stage "graded" of ["graded"] (%0) {
// CHECK-NEXT:       %1 = arith.constant 0 : index
// CHECK-NEXT:       %2 = arith.constant 1 : index
// CHECK-NEXT:       scf.for %3 = %1 to %0 step %2 {
// CHECK-NEXT:         %4 = kernel.ref @w : memref<4x3xi8>
// CHECK-NEXT:         %5 = kernel.ref @graded[%3] : memref<3xi32>
// CHECK-NEXT:         %6 = kernel.ref @a[%3] : memref<4xi8>
// CHECK-NEXT:         %7 = kernel.ref @input.active : memref<4xi16>
// CHECK-NEXT:         %8 = kernel.compress %6 into %7 : memref<4xi8>, memref<4xi16>
// CHECK-NEXT:         kernel.gather %4 rows %7 count %8 values %6 into %5 : memref<4x3xi8> rows memref<4xi16> values memref<4xi8> -> memref<3xi32>
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     kernel.stage "if" of ["fc", "if"] (%9) {
// CHECK-NEXT:       %10 = arith.constant 0 : index
// CHECK-NEXT:       %11 = arith.constant 1 : index
// CHECK-NEXT:       scf.for %12 = %10 to %9 step %11 {
// CHECK-NEXT:         %13 = kernel.ref @w : memref<4x3xi8>
// CHECK-NEXT:         %14 = kernel.ref @fc : memref<3xi16>
// CHECK-NEXT:         %15 = kernel.ref @b : memref<3xi16>
// CHECK-NEXT:         %16 = kernel.ref @x[%12] : memref<4xi8>
// CHECK-NEXT:         %17 = kernel.ref @input.active_1 : memref<4xi16>
// CHECK-NEXT:         %18 = kernel.compress %16 into %17 : memref<4xi8>, memref<4xi16>
// CHECK-NEXT:         kernel.gather %13 rows %17 count %18 init %15 into %14 : memref<4x3xi8> rows memref<4xi16> init memref<3xi16> -> memref<3xi16>
// CHECK-NEXT:         %19 = kernel.ref @y[%12] : memref<3xi8>
// CHECK-NEXT:         %20 = kernel.ref @if.v : memref<3xi16>
// CHECK-NEXT:         linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "if"} ins(%14 : memref<3xi16>) outs(%19, %20 : memref<3xi8>, memref<3xi16>) {
// CHECK-NEXT:         ^bb0(%x: i16, %z: i8, %v: i16):
// CHECK-NEXT:           %th = arith.constant 100 : i16
// CHECK-NEXT:           %u = arith.addi %v, %x : i16
// CHECK-NEXT:           %d = arith.subi %u, %th : i16
// CHECK-NEXT:           %21 = arith.constant 0 : i16
// CHECK-NEXT:           %22 = arith.cmpi sge, %d, %21 : i16
// CHECK-NEXT:           %n = arith.select %22, %d, %u : i16
// CHECK-NEXT:           %23 = arith.extui %22 : i1 to i8
// CHECK-NEXT:           linalg.yield %23, %n : i8, i16
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:     kernel.stage "outputs" of [] (%24) {
// CHECK-NEXT:       %25 = arith.constant 0 : index
// CHECK-NEXT:       %26 = arith.constant 1 : index
// CHECK-NEXT:       scf.for %27 = %25 to %24 step %26 {
// CHECK-NEXT:         %28 = kernel.ref @graded[%27] : memref<3xi32>
// CHECK-NEXT:         %29 = kernel.ref @s[%27] : memref<3xi32>
// CHECK-NEXT:         linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%28 : memref<3xi32>) outs(%29 : memref<3xi32>) {
// CHECK-NEXT:         ^bb0(%30: i32, %31: i32):
// CHECK-NEXT:           linalg.yield %30 : i32
// CHECK-NEXT:         }
// CHECK-NEXT:       }
// CHECK-NEXT:     }
// CHECK-NEXT:   }
