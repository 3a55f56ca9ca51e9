// RUN: snncc-opt %s | filecheck --match-full-lines %s
// RUN: snncc-opt %s | snncc-opt | filecheck --match-full-lines %s
// RUN: snncc-opt %s --print-op-generic | snncc-opt | filecheck --match-full-lines %s

// what a model says of training: it moves a parameter, it does not, nothing

snn.parameter learnable @fc.weight : tensor<2xf32> = dense<[0.5, 1.0]>
snn.parameter fixed @lif.threshold : tensor<f32> = dense<1.0>
snn.parameter fixed @low_rank : tensor<f32> = dense<1.0> attributes {computed_from = ["a", "b"]}
snn.parameter @learnable : tensor<f32> = dense<0.5>

// CHECK:      builtin.module {
// CHECK-NEXT:   snn.parameter learnable @fc.weight : tensor<2xf32> = dense<[5.000000e-01, 1.000000e+00]>
// CHECK-NEXT:   snn.parameter fixed @lif.threshold : tensor<f32> = dense<1.000000e+00>
// CHECK-NEXT:   snn.parameter fixed @low_rank : tensor<f32> = dense<1.000000e+00> attributes {computed_from = ["a", "b"]}
// CHECK-NEXT:   snn.parameter @learnable : tensor<f32> = dense<5.000000e-01>
// CHECK-NEXT: }
