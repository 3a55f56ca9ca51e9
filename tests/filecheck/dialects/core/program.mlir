// RUN: snncc-opt %s | snncc-opt | filecheck %s
// RUN: snncc-opt %s --print-op-generic | snncc-opt | filecheck %s

snn.parameter @h.threshold : tensor<2xi16> = dense<[7, 9]>
snn.parameter @s.sources : tensor<2xi32> = dense<[0, 2]>
snn.parameter @s.targets : tensor<2xi32> = dense<[1, 0]>
snn.parameter @s.weights : tensor<2xi8> = dense<[-3, 4]>
snn.parameter @c.kernel : tensor<1x1x2x1xi8> = dense<[[[[1], [-1]]]]>
snn.parameter @h.cores : tensor<2xi16> = dense<[0, 1]>
snn.parameter @h.slots : tensor<2xi32> = dense<0>

// CHECK:      core.program @net on "tiny" settings {SHIFT = 2 : i64} {
// CHECK-NEXT:   core.input @x shape [3]
// CHECK-NEXT:   core.population @h class "n" shape [2] parameters {threshold = @h.threshold}
// CHECK-NEXT:   core.synapses @s from @x to @h edge "input" receptor 0 delay 1 sources @s.sources targets @s.targets weights @s.weights
// CHECK-NEXT:   core.output @y from @h lag 1
// CHECK-NEXT:   core.cores [0, 0, 1, 0]
// CHECK-NEXT:   core.place @h cores @h.cores slots @h.slots
// CHECK-NEXT: }
// CHECK:      core.drive @b to @g parameter "bias"
// CHECK-NEXT: core.convolution @c from @g to @k edge "inner" receptor 0 delay 0 kernel @c.kernel stride [1, 1] padding [0, 0, 1, 1] dilation [1, 1] groups 1
core.program @net on "tiny" settings {SHIFT = 2 : i64} {
  core.input @x shape [3]
  core.population @h class "n" shape [2] parameters {threshold = @h.threshold}
  core.synapses @s from @x to @h edge "input" receptor 0 delay 1 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @h lag 1
  core.cores [0, 0, 1, 0]
  core.place @h cores @h.cores slots @h.slots
}

core.program @images on "tiny" settings {} {
  core.population @g class "n" shape [1, 3, 2] parameters {}
  core.population @k class "n" shape [1, 2, 4] parameters {}
  core.drive @b to @g parameter "bias"
  core.convolution @c from @g to @k edge "inner" receptor 0 delay 0 kernel @c.kernel stride [1, 1] padding [0, 0, 1, 1] dilation [1, 1] groups 1
  core.output @y from @k lag 0
}
