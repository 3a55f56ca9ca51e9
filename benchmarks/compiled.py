"""The network as snncc compiles it to C."""

from __future__ import annotations

import numpy as np

import snncc
from benchmarks.timing import cpu_seconds
from snncc.dialects.arrays import Array
from snncc.network import Network


class Compiled:
    """`snncc.compile(network, target="c")` with blocks of `time_block` steps."""

    name = "snncc"
    exact = True

    def __init__(self, network: Network, time_block: int):
        self.program = snncc.compile(network, target="c", time_block=time_block)
        (self.output,) = network.outputs

    def run(self, x: Array) -> Array:
        return self.program.run(x)[self.output].astype(np.float32)

    def time(self, x: Array, repeats: int) -> float:
        # by the clock of the others; what surrounds the runs counts too, but only once
        return cpu_seconds(lambda: self.program.time(x, repeats=repeats), 1) / repeats
