"""Integers in the narrowest types that are proved to hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, IntegerType, ModuleOp, TensorType, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform
from snncc.dialects.snn.fixed import is_fixed, learnable_sources
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type
from snncc.passes.ranges import Doubt, NetworkRanges, network_ranges
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.widths import narrowest_width

MOVES = (snn.ReshapeOp, snn.RearrangeOp, snn.ConcatOp, snn.DelayOp)
"""What gives elements on as they are: operands and results have one type."""


class MayWrap(PassFailedException):
    """Where integers may wrap."""

    def __init__(self, doubts: Sequence[Doubt]):
        super().__init__("snn-narrow: " + "; ".join(map(str, doubts)))
        self.doubts = tuple(doubts)


@dataclass(frozen=True)
class SnnNarrow(ModulePass):
    """
    Streams, accumulators and states of 32 bits become 8 or 16 bits wide where range analysis
    proves that these hold them, and so do the whole numbers that neurons have as parameters.

    A sum of integers is taken modulo its width: that its result fits is enough. `least` is
    the narrowest width of accumulators, which are read and written once for each event.
    The network's own inputs and outputs stay as they are. Fails where an operation may wrap.
    With `trained` all of this holds whatever the learnable parameters become.
    """

    name = "snn-narrow"

    least: int = 16
    trained: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for network in [inner for inner in op.ops if isinstance(inner, snn.NetworkOp)]:
            ranges = network_ranges(network, trained=self.trained)
            if ranges.doubts:
                raise MayWrap(ranges.doubts)
            _Narrowing(network, ranges, self.least).run()


class _Narrowing:
    def __init__(self, network: snn.NetworkOp, ranges: NetworkRanges, least: int):
        self.network = network
        self.ranges = ranges
        self.least = least
        self._group: dict[SSAValue, SSAValue] = {}

    def run(self) -> None:
        for op in self.network.body.block.ops:
            if isinstance(op, MOVES) and _is_wide(op.results[0]):
                streams = op.operands[:1] if isinstance(op, snn.DelayOp) else op.operands
                self._unite([*streams, *op.results])
            elif (isinstance(op, snn.Pool2dOp) and stream_type(op.input) == op.result.type) or (
                isinstance(op, snn.Pool2dOp) and op.pool.data.value == "max"
            ):
                self._unite([op.input, op.result])
        for value, bits in self._widths().items():
            type = TensorType(IntegerType(bits), shape_of(value))
            Rewriter.replace_value_with_new_type(value, type)
        for op in list(self.network.body.block.ops):
            if isinstance(op, snn.NeuronOp) and not _is_computed(op):
                self._neuron(op)
            elif isinstance(op, snn.DelayOp):
                width = _width_of_type(op.result)
                if width is not None and width != _width_of_type(op.init):
                    op.operands[1] = self._constant(op.init, width, op)

    # --- which width

    def _root(self, value: SSAValue) -> SSAValue:
        while value in self._group:
            value = self._group[value]
        return value

    def _unite(self, values: Iterable[SSAValue]) -> None:
        first, *rest = [self._root(value) for value in values]
        for other in rest:
            if other is not first:
                self._group[other] = first

    def _widths(self) -> dict[SSAValue, int]:
        """The new width of every stream that gets one."""
        members: dict[SSAValue, list[SSAValue]] = {}
        fixed = {self._root(value) for value in self.network.body.block.args}
        fixed |= {self._root(value) for value in self.network.yield_op.streams}
        for op in self.network.body.block.ops:
            for result in op.results:
                if _is_wide(result) and not _is_computed(op):
                    members.setdefault(self._root(result), []).append(result)
        found: dict[SSAValue, int] = {}
        for root, values in members.items():
            if root in fixed or any(
                isinstance(v.owner, snn.UseOp | snn.ConstantOp) for v in values
            ):
                continue
            wanted = [self._width(value) for value in values]
            width = max((32 if w is None else w) for w in wanted)
            found.update(dict.fromkeys(values, width))
        return {v: w for v, w in found.items() if w < integer_width(stream_type(v).element_type)}

    def _width(self, value: SSAValue) -> int | None:
        width = narrowest_width(self.ranges.values[value])
        if width is not None and isinstance(value.owner, WeightedSum):
            weight = integer_width(stream_type(value.owner.weight).element_type)
            width = max(width, weight, self.least)
        return width

    # --- neurons and delays

    def _neuron(self, op: snn.NeuronOp) -> None:
        """The same body between extensions of its arguments and truncations of its results."""
        first = op.body.block.first_op
        assert first is not None
        operands = list(op.operands)
        states: list[int | None] = []
        for index, port in enumerate(op.state_ports):
            narrow = port.argument.type == i32
            states.append(self._narrower(self.ranges.states[op, index]) if narrow else None)
        fixed = [
            None if _is_trained(port.operand) else constant_of(port.operand)
            for port in op.parameter_ports
        ]
        parameters = [
            None if array is None or port.argument.type != i32 else _width_of(array)
            for port, array in zip(op.parameter_ports, fixed, strict=True)
        ]
        start = len(op.inputs)
        for index, width in enumerate([*states, *parameters], start):
            if width is not None:
                operands[index] = self._constant(operands[index], width, op)
        op.operands = operands
        arguments = list(op.body.block.args)
        for argument, operand in zip(arguments, operands, strict=True):
            element = stream_type(operand).element_type
            if argument.type != element:
                self._extend(argument, element, first)
        terminator = op.terminator
        wanted = [_width_of_type(result) for result in op.outputs]
        terminator.operands = [
            _truncated(value, width, terminator)
            for value, width in zip(terminator.operands, [*wanted, *states], strict=True)
        ]

    def _narrower(self, state: Interval) -> int | None:
        width = narrowest_width(state, (16, 32))
        return width if width is not None and width < 32 else None

    def _extend(self, argument: SSAValue, type: Attribute, before: Operation) -> None:
        name, wide = argument.name_hint, argument.type
        assert isinstance(wide, IntegerType)
        narrow = Rewriter.replace_value_with_new_type(argument, type)
        narrow.name_hint = name
        extended = arith.ExtSIOp(narrow, wide)
        block = before.parent_block()
        assert block is not None
        block.insert_op_before(extended, before)
        narrow.replace_uses_with_if(extended.result, lambda use: use.operation is not extended)

    def _constant(self, value: SSAValue, width: int, before: Operation) -> SSAValue:
        """The same whole numbers in a narrower type; signed numbers keep their values."""
        array = constant_of(value)
        assert array is not None, "states start from constants, parameters are known"
        wide = np.dtype(f"i{array.dtype.itemsize}")
        narrow = (
            array.view(wide).astype(np.dtype(f"i{width // 8}")).view(np.dtype(f"u{width // 8}"))
        )
        element = IntegerType(width)
        block = self.network.body.block
        if is_uniform(narrow):
            made: Operation = snn.ConstantOp(dense_of(narrow.ravel()[:1].reshape(())))
        else:
            owner = value.owner
            assert isinstance(owner, snn.UseOp)
            symbol = self._declare(f"{owner.symbol}", narrow)
            made = snn.UseOp(symbol, TensorType(element, narrow.shape))
        block.insert_op_before(made, before)
        return made.results[0]

    def _declare(self, name: str, array: Array) -> str:
        block = self.network.parent_block()
        assert block is not None
        taken = {p.sym_name.data for p in block.ops if isinstance(p, snn.ParameterOp)}
        unique = f"{name}.i{array.dtype.itemsize * 8}"
        while unique in taken:
            unique += "'"
        type = TensorType(IntegerType(array.dtype.itemsize * 8), array.shape)
        block.insert_op_before(snn.ParameterOp(unique, type, blob_of(array)), self.network)
        return unique


def _truncated(value: SSAValue, width: int | None, before: Operation) -> SSAValue:
    """The value in the width that its result or state has now."""
    if width is None or isinstance(value.type, AnyFloat) or integer_width(value.type) == width:
        return value
    narrows = integer_width(value.type) > width
    made = (arith.TruncIOp if narrows else arith.ExtSIOp)(value, IntegerType(width))
    block = before.parent_block()
    assert block is not None
    block.insert_op_before(made, before)
    return made.results[0]


def _width_of_type(value: SSAValue) -> int | None:
    """The width of an integer stream; None for floats."""
    element = stream_type(value).element_type
    return None if is_float(element) else integer_width(element)


def _width_of(array: Array) -> int | None:
    """The width that holds whole numbers of 32 bits; None where it is these."""
    whole = array.view(np.int32)
    for width in (8, 16):
        if whole.min() >= -(1 << (width - 1)) and whole.max() < 1 << (width - 1):
            return width
    return None


def _is_computed(op: Operation) -> bool:
    """Whether a neuron is a fixed value: numbers in the width in which they are computed."""
    return isinstance(op, snn.NeuronOp) and is_fixed(op)


def _is_trained(value: SSAValue) -> bool:
    """Whether a fixed value follows from what is learnable: its width is its own."""
    return isinstance(value.owner, Operation) and bool(learnable_sources(value.owner))


def _is_wide(value: SSAValue) -> bool:
    """An integer stream wider than a spike."""
    if not isinstance(value.type, TensorType):
        return False
    element = stream_type(value).element_type
    return not is_float(element) and integer_width(element) > 1
