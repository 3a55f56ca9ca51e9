"""
The integer arithmetic that chips differ in: overflow, decay, rounding, spikes a step.

Every function writes operations into the body of its arguments. The arguments are signed
integers of one width, wide enough for every sum and product named here: 32 bits, or 64
for products of numbers that have more than 31 bits together. A number of `bits` bits is
what the chip's register holds; it need not be the width of a type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from snncc.dialects.snn.attributes import Comparison
from snncc.dialects.snn.body import Scalar
from snncc.dialects.snn.types import integer_width

Overflow: TypeAlias = Literal["saturate", "saturate_symmetric", "wrap", "wrap_high"]
"""What a register does with a number that it cannot hold."""

Rounding: TypeAlias = Literal["floor", "toward_zero", "half_up"]
"""How a product loses its low bits."""

# overflow


def fit(x: Scalar, bits: int, overflow: Overflow) -> Scalar:
    """
    What a register of `bits` bits keeps of x; with h = 2^(bits - 1)

        saturate            min(max(x, -h), h - 1)
        saturate_symmetric  min(max(x, -(h - 1)), h - 1)
        wrap                x modulo 2 h, from -h to h - 1
        wrap_high           x modulo 2 h, from -(h - 1) to h
    """
    half = 1 << (bits - 1)
    match overflow:
        case "saturate":
            return x.body.clamp(x, -half, half - 1)
        case "saturate_symmetric":
            return x.body.clamp(x, 1 - half, half - 1)
        case "wrap":
            return ((x + half) & (2 * half - 1)) - half
        case "wrap_high":
            return ((x + (half - 1)) & (2 * half - 1)) - (half - 1)


def saturate(x: Scalar, bits: int) -> Scalar:
    """The nearest number of `bits` bits in two's complement."""
    return fit(x, bits, "saturate")


def wrap(x: Scalar, bits: int) -> Scalar:
    """The low `bits` bits, read in two's complement."""
    return fit(x, bits, "wrap")


def accumulate(start: Scalar, events: Iterable[Scalar], bits: int, overflow: Overflow) -> Scalar:
    """
    The register after each event was added to it, in their order:

        a = start;   for e in events: a = fit(a + e)

    Where it saturates, the order shows: chips that add source by source have one event for
    each source; chips that add up in a wider register first have one for all of them.
    """
    total = start
    for event in events:
        total = fit(total + event, bits, overflow)
    return total


# decay


def shift_right(x: Scalar, amount: int, rounding: Rounding) -> Scalar:
    """x / 2^amount as an integer: rounded down, towards zero, or to the nearest, half up."""
    if amount == 0:
        return x
    match rounding:
        case "floor":
            return x >> amount
        case "toward_zero":
            # a negative x is raised by 2^amount - 1: all ones shifted out of it are rounded up
            signs = x >> (integer_width(x.element) - 1)
            return (x + (signs & ((1 << amount) - 1))) >> amount
        case "half_up":
            return x.body.rounding_shift(x, amount)


def decay_multiply(x: Scalar, factor: Scalar | int, amount: int, rounding: Rounding) -> Scalar:
    """x * factor / 2^amount: what is left of x after a decay by a fraction."""
    return shift_right(x * factor, amount, rounding)


def shift_loss(x: Scalar, shift: Scalar | int, *, least_one: bool) -> Scalar:
    """
    What a decay by shift and subtraction takes of x, rounded down: x >> shift.

    Rounded down, a negative x loses at least 1 and comes to rest at 0; a positive x stays
    where it is below 2^shift, unless it loses 1 there, too (`least_one`).
    """
    loss = x >> shift
    # min(x, 1) is 1 for a positive x, and else x, which is not above x >> shift
    return x.body.maximum(loss, x.body.minimum(x, 1)) if least_one else loss


def decay_shift(x: Scalar, shift: Scalar | int, *, least_one: bool) -> Scalar:
    """x - (x >> shift): what is left of x after a decay by 1 - 2^-shift. See `shift_loss`."""
    return x - shift_loss(x, shift, least_one=least_one)


def decay_subtract(x: Scalar, amount: Scalar | int) -> Scalar:
    """x moved towards 0 by a constant amount, and not beyond: x - min(max(x, -a), a)."""
    return x - x.body.clamp(x, -amount, amount)


# spikes


def fires(v: Scalar, threshold: Scalar, comparison: Comparison | str) -> Scalar:
    """`i1`: v > threshold (`gt`) or v >= threshold (`ge`)."""
    return v.body.spike(v - threshold, comparison)


def count_spikes(v: Scalar, threshold: Scalar, most: int) -> Scalar:
    """
    How often a threshold of at least 1 can be taken from v, up to `most` times:

        n = min(v // threshold, most) if v >= threshold else 0

    v - n * threshold is what the subtractive reset leaves.
    """
    b = v.body
    whole = b.divide(b.maximum(v, 0), threshold)
    return b.minimum(whole, most)
