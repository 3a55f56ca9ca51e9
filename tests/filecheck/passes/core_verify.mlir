// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-verify %s | filecheck %s

// a weight that the chip does not have, and neurons at one place

snn.parameter @p.cores : tensor<3xi8> = dense<0>
snn.parameter @p.slots : tensor<3xi8> = dense<[1, 2, 2]>
snn.parameter @p.leak : tensor<3xi8> = dense<0>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 9, 1]>
core.program @net on "tinyodin" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {leak = @p.leak, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
  core.cores [0, 0]
  core.place @p cores @p.cores slots @p.slots
}

// CHECK:      core-verify: s: weights: expected -8 to 7, got -2 to 9
// CHECK-NEXT: core-verify: p: two of neuron at one place
