// RUN: snncc-opt %s | snncc-opt | filecheck %s
// RUN: snncc-opt %s --print-op-generic | snncc-opt | filecheck %s
// RUN: snncc-opt %s -p canonicalize | filecheck %s --check-prefix=FOLD
// RUN: snncc-opt %s -p snn-schedule | filecheck %s --check-prefix=SCHEDULE
// RUN: snncc-opt %s -p 'snn-schedule,kernel-to-standard' | filecheck %s --check-prefix=STANDARD

// Bodies call functions of `math`; those of constants fold to what every step would compute,
// unless that is infinite, and so do those of parameters with one value where a body is
// scheduled; below that level only `arith` is left of them.

// CHECK-LABEL: snn.network @functions
// FOLD-LABEL: snn.network @functions
// SCHEDULE-LABEL: kernel.program @functions
// STANDARD-LABEL: func.func @functions_run
// STANDARD-NOT: math.
snn.network @functions ("x" %x : tensor<3xf32>) -> ("y" : tensor<3xf32>, "z" : tensor<3xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  // CHECK: snn.neuron as "all" (%x = %x : tensor<3xf32>)
  %y = snn.neuron as "all" (%x = %x : tensor<3xf32>) -> (tensor<3xf32>) {
    // CHECK: math.exp %x : f32
    // CHECK-NEXT: math.log %{{.*}} : f32
    // CHECK-NEXT: math.tanh %{{.*}} : f32
    // CHECK-NEXT: math.sqrt %{{.*}} : f32
    // CHECK-NEXT: math.erf %{{.*}} : f32
    // CHECK-NEXT: math.sin %{{.*}} : f32
    // CHECK-NEXT: math.cos %{{.*}} : f32
    // CHECK-NEXT: math.floor %{{.*}} : f32
    // CHECK-NEXT: math.ceil %{{.*}} : f32
    // CHECK-NEXT: math.trunc %{{.*}} : f32
    // CHECK-NEXT: math.roundeven %{{.*}} : f32
    // CHECK-NEXT: math.absf %{{.*}} : f32
    // CHECK-NEXT: math.powf %{{.*}}, %x : f32
    // STANDARD: arith.bitcast
    // STANDARD-NOT: math.
    %0 = math.exp %x : f32
    %1 = math.log %0 : f32
    %2 = math.tanh %1 : f32
    %3 = math.sqrt %2 : f32
    %4 = math.erf %3 : f32
    %5 = math.sin %4 : f32
    %6 = math.cos %5 : f32
    %7 = math.floor %6 : f32
    %8 = math.ceil %7 : f32
    %9 = math.trunc %8 : f32
    %10 = math.roundeven %9 : f32
    %11 = math.absf %10 : f32
    %12 = math.powf %11, %x : f32
    snn.next (%12 : f32)
  }
  // A decay of constants: the body is that of a named neuron.
  // CHECK: snn.neuron as "decaying" kind "lif"
  // FOLD: snn.neuron as "decaying" kind "lif"
  %z = snn.neuron as "decaying" kind "lif" (%x = %y : tensor<3xf32>)
      state (%v = %zero : tensor<f32>) -> (tensor<3xi1>) {
    // FOLD-NOT: math.exp
    // FOLD: arith.constant 0.904837{{[0-9]*}} : f32
    // FOLD: math.log
    %rate = arith.constant -0.1 : f32
    %decay = math.exp %rate : f32
    %none = arith.constant 0.0 : f32
    %endless = math.log %none : f32
    %0 = arith.mulf %decay, %v : f32
    %1 = arith.addf %0, %x : f32
    %one = arith.constant 1.0 : f32
    %2 = arith.subf %1, %one : f32
    %z = snn.spike gt %2 : f32
    %least = arith.minimumf %endless, %none : f32
    %3 = arith.select %z, %least, %1 : f32
    snn.next (%z : i1) state (%3 : f32)
  }
  %rate = snn.constant dense<-0.1> : tensor<f32>
  // SCHEDULE: linalg.generic {{.*}}doc = "folded"
  // SCHEDULE: arith.constant 0.904837{{[0-9]*}} : f32
  // SCHEDULE-NOT: math.
  // SCHEDULE: arith.mulf
  %w = snn.neuron as "folded" (%x = %y : tensor<3xf32>)
      params (%rate = %rate : tensor<f32>) -> (tensor<3xf32>) {
    %decay = math.exp %rate : f32
    %0 = arith.mulf %decay, %x : f32
    snn.next (%0 : f32)
  }
  snn.yield %w, %z : tensor<3xf32>, tensor<3xi1>
}
