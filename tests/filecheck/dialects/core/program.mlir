// RUN: snncc-opt %s | snncc-opt | filecheck %s
// RUN: snncc-opt %s --print-op-generic | snncc-opt | filecheck %s

snn.parameter @h.threshold : tensor<2xi16> = dense<[7, 9]>
snn.parameter @s.sources : tensor<2xi32> = dense<[0, 2]>
snn.parameter @s.targets : tensor<2xi32> = dense<[1, 0]>
snn.parameter @s.weights : tensor<2xi8> = dense<[-3, 4]>
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
core.program @net on "tiny" settings {SHIFT = 2 : i64} {
  core.input @x shape [3]
  core.population @h class "n" shape [2] parameters {threshold = @h.threshold}
  core.synapses @s from @x to @h edge "input" receptor 0 delay 1 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @h lag 1
  core.cores [0, 0, 1, 0]
  core.place @h cores @h.cores slots @h.slots
}
