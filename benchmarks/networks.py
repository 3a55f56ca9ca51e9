"""The networks that are timed, and their inputs (seed 0)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar
from snncc.errors import SnnccWarning
from snncc.network import Network

STEPS = 300
NETS = Path(__file__).resolve().parents[1].parent / "shared" / "nets"
"""Where the models lie: beside the repository."""

WEIGHT_STEP = 2.0**-12
"""
Made-up weights are multiples of this. Sums of spikes are then exact in float32, so that
every contender can be held to the same spikes whatever its order of summation.
"""


class MissingModel(Exception):
    """A model file is not there."""


@dataclass(frozen=True)
class Case:
    """A network and what it is run on."""

    name: str
    network: Network
    x: Array
    """[T, *input shape], float32."""

    @property
    def steps(self) -> int:
        return self.x.shape[0]

    @property
    def output(self) -> str:
        """The name of the one output."""
        (name,) = self.network.outputs
        return name


def bernoulli(shape: tuple[int, ...], rate: float, steps: int = STEPS) -> Array:
    """[steps, *shape] of 0.0 and 1.0, seed 0."""
    spikes = np.random.default_rng(0).random((steps, *shape)) < rate
    return spikes.astype(np.float32)


def nmnist_cnn(folder: Path = NETS) -> Case:
    """
    The N-MNIST CNN of the NIR paper as sinabs runs it: neurons emit several spikes a step.

    2x34x34, conv 16@5x5 s2, conv 16@3x3, sum pool, conv 8@3x3, sum pool, fc 256, fc 10.
    Raises MissingModel.
    """
    path = folder / "nir_cnn_nmnist" / "cnn_sinabs.nir"
    if not path.exists():
        raise MissingModel(
            f"{path.name} is not in {path.parent}: it belongs to the data of the NIR paper "
            "(Pedersen et al., 2024); give the folder of the models with --nets, or run "
            "--network cuba, which needs no file"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SnnccWarning)  # departures from NIR that we want
        network = snncc.load(path, like="sinabs")
    (shape,) = network.inputs.values()
    return Case("N-MNIST CNN, like sinabs", network, bernoulli(shape, 0.03))


def cuba_lif(b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar):
    """i = alpha i + x; v = beta v + i; z = v >= theta; v = 0 where z (i is kept)"""
    current = alpha * i + x
    u = beta * v + current
    z = b.spike(u - theta, "ge")
    return [z], [current, b.select(z, b.constant(0.0), u)]


CUBA_SIZES = (200, 256, 200)
CUBA_RATE = 0.10
"""The rate that the gains aim at: the middle of 5 to 15 %."""


def _cuba(weights: list[Array]) -> Network:
    writer = NetworkWriter("cuba_lif", (weights[0].shape[1],))
    for number, weight in enumerate(weights, 1):
        writer.linear(f"fc{number}", weight)
        writer.neuron(
            f"lif{number}",
            cuba_lif,
            {"i": 0.0, "v": 0.0},
            {"alpha": 0.8, "beta": 0.9, "theta": 1.0},
        )
    return writer.finish()


def _gained(weight: Array, gain: float) -> Array:
    return (np.round(weight * gain / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32)


def _layer(x: Array, before: list[Array], unit: Array) -> Array:
    """`unit` times the gain that brings this layer's rate within a tenth of CUBA_RATE."""
    low, high = 0.0, 1.0
    for _ in range(24):
        gain = (low + high) / 2
        weight = _gained(unit, gain)
        # sums are exact (WEIGHT_STEP): BLAS gives the same bits, and sooner
        rate = float(_cuba([*before, weight]).run(x, blas=True)["y"].mean())
        if abs(rate - CUBA_RATE) <= CUBA_RATE / 10:
            return weight
        low, high = (gain, high) if rate < CUBA_RATE else (low, gain)
    raise ValueError(f"no gain gives layer {len(before) + 1} a rate near {CUBA_RATE}")


def cuba(sizes: tuple[int, ...] = CUBA_SIZES, steps: int = STEPS) -> Case:
    """
    Fully connected CuBa-LIF layers with normal weights at 5 % input.

    The gain of each layer is found by bisection, the layers before it standing fixed.
    Raises ValueError where a population is so small that its rate jumps past CUBA_RATE.
    """
    x = bernoulli(sizes[:1], 0.05, steps)
    rng = np.random.default_rng(0)
    weights: list[Array] = []
    for inputs, outputs in pairwise(sizes):
        weights.append(_layer(x, weights, rng.standard_normal((outputs, inputs))))
    name = "-".join(map(str, sizes))
    return Case(f"{name} CuBa-LIF", _cuba(weights), x)
