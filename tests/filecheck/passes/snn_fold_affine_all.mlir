// RUN: snncc-opt --split-input-file -p snn-fold-affine{exact=false},dce %s | filecheck --match-full-lines %s

// any factor, behind floats too

snn.parameter @w : tensor<2x2xf32> = dense<1.0>
snn.parameter @s : tensor<2xf32> = dense<[3.0, -0.1]>
snn.network @any ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %s = snn.use @s : tensor<2xf32>
  %l = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.scale %l, %s : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @any ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %0 = snn.use @w.folded : tensor<2x2xf32>
// CHECK-NEXT:   %y = snn.linear %x, %0 : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>

// -----

// kept: a weight, a sum of spikes or a bias that would be infinite

snn.parameter @w : tensor<2x2xf32> = dense<[[2.0e38, -2.0e38], [1.0, 1.0]]>
snn.parameter @s : tensor<f32> = dense<2.5>
snn.network @weight ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.scale %l, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @weight ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>

// -----

snn.parameter @w : tensor<1x3xf32> = dense<[[1.0e38, 1.0e38, -1.0e38]]>
snn.parameter @s : tensor<f32> = dense<2.5>
snn.network @sum ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi1>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @sum ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>

// -----

snn.parameter @w : tensor<1x1xf32> = dense<1.0>
snn.parameter @p : tensor<1xf32> = dense<1.0>
snn.parameter @large : tensor<1xf32> = dense<3.0e38>
snn.parameter @negative : tensor<1xf32> = dense<-3.0e38>
snn.network @shift ("x" %x : tensor<1xf32>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x1xf32>
  %p = snn.use @p : tensor<1xf32>
  %large = snn.use @large : tensor<1xf32>
  %negative = snn.use @negative : tensor<1xf32>
  %l = snn.linear %x, %w bias %large first : (tensor<1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %y = snn.batch_norm %l, %p, %large, %p, %p epsilon 0.0 : f64 : (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @shift ("x" %x : tensor<1xf32>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.batch_norm {{.*}}
