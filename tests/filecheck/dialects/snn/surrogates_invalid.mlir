// RUN: snncc-opt --split-input-file --verify-diagnostics --parsing-diagnostics %s | filecheck %s

// the surrogate itself

snn.surrogate @none (%u : f32) -> () {
  snn.derivative :
}

// CHECK: expected a derivative, and at most one for each of the 1 arguments, got 0

// -----

snn.surrogate @more (%u : f32) -> (f32, f32) {
  snn.derivative %u, %u : f32, f32
}

// CHECK: expected a derivative, and at most one for each of the 1 arguments, got 2

// -----

snn.surrogate @spikes (%u : i1) -> i1 {
  snn.derivative %u : i1
}

// CHECK: expected floats of one type, got i1

// -----

snn.surrogate @types (%u : f32, %v : f64) -> f32 {
  snn.derivative %u : f32
}

// CHECK: expected floats of one type, got f64

// -----

snn.surrogate @result (%u : f32, %v : f32) -> (f32, f32) {
  snn.derivative %u : f32
}

// CHECK: snn.derivative: expected (f32, f32), got (f32)

// -----

snn.surrogate @open (%u : f32) -> f32 {
  %0 = math.absf %u : f32
}

// CHECK: terminates block in single-block region but is not a terminator

// -----

snn.surrogate @foreign (%u : f32) -> f32 {
  %0 = math.cbrt %u : f32
  snn.derivative %0 : f32
}

// CHECK: body: math.cbrt is not an operation of bodies

// -----

snn.surrogate @twice (%u : f32) -> f32 {
  snn.derivative %u : f32
}
snn.surrogate @twice (%u : f32) -> f32 {
  snn.derivative %u : f32
}

// CHECK: Redefinition of symbol "twice"

// -----

// who names it

snn.network @missing ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>) {
    %z = snn.spike gt %x surrogate <@nobody> : f32
    snn.next (%z : i1)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: no snn.surrogate is named "nobody"

// -----

snn.parameter @w : tensor<2xf32> = dense<0.5>
snn.network @other ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi16>) {
  %y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi16>) {
    %n = snn.count %x max 3 surrogate <@w> : f32 -> i16
    snn.next (%n : i16)
  }
  snn.yield %y : tensor<2xi16>
}

// CHECK: no snn.surrogate is named "w"

// -----

snn.surrogate @two (%v : f32, %theta : f32) -> f32 {
  snn.derivative %v : f32
}
snn.network @count ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>) {
    %z = snn.spike gt %x surrogate <@two> : f32
    snn.next (%z : i1)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: surrogate @two: expected (f32, f32), got (f32)

// -----

%x = "test.op"() : () -> f32
%z = snn.spike gt %x of %x, %x : f32

// CHECK: of: expected a surrogate that reads these values

// -----

%x = "test.op"() : () -> f32
%n = snn.count %x max 3 of %x, %x : f32 -> i16

// CHECK: of: expected a surrogate that reads these values

// -----

%x, %y = "test.op"() : () -> (f32, f64)
%z = snn.spike gt %x surrogate <"sinabs.gaussian"> of %y, %x : f32

// CHECK: operand is used with type f32, but has been previously used or defined with type f64

// -----

// text

%x = "test.op"() : () -> f32
%z = snn.spike gt %x surrogate <@mine, alpha = 2.0> : f32

// CHECK: surrogate: @mine takes no option but scale

// -----

"test.op"() {s = #snn.surrogate<@a::@b>} : () -> ()

// CHECK: '>' expected

// -----

snn.network @float_of_float ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {
  %y = snn.neuron (%x = %x : tensor<2xf32>) -> (tensor<2xi1>) {
    %w = arith.constant 1.0 : f64
    %z = snn.spike ge %x surrogate <"atan"> of %w : f32, f64
    snn.next (%z : i1)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: of: expected values of f32, got f64

// -----

snn.network @integer_of_integer ("x" %x : tensor<2xi16>) -> ("y" : tensor<2xi1>) {
  %y = snn.neuron (%x = %x : tensor<2xi16>) -> (tensor<2xi1>) {
    %w = arith.extsi %x : i16 to i32
    %z = snn.spike ge %x surrogate <"atan"> of %w : i16, i32
    snn.next (%z : i1)
  }
  snn.yield %y : tensor<2xi1>
}

// CHECK: of: expected values of i16, or floats of one type, got i32
