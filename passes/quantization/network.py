"""Rewrites a float network into one of integers, operation by operation, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log2

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    AnyFloat,
    DictionaryAttr,
    FloatAttr,
    IntegerType,
    SymbolRefAttr,
    TensorType,
    f32,
    f64,
    i8,
    i16,
    i32,
)
from xdsl.ir import Attribute, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform, rearranged
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import describe, integer_width, node_name, shape_of, stream_type
from snncc.passes.quantization.arithmetic import IntegerBuilder, NoIntegerForm
from snncc.passes.quantization.attributes import GRID, OBSERVED, SCALES, InputRange, read_grid
from snncc.passes.quantization.bodies import BodyWriter, Interval, Written
from snncc.passes.quantization.classes import Classes
from snncc.passes.quantization.formats import formats_of
from snncc.passes.quantization.grids import on_grid, own_scale
from snncc.passes.quantization.options import Options


@dataclass(frozen=True)
class Stream:
    """A value of the integer network; `unit` is None where it was an integer before."""

    value: SSAValue
    unit: Array | None
    largest: float = np.inf
    """The largest magnitude, as a whole number, where it is known beside `intervals`."""


LARGEST_INPUT = (1 << 15) - 1
"""Of a weighted sum: values between layers that are no spikes have 16 bits."""


class NetworkQuantizer:
    """Rewrites the body of one network in place. Raises NoIntegerForm with the layer's name."""

    def __init__(
        self,
        network: snn.NetworkOp,
        options: Options,
        inputs: Mapping[str, InputRange],
        intervals: Callable[[SSAValue], Interval],
        observed: Callable[[snn.NeuronOp, str], float | None],
    ):
        self.network = network
        self.options = options
        self.inputs = inputs
        self.intervals = intervals
        self.observed = observed
        self.streams: dict[SSAValue, Stream] = {}
        self.scales: dict[WeightedSum, Array] = {}
        self.in_float: dict[str, list[str]] = {}
        self.input_units: dict[WeightedSum, Array | None] = {}
        """What the whole numbers that each sum reads are worth; None: spikes or counts."""
        self._delays: list[tuple[snn.DelayOp, snn.DelayOp, Array | None]] = []
        self._where: Operation | None = None

    def run(self) -> None:
        block = self.network.body.block
        old = list(block.ops)
        for name, value in self.network.inputs.items():
            self._where = block.first_op
            self.streams[value] = self._input(name, value)
        for op in old:
            self._where = op
            try:
                self._rewrite(op)
            except NoIntegerForm as fault:
                raise NoIntegerForm(f"{describe(op)}: {fault}") from None
        self._where = self.network.yield_op
        for given, made, unit in self._delays:
            self._feed(given, made, unit)
        streams = [self._output(value) for value in self.network.yield_op.streams]
        self.network.yield_op.operands = streams
        for op in reversed(old):
            if not isinstance(op, snn.YieldOp | snn.UseOp | snn.ConstantOp):
                op.detach()
                op.erase(safe_erase=False)

    def _insert(self, op: Operation) -> Operation:
        assert self._where is not None
        block = self._where.parent_block()
        assert block is not None
        block.insert_op_before(op, self._where)
        return op

    def _rewrite(self, op: Operation) -> None:
        match op:
            case snn.UseOp() | snn.ConstantOp() | snn.YieldOp():
                return
            case WeightedSum():
                self._sum(op)
            case snn.Pool2dOp():
                self._pool(op)
            case snn.ReshapeOp() | snn.RearrangeOp():
                self._arrange(op)
            case snn.ConcatOp():
                self._concat(op)
            case snn.DelayOp():
                self._delay(op)
            case snn.NeuronOp():
                self._neuron(op)
            case _:
                raise NoIntegerForm("run snn-fuse-elementwise first")

    # --- the ends of the network

    def _input(self, name: str, value: SSAValue) -> Stream:
        if not isinstance(stream_type(value).element_type, AnyFloat):
            return Stream(value, None)
        known = self.inputs.get(name)
        if known is None:
            raise NoIntegerForm(f"input {name!r}: its range is not known; calibrate")
        largest = max(abs(known.low), abs(known.high), 1e-30)
        top = (1 << (self.options.input_bits - 1)) - 1
        step = known.step
        if step is None or largest / step > top:
            step = largest / top
        builder = IntegerBuilder([stream_type(value).element_type])
        (x,) = builder.block.args
        element = x.type
        assert isinstance(element, AnyFloat)

        def number(given: float) -> SSAValue:
            return builder.insert(arith.ConstantOp(FloatAttr(given, element)))

        low, high = ceil(known.low / step - 0.5), floor(known.high / step + 0.5)
        scaled = builder.insert(arith.MulfOp(x, number(1.0 / step)))
        for test, bound in (("olt", float(high)), ("ogt", float(low))):
            inside = builder.insert(arith.CmpfOp(scaled, number(bound), test))
            scaled = builder.insert(arith.SelectOp(inside, scaled, number(bound)))
        whole = builder.insert(math.RoundEvenOp(scaled))
        result = builder.insert(arith.FPToSIOp(whole, i32))
        new = self._map(builder, value, result, f"{name}.whole", np.float64(step))
        return Stream(new, np.float64(step))

    def _output(self, value: SSAValue) -> SSAValue:
        stream = self.streams.get(value)
        if stream is None:  # a constant
            return value
        if stream.unit is None:
            return stream.value
        builder = IntegerBuilder([i32, f32])
        whole, unit = builder.block.args
        result = builder.insert(arith.MulfOp(builder.insert(arith.SIToFPOp(whole, f32)), unit))
        scale = np.asarray(stream.unit, np.float32)
        builder.finish(snn.NextOp([result], []), {"x", "scale"})
        neuron = snn.NeuronOp(
            [("x", stream.value)],
            [],
            [("scale", self._parameter("output.scale", scale))],
            [TensorType(f32, shape_of(value))],
            Region(builder.block),
        )
        return self._insert(neuron).results[0]

    def _map(
        self, builder: IntegerBuilder, input: SSAValue, result: SSAValue, name: str, unit: Array
    ) -> SSAValue:
        """An elementwise function of one stream."""
        block = builder.finish(snn.NextOp([result], []), {"x"})
        neuron = snn.NeuronOp(
            [("x", input)],
            [],
            [(n, self._parameter(f"{name}.{n}", a)) for n, a in builder.parameters.items()],
            [TensorType(result.type, shape_of(input))],
            Region(block),
            node=name,
        )
        self._record(neuron, {name: unit})
        return self._insert(neuron).results[0]

    # --- sums

    def _sum(self, op: WeightedSum) -> None:
        weight = constant_of(op.weight)
        if weight is None:
            raise NoIntegerForm("the weight is not constant")
        stream = self._uniform_for(op)
        self.input_units[op] = stream.unit
        effective = self._effective(op, weight, stream.unit)
        scale = self._scale_of(op, effective)
        bits = self.options.bits_of(node_name(op))
        grid = on_grid(effective, scale, bits)
        new_weight = self._parameter(f"{_symbol(op.weight)}.int{bits}", grid.whole, i8)
        bias: SSAValue | None = None
        if op.bias is not None:
            array = constant_of(op.bias)
            if array is None:
                raise NoIntegerForm("the bias is not constant")
            bias = self._parameter(f"{_symbol(op.bias)}.whole", np.rint(array / scale), i32)
        operands = [stream.value, new_weight] + ([] if bias is None else [bias])
        made = op.with_operands(operands)
        made.attributes.pop(GRID, None)
        self._retyped(made.results[0], i32)
        channels = (-1, *(1,) * (len(shape_of(op.result)) - 1))
        unit = scale.reshape(channels)
        self._record(made, {"result": unit})
        self._insert(made)
        self.streams[op.result] = Stream(made.results[0], unit)

    def _retyped(self, value: SSAValue, element: Attribute) -> SSAValue:
        from xdsl.rewriter import Rewriter

        return Rewriter.replace_value_with_new_type(value, TensorType(element, shape_of(value)))

    def _uniform_for(self, op: WeightedSum) -> Stream:
        """The input, in a unit that goes into the weights: of a convolution one per channel."""
        stream = self.streams[op.input]
        if stream.unit is None:
            return stream
        unit = stream.unit
        if not isinstance(op, snn.LinearOp):
            full = np.broadcast_to(stream.unit, shape_of(op.input))
            rows = full.reshape(full.shape[0], -1)
            if not np.all(rows == rows[:, :1]):
                unit = np.float64(rows.max())
        low, high = self.intervals(op.input)
        largest = float((np.maximum(np.abs(low), np.abs(high)) / unit).max())
        if not np.isfinite(largest):
            largest = stream.largest * float(np.max(stream.unit / unit))
        if largest > LARGEST_INPUT:  # a product and a sum of these have room in 32 bits
            unit = unit * 2.0 ** ceil(log2(largest / LARGEST_INPUT))
        return self._in_unit(op.input, unit, node_name(op) or "input")

    def _effective(self, op: WeightedSum, weight: Array, unit: Array | None) -> Array:
        """The weights of whole inputs."""
        weight = weight.astype(np.float64)
        if unit is None:
            return weight
        full = np.broadcast_to(unit, shape_of(op.input))
        if isinstance(op, snn.LinearOp):
            return weight * full[None, :]
        channels = full.reshape(full.shape[0], -1)[:, 0]
        assert isinstance(op, snn.Conv1dOp | snn.Conv2dOp)
        groups = op.group_count
        per_output = np.repeat(channels.reshape(groups, -1), weight.shape[0] // groups, axis=0)
        return weight * per_output.reshape(*per_output.shape, *(1,) * (weight.ndim - 2))

    def _scale_of(self, op: WeightedSum, effective: Array) -> Array:
        """
        The scale of a sum's outputs: its own, but sums that meet in one neuron differ by a
        power of two, so that one shift brings them together.
        """
        if op in self.scales:
            return self.scales[op]
        rounded = read_grid(op)
        if rounded is not None:
            return rounded
        own = {op: self._own_scale(op, effective)}
        for other in _meeting(op):
            if other is op or other in self.scales or read_grid(other) is not None:
                continue
            known = self.streams.get(other.input)
            if known is None and isinstance(stream_type(other.input).element_type, AnyFloat):
                continue
            weight = constant_of(other.weight)
            if weight is not None and shape_of(other.result) == shape_of(op.result):
                unit = None if known is None else known.unit
                own[other] = self._own_scale(other, self._effective(other, weight, unit))
        anchor = np.max(list(own.values()), axis=0)
        for each, scale in own.items():
            steps = np.floor(np.log2(anchor / scale).min() + 1e-9)
            self.scales[each] = anchor * 2.0**-steps
        return self.scales[op]

    def _own_scale(self, op: WeightedSum, effective: Array) -> Array:
        return own_scale(
            effective,
            self.options.bits_of(node_name(op)),
            per_channel=self.options.per_channel,
            clip=self.options.clip,
            power_of_two=self.options.power_of_two,
        )

    # --- what moves elements

    def _pool(self, op: snn.Pool2dOp) -> None:
        stream = self.streams[op.input]
        pool, unit = op.pool.data, stream.unit
        if unit is not None:
            full = np.broadcast_to(unit, shape_of(op.input))
            rows = full.reshape(full.shape[0], -1)
            if not np.all(rows == rows[:, :1]):
                stream = self._in_unit(op.input, np.float64(rows.max()), node_name(op) or "pool")
                unit = stream.unit
            assert unit is not None
            unit = np.broadcast_to(unit, shape_of(op.input))[:, :1, :1]
        element = stream_type(stream.value).element_type
        if pool is Pool.AVG:
            unit = (np.float64(1.0) if unit is None else unit) / _window_sizes(op)
        elif pool is Pool.SUM and unit is None:
            unit = np.float64(1.0)
        made = snn.Pool2dOp(
            Pool.MAX if pool is Pool.MAX else Pool.SUM,
            stream.value,
            kernel=op.kernels,
            stride=op.strides,
            padding=[p for pair in op.paddings for p in pair],
            element=element if pool is Pool.MAX else i32,
            node=node_name(op),
        )
        if unit is not None:
            self._record(made, {"result": unit})
        self._insert(made)
        self.streams[op.result] = Stream(made.result, unit)

    def _arrange(self, op: snn.ReshapeOp | snn.RearrangeOp) -> None:
        if constant_of(op.result) is not None:
            return  # of a parameter: what reads it has its content
        stream = self.streams[op.input]
        made = op.clone({op.input: stream.value})
        self._retyped(made.results[0], stream_type(stream.value).element_type)
        self._insert(made)
        unit = stream.unit
        if unit is not None and not is_uniform(np.asarray(unit)):
            full = np.broadcast_to(unit, shape_of(op.input))
            if isinstance(op, snn.ReshapeOp):
                unit = full.reshape(shape_of(op.result))
            else:
                moved = rearranged(full.reshape(1, -1).copy(), op.indices)[0]
                unit = np.where(moved > 0, moved, full.max())
        elif unit is not None:
            unit = np.float64(np.ravel(unit)[0])
        self.streams[op.result] = Stream(made.results[0], unit)

    def _concat(self, op: snn.ConcatOp) -> None:
        streams = [self.streams[value] for value in op.inputs]
        axis = op.axis.value.data
        unit: Array | None = None
        if any(stream.unit is not None for stream in streams):
            units = [np.float64(1.0) if s.unit is None else s.unit for s in streams]
            full = [
                np.broadcast_to(u, shape_of(value))
                for u, value in zip(units, op.inputs, strict=True)
            ]
            unit = np.concatenate(full, axis)
            streams = [
                self._in_unit(value, u, "concat") if s.unit is None else s
                for value, u, s in zip(op.inputs, units, streams, strict=True)
            ]
        made = snn.ConcatOp([stream.value for stream in streams], axis, node=node_name(op))
        self._insert(made)
        self.streams[op.result] = Stream(made.results[0], unit)

    def _delay(self, op: snn.DelayOp) -> None:
        """Its operand may stand below it: it is put in at the end."""
        element = stream_type(op.stream).element_type
        unit: Array | None = None
        init = constant_of(op.init)
        if init is None:
            raise NoIntegerForm("a delay that starts from a stream")
        if isinstance(element, AnyFloat):
            known = self.streams.get(op.stream)
            low, high = self.intervals(op.result)
            largest = float(np.maximum(np.abs(low), np.abs(high)).max(initial=1e-30))
            if known is not None and known.unit is not None:
                unit = known.unit
            elif np.isfinite(largest):
                unit = np.float64(2.0 ** -floor(log2(32767 / largest)))
            else:
                raise NoIntegerForm("nothing bounds the delayed stream")
            whole = np.rint(init / unit)
            start = self._parameter(f"{node_name(op) or 'delay'}.init", whole, i32)
            element = i32
        else:
            start = op.init
        made = op.clone({op.init: start})
        self._retyped(made.results[0], element)
        self._insert(made)
        self._delays.append((op, made, unit))
        self.streams[op.result] = Stream(made.results[0], unit)

    def _feed(self, given: snn.DelayOp, made: snn.DelayOp, unit: Array | None) -> None:
        if unit is None:
            stream = self.streams.get(given.stream)
            made.operands[0] = given.stream if stream is None else stream.value
            return
        made.operands[0] = self._in_unit(given.stream, unit, node_name(given) or "delay").value

    def _in_unit(self, value: SSAValue, unit: Array, name: str) -> Stream:
        """A stream in another unit: a rescale that the report shows."""
        stream = self.streams[value]
        current = np.float64(1.0) if stream.unit is None else stream.unit
        element = stream_type(stream.value).element_type
        if stream.unit is not None and np.array_equal(
            np.broadcast_to(current, shape_of(value)), np.broadcast_to(unit, shape_of(value))
        ):
            return stream
        builder = IntegerBuilder([element])
        (x,) = builder.block.args
        if element != i32:
            signed = stream.unit is not None
            x = builder.insert((arith.ExtSIOp if signed else arith.ExtUIOp)(x, i32))
        low, high = self.intervals(value)
        largest = float((np.maximum(np.abs(low), np.abs(high)) / current).max())
        bits = ceil(log2(largest + 2)) if np.isfinite(largest) else 31
        result = builder.scaled(x, current / unit, bits, whole=stream.unit is None)
        return Stream(self._map(builder, stream.value, result, f"{name}.rescale", unit), unit)

    # --- neurons

    def _neuron(self, op: snn.NeuronOp) -> None:
        classes = Classes(op)
        ports: dict[SSAValue, Array | None] = {}
        inputs: dict[str, SSAValue] = {}
        for port in op.input_ports:
            stream = self.streams.get(port.operand)
            if stream is None:
                constant = constant_of(port.operand)
                assert constant is not None, "an input is a stream or constant"
                raise NoIntegerForm(f"input {port.name!r} is a constant")
            ports[port.argument] = stream.unit
            inputs[port.name] = stream.value
        formats = formats_of(
            classes,
            ports,
            self.intervals,
            lambda value: self.observed(op, value.name_hint or ""),
            self.options.state_bits,
        )
        writer = BodyWriter(
            classes,
            formats,
            ports,
            self.intervals,
            shift_decays=self.options.decay == "shift",
        )
        written = writer.write()
        made = self._made(op, written, inputs)
        if written.in_float:
            self.in_float[node_name(op) or "neuron"] = written.in_float
        self._insert(made)
        for result, new, unit in zip(op.outputs, made.outputs, written.outputs, strict=True):
            self.streams[result] = Stream(new, unit, written.largest)

    def _made(
        self, op: snn.NeuronOp, written: Written, inputs: Mapping[str, SSAValue]
    ) -> snn.NeuronOp:
        node = node_name(op)
        states: list[tuple[str, SSAValue]] = []
        scales: dict[str, Array] = {}
        for port, unit in zip(op.state_ports, written.states, strict=True):
            first = constant_of(port.operand)
            if first is None:
                raise NoIntegerForm(f"state {port.name!r} starts from a stream")
            if unit is None:
                states.append((port.name, port.operand))
                continue
            whole = np.rint(first / unit)
            states.append((port.name, self._parameter(f"{node}.{port.name}.init", whole, i32)))
            scales[port.name] = unit
        parameters = [
            (name, self._parameter(f"{node}.{name}", array))
            for name, array in written.parameters.items()
        ]
        elements = [value.type for value in written.block.last_op.operands[: len(op.outputs)]]
        made = snn.NeuronOp(
            list(inputs.items()),
            states,
            parameters,
            [TensorType(element, op.population) for element in elements],
            Region(written.block),
            node=node,
        )
        made.attributes.update({k: v for k, v in op.attributes.items() if k != OBSERVED})
        for index, unit in enumerate(written.outputs):
            if unit is not None:
                scales[f"output{index or ''}"] = unit
        self._record(made, scales)
        return made

    # --- parameters

    def _parameter(self, name: str, array: Array, element: Attribute | None = None) -> SSAValue:
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
            return self._insert(snn.ConstantOp(dense_of(array))).results[0]
        symbol = self._declare(name, array)
        type = TensorType(_element(array), array.shape)
        return self._insert(snn.UseOp(symbol, type)).results[0]

    def _declare(self, name: str, array: Array) -> str:
        block = self.network.parent_block()
        assert block is not None
        taken = {p.sym_name.data for p in block.ops if isinstance(p, snn.ParameterOp)}
        unique = name
        while unique in taken:
            unique += "'"
        type = TensorType(_element(array), array.shape)
        block.insert_op_before(snn.ParameterOp(unique, type, blob_of(array)), self.network)
        return unique

    def _record(self, op: Operation, units: Mapping[str, Array]) -> None:
        """Writes what a whole number is worth onto an operation."""
        found: dict[str, Attribute] = {}
        for name, unit in units.items():
            unit = np.asarray(unit, np.float64)
            if is_uniform(unit):
                found[name] = FloatAttr(float(unit.ravel()[0]), f64)
            else:
                owner = node_name(op) or op.name.removeprefix("snn.")
                found[name] = SymbolRefAttr(self._declare(f"{owner}.{name}.scale", unit))
        if found:
            op.attributes[SCALES] = DictionaryAttr(found)


def _meeting(op: WeightedSum) -> list[WeightedSum]:
    """The sums that feed the same neuron as this one."""
    if not op.result.has_one_use():
        return [op]
    user = op.result.first_use.operation if op.result.first_use else None
    if not isinstance(user, snn.NeuronOp):
        return [op]
    owners = [value.owner for value in user.inputs]
    return [o for o in owners if isinstance(o, WeightedSum) and o.result.has_one_use()]


def _window_sizes(op: snn.Pool2dOp) -> Array:
    """What each window is divided by: one number, or one for each place [1, H, W]."""
    if not op.excludes_padding:
        return np.float64(op.kernels[0] * op.kernels[1])
    shape, inside = shape_of(op.result), []
    for axis in range(2):
        first = np.arange(shape[1 + axis]) * op.strides[axis] - op.paddings[axis][0]
        last = np.minimum(first + op.kernels[axis], shape_of(op.input)[1 + axis])
        inside.append(last - np.maximum(first, 0))
    return np.multiply.outer(*inside)[None].astype(np.float64)


def _symbol(value: SSAValue) -> str:
    owner = value.owner
    while isinstance(owner, snn.ReshapeOp | snn.RearrangeOp):
        owner = owner.input.owner
    return owner.symbol if isinstance(owner, snn.UseOp) else "constant"


def _stored(array: Array, width: int) -> Array:
    """Whole numbers as the unsigned array of the same bits, which parameters hold."""
    signed = {8: np.int8, 16: np.int16, 32: np.int32}[width]
    whole = np.asarray(array).astype(np.int64)
    info = np.iinfo(signed)
    if whole.size and (whole.min() < info.min or whole.max() > info.max):
        raise NoIntegerForm(f"{whole.min()} to {whole.max()} do not fit {width} bits")
    return whole.astype(signed).view({8: np.uint8, 16: np.uint16, 32: np.uint32}[width])


def _element(array: Array) -> Attribute:
    return (
        {1: i8, 2: i16, 4: i32}[array.dtype.itemsize]
        if array.dtype.kind == "u"
        else (f32 if array.dtype == np.float32 else f64)
    )
