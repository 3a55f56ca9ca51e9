// RUN: snncc-opt --split-input-file %s | filecheck --match-full-lines %s
// RUN: snncc-opt --split-input-file %s | snncc-opt --split-input-file --print-op-generic | snncc-opt --split-input-file | filecheck --match-full-lines %s

// parameters: content by digest or in the text, names that need quotes, attributes

snn.parameter @fc1.weight : tensor<128x64xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">
snn.parameter @"0.weight" : tensor<2xf64> = dense<[0.5, -1.0]>
snn.parameter @"the \"first\" layer" : tensor<2x2xi8> = dense<[[1, -2], [3, 4]]>
snn.parameter @"fc 1" : tensor<2x2xf32> = dense<-0.0>
snn.parameter @mask : tensor<i1> = dense<true> attributes {origin = "test"}

// CHECK:      snn.parameter @fc1.weight : tensor<128x64xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">
// CHECK-NEXT: snn.parameter @"0.weight" : tensor<2xf64> = dense<[5.000000e-01, -1.000000e+00]>
// CHECK-NEXT: snn.parameter @"the \22first\22 layer" : tensor<2x2xi8> = dense<{{\[}}[1, -2], [3, 4]]>
// CHECK-NEXT: snn.parameter @"fc 1" : tensor<2x2xf32> = dense<-0.000000e+00>
// CHECK-NEXT: snn.parameter @mask : tensor<i1> = dense<true> attributes {origin = "test"}
// CHECK-NEXT: }

// -----

// several networks in one module may use the same names of values and of streams

snn.parameter @w : tensor<2x2xf32> = dense<0.5>
snn.network @a ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w : tensor<2x2xf32>
  %y = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}
snn.network @b ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.use @w {origin = "test"} : tensor<2x2xf32>
  %y = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  snn.yield %y {origin = "test"} : tensor<2xf32>
}

// CHECK:      snn.parameter @w : tensor<2x2xf32> = dense<5.000000e-01>
// CHECK-NEXT: snn.network @a ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.use @w : tensor<2x2xf32>
// CHECK-NEXT:   %y = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @b ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.use @w {origin = "test"} : tensor<2x2xf32>
// CHECK-NEXT:   %y = snn.linear %x, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %y {origin = "test"} : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// interfaces: no streams, many streams, names that are not identifiers, attributes

snn.network @"net.1" () -> () attributes {origin = "a test"} {
  snn.yield :
}
snn.network @many ("0" %0 : tensor<2xi1>, "in.2 \"b\"" %1 : tensor<1x2x3xf64>) -> ("0" : tensor<2xi1>, "same" : tensor<2xi1>, "in" : tensor<1x2x3xf64>) {
  snn.yield %0, %0, %1 : tensor<2xi1>, tensor<2xi1>, tensor<1x2x3xf64>
}

// CHECK:      snn.network @net.1 () -> () attributes {origin = "a test"} {
// CHECK-NEXT:   snn.yield :
// CHECK-NEXT: }
// CHECK-NEXT: snn.network @many ("0" %0 : tensor<2xi1>, "in.2 \22b\22" %1 : tensor<1x2x3xf64>) -> ("0" : tensor<2xi1>, "same" : tensor<2xi1>, "in" : tensor<1x2x3xf64>) {
// CHECK-NEXT:   snn.yield %0, %0, %1 : tensor<2xi1>, tensor<2xi1>, tensor<1x2x3xf64>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// constants of each element type

snn.network @constants () -> ("a" : tensor<f32>) {
  %a = snn.constant dense<0.25> : tensor<f32>
  %b = snn.constant dense<[1.0, -0.0]> : tensor<2xf64>
  %c = snn.constant dense<true> : tensor<3xi1>
  %d = snn.constant dense<[-1, 7]> : tensor<2xi16>
  %e = snn.constant {origin = "test"} dense<1.0> : tensor<2x1x1xf32>
  snn.yield %a : tensor<f32>
}

// CHECK:      snn.network @constants () -> ("a" : tensor<f32>) {
// CHECK-NEXT:   %a = snn.constant dense<2.500000e-01> : tensor<f32>
// CHECK-NEXT:   %b = snn.constant dense<[1.000000e+00, -0.000000e+00]> : tensor<2xf64>
// CHECK-NEXT:   %c = snn.constant dense<true> : tensor<3xi1>
// CHECK-NEXT:   %d = snn.constant dense<[-1, 7]> : tensor<2xi16>
// CHECK-NEXT:   %e = snn.constant {origin = "test"} dense<1.000000e+00> : tensor<2x1x1xf32>
// CHECK-NEXT:   snn.yield %a : tensor<f32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// elementwise operations; spikes, counts and floats as operands

snn.network @elementwise ("x" %x : tensor<2x3xf32>, "s" %s : tensor<2x3xi1>, "n" %n : tensor<2x3xi16>) -> ("y" : tensor<2x3xf32>) {
  %one = snn.constant dense<1.0> : tensor<f32>
  %row = snn.constant dense<1.0> : tensor<2xf32>
  %wide = snn.constant dense<1.0> : tensor<2x1xf32>
  %a = snn.add %x, %s, %n : (tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi16>) -> tensor<2x3xf32>
  %b = snn.add %s as "fan-in.0" {origin = "test"} : (tensor<2x3xi1>) -> tensor<2x3xf32>
  %c = snn.scale %x, %one : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %d = snn.scale %s, %wide as "gain" {origin = "test"} : (tensor<2x3xi1>, tensor<2x1xf32>) -> tensor<2x3xf32>
  %e = snn.batch_norm %x, %row, %row, %row, %row epsilon 1.0e-05 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  %f = snn.batch_norm %s, %row, %row, %row, %row as "bn" epsilon 0.0 {origin = "test"} : (tensor<2x3xi1>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  %g = snn.threshold gt %x, %one : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xi1>
  %h = snn.threshold ge %x, %wide surrogate <"norse.superspike", alpha = 100.0 : f64> as "th" {origin = "test"} : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xi1>
  snn.yield %a : tensor<2x3xf32>
}

// CHECK:      snn.network @elementwise ("x" %x : tensor<2x3xf32>, "s" %s : tensor<2x3xi1>, "n" %n : tensor<2x3xi16>) -> ("y" : tensor<2x3xf32>) {
// CHECK-NEXT:   %one = snn.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT:   %row = snn.constant dense<1.000000e+00> : tensor<2xf32>
// CHECK-NEXT:   %wide = snn.constant dense<1.000000e+00> : tensor<2x1xf32>
// CHECK-NEXT:   %a = snn.add %x, %s, %n : (tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi16>) -> tensor<2x3xf32>
// CHECK-NEXT:   %b = snn.add %s as "fan-in.0" {origin = "test"} : (tensor<2x3xi1>) -> tensor<2x3xf32>
// CHECK-NEXT:   %c = snn.scale %x, %one : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
// CHECK-NEXT:   %d = snn.scale %s, %wide as "gain" {origin = "test"} : (tensor<2x3xi1>, tensor<2x1xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:   %e = snn.batch_norm %x, %row, %row, %row, %row epsilon 1.000000e-05 : f64 : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:   %f = snn.batch_norm %s, %row, %row, %row, %row as "bn" epsilon 0.000000e+00 : f64 {origin = "test"} : (tensor<2x3xi1>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:   %g = snn.threshold gt %x, %one : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xi1>
// CHECK-NEXT:   %h = snn.threshold ge %x, %wide surrogate <"norse.superspike", alpha = 1.000000e+02 : f64> as "th" {origin = "test"} : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xi1>
// CHECK-NEXT:   snn.yield %a : tensor<2x3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// weighted sums: no bias, a bias in either place, windows in any order and in short

snn.network @sums ("x" %x : tensor<4xi1>, "s" %s : tensor<4x9xi8>, "i" %i : tensor<4x8x9xf64>) -> ("y" : tensor<2xf32>) {
  %w = snn.constant dense<0.5> : tensor<2x4xf32>
  %b = snn.constant dense<0.5> : tensor<2xf32>
  %w1 = snn.constant dense<0.5> : tensor<2x4x3xf32>
  %w1g = snn.constant dense<0.5> : tensor<2x2x3xf32>
  %w2 = snn.constant dense<0.5> : tensor<2x4x3x2xf64>
  %w2g = snn.constant dense<0.5> : tensor<4x1x3x3xf64>
  %b2 = snn.constant dense<0.5> : tensor<4xf64>
  %l0 = snn.linear %x, %w : (tensor<4xi1>, tensor<2x4xf32>) -> tensor<2xf32>
  %l1 = snn.linear %x, %w bias %b first as "0" : (tensor<4xi1>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<2xf32>
  %l2 = snn.linear %x, %w bias %b last {origin = "test"} : (tensor<4xi1>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<2xf32>
  %c0 = snn.conv1d %s, %w1 stride [1] padding [0, 0] dilation [1] : (tensor<4x9xi8>, tensor<2x4x3xf32>) -> tensor<2x7xf32>
  %c1 = snn.conv1d %s, %w1g bias %b first groups 2 dilation [2] padding [3, 1] stride [4] as "c" {origin = "test"} : (tensor<4x9xi8>, tensor<2x2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  %d0 = snn.conv2d %i, %w2 stride [2, 1] padding [1, 0, 0, 2] dilation [1, 3] groups 1 : (tensor<4x8x9xf64>, tensor<2x4x3x2xf64>) -> tensor<2x4x8xf64>
  %d1 = snn.conv2d %i, %w2g bias %b2 last stride [1, 1] padding [1, 1, 1, 1] dilation [1, 1] groups 4 as "depthwise" {origin = "test"} : (tensor<4x8x9xf64>, tensor<4x1x3x3xf64>, tensor<4xf64>) -> tensor<4x8x9xf64>
  snn.yield %l0 : tensor<2xf32>
}

// CHECK:      snn.network @sums ("x" %x : tensor<4xi1>, "s" %s : tensor<4x9xi8>, "i" %i : tensor<4x8x9xf64>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %w = snn.constant dense<5.000000e-01> : tensor<2x4xf32>
// CHECK-NEXT:   %b = snn.constant dense<5.000000e-01> : tensor<2xf32>
// CHECK-NEXT:   %w1 = snn.constant dense<5.000000e-01> : tensor<2x4x3xf32>
// CHECK-NEXT:   %w1g = snn.constant dense<5.000000e-01> : tensor<2x2x3xf32>
// CHECK-NEXT:   %w2 = snn.constant dense<5.000000e-01> : tensor<2x4x3x2xf64>
// CHECK-NEXT:   %w2g = snn.constant dense<5.000000e-01> : tensor<4x1x3x3xf64>
// CHECK-NEXT:   %b2 = snn.constant dense<5.000000e-01> : tensor<4xf64>
// CHECK-NEXT:   %l0 = snn.linear %x, %w : (tensor<4xi1>, tensor<2x4xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %l1 = snn.linear %x, %w bias %b first as "0" : (tensor<4xi1>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %l2 = snn.linear %x, %w bias %b last {origin = "test"} : (tensor<4xi1>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %c0 = snn.conv1d %s, %w1 stride [1] padding [0, 0] dilation [1] groups 1 : (tensor<4x9xi8>, tensor<2x4x3xf32>) -> tensor<2x7xf32>
// CHECK-NEXT:   %c1 = snn.conv1d %s, %w1g bias %b first stride [4] padding [3, 1] dilation [2] groups 2 as "c" {origin = "test"} : (tensor<4x9xi8>, tensor<2x2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:   %d0 = snn.conv2d %i, %w2 stride [2, 1] padding [1, 0, 0, 2] dilation [1, 3] groups 1 : (tensor<4x8x9xf64>, tensor<2x4x3x2xf64>) -> tensor<2x4x8xf64>
// CHECK-NEXT:   %d1 = snn.conv2d %i, %w2g bias %b2 last stride [1, 1] padding [1, 1, 1, 1] dilation [1, 1] groups 4 as "depthwise" {origin = "test"} : (tensor<4x8x9xf64>, tensor<4x1x3x3xf64>, tensor<4xf64>) -> tensor<4x8x9xf64>
// CHECK-NEXT:   snn.yield %l0 : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// what gathers and rearranges

snn.network @shapes ("x" %x : tensor<2x5x4xi1>, "y" %y : tensor<2x5x4xf32>) -> ("z" : tensor<40xi1>) {
  %a = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x5x4xi1>) -> tensor<2x2x2xf32>
  %b = snn.pool2d avg %x kernel [3, 2] stride [1, 2] padding [1, 0, 1, 1] exclude_padding as "pool" {origin = "test"} : (tensor<2x5x4xi1>) -> tensor<2x4x3xf64>
  %c = snn.pool2d max %x kernel [2, 4] stride [3, 1] padding [0, 1, 0, 0] : (tensor<2x5x4xi1>) -> tensor<2x2x1xi1>
  %d = snn.pool2d avg %y kernel [5, 4] stride [1, 1] padding [0, 0, 0, 0] as "global" : (tensor<2x5x4xf32>) -> tensor<2x1x1xf32>
  %e = snn.reshape %x : tensor<2x5x4xi1> -> tensor<40xi1>
  %f = snn.reshape %y as "flatten" {origin = "test"} : tensor<2x5x4xf32> -> tensor<5x8xf32>
  %g = snn.concat %x axis 0 : (tensor<2x5x4xi1>) -> tensor<2x5x4xi1>
  %h = snn.concat %a, %a, %a axis 2 as "cat" {origin = "test"} : (tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x6xf32>
  %i = snn.rearrange %x places <0 (4 by 1) (10 by 4)> : tensor<2x5x4xi1> -> tensor<4x10xi1>
  %j = snn.rearrange %y places <39, 0, -1 (3 by 0), 7 (2 by 10) (2 by -3) (2 by 1)> as "take" {origin = "test"} : tensor<2x5x4xf32> -> tensor<13xf32>
  snn.yield %e : tensor<40xi1>
}

// CHECK:      snn.network @shapes ("x" %x : tensor<2x5x4xi1>, "y" %y : tensor<2x5x4xf32>) -> ("z" : tensor<40xi1>) {
// CHECK-NEXT:   %a = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x5x4xi1>) -> tensor<2x2x2xf32>
// CHECK-NEXT:   %b = snn.pool2d avg %x kernel [3, 2] stride [1, 2] padding [1, 0, 1, 1] exclude_padding as "pool" {origin = "test"} : (tensor<2x5x4xi1>) -> tensor<2x4x3xf64>
// CHECK-NEXT:   %c = snn.pool2d max %x kernel [2, 4] stride [3, 1] padding [0, 1, 0, 0] : (tensor<2x5x4xi1>) -> tensor<2x2x1xi1>
// CHECK-NEXT:   %d = snn.pool2d avg %y kernel [5, 4] stride [1, 1] padding [0, 0, 0, 0] as "global" : (tensor<2x5x4xf32>) -> tensor<2x1x1xf32>
// CHECK-NEXT:   %e = snn.reshape %x : tensor<2x5x4xi1> -> tensor<40xi1>
// CHECK-NEXT:   %f = snn.reshape %y as "flatten" {origin = "test"} : tensor<2x5x4xf32> -> tensor<5x8xf32>
// CHECK-NEXT:   %g = snn.concat %x axis 0 : (tensor<2x5x4xi1>) -> tensor<2x5x4xi1>
// CHECK-NEXT:   %h = snn.concat %a, %a, %a axis 2 as "cat" {origin = "test"} : (tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x6xf32>
// CHECK-NEXT:   %i = snn.rearrange %x places <0 (4 by 1) (10 by 4)> : tensor<2x5x4xi1> -> tensor<4x10xi1>
// CHECK-NEXT:   %j = snn.rearrange %y places <39, 0, -1 (3 by 0), 7 (2 by 10) (2 by -3) (2 by 1)> as "take" {origin = "test"} : tensor<2x5x4xf32> -> tensor<13xf32>
// CHECK-NEXT:   snn.yield %e : tensor<40xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// delays look ahead; cycles through one delay, through two, and of a delay with itself

snn.network @delays ("x" %x : tensor<2x2xf32>) -> ("y" : tensor<2x2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %column = snn.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %self = snn.delay %self by 1 init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %a = snn.delay %y by 3 init %column as "axon.0" {origin = "test"} : tensor<2x2xf32>, tensor<2x1xf32> -> tensor<2x2xf32>
  %b = snn.delay %c by 1 : i64 init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %c = snn.delay %b by dense<[[1, 2], [3, 4]]> : tensor<2x2xi64> init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  // a delay of 0 steps somewhere looks back only
  %d = snn.delay %c by dense<[[0, 2], [0, 0]]> : tensor<2x2xi64> init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %e = snn.delay %d by dense<7> : tensor<2x2xi64> init %zero as "same" : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %y = snn.add %x, %self, %a, %d, %e : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  snn.yield %y : tensor<2x2xf32>
}

// CHECK:      snn.network @delays ("x" %x : tensor<2x2xf32>) -> ("y" : tensor<2x2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %column = snn.constant dense<{{\[}}[1.000000e+00], [2.000000e+00]]> : tensor<2x1xf32>
// CHECK-NEXT:   %self = snn.delay %self by 1 : i64 init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
// CHECK-NEXT:   %a = snn.delay %y by 3 : i64 init %column as "axon.0" {origin = "test"} : tensor<2x2xf32>, tensor<2x1xf32> -> tensor<2x2xf32>
// CHECK-NEXT:   %b = snn.delay %c by 1 : i64 init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
// CHECK-NEXT:   %c = snn.delay %b by dense<{{\[}}[1, 2], [3, 4]]> : tensor<2x2xi64> init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
// CHECK-NEXT:   %d = snn.delay %c by dense<{{\[}}[0, 2], [0, 0]]> : tensor<2x2xi64> init %zero : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
// CHECK-NEXT:   %e = snn.delay %d by dense<7> : tensor<2x2xi64> init %zero as "same" : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
// CHECK-NEXT:   %y = snn.add %x, %self, %a, %d, %e : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
// CHECK-NEXT:   snn.yield %y : tensor<2x2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a cycle through values without names

snn.network @anonymous ("x" %0 : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %1 = snn.constant dense<0.0> : tensor<f32>
  %2 = snn.delay %3 by 1 init %1 : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %3 = snn.add %0, %2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %3 : tensor<2xf32>
}

// CHECK:      snn.network @anonymous ("x" %0 : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %1 = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %2 = snn.delay %3 by 1 : i64 init %1 : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %3 = snn.add %0, %2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %3 : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// neurons: operands that broadcast, several results, ports of every group or of none

snn.network @neurons ("x" %x : tensor<2x3xf32>, "s" %s : tensor<2x3xi1>) -> ("y" : tensor<2x3xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %row = snn.constant dense<0.5> : tensor<3xf32>
  %wide = snn.constant dense<0.5> : tensor<2x1xf32>
  %y, %u = snn.neuron as "lif.1" (%i = %x : tensor<2x3xf32>, %gate = %s : tensor<2x3xi1>) state (%v = %zero : tensor<f32>, %t = %row : tensor<3xf32>) params (%beta = %row : tensor<3xf32>, %theta = %wide : tensor<2x1xf32>) -> (tensor<2x3xi1>, tensor<2x3xf32>) attributes {origin = "test"} {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %i : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike gt %2 : f32
    %open = arith.andi %z, %gate : i1
    snn.next (%open : i1, %1 : f32) state (%1 : f32, %t : f32)
  }
  %clock = snn.neuron () state (%n = %zero : tensor<f32>) -> (tensor<4xf32>) {
    snn.next (%n : f32) state (%n : f32) attributes {origin = "test"}
  }
  %pass = snn.neuron (%i = %x : tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    snn.next (%i : f32)
  }
  %same = snn.neuron () params (%p = %wide : tensor<2x1xf32>) -> (tensor<2x3xf32>) {
    snn.next (%p : f32)
  }
  snn.yield %y : tensor<2x3xi1>
}

// CHECK:      snn.network @neurons ("x" %x : tensor<2x3xf32>, "s" %s : tensor<2x3xi1>) -> ("y" : tensor<2x3xi1>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %row = snn.constant dense<5.000000e-01> : tensor<3xf32>
// CHECK-NEXT:   %wide = snn.constant dense<5.000000e-01> : tensor<2x1xf32>
// CHECK-NEXT:   %y, %u = snn.neuron as "lif.1" (%i = %x : tensor<2x3xf32>, %gate = %s : tensor<2x3xi1>) state (%v = %zero : tensor<f32>, %t = %row : tensor<3xf32>) params (%beta = %row : tensor<3xf32>, %theta = %wide : tensor<2x1xf32>) -> (tensor<2x3xi1>, tensor<2x3xf32>) attributes {origin = "test"} {
// CHECK-NEXT:     %0 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %1 = arith.addf %0, %i : f32
// CHECK-NEXT:     %2 = arith.subf %1, %theta : f32
// CHECK-NEXT:     %z = snn.spike gt %2 : f32
// CHECK-NEXT:     %open = arith.andi %z, %gate : i1
// CHECK-NEXT:     snn.next (%open : i1, %1 : f32) state (%1 : f32, %t : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %clock = snn.neuron () state (%n = %zero : tensor<f32>) -> (tensor<4xf32>) {
// CHECK-NEXT:     snn.next (%n : f32) state (%n : f32) attributes {origin = "test"}
// CHECK-NEXT:   }
// CHECK-NEXT:   %pass = snn.neuron (%i = %x : tensor<2x3xf32>) -> (tensor<2x3xf32>) {
// CHECK-NEXT:     snn.next (%i : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %same = snn.neuron () params (%p = %wide : tensor<2x1xf32>) -> (tensor<2x3xf32>) {
// CHECK-NEXT:     snn.next (%p : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2x3xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// every operation of bodies, surrogates with and without options, and arithmetic around them

snn.network @body ("x" %x : tensor<2xf32>) -> ("n" : tensor<2xi16>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %n, %y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi16>, tensor<2xf32>) {
    %0 = snn.spike gt %x : f32
    %1 = snn.spike ge %x surrogate <"sinabs.periodic_exponential"> : f32
    %2 = snn.spike gt %x surrogate <"snntorch.atan", alpha = 2.0 : f64, learn = true> {origin = "test"} : f32
    %3 = snn.count %x max 65535 : f32 -> i16
    %4 = snn.count %v max 1 surrogate <"sinabs.single_exponential", grad_width = 0.5 : f64> {origin = "test"} : f32 -> i16
    %5 = snn.detach %0 : i1
    %6 = snn.detach %x {origin = "test"} : f32
    %one = arith.constant 1.0 : f32
    %7 = arith.select %5, %one, %6 : f32
    %8 = arith.maximumf %7, %v : f32
    %9 = math.exp %8 : f32
    %10 = arith.addi %3, %4 : i16
    %11 = snn.index {origin = "test"} : i32
    snn.next (%10 : i16, %9 : f32) state (%8 : f32)
  }
  snn.yield %n : tensor<2xi16>
}

// CHECK:      snn.network @body ("x" %x : tensor<2xf32>) -> ("n" : tensor<2xi16>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %n, %y = snn.neuron (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi16>, tensor<2xf32>) {
// CHECK-NEXT:     %0 = snn.spike gt %x : f32
// CHECK-NEXT:     %1 = snn.spike ge %x surrogate <"sinabs.periodic_exponential"> : f32
// CHECK-NEXT:     %2 = snn.spike gt %x surrogate <"snntorch.atan", alpha = 2.000000e+00 : f64, learn = true> {origin = "test"} : f32
// CHECK-NEXT:     %3 = snn.count %x max 65535 : f32 -> i16
// CHECK-NEXT:     %4 = snn.count %v max 1 surrogate <"sinabs.single_exponential", grad_width = 5.000000e-01 : f64> {origin = "test"} : f32 -> i16
// CHECK-NEXT:     %5 = snn.detach %0 : i1
// CHECK-NEXT:     %6 = snn.detach %x {origin = "test"} : f32
// CHECK-NEXT:     %one = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:     %7 = arith.select %5, %one, %6 : f32
// CHECK-NEXT:     %8 = arith.maximumf %7, %v : f32
// CHECK-NEXT:     %9 = math.exp %8 : f32
// CHECK-NEXT:     %10 = arith.addi %3, %4 : i16
// CHECK-NEXT:     %11 = snn.index {origin = "test"} : i32
// CHECK-NEXT:     snn.next (%10 : i16, %9 : f32) state (%8 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %n : tensor<2xi16>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// a body is isolated: it uses the names around it again, numbers included, and names that
// the network gives to values below it

snn.network @scopes ("x" %x : tensor<2xf32>, "v" %v : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %0 = snn.add %x, %v : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %a = snn.neuron (%v = %x : tensor<2xf32>) state (%x = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    %a = arith.addf %0, %x : f32
    %later = arith.addf %a, %0 : f32
    snn.next (%later : f32) state (%x : f32)
  }
  %later = snn.neuron (%a = %a : tensor<2xf32>, %x_1 = %0 : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.addf %a, %x_1 : f32
    %1 = arith.addf %0, %a : f32
    snn.next (%1 : f32)
  }
  %1 = snn.add %later, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %1 : tensor<2xf32>
}

// CHECK:      snn.network @scopes ("x" %x : tensor<2xf32>, "v" %v : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %0 = snn.add %x, %v : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   %a = snn.neuron (%v = %x : tensor<2xf32>) state (%x = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     %a = arith.addf %0, %x : f32
// CHECK-NEXT:     %later = arith.addf %a, %0 : f32
// CHECK-NEXT:     snn.next (%later : f32) state (%x : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %later = snn.neuron (%a = %a : tensor<2xf32>, %x_1 = %0 : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %a, %x_1 : f32
// CHECK-NEXT:     %1 = arith.addf %0, %a : f32
// CHECK-NEXT:     snn.next (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %1 = snn.add %later, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:   snn.yield %1 : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// each kind as a hint

snn.network @kinds ("x" %x : tensor<2xf32>) -> ("z" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %half = snn.constant dense<0.5> : tensor<f32>
  %threshold = snn.neuron kind "threshold" (%x = %x : tensor<2xf32>) params (%theta = %half : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.subf %x, %theta : f32
    %1 = snn.spike ge %0 : f32
    snn.next (%1 : i1)
  }
  %map = snn.neuron as "scale" kind "map" (%x = %x : tensor<2xf32>) params (%s = %half : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.mulf %x, %s : f32
    snn.next (%0 : f32)
  }
  %i = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  %li = snn.neuron kind "li" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %half : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    snn.next (%1 : f32) state (%1 : f32)
  }
  %cuba_li = snn.neuron kind "cuba_li" (%x = %x : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) params (%alpha = %half : tensor<f32>, %beta = %half : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.mulf %alpha, %i : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.mulf %beta, %v : f32
    %3 = arith.addf %2, %1 : f32
    snn.next (%3 : f32) state (%1 : f32, %3 : f32)
  }
  %if = snn.neuron kind "if" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %half : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.addf %v, %x : f32
    %1 = arith.subf %0, %theta : f32
    %2 = snn.spike gt %1 : f32
    %3 = arith.uitofp %2 : i1 to f32
    %4 = arith.mulf %3, %theta : f32
    %5 = arith.subf %0, %4 : f32
    snn.next (%2 : i1) state (%5 : f32)
  }
  %lif = snn.neuron kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %half : tensor<f32>, %theta = %half : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %theta : f32
    %3 = snn.spike gt %2 : f32
    %reset = arith.constant 0.0 : f32
    %4 = arith.select %3, %reset, %1 : f32
    snn.next (%3 : i1) state (%4 : f32)
  }
  %cuba_lif = snn.neuron kind "cuba_lif" (%x = %x : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) params (%alpha = %half : tensor<f32>, %beta = %half : tensor<f32>, %theta = %half : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.mulf %alpha, %i : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.mulf %beta, %v : f32
    %3 = arith.addf %2, %1 : f32
    %4 = arith.subf %3, %theta : f32
    %5 = snn.spike gt %4 : f32
    %6 = arith.uitofp %5 : i1 to f32
    %7 = arith.mulf %6, %theta : f32
    %8 = arith.subf %3, %7 : f32
    snn.next (%5 : i1) state (%1 : f32, %8 : f32)
  }
  snn.yield %threshold : tensor<2xi1>
}

// CHECK:      snn.network @kinds ("x" %x : tensor<2xf32>) -> ("z" : tensor<2xi1>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %half = snn.constant dense<5.000000e-01> : tensor<f32>
// CHECK-NEXT:   %threshold = snn.neuron kind "threshold" (%x = %x : tensor<2xf32>) params (%theta = %half : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.subf %x, %theta : f32
// CHECK-NEXT:     %1 = snn.spike ge %0 : f32
// CHECK-NEXT:     snn.next (%1 : i1)
// CHECK-NEXT:   }
// CHECK-NEXT:   %map = snn.neuron as "scale" kind "map" (%x = %x : tensor<2xf32>) params (%s = %half : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %x, %s : f32
// CHECK-NEXT:     snn.next (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %i = snn.neuron kind "i" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     snn.next (%0 : f32) state (%0 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %li = snn.neuron kind "li" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %half : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %1 = arith.addf %0, %x : f32
// CHECK-NEXT:     snn.next (%1 : f32) state (%1 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %cuba_li = snn.neuron kind "cuba_li" (%x = %x : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) params (%alpha = %half : tensor<f32>, %beta = %half : tensor<f32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %0 = arith.mulf %alpha, %i : f32
// CHECK-NEXT:     %1 = arith.addf %0, %x : f32
// CHECK-NEXT:     %2 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %3 = arith.addf %2, %1 : f32
// CHECK-NEXT:     snn.next (%3 : f32) state (%1 : f32, %3 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %if = snn.neuron kind "if" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %half : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.addf %v, %x : f32
// CHECK-NEXT:     %1 = arith.subf %0, %theta : f32
// CHECK-NEXT:     %2 = snn.spike gt %1 : f32
// CHECK-NEXT:     %3 = arith.uitofp %2 : i1 to f32
// CHECK-NEXT:     %4 = arith.mulf %3, %theta : f32
// CHECK-NEXT:     %5 = arith.subf %0, %4 : f32
// CHECK-NEXT:     snn.next (%2 : i1) state (%5 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %lif = snn.neuron kind "lif" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %half : tensor<f32>, %theta = %half : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %1 = arith.addf %0, %x : f32
// CHECK-NEXT:     %2 = arith.subf %1, %theta : f32
// CHECK-NEXT:     %3 = snn.spike gt %2 : f32
// CHECK-NEXT:     %reset = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:     %4 = arith.select %3, %reset, %1 : f32
// CHECK-NEXT:     snn.next (%3 : i1) state (%4 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   %cuba_lif = snn.neuron kind "cuba_lif" (%x = %x : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) params (%alpha = %half : tensor<f32>, %beta = %half : tensor<f32>, %theta = %half : tensor<f32>) -> (tensor<2xi1>) {
// CHECK-NEXT:     %0 = arith.mulf %alpha, %i : f32
// CHECK-NEXT:     %1 = arith.addf %0, %x : f32
// CHECK-NEXT:     %2 = arith.mulf %beta, %v : f32
// CHECK-NEXT:     %3 = arith.addf %2, %1 : f32
// CHECK-NEXT:     %4 = arith.subf %3, %theta : f32
// CHECK-NEXT:     %5 = snn.spike gt %4 : f32
// CHECK-NEXT:     %6 = arith.uitofp %5 : i1 to f32
// CHECK-NEXT:     %7 = arith.mulf %6, %theta : f32
// CHECK-NEXT:     %8 = arith.subf %3, %7 : f32
// CHECK-NEXT:     snn.next (%5 : i1) state (%1 : f32, %8 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %threshold : tensor<2xi1>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// values of a body are numbered behind the ports of their name

snn.network @numbered ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.neuron (%x = %x : tensor<2xf32>, %x_1 = %x : tensor<2xf32>, %y_4 = %x : tensor<2xf32>) -> (tensor<2xf32>) {
    %x_2 = arith.addf %x, %x_1 : f32
    %y = arith.addf %x_2, %y_4 : f32
    snn.next (%y : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK:      snn.network @numbered ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %y = snn.neuron (%x = %x : tensor<2xf32>, %x_1 = %x : tensor<2xf32>, %y_4 = %x : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK-NEXT:     %x_2 = arith.addf %x, %x_1 : f32
// CHECK-NEXT:     %y_5 = arith.addf %x_2, %y_4 : f32
// CHECK-NEXT:     snn.next (%y_5 : f32)
// CHECK-NEXT:   }
// CHECK-NEXT:   snn.yield %y : tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// sums of integers: of spikes and of signed numbers, as wide as the weights or wider

%x, %a, %w, %b, %k, %m = "test.op"() : () -> (tensor<4xi1>, tensor<4xi8>, tensor<3x4xi8>, tensor<3xi16>, tensor<3x2x2x2xi16>, tensor<2x4x4xi8>)
%0 = snn.linear %x, %w : (tensor<4xi1>, tensor<3x4xi8>) -> tensor<3xi8>
%1 = snn.linear %a, %w bias %b first as "fc" : (tensor<4xi8>, tensor<3x4xi8>, tensor<3xi16>) -> tensor<3xi16>
%2 = snn.conv2d %m, %k stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] groups 1 : (tensor<2x4x4xi8>, tensor<3x2x2x2xi16>) -> tensor<3x3x3xi32>
%3 = snn.pool2d sum %m kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x4x4xi8>) -> tensor<2x2x2xi16>

// CHECK:      %0 = snn.linear %x, %w : (tensor<4xi1>, tensor<3x4xi8>) -> tensor<3xi8>
// CHECK-NEXT: %1 = snn.linear %a, %w bias %b first as "fc" : (tensor<4xi8>, tensor<3x4xi8>, tensor<3xi16>) -> tensor<3xi16>
// CHECK-NEXT: %2 = snn.conv2d %m, %k stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] groups 1 : (tensor<2x4x4xi8>, tensor<3x2x2x2xi16>) -> tensor<3x3x3xi32>
// CHECK-NEXT: %3 = snn.pool2d sum %m kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] : (tensor<2x4x4xi8>) -> tensor<2x2x2xi16>
