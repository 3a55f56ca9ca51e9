// RUN: snncc-opt --split-input-file %s | filecheck --match-full-lines %s
// RUN: snncc-opt --split-input-file %s | snncc-opt --split-input-file --print-op-generic | snncc-opt --split-input-file | filecheck --match-full-lines %s

// buffers of every role, with every option; programs with and without attributes

kernel.program @"net.1" block 16 attributes {origin = "test"} {
  kernel.buffer const @fc1.weight : memref<64x128xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015"> channel_last
  kernel.buffer const @"0.bias" : memref<2xf32> = dense<[0.5, -1.0]> : tensor<2xf32>
  kernel.buffer state @lif1.v : memref<128xf32> = dense<0.0> : tensor<f32> of "lif1.v of old"
  kernel.buffer stream @lif1 : memref<16x8x8x2xi8> channel_last {origin = "test"}
  kernel.buffer work @fc1 : memref<128xf32> stage "lif1"
  kernel.buffer work @"fc1 \"out\"" : memref<4x128xf32> channel_last stage "lif1"
  kernel.buffer input @x : memref<?x64xi8>
  kernel.buffer output @y : memref<?xf64> of "the output"
}
kernel.program @small block 1 {
  kernel.buffer input @x : memref<?xi8> spikes of "the input"
}
kernel.program reverse @backward block 4 {
  kernel.buffer output @d.w : memref<1x64x128xf32> sum order [0, 2, 1] sizes [128, 64]
  kernel.buffer output @d.v : memref<128xf32> last of "d.lif1.v"
  kernel.buffer input @w : memref<8192xf32> held
  kernel.buffer state @u : memref<64x128xf32> = dense<0.0> : tensor<f32> channel_last from @w of "lif1.u"
  kernel.buffer input @tape.0 : memref<?x16xi8> bits
}
kernel.program @integers block 4 {
  kernel.buffer const @w : memref<2x4xi8> = dense<1> : tensor<2x4xi8> packed 4 signed
  kernel.buffer stream @x.whole : memref<4x2x3xi8> channel_last signed
  kernel.buffer input @x : memref<?x3x2xf32> whole @x.whole within [-127, 127] {scale = 5.000000e-01 : f64}
  kernel.buffer output @y : memref<?x3x2xf32> whole @x.whole
  kernel.buffer output @z : memref<?x3xi8> spikes
  kernel.stage "x.whole" of ["x.whole"] converts (%steps) {
  }
}

// CHECK:      kernel.program @net.1 block 16 attributes {origin = "test"} {
// CHECK-NEXT:   kernel.buffer const @fc1.weight : memref<64x128xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015"> channel_last
// CHECK-NEXT:   kernel.buffer const @"0.bias" : memref<2xf32> = dense<[5.000000e-01, -1.000000e+00]> : tensor<2xf32>
// CHECK-NEXT:   kernel.buffer state @lif1.v : memref<128xf32> = dense<0.000000e+00> : tensor<f32> of "lif1.v of old"
// CHECK-NEXT:   kernel.buffer stream @lif1 : memref<16x8x8x2xi8> channel_last {origin = "test"}
// CHECK-NEXT:   kernel.buffer work @fc1 : memref<128xf32> stage "lif1"
// CHECK-NEXT:   kernel.buffer work @"fc1 \22out\22" : memref<4x128xf32> channel_last stage "lif1"
// CHECK-NEXT:   kernel.buffer input @x : memref<?x64xi8>
// CHECK-NEXT:   kernel.buffer output @y : memref<?xf64> of "the output"
// CHECK-NEXT: }
// CHECK-NEXT: kernel.program @small block 1 {
// CHECK-NEXT:   kernel.buffer input @x : memref<?xi8> spikes of "the input"
// CHECK-NEXT: }
// CHECK-NEXT: kernel.program reverse @backward block 4 {
// CHECK-NEXT:   kernel.buffer output @d.w : memref<1x64x128xf32> sum order [0, 2, 1] sizes [128, 64]
// CHECK-NEXT:   kernel.buffer output @d.v : memref<128xf32> last of "d.lif1.v"
// CHECK-NEXT:   kernel.buffer input @w : memref<8192xf32> held
// CHECK-NEXT:   kernel.buffer state @u : memref<64x128xf32> = dense<0.000000e+00> : tensor<f32> channel_last from @w of "lif1.u"
// CHECK-NEXT:   kernel.buffer input @tape.0 : memref<?x16xi8> bits
// CHECK-NEXT: }
// CHECK-NEXT: kernel.program @integers block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x4xi8> = dense<1> : tensor<2x4xi8> packed 4 signed
// CHECK-NEXT:   kernel.buffer stream @x.whole : memref<4x2x3xi8> channel_last signed
// CHECK-NEXT:   kernel.buffer input @x : memref<?x3x2xf32> whole @x.whole within [-127, 127] {scale = 5.000000e-01 : f64}
// CHECK-NEXT:   kernel.buffer output @y : memref<?x3x2xf32> whole @x.whole
// CHECK-NEXT:   kernel.buffer output @z : memref<?x3xi8> spikes
// CHECK-NEXT:   kernel.stage "x.whole" of ["x.whole"] converts (%steps) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// stages: names of the model's nodes, recurrent parts, loops in them and nothing in them

kernel.program @stages block 4 {
  kernel.buffer const @w : memref<2x3xf32> = dense<0.5> : tensor<2x3xf32>
  kernel.buffer stream @s : memref<4x2x3xf32>
  kernel.buffer state @v : memref<f32> = dense<0.0> : tensor<f32>
  kernel.stage "lif.1" of ["fc1", "lif \"1\""] recurrent (%steps) attributes {origin = "test"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = kernel.ref @w : memref<2x3xf32>
    %flat = kernel.ref @w {origin = "test"} : memref<6xf32>
    %v = kernel.ref @v : memref<1x1xf32>
    scf.for %k = %c0 to %steps step %c1 {
      %row = kernel.ref @s[%k] : memref<2x3xf32>
      %column = kernel.ref @s[%k] {origin = "test"} : memref<6x1xf32>
    }
  }
  kernel.stage "empty" of [] (%n) {
  }
}

// CHECK:      kernel.program @stages block 4 {
// CHECK-NEXT:   kernel.buffer const @w : memref<2x3xf32> = dense<5.000000e-01> : tensor<2x3xf32>
// CHECK-NEXT:   kernel.buffer stream @s : memref<4x2x3xf32>
// CHECK-NEXT:   kernel.buffer state @v : memref<f32> = dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   kernel.stage "lif.1" of ["fc1", "lif \221\22"] recurrent (%steps) attributes {origin = "test"} {
// CHECK-NEXT:     %c0 = arith.constant 0 : index
// CHECK-NEXT:     %c1 = arith.constant 1 : index
// CHECK-NEXT:     %w = kernel.ref @w : memref<2x3xf32>
// CHECK-NEXT:     %flat = kernel.ref @w {origin = "test"} : memref<6xf32>
// CHECK-NEXT:     %v = kernel.ref @v : memref<1x1xf32>
// CHECK-NEXT:     scf.for %k = %c0 to %steps step %c1 {
// CHECK-NEXT:       %row = kernel.ref @s[%k] : memref<2x3xf32>
// CHECK-NEXT:       %column = kernel.ref @s[%k] {origin = "test"} : memref<6x1xf32>
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT:   kernel.stage "empty" of [] (%n) {
// CHECK-NEXT:   }
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

// the kernels, with every option

%p = "test.op"() : () -> memref<6xi16>
%w, %o, %b = "test.op"() : () -> (memref<6x4xf32>, memref<4xf32>, memref<4xf32>)
%x, %s = "test.op"() : () -> (memref<6xf32>, memref<6xi8>)

%n = kernel.compress %s into %p : memref<6xi8>, memref<6xi16>
%m = kernel.compress %x into %p {origin = "test"} : memref<6xf32>, memref<6xi16>

kernel.gather %w rows %p count %n into %o : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
kernel.gather %w rows %p count %n values %x into %o : memref<6x4xf32> rows memref<6xi16> values memref<6xf32> -> memref<4xf32>
kernel.gather %w rows %p count %n init %b into %o : memref<6x4xf32> rows memref<6xi16> init memref<4xf32> -> memref<4xf32>
kernel.gather %w rows %p count %n values %s init %b into %o {origin = "test"} : memref<6x4xf32> rows memref<6xi16> values memref<6xi8> init memref<4xf32> -> memref<4xf32>

kernel.dense %w, %x into %o : memref<6x4xf32>, memref<6xf32> -> memref<4xf32>
kernel.dense %w, %s init %b into %o {origin = "test"} : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>

%line, %at, %row = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
kernel.delay_write %row into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
kernel.delay_write %row into %line at %at {origin = "test"} : memref<3xi8>, memref<5x3xi8>, memref<1xi32>

// CHECK:      %p = "test.op"() : () -> memref<6xi16>
// CHECK-NEXT: %w, %o, %b = "test.op"() : () -> (memref<6x4xf32>, memref<4xf32>, memref<4xf32>)
// CHECK-NEXT: %x, %s = "test.op"() : () -> (memref<6xf32>, memref<6xi8>)
// CHECK-NEXT: %n = kernel.compress %s into %p : memref<6xi8>, memref<6xi16>
// CHECK-NEXT: %m = kernel.compress %x into %p {origin = "test"} : memref<6xf32>, memref<6xi16>
// CHECK-NEXT: kernel.gather %w rows %p count %n into %o : memref<6x4xf32> rows memref<6xi16> -> memref<4xf32>
// CHECK-NEXT: kernel.gather %w rows %p count %n values %x into %o : memref<6x4xf32> rows memref<6xi16> values memref<6xf32> -> memref<4xf32>
// CHECK-NEXT: kernel.gather %w rows %p count %n init %b into %o : memref<6x4xf32> rows memref<6xi16> init memref<4xf32> -> memref<4xf32>
// CHECK-NEXT: kernel.gather %w rows %p count %n values %s init %b into %o {origin = "test"} : memref<6x4xf32> rows memref<6xi16> values memref<6xi8> init memref<4xf32> -> memref<4xf32>
// CHECK-NEXT: kernel.dense %w, %x into %o : memref<6x4xf32>, memref<6xf32> -> memref<4xf32>
// CHECK-NEXT: kernel.dense %w, %s init %b into %o {origin = "test"} : memref<6x4xf32>, memref<6xi8> init memref<4xf32> -> memref<4xf32>
// CHECK-NEXT: %line, %at, %row = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>)
// CHECK-NEXT: kernel.delay_write %row into %line at %at : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
// CHECK-NEXT: kernel.delay_write %row into %line at %at {origin = "test"} : memref<3xi8>, memref<5x3xi8>, memref<1xi32>
// CHECK-NEXT: }

// -----

%q, %n, %t = "test.op"() : () -> (memref<40xi16>, index, memref<2x3x3x4xf32>)
%v, %b, %o = "test.op"() : () -> (memref<40xi8>, memref<8xf32>, memref<2x3x8xf32>)
%flat, %taps = "test.op"() : () -> (memref<20x8xf32>, memref<2x1x3x8xf32>)

kernel.scatter %t rows %q count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x8xf32>
kernel.scatter %t rows %q count %n init %b into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<2x3x3x4xf32> rows memref<40xi16> init memref<8xf32> -> memref<2x3x8xf32>
kernel.scatter %taps rows %q count %n values %v init %b into %flat input [1, 20, 2] stride [1, 1] padding [0, 2] dilation [1, 2] groups 1 {origin = "test"} : memref<2x1x3x8xf32> rows memref<40xi16> values memref<40xi8> init memref<8xf32> -> memref<20x8xf32>

// CHECK:      %q, %n, %t = "test.op"() : () -> (memref<40xi16>, index, memref<2x3x3x4xf32>)
// CHECK-NEXT: %v, %b, %o = "test.op"() : () -> (memref<40xi8>, memref<8xf32>, memref<2x3x8xf32>)
// CHECK-NEXT: %flat, %taps = "test.op"() : () -> (memref<20x8xf32>, memref<2x1x3x8xf32>)
// CHECK-NEXT: kernel.scatter %t rows %q count %n into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<2x3x3x4xf32> rows memref<40xi16> -> memref<2x3x8xf32>
// CHECK-NEXT: kernel.scatter %t rows %q count %n init %b into %o input [4, 5, 2] stride [2, 2] padding [1, 1] dilation [1, 1] groups 2 : memref<2x3x3x4xf32> rows memref<40xi16> init memref<8xf32> -> memref<2x3x8xf32>
// CHECK-NEXT: kernel.scatter %taps rows %q count %n values %v init %b into %flat input [1, 20, 2] stride [1, 1] padding [0, 2] dilation [1, 2] groups 1 {origin = "test"} : memref<2x1x3x8xf32> rows memref<40xi16> values memref<40xi8> init memref<8xf32> -> memref<20x8xf32>
// CHECK-NEXT: }

// -----

%x, %y, %max = "test.op"() : () -> (memref<4x6x2xi8>, memref<2x3x2xf32>, memref<2x3x2xi8>)

kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xf32>
kernel.pool avg %x into %y kernel [3, 2] stride [2, 2] padding [1, 0] exclude_padding {origin = "test"} : memref<4x6x2xi8> -> memref<2x3x2xf32>
kernel.pool max %x into %max kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xi8>

%a, %all = "test.op"() : () -> (memref<4x2xi8>, memref<4x5xi8>)
kernel.insert %a into %all at [0, 3] : memref<4x2xi8> into memref<4x5xi8>
kernel.insert %all into %all at [0, 0] {origin = "test"} : memref<4x5xi8> into memref<4x5xi8>

%from = "test.op"() : () -> memref<10xi16>
kernel.rearrange %a at %from into %all : memref<4x2xi8> at memref<10xi16> -> memref<4x5xi8>
kernel.rearrange %a at %from zeros into %all {origin = "test"} : memref<4x2xi8> at memref<10xi16> -> memref<4x5xi8>

// CHECK:      %x, %y, %max = "test.op"() : () -> (memref<4x6x2xi8>, memref<2x3x2xf32>, memref<2x3x2xi8>)
// CHECK-NEXT: kernel.pool sum %x into %y kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xf32>
// CHECK-NEXT: kernel.pool avg %x into %y kernel [3, 2] stride [2, 2] padding [1, 0] exclude_padding {origin = "test"} : memref<4x6x2xi8> -> memref<2x3x2xf32>
// CHECK-NEXT: kernel.pool max %x into %max kernel [2, 2] stride [2, 2] padding [0, 0] : memref<4x6x2xi8> -> memref<2x3x2xi8>
// CHECK-NEXT: %a, %all = "test.op"() : () -> (memref<4x2xi8>, memref<4x5xi8>)
// CHECK-NEXT: kernel.insert %a into %all at [0, 3] : memref<4x2xi8> into memref<4x5xi8>
// CHECK-NEXT: kernel.insert %all into %all at [0, 0] {origin = "test"} : memref<4x5xi8> into memref<4x5xi8>
// CHECK-NEXT: %from = "test.op"() : () -> memref<10xi16>
// CHECK-NEXT: kernel.rearrange %a at %from into %all : memref<4x2xi8> at memref<10xi16> -> memref<4x5xi8>
// CHECK-NEXT: kernel.rearrange %a at %from zeros into %all {origin = "test"} : memref<4x2xi8> at memref<10xi16> -> memref<4x5xi8>
// CHECK-NEXT: }

// -----

%line, %at, %now, %out = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)

kernel.delay_read %line at %at into %out steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
kernel.delay_read %line at %at into %out steps [1, 3, 5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
kernel.delay_read %line at %at now %now into %out steps [0, 3, 5] {origin = "test"} : memref<5x3xi8> at memref<1xi32> now memref<3xi8> -> memref<3xi8>

// CHECK:      %line, %at, %now, %out = "test.op"() : () -> (memref<5x3xi8>, memref<1xi32>, memref<3xi8>, memref<3xi8>)
// CHECK-NEXT: kernel.delay_read %line at %at into %out steps [5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
// CHECK-NEXT: kernel.delay_read %line at %at into %out steps [1, 3, 5] : memref<5x3xi8> at memref<1xi32> -> memref<3xi8>
// CHECK-NEXT: kernel.delay_read %line at %at now %now into %out steps [0, 3, 5] {origin = "test"} : memref<5x3xi8> at memref<1xi32> now memref<3xi8> -> memref<3xi8>
// CHECK-NEXT: }

// -----

// products that are added to a sum

%a, %b, %l, %y, %n = "test.op"() : () -> (memref<4x3x2x5xf32>, memref<4x7x3x2xi8>, memref<12xi16>, memref<2x7x5xf32>, index)
kernel.outer %a, %b steps %n list %l into %y : memref<4x3x2x5xf32>, memref<4x7x3x2xi8>, memref<12xi16> -> memref<2x7x5xf32>

// CHECK:      kernel.outer %a, %b steps %n list %l into %y : memref<4x3x2x5xf32>, memref<4x7x3x2xi8>, memref<12xi16> -> memref<2x7x5xf32>

// -----

// weighted sums of a block of steps; spikes as bits

%w, %x, %t, %y, %n = "test.op"() : () -> (memref<7x5xf32>, memref<4x5xf32>, memref<35xf32>, memref<4x7xf32>, index)
kernel.project %w, %x steps %n room %t into %y : memref<7x5xf32>, memref<4x5xf32>, memref<35xf32> -> memref<4x7xf32>
%s, %b = "test.op"() : () -> (memref<13xi8>, memref<2xi8>)
kernel.pack %s into %b : memref<13xi8> into memref<2xi8>
kernel.unpack %b into %s : memref<2xi8> into memref<13xi8>

// CHECK:      kernel.project %w, %x steps %n room %t into %y : memref<7x5xf32>, memref<4x5xf32>, memref<35xf32> -> memref<4x7xf32>
// CHECK:      kernel.pack %s into %b : memref<13xi8> into memref<2xi8>
// CHECK-NEXT: kernel.unpack %b into %s : memref<2xi8> into memref<13xi8>

// -----

// sums of active rows and of products for a block of steps; a product that is not rounded

%w, %x, %l, %b, %y, %n = "test.op"() : () -> (memref<5x7xf32>, memref<4x5xi8>, memref<5xi16>, memref<7xf32>, memref<4x7xf32>, index)
kernel.gather_steps %w, %x steps %n list %l into %y : memref<5x7xf32>, memref<4x5xi8>, memref<5xi16> -> memref<4x7xf32>
kernel.gather_steps %w, %x spikes steps %n list %l init %b into %y : memref<5x7xf32>, memref<4x5xi8>, memref<5xi16> init memref<7xf32> -> memref<4x7xf32>
%W, %X, %L, %P, %Y = "test.op"() : () -> (memref<5x70xf32>, memref<200x5xi8>, memref<1200xi16>, memref<350xf32>, memref<200x70xf32>)
kernel.gather_steps %W, %X steps %n list %L panel %P into %Y : memref<5x70xf32>, memref<200x5xi8>, memref<1200xi16> panel memref<350xf32> -> memref<200x70xf32>
%a, %r, %places, %p, %o = "test.op"() : () -> (memref<4x7xf32>, memref<5xi32>, memref<25xi16>, memref<28xf32>, memref<5x7xf32>)
kernel.outer_rows %a, %x spikes steps %n active %r list %places panel %p into %o : memref<4x7xf32>, memref<4x5xi8>, memref<5xi32>, memref<25xi16>, memref<28xf32> -> memref<5x7xf32>
%t, %q, %z = "test.op"() : () -> (memref<21xf32>, memref<3x7xf32>, memref<4x3xf32>)
kernel.project fused %q, %a steps %n room %t into %z : memref<3x7xf32>, memref<4x7xf32>, memref<21xf32> -> memref<4x3xf32>

// CHECK:      kernel.gather_steps %w, %x steps %n list %l into %y : memref<5x7xf32>, memref<4x5xi8>, memref<5xi16> -> memref<4x7xf32>
// CHECK-NEXT: kernel.gather_steps %w, %x spikes steps %n list %l init %b into %y : memref<5x7xf32>, memref<4x5xi8>, memref<5xi16> init memref<7xf32> -> memref<4x7xf32>
// CHECK:      kernel.gather_steps %W, %X steps %n list %L panel %P into %Y : memref<5x70xf32>, memref<200x5xi8>, memref<1200xi16> panel memref<350xf32> -> memref<200x70xf32>
// CHECK:      kernel.outer_rows %a, %x spikes steps %n active %r list %places panel %p into %o : memref<4x7xf32>, memref<4x5xi8>, memref<5xi32>, memref<25xi16>, memref<28xf32> -> memref<5x7xf32>
// CHECK:      kernel.project fused %q, %a steps %n room %t into %z : memref<3x7xf32>, memref<4x7xf32>, memref<21xf32> -> memref<4x3xf32>

// -----

// blocks of whole samples

kernel.program reverse @samples block 12 sample 4 {
  kernel.buffer state @v : memref<3xf32> = dense<0.0> : tensor<f32>
  kernel.buffer input @label : memref<?x3xf32> sampled
  kernel.buffer output @loss : memref<?x1xf32> last sampled
  kernel.stage "v" of [] (%steps) {
    %i = "test.op"() : () -> index
    %v = kernel.ref @v : memref<3xf32>
    kernel.restart %v : memref<3xf32>
    %y = kernel.ref @loss[%i] : memref<1xf32>
  }
}

// CHECK:      kernel.program reverse @samples block 12 sample 4 {
// CHECK-NEXT:   kernel.buffer state @v : memref<3xf32> = dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   kernel.buffer input @label : memref<?x3xf32> sampled
// CHECK-NEXT:   kernel.buffer output @loss : memref<?x1xf32> last sampled
// CHECK-NEXT:   kernel.stage "v" of [] (%steps) {
// CHECK-NEXT:     %i = "test.op"() : () -> index
// CHECK-NEXT:     %v = kernel.ref @v : memref<3xf32>
// CHECK-NEXT:     kernel.restart %v : memref<3xf32>
// CHECK-NEXT:     %y = kernel.ref @loss[%i] : memref<1xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
