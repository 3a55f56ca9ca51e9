// RUN: snncc-opt --split-input-file -p 'snn-legalize{chip=reckon}' %s | filecheck --check-prefix=RECKON %s
// RUN: snncc-opt --split-input-file -p 'snn-legalize{chip=tinyodin}' %s | filecheck --check-prefix=TINYODIN %s
// RUN: snncc-opt --split-input-file -p 'snn-normal-form,snn-legalize{chip=ranc}' %s | filecheck --check-prefix=RANC %s
// RUN: snncc-opt --split-input-file -p 'snn-legalize{chip=ranc until=latencies}' %s | filecheck --check-prefix=LATENCIES %s
// RUN: snncc-opt --split-input-file -p 'snn-legalize{chip=tinyodin until=neurons}' %s | filecheck --check-prefix=NEURONS %s

// two layers on three chips: a threshold takes the scale of its weights, and chips have registers,
// weights, resets and latencies of their own

snn.parameter @w : tensor<2x2xf32> = dense<[[1.0, -0.5], [0.5, 0.75]]>
snn.parameter @v : tensor<2x2xf32> = dense<[[0.5, 0.5], [-1.0, 0.0]]>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xi1>) {
  %w = snn.use @w : tensor<2x2xf32>
  %w2 = snn.use @v : tensor<2x2xf32>
  %t = snn.constant dense<1.0> : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc1" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %a = snn.neuron as "a" (%in = %i : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %t : tensor<f32>) -> (tensor<2xi1>) {
    %u = arith.addf %v, %in : f32
    %d = arith.subf %u, %theta : f32
    %z = snn.spike ge %d : f32
    %f = arith.uitofp %z : i1 to f32
    %a = arith.mulf %f, %theta : f32
    %n = arith.subf %u, %a : f32
    snn.next (%z : i1) state (%n : f32)
  }
  %j = snn.linear %a, %w2 as "fc2" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %b = snn.neuron as "b" (%in = %j : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %t : tensor<f32>) -> (tensor<2xi1>) {
    %u = arith.addf %v, %in : f32
    %d = arith.subf %u, %theta : f32
    %z = snn.spike ge %d : f32
    %f = arith.uitofp %z : i1 to f32
    %a = arith.mulf %f, %theta : f32
    %n = arith.subf %u, %a : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %b : tensor<2xi1>
}

// RECKON:      snn.parameter @a.threshold : tensor<2xi16> = dense<2688>
// RECKON:      snn.parameter @x.to.a.0.weights : tensor<4xi8> = dense<[84, 42, -42, 63]>
// RECKON:      snn.parameter @a.to.b.1.sources : tensor<3xi8> = dense<[0, 0, 1]>
// RECKON-NEXT: snn.parameter @a.to.b.1.targets : tensor<3xi8> = dense<[0, 1, 0]>
// RECKON-NEXT: snn.parameter @a.to.b.1.weights : tensor<3xi8> = dense<[42, -84, 42]>
// RECKON:      snn.parameter @b.to.b.out.2.sources : tensor<2xi8> = dense<[0, 1]>
// RECKON-NEXT: snn.parameter @b.to.b.out.2.targets : tensor<2xi8> = dense<[0, 1]>
// RECKON-NEXT: snn.parameter @b.to.b.out.2.weights : tensor<2xi8> = dense<108>
// RECKON-NEXT: core.program @net on "reckon" settings {FP_LOC_WINP = 5 : i64, FP_LOC_WREC = 5 : i64, FP_LOC_WOUT = 5 : i64, RST_MODE = 0 : i64} {
// RECKON-NEXT:   core.input @x shape [2]
// RECKON-NEXT:   core.population @a class "recurrent" shape [2] parameters {alpha = @a.alpha, threshold = @a.threshold} scale @a.scale
// RECKON-NEXT:   core.population @b class "recurrent" shape [2] parameters {alpha = @b.alpha, threshold = @b.threshold} scale @b.scale
// RECKON-NEXT:   core.population @b.out class "readout" shape [2] parameters {kappa = @b.out.kappa} scale @b.out.scale
// RECKON-NEXT:   core.synapses @x.to.a.0 from @x to @a edge "input" receptor 0 delay 0 sources @x.to.a.0.sources targets @x.to.a.0.targets weights @x.to.a.0.weights
// RECKON-NEXT:   core.synapses @a.to.b.1 from @a to @b edge "recurrent" receptor 0 delay 0 sources @a.to.b.1.sources targets @a.to.b.1.targets weights @a.to.b.1.weights
// RECKON-NEXT:   core.synapses @b.to.b.out.2 from @b to @b.out edge "output" receptor 0 delay 0 sources @b.to.b.out.2.sources targets @b.to.b.out.2.targets weights @b.to.b.out.2.weights
// RECKON-NEXT:   core.output @y from @b.out lag 2

// TINYODIN:      snn.parameter @a.leak : tensor<2xi8> = dense<0>
// TINYODIN-NEXT: snn.parameter @a.threshold : tensor<2xi8> = dense<[7, 10]>
// TINYODIN:      snn.parameter @x.to.a.0.weights : tensor<4xi8> = dense<[7, 5, -4, 7]>
// TINYODIN:      core.population @a class "neuron" shape [2] parameters {leak = @a.leak, threshold = @a.threshold} scale @a.scale
// TINYODIN:      core.output @y from @b lag 0

// RANC:      snn.parameter @a.threshold : tensor<2xi8> = dense<[2, 36]>
// RANC:      snn.parameter @x.to.a.0.weights : tensor<4xi8> = dense<[2, 18, -1, 27]>
// RANC:      core.population @a class "neuron" shape [2] parameters {threshold = @a.threshold, reset_mode = @a.reset_mode} scale @a.scale
// RANC:      core.output @y from @b lag 1
// RANC-NEXT: }

// a spike from neuron to neuron takes a step there

// LATENCIES:     snn.network @net ("x" %{{.*}} : tensor<2xf64>) -> ("y" : tensor<2xi1>) {
// LATENCIES:     %[[LATE:.*]] = snn.delay %[[A:.*]] by 1 : i64 init %{{.*}} as "a.late1" : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
// LATENCIES:     %[[A]] = snn.neuron as "a"
// LATENCIES:     snn.linear %[[LATE]], %{{.*}} as "b.sum0"

// a spike sets the membrane to 0 there, where the network subtracts

// NEURONS-NOT: snn.delay
// NEURONS:     snn.neuron as "a"
// NEURONS:       %[[ZERO:.*]] = arith.constant 0.000000e+00 : f64
// NEURONS-NEXT:  arith.select %{{.*}}, %[[ZERO]], %{{.*}} : f64

// -----

// what calibration data did: large membranes leave less room for weights

snn.parameter @w : tensor<2x2xf32> = dense<[[1.0, -0.5], [0.5, 0.75]]>
snn.parameter @v : tensor<2x2xf32> = dense<[[0.5, 0.5], [-1.0, 0.0]]>
snn.parameter @x.rates : tensor<2xf64> = dense<[0.25, 0.125]>
snn.parameter @a.rates : tensor<2xf64> = dense<0.125>
snn.parameter @a.largest : tensor<2xf64> = dense<[12.0, 1.0]>
snn.parameter @a.before : tensor<2xf64> = dense<[6.0, 8.0]>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<2xi1>) attributes {activity = {x = {rates = @x.rates}, a = {rates = @a.rates, largest = @a.largest, before = @a.before}}} {
  %w = snn.use @w : tensor<2x2xf32>
  %w2 = snn.use @v : tensor<2x2xf32>
  %t = snn.constant dense<1.0> : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc1" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %a = snn.neuron as "a" (%in = %i : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %t : tensor<f32>) -> (tensor<2xi1>) {
    %u = arith.addf %v, %in : f32
    %d = arith.subf %u, %theta : f32
    %z = snn.spike ge %d : f32
    %f = arith.uitofp %z : i1 to f32
    %a = arith.mulf %f, %theta : f32
    %n = arith.subf %u, %a : f32
    snn.next (%z : i1) state (%n : f32)
  }
  %j = snn.linear %a, %w2 as "fc2" : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
  %b = snn.neuron as "b" (%in = %j : tensor<2xf32>) state (%v = %zero : tensor<f32>) params (%theta = %t : tensor<f32>) -> (tensor<2xi1>) {
    %u = arith.addf %v, %in : f32
    %d = arith.subf %u, %theta : f32
    %z = snn.spike ge %d : f32
    %f = arith.uitofp %z : i1 to f32
    %a = arith.mulf %f, %theta : f32
    %n = arith.subf %u, %a : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %b : tensor<2xi1>
}

// RECKON:      snn.parameter @a.threshold : tensor<2xi16> = dense<1728>
// RECKON:      core.program @net on "reckon" settings {FP_LOC_WINP = 4 : i64,

// TINYODIN:    snn.parameter @x.to.a.0.weights : tensor<4xi8> = dense<[6, 5, -3, 7]>

// rates go with the program, for core-route

// RANC:      snn.parameter @a.threshold : tensor<2xi8> = dense<[2, 12]>
// RANC:      snn.parameter @x.rates : tensor<2xf64> = dense<[2.500000e-01, 1.250000e-01]>
// RANC-NEXT: snn.parameter @a.rates : tensor<2xf64> = dense<1.250000e-01>
// RANC-NEXT: core.program
// RANC:      } {rates = {x = @x.rates, a = @a.rates}}

// and with a network that is legalized in part

// LATENCIES: snn.network @net {{.*}} attributes {activity = {x = {rates = @x.rates}, a = {rates = @a.rates, largest = @a.largest, before = @a.before}}} {
// NEURONS:   snn.network @net {{.*}} attributes {activity = {
