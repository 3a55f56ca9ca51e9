// RUN: not snncc-opt -p 'snn-schedule{time-block=0}' %s 2>&1 | filecheck --check-prefix=ZERO %s
// RUN: not snncc-opt -p 'snn-schedule{time-block=many}' %s 2>&1 | filecheck --check-prefix=MANY %s
// RUN: not snncc-opt -p 'snn-schedule{block=2}' %s 2>&1 | filecheck --check-prefix=NAME %s
// RUN: not snncc-opt -p snn-scedule %s 2>&1 | filecheck --check-prefix=PASS %s
// RUN: not snncc-opt -p snn-load-parameters %s 2>&1 | filecheck --check-prefix=NOFILE %s
// RUN: not snncc-opt -p 'snn-load-parameters{file="no/such.safetensors"}' %s 2>&1 | filecheck --check-prefix=FILE %s

// wrong passes and options end in one line, without a traceback and without output

snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  snn.yield %x : tensor<2xf32>
}

// ZERO-NOT: Traceback
// ZERO: {{^}}snncc-opt: time-block: expected at least 1, got 0{{$}}
// ZERO-NOT: {{.}}

// MANY-NOT: Traceback
// MANY: {{^}}snncc-opt: Incompatible types: given ('many',), expected <class 'int'>{{$}}
// MANY-NOT: {{.}}

// NAME-NOT: Traceback
// NAME: {{^}}snncc-opt: Provided arguments ["block"] not found in expected arguments ["time_block"{{.*}}]{{$}}
// NAME-NOT: {{.}}

// PASS-NOT: Traceback
// PASS: {{^}}snncc-opt: Unrecognized passes: ['snn-scedule']{{$}}
// PASS-NOT: {{.}}

// NOFILE-NOT: Traceback
// NOFILE: {{^}}snncc-opt: snn-load-parameters requires argument "file"{{$}}
// NOFILE-NOT: {{.}}

// FILE-NOT: Traceback
// FILE: {{^}}snncc-opt: snn-load-parameters: no such file: no/such.safetensors{{$}}
// FILE-NOT: {{.}}
