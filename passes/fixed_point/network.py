"""Rewrites a network with floats into one of fixed-point numbers, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    IntegerType,
    ModuleOp,
    TensorType,
    i1,
    i8,
    i16,
    i32,
)
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform, type_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.fixed import is_fixed, used_parameters
from snncc.dialects.snn.network import SUM
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.parameters import FIXED
from snncc.dialects.snn.types import (
    describe,
    integer_width,
    is_float,
    node_name,
    shape_of,
    stream_type,
)
from snncc.passes.fixed_point import formats
from snncc.passes.fixed_point.arithmetic import FixedPoint, Number
from snncc.passes.fixed_point.bodies import FixedBody
from snncc.passes.fixed_point.formats import (
    FACTOR,
    WIDE,
    Format,
    NoFixedPoint,
    Seen,
    factor_format,
    format_of,
)


@dataclass(frozen=True)
class Stream:
    """A stream of whole numbers, and how it counts."""

    value: SSAValue
    format: Format


@dataclass
class Fixed:
    """A network of fixed-point numbers."""

    network: snn.NetworkOp
    inputs: dict[str, Format]
    """Input that was of floats -> how its whole numbers count."""
    outputs: dict[str, Format]
    """Of outputs."""


def fixed_point(
    module: ModuleOp,
    network: snn.NetworkOp,
    seen: Seen,
    interpreter: Interpreter,
    *,
    learned: Collection[str] = (),
    inputs: Mapping[str, Format] | None = None,
    sums: Mapping[str, float] | None = None,
) -> Fixed:
    """
    Replaces a network of a module by one without floats, whose elementwise operations are
    bodies. `seen` are the magnitudes in calibration, `sums` those of the outputs that are sums
    over time; `learned` are parameters that move, which are integers by now; `inputs` the
    formats of inputs that are known: of 32 bits where the limit needs them, else of 16.

    Raises NoFixedPoint, which names the operation.
    """
    return _Rewriting(module, network, seen, interpreter, learned, inputs or {}, sums or {}).run()


class _Rewriting:
    def __init__(
        self,
        module: ModuleOp,
        network: snn.NetworkOp,
        seen: Seen,
        interpreter: Interpreter,
        learned: Collection[str],
        inputs: Mapping[str, Format],
        sums: Mapping[str, float],
    ):
        self.module = module
        self.network = network
        self.seen = seen
        self.interpreter = interpreter
        self.learned = learned
        self.inputs = inputs
        self.sums = sums
        self.streams: dict[SSAValue, Stream] = {}
        self.delays: list[tuple[snn.DelayOp, snn.DelayOp, Format]] = []
        self.where: Operation = network.yield_op
        self._known: dict[SSAValue, Array] = {}

    def run(self) -> Fixed:
        block = self.network.body.block
        old = list(block.ops)
        found: dict[str, Format] = {}
        for name, value in self.network.inputs.items():
            if is_float(stream_type(value).element_type):
                found[name] = self._input(name, value)
        for op in old:
            self.where = op
            if isinstance(op, snn.YieldOp) or not _has_floats(op):
                continue
            if self._is_constant(op):
                self._kept(op)
                continue
            rule = RULES.get(type(op))
            if rule is None:
                raise NoFixedPoint(f"{describe(op)}: {op.name} has no fixed-point form")
            rule(self, op)
        for given, delay, format in self.delays:
            self.where = self.network.yield_op
            delay.operands = [self._in_format(given.stream, format), delay.init]
        kinds = self.network.kinds
        outputs: dict[str, Format] = {}
        values: list[SSAValue] = []
        for name, value in self.network.outputs.items():
            if is_float(stream_type(value).element_type):
                stream = self._stream(value)
                outputs[name] = stream.format
                value = stream.value
                if kinds[name] == SUM and stream_type(value).element_type != i32:
                    value = self._extended(value)
            values.append(value)
        made = self._rebuilt(values, found)
        for op in reversed(old):
            if op.parent is None or isinstance(op, snn.YieldOp):
                continue
            if _has_floats(op) or all(r.first_use is None for r in op.results):
                Rewriter.erase_op(op, safe_erase=False)
        made.verify()
        return Fixed(made, found, outputs)

    # --- values

    def _is_constant(self, op: Operation) -> bool:
        return is_fixed(op) and not any(name in self.learned for name in used_parameters(op))

    def constant(self, value: SSAValue) -> Array | None:
        """What is the same at every step and does not move; integers are signed."""
        owner = value.owner
        if not isinstance(owner, Operation) or not self._is_constant(owner):
            return None
        array = constant_of(value, self._known)
        assert array is not None
        element = stream_type(value).element_type
        if is_float(element):
            return array.astype(np.float64)
        width = integer_width(element)
        return array.astype(np.int64) if width == 1 else array.view(f"i{width // 8}").astype("i8")

    def _kept(self, op: Operation) -> None:
        """What is rounded of floats that do not move: the integers of a layer that none trains."""
        for result in op.results:
            element = stream_type(result).element_type
            if result.first_use is None or not isinstance(element, IntegerType):
                continue
            array = self.constant(result)
            if array is None or element == i1:
                raise NoFixedPoint(f"{describe(op)}: spikes that follow from constants of floats")
            result.replace_all_uses_with(self._array("constant", array, element))

    def _stream(self, value: SSAValue) -> Stream:
        """A float stream as it is now; a constant has 16 bits."""
        if value in self.streams:
            return self.streams[value]
        array = self.constant(value)
        if array is None:
            raise NoFixedPoint("what it reads is not known yet")
        format = factor_format(array)
        self.streams[value] = Stream(self._array("constant", format.whole(array), i16), format)
        return self.streams[value]

    def _array(self, name: str, whole: Array, element: IntegerType) -> SSAValue:
        width = element.width.data
        bits = whole.astype(f"i{width // 8}").view(f"u{width // 8}")
        if is_uniform(bits) and element != i8:
            flat = dense_of(bits.ravel()[:1].reshape(()))
            if bits.ndim == 0 or element == i32:
                return self._insert(snn.ConstantOp(flat))
        return self._insert(snn.UseOp(self._declare(name, bits), type_of(bits)))

    def _declare(self, name: str, bits: Array) -> str:
        known = {p.sym_name.data: p for p in self.module.ops if isinstance(p, snn.ParameterOp)}
        unique, number = name, 0
        while unique in known:
            number += 1
            unique = f"{name}.{number}"
        made = snn.ParameterOp(unique, type_of(bits), blob_of(bits), FIXED)
        self.module.body.block.insert_op_before(made, self.network)
        return unique

    def _insert(self, op: Operation) -> SSAValue:
        block = self.where.parent_block()
        assert block is not None
        block.insert_op_before(op, self.where)
        return op.results[0]

    def _input(self, name: str, value: SSAValue) -> Format:
        format = self.inputs.get(name) or format_of(self.seen.of(value), FACTOR)
        element = i16 if format.bits <= FACTOR else i32
        new = Rewriter.replace_value_with_new_type(value, TensorType(element, shape_of(value)))
        self.seen.largest[new] = self.seen.of(value)
        self.streams[new] = Stream(new, format)
        return format

    def _map(
        self, x: SSAValue, write: Callable[[FixedPoint, SSAValue], SSAValue], shape: Sequence[int]
    ) -> SSAValue:
        """An elementwise function of a stream of integers."""
        body = FixedPoint([stream_type(x).element_type])
        (argument,) = body.block.args
        value: SSAValue = argument
        if argument.type != i32:
            value = body.insert(arith.ExtSIOp(argument, i32))
        result = write(body, value)
        region = Region(body.finish(snn.NextOp([result], []), {"x"}))
        return self._insert(
            snn.NeuronOp([("x", x)], [], [], [TensorType(result.type, tuple(shape))], region)
        )

    def _extended(self, value: SSAValue) -> SSAValue:
        return self._map(value, lambda b, x: x, shape_of(value))

    def _in_format(self, value: SSAValue, format: Format) -> SSAValue:
        """A float stream in a format of 16 bits."""
        stream = self._stream(value)
        if stream.format == format and stream_type(stream.value).element_type == i16:
            return stream.value

        def write(b: FixedPoint, x: SSAValue) -> SSAValue:
            found = b.in_exponent(Number(x, stream.format), format.exponent, format.limit)
            return b.insert(arith.TruncIOp(found.value, i16))

        return self._map(stream.value, write, shape_of(value))

    def _factor(self, value: SSAValue, bits: int) -> Stream:
        """A stream that is multiplied, of at most so many bits; integers count 1."""
        element = stream_type(value).element_type
        if isinstance(element, IntegerType):
            width = element.width.data
            limit = 1 if width == 1 else 1 << (width - 1)
            stream = Stream(value, Format(0, limit))
        else:
            stream = self._stream(value)
        if stream.format.bits <= bits or stream.format.limit == 1 << bits:
            return stream
        largest = self.seen.of(value)
        wanted = format_of(largest, bits)
        if wanted.exponent < stream.format.exponent:
            wanted = Format(stream.format.exponent, wanted.limit)

        def write(b: FixedPoint, x: SSAValue) -> SSAValue:
            found = b.in_exponent(Number(x, stream.format), wanted.exponent, wanted.limit)
            return b.insert(arith.TruncIOp(found.value, i16))

        return Stream(self._map(stream.value, write, shape_of(value)), wanted)

    # --- rules

    def neuron(self, op: snn.NeuronOp) -> None:
        if _is_conversion(op) and stream_type(op.operands[0]).element_type != i1:
            width = integer_width(stream_type(op.operands[0]).element_type)
            self.streams[op.outputs[0]] = Stream(op.operands[0], Format(0, 1 << (width - 1)))
            return
        constants: dict[SSAValue, Array] = {}
        for port in (*op.input_ports, *op.parameter_ports):
            array = self.constant(port.operand)
            if array is not None:
                constants[port.argument] = array
        kept: list[list[tuple[str, SSAValue]]] = [[], [], []]
        ports: dict[SSAValue, Format] = {}
        states: dict[SSAValue, Format] = {}
        arguments: list[Attribute] = []
        groups = (op.input_ports, op.state_ports, op.parameter_ports)
        for place, group in enumerate(groups):
            for index, port in enumerate(group):
                if port.argument in constants:
                    continue
                operand = port.operand
                if place == 1 and isinstance(port.argument.type, AnyFloat):
                    after = op.terminator.states[index]
                    states[port.argument], operand = self._state(op, port, after)
                elif isinstance(port.argument.type, AnyFloat):
                    stream = self._stream(operand)
                    ports[port.argument], operand = stream.format, stream.value
                kept[place].append((port.name, operand))
                arguments.append(stream_type(operand).element_type)
        wanted = [self._wanted(result) for result in op.outputs]
        body = FixedBody(
            op, arguments, self.seen, ports, constants, states, wanted, self.interpreter
        )
        body.write()
        last = body.block.last_op
        assert isinstance(last, snn.NextOp)
        parameters = [
            (name, self._array(f"{node_name(op) or 'factor'}.{name}", array, i32))
            for name, array in body.parameters.items()
        ]
        made = snn.NeuronOp(
            kept[0],
            kept[1],
            [*kept[2], *parameters],
            [TensorType(value.type, op.population) for value in last.outputs],
            Region(body.block),
            node=node_name(op),
        )
        made.attributes.update(op.attributes)
        self._insert(made)
        for result, new, format in zip(op.outputs, made.outputs, body.made, strict=True):
            if format is None:
                result.replace_all_uses_with(new)
            else:
                self.streams[result] = Stream(new, format)

    def _state(self, op: snn.NeuronOp, port: Port, after: SSAValue) -> tuple[Format, SSAValue]:
        first = self.constant(port.operand)
        if first is None:
            raise NoFixedPoint(f"{describe(op)}: state {port.name!r} starts from a stream")
        largest = max(self.seen.of(port.argument, after), float(np.abs(first).max(initial=0.0)))
        format = format_of(largest, WIDE)
        return format, self._array("first", format.whole(first), i32)

    def _wanted(self, result: SSAValue) -> Format | None:
        """The format of what leaves the network; of other streams the body chooses one."""
        for use in result.uses:
            if use.operation is not self.network.yield_op:
                continue
            name, kind = list(self.network.kinds.items())[use.index]
            if kind == SUM:
                return format_of(self.sums.get(name, 0.0), formats.SUM)
            return format_of(self.seen.of(result), WIDE)
        return None

    def linear(self, op: snn.LinearOp) -> None:
        if op.bias is not None:
            raise NoFixedPoint(f"{describe(op)}: a bias of floats")
        terms = shape_of(op.weight)[1]
        room = 31 - (terms - 1).bit_length()
        array = self.constant(op.weight)
        if array is None:
            weight = self._stream(op.weight)
            x = self._factor(op.input, min(FACTOR, room - weight.format.bits))
        else:
            x = self._factor(op.input, min(FACTOR, room - 7))
            bits = min(FACTOR, room - x.format.bits)
            format = factor_format(array, 7 if bits < FACTOR else FACTOR)
            element = i8 if format.bits <= 7 else i16
            weight = Stream(self._array("weight", format.whole(array), element), format)
        made = snn.LinearOp(x.value, weight.value, element=i32, node=node_name(op))
        limit = x.format.limit * weight.format.limit * terms
        if limit >= 1 << 31:
            raise NoFixedPoint(f"{describe(op)}: sums of {terms} terms")
        exponent = x.format.exponent + weight.format.exponent
        self.streams[op.result] = Stream(self._insert(made), Format(exponent, limit))

    def reduce(self, op: snn.ReduceOp) -> None:
        if op.pool.data is Pool.MAX:
            stream = self._stream(op.input)
            made = snn.ReduceOp("max", stream.value, shape_of(op.result), node=node_name(op))
            self.streams[op.result] = Stream(self._insert(made), stream.format)
            return
        terms = prod(shape_of(op.input))
        if prod(shape_of(op.result)) != 1:
            raise NoFixedPoint(f"{describe(op)}: a reduction to several elements")
        x = self._factor(op.input, min(FACTOR, 30 - (terms - 1).bit_length()))
        flat = self._insert(snn.ReshapeOp(x.value, (terms,)))
        ones = self._array("ones", np.ones((1, terms)), i8)
        total = self._insert(snn.LinearOp(flat, ones, element=i32, node=node_name(op)))
        shaped = self._insert(snn.ReshapeOp(total, shape_of(op.result)))
        format = Format(x.format.exponent, x.format.limit * terms)
        self.streams[op.result] = Stream(shaped, format)

    def move(self, op: snn.ReshapeOp | snn.RearrangeOp) -> None:
        stream = self._stream(op.input)
        made: Operation
        if isinstance(op, snn.ReshapeOp):
            made = snn.ReshapeOp(stream.value, shape_of(op.result))
        else:
            made = snn.RearrangeOp(stream.value, op.indices)
        self.streams[op.results[0]] = Stream(self._insert(made), stream.format)

    def delay(self, op: snn.DelayOp) -> None:
        first = self.constant(op.init)
        if first is None:
            raise NoFixedPoint(f"{describe(op)}: starts from a stream")
        if len(op.steps_per_element) > 1:
            raise NoFixedPoint(f"{describe(op)}: its delays differ")
        largest = max(self.seen.of(op.stream), float(np.abs(first).max(initial=0.0)))
        format = format_of(largest, FACTOR)
        init = self._array("first", format.whole(first), i16)
        shape = shape_of(op.stream)
        stand_in = self._array("stand_in", np.arange(prod(shape)).reshape(shape) % 2, i16)
        made = snn.DelayOp(stand_in, op.depth, init, node=node_name(op))
        self.streams[op.result] = Stream(self._insert(made), format)
        self.delays.append((op, made, format))

    # --- the result

    def _rebuilt(self, values: Sequence[SSAValue], found: Mapping[str, Format]) -> snn.NetworkOp:
        network = self.network
        Rewriter.replace_op(network.yield_op, snn.YieldOp(values), [])
        made = snn.NetworkOp(
            network.sym_name.data,
            [(name, stream_type(value)) for name, value in network.inputs.items()],
            [
                (name, stream_type(value))
                for name, value in zip(network.outputs, values, strict=True)
            ],
            network.detach_region(network.body),
            dict(network.attributes),
            kinds=list(network.kinds.values()),
            reverse=network.is_reverse,
        )
        Rewriter.replace_op(network, made, [])
        return made


RULES: dict[type[Operation], Callable[[_Rewriting, Any], None]] = {
    snn.NeuronOp: _Rewriting.neuron,
    snn.LinearOp: _Rewriting.linear,
    snn.ReduceOp: _Rewriting.reduce,
    snn.ReshapeOp: _Rewriting.move,
    snn.RearrangeOp: _Rewriting.move,
    snn.DelayOp: _Rewriting.delay,
}
"""Operation -> how it is rewritten; everything elementwise is a neuron by now."""


def _has_floats(op: Operation) -> bool:
    """Whether an operation computes with floats, reads or gives some."""
    values = [*op.operands, *op.results]
    if any(is_float(stream_type(value).element_type) for value in values):
        return True
    return isinstance(op, snn.NeuronOp) and any(
        isinstance(value.type, AnyFloat)
        for inner in op.body.block.ops
        for value in (*inner.operands, *inner.results)
    )


def _is_conversion(op: snn.NeuronOp) -> bool:
    """Whether a neuron gives integers as floats, and nothing else."""
    kinds = [type(inner) for inner in op.body.block.ops]
    return kinds == [arith.SIToFPOp, snn.NextOp] and len(op.operands) == 1
