"""
Functions of fixed-point numbers.

    exp(x)   2^n p(f), where x log2(e) = n + f, 0 <= f < 1
    log(x)   (n + q(f)) ln(2), where x = 2^n (1 + f)

p and q are least-squares fits at Chebyshev nodes that are exact at both ends; the first is
within 5e-6 of 2^f, the second within 2e-5 of log2(1 + f). With the rounding of 15-bit steps both
are within 2e-4 of their functions, relative to exp(x), or of log(x) itself.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import i64

from snncc.passes.fixed_point.arithmetic import FixedPoint, Number
from snncc.passes.fixed_point.formats import WIDE, Format

FRACTION = 14
"""Bits of f."""
POWER = (0.30699512, 0.06545551, 0.01368946)
"""2^f = 1 + f + f (f - 1) (a + b f + c f^2)"""
LOGARITHM = (0.44183587, -0.26653628, 0.14701877, -0.04424374)
"""log2(1 + f) = f + f (1 - f) (a + b f + c f^2 + d f^3)"""
LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453


def _polynomial(b: FixedPoint, f: Number, coefficients: tuple[float, ...]) -> Number:
    """Horner's rule; all steps have `FRACTION` bits behind the point."""
    one = Format(-FRACTION, (1 << 15) - 1)
    total = b.fixed("c", np.asarray(coefficients[-1]), one)
    for coefficient in reversed(coefficients[:-1]):
        product = b.in_exponent(b.product(total, f), -FRACTION, one.limit)
        total = b.total(product, b.fixed("c", np.asarray(coefficient), one))
        total = b.held(total, one.limit)
    return total


def _between(b: FixedPoint, f: Number, coefficients: tuple[float, ...], sign: int) -> Number:
    """f (f - 1) times a polynomial of f, or with a sign of -1 f (1 - f) times it."""
    one = b.fixed("one", np.asarray(1.0), Format(-FRACTION, 1 << FRACTION))
    rest = b.total(f, one, minus=True) if sign > 0 else b.total(one, f, minus=True)
    rest = b.held(rest, 1 << FRACTION)
    product = b.in_exponent(b.product(f, rest), -FRACTION, 1 << FRACTION)
    return b.in_exponent(b.product(product, _polynomial(b, f, coefficients)), -FRACTION)


def exponential(b: FixedPoint, x: Number, result: Format) -> Number:
    """exp(x), held at the result's limit."""
    scale = round(LOG2_E * 2**14)
    shift = -FRACTION - (x.format.exponent - 14)  # 2^FRACTION steps for each power of two
    wide = b.insert(arith.MuliOp(b.wide(b.held(x, (1 << 30) - 1).value), b.constant(scale, i64)))
    if shift > 0:
        wide = b.insert(arith.ShRSIOp(wide, b.constant(min(shift, 63), i64)))
    else:
        room = b.constant((1 << 45) >> min(-shift, 40), i64)
        wide = b.insert(arith.MinSIOp(wide, room))
        wide = b.insert(arith.MaxSIOp(wide, b.insert(arith.SubiOp(b.constant(0, i64), room))))
        wide = b.insert(arith.ShLIOp(wide, b.constant(min(-shift, 17), i64)))
    for bound, end in ((1 << 29, arith.MinSIOp), (-(1 << 29), arith.MaxSIOp)):
        wide = b.insert(end(wide, b.constant(bound, i64)))
    t = b.short(wide)
    n = b.insert(arith.ShRSIOp(t, b.constant(FRACTION)))
    fraction = b.insert(arith.AndIOp(t, b.constant((1 << FRACTION) - 1)))
    f = Number(fraction, Format(-FRACTION, (1 << FRACTION) - 1))
    one = b.fixed("one", np.asarray(1.0), Format(-FRACTION, 1 << FRACTION))
    power = b.total(b.total(one, f), _between(b, f, POWER, 1))
    # 2^n * power = whole * 2^exponent: the power with 30 bits, shifted to the right
    high = b.insert(arith.ShLIOp(b.held(power, (1 << 15) - 1).value, b.constant(15)))
    right = b.insert(arith.SubiOp(b.constant(15 + FRACTION + result.exponent), n))
    over = b.insert(arith.CmpiOp(right, b.constant(0), "slt"))
    held = b.insert(arith.MaxSIOp(right, b.constant(0)))
    held = b.insert(arith.MinSIOp(held, b.constant(31)))
    value = b.insert(arith.ShRSIOp(high, held))
    value = b.insert(arith.SelectOp(over, b.constant(result.limit), value))
    return b.held(Number(value, Format(result.exponent, (1 << 30) - 1)), result.limit)


def logarithm(b: FixedPoint, x: Number) -> Number:
    """log(x), of one unit where x is not above 0."""
    y = b.insert(arith.MaxSIOp(b.held(x, (1 << 30) - 1).value, b.constant(1)))
    n = b.constant(30 + x.format.exponent)
    for step in (16, 8, 4, 2, 1):  # until bit 30 is the highest
        below = b.insert(arith.CmpiOp(y, b.constant(1 << (31 - step)), "slt"))
        shift = b.insert(arith.SelectOp(below, b.constant(step), b.constant(0)))
        y = b.insert(arith.ShLIOp(y, shift))
        n = b.insert(arith.SubiOp(n, shift))
    fraction = b.insert(arith.SubiOp(y, b.constant(1 << 30)))
    fraction = b.insert(arith.ShRSIOp(fraction, b.constant(30 - FRACTION)))
    f = Number(fraction, Format(-FRACTION, (1 << FRACTION) - 1))
    whole = Number(n, Format(0, 1 << 9))
    within = b.total(f, _between(b, f, LOGARITHM, -1))
    total = b.in_exponent(whole, -FRACTION)
    total = b.total(total, b.held(within, 1 << FRACTION))
    return b.times_constant("ln2", total, np.asarray(LN_2), WIDE)
