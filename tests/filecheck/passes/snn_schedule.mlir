// RUN: snncc-opt --split-input-file -p snn-schedule %s | filecheck --match-full-lines --check-prefix=ONE %s
// RUN: snncc-opt --split-input-file -p 'snn-schedule{time-block=4}' %s | filecheck --match-full-lines --check-prefix=FOUR %s
// RUN: snncc-opt --split-input-file -p 'snn-schedule{trace=true}' %s | filecheck --match-full-lines --check-prefix=TRACE %s

// feed-forward: one stage for each neuron and what feeds only it; weights transposed, equal
// weights stored once, spikes as bytes, dense where the input is not sparse

snn.parameter @fc1.weight : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]>
snn.parameter @fc2.weight : tensor<2x2xf32> = dense<0.5>
snn.parameter @fc3.weight : tensor<2x2xf32> = dense<0.5>
snn.parameter @fc2.bias : tensor<2xf32> = dense<[0.5, -0.5]>
snn.parameter @beta : tensor<2xf32> = dense<[0.5, 0.75]>
snn.network @feed_forward ("x" %x : tensor<3xi1>) -> ("y" : tensor<2xf32>) {
  %w1 = snn.use @fc1.weight : tensor<2x3xf32>
  %w2 = snn.use @fc2.weight : tensor<2x2xf32>
  %w3 = snn.use @fc3.weight : tensor<2x2xf32>
  %b2 = snn.use @fc2.bias : tensor<2xf32>
  %beta = snn.use @beta : tensor<2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %one = snn.constant dense<1.0> : tensor<f32>
  %i = snn.linear %x, %w1 as "fc1" : (tensor<3xi1>, tensor<2x3xf32>) -> tensor<2xf32>
  %s = snn.neuron as "lif1" (%x = %i : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%beta = %beta : tensor<2xf32>, %theta = %one : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike gt %2 surrogate <"snntorch.atan", alpha = 2.0 : f64> : f32
    %3 = arith.uitofp %z : i1 to f32
    %4 = arith.mulf %3, %theta : f32
    %5 = arith.subf %1, %4 : f32
    snn.next (%z : i1) state (%5 : f32)
  }
  %j = snn.linear %s, %w2 bias %b2 first as "fc2" : (tensor<2xi1>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %k = snn.linear %j, %w3 as "fc3" : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.neuron as "out" (%x = %k : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// ONE:      kernel.program @feed_forward block 1 {
// ONE-NEXT:   kernel.buffer const @fc1.weight : memref<3x2xf32> = #snn.blob<"b05183b256a48062521a4beb24c91079">
// ONE-NEXT:   kernel.buffer const @beta : memref<2xf32> = dense<[5.000000e-01, 7.500000e-01]> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer const @fc2.weight : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// ONE-NEXT:   kernel.buffer const @fc2.bias : memref<2xf32> = dense<[5.000000e-01, -5.000000e-01]> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer state @lif1.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer state @out.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer stream @lif1 : memref<1x2xi8>
// ONE-NEXT:   kernel.buffer work @fc1 : memref<2xf32> stage "lif1"
// ONE-NEXT:   kernel.buffer work @input.active : memref<3xi16> stage "lif1"
// ONE-NEXT:   kernel.buffer work @fc2 : memref<2xf32> stage "out"
// ONE-NEXT:   kernel.buffer work @lif1.active : memref<2xi16> stage "out"
// ONE-NEXT:   kernel.buffer work @fc3 : memref<2xf32> stage "out"
// ONE-NEXT:   kernel.buffer input @x : memref<?x3xi8> spikes
// ONE-NEXT:   kernel.buffer output @y : memref<?x2xf32>
// ONE-NEXT:   kernel.stage "lif1" of ["fc1", "lif1"] (%0) {
// ONE-NEXT:     %1 = arith.constant 0 : index
// ONE-NEXT:     %2 = kernel.ref @fc1.weight : memref<3x2xf32>
// ONE-NEXT:     %3 = kernel.ref @fc1 : memref<2xf32>
// ONE-NEXT:     %4 = kernel.ref @x[%1] : memref<3xi8>
// ONE-NEXT:     %5 = kernel.ref @input.active : memref<3xi16>
// ONE-NEXT:     %6 = kernel.compress %4 into %5 : memref<3xi8>, memref<3xi16>
// ONE-NEXT:     kernel.gather %2 rows %5 count %6 into %3 : memref<3x2xf32> rows memref<3xi16> -> memref<2xf32>
// ONE-NEXT:     %7 = kernel.ref @beta : memref<2xf32>
// ONE-NEXT:     %8 = kernel.ref @lif1[%1] : memref<2xi8>
// ONE-NEXT:     %9 = kernel.ref @lif1.v : memref<2xf32>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "lif1"} ins(%3, %7 : memref<2xf32>, memref<2xf32>) outs(%8, %9 : memref<2xi8>, memref<2xf32>) {
// ONE-NEXT:     ^bb0(%x: f32, %beta: f32, %z: i8, %v: f32):
// ONE-NEXT:       %10 = arith.constant 1.000000e+00 : f32
// ONE-NEXT:       %11 = arith.mulf %beta, %v : f32
// ONE-NEXT:       %12 = arith.addf %11, %x : f32
// ONE-NEXT:       %13 = arith.subf %12, %10 : f32
// ONE-NEXT:       %14 = arith.constant 0.000000e+00 : f32
// ONE-NEXT:       %15 = arith.cmpf ogt, %13, %14 : f32
// ONE-NEXT:       %16 = arith.uitofp %15 : i1 to f32
// ONE-NEXT:       %17 = arith.mulf %16, %10 : f32
// ONE-NEXT:       %18 = arith.subf %12, %17 : f32
// ONE-NEXT:       %19 = arith.extui %15 : i1 to i8
// ONE-NEXT:       linalg.yield %19, %18 : i8, f32
// ONE-NEXT:     }
// ONE-NEXT:   }
// ONE-NEXT:   kernel.stage "out" of ["fc2", "fc3", "out"] (%20) {
// ONE-NEXT:     %21 = arith.constant 0 : index
// ONE-NEXT:     %22 = kernel.ref @fc2.weight : memref<2x2xf32>
// ONE-NEXT:     %23 = kernel.ref @fc2 : memref<2xf32>
// ONE-NEXT:     %24 = kernel.ref @fc2.bias : memref<2xf32>
// ONE-NEXT:     %25 = kernel.ref @lif1[%21] : memref<2xi8>
// ONE-NEXT:     %26 = kernel.ref @lif1.active : memref<2xi16>
// ONE-NEXT:     %27 = kernel.compress %25 into %26 : memref<2xi8>, memref<2xi16>
// ONE-NEXT:     kernel.gather %22 rows %26 count %27 init %24 into %23 : memref<2x2xf32> rows memref<2xi16> init memref<2xf32> -> memref<2xf32>
// ONE-NEXT:     %28 = kernel.ref @fc3 : memref<2xf32>
// ONE-NEXT:     kernel.dense %22, %23 into %28 : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// ONE-NEXT:     %29 = kernel.ref @y[%21] : memref<2xf32>
// ONE-NEXT:     %30 = kernel.ref @out.v : memref<2xf32>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "out"} ins(%28 : memref<2xf32>) outs(%29, %30 : memref<2xf32>, memref<2xf32>) {
// ONE-NEXT:     ^bb0(%x_1: f32, %y: f32, %v_1: f32):
// ONE-NEXT:       %31 = arith.addf %v_1, %x_1 : f32
// ONE-NEXT:       linalg.yield %31, %31 : f32, f32
// ONE-NEXT:     }
// ONE-NEXT:   }
// ONE-NEXT: }
// ONE-NEXT: }

// FOUR:      kernel.program @feed_forward block 4 {
// FOUR-NEXT:   kernel.buffer const @fc1.weight : memref<3x2xf32> = #snn.blob<"b05183b256a48062521a4beb24c91079">
// FOUR-NEXT:   kernel.buffer const @beta : memref<2xf32> = dense<[5.000000e-01, 7.500000e-01]> : tensor<2xf32>
// FOUR-NEXT:   kernel.buffer const @fc2.weight : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// FOUR-NEXT:   kernel.buffer const @fc2.bias : memref<2xf32> = dense<[5.000000e-01, -5.000000e-01]> : tensor<2xf32>
// FOUR-NEXT:   kernel.buffer state @lif1.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// FOUR-NEXT:   kernel.buffer state @out.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// FOUR-NEXT:   kernel.buffer stream @lif1 : memref<4x2xi8>
// FOUR-NEXT:   kernel.buffer work @fc1 : memref<2xf32> stage "lif1"
// FOUR-NEXT:   kernel.buffer work @input.active : memref<3xi16> stage "lif1"
// FOUR-NEXT:   kernel.buffer work @fc2 : memref<2xf32> stage "out"
// FOUR-NEXT:   kernel.buffer work @lif1.active : memref<2xi16> stage "out"
// FOUR-NEXT:   kernel.buffer work @fc3 : memref<2xf32> stage "out"
// FOUR-NEXT:   kernel.buffer input @x : memref<?x3xi8> spikes
// FOUR-NEXT:   kernel.buffer output @y : memref<?x2xf32>
// FOUR-NEXT:   kernel.stage "lif1" of ["fc1", "lif1"] (%0) {
// FOUR-NEXT:     %1 = arith.constant 0 : index
// FOUR-NEXT:     %2 = arith.constant 1 : index
// FOUR-NEXT:     scf.for %3 = %1 to %0 step %2 {
// FOUR-NEXT:       %4 = kernel.ref @fc1.weight : memref<3x2xf32>
// FOUR-NEXT:       %5 = kernel.ref @fc1 : memref<2xf32>
// FOUR-NEXT:       %6 = kernel.ref @x[%3] : memref<3xi8>
// FOUR-NEXT:       %7 = kernel.ref @input.active : memref<3xi16>
// FOUR-NEXT:       %8 = kernel.compress %6 into %7 : memref<3xi8>, memref<3xi16>
// FOUR-NEXT:       kernel.gather %4 rows %7 count %8 into %5 : memref<3x2xf32> rows memref<3xi16> -> memref<2xf32>
// FOUR-NEXT:       %9 = kernel.ref @beta : memref<2xf32>
// FOUR-NEXT:       %10 = kernel.ref @lif1[%3] : memref<2xi8>
// FOUR-NEXT:       %11 = kernel.ref @lif1.v : memref<2xf32>
// FOUR-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "lif1"} ins(%5, %9 : memref<2xf32>, memref<2xf32>) outs(%10, %11 : memref<2xi8>, memref<2xf32>) {
// FOUR-NEXT:       ^bb0(%x: f32, %beta: f32, %z: i8, %v: f32):
// FOUR-NEXT:         %12 = arith.constant 1.000000e+00 : f32
// FOUR-NEXT:         %13 = arith.mulf %beta, %v : f32
// FOUR-NEXT:         %14 = arith.addf %13, %x : f32
// FOUR-NEXT:         %15 = arith.subf %14, %12 : f32
// FOUR-NEXT:         %16 = arith.constant 0.000000e+00 : f32
// FOUR-NEXT:         %17 = arith.cmpf ogt, %15, %16 : f32
// FOUR-NEXT:         %18 = arith.uitofp %17 : i1 to f32
// FOUR-NEXT:         %19 = arith.mulf %18, %12 : f32
// FOUR-NEXT:         %20 = arith.subf %14, %19 : f32
// FOUR-NEXT:         %21 = arith.extui %17 : i1 to i8
// FOUR-NEXT:         linalg.yield %21, %20 : i8, f32
// FOUR-NEXT:       }
// FOUR-NEXT:     }
// FOUR-NEXT:   }
// FOUR-NEXT:   kernel.stage "out" of ["fc2", "fc3", "out"] (%22) {
// FOUR-NEXT:     %23 = arith.constant 0 : index
// FOUR-NEXT:     %24 = arith.constant 1 : index
// FOUR-NEXT:     scf.for %25 = %23 to %22 step %24 {
// FOUR-NEXT:       %26 = kernel.ref @fc2.weight : memref<2x2xf32>
// FOUR-NEXT:       %27 = kernel.ref @fc2 : memref<2xf32>
// FOUR-NEXT:       %28 = kernel.ref @fc2.bias : memref<2xf32>
// FOUR-NEXT:       %29 = kernel.ref @lif1[%25] : memref<2xi8>
// FOUR-NEXT:       %30 = kernel.ref @lif1.active : memref<2xi16>
// FOUR-NEXT:       %31 = kernel.compress %29 into %30 : memref<2xi8>, memref<2xi16>
// FOUR-NEXT:       kernel.gather %26 rows %30 count %31 init %28 into %27 : memref<2x2xf32> rows memref<2xi16> init memref<2xf32> -> memref<2xf32>
// FOUR-NEXT:       %32 = kernel.ref @fc3 : memref<2xf32>
// FOUR-NEXT:       kernel.dense %26, %27 into %32 : memref<2x2xf32>, memref<2xf32> -> memref<2xf32>
// FOUR-NEXT:       %33 = kernel.ref @y[%25] : memref<2xf32>
// FOUR-NEXT:       %34 = kernel.ref @out.v : memref<2xf32>
// FOUR-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "out"} ins(%32 : memref<2xf32>) outs(%33, %34 : memref<2xf32>, memref<2xf32>) {
// FOUR-NEXT:       ^bb0(%x_1: f32, %y: f32, %v_1: f32):
// FOUR-NEXT:         %35 = arith.addf %v_1, %x_1 : f32
// FOUR-NEXT:         linalg.yield %35, %35 : f32, f32
// FOUR-NEXT:       }
// FOUR-NEXT:     }
// FOUR-NEXT:   }
// FOUR-NEXT: }
// FOUR-NEXT: }

// TRACE: kernel.buffer stream @lif1 : memref<1x2xi8>
// TRACE: kernel.buffer stream @out : memref<1x2xf32>
// TRACE: kernel.buffer output @y : memref<?x2xf32>
// TRACE: kernel.stage "outputs" of [] (%32) {
// TRACE-NEXT:   %33 = arith.constant 0 : index
// TRACE-NEXT:   %34 = kernel.ref @out[%33] : memref<2xf32>
// TRACE-NEXT:   %35 = kernel.ref @y[%33] : memref<2xf32>
// TRACE-NEXT:   linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%34 : memref<2xf32>) outs(%35 : memref<2xf32>) {
// TRACE-NEXT:   ^bb0(%36: f32, %37: f32):
// TRACE-NEXT:     linalg.yield %36 : f32
// TRACE-NEXT:   }
// TRACE-NEXT: }

// -----

// recurrent: what comes from outside is computed before, for the whole block; the cycle is
// one stage that runs step by step, its delay of one step a state that is written at the end

snn.parameter @w_in : tensor<2x3xf32> = dense<0.25>
snn.parameter @w_rec : tensor<2x2xf32> = dense<0.5>
snn.network @recurrent ("x" %x : tensor<3xi1>) -> ("y" : tensor<2xi1>) {
  %w_in = snn.use @w_in : tensor<2x3xf32>
  %w_rec = snn.use @w_rec : tensor<2x2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %d = snn.delay %y by 1 init %off as "feedback" : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
  %i = snn.linear %x, %w_in as "in" : (tensor<3xi1>, tensor<2x3xf32>) -> tensor<2xf32>
  %r = snn.linear %d, %w_rec as "rec" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.neuron as "if" (%a = %i : tensor<2xf32>, %b = %r : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {
    %0 = arith.addf %a, %b : f32
    %1 = arith.addf %v, %0 : f32
    %z = snn.spike ge %1 : f32
    snn.next (%z : i1) state (%1 : f32)
  }
  snn.yield %y : tensor<2xi1>
}

// ONE:      kernel.program @recurrent block 1 {
// ONE-NEXT:   kernel.buffer const @w_in : memref<3x2xf32> = dense<2.500000e-01> : tensor<3x2xf32>
// ONE-NEXT:   kernel.buffer const @w_rec : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// ONE-NEXT:   kernel.buffer state @feedback : memref<1x2xi8> = dense<0> : tensor<1x2xi8>
// ONE-NEXT:   kernel.buffer state @if.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer stream @in : memref<1x2xf32>
// ONE-NEXT:   kernel.buffer work @input.active : memref<3xi16> stage "in"
// ONE-NEXT:   kernel.buffer work @rec : memref<2xf32> stage "if"
// ONE-NEXT:   kernel.buffer work @feedback.active : memref<2xi16> stage "if"
// ONE-NEXT:   kernel.buffer input @x : memref<?x3xi8> spikes
// ONE-NEXT:   kernel.buffer output @y : memref<?x2xi8> spikes
// ONE-NEXT:   kernel.stage "in" of ["in"] (%0) {
// ONE-NEXT:     %1 = arith.constant 0 : index
// ONE-NEXT:     %2 = kernel.ref @w_in : memref<3x2xf32>
// ONE-NEXT:     %3 = kernel.ref @in[%1] : memref<2xf32>
// ONE-NEXT:     %4 = kernel.ref @x[%1] : memref<3xi8>
// ONE-NEXT:     %5 = kernel.ref @input.active : memref<3xi16>
// ONE-NEXT:     %6 = kernel.compress %4 into %5 : memref<3xi8>, memref<3xi16>
// ONE-NEXT:     kernel.gather %2 rows %5 count %6 into %3 : memref<3x2xf32> rows memref<3xi16> -> memref<2xf32>
// ONE-NEXT:   }
// ONE-NEXT:   kernel.stage "if" of ["feedback", "rec", "if"] recurrent (%7) {
// ONE-NEXT:     %8 = arith.constant 0 : index
// ONE-NEXT:     %9 = kernel.ref @w_rec : memref<2x2xf32>
// ONE-NEXT:     %10 = kernel.ref @rec : memref<2xf32>
// ONE-NEXT:     %11 = kernel.ref @feedback : memref<2xi8>
// ONE-NEXT:     %12 = kernel.ref @feedback.active : memref<2xi16>
// ONE-NEXT:     %13 = kernel.compress %11 into %12 : memref<2xi8>, memref<2xi16>
// ONE-NEXT:     kernel.gather %9 rows %12 count %13 into %10 : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
// ONE-NEXT:     %14 = kernel.ref @in[%8] : memref<2xf32>
// ONE-NEXT:     %15 = kernel.ref @y[%8] : memref<2xi8>
// ONE-NEXT:     %16 = kernel.ref @if.v : memref<2xf32>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "if"} ins(%14, %10 : memref<2xf32>, memref<2xf32>) outs(%15, %16 : memref<2xi8>, memref<2xf32>) {
// ONE-NEXT:     ^bb0(%a: f32, %b: f32, %z: i8, %v: f32):
// ONE-NEXT:       %17 = arith.addf %a, %b : f32
// ONE-NEXT:       %18 = arith.addf %v, %17 : f32
// ONE-NEXT:       %19 = arith.constant 0.000000e+00 : f32
// ONE-NEXT:       %20 = arith.cmpf oge, %18, %19 : f32
// ONE-NEXT:       %21 = arith.extui %20 : i1 to i8
// ONE-NEXT:       linalg.yield %21, %18 : i8, f32
// ONE-NEXT:     }
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%15 : memref<2xi8>) outs(%11 : memref<2xi8>) {
// ONE-NEXT:     ^bb0(%22: i8, %23: i8):
// ONE-NEXT:       linalg.yield %22 : i8
// ONE-NEXT:     }
// ONE-NEXT:   }
// ONE-NEXT: }
// ONE-NEXT: }

// FOUR:      kernel.program @recurrent block 4 {
// FOUR-NEXT:   kernel.buffer const @w_in : memref<3x2xf32> = dense<2.500000e-01> : tensor<3x2xf32>
// FOUR-NEXT:   kernel.buffer const @w_rec : memref<2x2xf32> = dense<5.000000e-01> : tensor<2x2xf32>
// FOUR-NEXT:   kernel.buffer state @feedback : memref<1x2xi8> = dense<0> : tensor<1x2xi8>
// FOUR-NEXT:   kernel.buffer state @if.v : memref<2xf32> = dense<0.000000e+00> : tensor<2xf32>
// FOUR-NEXT:   kernel.buffer stream @in : memref<4x2xf32>
// FOUR-NEXT:   kernel.buffer work @input.active : memref<3xi16> stage "in"
// FOUR-NEXT:   kernel.buffer work @rec : memref<2xf32> stage "if"
// FOUR-NEXT:   kernel.buffer work @feedback.active : memref<2xi16> stage "if"
// FOUR-NEXT:   kernel.buffer input @x : memref<?x3xi8> spikes
// FOUR-NEXT:   kernel.buffer output @y : memref<?x2xi8> spikes
// FOUR-NEXT:   kernel.stage "in" of ["in"] (%0) {
// FOUR-NEXT:     %1 = arith.constant 0 : index
// FOUR-NEXT:     %2 = arith.constant 1 : index
// FOUR-NEXT:     scf.for %3 = %1 to %0 step %2 {
// FOUR-NEXT:       %4 = kernel.ref @w_in : memref<3x2xf32>
// FOUR-NEXT:       %5 = kernel.ref @in[%3] : memref<2xf32>
// FOUR-NEXT:       %6 = kernel.ref @x[%3] : memref<3xi8>
// FOUR-NEXT:       %7 = kernel.ref @input.active : memref<3xi16>
// FOUR-NEXT:       %8 = kernel.compress %6 into %7 : memref<3xi8>, memref<3xi16>
// FOUR-NEXT:       kernel.gather %4 rows %7 count %8 into %5 : memref<3x2xf32> rows memref<3xi16> -> memref<2xf32>
// FOUR-NEXT:     }
// FOUR-NEXT:   }
// FOUR-NEXT:   kernel.stage "if" of ["feedback", "rec", "if"] recurrent (%9) {
// FOUR-NEXT:     %10 = arith.constant 0 : index
// FOUR-NEXT:     %11 = arith.constant 1 : index
// FOUR-NEXT:     scf.for %12 = %10 to %9 step %11 {
// FOUR-NEXT:       %13 = kernel.ref @w_rec : memref<2x2xf32>
// FOUR-NEXT:       %14 = kernel.ref @rec : memref<2xf32>
// FOUR-NEXT:       %15 = kernel.ref @feedback : memref<2xi8>
// FOUR-NEXT:       %16 = kernel.ref @feedback.active : memref<2xi16>
// FOUR-NEXT:       %17 = kernel.compress %15 into %16 : memref<2xi8>, memref<2xi16>
// FOUR-NEXT:       kernel.gather %13 rows %16 count %17 into %14 : memref<2x2xf32> rows memref<2xi16> -> memref<2xf32>
// FOUR-NEXT:       %18 = kernel.ref @in[%12] : memref<2xf32>
// FOUR-NEXT:       %19 = kernel.ref @y[%12] : memref<2xi8>
// FOUR-NEXT:       %20 = kernel.ref @if.v : memref<2xf32>
// FOUR-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "if"} ins(%18, %14 : memref<2xf32>, memref<2xf32>) outs(%19, %20 : memref<2xi8>, memref<2xf32>) {
// FOUR-NEXT:       ^bb0(%a: f32, %b: f32, %z: i8, %v: f32):
// FOUR-NEXT:         %21 = arith.addf %a, %b : f32
// FOUR-NEXT:         %22 = arith.addf %v, %21 : f32
// FOUR-NEXT:         %23 = arith.constant 0.000000e+00 : f32
// FOUR-NEXT:         %24 = arith.cmpf oge, %22, %23 : f32
// FOUR-NEXT:         %25 = arith.extui %24 : i1 to i8
// FOUR-NEXT:         linalg.yield %25, %22 : i8, f32
// FOUR-NEXT:       }
// FOUR-NEXT:       linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%19 : memref<2xi8>) outs(%15 : memref<2xi8>) {
// FOUR-NEXT:       ^bb0(%26: i8, %27: i8):
// FOUR-NEXT:         linalg.yield %26 : i8
// FOUR-NEXT:       }
// FOUR-NEXT:     }
// FOUR-NEXT:   }
// FOUR-NEXT: }
// FOUR-NEXT: }

// -----

// delays: a ring and its position, one number of steps or one for each element, `now` where
// some element passes at once; an output that is no neuron's result is copied

snn.network @delays ("x" %x : tensor<3xi1>) -> ("a" : tensor<3xi1>, "b" : tensor<3xi1>) {
  %off = snn.constant dense<false> : tensor<i1>
  %a = snn.delay %x by 3 init %off as "axon" : tensor<3xi1>, tensor<i1> -> tensor<3xi1>
  %b = snn.delay %x by dense<[0, 1, 2]> : tensor<3xi64> init %off : tensor<3xi1>, tensor<i1> -> tensor<3xi1>
  snn.yield %a, %b : tensor<3xi1>, tensor<3xi1>
}

// ONE:      kernel.program @delays block 1 {
// ONE-NEXT:   kernel.buffer state @axon : memref<3x3xi8> = dense<0> : tensor<3x3xi8>
// ONE-NEXT:   kernel.buffer state @axon.position : memref<1xi32> = dense<0> : tensor<1xi32>
// ONE-NEXT:   kernel.buffer state @delay0 : memref<2x3xi8> = dense<0> : tensor<2x3xi8>
// ONE-NEXT:   kernel.buffer state @delay0.position : memref<1xi32> = dense<0> : tensor<1xi32>
// ONE-NEXT:   kernel.buffer stream @axon.out : memref<1x3xi8>
// ONE-NEXT:   kernel.buffer stream @delay0.out : memref<1x3xi8>
// ONE-NEXT:   kernel.buffer input @x : memref<?x3xi8> spikes
// ONE-NEXT:   kernel.buffer output @a : memref<?x3xi8> spikes
// ONE-NEXT:   kernel.buffer output @b : memref<?x3xi8> spikes
// ONE-NEXT:   kernel.stage "axon" of ["axon"] (%0) {
// ONE-NEXT:     %1 = arith.constant 0 : index
// ONE-NEXT:     %2 = kernel.ref @axon.out[%1] : memref<3xi8>
// ONE-NEXT:     %3 = kernel.ref @axon.position : memref<1xi32>
// ONE-NEXT:     %4 = kernel.ref @axon : memref<3x3xi8>
// ONE-NEXT:     kernel.delay_read %4 at %3 into %2 steps [3] : memref<3x3xi8> at memref<1xi32> -> memref<3xi8>
// ONE-NEXT:     %5 = kernel.ref @x[%1] : memref<3xi8>
// ONE-NEXT:     kernel.delay_write %5 into %4 at %3 : memref<3xi8>, memref<3x3xi8>, memref<1xi32>
// ONE-NEXT:   }
// ONE-NEXT:   kernel.stage "delay" of [] (%6) {
// ONE-NEXT:     %7 = arith.constant 0 : index
// ONE-NEXT:     %8 = kernel.ref @delay0.out[%7] : memref<3xi8>
// ONE-NEXT:     %9 = kernel.ref @delay0.position : memref<1xi32>
// ONE-NEXT:     %10 = kernel.ref @x[%7] : memref<3xi8>
// ONE-NEXT:     %11 = kernel.ref @delay0 : memref<2x3xi8>
// ONE-NEXT:     kernel.delay_read %11 at %9 now %10 into %8 steps [0, 1, 2] : memref<2x3xi8> at memref<1xi32> now memref<3xi8> -> memref<3xi8>
// ONE-NEXT:     kernel.delay_write %10 into %11 at %9 : memref<3xi8>, memref<2x3xi8>, memref<1xi32>
// ONE-NEXT:   }
// ONE-NEXT:   kernel.stage "outputs" of [] (%12) {
// ONE-NEXT:     %13 = arith.constant 0 : index
// ONE-NEXT:     %14 = kernel.ref @axon.out[%13] : memref<3xi8>
// ONE-NEXT:     %15 = kernel.ref @a[%13] : memref<3xi8>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%14 : memref<3xi8>) outs(%15 : memref<3xi8>) {
// ONE-NEXT:     ^bb0(%16: i8, %17: i8):
// ONE-NEXT:       linalg.yield %16 : i8
// ONE-NEXT:     }
// ONE-NEXT:     %18 = kernel.ref @delay0.out[%13] : memref<3xi8>
// ONE-NEXT:     %19 = kernel.ref @b[%13] : memref<3xi8>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "copy"} ins(%18 : memref<3xi8>) outs(%19 : memref<3xi8>) {
// ONE-NEXT:     ^bb0(%20: i8, %21: i8):
// ONE-NEXT:       linalg.yield %20 : i8
// ONE-NEXT:     }
// ONE-NEXT:   }
// ONE-NEXT: }
// ONE-NEXT: }

// -----

// convolutions go by events, channels innermost; a pool, a concatenation and a flatten behind

snn.parameter @k : tensor<2x1x3x3xf32> = dense<0.5>
snn.parameter @b : tensor<2xf32> = dense<0.5>
snn.network @conv ("x" %x : tensor<1x6x6xi1>) -> ("y" : tensor<16xf32>) {
  %k = snn.use @k : tensor<2x1x3x3xf32>
  %b = snn.use @b : tensor<2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %c = snn.conv2d %x, %k bias %b first stride [2, 1] padding [1, 0, 1, 1] dilation [1, 1] groups 1 as "conv" : (tensor<1x6x6xi1>, tensor<2x1x3x3xf32>, tensor<2xf32>) -> tensor<2x3x6xf32>
  %p = snn.pool2d avg %c kernel [2, 2] stride [2, 2] padding [1, 0, 0, 0] exclude_padding as "pool" : (tensor<2x3x6xf32>) -> tensor<2x2x3xf32>
  %pm = snn.pool2d max %p kernel [1, 3] stride [1, 1] padding [0, 0, 0, 0] as "rows" : (tensor<2x2x3xf32>) -> tensor<2x2x1xf32>
  %cat = snn.concat %p, %pm axis 2 as "cat" : (tensor<2x2x3xf32>, tensor<2x2x1xf32>) -> tensor<2x2x4xf32>
  %flat = snn.reshape %cat as "flatten" : tensor<2x2x4xf32> -> tensor<16xf32>
  %y = snn.neuron as "li" (%x = %flat : tensor<16xf32>) state (%v = %zero : tensor<f32>) -> (tensor<16xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %y : tensor<16xf32>
}

// ONE:      kernel.program @conv block 1 {
// ONE-NEXT:   kernel.buffer const @b : memref<2xf32> = dense<5.000000e-01> : tensor<2xf32>
// ONE-NEXT:   kernel.buffer const @k : memref<1x3x3x2xf32> = dense<5.000000e-01> : tensor<1x3x3x2xf32>
// ONE-NEXT:   kernel.buffer state @li.v : memref<16xf32> = dense<0.000000e+00> : tensor<16xf32>
// ONE-NEXT:   kernel.buffer stream @pool : memref<1x2x3x2xf32> channel_last
// ONE-NEXT:   kernel.buffer work @conv : memref<3x6x2xf32> channel_last stage "pool"
// ONE-NEXT:   kernel.buffer work @input.active : memref<36xi16> stage "pool"
// ONE-NEXT:   kernel.buffer work @rows : memref<2x1x2xf32> channel_last stage "li"
// ONE-NEXT:   kernel.buffer work @cat : memref<2x4x2xf32> channel_last stage "li"
// ONE-NEXT:   kernel.buffer work @flatten : memref<16xf32> stage "li"
// ONE-NEXT:   kernel.buffer input @x : memref<?x1x6x6xi8> spikes
// ONE-NEXT:   kernel.buffer output @y : memref<?x16xf32>
// ONE-NEXT:   kernel.stage "pool" of ["conv", "pool"] (%0) {
// ONE-NEXT:     %1 = arith.constant 0 : index
// ONE-NEXT:     %2 = kernel.ref @conv : memref<3x6x2xf32>
// ONE-NEXT:     %3 = kernel.ref @b : memref<2xf32>
// ONE-NEXT:     %4 = kernel.ref @x[%1] : memref<6x6x1xi8>
// ONE-NEXT:     %5 = kernel.ref @input.active : memref<36xi16>
// ONE-NEXT:     %6 = kernel.ref @x[%1] : memref<36xi8>
// ONE-NEXT:     %7 = kernel.compress %6 into %5 : memref<36xi8>, memref<36xi16>
// ONE-NEXT:     %8 = kernel.ref @k : memref<1x3x3x2xf32>
// ONE-NEXT:     kernel.scatter %8 rows %5 count %7 init %3 into %2 input [6, 6, 1] stride [2, 1] padding [1, 1] dilation [1, 1] groups 1 : memref<1x3x3x2xf32> rows memref<36xi16> init memref<2xf32> -> memref<3x6x2xf32>
// ONE-NEXT:     %9 = kernel.ref @pool[%1] : memref<2x3x2xf32>
// ONE-NEXT:     kernel.pool avg %2 into %9 kernel [2, 2] stride [2, 2] padding [1, 0] exclude_padding : memref<3x6x2xf32> -> memref<2x3x2xf32>
// ONE-NEXT:   }
// ONE-NEXT:   kernel.stage "li" of ["rows", "cat", "flatten", "li"] (%10) {
// ONE-NEXT:     %11 = arith.constant 0 : index
// ONE-NEXT:     %12 = kernel.ref @rows : memref<2x1x2xf32>
// ONE-NEXT:     %13 = kernel.ref @pool[%11] : memref<2x3x2xf32>
// ONE-NEXT:     kernel.pool max %13 into %12 kernel [1, 3] stride [1, 1] padding [0, 0] : memref<2x3x2xf32> -> memref<2x1x2xf32>
// ONE-NEXT:     %14 = kernel.ref @cat : memref<2x4x2xf32>
// ONE-NEXT:     kernel.insert %13 into %14 at [0, 0, 0] : memref<2x3x2xf32> into memref<2x4x2xf32>
// ONE-NEXT:     kernel.insert %12 into %14 at [0, 3, 0] : memref<2x1x2xf32> into memref<2x4x2xf32>
// ONE-NEXT:     %15 = kernel.ref @flatten : memref<16xf32>
// ONE-NEXT:     %16 = kernel.ref @flatten : memref<2x2x4xf32>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2, d0, d1)>], iterator_types = ["parallel", "parallel", "parallel"], doc = "copy"} ins(%14 : memref<2x4x2xf32>) outs(%16 : memref<2x2x4xf32>) {
// ONE-NEXT:     ^bb0(%17: f32, %18: f32):
// ONE-NEXT:       linalg.yield %17 : f32
// ONE-NEXT:     }
// ONE-NEXT:     %19 = kernel.ref @y[%11] : memref<16xf32>
// ONE-NEXT:     %20 = kernel.ref @li.v : memref<16xf32>
// ONE-NEXT:     linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "li"} ins(%15 : memref<16xf32>) outs(%19, %20 : memref<16xf32>, memref<16xf32>) {
// ONE-NEXT:     ^bb0(%x: f32, %y: f32, %v: f32):
// ONE-NEXT:       %21 = arith.addf %v, %x : f32
// ONE-NEXT:       linalg.yield %21, %21 : f32, f32
// ONE-NEXT:     }
// ONE-NEXT:   }
// ONE-NEXT: }
// ONE-NEXT: }
