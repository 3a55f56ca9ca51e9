// RUN: snncc-opt --split-input-file --verify-diagnostics %s | filecheck %s

// the table of an input

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x3xi8> = dense<[[0, 0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.copies @x table @t
}

// CHECK: Operation does not verify: x: is no population

// -----

// columns

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x2xi8> = dense<[[0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.copies @p table @t
}

// CHECK: Operation does not verify: p: expected columns element, core, slot, got [1, 2]

// -----

// an element that is not there

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x3xi8> = dense<[[2, 0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.copies @p table @t
}

// CHECK: Operation does not verify: p: element: expected 0 to 1, got 2 to 2

// -----

// a core that is not used

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x5xi8> = dense<[[0, 2, 0, 0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.routes @x table @t
}

// CHECK: Operation does not verify: x: core: expected 0 to 1, got 2 to 2

// -----

// neurons are elements, and then copies

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @c : tensor<1x3xi8> = dense<[[0, 0, 0]]>
snn.parameter @t : tensor<2x5xi8> = dense<[[2, 0, 0, 0, 0], [3, 0, 1, 0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.copies @p table @c
  core.routes @p table @t
}

// CHECK: Operation does not verify: p: neuron: expected 0 to 2, got 2 to 3

// -----

// nobody sends

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x5xi8> = dense<[[0, 0, 0, 0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.routes @q table @t
}

// CHECK: Operation does not verify: q: is no input or population

// -----

// a time before

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x5xi8> = dense<[[0, 0, 0, 0, -1]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.routes @p table @t
}

// CHECK: Operation does not verify: p: delay: expected 0, got -1 to -1

// -----

// one weight for each element

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<4x3xi8> = dense<0>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.weights @p table @t
}

// CHECK: Operation does not verify: p: expected [types, 2], got [4, 3]

// -----

// lines of what

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x2xi8> = dense<[[0, 0]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.lines @p table @t
}

// CHECK: Operation does not verify: p: there is no core.bus

// -----

// too few lines

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @t : tensor<1x2xi8> = dense<[[0, 2]]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.bus [1, 1] outputs 2
  core.lines @p table @t
}

// CHECK: Operation does not verify: p: line: expected 0 to 1, got 2 to 2

// -----

// no place

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.bus [1] outputs 2
}

// CHECK: Operation does not verify: expected x and y

// -----

// the place of a core

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.cores [0, 0, 1, 0]
  core.bus [1, 0] outputs 2
}

// CHECK: Operation does not verify: a core stands at [1, 0]
