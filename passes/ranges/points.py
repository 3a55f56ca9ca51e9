"""
Bodies at single points, for integers of which it is known that nothing wraps: a few calls of
NumPy, where `bodies.evaluate` asks at every operation whether its type holds the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.straight import Straight
from snncc.passes.ranges.transfer import INTEGER_RELATIONS

Rule = Callable[..., Array]


def plain(
    straight: Straight, result: SSAValue, arguments: Sequence[SSAValue]
) -> Callable[[Sequence[Array]], Array] | None:
    """
    Values of `arguments`, in that order -> the result; None for operations that wrap on
    purpose, or are of floats. It computes in int64, and is right where no type would be left.

    Values stand at places, which are looked up once: paths are made of very many steps of few
    elements each.
    """
    places: dict[SSAValue, int] = {}
    for value in (*arguments, *straight.constants):
        places.setdefault(value, len(places))
    constants = [interval.low for interval in straight.constants.values()]
    steps: list[tuple[Rule, tuple[int, ...]]] = []
    for step in straight.instructions:
        if step.result in straight.constants:
            continue
        rule = _rule_of(step.op, straight)
        if rule is None:
            return None
        steps.append((rule, tuple(places[operand] for operand in step.operands)))
        places[step.result] = len(places)
    wanted = places[result]

    def run(given: Sequence[Array]) -> Array:
        values = [*given, *constants]
        for rule, operands in steps:
            values.append(rule(*[values[operand] for operand in operands]))
        return values[wanted]

    return run


def _rule_of(op: Operation, straight: Straight) -> Rule | None:
    if isinstance(op, arith.ShRSIOp | arith.ShLIOp):
        amount = straight.constants.get(op.rhs)
        if amount is None or not 0 <= amount.least <= amount.most < iv.width_of(op.rhs.type):
            return None
    if isinstance(op, arith.ExtSIOp) and iv.width_of(op.input.type) == 1:
        return np.negative
    if isinstance(op, snn.SpikeOp):
        relation = np.greater if op.comparison.data is Comparison.GT else np.greater_equal
        return lambda argument: relation(argument, 0).astype(np.int64)
    if isinstance(op, arith.CmpiOp) and op.predicate.value.data < 6:
        compare = RELATIONS[INTEGER_RELATIONS[op.predicate.value.data]]
        return lambda a, b: compare(a, b).astype(np.int64)
    return RULES.get(type(op))


def _same(a: Array) -> Array:
    return a


def _select(condition: Array, one: Array, zero: Array) -> Array:
    return np.where(condition != 0, one, zero)


RELATIONS: Mapping[str, Any] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

RULES: Mapping[type[Operation], Rule] = {
    arith.AddiOp: np.add,
    arith.SubiOp: np.subtract,
    arith.MuliOp: np.multiply,
    arith.ShLIOp: np.left_shift,
    arith.ShRSIOp: np.right_shift,
    arith.MinSIOp: np.minimum,
    arith.MaxSIOp: np.maximum,
    arith.SelectOp: _select,
    arith.TruncIOp: _same,
    arith.ExtSIOp: _same,
    arith.ExtUIOp: _same,
    snn.StraightThroughOp: _same,
}
