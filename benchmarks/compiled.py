"""The network as snncc compiles it to C."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

import snncc
from snncc.dialects.arrays import Array
from snncc.network import Network


def available() -> bool:
    """Whether this snncc has its C backend."""
    return find_spec("snncc.compiled") is not None


class Compiled:
    """`snncc.compile(network, target="c")`, with its default schedule or a given block."""

    name = "snncc"
    exact = True

    def __init__(self, network: Network, time_block: int | None = None):
        options = {} if time_block is None else {"time_block": time_block}
        self.program = snncc.compile(network, target="c", **options)
        (self.output,) = network.outputs

    def run(self, x: Array) -> Array:
        return self.program.run(x)[self.output].astype(np.float32)

    def time(self, x: Array, repeats: int) -> float:
        return self.program.time(x, repeats=repeats)
