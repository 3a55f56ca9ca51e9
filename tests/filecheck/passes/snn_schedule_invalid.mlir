// RUN: snncc-opt --split-input-file --verify-diagnostics -p snn-schedule %s | filecheck --match-full-lines %s

// elementwise operations and final biases are bodies before a network is scheduled

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.add %x, %x as "sum" : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: snn-schedule: no lowering for snn.add "sum"; run snn-fuse-elementwise first

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %w = snn.constant dense<0.5> : tensor<2x2xf32>
  %b = snn.constant dense<0.5> : tensor<2xf32>
  %y = snn.linear %x, %w bias %b last as "fc" : (tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: snn-schedule: snn.linear "fc" has a final bias; run snn-fuse-elementwise first

// -----

// weights and first states are constants

snn.network @net ("x" %x : tensor<2xf32>, "w" %w : tensor<2x2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.linear %x, %w as "fc" : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: snn-schedule: the weight of snn.linear "fc" is not a constant

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.delay %x by 1 init %x as "axon" : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}

// CHECK: snn-schedule: snn.delay "axon" starts from a stream

// -----

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %y = snn.neuron as "li" (%x = %x : tensor<2xf32>) state (%v = %x : tensor<2xf32>) -> (tensor<2xf32>) {
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %y : tensor<2xf32>
}

// CHECK: snn-schedule: snn.neuron "li" starts from a stream
