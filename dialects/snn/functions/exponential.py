"""
exp and tanh.

x = k ln 2 + r with |r| <= ln(2)/2, e^x = 2^k (1 + r + r^2 q(r)). Subtracting k ln 2 in two
parts (Cody and Waite, Software Manual for the Elementary Functions, 1980) leaves r with an
error of about 2^-95 k; 2^k is put together from its bits.

The coefficients of q are those of the polynomial that minimises the largest relative error
of e^r on that interval, found by Remez' exchange with 60 digits and rounded to float64.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import (
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    clamp,
    fast_two_sum,
    magnitude,
    nan,
    nearest,
    polynomial,
    power_of_two,
    sign_bit,
    two_product,
    two_sum,
    with_sign,
)
from snncc.dialects.snn.functions.program import Type, Value

EXP_F32 = (
    0.49999999999998324,
    0.1666666666661151,
    0.041666666668137634,
    0.008333333370892503,
    0.00138888885160108,
    0.00019841185202528096,
    2.4801931848164572e-05,
    2.7635006255573743e-06,
    2.7476783491909814e-07,
)
"""q for results of 24 bits: relative error 2^-51.6."""

EXP_F64 = (
    0.5,
    0.16666666666666682,
    0.041666666666666095,
    0.008333333333317034,
    0.001388888888911563,
    0.0001984126989638381,
    2.480158692662909e-05,
    2.7557234861911114e-06,
    2.755758185182368e-07,
    2.5112036845435944e-08,
    2.0826625946365497e-09,
)
"""q for results of 53 bits: relative error 2^-64."""


def exp_of_double(x: Value) -> Value:
    """e^x of a float64 between -700 and 700, with a relative error of about 2^-51."""
    k, low_bits = nearest(x * LOG2_E)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    return (1.0 + (r + (r * r) * polynomial(r, EXP_F32))) * power_of_two(low_bits)


def exp_of_pair(x: Value, low: Value) -> Value:
    """
    e^(x + low) for |low| far below |x|, rounded nearly correctly to 53 bits: sums keep
    their errors, and the scale comes in two factors, so that it may leave the exponents.
    """
    x = clamp(x, -746.0, 710.0)
    k, _ = nearest(x * LOG2_E)
    high, part = x - k * LN2_HIGH, low - k * LN2_LOW
    r, r_low = two_sum(high, part)
    total, error = fast_two_sum(x.like(1.0), r)
    y = total + (error + (r_low + (r * r) * polynomial(r, EXP_F64)))
    half, half_bits = nearest(k * 0.5)
    _, other_bits = nearest(k - half)
    return (y * power_of_two(half_bits)) * power_of_two(other_bits)


def exp(x: Value) -> Value:
    if x.type is Type.F32:
        result = exp_of_double(clamp(x.widen(), -110.0, 100.0)).narrow()
    else:
        result = exp_of_pair(x, x.like(0.0))
    return x.differs(x).select(nan(x), result)


def tanh(x: Value) -> Value:
    """
    (e^2x - 1) / (e^2x + 1), with e^2x - 1 = 2^k p + (2^k - 1) for p = r + r^2 q(r): where x
    is small k is 0, and nothing cancels. Behind |x| = 22 it is 1 to the last place.
    """
    size = magnitude(x)
    if x.type is Type.F32:
        t = clamp(size.widen(), 0.0, 22.0) * 2.0
        k, low_bits = nearest(t * LOG2_E)
        r = (t - k * LN2_HIGH) - k * LN2_LOW
        p = r + (r * r) * polynomial(r, EXP_F32)
        scale = power_of_two(low_bits)
        less_one = scale * p + (scale - 1.0)
        result = (less_one / (less_one + 2.0)).narrow()
    else:
        # x^3 / 3 is below half a place of a small x, whose products would underflow
        result = (size < 2.0**-28).select(size, _tanh_of_double(clamp(size, 2.0**-28, 22.0)))
    return x.differs(x).select(nan(x), with_sign(result, sign_bit(x)))


def _tanh_of_double(size: Value) -> Value:
    t = size * 2.0
    k, low_bits = nearest(t * LOG2_E)
    high, part = t - k * LN2_HIGH, k * LN2_LOW
    r = high - part
    r_low = (high - r) - part
    p, p_low = fast_two_sum(r, r_low + (r * r) * polynomial(r, EXP_F64))
    scale = power_of_two(low_bits)
    above, above_low = two_sum(scale - 1.0, scale * p)
    above_low = above_low + scale * p_low
    below, below_low = two_sum(above, above.like(2.0))
    quotient = above / below
    product, product_low = two_product(quotient, below)
    rest = ((above - product) - product_low) + (above_low - quotient * (below_low + above_low))
    return quotient + rest / below
