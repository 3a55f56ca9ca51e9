// RUN: snncc-opt --split-input-file --verify-diagnostics -p 'snn-legalize{chip=reckon}' %s | filecheck %s
// RUN: not snncc-opt --split-input-file -p 'snn-legalize{chip=recon}' %s 2>&1 | filecheck --check-prefix=NAME %s
// RUN: not snncc-opt --split-input-file -p 'snn-legalize{chip="%S/../lit.cfg.yaml"}' %s 2>&1 | filecheck --check-prefix=FILE %s

// all that does not fit, with code, node, excess and remedy

snn.network @net ("x" %x : tensor<257xi1>) -> ("y" : tensor<300xi1>) {
  %w = snn.constant dense<0.125> : tensor<300x257xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc" : (tensor<257xi1>, tensor<300x257xf32>) -> tensor<300xf32>
  %y = snn.neuron as "lif" (%in = %i : tensor<300xf32>) state (%v = %zero : tensor<f32>) params () -> (tensor<300xi1>) {
    %u = arith.addf %v, %in : f32
    %one = arith.constant 1.0 : f32
    %d = arith.subf %u, %one : f32
    %z = snn.spike ge %d : f32
    %off = arith.constant 0.0 : f32
    %n = arith.select %z, %off, %u : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %y : tensor<300xi1>
}

// CHECK:      snn-legalize: SNC-N002 257 inputs; reckon has 256: 1 too many
// CHECK-NEXT:   use fewer input channels
// CHECK-NEXT: snn-legalize: SNC-N002 node 'lif': 300 recurrent neurons; reckon has 256: 44 too many
// CHECK-NEXT:   make the layers smaller

// NAME-NOT: Traceback
// NAME: {{^}}snncc-opt: snn-legalize: SNC-C003 chip: expected loihi, {{.*}}xylo or a description FILE.yaml, got 'recon'{{$}}

// FILE-NOT: Traceback
// FILE: {{^}}snncc-opt: snn-legalize: SNC-N001 {{.*}}lit.cfg.yaml: No such file or directory{{$}}

// -----

// an activity of what is not there, or of another size

snn.parameter @r : tensor<2xf64> = dense<0.5>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<1xi1>) attributes {activity = {fc = {rates = @r}}} {
  %w = snn.constant dense<0.125> : tensor<1x2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<1x2xf32>) -> tensor<1xf32>
  %y = snn.neuron as "lif" (%in = %i : tensor<1xf32>) state (%v = %zero : tensor<f32>) params () -> (tensor<1xi1>) {
    %u = arith.addf %v, %in : f32
    %one = arith.constant 1.0 : f32
    %d = arith.subf %u, %one : f32
    %z = snn.spike ge %d : f32
    %off = arith.constant 0.0 : f32
    %n = arith.select %z, %off, %u : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %y : tensor<1xi1>
}

// CHECK: activity: fc: expected one of x, lif

// -----

snn.parameter @r : tensor<3xf64> = dense<0.5>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<1xi1>) attributes {activity = {x = {rates = @r}}} {
  %w = snn.constant dense<0.125> : tensor<1x2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<1x2xf32>) -> tensor<1xf32>
  %y = snn.neuron as "lif" (%in = %i : tensor<1xf32>) state (%v = %zero : tensor<f32>) params () -> (tensor<1xi1>) {
    %u = arith.addf %v, %in : f32
    %one = arith.constant 1.0 : f32
    %d = arith.subf %u, %one : f32
    %z = snn.spike ge %d : f32
    %off = arith.constant 0.0 : f32
    %n = arith.select %z, %off, %u : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %y : tensor<1xi1>
}

// CHECK: activity: x.rates: expected [2], got [3]

// -----

snn.parameter @r : tensor<1xf64> = dense<0.5>
snn.network @net ("x" %x : tensor<2xi1>) -> ("y" : tensor<1xi1>) attributes {activity = {lif = {currents = @r}}} {
  %w = snn.constant dense<0.125> : tensor<1x2xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi1>, tensor<1x2xf32>) -> tensor<1xf32>
  %y = snn.neuron as "lif" (%in = %i : tensor<1xf32>) state (%v = %zero : tensor<f32>) params () -> (tensor<1xi1>) {
    %u = arith.addf %v, %in : f32
    %one = arith.constant 1.0 : f32
    %d = arith.subf %u, %one : f32
    %z = snn.spike ge %d : f32
    %off = arith.constant 0.0 : f32
    %n = arith.select %z, %off, %u : f32
    snn.next (%z : i1) state (%n : f32)
  }
  snn.yield %y : tensor<1xi1>
}

// CHECK: activity: lif.currents: expected [receptors, 1], got [1]
