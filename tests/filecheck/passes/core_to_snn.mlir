// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-to-snn %s | filecheck %s
// RUN: snncc-opt --split-input-file --verify-diagnostics -p 'core-to-snn{accumulate=sum}' %s | filecheck --check-prefix=SUM %s
// RUN: snncc-opt --split-input-file --verify-diagnostics -p core-place,core-to-snn %s | filecheck --check-prefix=PLACED %s

// ReckOn leaks by a product of 16 bits, takes the threshold off where the last step ended above it,
// and saturates after each source: one addition after the other, source by source

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

// CHECK:      snn.parameter @p.input.r0_0.weight : tensor<3xi8> = dense<[3, -2, 1]>
// CHECK-NEXT: snn.parameter @p.input.r0_1.weight : tensor<3xi8> = dense<[5, 0, 0]>
// CHECK-NEXT: snn.parameter @p.threshold : tensor<3xi16> = dense<[200, 100, 200]>
// CHECK-NEXT: snn.parameter @p.alpha : tensor<3xi32> = dense<[32768, 30000, 32768]>
// CHECK-NEXT: snn.network @net ("x" %[[X:.*]] : tensor<2xi1>) -> ("y" : tensor<3xi1>) {
// CHECK:        %[[FIRST:.*]] = snn.rearrange %[[X]] places <0, 0, 1> : tensor<2xi1> -> tensor<3xi1>
// CHECK-NEXT:   %[[SECOND:.*]] = snn.rearrange %[[X]] places <1> : tensor<2xi1> -> tensor<1xi1>
// CHECK-NEXT:   snn.neuron as "p" (%x_p_input_r0_0 = %[[FIRST]] : tensor<3xi1>, %x_p_input_r0_from_1 = %[[SECOND]] : tensor<1xi1>) state (%u
// CHECK:          arith.muli %{{.*}}, %alpha : i32
// CHECK:          arith.extsi %w_x_p_input_r0_0 : i8 to i32
// CHECK:          arith.maxsi
// CHECK:          arith.minsi
// CHECK:          arith.extsi %w_x_p_input_r0_1 : i8 to i32
// CHECK:          arith.maxsi
// CHECK:          arith.minsi
// CHECK:          snn.spike ge

// or as a sum, which is the same where nothing comes to an end of its register on the way

// SUM:      snn.parameter @p.input.r0.weight : tensor<3x2xi8>
// SUM:      %[[ALL:.*]] = snn.linear %{{.*}}, %{{.*}} as "p.input.r0" : (tensor<2xi1>, tensor<3x2xi8>) -> tensor<3xi32>
// SUM-NEXT: snn.neuron as "p" (%x_p_input_r0_sum = %[[ALL]] : tensor<3xi32>)

// -----

// RANC adds all, wraps at 9 bits, leaks, and takes off the threshold in the same step

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

// CHECK:      %[[ALL:.*]] = snn.linear %{{.*}}, %{{.*}} as "p.input.r0" : (tensor<2xi1>, tensor<3x2xi8>) -> tensor<3xi32>
// CHECK-NEXT: snn.neuron as "p" (%x_p_input_r0_sum = %[[ALL]] : tensor<3xi32>) state (%v
// CHECK:        %[[TOTAL:.*]] = arith.addi %{{.*}}, %x_p_input_r0_sum : i32
// CHECK:        %[[UP:.*]] = arith.addi %[[TOTAL]], %{{.*}} : i32
// CHECK-NEXT:   %[[NINE:.*]] = arith.constant 511 : i32
// CHECK-NEXT:   arith.andi %[[UP]], %[[NINE]] : i32
// CHECK:        snn.spike ge

// PLACED: core-place: ranc has several cores; run core-route instead

// -----

// a step of tinyODIN is an event: of a source, which has a slot, or of time

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

// CHECK: core-to-snn: nothing is placed; run core-place first

// PLACED:     snn.network @net ("event" %[[EVENT:.*]] : tensor<5xi1>, "leaks" %{{.*}} : tensor<1xi1>) -> ("spikes" : tensor<3xi1>, "pending" : tensor<1xi32>, "lost" : tensor<1xi1>) {
// PLACED:     snn.linear %[[EVENT]], %{{.*}} as "event" : (tensor<5xi1>, tensor<3x5xi8>) -> tensor<3xi32>
// PLACED:     snn.neuron as "neurons"
