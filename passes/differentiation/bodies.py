"""
The adjoint of a scalar body: reverse-mode differentiation, operation by operation.

A body maps (inputs, states, parameters) to (outputs, next states). Its adjoint maps the
gradients of the outputs and of the next states to those of the inputs, the states and the
parameters. The body itself is written first, since the derivatives read its scalars; the
adjoints follow in the opposite order, each summed in the order in which the uses of its
scalar are met from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi, sqrt
from typing import Any

from xdsl.dialects import arith, math
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Relation, Scalar
from snncc.dialects.snn.surrogates import SurrogateError, derivative, differentiated
from snncc.dialects.snn.types import describe

Values = Mapping[SSAValue, Scalar]
"""Scalars of the differentiated body -> the same in the one being written."""


class NoDerivative(Exception):
    """An operation through which no gradient can be taken; the text says which and why."""


class Adjoint:
    """
    Writes the adjoint of a block into a body.

    `values` holds what the block's arguments are in the body; after `forward` also every
    scalar of the block. `surrogate` stands in for spikes that have none of their own.
    """

    def __init__(
        self, block: Block, body: Body, values: Values, surrogate: SurrogateAttr | None = None
    ):
        self.block = block
        self.body = body
        self.values: dict[SSAValue, Scalar] = dict(values)
        self.surrogate = surrogate
        self.gradients: dict[SSAValue, Scalar] = {}
        self._active: set[SSAValue] = set()

    def forward(self) -> None:
        """Writes the block's own operations, but for its terminator."""
        for op in self.block.ops:
            if op is self.block.last_op:
                return
            copy = op.clone({v: self.values[v].value for v in op.operands})
            if isinstance(copy, snn.SpikeOp | snn.CountOp):  # the derivative stands beside it
                copy.operands = copy.operands[:1]
                copy.properties.pop("surrogate", None)
            self.values[op.results[0]] = self.body.insert(copy)

    def seed(self, value: SSAValue, gradient: Scalar) -> None:
        """The gradient that comes from outside: of an output, or of a next state."""
        self._add(value, gradient)

    def backward(self, wanted: set[SSAValue]) -> dict[SSAValue, Scalar]:
        """
        The gradients of `wanted` arguments; those that no gradient reaches are left out.
        What does not depend on a wanted argument is not differentiated.
        """
        self._active = set(wanted)
        operations = [op for op in self.block.ops if op is not self.block.last_op]
        # a comparison's outcome carries no gradient, a spike does
        for op in operations:
            if not isinstance(op, snn.DetachOp) and self._active.intersection(op.operands):
                self._active.update(op.results)
        for op in reversed(operations):
            result = op.results[0]
            gradient = self.gradients.get(result)
            if gradient is None or result not in self._active:
                continue
            if isinstance(op, snn.SpikeOp | snn.CountOp):
                self._spike(op, gradient)
                continue
            rule = RULES.get(type(op))
            if rule is None:
                raise without_derivative(op)
            rule(self, op, gradient)
        return {value: self.gradients[value] for value in wanted if value in self.gradients}

    # --- what rules use

    def of(self, value: SSAValue) -> Scalar:
        """A scalar of the block, in the body."""
        return self.values[value]

    def give(self, value: SSAValue, gradient: Callable[[], Scalar]) -> None:
        """Adds to a gradient, where anything asks for it."""
        if value in self._active:
            self._add(value, gradient())

    def _add(self, value: SSAValue, gradient: Scalar) -> None:
        known = self.gradients.get(value)
        self.gradients[value] = gradient if known is None else known + gradient

    def _spike(self, op: snn.SpikeOp | snn.CountOp, gradient: Scalar) -> None:
        """The surrogate's derivative; a step that has none gives none, as its true one."""
        surrogate = None if op.surrogate is not None else self.surrogate
        if op.surrogate is None and surrogate is None:
            return
        operands = differentiated(op)
        if not self._active.intersection(operands):
            return
        arguments = [self.of(operand) for operand in operands]
        found = slopes(op, self.body, arguments, gradient, surrogate)
        for operand, part in zip(operands, found, strict=False):
            if operand in self._active:
                self._add(operand, part)


def slopes(
    op: snn.SpikeOp | snn.CountOp,
    body: Body,
    arguments: Sequence[Scalar],
    gradient: Scalar | None,
    surrogate: SurrogateAttr | None,
) -> list[Scalar]:
    """The derivatives of a spike. Raises NoDerivative, which names its neuron."""
    try:
        return derivative(op, body, arguments, gradient, surrogate=surrogate)
    except SurrogateError as fault:
        raise NoDerivative(f"{_owner(op)}: {fault}") from None


def without_derivative(op: Operation) -> NoDerivative:
    """The error for an operation of a body that no rule is known for."""
    return NoDerivative(f"{_owner(op)}: {op.name} has no derivative")


def _owner(op: Operation) -> str:
    neuron = op.parent_op()
    return "a body" if neuron is None else describe(neuron)


def _add(a: Adjoint, op: arith.AddfOp, g: Scalar) -> None:
    a.give(op.lhs, lambda: g)
    a.give(op.rhs, lambda: g)


def _sub(a: Adjoint, op: arith.SubfOp, g: Scalar) -> None:
    a.give(op.lhs, lambda: g)
    a.give(op.rhs, lambda: -g)


def _mul(a: Adjoint, op: arith.MulfOp, g: Scalar) -> None:
    a.give(op.lhs, lambda: g * a.of(op.rhs))
    a.give(op.rhs, lambda: g * a.of(op.lhs))


def _div(a: Adjoint, op: arith.DivfOp, g: Scalar) -> None:
    a.give(op.lhs, lambda: g / a.of(op.rhs))
    a.give(op.rhs, lambda: -g * (a.of(op.result) / a.of(op.rhs)))


def _extreme(a: Adjoint, op: arith.MaximumfOp | arith.MinimumfOp, g: Scalar) -> None:
    """To the operand that is the result; half to each of two equal ones."""
    b = a.body
    x, y = a.of(op.lhs), a.of(op.rhs)
    relation: Relation = "gt" if isinstance(op, arith.MaximumfOp) else "lt"
    zero = b.constant(0.0)
    fixed = [value not in a._active for value in (op.lhs, op.rhs)]

    def part(mine: Scalar, other: Scalar) -> Scalar:
        taken = b.select(b.compare(relation, mine, other), g, zero)
        if any(fixed):  # relu at 0 has no gradient
            return taken
        return b.select(b.compare("eq", mine, other), g * 0.5, taken)

    a.give(op.lhs, lambda: part(x, y))
    a.give(op.rhs, lambda: part(y, x))


def _select(a: Adjoint, op: arith.SelectOp, g: Scalar) -> None:
    b = a.body
    condition = a.of(op.cond)
    a.give(op.lhs, lambda: b.select(condition, g, b.constant(0.0)))
    a.give(op.rhs, lambda: b.select(condition, b.constant(0.0), g))


def _and(a: Adjoint, op: arith.AndIOp, g: Scalar) -> None:
    """Of spikes: their product."""
    a.give(op.lhs, lambda: g * a.body.to_float(a.of(op.rhs)))
    a.give(op.rhs, lambda: g * a.body.to_float(a.of(op.lhs)))


def _or(a: Adjoint, op: arith.OrIOp, g: Scalar) -> None:
    """Of spikes: x + y - x y."""
    a.give(op.lhs, lambda: g * (1.0 - a.body.to_float(a.of(op.rhs))))
    a.give(op.rhs, lambda: g * (1.0 - a.body.to_float(a.of(op.lhs))))


def _xor(a: Adjoint, op: arith.XOrIOp, g: Scalar) -> None:
    """Of spikes: x + y - 2 x y."""
    a.give(op.lhs, lambda: g * (1.0 - a.body.to_float(a.of(op.rhs)) * 2.0))
    a.give(op.rhs, lambda: g * (1.0 - a.body.to_float(a.of(op.lhs)) * 2.0))


def _unary(write: Callable[[Body, Scalar, Scalar], Scalar]) -> Callable[..., None]:
    """(body, argument, result) -> the derivative."""

    def rule(a: Adjoint, op: Any, g: Scalar) -> None:
        operand = op.operands[0]
        a.give(operand, lambda: g * write(a.body, a.of(operand), a.of(op.results[0])))

    return rule


def _power(a: Adjoint, op: math.PowFOp, g: Scalar) -> None:
    b, x, y = a.body, a.of(op.lhs), a.of(op.rhs)
    a.give(op.lhs, lambda: g * (y * b.power(x, y - 1.0)))
    # log 0 is of no use where x^y is 0
    safe = b.select(b.compare("gt", x, b.constant(0.0)), x, b.constant(1.0))
    a.give(op.rhs, lambda: g * (a.of(op.result) * b.log(safe)))


def _sign(b: Body, x: Scalar, _: Scalar) -> Scalar:
    zero = b.constant(0.0)
    below = b.select(b.compare("lt", x, zero), b.constant(-1.0), zero)
    return b.select(b.compare("gt", x, zero), b.constant(1.0), below)


def _none(a: Adjoint, op: Operation, g: Scalar) -> None:
    """Rounding has no gradient; a conversion of what is no spike neither."""


def _converted(a: Adjoint, op: arith.UIToFPOp | arith.SIToFPOp, g: Scalar) -> None:
    """A spike or count as a number: the gradient of a spike is that of its number."""
    a.give(op.operands[0], lambda: g)


FUNCTIONS: dict[type[Operation], Callable[[Body, Scalar, Scalar], Scalar]] = {
    math.ExpOp: lambda b, x, y: y,
    math.LogOp: lambda b, x, y: 1.0 / x,
    math.SqrtOp: lambda b, x, y: 0.5 / y,
    math.TanhOp: lambda b, x, y: 1.0 - y * y,
    math.SinOp: lambda b, x, y: b.cos(x),
    math.CosOp: lambda b, x, y: -b.sin(x),
    math.AtanOp: lambda b, x, y: 1.0 / (1.0 + x * x),
    math.ErfOp: lambda b, x, y: b.exp(-(x * x)) * (2.0 / sqrt(pi)),
    math.AbsFOp: _sign,
}
"""Function of one number -> its derivative, of (body, argument, result)."""

RULES: dict[type[Operation], Callable[..., None]] = {
    arith.AddfOp: _add,
    arith.SubfOp: _sub,
    arith.MulfOp: _mul,
    arith.DivfOp: _div,
    arith.NegfOp: lambda a, op, g: a.give(op.operands[0], lambda: -g),
    arith.MaximumfOp: _extreme,
    arith.MinimumfOp: _extreme,
    arith.SelectOp: _select,
    arith.UIToFPOp: _converted,
    arith.SIToFPOp: _converted,
    arith.AndIOp: _and,
    arith.OrIOp: _or,
    arith.XOrIOp: _xor,
    arith.CmpfOp: _none,
    arith.CmpiOp: _none,
    **{kind: _unary(slope) for kind, slope in FUNCTIONS.items()},
    math.PowFOp: _power,
    math.FloorOp: _none,
    math.CeilOp: _none,
    math.TruncOp: _none,
    math.RoundEvenOp: _none,
}
"""Operation -> what it gives to the gradients of its operands."""
