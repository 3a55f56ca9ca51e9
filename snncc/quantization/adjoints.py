"""
The body of a neuron as a differentiable program: its scalars on arrays, and back again.

Spikes pass gradients through a window around the threshold (the surrogate of Fang et al.
2021, atan, with a width of its own for each neuron); what a model detaches stays detached.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison
from snncc.dialects.snn.functions import FUNCTIONS, apply

STEP = 1e-3
"""Of the difference quotient that stands for the derivative of a function."""


class NoAdjoint(Exception):
    """What this program cannot be written for; the text names it."""


Forward = Callable[..., Array]
Backward = Callable[..., tuple[Array | None, ...]]
"""(gradient of the result, result, operands) -> gradients of the operands."""

_PREDICATES: dict[int, Callable[[Array, Array], Array]] = {
    1: np.equal,
    2: np.greater,
    3: np.greater_equal,
    4: np.less,
    5: np.less_equal,
    6: np.not_equal,
    13: np.not_equal,
}

_RULES: dict[type[Operation], tuple[Forward, Backward]] = {
    arith.AddfOp: (lambda a, b: a + b, lambda g, r, a, b: (g, g)),
    arith.SubfOp: (lambda a, b: a - b, lambda g, r, a, b: (g, -g)),
    arith.MulfOp: (lambda a, b: a * b, lambda g, r, a, b: (g * b, g * a)),
    arith.DivfOp: (lambda a, b: a / b, lambda g, r, a, b: (g / b, -g * r / b)),
    arith.NegfOp: (lambda a: -a, lambda g, r, a: (-g,)),
    arith.MaximumfOp: (np.maximum, lambda g, r, a, b: (g * (a >= b), g * (a < b))),
    arith.MinimumfOp: (np.minimum, lambda g, r, a, b: (g * (a <= b), g * (a > b))),
    arith.SelectOp: (
        lambda c, a, b: np.where(c != 0, a, b),
        lambda g, r, c, a, b: (None, g * (c != 0), g * (c == 0)),
    ),
    arith.UIToFPOp: (lambda a: a, lambda g, r, a: (g,)),
    arith.SIToFPOp: (lambda a: a, lambda g, r, a: (g,)),
    arith.AndIOp: (lambda a, b: a * b, lambda g, r, a, b: (g * b, g * a)),
    arith.OrIOp: (np.maximum, lambda g, r, a, b: (g * (1 - b), g * (1 - a))),
    arith.XOrIOp: (lambda a, b: np.abs(a - b), lambda g, r, a, b: (None, None)),
    snn.DetachOp: (lambda a: a, lambda g, r, a: (None,)),
}


class BodyProgram:
    """
    The scalars of one neuron's body. Every value is an array that broadcasts to
    [B, *population]; spikes and counts are float32 too.
    """

    def __init__(self, neuron: snn.NeuronOp):
        self.neuron = neuron
        self.widths: dict[Operation, float] = {}
        """Of the windows of spikes, set at the first run: the spread of what is compared."""
        self._steps: list[tuple[Operation, tuple[SSAValue, ...], Forward, Backward]] = []
        for op in neuron.body.block.ops:
            if isinstance(op, snn.NextOp):
                break
            forward, backward = self._rule(op)
            self._steps.append((op, tuple(op.operands), forward, backward))
        varying: set[SSAValue] = {p.argument for p in (*neuron.input_ports, *neuron.state_ports)}
        varying |= {p.argument for p in neuron.parameter_ports}
        self.arguments = neuron.body.block.args

    def _rule(self, op: Operation) -> tuple[Forward, Backward]:
        if isinstance(op, arith.ConstantOp):
            attribute = op.value
            assert isinstance(attribute, FloatAttr | IntegerAttr)
            number = (
                np.float32(abs(v) if _is_bit(op) else v)
                if (v := attribute.value.data) is not None
                else None
            )
            return lambda: number, lambda g, r: ()  # type: ignore[return-value]
        if isinstance(op, arith.CmpfOp):
            predicate = _PREDICATES.get(op.predicate.value.data)
            if predicate is not None:
                return (
                    lambda a, b: predicate(a, b).astype(np.float32),
                    lambda g, r, a, b: (None, None),
                )
        if isinstance(op, snn.SpikeOp):
            above = np.greater if op.comparison.data is Comparison.GT else np.greater_equal
            return (
                lambda u, *rest: above(u, 0).astype(np.float32),
                lambda g, r, u, *rest: (g * self._window(op, u), *(None for _ in rest)),
            )
        if isinstance(op, snn.CountOp):
            most = op.maximum.value.data
            return (
                lambda u, *rest: np.clip(np.floor(u), 0, most),
                lambda g, r, u, *rest: (g * ((u > -0.5) & (u < most)), *(None for _ in rest)),
            )
        if type(op) in FUNCTIONS and all(isinstance(v.type, AnyFloat) for v in op.operands):
            return _function(op)
        rule = _RULES.get(type(op))
        if rule is None:
            raise NoAdjoint(op.name)
        return rule

    def _window(self, op: Operation, u: Array) -> Array:
        """d spike / d u: (1 / w) / (1 + (pi u / w)^2), whose integral is 1."""
        width = self.widths.get(op)
        if width is None:
            width = self.widths[op] = max(float(np.std(u)), 1e-6)
        window: Array = (1.0 / width) / (1.0 + (np.pi / width * u) ** 2)
        return window

    def forward(self, arguments: list[Array]) -> dict[SSAValue, Array]:
        values: dict[SSAValue, Array] = dict(zip(self.arguments, arguments, strict=True))
        for op, operands, forward, _ in self._steps:
            values[op.results[0]] = forward(*(values[v] for v in operands))
        return values

    def backward(
        self, values: dict[SSAValue, Array], gradients: dict[SSAValue, Array]
    ) -> dict[SSAValue, Array]:
        """Gradients of all scalars from those of the outputs and next states."""
        for op, operands, _, backward in reversed(self._steps):
            gradient = gradients.get(op.results[0])
            if gradient is None:
                continue
            found = backward(gradient, values[op.results[0]], *(values[v] for v in operands))
            for operand, part in zip(operands, found, strict=False):
                if part is not None:
                    known = gradients.get(operand)
                    gradients[operand] = part if known is None else known + part
        return gradients


def _is_bit(op: Operation) -> bool:
    return str(op.results[0].type) == "i1"


def _function(op: Operation) -> tuple[Forward, Backward]:
    def forward(*operands: Array) -> Array:
        given = np.broadcast_arrays(*(np.asarray(v, np.float32) for v in operands))
        return np.asarray(apply(op, given), np.float32)

    def backward(g: Array, r: Array, *operands: Array) -> tuple[Array | None, ...]:
        found: list[Array] = []
        for index in range(len(operands)):
            ends = []
            for sign in (-1, 1):
                moved = list(operands)
                moved[index] = np.asarray(operands[index] + np.float32(sign * STEP), np.float32)
                ends.append(forward(*moved))
            slope = (ends[1] - ends[0]) / (2 * STEP)
            found.append(g * np.where(np.isfinite(slope), slope, 0))
        return tuple(found)

    return forward, backward


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast: the sum over the axes that were added or stretched."""
    extra = gradient.ndim - len(shape)
    if extra > 0:
        gradient = gradient.sum(axis=tuple(range(extra)))
    stretched = tuple(
        axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] > 1
    )
    return gradient.sum(axis=stretched, keepdims=True) if stretched else gradient
