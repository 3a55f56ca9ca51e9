"""Bodies of neurons as bodies of `linalg.generic`: plain `arith`, spikes as bytes."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith, linalg
from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison
from snncc.dialects.snn.functions import FUNCTIONS, folded
from snncc.passes.scheduling.layout import stored_element


def generic_body(
    neuron: snn.NeuronOp,
    streams: Sequence[SSAValue],
    scalars: Mapping[SSAValue, Array],
    outputs: Sequence[SSAValue],
    states: Sequence[SSAValue],
    summed: Container[int] = (),
) -> Region:
    """
    The body of a neuron for `linalg.generic`.

    `streams` are the body's arguments that come as memory operands, in order; `scalars`
    those with one known value, written as constants; `outputs` and `states` are the
    results to store, states being read from memory as well, and so are the outputs that are
    `summed` (by their place): what is there is added to.
    """
    arguments = [*streams, *outputs, *states]
    block = Block(arg_types=[stored_element(value.type) for value in arguments])
    for argument, source in zip(block.args, arguments, strict=True):
        argument.name_hint = source.name_hint or ("y" if source in outputs else None)
    totals = {place: block.args[len(streams) + place] for place in range(len(outputs))}
    for place, total in totals.items():
        total.name_hint = "total" if place in summed else total.name_hint
    builder = Builder(InsertPoint.at_end(block))
    values: dict[SSAValue, SSAValue] = {}
    state_arguments = dict(zip(states, block.args[len(streams) + len(outputs) :], strict=True))
    sources = {**dict(zip(streams, block.args, strict=False)), **state_arguments}
    for value, source in sources.items():
        values[value] = _load(builder, source, value.type)
    for value, array in scalars.items():
        values[value] = _constant(builder, array.ravel()[0].item(), value.type)
    for op in neuron.body.block.ops:
        if op is neuron.terminator:
            break
        values[op.results[0]] = _lower(builder, op, values)
    results = [_store(builder, values[v]) for v in (*outputs, *neuron.terminator.states)]
    for place, total in totals.items():
        if place in summed:
            results[place] = added(builder, total, results[place])
    builder.insert(linalg.ops.YieldOp(*results))
    return Region(block)


def added(builder: Builder, total: SSAValue, term: SSAValue) -> SSAValue:
    """A sum over time after one more step; of i32, held at the ends of the type."""
    if isinstance(term.type, AnyFloat):
        return builder.insert(arith.AddfOp(total, term)).result
    most = (1 << 31) - 1
    before, more = (builder.insert(arith.ExtSIOp(value, i64)).result for value in (total, term))
    after: SSAValue = builder.insert(arith.AddiOp(before, more)).result
    for bound, end in ((most, arith.MinSIOp), (-most, arith.MaxSIOp)):
        constant = builder.insert(arith.ConstantOp(IntegerAttr(bound, i64))).result
        after = builder.insert(end(after, constant)).result
    return builder.insert(arith.TruncIOp(after, i32)).result


def constant_body(element: Attribute, value: float) -> Region:
    """Yields one number, for each element of one output."""
    block = Block(arg_types=[stored_element(element)])
    builder = Builder(InsertPoint.at_end(block))
    builder.insert(linalg.ops.YieldOp(_store(builder, _constant(builder, value, element))))
    return Region(block)


def reduction_body(given: Attribute, element: Attribute, *, largest: bool) -> Region:
    """Adds an element of a stream to a total, or keeps the largest."""
    block = Block(arg_types=[stored_element(given), stored_element(element)])
    for argument, hint in zip(block.args, ("x", "total"), strict=True):
        argument.name_hint = hint
    builder = Builder(InsertPoint.at_end(block))
    x = _load(builder, block.args[0], given)
    total = _load(builder, block.args[1], element)
    op: Operation
    if not largest:
        if given != element:
            assert isinstance(element, AnyFloat)
            x = builder.insert(arith.UIToFPOp(x, element)).result
        op = arith.AddfOp(total, x)
    elif isinstance(element, AnyFloat):
        op = arith.MaximumfOp(total, x)
    else:  # of spikes: whether there is one
        op = arith.OrIOp(total, x) if element == i1 else arith.MaxSIOp(total, x)
    builder.insert(op)
    builder.insert(linalg.ops.YieldOp(_store(builder, op.results[0])))
    return Region(block)


def lowest_of(element: Attribute) -> float:
    """What no element is below: where a maximum starts."""
    if isinstance(element, AnyFloat):
        return -math.inf
    assert isinstance(element, IntegerType)
    return 0 if element == i1 else -(1 << (element.width.data - 1))


def _load(builder: Builder, value: SSAValue, type: Attribute) -> SSAValue:
    if type != i1:
        return value
    return builder.insert(arith.TruncIOp(value, i1)).result


def _store(builder: Builder, value: SSAValue) -> SSAValue:
    if value.type != i1:
        return value
    return builder.insert(arith.ExtUIOp(value, i8)).result


def _constant(builder: Builder, value: float, type: Attribute) -> SSAValue:
    if isinstance(type, AnyFloat):
        return builder.insert(arith.ConstantOp(FloatAttr(value, type))).result
    assert isinstance(type, IntegerType)
    return builder.insert(
        arith.ConstantOp(IntegerAttr(int(value), type, truncate_bits=True))
    ).result


def _lower(builder: Builder, op: Operation, values: dict[SSAValue, SSAValue]) -> SSAValue:
    operands = [values[operand] for operand in op.operands]
    if isinstance(op, snn.DetachOp | snn.StraightThroughOp):
        return operands[0]
    if isinstance(op, snn.SpikeOp):
        return _spike(builder, op, operands[0])
    if isinstance(op, snn.CountOp):
        return _count(builder, op, operands[0])
    if isinstance(op, snn.IndexOp):  # of the only axis
        place = builder.insert(linalg.ops.IndexOp(0)).result
        return builder.insert(arith.IndexCastOp(place, op.result.type)).result
    value = folded(op, operands) if type(op) in FUNCTIONS else None
    if value is not None:  # of parameters with one value each, which are constants here
        return builder.insert(arith.ConstantOp(value)).result
    return builder.insert(op.clone(dict(zip(op.operands, operands, strict=True)))).results[0]


def _spike(builder: Builder, op: snn.SpikeOp, argument: SSAValue) -> SSAValue:
    zero = _constant(builder, 0.0, argument.type)
    at_zero = op.comparison.data is Comparison.GE
    if isinstance(argument.type, AnyFloat):
        return builder.insert(arith.CmpfOp(argument, zero, "oge" if at_zero else "ogt")).result
    return builder.insert(arith.CmpiOp(argument, zero, "sge" if at_zero else "sgt")).result


def _count(builder: Builder, op: snn.CountOp, quotient: SSAValue) -> SSAValue:
    """Bounded before it is converted: what does not fit the integer never reaches it."""
    one = _constant(builder, 1.0, quotient.type)
    zero = _constant(builder, 0.0, quotient.type)
    most = _constant(builder, float(op.maximum.value.data), quotient.type)
    below = builder.insert(arith.CmpfOp(quotient, most, "olt")).result
    bounded = builder.insert(arith.SelectOp(below, quotient, most)).result
    fires = builder.insert(arith.CmpfOp(quotient, one, "oge")).result
    counted = builder.insert(arith.SelectOp(fires, bounded, zero)).result
    return builder.insert(arith.FPToUIOp(counted, op.result.type)).result
