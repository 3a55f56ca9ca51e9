// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-place,core-verify %s | filecheck %s

// a word of ReckOn has two neurons with one threshold and one decay: the second one lies alone

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

// CHECK:      snn.parameter @p.cores : tensor<3xi16> = dense<0>
// CHECK-NEXT: snn.parameter @p.slots : tensor<3xi32> = dense<[0, 2, 1]>
// CHECK-NEXT: snn.parameter @x.cores : tensor<2xi16> = dense<0>
// CHECK-NEXT: snn.parameter @x.slots : tensor<2xi32> = dense<[0, 1]>
// CHECK:        core.output @y from @p lag 0
// CHECK-NEXT:   core.cores [0, 0]
// CHECK-NEXT:   core.place @p cores @p.cores slots @p.slots
// CHECK-NEXT:   core.place @x cores @x.cores slots @x.slots

// -----

// inputs of tinyODIN lie behind its neurons

snn.parameter @p.leak : tensor<3xi8> = dense<0>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "tinyodin" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {leak = @p.leak, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
}

// CHECK:      snn.parameter @p.slots : tensor<3xi32> = dense<[0, 1, 2]>
// CHECK:      snn.parameter @x.slots : tensor<2xi32> = dense<[3, 4]>
// CHECK-NEXT: core.program @net on "tinyodin"

// -----

// those of Xylo have places of their own

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

// CHECK:      snn.parameter @p.slots : tensor<3xi32> = dense<[0, 1, 2]>
// CHECK:      snn.parameter @x.slots : tensor<2xi32> = dense<[0, 1]>
// CHECK-NEXT: core.program @net on "xylo"

// -----

// all of a program has places, or nothing has

snn.parameter @cores : tensor<3xi8> = dense<0>
snn.parameter @slots : tensor<3xi8> = dense<[7, 8, 9]>
snn.parameter @p.leak : tensor<3xi8> = dense<0>
snn.parameter @p.threshold : tensor<3xi8> = dense<[4, 5, 6]>
snn.parameter @s.sources : tensor<4xi8> = dense<[0, 0, 1, 1]>
snn.parameter @s.targets : tensor<4xi8> = dense<[0, 1, 0, 2]>
snn.parameter @s.weights : tensor<4xi8> = dense<[3, -2, 5, 1]>
core.program @net on "tinyodin" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [3] parameters {leak = @p.leak, threshold = @p.threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @s.sources targets @s.targets weights @s.weights
  core.output @y from @p lag 0
  core.cores [0, 0]
  core.place @p cores @cores slots @slots
}

// CHECK: core-place: x has no place, where others have

// -----

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
}

// CHECK: core-place: ranc has several cores; run core-route instead

// -----

core.program @net on "nowhere" settings {} {
  core.input @x shape [2]
}

// CHECK: core-place: SNC-C003 chip: expected loihi, {{.*}}xylo or a description FILE.yaml, got 'nowhere'
