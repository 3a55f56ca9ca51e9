"""What several functions are made of: polynomials, rounding, scaling, exact sums and products."""

from __future__ import annotations

from collections.abc import Sequence

from snncc.dialects.snn.functions.program import Type, Value

SHIFT = float(3 << 51)
"""1.5 * 2**52: adding it to a float64 of less than 2**51 leaves no place for a fraction."""

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805598903
"""The first 42 bits of ln 2: its product with an integer below 2**11 is exact."""
LN2_LOW = 5.497923018708371e-14
"""ln 2 - LN2_HIGH."""

MANTISSA = {Type.F32: 23, Type.F64: 52}
_NAN = {Type.F32: 0x7FC00000, Type.F64: 0x7FF8000000000000}
_INFINITY = {Type.F32: 0x7F800000, Type.F64: 0x7FF0000000000000}
_SIGN = {Type.F32: 1 << 31, Type.F64: 1 << 63}


def nan(like: Value) -> Value:
    """
    The quiet NaN without sign or payload: what every function gives where it has no value.
    Which NaN an operation gives differs between processors, so results never take theirs.
    """
    return like.bits().like(_NAN[like.type]).bits()


def infinity(like: Value) -> Value:
    return like.bits().like(_INFINITY[like.type]).bits()


def magnitude(x: Value) -> Value:
    """|x|: the bits without the sign."""
    return (x.bits() & (_SIGN[x.type] - 1)).bits()


def sign_bit(x: Value) -> Value:
    return x.bits() & _SIGN[x.type]


def with_sign(x: Value, sign: Value) -> Value:
    """A number that is not negative, with a sign bit put on it."""
    return (x.bits() | sign).bits()


def clamp(x: Value, low: float, high: float) -> Value:
    """x held between two numbers; NaN stays."""
    above = (x < low).select(x.like(low), x)
    return (above > high).select(x.like(high), above)


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + x (c1 + x (c2 + ...)), by Horner's rule."""
    *lower, highest = coefficients
    total = x.like(highest)
    for coefficient in reversed(lower):
        total = coefficient + x * total
    return total


def nearest(x: Value) -> tuple[Value, Value]:
    """(the integer nearest to a float64, an integer with that number in its low bits)."""
    shifted = x + SHIFT
    return shifted - SHIFT, shifted.bits()


def power_of_two(low_bits: Value) -> Value:
    """2**k for -1022 <= k <= 1023, from an integer with k in its low twelve bits."""
    return ((low_bits << 52) + (1023 << 52)).bits()


def whole(x: Value) -> Value:
    """An integer below 2**52 as a float64."""
    return (x | (1075 << 52)).bits() - float(1 << 52)


# Sums and products with their rounding errors: the pair is exact.


def fast_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its error, where |a| >= |b| or a is 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its error (Knuth, TAOCP 2, 4.2.2)."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def _split(x: Value) -> tuple[Value, Value]:
    """Two halves of at most 26 bits (Veltkamp)."""
    scaled = x * float((1 << 27) + 1)
    high = scaled - (scaled - x)
    return high, x - high


def two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b and its error, without a fused operation (Dekker 1971)."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error
