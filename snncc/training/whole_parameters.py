"""
Parameters that are integers and nothing else, in the place of the floats that integers of a
quantized network follow (`snncc.quantization.trainable`).

    real = q * unit / 2^more        q: what is stored and moved, |q| <= top * 2^more

The network computes with q, or where it is stored with more bits with q / 2^more, rounded (halves
to the even one). `unit` is that of calibration: for each output of a weight, and for each element
of a bias, which is stored with the 32 bits that the network has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerType, ModuleOp, TensorType, i32
from xdsl.ir import Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, type_of
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type
from snncc.errors import error
from snncc.passes.quantization.arithmetic import IntegerBuilder


@dataclass(frozen=True)
class Whole:
    """A parameter that is stored as integers."""

    name: str
    type: IntegerType
    unit: Array
    """What one stored number is worth: float64, broadcasts to the parameter's shape."""
    largest: int
    more: int
    """Bits behind those that the network computes with."""

    def stored(self, array: Array) -> Array:
        """The nearest whole numbers of floats, as the bits of signed ones."""
        nearest = np.rint(np.asarray(array, np.float64) / self.unit)
        held = np.clip(nearest, -self.largest, self.largest)
        width = self.type.width.data // 8
        return held.astype(f"i{width}").view(f"u{width}")

    def numbers(self, bits: Array) -> Array:
        """The floats that they stand for, float32."""
        signed = bits.view(f"i{bits.itemsize}")
        return (signed * self.unit).astype(np.float32)

    def computed(self, bits: Array) -> Array:
        """As `numbers`, of the integers that the network computes with."""
        signed = np.rint(bits.view(f"i{bits.itemsize}") / 2.0**self.more)
        return (signed * (self.unit * 2.0**self.more)).astype(np.float32)


@dataclass(frozen=True)
class _Place:
    """Where a network rounds a float to the integers that it computes with."""

    use: snn.UseOp
    rounded: snn.NeuronOp


def whole_parameters(
    module: ModuleOp, networks: Sequence[snn.NetworkOp], names: Iterable[str], bits: int
) -> dict[str, Whole]:
    """
    Replaces float parameters of a module, and what networks round of them, by integers of so
    many bits (weights) or of 32 (biases). Raises SNC-T001 for what is no such parameter, SNC-C003
    for too few bits.
    """
    found: dict[str, Whole] = {}
    for name in names:
        places = [place for network in networks for place in _places(network, name)]
        whole = _whole(name, places[0], bits)
        declared = next(
            op for op in module.ops if isinstance(op, snn.ParameterOp) and op.sym_name.data == name
        )
        start = constant_of(places[0].rounded.outputs[0])
        assert start is not None
        width = start.itemsize
        shape = declared.type.get_shape()
        exact = start.view(f"i{width}").astype(np.int64).reshape(shape) << whole.more
        size = whole.type.width.data // 8
        stored = exact.astype(f"i{size}").view(f"u{size}")
        made = snn.ParameterOp(name, type_of(stored), blob_of(stored), "learnable")
        Rewriter.replace_op(declared, made, [])
        for place in places:
            _replace(place, whole)
        found[name] = whole
    return found


def _places(network: snn.NetworkOp, name: str) -> list[_Place]:
    found: list[_Place] = []
    for op in list(network.body.block.ops):
        if not isinstance(op, snn.UseOp) or op.symbol != name:
            continue
        for use in op.result.uses:
            reader = use.operation
            if isinstance(reader, snn.ReshapeOp) and reader.result.has_one_use():
                reader = next(iter(reader.result.uses)).operation
            element = (
                stream_type(reader.results[0]).element_type if len(reader.results) == 1 else None
            )
            if (
                not isinstance(reader, snn.NeuronOp)
                or "shadow" not in [port.name for port in reader.parameter_ports]
                or element is None
                or is_float(element)
                or np.prod(shape_of(reader.results[0])) != np.prod(shape_of(op.result))
            ):
                raise error(
                    "SNC-T001",
                    "integer arithmetic: more than the rounding to integers reads it, or one of "
                    "its numbers stands for several",
                    node=name,
                    remedy="leave it out of `trainable`",
                )
            found.append(_Place(op, reader))
    return found


def _whole(name: str, place: _Place, bits: int) -> Whole:
    result = place.rounded.outputs[0]
    width = integer_width(stream_type(result).element_type)
    ends = [
        abs(float(operand.owner.value.value.data))
        for op in place.rounded.body.block.ops
        if isinstance(op, arith.MaximumfOp | arith.MinimumfOp)
        for operand in op.operands
        if isinstance(operand.owner, arith.ConstantOp)
        and isinstance(operand.owner.value, FloatAttr)
    ]
    top = int(min(ends))
    unit = _unit(place, shape_of(place.use.result))
    if width == 32:
        return Whole(name, i32, unit, top, 0)
    own = top.bit_length() + 1
    if bits < own:
        raise error(
            "SNC-C003",
            f"optimizer: bits: expected at least {own}, those of the weights that the network "
            f"computes with, got {bits}",
            node=name,
            remedy=f"SGD(rounding='stochastic', bits={own})",
        )
    more = bits - own
    type = IntegerType(8 if bits <= 8 else 16)
    return Whole(name, type, unit * 2.0**-more, top << more, more)


def _unit(place: _Place, shape: Sequence[int]) -> Array:
    """What one of the integers that the network computes with is worth, as the parameter lies."""
    for port in place.rounded.parameter_ports:
        if port.name == "step":
            step = constant_of(port.operand)
            assert step is not None
            whole = np.broadcast_to(step, shape_of(place.rounded.outputs[0])).astype(np.float64)
            array = whole.reshape(shape)
            first = array.reshape(array.shape[0], -1)[:, :1]
            if np.array_equal(
                np.broadcast_to(first, (len(array), array[0].size)).ravel(), array.ravel()
            ):
                return first.reshape(-1, *(1,) * (array.ndim - 1))
            return array
    divisors = [
        op.rhs.owner.value.value.data
        for op in place.rounded.body.block.ops
        if isinstance(op, arith.DivfOp)
        and isinstance(op.rhs.owner, arith.ConstantOp)
        and isinstance(op.rhs.owner.value, FloatAttr)
    ]
    return np.asarray(float(np.float32(divisors[0])), np.float64)


def _replace(place: _Place, whole: Whole) -> None:
    """The integers themselves in the place of the rounded float."""
    rounded = place.rounded
    shape = shape_of(place.use.result)

    def insert(op: Operation) -> SSAValue:
        Rewriter.insert_op(op, InsertPoint.before(rounded))
        return op.results[0]

    value = insert(snn.UseOp(whole.name, TensorType(whole.type, shape)))
    if shape_of(value) != shape_of(rounded.outputs[0]):
        value = insert(snn.ReshapeOp(value, shape_of(rounded.outputs[0])))
    own = stream_type(rounded.outputs[0]).element_type
    if whole.more:
        value = insert(_narrowed(value, whole.more, integer_width(own)))
    Rewriter.replace_op(rounded, [], [value])
    reader = [use.operation for use in place.use.result.uses]
    for op in reader:
        if isinstance(op, snn.ReshapeOp) and op.result.first_use is None:
            Rewriter.erase_op(op)
    if place.use.result.first_use is None:
        Rewriter.erase_op(place.use)


def _narrowed(value: SSAValue, more: int, width: int) -> snn.NeuronOp:
    """q / 2^more, halves to the even one."""
    builder = IntegerBuilder([stream_type(value).element_type])
    x = builder.insert(arith.ExtSIOp(builder.block.args[0], i32))
    x = builder._shift(x, more, "even")
    result = builder.insert(arith.TruncIOp(x, IntegerType(width)))
    block = builder.finish(snn.NextOp([result], []), {"q"})
    return snn.NeuronOp(
        [],
        [],
        [("q", value)],
        [TensorType(result.type, shape_of(value))],
        Region(block),
    )
