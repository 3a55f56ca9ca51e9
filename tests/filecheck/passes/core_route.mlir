// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-route,core-verify %s | filecheck %s

// a mesh: axons of the core that hears an input, types of weights, lines of the output bus

snn.parameter @x.rates : tensor<2xf64> = dense<[0.5, 0.25]>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @p.reset_mode : tensor<3xi8> = dense<1>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {threshold = @p.threshold, reset_mode = @p.reset_mode}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
} {rates = {x = @x.rates}}

// CHECK-NOT:  rates
// CHECK:      snn.parameter @p.cores : tensor<3xi32> = dense<0>
// CHECK-NEXT: snn.parameter @p.slots : tensor<3xi32> = dense<[0, 1, 2]>
// CHECK:      core.program @net on "ranc" settings {} {
// CHECK:        core.output @y from @p lag 0
// CHECK-NEXT:   core.cores [0, 0]
// CHECK-NEXT:   core.bus [1, 0] outputs 3
// CHECK-NEXT:   core.routes @x table @x.routes
// CHECK-NEXT:   core.place @p cores @p.cores slots @p.slots
// CHECK-NEXT:   core.weights @p table @p.table
// CHECK-NEXT:   core.lines @p table @p.lines
// CHECK-NEXT: }

// -----

// more outputs than the bus has lines

snn.parameter @p.threshold : tensor<300xi8> = dense<4>
snn.parameter @s.ends : tensor<1xi8> = dense<0>
core.program @net on "ranc" settings {} {
  core.input @x shape [1]
  core.population @p class "neuron" shape [300] parameters {threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.ends targets @s.ends weights @s.ends
  core.output @y from @p lag 0
}

// CHECK:      core-route: SNC-N002 node 'p': 300 outputs; the output bus of ranc has 256: 44 too many
// CHECK-NEXT:   give fewer layers as outputs

// -----

snn.parameter @x.rates : tensor<1xf64> = dense<0.5>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @p.reset_mode : tensor<3xi8> = dense<1>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {threshold = @p.threshold, reset_mode = @p.reset_mode}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
} {rates = {x = @x.rates}}

// CHECK: rates: x: expected [2], got [1]

// -----

snn.parameter @p.dash_mem : tensor<3xi8> = dense<2>
snn.parameter @p.threshold : tensor<3xi16> = dense<[400, 500, 600]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "xylo" settings {IWBS = 0 : i64, OWBS = 0 : i64, RWBS = 0 : i64} {
  core.input @x shape [2]
  core.population @p class "hidden" shape [3] parameters {dash_mem = @p.dash_mem, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
}

// CHECK: core-route: xylo has one core; run core-place instead
