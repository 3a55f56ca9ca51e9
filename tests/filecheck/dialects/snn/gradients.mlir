// RUN: snncc-opt %s | snncc-opt | filecheck %s

snn.network reverse @back ("a" %a : tensor<1x3x2xf32>, "s" %s : tensor<1x4x2xi1>) -> (sum "w" : tensor<1x3x4xf32>, last "v" : tensor<1x3x2xf32>, "b" : tensor<1x3x1xf32>, "m" : tensor<1x1x2xf32>) {
  %w = snn.outer %a, %s as "dw" : (tensor<1x3x2xf32>, tensor<1x4x2xi1>) -> tensor<1x3x4xf32>
  %b = snn.reduce sum %a as "db" : tensor<1x3x2xf32> -> tensor<1x3x1xf32>
  %m = snn.reduce max %a : tensor<1x3x2xf32> -> tensor<1x1x2xf32>
  snn.yield %w, %a, %b, %m : tensor<1x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x1xf32>, tensor<1x1x2xf32>
}

// CHECK:      snn.network reverse @back ("a" %a : tensor<1x3x2xf32>, "s" %s : tensor<1x4x2xi1>) -> (sum "w" : tensor<1x3x4xf32>, last "v" : tensor<1x3x2xf32>, "b" : tensor<1x3x1xf32>, "m" : tensor<1x1x2xf32>) {
// CHECK-NEXT:   %w = snn.outer %a, %s as "dw" : (tensor<1x3x2xf32>, tensor<1x4x2xi1>) -> tensor<1x3x4xf32>
// CHECK-NEXT:   %b = snn.reduce sum %a as "db" : tensor<1x3x2xf32> -> tensor<1x3x1xf32>
// CHECK-NEXT:   %m = snn.reduce max %a : tensor<1x3x2xf32> -> tensor<1x1x2xf32>
// CHECK-NEXT:   snn.yield %w, %a, %b, %m : tensor<1x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x1xf32>, tensor<1x1x2xf32>
// CHECK-NEXT: }
