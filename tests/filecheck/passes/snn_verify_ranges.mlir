// RUN: snncc-opt --split-input-file --verify-diagnostics -p snn-verify-ranges %s | filecheck %s
// RUN: snncc-opt --split-input-file --verify-diagnostics -p 'snn-verify-ranges{inputs="x=0:1"}' %s | filecheck --check-prefix=NARROW %s
// RUN: not snncc-opt -p 'snn-verify-ranges{inputs="x=few"}' %s 2>&1 | filecheck --check-prefix=WRONG %s

// WRONG-NOT: Traceback
// WRONG: inputs: expected "name=low:high", got "x=few"

// a leak bounds the membrane: what 20 inputs of at most 127 give is far from the end of i32

snn.network @proved ("x" %x : tensor<2xi8>) -> ("y" : tensor<2xi1>) {
  %zero = snn.constant dense<0> : tensor<i32>
  %w = snn.constant dense<[[3, -2], [1, 5]]> : tensor<2x2xi8>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi8>, tensor<2x2xi8>) -> tensor<2xi32>
  %y = snn.neuron as "lif" (%in = %i : tensor<2xi32>) state (%v = %zero : tensor<i32>) -> (tensor<2xi1>) {
    %k = arith.constant 4 : i32
    %theta = arith.constant 100 : i32
    %0 = arith.shrsi %v, %k : i32
    %1 = arith.subi %v, %0 : i32
    %u = arith.addi %1, %in : i32
    %e = arith.subi %u, %theta : i32
    %s = snn.spike gt %e : i32
    %n = arith.select %s, %e, %u : i32
    snn.next (%s : i1) state (%n : i32)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: snn.network @proved
// NARROW: snn.network @proved

// -----

// an integrator without a leak has no bound below; the sum leaves its 8 bits unless the input
// is known to be 0 or 1

snn.network @wraps ("x" %x : tensor<2xi8>) -> ("y" : tensor<1xi8>, "z" : tensor<1xi1>) {
  %zero = snn.constant dense<0> : tensor<i16>
  %w = snn.constant dense<[[3, -2]]> : tensor<1x2xi8>
  %i = snn.linear %x, %w as "fc" : (tensor<2xi8>, tensor<1x2xi8>) -> tensor<1xi8>
  %z = snn.neuron as "if" (%in = %i : tensor<1xi8>) state (%v = %zero : tensor<i16>) -> (tensor<1xi1>) {
    %theta = arith.constant 100 : i16
    %zero_1 = arith.constant 0 : i16
    %wide = arith.extsi %in : i8 to i16
    %u = arith.addi %v, %wide : i16
    %e = arith.subi %u, %theta : i16
    %s = snn.spike gt %e : i16
    %n = arith.select %s, %zero_1, %u : i16
    snn.next (%s : i1) state (%n : i16)
  }
  snn.yield %i, %z : tensor<1xi8>, tensor<1xi1>
}

// CHECK: snn-verify-ranges: not proved:
// CHECK-NEXT: snn.linear "fc": snn.linear wraps: -638 to 637 in i8 (1 element)
// CHECK-NEXT: snn.neuron "if": arith.addi wraps: -32896 to 32894 in i16 (1 element)
// NARROW: snn-verify-ranges: not proved:
// NARROW-NOT: "fc"
// NARROW: snn.neuron "if": arith.addi wraps
