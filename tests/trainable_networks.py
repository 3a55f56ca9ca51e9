"""Small networks of integers that can be trained, and the numbers that their tests need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar
from snncc.network import Network
from snncc.quantization import QuantizedNetwork

STEPS, INPUTS, HIDDEN, CLASSES = 12, 9, 14, 4
ATAN = SurrogateAttr("atan")
DECAY = 0.9


def reset_to_zero(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * DECAY + x
    z = b.spike(u - 1.0, "ge", ATAN)
    return [z], [b.select(z, b.constant(0.0), u)]


def reset_by_subtraction(b: Body, x: Scalar, v: Scalar) -> Outputs:
    """The gradient passes through the reset."""
    u = v * DECAY + x
    z = b.spike(u - 1.0, "gt", ATAN)
    return [z], [u - b.to_float(z)]


def detached(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * DECAY + x
    z = b.spike(u - 1.0, "gt", ATAN)
    return [z], [u - b.to_float(b.detach(z))]


def real(equations: Equations = reset_by_subtraction, seed: int = 0) -> Network:
    """Two layers of leaky neurons, with biases."""
    rng = np.random.default_rng(seed)
    writer = NetworkWriter("small", (INPUTS,))
    for number, (inputs, outputs) in enumerate(((INPUTS, HIDDEN), (HIDDEN, CLASSES)), 1):
        weight = rng.normal(0.1, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc{number}", weight, rng.normal(0.05, 0.05, outputs).astype(np.float32))
        writer.neuron(f"lif{number}", equations, {"v": 0.0}, {})
    return writer.finish()


def stimulus(samples: int = 6, seed: int = 1) -> np.ndarray:
    """[steps, samples, inputs], on a grid of 1/16 from 0 to 1, as the range is."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 17, (STEPS, samples, INPUTS)) / 16
    x[0, 0, :2] = 0, 1
    return x.astype(np.float32)


def labels(samples: int = 6) -> np.ndarray:
    return np.arange(samples) % CLASSES


def quantized(
    network: Network | None = None, trainable: object = "all", **options: object
) -> QuantizedNetwork:
    given = {"calibration": stimulus(16, seed=2), "method": "mse", **options}
    return snncc.quantize(network or real(), trainable=trainable, **given)  # type: ignore[arg-type]


EQUATIONS: dict[str, Callable[..., Outputs]] = {
    "zero": reset_to_zero,
    "subtraction": reset_by_subtraction,
    "detached": detached,
}
