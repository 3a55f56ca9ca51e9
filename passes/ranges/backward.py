"""What a known result says about the operands: intervals refined against the arrows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import Float64Type
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.transfer import FLOAT_RELATIONS, INTEGER_RELATIONS, truth

Refined: TypeAlias = Sequence[Interval | None]
"""For each operand what it must lie in, None where nothing is known."""


def refinement_of(op: Operation) -> Callable[..., Refined] | None:
    """
    The rule (operation, interval of the result, *intervals of the operands as it reads them)
    -> what the operands must lie in. It holds where the operation does not wrap.
    """
    return RULES.get(type(op))


def _added(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    return iv.subtract(r, b), iv.subtract(r, a)


def _subtracted(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    return iv.add(r, b), iv.subtract(a, r)


def _negated(op: Operation, r: Interval, a: Interval) -> Refined:
    return (iv.negate(r),)


def _same(op: Operation, r: Interval, a: Interval) -> Refined:
    return (r,)


def _to_float(op: Operation, r: Interval, a: Interval) -> Refined:
    # beyond the mantissa a float stands for integers on both sides of it
    exact = 2.0**53 if isinstance(op.results[0].type, Float64Type) else 2.0**24
    known = (a.low >= -exact) & (a.high <= exact)
    low = np.ceil(np.clip(r.low, -exact, exact)).astype(np.int64)
    high = np.floor(np.clip(r.high, -exact, exact)).astype(np.int64)
    return (Interval(np.where(known, low, a.low), np.where(known, high, a.high)),)


def _unscaled(r: Interval, factor: Array, other: Interval) -> Interval:
    """What x must lie in where x * factor lies in r; `other` where the factor is zero."""
    zero = factor == 0
    if r.is_float:
        ends = np.stack([r.low / factor, r.high / factor])
        return Interval(
            np.where(zero, -np.inf, np.nan_to_num(ends.min(0), nan=-np.inf, neginf=-np.inf)),
            np.where(zero, np.inf, np.nan_to_num(ends.max(0), nan=np.inf, posinf=np.inf)),
        )
    whole = np.where(zero, 1, factor)
    low, high = np.where(whole > 0, r.low, r.high), np.where(whole > 0, r.high, r.low)
    return Interval(
        np.where(zero, other.low, -(-low // whole)), np.where(zero, other.high, high // whole)
    )


def _where(known: Mask, part: Callable[[], Interval], own: Interval) -> Interval | None:
    """A part where it is `known`; elsewhere the operand's `own` interval, which says nothing."""
    if known.all():
        return part()
    if not known.any():
        return None
    found = part()
    return Interval(np.where(known, found.low, own.low), np.where(known, found.high, own.high))


def _multiplied(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    return (
        _where(b.low == b.high, lambda: _unscaled(r, b.low, a), a),
        _where(a.low == a.high, lambda: _unscaled(r, a.low, b), b),
    )


def _divided_float(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    known = (b.low == b.high) & (b.low != 0)
    return (_where(known, lambda: iv.multiply(r, Interval(b.low, b.low)), a),)


def _shifted_right(op: Any, r: Interval, a: Interval, amount: Interval) -> Refined:
    known = _known_amount(op, amount)
    factor = iv.point(np.int64(1) << np.where(known, amount.low, 0))
    if r.magnitude * factor.most >= iv.EXACT:
        return ()
    low, high = r.low * factor.low, r.high * factor.low + factor.low - 1
    return (_where(known, lambda: Interval(low, high), a),)


def _shifted_left(op: Any, r: Interval, a: Interval, amount: Interval) -> Refined:
    known = _known_amount(op, amount)
    factor = np.int64(1) << np.where(known, amount.low, 0)
    return (_where(known, lambda: _unscaled(r, factor, a), a),)


def _known_amount(op: Any, amount: Interval) -> Mask:
    width = min(iv.width_of(op.rhs.type), 62)
    known: Mask = (amount.low == amount.high) & (amount.low >= 0) & (amount.low < width)
    return known


def largest(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    least = iv.type_limits(op.results[0].type)[0]

    def side(own: Interval, other: Interval) -> Interval:
        # one of the two is the result: this one, where the other stays below it
        return Interval(np.where(other.high < r.low, r.low, least), r.high)

    return side(a, b), side(b, a)


def smallest(op: Operation, r: Interval, a: Interval, b: Interval) -> Refined:
    most = iv.type_limits(op.results[0].type)[1]

    def side(own: Interval, other: Interval) -> Interval:
        return Interval(r.low, np.where(other.low > r.high, r.high, most))

    return side(a, b), side(b, a)


def _selected(
    op: Operation, r: Interval, condition: Interval, one: Interval, zero: Interval
) -> Refined:
    sure, never = condition.low == 1, condition.high == 0

    def where(chosen: Array, branch: Interval) -> Interval:
        return Interval(np.where(chosen, r.low, branch.low), np.where(chosen, r.high, branch.high))

    # a branch that cannot give the result is not taken
    apart_one = (one.high < r.low) | (r.high < one.low)
    apart_zero = (zero.high < r.low) | (r.high < zero.low)
    return truth(apart_zero, apart_one), where(sure, one), where(never, zero)


def _below(a: Interval, b: Interval, gap: int | float) -> Refined:
    """a + gap <= b."""
    return Interval(a.low, b.high - gap), Interval(a.low + gap, b.high)


def _gap(a: Interval) -> int:
    """Between a number and the next: floats are taken as dense."""
    return 0 if a.is_float else 1


def _related(relation: str, holds: Interval, a: Interval, b: Interval) -> Refined:
    """Operands of a comparison, where it is known to hold or not."""
    found: list[Interval | None] = [None, None]
    for known, holding in ((holds.low == 1, relation), (holds.high == 0, OPPOSITE[relation])):
        if not known.any():
            continue
        parts = _holding(holding, a, b)
        if known.all():
            return parts
        for index, (part, own) in enumerate(zip(parts, (a, b), strict=True)):
            if part is not None:
                own = found[index] or own
                found[index] = Interval(
                    np.where(known, part.low, own.low), np.where(known, part.high, own.high)
                )
    return found


OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def _holding(relation: str, a: Interval, b: Interval) -> Refined:
    match relation:
        case "lt":
            return _below(a, b, _gap(a))
        case "le":
            return _below(a, b, 0)
        case "gt":
            return tuple(reversed(_below(b, a, _gap(a))))
        case "ge":
            return tuple(reversed(_below(b, a, 0)))
        case "eq":
            return b, a
    return _without(a, b), _without(b, a)


def _without(a: Interval, b: Interval) -> Interval | None:
    """a without the one number of b, where it stands at an end."""
    if a.is_float:
        return None
    single = b.low == b.high
    return Interval(
        np.where(single & (a.low == b.low), a.low + 1, a.low),
        np.where(single & (a.high == b.high), a.high - 1, a.high),
    )


def _compared_integers(op: arith.CmpiOp, r: Interval, a: Interval, b: Interval) -> Refined:
    return _related(INTEGER_RELATIONS[op.predicate.value.data], r, a, b)


def _compared_floats(op: arith.CmpfOp, r: Interval, a: Interval, b: Interval) -> Refined:
    relation = FLOAT_RELATIONS.get(op.predicate.value.data)
    return () if relation is None else _related(relation, r, a, b)


def _fired(op: snn.SpikeOp, r: Interval, argument: Interval) -> Refined:
    relation = "gt" if op.comparison.data is Comparison.GT else "ge"
    zero = iv.point(np.zeros(1, argument.low.dtype))
    return _related(relation, r, argument, zero)[:1]


def _counted(op: snn.CountOp, r: Interval, argument: Interval) -> Refined:
    maximum = op.maximum.value.data
    low = np.where(r.low >= 1, r.low.astype(np.float64), -np.inf)
    high = np.where(r.high >= maximum, np.inf, r.high.astype(np.float64) + 1)
    return (Interval(low, high),)


def _extended_signed(op: arith.ExtSIOp, r: Interval, a: Interval) -> Refined:
    return (iv.negate(r),) if iv.width_of(op.input.type) == 1 else (r,)


def _truncated(op: arith.TruncIOp, r: Interval, a: Interval) -> Refined:
    return () if iv.width_of(op.result.type) == 1 else (r,)


RULES: dict[type[Operation], Callable[..., Refined]] = {
    arith.AddiOp: _added,
    arith.AddfOp: _added,
    arith.SubiOp: _subtracted,
    arith.SubfOp: _subtracted,
    arith.NegfOp: _negated,
    arith.MuliOp: _multiplied,
    arith.MulfOp: _multiplied,
    arith.DivfOp: _divided_float,
    arith.ShRSIOp: _shifted_right,
    arith.ShLIOp: _shifted_left,
    arith.MaxSIOp: largest,
    arith.MinSIOp: smallest,
    arith.MaximumfOp: largest,
    arith.MinimumfOp: smallest,
    arith.SelectOp: _selected,
    arith.CmpiOp: _compared_integers,
    arith.CmpfOp: _compared_floats,
    arith.ExtUIOp: _same,
    arith.ExtSIOp: _extended_signed,
    arith.TruncIOp: _truncated,
    arith.SIToFPOp: _to_float,
    arith.UIToFPOp: _to_float,
    snn.SpikeOp: _fired,
    snn.CountOp: _counted,
    snn.DetachOp: _same,
    snn.StraightThroughOp: _same,
}
"""An operation that is not here says nothing about its operands."""
