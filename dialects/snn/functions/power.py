"""
pow, as C and IEEE 754 define its special cases.

x^y = e^(y log x), the logarithm and the product each as the sum of two float64: y log x up
to 745 with 53 bits would leave an error of 400 places in the result.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.exponential import exp_of_pair
from snncc.dialects.snn.functions.logarithm import log_as_pair
from snncc.dialects.snn.functions.pieces import (
    clamp,
    infinity,
    magnitude,
    nan,
    sign_bit,
    two_product,
    with_sign,
)
from snncc.dialects.snn.functions.program import Type, Value


def power(x: Value, y: Value) -> Value:
    single = x.type is Type.F32
    wide, exponent = (x.widen(), y.widen()) if single else (x, y)
    size = magnitude(wide)
    # beyond 2^66 the result is 0, 1 or infinite, whatever the exponent
    held = clamp(exponent, -(2.0**66), 2.0**66)
    log_high, log_low = log_as_pair(size, subnormal=not single)
    high, low = two_product(held, log_high)
    low = low + held * log_low
    usual = magnitude(high) < 800.0
    result = exp_of_pair(high, usual.select(low, 0.0))
    falls = exponent < 0.0
    never = infinity(wide)
    zero = wide.like(0.0)
    result = size.equals(0.0).select(falls.select(never, zero), result)
    result = size.equals(never).select(falls.select(zero, never), result)

    fraction, odd_bit = _parity(exponent)
    result = with_sign(result, sign_bit(wide) & (odd_bit << 63))
    has_none = (wide < 0.0) & (size < never) & fraction
    result = has_none.select(nan(wide), result)
    result = (wide.differs(wide) | exponent.differs(exponent)).select(nan(wide), result)
    result = (exponent.equals(0.0) | wide.equals(1.0)).select(wide.like(1.0), result)
    return result.narrow() if single else result


def _parity(y: Value) -> tuple[Value, Value]:
    """Whether a float64 has a fraction, and 1 in the last bit where it is an odd integer."""
    size = magnitude(y)
    shifted = size + 2.0**52  # an integer, that of y where y is one below 2^52
    fraction = (size < 2.0**52) & (shifted - 2.0**52).differs(size)
    last = (size < 2.0**52).select(shifted.bits(), size.bits())
    return fraction, (size < 2.0**53).select(last, 0)
