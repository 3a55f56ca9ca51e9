// RUN: not snncc-opt -p snn-fuse-elementwise,snn-schedule %s 2>&1 | filecheck --check-prefix=FILE %s
// RUN: not snncc-opt -p snn-fuse-elementwise,snn-schedule < %s 2>&1 | filecheck --check-prefix=STDIN %s

// a pass that looks at values which the text names by digest alone says what loads them

snn.parameter @w : tensor<1x2xf32> = #snn.blob<"915583444ecdf3b7bd35bfc9bd5ed3eb">
snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<1xf32>) {
  %w = snn.use @w : tensor<1x2xf32>
  %y = snn.linear %x, %w : (tensor<2xf32>, tensor<1x2xf32>) -> tensor<1xf32>
  snn.yield %y : tensor<1xf32>
}

// FILE: {{^}}snncc-opt: the content of digest 915583444ecdf3b7bd35bfc9bd5ed3eb was not loaded{{$}}
// FILE-NEXT: put snn-load-parameters{file="{{.*}}parameters_not_loaded.safetensors"} in front of the passes

// STDIN: put snn-load-parameters{file="NAME.safetensors"} in front of the passes
