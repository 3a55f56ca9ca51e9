"""Small hand-written networks for unit tests."""

from __future__ import annotations

import numpy as np

from snncc.network import Network, load

RECURRENT = """
snn.parameter @fc.w : tensor<5x3xf32> = dense<[[0.7, -0.3, 0.9], [0.31, 0.8, -0.55],
  [-0.2, 0.45, 0.65], [0.9, 0.9, 0.1], [0.15, -0.75, 0.6]]>
snn.parameter @rec.w : tensor<5x5xf32> = dense<[[0.1, -0.4, 0.2, 0.0, 0.3],
  [0.5, 0.0, -0.1, 0.2, -0.3], [-0.6, 0.2, 0.1, 0.4, 0.0], [0.3, 0.3, -0.2, 0.0, 0.1],
  [0.0, -0.5, 0.6, 0.2, 0.2]]>
snn.parameter @beta : tensor<5xf32> = dense<[0.5, 0.6, 0.7, 0.8, 0.9]>
snn.network @net ("x" %x : tensor<3xf32>) -> ("spikes" : tensor<5xi1>, "v" : tensor<5xf32>) {
  %w = snn.use @fc.w : tensor<5x3xf32>
  %r = snn.use @rec.w : tensor<5x5xf32>
  %b = snn.use @beta : tensor<5xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %back = snn.delay %s by 3 init %off as "back" : tensor<5xi1>, tensor<i1> -> tensor<5xi1>
  %i = snn.linear %x, %w as "fc" : (tensor<3xf32>, tensor<5x3xf32>) -> tensor<5xf32>
  %j = snn.linear %back, %r as "rec" : (tensor<5xi1>, tensor<5x5xf32>) -> tensor<5xf32>
  %u = snn.add %i, %j : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %s, %m = snn.neuron as "lif" (%x = %u : tensor<5xf32>) state (%v = %zero : tensor<f32>)
    params (%beta = %b : tensor<5xf32>) -> (tensor<5xi1>, tensor<5xf32>) {
    %theta = arith.constant 1.0 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike gt %2 : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %f, %theta : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1, %1 : f32) state (%4 : f32)
  }
  snn.yield %s, %m : tensor<5xi1>, tensor<5xf32>
}
"""
"""Two outputs, a delay line of three steps in a cycle, per-neuron decays."""

TWO_INPUTS = """
snn.network @two ("a" %a : tensor<4xf32>, "b" %b : tensor<4xf32>) -> ("y" : tensor<4xi1>) {
  %th = snn.constant dense<0.5> : tensor<f32>
  %s = snn.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %y = snn.threshold ge %s, %th as "th" : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  snn.yield %y : tensor<4xi1>
}
"""


def network(text: str, folder) -> Network:
    """A network from text, through a file as users do it."""
    path = folder / "network.mlir"
    path.write_text(text, encoding="utf-8")
    return load(path)


def stimulus(*shape: int, seed: int = 0) -> np.ndarray:
    """Real numbers, half of them zero."""
    rng = np.random.default_rng(seed)
    return ((rng.random(shape) < 0.5) * rng.normal(size=shape) * 1.5).astype(np.float32)
