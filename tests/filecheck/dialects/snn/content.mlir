// RUN: snncc-opt %s | filecheck --match-full-lines %s
// RUN: snncc-opt %s | snncc-opt | filecheck --match-full-lines %s

// infinities, NaN and a mixture of zeros stand as bytes, which alone come back as they were

snn.parameter @a : tensor<2xf32> = dense<"0x0000807F000080FF">
snn.parameter @z : tensor<2xf32> = dense<[0.0, -0.0]>
snn.network @bytes () -> ("y" : tensor<2xf32>) {
  %y = snn.constant dense<"0x0000C07F00000080"> : tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.parameter @a : tensor<2xf32> = dense<"0x0000807F000080FF">
// CHECK-NEXT: snn.parameter @z : tensor<2xf32> = dense<"0x0000000000000080">
// CHECK-NEXT: snn.network @bytes () -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y = snn.constant dense<"0x0000C07F00000080"> : tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }
