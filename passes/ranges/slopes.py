"""
How much a value changes when one variable of its body grows by one: what proves that a
composed expression is monotone.

For integers the slope bounds f(x + 1) - f(x), for floats the derivative. A shift right by k
turns a step of d into floor(d / 2^k) or ceil(d / 2^k): so `v - (v * m >> s)` with m at most
2^s steps by 0 or 1, and its extreme values stand at the ends of v, exactly. Slopes hold over
the box of all variables, for integers without a width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects import arith, math
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.intervals import Interval, Mask

Slope: TypeAlias = tuple[Array, Array]
"""The least and the largest change."""

Slopes: TypeAlias = dict[SSAValue, Slope]
"""Variable -> slope; a variable that is not there does not matter."""

Box: TypeAlias = Callable[[SSAValue], Interval]
"""The interval of a value over the box of all variables, for integers without a width."""

Rule: TypeAlias = Callable[[Operation, Sequence[Slopes], Box], Slopes]

ZERO: Slope = (np.zeros(1), np.zeros(1))
UNIT: Slope = (np.ones(1), np.ones(1))
UNKNOWN: Slope = (np.full(1, -np.inf), np.full(1, np.inf))

EXACT = 2.0**52
"""Integers up to here, and their sums, are exact in float64; larger slopes become infinite."""


def rule_of(op: Operation) -> Rule:
    """How the slopes of an operation's result follow from those of its operands."""
    return RULES.get(type(op), _unknown)


def slopes_of(rule: Rule, op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    """The slopes of an operation's result from those of its operands."""
    if not any(known):
        return {}
    found = rule(op, known, box)
    if iv.width_of(op.results[0].type) == 0:
        return found
    # beyond exact numbers a difference may have the wrong sign
    return {variable: _guarded(slope) for variable, slope in found.items()}


def _guarded(slope: Slope) -> Slope:
    low, high = slope
    if np.abs(low).max() <= EXACT and np.abs(high).max() <= EXACT:
        return slope
    # a least slope that is too large to be exact is still positive
    return (
        np.where(low < -EXACT, -np.inf, np.minimum(low, EXACT)),
        np.where(high > EXACT, np.inf, np.maximum(high, -EXACT)),
    )


def _variables(known: Sequence[Slopes]) -> list[SSAValue]:
    return list({variable: None for slopes in known for variable in slopes})


def _each(known: Sequence[Slopes], combine: Callable[..., Slope]) -> Slopes:
    """Variable by variable; a variable that an operand does not have leaves it as it is."""
    return {
        variable: combine(*(slopes.get(variable, ZERO) for slopes in known))
        for variable in _variables(known)
    }


def _unknown(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    return dict.fromkeys(_variables(known), UNKNOWN)


def _same(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    return known[0]


def _sum(a: Slope, b: Slope) -> Slope:
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    low, high = a[0] + b[0], a[1] + b[1]
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _minus(a: Slope) -> Slope:
    return -a[1], -a[0]


def _times(a: Slope, factor: Interval) -> Slope:
    ends = [np.asarray(x * y, np.float64) for x in a for y in (factor.low, factor.high)]
    ends = [np.where(np.isnan(end), 0.0, end) for end in ends]
    low, high = ends[0], ends[0]
    for end in ends[1:]:
        low, high = np.minimum(low, end), np.maximum(high, end)
    return low, high


def _product(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    f, g = known
    left = {v: _times(slope, box(op.operands[1])) for v, slope in f.items()} if f else {}
    right = {v: _times(slope, box(op.operands[0])) for v, slope in g.items()} if g else {}
    return _each((left, right), _sum)


def _where(known: Mask, found: Slopes, operands: Sequence[Slopes]) -> Slopes:
    """Slopes where they are `known`; elsewhere the result may change in any way."""
    if known.all():
        return found
    return {
        variable: (
            np.where(known, found.get(variable, ZERO)[0], -np.inf),
            np.where(known, found.get(variable, ZERO)[1], np.inf),
        )
        for variable in _variables(operands)
    }


def _shifted_left(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    amount = box(op.operands[1])
    width = iv.width_of(op.operands[1].type)
    inside = (amount.low >= 0) & (amount.low < width)
    factor = np.where(inside, 2.0 ** np.clip(amount.low, 0, 64), 0.0)
    found = {v: _times(slope, Interval(factor, factor)) for v, slope in known[0].items()}
    return _where(amount.low == amount.high, found, known)


def _shifted_right(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    amount = box(op.operands[1])
    width = iv.width_of(op.operands[1].type)
    inside = (amount.low == amount.high) & (amount.low >= 0) & (amount.low < width)
    divisor = 2.0 ** np.where(inside, amount.low, 0)
    found = {v: (np.floor(s[0] / divisor), np.ceil(s[1] / divisor)) for v, s in known[0].items()}
    return _where(inside, found, known)


def _divided(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    by = box(op.operands[1])
    inside = (by.low == by.high) & (by.low > 0)
    divisor = np.where(inside, by.low, 1)

    def step(slope: Slope) -> Slope:
        # around zero truncation holds twice as long as elsewhere
        low, high = slope
        rise, fall = np.floor(low / divisor) - 1, np.ceil(high / divisor) + 1
        return (
            np.where(low >= 0, np.maximum(rise, 0), np.floor(low / divisor)),
            np.where(high <= 0, np.minimum(fall, 0), np.ceil(high / divisor)),
        )

    return _where(inside, {v: step(slope) for v, slope in known[0].items()}, known)


def _divided_float(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    divisor = box(op.operands[1])
    inverse = 1.0 / divisor.low
    found = {v: _times(slope, Interval(inverse, inverse)) for v, slope in known[0].items()}
    return _where(divisor.low == divisor.high, found, known)


def _either(*slopes: Slope) -> Slope:
    low, high = slopes[0]
    for slope in slopes[1:]:
        low, high = np.minimum(low, slope[0]), np.maximum(high, slope[1])
    return low, high


def _selected(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    condition = box(op.operands[0])
    sure, never = condition.low == 1, condition.high == 0

    def pick(one: Slope, zero: Slope) -> Slope:
        # where the condition is open, so is what a step changes
        return (
            np.where(sure, one[0], np.where(never, zero[0], -np.inf)),
            np.where(sure, one[1], np.where(never, zero[1], np.inf)),
        )

    found = _each(known[1:], pick)
    if not known[0]:
        return found
    open_ = _where(condition.low == condition.high, found, known)
    return {**found, **{variable: open_[variable] for variable in known[0] if variable in open_}}


def chosen(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    """The lesser or the greater of two: one of them, whichever the condition says."""
    return _each(known[1:], _either)


def _rising(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    """Of a rising function the sign stays."""
    return {
        v: (np.where(low >= 0, 0.0, -np.inf), np.where(high <= 0, 0.0, np.inf))
        for v, (low, high) in known[0].items()
    }


def _extended_signed(op: Operation, known: Sequence[Slopes], box: Box) -> Slopes:
    if iv.width_of(op.operands[0].type) > 1:
        return known[0]
    return {v: _minus(slope) for v, slope in known[0].items()}


def _by_variable(combine: Callable[..., Slope]) -> Rule:
    return lambda op, known, box: _each(known, combine)


_ADD = _by_variable(_sum)
_SUBTRACT = _by_variable(lambda a, b: _sum(a, _minus(b)))
_EITHER = _by_variable(_either)

RULES: dict[type[Operation], Rule] = {
    arith.AddiOp: _ADD,
    arith.AddfOp: _ADD,
    arith.SubiOp: _SUBTRACT,
    arith.SubfOp: _SUBTRACT,
    arith.NegfOp: _by_variable(_minus),
    arith.MuliOp: _product,
    arith.MulfOp: _product,
    arith.DivfOp: _divided_float,
    arith.DivSIOp: _divided,
    arith.ShLIOp: _shifted_left,
    arith.ShRSIOp: _shifted_right,
    arith.ShRUIOp: _shifted_right,
    arith.MaxSIOp: _EITHER,
    arith.MinSIOp: _EITHER,
    arith.MaximumfOp: _EITHER,
    arith.MinimumfOp: _EITHER,
    arith.SelectOp: _selected,
    arith.ExtUIOp: _same,
    arith.ExtSIOp: _extended_signed,
    arith.TruncIOp: _same,
    arith.SIToFPOp: _same,
    arith.UIToFPOp: _same,
    arith.FPToSIOp: _rising,
    snn.DetachOp: _same,
    snn.StraightThroughOp: _same,
    snn.CountOp: _rising,
    math.AtanOp: _rising,
    math.CeilOp: _rising,
    math.ErfOp: _rising,
    math.ExpOp: _rising,
    math.FloorOp: _rising,
    math.LogOp: _rising,
    math.RoundEvenOp: _rising,
    math.SqrtOp: _rising,
    math.TanhOp: _rising,
    math.TruncOp: _rising,
}
"""An operation that is not here may change in any way."""
