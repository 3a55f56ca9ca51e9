// RUN: snncc-opt --split-input-file -p snn-record-names %s | filecheck --match-full-lines %s

// outputs and states; what has no name is named by its place

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %x by 2 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %a, %b = snn.neuron as "lif" (%x = %d : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %0 = arith.addf %i, %x : f32
    %1 = arith.addf %v, %0 : f32
    snn.next (%0 : f32, %1 : f32) state (%0 : f32, %1 : f32)
  }
  %m = snn.neuron (%x = %a : tensor<2xf32>) -> (tensor<2xf32>) {
    snn.next (%x : f32)
  }
  %c = snn.neuron (%x = %m : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    snn.next (%v : f32) state (%x : f32)
  }
  snn.yield %c : tensor<2xf32>
}

// CHECK:      snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
// CHECK-NEXT:   %zero = snn.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %d = snn.delay %x by 2 : i64 init %zero {known_as = ["delay0"]} : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %a, %b = snn.neuron as "lif" (%x = %d : tensor<2xf32>) state (%i = %zero : tensor<f32>, %v = %zero : tensor<f32>) -> (tensor<2xf32>, tensor<2xf32>) attributes {known_as = ["lif", "lif.out1", "lif.i", "lif.v"]} {
// CHECK:        %m = snn.neuron (%x = %a : tensor<2xf32>) -> (tensor<2xf32>) {
// CHECK:        %c = snn.neuron (%x = %m : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) attributes {known_as = ["neuron0", "neuron0.v"]} {

// -----

// names of nodes come first: what is derived from them gives way, and a node gives way to an
// output that is not its own

snn.network @same ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>, "z" : tensor<2xf32>, "a.v" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %a = snn.neuron as "a" (%x = %x : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    snn.next (%v : f32) state (%x : f32)
  }
  %v = snn.delay %a by 1 init %zero as "a.v_1" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %y = snn.neuron as "y" (%x = %v : tensor<2xf32>) -> (tensor<2xf32>) {
    snn.next (%x : f32)
  }
  %z = snn.neuron as "y" (%x = %y : tensor<2xf32>) -> (tensor<2xf32>) {
    snn.next (%x : f32)
  }
  %f = snn.neuron as "final" (%x = %z : tensor<2xf32>) -> (tensor<2xf32>) {
    snn.next (%x : f32)
  }
  snn.yield %y, %z, %f : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK:      snn.network @same ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>, "z" : tensor<2xf32>, "a.v" : tensor<2xf32>) {
// CHECK:        %a = snn.neuron as "a" {{.*}} attributes {known_as = ["a", "a.v_2"]} {
// CHECK:        %v = snn.delay %a by 1 : i64 init %zero as "a.v_1" {known_as = ["a.v_1"]} : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK:        %y = snn.neuron as "y" {{.*}} attributes {known_as = ["y"]} {
// CHECK:        %z = snn.neuron as "y" {{.*}} attributes {known_as = ["y_1"]} {
// CHECK:        %f = snn.neuron as "final" {{.*}} attributes {known_as = ["final_1"]} {

// -----

// a model's own names for states; recorded names stay as they are, whatever else is there

snn.network @given ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) attributes {state_names = {"mem" = "lif.v", "late" = "d"}} {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %x by 1 init %zero as "d" : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %a = snn.neuron as "lif" (%x = %d : tensor<2xf32>) state (%v = %zero : tensor<f32>) -> (tensor<2xf32>) {
    snn.next (%v : f32) state (%x : f32)
  }
  snn.yield %a : tensor<2xf32>
}

// CHECK:        %d = snn.delay %x by 1 : i64 init %zero as "d" {known_as = ["late"]} : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK:        %a = snn.neuron as "lif" {{.*}} attributes {known_as = ["lif", "mem"]} {

// -----

snn.network @recorded ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %d = snn.delay %x by 1 init %zero {known_as = ["delay1"]} : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %m = snn.neuron as "delay1" (%x = %d : tensor<2xf32>) -> (tensor<2xf32>) {
    snn.next (%x : f32)
  }
  snn.yield %m : tensor<2xf32>
}

// CHECK:        %d = snn.delay %x by 1 : i64 init %zero {known_as = ["delay1"]} : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
// CHECK-NEXT:   %m = snn.neuron as "delay1" (%x = %d : tensor<2xf32>) -> (tensor<2xf32>) {
