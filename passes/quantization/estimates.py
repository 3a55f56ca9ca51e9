"""What the scalars and streams of a float network may be, as the formats need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.ranges import network_ranges


def float_intervals(
    network: snn.NetworkOp, inputs: Mapping[str, tuple[float, float]]
) -> Callable[[SSAValue], tuple[Array, Array]]:
    """
    (low, high) of any stream or scalar, in float64; infinite where nothing bounds it.
    `inputs` gives the range of each input that is no spike.
    """
    ranges = network_ranges(network, inputs)
    found = dict(ranges.values)
    for population in ranges.populations.values():
        found.update(population.values)

    def interval(value: SSAValue) -> tuple[Array, Array]:
        known = found[value]
        return np.asarray(known.low, np.float64), np.asarray(known.high, np.float64)

    return interval
