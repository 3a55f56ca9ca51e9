"""What the rules of quantization share: the streams so far, and how operations are added."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DictionaryAttr,
    FloatAttr,
    IntegerType,
    SymbolRefAttr,
    TensorType,
    f64,
    i8,
    i32,
)
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform, type_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_float, node_name, shape_of, stream_type
from snncc.passes.quantization.arithmetic import IntegerBuilder, NoIntegerForm, single
from snncc.passes.quantization.attributes import SCALES, InputRange
from snncc.passes.quantization.bodies import Interval
from snncc.passes.quantization.options import Options

CONSTANT = (1 << 15) - 1
"""The largest whole number of a constant that stands for a stream."""


@dataclass(frozen=True)
class Stream:
    """A value of the integer network; `unit` is None where it was an integer before."""

    value: SSAValue
    unit: Array | None
    largest: float = np.inf
    """The largest magnitude, as a whole number, where it is known beside `intervals`."""


class Frame:
    """A network that is being rewritten. `where` is the operation that new ones stand before."""

    def __init__(
        self,
        network: snn.NetworkOp,
        options: Options,
        inputs: Mapping[str, InputRange],
        intervals: Callable[[SSAValue], Interval],
        observed: Callable[[snn.NeuronOp, str], float | None],
        held: Mapping[snn.NeuronOp, Collection[str]] | None = None,
    ):
        self.network = network
        self.options = options
        self.inputs = inputs
        self.intervals = intervals
        self.observed = observed
        self.held = held or {}
        """States that saturate though the float network's are bounded."""
        self.made: dict[snn.NeuronOp, snn.NeuronOp] = {}
        """Neuron of the float network -> of integers."""
        self.streams: dict[SSAValue, Stream] = {}
        self.in_float: dict[str, list[str]] = {}
        self.input_units: dict[WeightedSum, Array | None] = {}
        """What the whole numbers that each sum reads are worth; None: spikes or counts."""
        self.delays: list[tuple[snn.DelayOp, snn.DelayOp, Array | None]] = []
        self.where: Operation | None = None

    def insert(self, op: Operation) -> Operation:
        assert self.where is not None
        block = self.where.parent_block()
        assert block is not None
        block.insert_op_before(op, self.where)
        return op

    def stream(self, value: SSAValue) -> Stream:
        """What a value is in the integer network; a constant is rounded to 16 bits."""
        if value in self.streams:
            return self.streams[value]
        content = constant_of(value)
        if content is None:
            raise NoIntegerForm("what it reads is not known yet")
        if not is_float(stream_type(value).element_type):
            return Stream(value, None)
        largest = float(np.abs(content).max(initial=0.0))
        whole = np.array_equal(content, np.rint(content)) and largest <= CONSTANT
        unit = single(1.0 if whole else largest / CONSTANT)
        content = np.broadcast_to(np.rint(content / unit), shape_of(value))
        made = self.parameter("constant", content, i32)
        if made.type != TensorType(i32, shape_of(value)):
            symbol = self.declare("constant", _stored(content, 32))
            use = snn.UseOp(symbol, TensorType(i32, shape_of(value)))
            made = self.insert(use).results[0]
        return Stream(made, unit)

    def map(
        self, builder: IntegerBuilder, input: SSAValue, result: SSAValue, name: str, unit: Array
    ) -> SSAValue:
        """An elementwise function of one stream."""
        block = builder.finish(snn.NextOp([result], []), {"x"})
        neuron = snn.NeuronOp(
            [("x", input)],
            [],
            [(n, self.parameter(f"{name}.{n}", a)) for n, a in builder.parameters.items()],
            [TensorType(result.type, shape_of(input))],
            Region(block),
            node=name,
        )
        self.record(neuron, {name: unit})
        return self.insert(neuron).results[0]

    def in_unit(self, value: SSAValue, unit: Array, name: str) -> Stream:
        """A stream in another unit: a rescale that the report shows."""
        stream = self.stream(value)
        current = single(1.0) if stream.unit is None else stream.unit
        element = stream_type(stream.value).element_type
        if stream.unit is not None and np.array_equal(
            np.broadcast_to(current, shape_of(value)), np.broadcast_to(unit, shape_of(value))
        ):
            return stream
        builder = IntegerBuilder([element])
        x: SSAValue = builder.block.args[0]
        if element != i32:
            signed = stream.unit is not None
            x = builder.insert((arith.ExtSIOp if signed else arith.ExtUIOp)(x, i32))
        low, high = self.intervals(value)
        largest = float((np.maximum(np.abs(low), np.abs(high)) / current).max())
        bits = ceil(log2(largest + 2)) if np.isfinite(largest) else 31
        result = builder.scaled(x, current / unit, bits, whole=stream.unit is None)
        return Stream(self.map(builder, stream.value, result, f"{name}.rescale", unit), unit)

    def parameter(self, name: str, array: Array, element: Attribute | None = None) -> SSAValue:
        """A fixed array: a constant where all elements are one, else a parameter of the module."""
        array = np.asarray(array)
        if array.dtype.kind != "f" or element is not None:
            element = element or i32
            assert isinstance(element, IntegerType)
            array = _stored(array, integer_width(element))
        elif array.dtype != np.float32:
            array = array.astype(np.float64)
        if is_uniform(array) and element is not i8:
            array = array.ravel()[:1].reshape(())
            return self.insert(snn.ConstantOp(dense_of(array))).results[0]
        symbol = self.declare(name, array)
        type = TensorType(_element(array), array.shape)
        return self.insert(snn.UseOp(symbol, type)).results[0]

    def declare(self, name: str, array: Array, training: str | None = None) -> str:
        block = self.network.parent_block()
        assert block is not None
        taken = {p.sym_name.data for p in block.ops if isinstance(p, snn.ParameterOp)}
        unique = name
        while unique in taken:
            unique += "'"
        type = TensorType(_element(array), array.shape)
        declared = snn.ParameterOp(unique, type, blob_of(array), training)
        block.insert_op_before(declared, self.network)
        return unique

    def record(self, op: Operation, units: Mapping[str, Array]) -> None:
        """Writes what a whole number is worth onto an operation."""
        found: dict[str, Attribute] = {}
        for name, unit in units.items():
            unit = np.asarray(unit, np.float64)
            if is_uniform(unit):
                found[name] = FloatAttr(float(unit.ravel()[0]), f64)
            else:
                owner = node_name(op) or op.name.removeprefix("snn.")
                found[name] = SymbolRefAttr(self.declare(f"{owner}.{name}.scale", unit))
        if found:
            op.attributes[SCALES] = DictionaryAttr(found)

    def retyped(self, value: SSAValue, element: Attribute) -> SSAValue:
        """The same result with elements of another type."""
        return Rewriter.replace_value_with_new_type(value, TensorType(element, shape_of(value)))


def _stored(array: Array, width: int) -> Array:
    """Whole numbers as the unsigned array of the same bits, which parameters hold."""
    whole = np.asarray(array).astype(np.int64)
    limit = 1 << (width - 1)
    if whole.size and (whole.min() < -limit or whole.max() >= limit):
        raise NoIntegerForm(f"{whole.min()} to {whole.max()} do not fit {width} bits")
    return whole.astype(np.dtype(f"i{width // 8}")).view(np.dtype(f"u{width // 8}"))


def _element(array: Array) -> Attribute:
    return type_of(array).element_type
