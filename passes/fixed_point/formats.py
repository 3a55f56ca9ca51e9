"""
Fixed-point numbers: whole numbers of a power of two.

    real = whole * 2^exponent        |whole| <= limit

An exponent follows from the largest magnitude that a value was seen to have, and `HEADROOM`
times that still fits: what grows further while a network learns is held at the limit. So no
operation wraps, whatever the inputs are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log2

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array

HEADROOM = 4.0
"""How far a value may leave what was seen before it is held."""
FACTOR = 15
"""Bits of the magnitude of what is multiplied: two of them make a product of 32 bits."""
WIDE = 26
"""Of states and sums in bodies: two may be added, and a factor has room to be shifted."""
SUM = 24
"""Of the sum over one sample of what is summed over time, so that samples may add up."""


class NoFixedPoint(Exception):
    """What fixed-point numbers cannot say; the text names the operation."""


@dataclass(frozen=True)
class Format:
    """How a value counts."""

    exponent: int
    limit: int

    @property
    def unit(self) -> float:
        """What one whole number is worth."""
        return float(2.0**self.exponent)

    @property
    def bits(self) -> int:
        """Of the magnitude."""
        return self.limit.bit_length()

    def whole(self, array: Array) -> Array:
        """The nearest whole numbers (halves to the even one), held at the limit."""
        nearest = np.rint(np.asarray(array, np.float64) / self.unit)
        return np.clip(nearest, -self.limit, self.limit).astype(np.int64)


@dataclass
class Seen:
    """The magnitudes of a network's floats in calibration: streams, and scalars of bodies."""

    largest: dict[SSAValue, float] = field(default_factory=dict[SSAValue, float])
    least: dict[SSAValue, float] = field(default_factory=dict[SSAValue, float])
    """The smallest number (not magnitude); with its negative the largest one, below."""
    most: dict[SSAValue, float] = field(default_factory=dict[SSAValue, float])

    def take(self, value: SSAValue, array: Array) -> None:
        """Sees numbers. Raises NoFixedPoint for one that is not finite."""
        low, high = float(np.min(array)), float(np.max(array))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise NoFixedPoint(f"{value.name_hint or 'a value'} is not finite in calibration")
        self.least[value] = min(low, self.least.get(value, low))
        self.most[value] = max(high, self.most.get(value, high))
        self.largest[value] = max(-self.least[value], self.most[value], 0.0)

    def of(self, *values: SSAValue) -> float:
        """The largest magnitude of values, or 0."""
        return max((self.largest.get(value, 0.0) for value in values), default=0.0)

    def sign(self, value: SSAValue) -> int:
        """1 of what was seen above 0 only, -1 below, 0 of neither."""
        if self.least.get(value, 0.0) > 0:
            return 1
        return -1 if self.most.get(value, 0.0) < 0 else 0


def format_of(largest: float, bits: int) -> Format:
    """For values up to `largest`, with room, in so many bits of magnitude."""
    size = largest * HEADROOM if largest > 0 else 1.0
    return Format(ceil(log2(size)) - bits, (1 << bits) - 1)


def factor_format(array: Array, bits: int = FACTOR) -> Format:
    """The finest one for constants."""
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0:
        return Format(0, 1)
    exponent = ceil(log2(largest)) - bits
    if np.rint(largest * 2.0**-exponent) > (1 << bits) - 1:
        exponent += 1
    return Format(exponent, int(np.rint(largest * 2.0**-exponent)))


def power_of_two(array: Array) -> int | None:
    """The exponent of a constant that is one positive power of two."""
    first = float(np.ravel(array)[0])
    if first <= 0 or not np.all(array == first):
        return None
    mantissa, exponent = np.frexp(first)
    return int(exponent) - 1 if mantissa == 0.5 else None


Formats = Mapping[SSAValue, Format]
Shape = Sequence[int]
