"""
Absolute value and rounding to integers: exact, of either float type, in that type.

A number of magnitude below 2**p (p = 23 or 52 bits behind the first) and 2**p have a sum
without places for a fraction, which is therefore rounded to an integer, half to even; above
2**p every number is an integer. The results keep the sign of the argument, zeros included,
as IEEE 754 asks; a NaN stays as it is.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import MANTISSA, magnitude, sign_bit, with_sign
from snncc.dialects.snn.functions.program import Value


def absolute(x: Value) -> Value:
    return magnitude(x)


def _limit(x: Value) -> float:
    return float(1 << MANTISSA[x.type])


def _finish(x: Value, rounded: Value) -> Value:
    """The rounded magnitude with the sign of x, or x itself where it has no fraction."""
    has_fraction = magnitude(x) < _limit(x)
    return has_fraction.select(with_sign(rounded, sign_bit(x)), x)


def _nearest(x: Value) -> Value:
    """|x| rounded half to even, where |x| is small enough to have a fraction."""
    return (magnitude(x) + _limit(x)) - _limit(x)


def round_even(x: Value) -> Value:
    return _finish(x, _nearest(x))


def trunc(x: Value) -> Value:
    nearest = _nearest(x)
    return _finish(x, (nearest > magnitude(x)).select(nearest - 1.0, nearest))


def _directed(x: Value, *, up: bool) -> Value:
    """Away from zero where the sign is that of the direction, else towards it."""
    size, nearest = magnitude(x), _nearest(x)
    inner = (nearest > size).select(nearest - 1.0, nearest)
    outer = (nearest < size).select(nearest + 1.0, nearest)
    away = (x > 0.0) if up else (x < 0.0)
    return _finish(x, away.select(outer, inner))


def floor(x: Value) -> Value:
    return _directed(x, up=False)


def ceil(x: Value) -> Value:
    return _directed(x, up=True)
