// RUN: snncc-opt --split-input-file -p snn-fold-affine,dce %s | filecheck --match-full-lines %s

// exact: positive powers of two behind a sum of spikes, the bias too

snn.parameter @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, -4.0]]>
snn.parameter @b : tensor<2xf32> = dense<[0.5, -0.5]>
snn.parameter @s : tensor<2xf32> = dense<[2.0, 0.25]>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %b = snn.use @b : tensor<2xf32>
  %s = snn.use @s : tensor<2xf32>
  %l = snn.linear %x, %w bias %b last as "fc" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = snn.scale %l, %s : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<{{\[}}[1.000000e+00, 2.000000e+00], [3.000000e+00, -4.000000e+00]]>
// CHECK-NEXT: snn.parameter @b : tensor<2xf32> = dense<[5.000000e-01, -5.000000e-01]>
// CHECK-NEXT: snn.parameter @s : tensor<2xf32> = dense<[2.000000e+00, 2.500000e-01]>
// CHECK-NEXT: snn.parameter @w.folded : tensor<2x2xf32> = #snn.blob<"{{.*}}">
// CHECK-NEXT: snn.parameter @b.folded : tensor<2xf32> = #snn.blob<"{{.*}}">
// CHECK-NEXT: snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %0 = snn.use @w.folded : tensor<2x2xf32>
// CHECK-NEXT:   %1 = snn.use @b.folded : tensor<2xf32>
// CHECK-NEXT:   %y = snn.linear %x, %0 bias %1 last as "fc" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// kept: a negative factor, for +0 of a silent step would become +0 instead of -0

snn.parameter @w : tensor<2x2xf32> = dense<1.0>
snn.parameter @s : tensor<2xf32> = dense<[2.0, -2.0]>
snn.network @negative ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %s = snn.use @s : tensor<2xf32>
  %l = snn.linear %x, %w : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.scale %l, %s : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @negative ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>

// -----

// kept: floats, whose products round and may overflow

snn.parameter @w : tensor<2x2xf32> = dense<1.0>
snn.parameter @s : tensor<f32> = dense<2.0>
snn.network @floats ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.scale %l, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @floats ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>

// -----

// kept: partial sums that overflow with the factor, or without it; counts up to 255 count so

snn.parameter @w : tensor<1x3xf32> = dense<[[1.0e38, 1.0e38, -1.0e38]]>
snn.parameter @s : tensor<f32> = dense<2.0>
snn.network @overflow ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi1>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @overflow ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>

// -----

snn.parameter @w : tensor<1x3xf32> = dense<3.0e38>
snn.parameter @s : tensor<f32> = dense<0.25>
snn.network @overflow_before ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi1>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @overflow_before ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>

// -----

snn.parameter @w : tensor<1x3xf32> = dense<1.0e36>
snn.parameter @s : tensor<f32> = dense<2.0>
snn.network @counts ("x" %x : tensor<3xi8>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi8>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @counts ("x" %x : tensor<3xi8>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>

// -----

// kept: weights that become subnormal, or are

snn.parameter @w : tensor<1x3xf32> = dense<[[1.0e-37, 1.0, 1.0]]>
snn.parameter @s : tensor<f32> = dense<0.0625>
snn.network @subnormal ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi1>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @subnormal ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>

// -----

snn.parameter @w : tensor<1x3xf32> = dense<[[1.0e-40, 1.0, 1.0]]>
snn.parameter @s : tensor<f32> = dense<4.0>
snn.network @was_subnormal ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x3xf32>
  %s = snn.use @s : tensor<f32>
  %l = snn.linear %x, %w : (tensor<3xi1>, tensor<1x3xf32>) -> tensor<1xf32>
  %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// CHECK:      snn.network @was_subnormal ("x" %x : tensor<3xi1>) -> ("y" : tensor<1xf32>) {
// CHECK:        %y = snn.scale %l, %s : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
