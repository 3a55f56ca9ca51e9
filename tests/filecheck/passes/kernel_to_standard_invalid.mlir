// RUN: not snncc-opt --split-input-file %s -p kernel-to-standard 2>&1 | filecheck %s

// the content of a digest is needed, and text alone does not have it

kernel.program @p block 1 {
  kernel.buffer const @fc1.weight : memref<2x2xf32> = #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">
}

// CHECK: kernel-to-standard: buffer 'fc1.weight': the content of digest 9f86d081884c7d659a2feaa0c55ad015 was not loaded
