// RUN: snncc-opt %s | filecheck --match-full-lines %s
// RUN: snncc-opt %s | snncc-opt --print-op-generic | snncc-opt | filecheck --match-full-lines %s

// two neurons in two cores, one with a copy; a bus

snn.parameter @threshold : tensor<2xi8> = dense<[3, 4]>
snn.parameter @rows : tensor<2xi8> = dense<[0, 1]>
snn.parameter @ones : tensor<2xi8> = dense<1>
snn.parameter @copies : tensor<1x3xi8> = dense<[[1, 1, 1]]>
snn.parameter @table : tensor<4x2xi8> = dense<[[1, 1], [-1, 2], [0, 0], [0, 0]]>
snn.parameter @x.routes : tensor<2x5xi8> = dense<[[0, 0, 0, 0, 0], [1, 1, 0, 0, 0]]>
snn.parameter @p.routes : tensor<1x5xi8> = dense<[[1, 0, 1, 1, 14]]>
snn.parameter @p.lines : tensor<2x2xi8> = dense<[[0, 0], [2, 1]]>

core.program @net on "ranc" settings {} {
  core.input @x shape [2]
  core.population @p class "neuron" shape [2] parameters {threshold = @threshold}
  core.synapses @s from @x to @p edge "input" receptor 0 delay 0 sources @rows targets @rows weights @ones
  core.output @y from @p lag 0
  core.cores [0, 0, 1, 0]
  core.bus [3, 2] outputs 2
  core.place @p cores @rows slots @rows
  core.copies @p table @copies
  core.weights @p table @table
  core.routes @x table @x.routes
  core.routes @p table @p.routes
  core.lines @p table @p.lines
}

// CHECK:      core.program @net on "ranc" settings {} {
// CHECK:        core.cores [0, 0, 1, 0]
// CHECK-NEXT:   core.bus [3, 2] outputs 2
// CHECK-NEXT:   core.place @p cores @rows slots @rows
// CHECK-NEXT:   core.copies @p table @copies
// CHECK-NEXT:   core.weights @p table @table
// CHECK-NEXT:   core.routes @x table @x.routes
// CHECK-NEXT:   core.routes @p table @p.routes
// CHECK-NEXT:   core.lines @p table @p.lines
// CHECK-NEXT: }
