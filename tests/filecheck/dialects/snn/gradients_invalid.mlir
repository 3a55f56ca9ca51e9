// RUN: snncc-opt --verify-diagnostics --split-input-file %s | filecheck %s

snn.network @net ("a" %a : tensor<2x3xf32>) -> ("b" : tensor<2x2xf32>) {
  // CHECK: result: expected a shape that broadcasts to 2x3, got 2x2
  %b = snn.reduce sum %a : tensor<2x3xf32> -> tensor<2x2xf32>
  snn.yield %b : tensor<2x2xf32>
}

// -----

snn.network @net ("a" %a : tensor<2x3xf32>) -> ("b" : tensor<2x1xf32>) {
  // CHECK: expected sum or max, got avg
  %b = snn.reduce avg %a : tensor<2x3xf32> -> tensor<2x1xf32>
  snn.yield %b : tensor<2x1xf32>
}

// -----

snn.network @net ("a" %a : tensor<1x3x2xf32>, "b" %b : tensor<1x4x1xf32>) -> ("c" : tensor<1x3x4xf32>) {
  // CHECK: right: expected shape 1x4x2, got 1x4x1
  %c = snn.outer %a, %b : (tensor<1x3x2xf32>, tensor<1x4x1xf32>) -> tensor<1x3x4xf32>
  snn.yield %c : tensor<1x3x4xf32>
}

// -----

// CHECK: output "a": a sum over time is of floats or i32
snn.network @net ("a" %a : tensor<2xi1>) -> (sum "a" : tensor<2xi1>) {
  snn.yield %a : tensor<2xi1>
}
