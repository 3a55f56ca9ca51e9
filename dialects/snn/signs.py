"""
Which integers of a network are signed numbers, and which are counts.

Types say nothing of it, and no operation needs to know: this is for those who look at the
numbers, which are users, the types in emitted C, and reports. A value is signed where
something computes it as a signed number or reads it as one, and so is every value that it is
only moved to or from. What is left are counts, and bits that nothing computes with.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Operation, SSAValue

from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.network import NetworkOp
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.parameters import ConstantOp, UseOp
from snncc.dialects.snn.scalars import EQUALITIES, ON_NUMBERS
from snncc.dialects.snn.shape import ConcatOp, Pool2dOp, RearrangeOp, ReshapeOp
from snncc.dialects.snn.spikes import DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp
from snncc.dialects.snn.types import is_float, is_spike, stream_type

MOVES = (
    ConcatOp,
    DelayOp,
    RearrangeOp,
    ReshapeOp,
    DetachOp,
    arith.SelectOp,
    arith.TruncIOp,
    arith.AndIOp,
    arith.OrIOp,
    arith.XOrIOp,
)
"""What gives the bits that it takes."""

NUMBERS = (WeightedSum, Pool2dOp, SpikeOp, arith.ExtSIOp, *ON_NUMBERS)
"""What computes with signed numbers, where its operands and results are integers."""


class Signs:
    """The signs of the values of a network, those inside of its bodies among them."""

    def __init__(self, network: NetworkOp):
        self._group: dict[SSAValue, SSAValue] = {}
        self._marked: list[SSAValue] = []
        for op in network.body.block.ops:
            self._visit(op)
            if isinstance(op, NeuronOp):
                self._visit_body(op)
        self._signed = {self._root(value) for value in self._marked}

    def is_signed(self, value: SSAValue) -> bool:
        """Of an integer wider than i1; False for any other value."""
        return self._root(value) in self._signed

    def _root(self, value: SSAValue) -> SSAValue:
        root = value
        while root in self._group:
            root = self._group[root]
        while value is not root:  # the next look is short
            self._group[value], value = root, self._group[value]
        return root

    def _unite(self, values: Iterable[SSAValue]) -> None:
        """A constant may be one thing here and another there: it ties nothing together."""
        fixed = (ConstantOp, UseOp, arith.ConstantOp)
        held = [v for v in values if _is_wide(v) and not isinstance(v.owner, fixed)]
        for value in held[1:]:
            first, other = self._root(held[0]), self._root(value)
            if first is not other:
                self._group[other] = first

    def _visit(self, op: Operation) -> None:
        compares = isinstance(op, arith.CmpiOp)
        equality = isinstance(op, arith.CmpiOp) and op.predicate.value.data in EQUALITIES
        if isinstance(op, MOVES) or equality:
            values = [*op.operands, *(() if equality else op.results)]
            self._unite(values[isinstance(op, arith.SelectOp) :])
        elif isinstance(op, StraightThroughOp):
            self._unite([op.value, op.result])
        elif isinstance(op, NUMBERS) or compares:
            if isinstance(op, WeightedSum | Pool2dOp) and is_float(
                stream_type(op.result).element_type
            ):
                return  # counts become floats
            self._marked.extend(v for v in (*op.operands, *op.results) if _is_wide(v))

    def _visit_body(self, op: NeuronOp) -> None:
        ends = op.terminator
        for port in (*op.input_ports, *op.state_ports, *op.parameter_ports):
            self._unite([port.argument, port.operand])
        for port, after in zip(op.state_ports, ends.states, strict=True):
            self._unite([port.argument, after])
        for result, value in zip(op.outputs, ends.outputs, strict=True):
            self._unite([result, value])
        for inner in op.body.block.ops:
            self._visit(inner)


def _is_wide(value: SSAValue) -> bool:
    """Whether a stream or scalar is an integer that is no spike."""
    element = value.type.element_type if isinstance(value.type, TensorType) else value.type
    return isinstance(element, IntegerType) and not is_spike(element)
