"""
log.

x = 2^k m with sqrt(1/2) <= m < sqrt(2), f = m - 1, s = f / (2 + f):
log m = 2 artanh s = f - (f^2/2 - s (f^2/2 + R(s^2))), the form of fdlibm's e_log.c (Sun
Microsystems 1993), in which the only large term, f, is exact. R(z) = z (2/3 + 2/5 z + ...)
is the polynomial with the smallest largest relative error of the result on the interval,
found by Remez' exchange with 60 digits.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import (
    LN2_HIGH,
    LN2_LOW,
    fast_two_sum,
    infinity,
    nan,
    polynomial,
    two_product,
    two_sum,
    whole,
)
from snncc.dialects.snn.functions.program import Type, Value

LOG_F32 = (
    0.666666666665871,
    0.40000000052328233,
    0.2857141712021805,
    0.22223372407733794,
    0.18123617925463492,
    0.1682013119493099,
)
"""R(z) / z for results of 24 bits: relative error 2^-52.2."""

LOG_F64 = (
    0.6666666666666666,
    0.40000000000006253,
    0.28571428569084484,
    0.22222222647006068,
    0.18181775648814577,
    0.1538709148646439,
    0.13250101701642739,
    0.13251478604980277,
)
"""R(z) / z for results of 53 bits: relative error 2^-66.7."""

LOG_TAIL = (
    0.2857142857143316,
    0.2222222222001199,
    0.18181818605507638,
    0.15384572893741796,
    0.13335763339744486,
    0.1168503688396779,
    0.11911017751263896,
)
"""(2 artanh s - 2 s - 2/3 s^3 - 2/5 s^5) / s^7 in z = s^2: 2^-72.8 of the logarithm."""

_ROOT_HALF = 0x3FE6A09E667F3BCD
"""The bits of sqrt(1/2)."""


def split_exponent(x: Value, *, subnormal: bool) -> tuple[Value, Value]:
    """(k, m) of a positive finite float64, k as a float64; `subnormal`: whether it may be."""
    small = x < 2.0**-1022
    bits = (small.select(x * 2.0**54, x) if subnormal else x).bits()
    # 1024 too much keeps the exponent positive in unsigned arithmetic
    exponent = (bits - (_ROOT_HALF - (1024 << 52))) >> 52
    k = whole(exponent) - 1024.0
    m = (bits - (exponent << 52) + (1024 << 52)).bits()
    return (k - small.select(x.like(54.0), 0.0) if subnormal else k), m


def log(x: Value) -> Value:
    single = x.type is Type.F32
    wide = x.widen() if single else x
    k, m = split_exponent(wide, subnormal=not single)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    half_square = (0.5 * f) * f
    rest = z * polynomial(z, LOG_F32 if single else LOG_F64)
    result = k * LN2_HIGH - ((half_square - (s * (half_square + rest) + k * LN2_LOW)) - f)
    result = wide.equals(0.0).select(-1.0 * infinity(wide), result)
    result = wide.equals(infinity(wide)).select(wide, result)
    result = (wide >= 0.0).select(result, nan(wide))
    return result.narrow() if single else result


def log_as_pair(x: Value, *, subnormal: bool) -> tuple[Value, Value]:
    """
    log of a positive finite float64 as the sum of two, with a relative error of about 2^-68:
    s and the terms in s, s^3 and s^5 keep their rounding errors.
    """
    k, m = split_exponent(x, subnormal=subnormal)
    f = m - 1.0
    below, below_low = fast_two_sum(x.like(2.0), f)
    s = f / below
    product, product_low = two_product(s, below)
    s_low = (((f - product) - product_low) - s * below_low) / below
    z, z_low = two_product(s, s)
    z_low = z_low + 2.0 * (s * s_low)
    # 2/3 + z (2/5 + z T(z)), the constants and sums with their errors
    inner, inner_low = fast_two_sum(x.like(0.4), z * polynomial(z, LOG_TAIL))
    inner_low = inner_low - 2.2204460492503132e-17  # 2/5 - 0.4
    term, term_low = two_product(z, inner)
    term_low = term_low + (z * inner_low + z_low * inner)
    outer, outer_low = fast_two_sum(x.like(0.6666666666666666), term)
    outer_low = outer_low + (term_low + 3.700743415417188e-17)  # 2/3 - 0.6666666666666666
    # s z (...) = s^3 (2/3 + ...)
    cube, cube_low = two_product(s, z)
    cube_low = cube_low + (s * z_low + s_low * z)
    tail, tail_low = two_product(cube, outer)
    tail_low = tail_low + (cube * outer_low + cube_low * outer)
    part, part_low = fast_two_sum(2.0 * s, tail)
    part_low = part_low + (tail_low + 2.0 * s_low)
    total, total_low = two_sum(k * LN2_HIGH, part)
    return fast_two_sum(total, total_low + (part_low + k * LN2_LOW))
