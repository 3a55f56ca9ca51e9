"""
atan of any float.

|x| is taken to t with |t| < 7/16 by one of five known angles, atan x = a + atan((x - c) /
(1 + c x)), c = tan a: 0, 1/2, 1, 3/2 and infinity (the choice of W. J. Cody and of fdlibm's
s_atan.c). x - c is exact there. Then atan t = t + t^3 P(t^2), with the P of the smallest
largest relative error of atan, found by Remez' exchange with 60 digits.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import (
    magnitude,
    nan,
    polynomial,
    sign_bit,
    with_sign,
)
from snncc.dialects.snn.functions.program import Type, Value

ATAN = (
    -0.3333333333333292,
    0.1999999999987356,
    -0.14285714272250954,
    0.1111111039457087,
    -0.09090886862412564,
    0.07691872024314866,
    -0.06661031856612762,
    0.05833308836369724,
    -0.04975852435089169,
    0.03650884848596744,
    -0.016264092566302894,
)
"""P: relative error of atan 2^-57.7."""

ANGLES = (
    (0.4375, 0.5, 0.4636476090008061, 2.2698777452961687e-17),
    (0.6875, 1.0, 0.7853981633974483, 3.061616997868383e-17),
    (1.1875, 1.5, 0.982793723247329, 1.3903311031230998e-17),
)
"""From |x| on, tan of the angle, the angle, and what float64 leaves of it."""

LAST = 2.4375
HALF_PI, HALF_PI_LOW = 1.5707963267948966, 6.123233995736766e-17
HUGE = 2.0**60
"""From here on it is pi / 2 to the last place; infinity has no reciprocal to be divided by."""


def atan(x: Value) -> Value:
    size = magnitude(x)
    single = x.type is Type.F32
    result = _of_double(size.widen()).narrow() if single else _of_double(size)
    return x.differs(x).select(nan(x), with_sign(result, sign_bit(x)))


def _of_double(size: Value) -> Value:
    size = (size < HUGE).select(size, HUGE)
    one = size.like(1.0)
    above, below = size, one
    angle = low = size.like(0.0)
    for start, tangent, high, rest in ANGLES:
        here = size >= start
        above = here.select(size - tangent, above)
        below = here.select(1.0 + tangent * size, below)
        angle = here.select(size.like(high), angle)
        low = here.select(size.like(rest), low)
    far = size >= LAST
    above = far.select(size.like(-1.0), above)
    below = far.select(size, below)
    angle = far.select(size.like(HALF_PI), angle)
    low = far.select(size.like(HALF_PI_LOW), low)
    t = above / below
    z = t * t
    # what t^3 P(t^2) leaves of a tiny t underflows to nothing, which it is
    bent = t * (z * polynomial(z, ATAN))
    return angle + (t + (bent + low))
