"""
Writes the body of a neuron as equations over scalars.

    def lif(b, x, v, beta, theta):
        u = beta * v + x
        z = b.spike(u - theta, "gt")
        return [z], [u - b.to_float(z) * theta]

    neuron = build_neuron(lif, inputs={"x": x}, states={"v": zero}, parameters={...}, ...)

Every operator makes one operation, in the order in which Python evaluates it: what is
written is the order of the rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects.snn.attributes import Comparison, SurrogateAttr
from snncc.dialects.snn.kind import CUSTOM, kind_of
from snncc.dialects.snn.neuron import CountOp, DetachOp, NeuronOp, NextOp, SpikeOp
from snncc.dialects.snn.types import stream_type

Outputs: TypeAlias = "tuple[list[Scalar], list[Scalar]]"
"""What equations return: (outputs, next states), each a scalar of the body."""

Equations: TypeAlias = Callable[..., Outputs]
"""(body, **ports) -> Outputs."""


class Scalar:
    """A scalar of a body, with the arithmetic operators of its type."""

    def __init__(self, body: Body, value: SSAValue):
        self.body = body
        self.value = value

    @property
    def element(self) -> Attribute:
        return self.value.type

    def _binary(
        self,
        other: Scalar | float | int,
        on_float: Callable[[SSAValue, SSAValue], Operation],
        on_integer: Callable[[SSAValue, SSAValue], Operation] | None,
        swap: bool = False,
    ) -> Scalar:
        right = other if isinstance(other, Scalar) else self.body.constant(other, self.element)
        left, right = (right, self) if swap else (self, right)
        op = on_float if isinstance(self.element, AnyFloat) else on_integer
        assert op is not None, f"no such operation on {self.element}"
        return self.body.insert(op(left.value, right.value))

    def __add__(self, other: Scalar | float) -> Scalar:
        return self._binary(other, arith.AddfOp, arith.AddiOp)

    def __radd__(self, other: float) -> Scalar:
        return self._binary(other, arith.AddfOp, arith.AddiOp, swap=True)

    def __sub__(self, other: Scalar | float) -> Scalar:
        return self._binary(other, arith.SubfOp, arith.SubiOp)

    def __rsub__(self, other: float) -> Scalar:
        return self._binary(other, arith.SubfOp, arith.SubiOp, swap=True)

    def __mul__(self, other: Scalar | float) -> Scalar:
        return self._binary(other, arith.MulfOp, arith.MuliOp)

    def __rmul__(self, other: float) -> Scalar:
        return self._binary(other, arith.MulfOp, arith.MuliOp, swap=True)

    def __truediv__(self, other: Scalar | float) -> Scalar:
        return self._binary(other, arith.DivfOp, None)

    def __rtruediv__(self, other: float) -> Scalar:
        return self._binary(other, arith.DivfOp, None, swap=True)

    def __and__(self, other: Scalar) -> Scalar:
        return self._binary(other, arith.AndIOp, arith.AndIOp)

    def __or__(self, other: Scalar) -> Scalar:
        return self._binary(other, arith.OrIOp, arith.OrIOp)

    def __neg__(self) -> Scalar:
        return self.body.insert(arith.NegfOp(self.value))


class Body:
    """The block being written."""

    def __init__(self, builder: Builder, float_type: AnyFloat):
        self.builder = builder
        self.float_type = float_type

    def insert(self, op: Operation) -> Scalar:
        self.builder.insert(op)
        return Scalar(self, op.results[0])

    def constant(self, value: float | int, type: Attribute | None = None) -> Scalar:
        type = type or self.float_type
        if isinstance(type, AnyFloat):
            return self.insert(arith.ConstantOp(FloatAttr(float(value), type)))
        assert isinstance(type, IntegerType)
        return self.insert(arith.ConstantOp(IntegerAttr(int(value), type)))

    def spike(
        self,
        argument: Scalar,
        comparison: Comparison | str = Comparison.GT,
        surrogate: SurrogateAttr | None = None,
    ) -> Scalar:
        """`i1`: whether the argument is above (`gt`) or not below (`ge`) zero."""
        return self.insert(SpikeOp(comparison, argument.value, surrogate))

    def count(
        self,
        argument: Scalar,
        maximum: int,
        width: int = 16,
        surrogate: SurrogateAttr | None = None,
    ) -> Scalar:
        """Unsigned integer: the whole part of the argument, from 0 to `maximum`."""
        return self.insert(CountOp(argument.value, maximum, IntegerType(width), surrogate))

    def detach(self, argument: Scalar) -> Scalar:
        return self.insert(DetachOp(argument.value))

    def to_float(self, argument: Scalar) -> Scalar:
        """A spike or count as a float."""
        return self.insert(arith.UIToFPOp(argument.value, self.float_type))

    def select(self, condition: Scalar, if_one: Scalar, if_zero: Scalar) -> Scalar:
        return self.insert(arith.SelectOp(condition.value, if_one.value, if_zero.value))

    def maximum(self, left: Scalar, right: Scalar) -> Scalar:
        return self.insert(arith.MaximumfOp(left.value, right.value))

    def minimum(self, left: Scalar, right: Scalar) -> Scalar:
        return self.insert(arith.MinimumfOp(left.value, right.value))

    # functions: what they compute stands in `snncc.dialects.snn.functions`

    def exp(self, x: Scalar) -> Scalar:
        return self.insert(math.ExpOp(x.value))

    def log(self, x: Scalar) -> Scalar:
        """The natural logarithm."""
        return self.insert(math.LogOp(x.value))

    def power(self, x: Scalar, y: Scalar) -> Scalar:
        """x to the power of y; what a framework computes as x * x is written so."""
        return self.insert(math.PowFOp(x.value, y.value))

    def sqrt(self, x: Scalar) -> Scalar:
        return self.insert(math.SqrtOp(x.value))

    def tanh(self, x: Scalar) -> Scalar:
        return self.insert(math.TanhOp(x.value))

    def erf(self, x: Scalar) -> Scalar:
        return self.insert(math.ErfOp(x.value))

    def sin(self, x: Scalar) -> Scalar:
        return self.insert(math.SinOp(x.value))

    def cos(self, x: Scalar) -> Scalar:
        return self.insert(math.CosOp(x.value))

    def absolute(self, x: Scalar) -> Scalar:
        return self.insert(math.AbsFOp(x.value))

    def floor(self, x: Scalar) -> Scalar:
        return self.insert(math.FloorOp(x.value))

    def ceil(self, x: Scalar) -> Scalar:
        return self.insert(math.CeilOp(x.value))

    def trunc(self, x: Scalar) -> Scalar:
        """Rounded towards zero."""
        return self.insert(math.TruncOp(x.value))

    def round_even(self, x: Scalar) -> Scalar:
        """Rounded to the nearest integer, half to the even one."""
        return self.insert(math.RoundEvenOp(x.value))


def build_neuron(
    equations: Equations,
    *,
    inputs: Mapping[str, SSAValue],
    states: Mapping[str, SSAValue],
    parameters: Mapping[str, SSAValue],
    population: Sequence[int],
    float_type: AnyFloat,
    node: str | None = None,
) -> NeuronOp:
    """
    A neuron whose body is what `equations` writes.

    The operands broadcast to `population`; the element types of the results are those of
    the outputs that `equations` returns. The kind is found from the body.
    """
    ports = {**inputs, **states, **parameters}
    block = Block(arg_types=[stream_type(operand).element_type for operand in ports.values()])
    body = Body(Builder(InsertPoint.at_end(block)), float_type)
    for name, argument in zip(ports, block.args, strict=True):
        argument.name_hint = name
    scalars = {
        name: Scalar(body, argument) for name, argument in zip(ports, block.args, strict=True)
    }
    outputs, next_states = equations(body, **scalars)
    body.builder.insert(
        NextOp([scalar.value for scalar in outputs], [scalar.value for scalar in next_states])
    )
    neuron = NeuronOp(
        list(inputs.items()),
        list(states.items()),
        list(parameters.items()),
        [TensorType(scalar.element, population) for scalar in outputs],
        Region(block),
        node=node,
    )
    kind = kind_of(neuron).name
    if kind != CUSTOM:
        neuron.kind = StringAttr(kind)
    return neuron
