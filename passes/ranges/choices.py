"""
Selects that are a minimum or a maximum written as a comparison: `a < b ? a : b`.

Whichever way the comparison comes out, the result rises with both. So they are computed as what
they are, and their comparisons need no cases of their own: a clamp would take two of the few
that a body has.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue

from snncc.passes.ranges import backward, slopes
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.backward import Refined
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.transfer import FLOAT_RELATIONS, INTEGER_RELATIONS

Rules = tuple[Callable[..., Interval], Callable[..., Refined], slopes.Rule]


def rules_of(op: Operation) -> Rules | None:
    """The rules (transfer, refinement, slopes) of a select that is a minimum or a maximum."""
    which = _extreme(op)
    if which is None or not only_chooses(op.operands[0]):
        return None
    if which == "least":
        return (
            lambda op, condition, a, b: iv.minimum(a, b),
            lambda op, r, condition, a, b: (None, *backward.smallest(op, r, a, b)),
            slopes.chosen,
        )
    return (
        lambda op, condition, a, b: iv.maximum(a, b),
        lambda op, r, condition, a, b: (None, *backward.largest(op, r, a, b)),
        slopes.chosen,
    )


def only_chooses(condition: SSAValue) -> bool:
    """Whether nothing but minima and maxima use a comparison."""
    uses = list(condition.uses)
    return bool(uses) and all(use.index == 0 and _extreme(use.operation) for use in uses)


def _extreme(op: Operation) -> str | None:
    """`least` or `greatest` of a select's two operands."""
    if not isinstance(op, arith.SelectOp):
        return None
    condition = op.cond.owner
    if isinstance(condition, arith.CmpfOp):
        relation = FLOAT_RELATIONS.get(condition.predicate.value.data)
    elif isinstance(condition, arith.CmpiOp) and condition.predicate.value.data < 6:
        relation = INTEGER_RELATIONS[condition.predicate.value.data]
    else:
        return None
    if relation not in ("lt", "le", "gt", "ge"):
        return None
    less = relation in ("lt", "le")
    a, b = condition.operands
    if _equal(op.lhs, a) and _equal(op.rhs, b):
        return "least" if less else "greatest"
    if _equal(op.lhs, b) and _equal(op.rhs, a):
        return "greatest" if less else "least"
    return None


def _equal(a: SSAValue, b: SSAValue) -> bool:
    """The same value, or the same constant."""
    if a is b:
        return True
    one, other = a.owner, b.owner
    return (
        isinstance(one, arith.ConstantOp)
        and isinstance(other, arith.ConstantOp)
        and one.value == other.value
    )
