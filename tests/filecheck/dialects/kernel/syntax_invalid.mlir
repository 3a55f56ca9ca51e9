// RUN: snncc-opt --split-input-file --parsing-diagnostics %s | filecheck --match-full-lines %s

kernel.program @net block 1 {
  kernel.buffer global @x : memref<2xf32>
}

// CHECK: Expected `const`, `state`, `stream`, `work`, `input`, or `output`.

// -----

kernel.program @net block many {
}

// CHECK: Expected integer literal

// -----

kernel.program @net block 1 {
  kernel.stage "a" (%n) {
  }
}

// CHECK: Expected 'of'

// -----

kernel.program @net block 1 {
  kernel.stage "a" of [lif1] (%n) {
  }
}

// CHECK: string literal expected{{.*}}name of a node

// -----

kernel.program @net block 1 {
  kernel.stage a of [] (%n) {
  }
}

// CHECK: string literal expected{{.*}}name of the stage

// -----

%x = "test.op"() : () -> memref<2x2x2xf32>
kernel.pool median %x into %x

// CHECK: Expected `sum`, `avg`, or `max`.

// -----

kernel.program @net block 4 {
  kernel.buffer stream @s : memref<4x2xf32>
  kernel.stage "a" of [] (%n) {
    %s = kernel.ref @s[%k] : memref<2xf32>
  }
}

// CHECK: values used but not defined: [%k]
