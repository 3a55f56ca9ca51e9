"""What each operation of a body makes of the intervals of its operands, before its type."""

from __future__ import annotations

import math as python_math
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.intervals import Interval


def _erf(ends: Array) -> Array:
    return np.array([python_math.erf(end) for end in ends.ravel().tolist()]).reshape(ends.shape)


Reading = Callable[[Interval, Attribute], Interval]


def reading(op: Operation, index: int) -> Reading | None:
    """
    How an operation reads its operand: signed, but for a few that read it as unsigned. None
    where the number is already what it reads.
    """
    operand = op.operands[index]
    if iv.width_of(operand.type) == 0:
        return None
    if _takes_unsigned(op):
        return iv.read_unsigned if iv.width_of(operand.type) > 1 else None
    owner = operand.owner
    kept_as_is = isinstance(owner, Operation) and not gives_unsigned(owner)
    return None if kept_as_is else iv.read_signed


def _takes_unsigned(op: Operation) -> bool:
    if isinstance(op, arith.CmpiOp):
        return bool(op.predicate.value.data >= 6)
    return isinstance(op, arith.ExtUIOp | arith.UIToFPOp | arith.ShRUIOp)


def transfer_of(op: Operation) -> Callable[..., Interval]:
    """
    The rule (operation, *intervals of the operands as it reads them) -> interval. That of
    integers is exact and unbounded: what the type makes of it is `intervals.fit`. An operation
    without a rule gives all of its type.
    """
    return TRANSFER.get(type(op), _anything)


def _anything(op: Operation, *args: Interval) -> Interval:
    return iv.all_of(op.results[0].type).map(np.atleast_1d)


def gives_unsigned(op: Operation) -> bool:
    """Whether an integer result is kept as the unsigned number that it is."""
    return isinstance(op, snn.CountOp | arith.ShRUIOp)


def _binary(operation: Callable[[Interval, Interval], Interval]) -> Callable[..., Interval]:
    return lambda op, a, b: operation(a, b)


def _shift(
    operation: Callable[[Interval, Interval, int], Interval],
) -> Callable[..., Interval]:
    def run(op: Any, a: Interval, amount: Interval) -> Interval:
        type = op.rhs.type
        return operation(a, iv.read_unsigned(amount, type), iv.width_of(type))

    return run


def _constant(op: arith.ConstantOp) -> Interval:
    value = op.value
    assert isinstance(value, FloatAttr | IntegerAttr)
    number = iv.point(np.array([value.value.data]), value.type)
    return number if number.is_float else iv.fit(number, value.type)[0]


def _select(op: arith.SelectOp, condition: Interval, one: Interval, zero: Interval) -> Interval:
    both = iv.hull(one, zero)
    sure, never = condition.low == 1, condition.high == 0
    return Interval(
        np.where(sure, one.low, np.where(never, zero.low, both.low)),
        np.where(sure, one.high, np.where(never, zero.high, both.high)),
    )


def truth(always: Array, never: Array) -> Interval:
    """0 and 1 where neither holds."""
    return Interval(np.asarray(always).astype(np.int64), np.asarray(~never).astype(np.int64))


def compare(relation: str, a: Interval, b: Interval) -> Interval:
    """`eq`, `ne`, `lt`, `le`, `gt` or `ge` of numbers."""
    match relation:
        case "lt":
            return truth(a.high < b.low, a.low >= b.high)
        case "le":
            return truth(a.high <= b.low, a.low > b.high)
        case "gt":
            return compare("lt", b, a)
        case "ge":
            return compare("le", b, a)
    apart = (a.high < b.low) | (b.high < a.low)
    equal = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return truth(equal, apart) if relation == "eq" else truth(apart, equal)


INTEGER_RELATIONS = ("eq", "ne", "lt", "le", "gt", "ge", "lt", "le", "gt", "ge")
"""By MLIR's number of the predicate: from 6 on the operands are unsigned."""

FLOAT_RELATIONS = {
    **dict(enumerate(("eq", "gt", "ge", "lt", "le", "ne"), start=1)),
    **dict(enumerate(("eq", "gt", "ge", "lt", "le", "ne"), start=8)),
}
"""By MLIR's number of the predicate, ordered and unordered: intervals hold no NaN."""


def _compare_integers(op: arith.CmpiOp, a: Interval, b: Interval) -> Interval:
    return compare(INTEGER_RELATIONS[op.predicate.value.data], a, b)


def _compare_floats(op: arith.CmpfOp, a: Interval, b: Interval) -> Interval:
    predicate = op.predicate.value.data
    if predicate in (0, 15):
        return iv.point(np.array([int(predicate == 15)]))
    relation = FLOAT_RELATIONS.get(predicate)
    if relation is None:  # whether NaN takes part
        return iv.point(np.array([int(predicate == 7)]))
    return compare(relation, a, b)


def _spike(op: snn.SpikeOp, argument: Interval) -> Interval:
    zero = iv.point(np.zeros(1, argument.low.dtype))
    relation = "gt" if op.comparison.data is Comparison.GT else "ge"
    return compare(relation, argument, zero)


def _count(op: snn.CountOp, argument: Interval) -> Interval:
    maximum = op.maximum.value.data
    ends = [
        np.where(end >= 1, np.minimum(np.trunc(end), maximum), 0).astype(np.int64)
        for end in (argument.low, argument.high)
    ]
    return Interval(*ends)


def _extend_signed(op: arith.ExtSIOp, a: Interval) -> Interval:
    if iv.width_of(op.input.type) == 1:
        return iv.negate(a)
    return a


def _to_float(op: Operation, a: Interval) -> Interval:
    return a.map(lambda ends: ends.astype(np.float64))


def _to_integer(op: arith.FPToSIOp, a: Interval) -> Interval:
    least, most = iv.type_limits(op.result.type)

    def convert(ends: Array) -> Array:
        whole = np.trunc(np.nan_to_num(ends, nan=0.0))
        # the largest float64 below 2^63 is 2^63 - 1024
        inside = np.clip(whole, -(2.0**63), float(2**63 - 1024)).astype(np.int64)
        return np.asarray(np.where(whole >= 2.0**63, most, np.clip(inside, least, most)))

    return a.map(convert)


def _rising(function: Callable[[Array], Array]) -> Callable[..., Interval]:
    return lambda op, a: a.map(function)


def _absolute(op: Operation, a: Interval) -> Interval:
    inside = (a.low <= 0) & (a.high >= 0)
    low, high = np.abs(a.low), np.abs(a.high)
    return Interval(np.where(inside, 0, np.minimum(low, high)), np.maximum(low, high))


def _wave(op: Operation, a: Interval) -> Interval:
    function = np.sin if isinstance(op, math.SinOp) else np.cos
    known = (a.low == a.high) & np.isfinite(a.low)
    at = function(np.where(known, a.low, 0.0))
    return Interval(np.where(known, at, -1.0), np.where(known, at, 1.0))


def _power(op: Operation, a: Interval, b: Interval) -> Interval:
    corners = [np.power(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    low, high = np.min(np.broadcast_arrays(*corners), 0), np.max(np.broadcast_arrays(*corners), 0)
    known = (a.low > 0) | ((a.low >= 0) & (b.low >= 0))
    return Interval(np.where(known, low, -np.inf), np.where(known, high, np.inf))


def _logarithm(ends: Array) -> Array:
    return np.where(ends > 0, np.log(np.where(ends > 0, ends, 1.0)), -np.inf)


TRANSFER: dict[type[Operation], Callable[..., Interval]] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: _binary(iv.add),
    arith.SubfOp: _binary(iv.subtract),
    arith.MulfOp: _binary(iv.multiply),
    arith.DivfOp: _binary(iv.divide),
    arith.NegfOp: lambda op, a: iv.negate(a),
    arith.MaximumfOp: _binary(iv.maximum),
    arith.MinimumfOp: _binary(iv.minimum),
    arith.CmpfOp: _compare_floats,
    arith.AddiOp: _binary(iv.add),
    arith.SubiOp: _binary(iv.subtract),
    arith.MuliOp: _binary(iv.multiply),
    arith.AndIOp: _binary(iv.bitwise_and),
    arith.OrIOp: _binary(iv.bitwise_or),
    arith.XOrIOp: _binary(iv.bitwise_xor),
    arith.MaxSIOp: _binary(iv.maximum),
    arith.MinSIOp: _binary(iv.minimum),
    arith.DivSIOp: _binary(iv.divide_truncated),
    arith.ShLIOp: _shift(iv.shift_left),
    arith.ShRSIOp: _shift(iv.shift_right),
    arith.ShRUIOp: _shift(iv.shift_right),
    arith.CmpiOp: _compare_integers,
    arith.SelectOp: _select,
    arith.UIToFPOp: _to_float,
    arith.SIToFPOp: _to_float,
    arith.FPToSIOp: _to_integer,
    arith.ExtUIOp: lambda op, a: a,
    arith.ExtSIOp: _extend_signed,
    arith.TruncIOp: lambda op, a: a,
    snn.SpikeOp: _spike,
    snn.CountOp: _count,
    snn.DetachOp: lambda op, a: a,
    snn.StraightThroughOp: lambda op, a: a,
    math.AbsFOp: _absolute,
    math.AtanOp: _rising(np.arctan),
    math.CeilOp: _rising(np.ceil),
    math.CosOp: _wave,
    math.ErfOp: _rising(_erf),
    math.ExpOp: _rising(np.exp),
    math.FloorOp: _rising(np.floor),
    math.LogOp: _rising(_logarithm),
    math.PowFOp: _power,
    math.RoundEvenOp: _rising(np.rint),
    math.SinOp: _wave,
    math.SqrtOp: _rising(lambda ends: np.sqrt(np.maximum(ends, 0.0))),
    math.TanhOp: _rising(np.tanh),
    math.TruncOp: _rising(np.trunc),
}
"""By operation."""


def is_condition(value: SSAValue) -> bool:
    """Whether a value is a comparison: what a case distinction is made on."""
    return isinstance(value.owner, snn.SpikeOp | arith.CmpiOp | arith.CmpfOp)
