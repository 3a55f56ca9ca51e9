"""
sqrt: correctly rounded, as IEEE 754 asks, without an instruction for it.

Half of the exponent, from the bits, is a root with an error below 6.1 %; each of Heron's
steps y -> (y + x / y) / 2 takes an error e to e^2 / 2, four leave the rounding of the last.

For 24 bits that is enough: a root of a 24-bit number lies at least 2^-51 of itself away from
what lies halfway between two 24-bit numbers (a square of 25 bits is odd in its 50th, the
number is not), and the float64 is nearer to the root than that. For 53 bits the neighbours
of the result are compared with the root in integers: with X = 2^104 x and Y = 2^52 y, Y is
the result where (Y - 1/2)^2 < X < (Y + 1/2)^2, that is -Y < X - Y^2 <= Y; all are integers,
and X - Y^2 is small, so that it is exact modulo 2^64.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import infinity, nan
from snncc.dialects.snn.functions.program import Type, Value

_MANTISSA = (1 << 52) - 1
_ONE = 1023 << 52


def _heron(x: Value) -> Value:
    y = ((x.bits() >> 1) + (_ONE >> 1)).bits()
    for _ in range(4):
        y = 0.5 * (y + x / y)
    return y


def sqrt(x: Value) -> Value:
    result = _heron(x.widen()).narrow() if x.type is Type.F32 else _sqrt_of_double(x)
    same = x.equals(0.0) | x.equals(infinity(x))
    result = same.select(x, result)
    return (x >= 0.0).select(result, nan(x))


def _sqrt_of_double(x: Value) -> Value:
    small = x < 2.0**-1022
    bits = small.select(x * 2.0**54, x).bits()
    exponent = bits >> 52
    odd = (exponent & 1) ^ 1  # of the exponent without its bias
    mantissa = bits & _MANTISSA
    root = _heron((mantissa + _ONE + (odd << 52)).bits())
    y = root.bits() - (_ONE - (1 << 52))
    rest = ((mantissa | (1 << 52)) << (odd + 52)) - y * y
    # both sides moved by 2^62, so that unsigned comparisons order them
    moved, middle = rest + (1 << 62), y.like(1 << 62)
    y = (moved > middle + y).select(y + 1, (moved <= middle - y).select(y - 1, y))
    half = (exponent + 1023) >> 1
    result = ((y - (1 << 52)) + (half << 52)).bits()
    return small.select(result * 2.0**-27, result)
