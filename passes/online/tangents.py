"""
The tangents of a scalar body: forward-mode differentiation, operation by operation.

The twin of `bodies.Adjoint`: with the same surrogates and the same choices at kinks, it gives
the derivatives of the outputs and next states by each argument, written behind the body's own
operations, whose scalars they read. Numbers are folded on the way: what is multiplied by a
derivative of 1 is not multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Relation, Scalar
from snncc.dialects.snn.surrogates import differentiated
from snncc.dialects.snn.types import is_spike
from snncc.passes.differentiation.bodies import FUNCTIONS, slopes, without_derivative
from snncc.passes.differentiation.integers import SLOPES

Tangent: TypeAlias = "Scalar | float"
"""A derivative: a scalar of the body, or a number."""

Row: TypeAlias = "dict[SSAValue, Tangent]"
"""Argument -> the derivative by it; where it is 0 everywhere there is none."""


class Tangents:
    """
    The derivatives of a body's scalars by some of its arguments.

    `columns` are the arguments, `rows` the scalars that are asked for: what they do not
    depend on is not differentiated. `surrogate` stands in for spikes that have none.

    Raises NoDerivative, which names the operation.
    """

    def __init__(
        self,
        block: Block,
        element: AnyFloat,
        columns: Sequence[SSAValue],
        rows: Sequence[SSAValue],
        surrogate: SurrogateAttr | None = None,
        *,
        spikes: bool = True,
        straight: Collection[Operation] = (),
    ):
        """
        Without `spikes` none of them has a derivative; `straight` operations have that of their
        first operand.
        """
        assert block.last_op is not None
        self.body = Body(Builder(InsertPoint.before(block.last_op)), element)
        self.surrogate = surrogate
        self._spikes = spikes
        self._straight = straight
        self._rows: dict[SSAValue, Row] = {column: {column: 1.0} for column in columns}
        operations = [op for op in block.ops if op is not block.last_op]
        asked = set(rows)
        for op in reversed(operations):
            if asked.intersection(op.results):
                asked.update(op.operands)
        for op in operations:
            if asked.intersection(op.results) and any(map(self.is_active, op.operands)):
                self._differentiate(op)

    def row(self, value: SSAValue) -> Row:
        """The derivatives of a scalar of the body."""
        return self._rows.get(value, {})

    def _differentiate(self, op: Operation) -> None:
        if isinstance(op, snn.DetachOp):
            return
        if op in self._straight:
            self._rows[op.results[0]] = self.row(op.operands[0])
            return
        if isinstance(op, snn.SpikeOp | snn.CountOp):
            if self._spikes:
                self._spike(op)
            return
        rule = RULES.get(type(op))
        if rule is None:
            raise without_derivative(op)
        rule(self, op)

    # --- what rules use

    def is_active(self, value: SSAValue) -> bool:
        """Whether it depends on a column."""
        return bool(self._rows.get(value))

    def of(self, value: SSAValue) -> Scalar:
        return Scalar(self.body, value)

    def weighted(self, op: Operation, *slopes: Callable[[], Tangent | None]) -> None:
        """The result's derivatives by the chain rule, from those by each operand."""
        row: Row = {}
        for operand, slope in zip(op.operands, slopes, strict=True):
            factor = slope() if self.is_active(operand) else None
            if factor is None:
                continue
            for column, tangent in self._rows[operand].items():
                self._add(row, column, product(factor, tangent))
        self._rows[op.results[0]] = row

    def chosen(
        self,
        op: Operation,
        operands: tuple[SSAValue, SSAValue],
        choose: Callable[[Scalar, Scalar], Scalar],
    ) -> None:
        """The result's derivatives, chosen from those of two operands."""
        left, right = (self.row(operand) for operand in operands)
        self._rows[op.results[0]] = {
            column: choose(self.scalar(left.get(column, 0.0)), self.scalar(right.get(column, 0.0)))
            for column in dict.fromkeys((*left, *right))
        }

    def scalar(self, tangent: Tangent) -> Scalar:
        return tangent if isinstance(tangent, Scalar) else self.body.constant(tangent)

    def _add(self, row: Row, column: SSAValue, tangent: Tangent) -> None:
        row[column] = total(row[column], tangent) if column in row else tangent

    def _spike(self, op: snn.SpikeOp | snn.CountOp) -> None:
        """The surrogate's derivative; a step that has none gives none, as its true one."""
        surrogate = None if op.surrogate is not None else self.surrogate
        operands = differentiated(op)
        if (op.surrogate is None and surrogate is None) or not any(map(self.is_active, operands)):
            return
        arguments = [self.of(operand) for operand in operands]
        found = slopes(op, self.body, arguments, None, surrogate)
        row: Row = {}
        for operand, slope in zip(operands, found, strict=False):
            for column, tangent in self.row(operand).items():
                self._add(row, column, product(slope, tangent))
        self._rows[op.result] = row


def product(a: Tangent, b: Tangent) -> Tangent:
    """a * b, where numbers are folded."""
    if isinstance(a, float) and isinstance(b, float):
        return a * b
    if isinstance(b, float):
        a, b = b, a
    if isinstance(a, float):
        assert isinstance(b, Scalar)
        if abs(a) == 1.0:
            return b if a > 0 else -b
        return b * a
    return a * b


def total(a: Tangent, b: Tangent) -> Tangent:
    """a + b, where numbers are folded."""
    return b + a if isinstance(a, float) else a + b


Rule = Callable[[Tangents, Any], None]


def _one() -> Tangent:
    return 1.0


def _minus_one() -> Tangent:
    return -1.0


def _mul(t: Tangents, op: arith.MulfOp) -> None:
    t.weighted(op, lambda: t.of(op.rhs), lambda: t.of(op.lhs))


def _div(t: Tangents, op: arith.DivfOp) -> None:
    t.weighted(op, lambda: 1.0 / t.of(op.rhs), lambda: -(t.of(op.result) / t.of(op.rhs)))


def _extreme(
    t: Tangents, op: arith.MaximumfOp | arith.MinimumfOp | arith.MaxSIOp | arith.MinSIOp
) -> None:
    """That of the operand that is the result; the mean of both where they are equal."""
    b = t.body
    x, y = t.of(op.lhs), t.of(op.rhs)
    relation: Relation = "gt" if isinstance(op, arith.MaximumfOp | arith.MaxSIOp) else "lt"
    if not (t.is_active(op.lhs) and t.is_active(op.rhs)):  # relu at 0 has no gradient
        mine, other = (x, y) if t.is_active(op.lhs) else (y, x)
        taken = b.compare(relation, mine, other)
        t.chosen(
            op,
            (mine.value, other.value),
            lambda tangent, zero: b.select(taken, tangent, zero),
        )
        return
    first, equal = b.compare(relation, x, y), b.compare("eq", x, y)
    t.chosen(
        op,
        (op.lhs, op.rhs),
        lambda dx, dy: b.select(equal, (dx + dy) * 0.5, b.select(first, dx, dy)),
    )


def _select(t: Tangents, op: arith.SelectOp) -> None:
    condition = t.of(op.cond)
    t.chosen(op, (op.lhs, op.rhs), lambda dx, dy: t.body.select(condition, dx, dy))


def _and(t: Tangents, op: arith.AndIOp) -> None:
    """Of spikes: their product."""
    number = t.body.to_float
    t.weighted(op, lambda: number(t.of(op.rhs)), lambda: number(t.of(op.lhs)))


def _or(t: Tangents, op: arith.OrIOp) -> None:
    """Of spikes: x + y - x y."""
    number = t.body.to_float
    t.weighted(op, lambda: 1.0 - number(t.of(op.rhs)), lambda: 1.0 - number(t.of(op.lhs)))


def _xor(t: Tangents, op: arith.XOrIOp) -> None:
    """Of spikes: x + y - 2 x y."""
    number = t.body.to_float
    t.weighted(
        op, lambda: 1.0 - number(t.of(op.rhs)) * 2.0, lambda: 1.0 - number(t.of(op.lhs)) * 2.0
    )


def _by_slopes(t: Tangents, op: Operation) -> None:
    """Integer arithmetic."""
    t.weighted(op, *SLOPES[type(op)](t.body, op, t.of))


def _logic(rule: Rule) -> Rule:
    """Of spikes by this rule, of wider integers as their bits."""

    def choose(t: Tangents, op: Operation) -> None:
        (rule if is_spike(op.results[0].type) else _by_slopes)(t, op)

    return choose


def _straight_through(t: Tangents, op: snn.StraightThroughOp) -> None:
    t.weighted(op, lambda: None, _one)


def _power(t: Tangents, op: math.PowFOp) -> None:
    b, x, y = t.body, t.of(op.lhs), t.of(op.rhs)

    def by_exponent() -> Tangent:
        # log 0 is of no use where x^y is 0
        safe = b.select(b.compare("gt", x, b.constant(0.0)), x, b.constant(1.0))
        return t.of(op.result) * b.log(safe)

    t.weighted(op, lambda: y * b.power(x, y - 1.0), by_exponent)


def _unary(slope: Callable[[Body, Scalar, Scalar], Tangent]) -> Rule:
    """Of a function of one number: (body, argument, result) -> its derivative."""

    def rule(t: Tangents, op: Operation) -> None:
        argument, result = t.of(op.operands[0]), t.of(op.results[0])
        t.weighted(op, lambda: slope(t.body, argument, result))

    return rule


def _none(t: Tangents, op: Operation) -> None:
    """Rounding has no derivative, a comparison's outcome neither."""


RULES: dict[type[Operation], Rule] = {
    **dict.fromkeys(SLOPES, _by_slopes),
    arith.AddfOp: lambda t, op: t.weighted(op, _one, _one),
    arith.SubfOp: lambda t, op: t.weighted(op, _one, _minus_one),
    arith.MulfOp: _mul,
    arith.DivfOp: _div,
    arith.NegfOp: lambda t, op: t.weighted(op, _minus_one),
    arith.MaximumfOp: _extreme,
    arith.MinimumfOp: _extreme,
    arith.MaxSIOp: _extreme,
    arith.MinSIOp: _extreme,
    arith.SelectOp: _select,
    arith.UIToFPOp: lambda t, op: t.weighted(op, _one),
    arith.SIToFPOp: lambda t, op: t.weighted(op, _one),
    arith.AndIOp: _logic(_and),
    arith.OrIOp: _logic(_or),
    arith.XOrIOp: _logic(_xor),
    arith.CmpfOp: _none,
    **{kind: _unary(slope) for kind, slope in FUNCTIONS.items()},
    math.PowFOp: _power,
    math.FloorOp: _none,
    math.CeilOp: _none,
    math.TruncOp: _none,
    math.RoundEvenOp: _none,
    snn.StraightThroughOp: _straight_through,
}
"""Operation -> the derivatives of its result, from those of its operands."""
