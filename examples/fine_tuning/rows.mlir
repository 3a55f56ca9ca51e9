builtin.module {
  snn.surrogate @Spike (%u : f32) -> f32 {
    %0 = arith.constant 3.14159274 : f32
    %1 = arith.mulf %u, %0 : f32
    %2 = arith.mulf %1, %1 : f32
    %3 = arith.constant 1.000000e+00 : f32
    %4 = arith.addf %2, %3 : f32
    %5 = arith.divf %3, %4 : f32
    snn.derivative %5 : f32
  }
  snn.parameter learnable @back.weight : tensor<96x96xf32> = #snn.blob<"5ef8203a09c6214cf3c190f28257764e">
  snn.parameter learnable @fc1.weight : tensor<96x8xf32> = #snn.blob<"27c6b7785c0ccb1743067eb925a1976d">
  snn.parameter learnable @fc1.bias : tensor<96xf32> = #snn.blob<"c03b362cb113e87dc65ec6687c97ccdd">
  snn.parameter fixed @lif1.decay : tensor<96xf32> = #snn.blob<"f6344a35580c8c4d606ed050b2d83ef0">
  snn.parameter learnable @fc2.weight : tensor<10x96xf32> = #snn.blob<"94cfe33d0e437a28f16676b0a5ef963a">
  snn.parameter learnable @fc2.bias : tensor<10xf32> = #snn.blob<"f58cf4facea9620fccecfc4f2711b507">
  snn.parameter fixed @lif2.decay : tensor<f32> = dense<9.500000e-01>
  snn.network @Rows ("x" %0 : tensor<8xf32>) -> ("output" : tensor<10xi1>) attributes {source = "torch_models.Rows"} {
    %1 = snn.constant dense<false> : tensor<i1>
    %2 = snn.use @back.weight : tensor<96x96xf32>
    %3 = snn.use @fc1.weight : tensor<96x8xf32>
    %4 = snn.use @fc1.bias : tensor<96xf32>
    %5 = snn.constant dense<0.000000e+00> : tensor<f32>
    %6 = snn.use @lif1.decay : tensor<96xf32>
    %7 = snn.use @fc2.weight : tensor<10x96xf32>
    %8 = snn.use @fc2.bias : tensor<10xf32>
    %9 = snn.use @lif2.decay : tensor<f32>
    %10 = snn.delay %11 by 1 : i64 init %1 as "lif1" : tensor<96xi1>, tensor<i1> -> tensor<96xi1>
    %12 = snn.neuron kind "map" (%x = %10 : tensor<96xi1>) -> (tensor<96xf32>) {
      %0 = arith.uitofp %x : i1 to f32
      %1 = snn.detach %0 : f32
      snn.next (%1 : f32)
    }
    %13 = snn.linear %10, %2 as "back" : (tensor<96xi1>, tensor<96x96xf32>) -> tensor<96xf32>
    %14 = snn.linear %0, %3 bias %4 last as "fc1" : (tensor<8xf32>, tensor<96x8xf32>, tensor<96xf32>) -> tensor<96xf32>
    %15 = snn.add %14, %13 : (tensor<96xf32>, tensor<96xf32>) -> tensor<96xf32>
    %11 = snn.neuron as "lif1_2" kind "lif" (%x = %15 : tensor<96xf32>, %x1 = %12 : tensor<96xf32>) state (%state = %5 : tensor<f32>) params (%decay = %6 : tensor<96xf32>) -> (tensor<96xi1>) {
      %0 = arith.mulf %decay, %state : f32
      %1 = arith.addf %0, %x : f32
      %2 = arith.subf %1, %x1 : f32
      %3 = arith.constant 1.000000e+00 : f32
      %4 = arith.subf %2, %3 : f32
      %5 = snn.spike gt %4 surrogate <@Spike> : f32
      snn.next (%5 : i1) state (%2 : f32)
    }
    %16 = snn.linear %11, %7 bias %8 last as "fc2" : (tensor<96xi1>, tensor<10x96xf32>, tensor<10xf32>) -> tensor<10xf32>
    %17 = snn.neuron as "lif2" kind "lif" (%x = %16 : tensor<10xf32>) state (%state = %5 : tensor<f32>) params (%decay = %9 : tensor<f32>) -> (tensor<10xi1>) {
      %0 = arith.mulf %decay, %state : f32
      %1 = arith.addf %0, %x : f32
      %2 = arith.constant 1.000000e+00 : f32
      %3 = arith.subf %state, %2 : f32
      %4 = snn.spike gt %3 surrogate <@Spike> : f32
      %5 = arith.uitofp %4 : i1 to f32
      %6 = snn.detach %5 : f32
      %7 = arith.subf %1, %6 : f32
      %8 = arith.subf %7, %2 : f32
      %9 = snn.spike gt %8 surrogate <@Spike> : f32
      snn.next (%9 : i1) state (%7 : f32)
    }
    snn.yield %17 : tensor<10xi1>
  }
}
