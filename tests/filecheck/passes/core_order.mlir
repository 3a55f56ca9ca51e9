// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-order %s | filecheck %s
// RUN: snncc-opt --split-input-file --verify-diagnostics -p 'core-order,core-order{order=ascending}' %s | filecheck --check-prefix=ASCENDING %s

// input 1 takes from the neurons, so it is sent first

snn.parameter @p.leak : tensor<3xi8> = dense<0>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, -5, 1]>
core.program @net on "tinyodin" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {leak = @p.leak, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
}

// CHECK:      snn.parameter @x.ranks : tensor<2xi32> = dense<[1, 0]>
// CHECK:      core.output @y from @p lag 0
// CHECK-NEXT: core.order @x ranks @x.ranks
// CHECK-NEXT: }

// ASCENDING-NOT: ranks

// -----

snn.parameter @p.alpha : tensor<3xi32> = dense<[32768, 30000, 32768]>
snn.parameter @p.threshold : tensor<3xi16> = dense<[200, 100, 200]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "reckon" settings {FP_LOC_WINP = 3 : i64, FP_LOC_WREC = 0 : i64, FP_LOC_WOUT = 0 : i64, RST_MODE = 0 : i64} {
  core.input @x shape [2]
  core.population @p class "recurrent" shape [3] parameters {alpha = @p.alpha, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
}

// CHECK: core-order: reckon takes the spikes of a step together
