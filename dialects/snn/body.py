"""
Writes the body of a neuron as equations over scalars.

    def lif(b, x, v, beta, theta):
        u = beta * v + x
        z = b.spike(u - theta, "gt")
        return [z], [u - b.to_float(z) * theta]

    neuron = build_neuron(lif, inputs={"x": x}, states={"v": zero}, parameters={...}, ...)

Every operator makes one operation, in the order in which Python evaluates it: what is
written is the order of the rounding.

Integers are signed and wrap. Bodies choose their widths: a product that needs more bits is
taken of extended numbers, and what is stored is truncated, or clamped first.

    def integer_lif(b, x, v, theta):  # x: i32, v: i16, theta: i32
        u = b.multiply_shift(b.extend(v, 32), 115, 7) + x  # v * 0.9, rounded
        z = b.spike(u - theta, "ge")
        return [z], [b.truncate(b.clamp(u - b.extend(z, 32) * theta, -32768, 32767), 16)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    f32,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects.snn.attributes import Comparison, SurrogateAttr
from snncc.dialects.snn.kind import CUSTOM, kind_of
from snncc.dialects.snn.neuron import IndexOp, NeuronOp, NextOp
from snncc.dialects.snn.spikes import CountOp, DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp
from snncc.dialects.snn.types import is_spike, stream_type

Outputs: TypeAlias = "tuple[list[Scalar], list[Scalar]]"
"""What equations return: (outputs, next states), each a scalar of the body."""

Equations: TypeAlias = Callable[..., Outputs]
"""(body, **ports) -> Outputs."""


Relation: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge"]


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
        on_float: Callable[[SSAValue, SSAValue], Operation] | None,
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

    def __and__(self, other: Scalar | int) -> Scalar:
        return self._binary(other, None, arith.AndIOp)

    def __or__(self, other: Scalar | int) -> Scalar:
        return self._binary(other, None, arith.OrIOp)

    def __xor__(self, other: Scalar | int) -> Scalar:
        return self._binary(other, None, arith.XOrIOp)

    def __lshift__(self, other: Scalar | int) -> Scalar:
        return self._binary(other, None, arith.ShLIOp)

    def __rshift__(self, other: Scalar | int) -> Scalar:
        """Of a signed number: rounded down."""
        return self._binary(other, None, arith.ShRSIOp)

    def __neg__(self) -> Scalar:
        if not isinstance(self.element, AnyFloat):
            return 0 - self
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
        of: Sequence[Scalar] = (),
    ) -> Scalar:
        """
        `i1`: whether the argument is above (`gt`) or not below (`ge`) zero. The surrogate is a
        function of the argument, or of the scalars in `of`.
        """
        read = [scalar.value for scalar in of]
        return self.insert(SpikeOp(comparison, argument.value, surrogate, read))

    def count(
        self,
        argument: Scalar,
        maximum: int,
        width: int = 16,
        surrogate: SurrogateAttr | None = None,
        of: Sequence[Scalar] = (),
    ) -> Scalar:
        """Unsigned integer: the whole part of the argument, from 0 to `maximum`."""
        read = [scalar.value for scalar in of]
        type = IntegerType(width)
        return self.insert(CountOp(argument.value, maximum, type, surrogate, read))

    def detach(self, argument: Scalar) -> Scalar:
        return self.insert(DetachOp(argument.value))

    def index(self) -> Scalar:
        """The place of the element in its population, i32."""
        return self.insert(IndexOp())

    def straight_through(self, value: Scalar, soft: Scalar) -> Scalar:
        """`value`, whose gradient goes to `soft`."""
        return self.insert(StraightThroughOp(value.value, soft.value))

    def to_float(self, argument: Scalar) -> Scalar:
        """A spike or count as a float."""
        return self.insert(arith.UIToFPOp(argument.value, self.float_type))

    def select(self, condition: Scalar, if_one: Scalar, if_zero: Scalar) -> Scalar:
        return self.insert(arith.SelectOp(condition.value, if_one.value, if_zero.value))

    def maximum(self, left: Scalar, right: Scalar | float) -> Scalar:
        return left._binary(right, arith.MaximumfOp, arith.MaxSIOp)

    def minimum(self, left: Scalar, right: Scalar | float) -> Scalar:
        return left._binary(right, arith.MinimumfOp, arith.MinSIOp)

    def clamp(self, x: Scalar, low: Scalar | float, high: Scalar | float) -> Scalar:
        """The nearest number from `low` to `high`."""
        return self.minimum(self.maximum(x, low), high)

    def compare(self, relation: Relation, left: Scalar, right: Scalar | float) -> Scalar:
        """
        `i1`: whether two floats or signed integers are so; of spikes, `eq` and `ne`. NaN is
        `ne` to all and nothing else.
        """
        ordered = "une" if relation == "ne" else f"o{relation}"
        signed = relation if relation in ("eq", "ne") else f"s{relation}"
        return left._binary(
            right,
            lambda a, b: arith.CmpfOp(a, b, ordered),
            lambda a, b: arith.CmpiOp(a, b, signed),
        )

    # integers

    def divide(self, left: Scalar, right: Scalar | int) -> Scalar:
        """Rounded towards zero; x / 0 is 0."""
        return left._binary(right, None, arith.DivSIOp)

    def shift_right_unsigned(self, x: Scalar, amount: Scalar | int) -> Scalar:
        """Of the bits: zeros come in from the left."""
        return x._binary(amount, None, arith.ShRUIOp)

    def rounding_shift(self, x: Scalar, amount: int) -> Scalar:
        """x / 2^amount, rounded to the nearest integer, half up; no operation for 0."""
        return (x + (1 << (amount - 1))) >> amount if amount else x

    def multiply_shift(self, x: Scalar, factor: Scalar | int, amount: int) -> Scalar:
        """x * factor / 2^amount, rounded as by `rounding_shift`; the product has x's width."""
        return self.rounding_shift(x * factor, amount)

    def extend(self, x: Scalar, width: int) -> Scalar:
        """The same number with more bits: a signed integer, or a spike as 0 or 1."""
        extension = arith.ExtUIOp if is_spike(x.element) else arith.ExtSIOp
        return self.insert(extension(x.value, IntegerType(width)))

    def extend_unsigned(self, x: Scalar, width: int) -> Scalar:
        """The same number with more bits: a count."""
        return self.insert(arith.ExtUIOp(x.value, IntegerType(width)))

    def truncate(self, x: Scalar, width: int) -> Scalar:
        """The low bits: the same number where it fits."""
        return self.insert(arith.TruncIOp(x.value, IntegerType(width)))

    def signed_to_float(self, x: Scalar) -> Scalar:
        return self.insert(arith.SIToFPOp(x.value, self.float_type))

    def to_integer(self, x: Scalar, width: int) -> Scalar:
        """Rounded towards zero, and the nearest number where it is out of range; NaN is 0."""
        return self.insert(arith.FPToSIOp(x.value, IntegerType(width)))

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

    def atan(self, x: Scalar) -> Scalar:
        return self.insert(math.AtanOp(x.value))

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
    float_type: AnyFloat = f32,
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
