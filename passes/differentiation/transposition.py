"""
What the rules of the operations write into: a network that goes back through time.

A rule gets the gradients of an operation's results and gives gradients to its operands. What
reaches a stream from several users is added, in the order in which it was given. What
reaches a fixed value (a parameter, or what is computed of parameters alone) is the same at
every step, so its gradient is a sum over time: it is kept aside with what finishes it, a
linear operation that is cheaper once, behind the sum, than at every step in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, dtype_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.network import SUM
from snncc.dialects.snn.types import is_float, is_spike, shape_of, stream_type


@dataclass(frozen=True)
class FixedGradient:
    """
    A gradient that reaches a fixed value: a stream whose sum over time (or last value) gives
    it after the elements of each repeated one are summed, and the shape is that of the value.
    """

    stream: SSAValue
    kind: str
    repeated: tuple[int, ...]
    """The shape that broadcasts to the stream's, to be summed to."""


AGAIN = snn.ReshapeOp | snn.RearrangeOp | snn.ConcatOp
"""What is computed again of what it reads."""


class Forward:
    """
    Where the forward program's values come from: fixed values are written again, what
    rearranges is computed again, and the rest is read from the tape.
    """

    def __init__(
        self,
        builder: Builder,
        tape: Callable[[SSAValue], SSAValue],
        holds: Callable[[SSAValue], bool],
    ):
        self._builder = builder
        self._tape, self._holds = tape, holds
        self._known: dict[SSAValue, SSAValue] = {}

    def value(self, value: SSAValue) -> SSAValue:
        """A value of the forward program, in the backward one."""
        if value not in self._known:
            self._known[value] = self._found(value)
        return self._known[value]

    def is_held(self, value: SSAValue) -> bool:
        """Whether nothing more has to be saved for it."""
        op = value.owner
        if not isinstance(op, AGAIN):
            return (isinstance(op, Operation) and is_fixed(op)) or self._holds(value)
        return all(self.is_held(operand) for operand in op.operands)

    def _found(self, value: SSAValue) -> SSAValue:
        op = value.owner
        if not isinstance(op, Operation) or not (isinstance(op, AGAIN) or is_fixed(op)):
            return self._tape(value)
        copy = op.clone({operand: self.value(operand) for operand in op.operands})
        self._builder.insert(copy)
        for old, new in zip(op.results, copy.results, strict=True):
            self._known[old] = new
        return self._known[value]


def _is_stream(value: SSAValue) -> bool:
    """Where forward and backward program are one, all streams are there."""
    return isinstance(value.type, TensorType)


class Transposition:
    """The backward program as it is written."""

    def __init__(
        self,
        block: Block,
        element: AnyFloat,
        active: set[SSAValue],
        tape: Callable[[SSAValue], SSAValue],
        surrogate: SurrogateAttr | None,
        fixed: Callable[[SSAValue], bool],
        holds: Callable[[SSAValue], bool] = _is_stream,
    ):
        self.builder = Builder(InsertPoint.at_end(block))
        self.element = element
        self.active = active
        self.surrogate = surrogate
        self.fixed: dict[SSAValue, list[FixedGradient]] = {}
        self._is_fixed = fixed
        self._given: dict[SSAValue, list[SSAValue]] = {}
        self._forward = Forward(self.builder, tape, holds)
        self._numbers: dict[SSAValue, SSAValue] = {}

    # --- values

    def value(self, value: SSAValue) -> SSAValue:
        """A value of the forward program."""
        return self._forward.value(value)

    def is_held(self, value: SSAValue) -> bool:
        """Whether a value of the forward program is on the tape anyway."""
        return self._forward.is_held(value)

    def number(self, value: SSAValue) -> SSAValue:
        """A value of the forward program as floats: integers wider than i1 as signed numbers."""
        held = self.value(value)
        element = stream_type(held).element_type
        if is_float(element) or is_spike(element):
            return held
        if held not in self._numbers:
            fixed = isinstance(held.owner, Operation) and is_fixed(held.owner)
            port = {"x": held}
            neuron = build_neuron(
                lambda b, x: ([b.signed_to_float(x)], []),
                inputs={} if fixed else port,
                states={},
                parameters=port if fixed else {},
                population=shape_of(held),
                float_type=self.element,
            )
            self._numbers[held] = self.insert(neuron)
        return self._numbers[held]

    def type(self, shape: Sequence[int]) -> TensorType[Attribute]:
        return TensorType(self.element, shape)

    def insert(self, op: Operation) -> SSAValue:
        self.builder.insert(op)
        return op.results[0]

    def insert_last(self, op: Operation) -> None:
        """What ends the program."""
        self.builder.insert(op)

    def constant(self, array: npt.NDArray[Any] | float) -> SSAValue:
        numbers = np.asarray(array, dtype_of(self.element))
        return self.insert(snn.ConstantOp(dense_of(numbers)))

    def reshape(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        same = shape_of(value) == tuple(shape)
        return value if same else self.insert(snn.ReshapeOp(value, shape))

    def rearrange(self, value: SSAValue, places: npt.NDArray[Any]) -> SSAValue:
        """Elements from their places, 0 from -1; nothing where all stay in place."""
        count = int(np.prod(shape_of(value)))
        if places.size == count and np.array_equal(places.ravel(), np.arange(count)):
            return self.reshape(value, places.shape)
        return self.insert(snn.RearrangeOp(value, places))

    # --- gradients

    def is_active(self, value: SSAValue) -> bool:
        """Whether its gradient is asked for."""
        return value in self.active

    def seed(self, value: SSAValue, gradient: SSAValue) -> None:
        """The gradient that comes from outside."""
        self._given.setdefault(value, []).append(gradient)

    def give(self, value: SSAValue, make: Callable[[], SSAValue], kind: str = SUM) -> None:
        """
        Adds to the gradient of an operand, where it is asked for. What `make` writes has the
        operand's number of elements, or a shape that the operand's broadcasts to.
        """
        if not self.is_active(value):
            return
        gradient, shape = make(), shape_of(value)
        repeated = shape
        if np.prod(shape_of(gradient)) == np.prod(shape):
            repeated = shape_of(gradient)
        if self._is_fixed(value):
            found = FixedGradient(gradient, kind, repeated)
            self.fixed.setdefault(value, []).append(found)
        else:
            self.seed(value, self.finished(gradient, repeated, shape))

    def finished(
        self, gradient: SSAValue, repeated: Sequence[int], shape: Sequence[int]
    ) -> SSAValue:
        """A gradient with the shape of what it is the gradient of."""
        if shape_of(gradient) != tuple(repeated):
            gradient = self.insert(snn.ReduceOp("sum", gradient, repeated))
        return self.reshape(gradient, shape)

    def total(self, value: SSAValue) -> SSAValue | None:
        """All that was given to a stream, None where nothing was."""
        given = self._given.get(value)
        if not given:
            return None
        if len(given) > 1:
            total = self.insert(snn.AddOp(given, self.element))
            self._given[value] = given = [total]
        return given[0]


def float_element(network: snn.NetworkOp) -> AnyFloat:
    """The float type of a network, of its streams and parameters; f32 where all are integers."""
    for op in network.body.block.ops:
        for value in (*op.operands, *op.results):
            element = stream_type(value).element_type
            if isinstance(element, AnyFloat):
                return element
    return f32
