"""
sin and cos of any float: reduction by 2/pi to k quarter turns and a rest of at most an eighth.

For f32: 2/pi is cut into eight parts of 29 bits. The product of a 24-bit number with one of
them is exact, and so is its remainder modulo 4; a product whose last bit is worth 4 or more
is whole turns. What is left sums to the quarter turns modulo 4, with an error below 2^-100.

For f64: the same in integers (Payne and Hanek, SIGNUM Newsletter 18, 1983): of the bits of
2/pi, the 192 that follow those whose product is whole turns are multiplied by the mantissa.

Rests: sin r = r + r^3 S(r^2), cos r = 1 - r^2/2 + r^4 C(r^2), the polynomials with the
smallest largest relative error, found by Remez' exchange with 60 digits.
"""

from __future__ import annotations

from snncc.dialects.snn.functions.pieces import (
    fast_two_sum,
    magnitude,
    nan,
    nearest,
    polynomial,
    sign_bit,
    two_product,
    two_sum,
    whole,
)
from snncc.dialects.snn.functions.program import Type, Value

SIN_F32 = (
    -0.16666666666666632,
    0.008333333333322413,
    -0.00019841269829807808,
    2.7557313691917737e-06,
    -2.505075811516794e-08,
    1.5896795645432412e-10,
)
"""S: relative error 2^-58."""

COS_F32 = (
    0.041666666666602195,
    -0.0013888888878265898,
    2.480158096789906e-05,
    -2.755556643526355e-07,
    2.0647692471316795e-09,
)
"""C: relative error 2^-53.5."""

SIN_F64 = (
    -0.16666666666666666,
    0.008333333333333323,
    -0.00019841269841255123,
    2.7557319214219277e-06,
    -2.5052104919258777e-08,
    1.6058367623793052e-10,
    -7.578748161660139e-13,
)
"""S: relative error 2^-68.8."""

COS_F64 = (
    0.0416666666666666,
    -0.0013888888888874125,
    2.4801587289482174e-05,
    -2.7557314352329186e-07,
    2.0875723272674125e-09,
    -1.135964777232743e-11,
)
"""C: relative error 2^-64.2."""

TWO_OVER_PI = (
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)
"""The bits of 2/pi behind the point, 64 to a word."""

_HALF_PI = 1.5707963267948966
_HALF_PI_LOW = 6.123233995736766e-17


def sin(x: Value) -> Value:
    return _turned(x, 0)


def cos(x: Value) -> Value:
    return _turned(x, 1)


def _turned(x: Value, quarters: int) -> Value:
    """sin(x + quarters pi/2): the sine or cosine of the rest, with its sign."""
    single = x.type is Type.F32
    if single:
        size = magnitude(x.widen())
        k, r, r_low = _reduce_single(size)
    else:
        size = magnitude(x)
        k, r, r_low = _reduce_double(size)
    k = k + quarters
    sine, cosine = (_rest_single(r)) if single else _rest_double(r, r_low)
    result = (k & 1).equals(0).select(sine, cosine)
    flip = (k & 2) << 62
    if quarters == 0:  # an odd function
        flip = flip ^ (sign_bit(x.widen()) if single else sign_bit(x))
    result = (result.bits() ^ flip).bits()
    if single:
        result = result.narrow()
    below_infinity = (x - x).equals(0.0)
    return below_infinity.select(result, nan(x))


def _rest_single(r: Value) -> tuple[Value, Value]:
    z = r * r
    sine = r + (r * z) * polynomial(z, SIN_F32)
    cosine = 1.0 + z * (-0.5 + z * polynomial(z, COS_F32))
    return sine, cosine


def _rest_double(r: Value, low: Value) -> tuple[Value, Value]:
    """Of r + low; the forms of fdlibm's k_sin.c and k_cos.c (Sun Microsystems 1993)."""
    z = r * r
    sine = r + (low + (r * z * polynomial(z, SIN_F64) - 0.5 * (z * low)))
    half = 0.5 * z
    main = 1.0 - half
    cosine = main + (((1.0 - main) - half) + (z * z * polynomial(z, COS_F64) - r * low))
    return sine, cosine


def _reduce_single(size: Value) -> tuple[Value, Value, Value]:
    """(quarter turns, the rest, 0) of a float64 that holds a float32 that is not negative."""
    bits = 0
    for word in TWO_OVER_PI[:4]:
        bits = (bits << 64) | word
    total = low = size.like(0.0)
    for part in range(1, 9):
        piece = (bits >> (256 - 29 * part)) & ((1 << 29) - 1)
        product = size * (piece * 2.0 ** (-29 * part))
        turns, _ = nearest(product * 0.25)
        left = (product < 2.0**55).select(product - turns * 4.0, 0.0)
        if part == 1:
            total = left
        else:
            total, error = two_sum(total, left)
            low = error if part == 2 else low + error
    k, k_bits = nearest(total)
    return k_bits, ((total - k) + low) * _HALF_PI, low


def _reduce_double(size: Value) -> tuple[Value, Value, Value]:
    """(quarter turns, the rest, its rounding error) of a float64 that is not negative."""
    bits = size.bits()
    mantissa = (bits & ((1 << 52) - 1)) | (1 << 52)
    # bit i of 2/pi times the mantissa counts 2^(exponent - 1075 - i): whole turns up to
    # exponent - 1077. 64 zeros in front serve small numbers; those below 1/2 need nothing
    exponent = bits >> 52
    large = exponent >= 1022
    place = large.select(exponent, 1022) - (1077 - 64)
    window = _window(place)
    high, low = _product(mantissa, window)
    # quarter turns are the two first bits, rounded
    k = (high + (1 << 61)) >> 62
    high = high - (k << 62)
    negative = high >> 63
    flip = negative.like(0) - negative
    low = (low ^ flip) + negative
    carry = low.equals(0).select(negative, 0)
    high = (high ^ flip) + carry
    parts = [
        whole(word) * scale
        for word, scale in (
            (high >> 32, 2.0**-30),
            (high & 0xFFFFFFFF, 2.0**-62),
            (low >> 32, 2.0**-94),
            (low & 0xFFFFFFFF, 2.0**-126),
        )
    ]
    f, error = fast_two_sum(parts[0], parts[1])
    f, more = two_sum(f, parts[2])
    f, f_low = fast_two_sum(f, (error + more) + parts[3])
    r, r_low = two_product(f, f.like(_HALF_PI))
    r, r_low = fast_two_sum(r, r_low + (f * _HALF_PI_LOW + f_low * _HALF_PI))
    sign = negative << 63
    r, r_low = (r.bits() ^ sign).bits(), (r_low.bits() ^ sign).bits()
    return (
        large.select(k, 0),
        large.select(r, size),
        large.select(r_low, 0.0),
    )


def _window(place: Value) -> list[Value]:
    """The 192 bits of 2/pi, 64 zeros in front of it, from bit `place` on: three words."""
    words = [place.like(word) for word in (0, *TWO_OVER_PI)]
    index = place >> 6
    for step, kept in ((16, 19), (8, 11), (4, 7), (2, 5), (1, 4)):
        off = (index & step).equals(0)
        words = [
            off.select(words[n], words[n + step]) if n + step < len(words) else words[n]
            for n in range(kept)
        ]
    shift = place & 63
    return [(words[n] << shift) | ((words[n + 1] >> 1) >> (shift ^ 63)) for n in range(3)]


def _product(mantissa: Value, window: list[Value]) -> tuple[Value, Value]:
    """The first 128 bits behind the point of mantissa * window / 2^192, in digits of 32 bits."""
    mask = 0xFFFFFFFF
    digits = [digit for word in reversed(window) for digit in (word & mask, word >> 32)]
    factors = (mantissa & mask, mantissa >> 32)
    carry = mantissa.like(0)
    columns: list[Value] = []
    highs: list[Value] = []
    for position in range(6):
        total = carry
        for high in highs:
            total = total + high
        highs = []
        for n, factor in enumerate(factors):
            if position - n >= 0:
                term = factor * digits[position - n]
                total = total + (term & mask)
                highs.append(term >> 32)
        columns.append(total & mask)
        carry = total >> 32
    return (columns[5] << 32) | columns[4], (columns[3] << 32) | columns[2]
