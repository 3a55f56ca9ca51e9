"""
Intervals of scalars, one for each element of a population, and their arithmetic.

Ends are int64 or float64 arrays that broadcast to the population's shape. Integers are
computed without a bound on their width: where an end could leave int64 the arithmetic goes on
with Python's integers, until `fit` says whether the type holds the result. Ends of floats are
estimates, for they are not rounded outwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute

from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import integer_width

Mask = npt.NDArray[np.bool_]

EXACT = 1 << 62
"""Below this magnitude a sum of two integers stays within int64."""

NOWHERE: Mask = np.zeros((), np.bool_)

INT64 = (-(1 << 63), (1 << 63) - 1)


class Interval:
    """
    All numbers from `low` to `high`, both included; arrays of one dtype, that do not change:
    what is asked of them is computed once.
    """

    __slots__ = ("_least", "_most", "_point", "high", "low")

    def __init__(self, low: Array, high: Array):
        self.low = low
        self.high = high
        self._least: Any = None
        self._most: Any = None
        self._point: bool | None = None

    def __repr__(self) -> str:
        return f"Interval({self.low!r}, {self.high!r})"

    @property
    def is_float(self) -> bool:
        return self.low.dtype.kind == "f"

    @property
    def is_point(self) -> bool:
        """Whether every element has one value."""
        if self._point is None:
            self._point = self.low is self.high or bool((self.low == self.high).all())
        return self._point

    @property
    def least(self) -> Any:
        """The least number of any element, a Python number."""
        if self._least is None:
            low = self.low
            self._least = low.min().item() if low.dtype != object else min(low.ravel())
        return self._least

    @property
    def most(self) -> Any:
        if self._most is None:
            high = self.high
            self._most = high.max().item() if high.dtype != object else max(high.ravel())
        return self._most

    @property
    def magnitude(self) -> Any:
        """The largest magnitude of any element."""
        return max(-self.least, self.most, 0)

    def broadcast(self, shape: Sequence[int]) -> Interval:
        return Interval(np.broadcast_to(self.low, shape), np.broadcast_to(self.high, shape))

    def map(self, function: Callable[[Array], Array]) -> Interval:
        """The same change of shape or place for both ends."""
        return Interval(function(self.low), function(self.high))

    def contains(self, values: Array) -> Mask:
        inside: Mask = (self.low <= values) & (values <= self.high)
        return inside


_widths: dict[int, tuple[Attribute, int]] = {}


def width_of(type: Attribute) -> int:
    """
    The bits of an integer type, 0 for floats.

    Bodies ask this of few types at every operation of every step, and to ask a type what it is
    takes longer than to compute with it: answers are kept by the identity of the type, which
    is kept as well so that the identity stays its own.
    """
    found = _widths.get(id(type))
    if found is None:
        if len(_widths) > 4096:
            _widths.clear()
        found = type, 0 if isinstance(type, AnyFloat) else integer_width(type)
        _widths[id(type)] = found
    return found[1]


def point(values: Array | int | float, like: Attribute | None = None) -> Interval:
    """One value for each element; of a float type where `like` is one."""
    array = np.asarray(values)
    as_float = array.dtype.kind == "f" if like is None else width_of(like) == 0
    array = array.astype(np.float64 if as_float else np.int64)
    return Interval(array, array)


def between(low: Array | int | float, high: Array | int | float, like: Attribute) -> Interval:
    """From one number or array to another, for a type."""
    dtype = np.float64 if width_of(like) == 0 else np.int64
    return Interval(np.asarray(low, dtype), np.asarray(high, dtype))


def type_limits(type: Attribute) -> tuple[Any, Any]:
    """The least and the largest number of a type: `i1` is 0 or 1, wider integers are signed."""
    width = width_of(type)
    if width == 0:
        return -np.inf, np.inf
    return (0, 1) if width == 1 else (-(1 << (width - 1)), (1 << (width - 1)) - 1)


def all_of(type: Attribute) -> Interval:
    """Everything a type holds."""
    return between(*type_limits(type), type)


def hull(*parts: Interval) -> Interval:
    """The least interval that holds all parts."""
    low, high = parts[0].low, parts[0].high
    for part in parts[1:]:
        low, high = np.minimum(low, part.low), np.maximum(high, part.high)
    return Interval(low, high)


def same(a: Interval, b: Interval) -> Mask:
    equal: Mask = (a.low == b.low) & (a.high == b.high)
    return equal


def within(inner: Interval, outer: Interval) -> Mask:
    """Whether each element of `inner` lies in `outer`."""
    inside: Mask = (outer.low <= inner.low) & (inner.high <= outer.high)
    return inside


def settle(interval: Interval) -> Interval:
    """Back from Python's integers to int64, where the ends allow it."""
    if interval.low.dtype != object and interval.high.dtype != object:
        return interval
    if interval.least < INT64[0] or interval.most > INT64[1]:
        return interval
    return Interval(interval.low.astype(np.int64), interval.high.astype(np.int64))


def fit(exact: Interval, type: Attribute) -> tuple[Interval, Mask]:
    """
    What a type makes of exact integers, and where that is not the integers themselves.

    Where all of an interval wraps as one it stays an interval; else it is all of the type.
    """
    if exact.is_float:
        return exact, NOWHERE
    least, most = type_limits(type)
    if exact.least >= least and exact.most <= most:
        return settle(exact), NOWHERE
    width = width_of(type)
    low, high = exact.low, exact.high
    if width > 32 or max(-exact.least, exact.most) >= EXACT:
        low, high = low.astype(object), high.astype(object)
    outside = np.asarray((low < least) | (high > most), np.bool_)
    turns_low, turns_high = (low - least) >> width, (high - least) >> width
    together = np.asarray(turns_low == turns_high, np.bool_)
    low = np.where(together, low - (turns_low << width), least)
    high = np.where(together, high - (turns_high << width), most)
    return Interval(low.astype(np.int64), high.astype(np.int64)), outside


def read_signed(interval: Interval, type: Attribute) -> Interval:
    """
    The same bits as signed numbers. An interval may stand for unsigned numbers (a count of up
    to 255 in `i8`): what does not fit as it is becomes all of the type.
    """
    return fit(interval, type)[0]


def read_unsigned(interval: Interval, type: Attribute) -> Interval:
    """The same bits as unsigned numbers."""
    if interval.least >= 0:
        return interval
    width = width_of(type)
    low, high = interval.low, interval.high
    if width > 32 or max(-interval.least, interval.most) >= EXACT:
        low, high = low.astype(object), high.astype(object)
    negative = np.asarray(high < 0, np.bool_)
    mixed = np.asarray((low < 0) & (high >= 0), np.bool_)
    whole = 1 << width
    low = np.where(negative, low + whole, np.where(mixed, 0, low))
    high = np.where(negative, high + whole, np.where(mixed, whole - 1, high))
    return settle(Interval(low, high))


# arithmetic without a width


def _wide(a: Interval, b: Interval, magnitude: Callable[[Any, Any], Any]) -> tuple[Interval, ...]:
    """Both as they are, or of Python's integers where the result could leave int64."""
    if a.is_float or magnitude(a.magnitude, b.magnitude) < EXACT:
        return a, b
    return tuple(x.map(lambda ends: ends.astype(object)) for x in (a, b))


def _numbers(low: Array, high: Array) -> Interval:
    """Without NaN: what infinities leave open is open."""
    if low.dtype.kind != "f" or not (np.isnan(low).any() or np.isnan(high).any()):
        return Interval(low, high)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def add(a: Interval, b: Interval) -> Interval:
    a, b = _wide(a, b, lambda x, y: x + y)
    return _numbers(a.low + b.low, a.high + b.high)


def subtract(a: Interval, b: Interval) -> Interval:
    a, b = _wide(a, b, lambda x, y: x + y)
    return _numbers(a.low - b.high, a.high - b.low)


def negate(a: Interval) -> Interval:
    return Interval(-a.high, -a.low)


def _ends(corners: Sequence[Array]) -> Interval:
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = np.minimum(low, corner), np.maximum(high, corner)
    return Interval(low, high)


def multiply(a: Interval, b: Interval) -> Interval:
    a, b = _wide(a, b, lambda x, y: x * y)
    if a.low.dtype == np.int64 and a.least >= 0 and b.least >= 0:
        return Interval(a.low * b.low, a.high * b.high)
    ends_of_b = (b.low,) if b.is_point else (b.low, b.high)
    corners = [x * y for x in (a.low, a.high) for y in ends_of_b]
    if a.is_float:  # zero times infinity: the factor that is zero is exactly zero
        corners = [np.where(np.isnan(corner), 0.0, corner) for corner in corners]
    return _ends(corners)


def shift_left(a: Interval, amount: Interval, width: int) -> Interval:
    """a * 2^amount, 0 from the width on; amounts are unsigned."""
    if amount.is_point and amount.most < width and a.magnitude << int(amount.most) < EXACT:
        return Interval(a.low << amount.low, a.high << amount.low)
    corners = []
    wide = a.map(lambda ends: ends.astype(object))
    for ends in (amount.low, amount.high):
        factor = np.where(ends < width, 1 << np.minimum(ends, width).astype(object), 0)
        corners += [wide.low * factor, wide.high * factor]
    # between two amounts lie others, and the width itself may be passed
    zero = np.where(amount.high >= width, 0, corners[0])
    return settle(_ends([*corners, zero]))


def shift_right(a: Interval, amount: Interval, width: int) -> Interval:
    """floor(a / 2^amount); from the width on only the sign is left. Amounts are unsigned."""
    # of an integer that the width holds no more than the sign is left at `width - 1`
    if amount.is_point:
        known = np.minimum(amount.low, min(width, 63))
        return Interval(a.low >> known, a.high >> known)
    amounts = [np.minimum(ends, min(width, 63)) for ends in (amount.low, amount.high)]
    return _ends([x >> k for x in (a.low, a.high) for k in amounts])


def divide_truncated(a: Interval, b: Interval) -> Interval:
    """trunc(a / b), and 0 where b is 0."""
    # the magnitude of the least int64 is none
    a, b = _wide(a, b, max)
    divisors = [b.low, b.high]
    for nearest in (-1, 1):
        divisors.append(np.where((b.low <= nearest) & (nearest <= b.high), nearest, b.low))
    corners: list[Array] = []
    for divisor in divisors:
        whole = np.where(divisor == 0, 1, divisor)
        for ends in (a.low, a.high):
            magnitude = abs(ends) // abs(whole)
            quotient = np.where((ends < 0) != (whole < 0), -magnitude, magnitude)
            # zero alone as a divisor gives zero; otherwise another end stands in for it
            corners.append(np.where(divisor == 0, 0, quotient))
    crosses = (a.low <= 0) & (a.high >= 0)
    corners.append(np.where(crosses, 0, corners[0]))
    return settle(_ends(corners))


def maximum(a: Interval, b: Interval) -> Interval:
    return Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high))


def minimum(a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high))


def divide(a: Interval, b: Interval) -> Interval:
    """Floats; anything where the divisor may be zero."""
    with np.errstate(all="ignore"):
        corners = [x / y for x in (a.low, a.high) for y in (b.low, b.high)]
    corners = [np.where(np.isnan(corner), 0.0, corner) for corner in corners]
    ends = _ends(corners)
    open_ = (b.low <= 0) & (b.high >= 0)
    return Interval(np.where(open_, -np.inf, ends.low), np.where(open_, np.inf, ends.high))


def bitwise_and(a: Interval, b: Interval) -> Interval:
    """
    Signed integers. A number that is not negative bounds the result from both sides; the
    result of two negative ones is at most both, and keeps the sign bits that both have.
    """
    floor = np.minimum(a.low, b.low)
    # the bits above the highest that differs from the sign are all ones in both
    bits = _bit_length(-1 - np.minimum(floor, -1))
    low = np.where((a.low >= 0) | (b.low >= 0), 0, -(1 << bits.astype(object)))
    high = np.maximum(a.high, b.high)
    high = np.where(a.low >= 0, np.minimum(high, a.high), high)
    high = np.where(b.low >= 0, np.minimum(high, b.high), high)
    exact = (a.low == a.high) & (b.low == b.high)
    both = a.low & b.low
    return settle(
        Interval(
            np.where(exact, both, low).astype(object), np.where(exact, both, high).astype(object)
        )
    )


def complement(a: Interval) -> Interval:
    """Every bit the other way: -1 - a."""
    return Interval(-1 - a.high, -1 - a.low)


def bitwise_or(a: Interval, b: Interval) -> Interval:
    return complement(bitwise_and(complement(a), complement(b)))


def bitwise_xor(a: Interval, b: Interval) -> Interval:
    """Within the bits that the operands have; exact for known numbers and for `xor -1`."""
    bits = np.zeros((), np.int64)
    for x in (a, b):
        for ends in (x.low, x.high):
            bits = np.maximum(bits, _bit_length(np.where(ends < 0, -1 - ends, ends)))
    top = 1 << bits.astype(object)
    positive = (a.low >= 0) & (b.low >= 0)
    low, high = np.where(positive, 0, -top), top - 1
    exact = (a.low == a.high) & (b.low == b.high)
    both = a.low ^ b.low
    low, high = np.where(exact, both, low), np.where(exact, both, high)
    for x, y in ((a, b), (b, a)):
        inverts = (y.low == -1) & (y.high == -1)
        low = np.where(inverts, -1 - x.high, low)
        high = np.where(inverts, -1 - x.low, high)
    return settle(Interval(low.astype(object), high.astype(object)))


def _bit_length(values: Array) -> Array:
    """How many bits integers that are not negative need."""
    if values.dtype == np.int64 and values.max(initial=0) < 1 << 53:
        # a float's exponent, exact up to here
        return np.asarray(np.frexp(values.astype(np.float64))[1], np.int64)
    lengths = [int(value).bit_length() for value in values.ravel()]
    return np.array(lengths, np.int64).reshape(values.shape)
