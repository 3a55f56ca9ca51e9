"""Networks of floats without leak, as text: what RANC's neurons are like, with any weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snncc.network import Network, load


def layered(
    folder: Path, sizes: list[int], seed: int = 0, bias: float = 0.0, threshold: float = 1.0
) -> Network:
    """Fully connected layers of integrate-and-fire neurons that subtract; weights are normal."""
    rng = np.random.default_rng(seed)
    lines, body = [], []
    previous, size_before = "%x", sizes[0]
    for i, size in enumerate(sizes[1:]):
        w = rng.normal(0.25, 1.0, (size, size_before)) * threshold / np.sqrt(size_before)
        values = ", ".join(f"[{', '.join(f'{v:.6f}' for v in row)}]" for row in w)
        shape = f"tensor<{size}x{size_before}xf32>"
        lines.append(f"snn.parameter @w{i} : {shape} = dense<[{values}]>")
        kind = "f32" if i == 0 else "i1"
        body.append(f"""
  %w{i} = snn.use @w{i} : {shape}
  %i{i} = snn.linear {previous}, %w{i} as "fc{i}"
    : (tensor<{size_before}x{kind}>, {shape}) -> tensor<{size}xf32>
  %s{i} = snn.neuron as "if{i}" (%x = %i{i} : tensor<{size}xf32>) state (%v = %zero : tensor<f32>)
    -> (tensor<{size}xi1>) {{
    %theta = arith.constant {threshold} : f32
    %bias = arith.constant {bias} : f32
    %0 = arith.addf %v, %x : f32
    %1 = arith.addf %0, %bias : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike ge %2 : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %f, %theta : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }}""")
        previous, size_before = f"%s{i}", size
    text = (
        "\n".join(lines)
        + f"""
snn.network @net ("x" %x : tensor<{sizes[0]}xf32>) -> ("y" : tensor<{sizes[-1]}xi1>) {{
  %zero = snn.constant dense<0.0> : tensor<f32>{"".join(body)}
  snn.yield {previous} : tensor<{sizes[-1]}xi1>
}}
"""
    )
    path = folder / "network.mlir"
    path.write_text(text, encoding="utf-8")
    return load(path)


def spikes(steps: int, samples: int, inputs: int, seed: int = 0) -> Any:
    """[T, B, n], each input with a rate of its own."""
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, inputs)) < rng.random((samples, inputs)) * 0.5).astype(
        np.uint8
    )
