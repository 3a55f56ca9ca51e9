"""
What a weighted sum can be, exactly, and an input for each value: the ends of a neuron's drive
are always met, but not every number between them is a sum of weights.

The sums of the first k inputs are the bits of one long integer, so that the next input is a
few shifts (the classic subset-sum recurrence; Bellman, 1957).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import shape_of
from snncc.dialects.windows import taken, windows
from snncc.passes.ranges.intervals import Interval

MAX_BITS = 1 << 24
"""How wide a drive may be; the prefixes of a row take that many bits for each input."""


@dataclass(frozen=True)
class Row:
    """One output of a sum: y = bias + weights . x[places], x within [low, high]."""

    weights: Array
    places: Array
    """Which elements of the (flat) input; a place may stand once."""
    low: Array
    high: Array
    bias: int


class Drive:
    """Every value of a row. Integers only."""

    def __init__(self, row: Row):
        self.row = row
        weights = [int(w) for w in row.weights]
        lows = [int(x) for x in row.low]
        self._counts = [int(x) - low for x, low in zip(row.high, lows, strict=True)]
        # a weight below zero counts from the input's high end: then all steps go up
        self._steps = [abs(w) for w in weights]
        self.least = row.bias + sum(
            min(w * low, w * (low + n))
            for w, low, n in zip(weights, lows, self._counts, strict=True)
        )
        span = sum(n * s for n, s in zip(self._counts, self._steps, strict=True))
        if span * max(len(weights), 1) > MAX_BITS * 64:
            raise ValueError(f"a drive of {span} values from {len(weights)} inputs is too wide")
        self._prefixes = [1]
        for count, step in zip(self._counts, self._steps, strict=True):
            self._prefixes.append(_spread(self._prefixes[-1], step, count))
        self.values: Array = _bits(self._prefixes[-1]) + self.least
        """All values, ascending."""

    @property
    def most(self) -> int:
        return int(self.values[-1])

    def input_for(self, value: int) -> Array:
        """The elements of the input at `row.places` that give a value; ValueError for none."""
        rest = int(value) - self.least
        if rest < 0 or not self._prefixes[-1] >> rest & 1:
            raise ValueError(f"no input gives {value}")
        chosen = np.zeros(len(self._steps), np.int64)
        for index in reversed(range(len(self._steps))):
            step, prefix = self._steps[index], self._prefixes[index]
            taken = 0
            while step and not prefix >> (rest - taken * step) & 1:
                taken += 1
            rest -= taken * step
            rising = self.row.weights[index] >= 0
            chosen[index] = self.row.low[index] + taken if rising else self.row.high[index] - taken
        return chosen


def _spread(reached: int, step: int, count: int) -> int:
    """The sums with 0 to `count` times a step more, by doubling."""
    if step == 0:
        return reached
    part = 1
    while count > 0:
        times = min(part, count)
        reached |= reached << (step * times)
        count -= times
        part *= 2
    return reached


def _bits(number: int) -> Array:
    """The places of the ones."""
    raw = np.frombuffer(number.to_bytes((number.bit_length() + 7) // 8, "little"), np.uint8)
    return np.flatnonzero(np.unpackbits(raw, bitorder="little")).astype(np.int64)


def row_of(op: Any, index: Sequence[int], x: Interval, weight: Array, bias: Array | None) -> Row:
    """The row of a weighted sum that gives the element `index` of its result."""
    x = x.broadcast(shape_of(op.input))
    places = np.arange(int(np.prod(shape_of(op.input)))).reshape(shape_of(op.input))
    channel = index[0]
    if isinstance(op, snn.LinearOp):
        weights, chosen = weight[channel], places
    else:
        around = np.pad(places, [(0, 0), *op.paddings], constant_values=-1)
        per_group = weight.shape[1]
        first = channel // (weight.shape[0] // op.group_count) * per_group
        sizes = shape_of(op.result)[1:]
        where: Any = (slice(None), *index[1:])
        taps = [
            taken(around[first : first + per_group], window)[where]
            for _, window in windows(sizes, weight.shape[2:], op.strides, op.dilations)
        ]
        chosen = np.stack(taps, axis=1).reshape(-1)
        weights = weight[channel].reshape(per_group, -1).reshape(-1)
        weights, chosen = weights[chosen >= 0], chosen[chosen >= 0]
    return Row(
        weights.astype(np.int64),
        chosen,
        x.low.reshape(-1)[chosen],
        x.high.reshape(-1)[chosen],
        0 if bias is None else int(bias.reshape(-1)[channel]),
    )
