// RUN: snncc-opt --split-input-file --verify-diagnostics -p snn-normal-form %s | filecheck %s

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.neuron as "square" (%in = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) params () -> (tensor<2xi1>) {
    %one = arith.constant 1.0 : f32
    %q = arith.mulf %v, %v : f32
    %u = arith.addf %q, %in : f32
    %d = arith.subf %u, %one : f32
    %z = snn.spike gt %d : f32
    snn.next (%z : i1) state (%u : f32)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: snn-normal-form: SNC-N004 node 'square': no neuron of a chip: the membrane acts on itself otherwise than by a decay

// -----

snn.parameter @w : tensor<1xf32> = dense<1.0>

// CHECK: snn-normal-form: expected one snn.network, got 0
