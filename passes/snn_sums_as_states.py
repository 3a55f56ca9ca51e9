"""Sums over time, and products and sums of streams, in operations that quantization knows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, dtype_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.network import LAST, SUM
from snncc.dialects.snn.types import (
    KNOWN_AS,
    known_as,
    node_name,
    shape_of,
    stream_type,
)

TOTAL = "total"
ONES = "ones"


@dataclass(frozen=True)
class SnnSumsAsStates(ModulePass):
    """
    Writes what gradients are made of as populations and weighted sums; no bit changes.

    - An output that is a sum over time is the last value of a state: of the neuron that
      computes it, where that has states and nothing else reads it, so that a product counts
      in the unit of its sum; else of a neuron of its own.
    - `snn.outer` of one position is a neuron whose operands broadcast.
    - `snn.reduce sum` to one element is a weighted sum with ones.

    Other reductions and products stay.
    """

    name = "snn-sums-as-states"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for network in [n for n in op.ops if isinstance(n, snn.NetworkOp)]:
            products_as_neurons(network)
            for inner in list(network.body.block.ops):
                if (
                    isinstance(inner, snn.ReduceOp)
                    and inner.pool.data is Pool.SUM
                    and prod(shape_of(inner.result)) == 1
                ):
                    _replace(inner, _weighted_sum(inner, network))
            if SUM in network.kinds.values():
                _sums(network)


def products_as_neurons(network: snn.NetworkOp) -> None:
    """`snn.outer` of one position is a neuron whose operands broadcast; others stay."""
    for op in list(network.body.block.ops):
        if isinstance(op, snn.OuterOp) and shape_of(op.left)[2] == 1:
            _replace(op, _product(op))


def _replace(op: Operation, value: SSAValue) -> None:
    op.results[0].replace_all_uses_with(value)
    Rewriter.erase_op(op)


def _before(op: Operation, made: Operation) -> SSAValue:
    Rewriter.insert_op(made, InsertPoint.before(op))
    return made.results[0]


def _product(op: snn.OuterOp) -> SSAValue:
    """[G, N, 1] * [G, 1, M]"""
    groups, rows, columns = shape_of(op.result)
    left = _before(op, snn.ReshapeOp(op.left, (groups, rows, 1)))
    right = _before(op, snn.ReshapeOp(op.right, (groups, 1, columns)))

    def product(b: Body, x: Scalar, y: Scalar) -> Outputs:
        numbers = [s if isinstance(s.element, AnyFloat) else b.to_float(s) for s in (x, y)]
        return [numbers[0] * numbers[1]], []

    neuron = build_neuron(
        product,
        inputs={"x": left, "y": right},
        states={},
        parameters={},
        population=(groups, rows, columns),
        float_type=_element(op.result),
        node=node_name(op),
    )
    return _before(op, neuron)


def _weighted_sum(op: snn.ReduceOp, network: snn.NetworkOp) -> SSAValue:
    size, element = prod(shape_of(op.input)), _element(op.result)
    flat = _before(op, snn.ReshapeOp(op.input, (size,)))
    symbol = _ones(network, size, element)
    weight = _before(op, snn.UseOp(symbol, TensorType(element, (1, size))))
    total = _before(op, snn.LinearOp(flat, weight, node=node_name(op)))
    return _before(op, snn.ReshapeOp(total, shape_of(op.result)))


def _ones(network: snn.NetworkOp, size: int, element: AnyFloat) -> str:
    """A parameter of the module; one for each size."""
    module = network.parent_block()
    assert module is not None
    array = np.ones((1, size), dtype_of(element))
    symbol = f"{ONES}.{size}.{element}"
    declared = {p.sym_name.data for p in module.ops if isinstance(p, snn.ParameterOp)}
    if symbol not in declared:
        type = TensorType(element, array.shape)
        made = snn.ParameterOp(symbol, type, dense_of(array), "fixed")
        module.insert_op_before(made, network)
    return symbol


def _sums(network: snn.NetworkOp) -> None:
    ends = network.yield_op
    kinds = network.kinds
    names = list(network.outputs)
    streams: list[SSAValue] = []
    for index, name in enumerate(names):
        value = ends.streams[index]  # of the neuron as it is by now
        streams.append(_total(value, ends) if kinds[name] == SUM else value)
    arguments = network.body.block.args
    inputs = [
        (name, stream_type(argument))
        for name, argument in zip(network.inputs, arguments, strict=True)
    ]
    Rewriter.replace_op(ends, snn.YieldOp(streams), [])
    made = snn.NetworkOp(
        network.sym_name.data,
        inputs,
        [(name, stream_type(value)) for name, value in zip(names, streams, strict=True)],
        network.detach_region(network.body),
        dict(network.attributes),
        kinds=[LAST if kinds[name] == SUM else kinds[name] for name in names],
        reverse=network.is_reverse,
    )
    Rewriter.replace_op(network, made, [])


def _total(value: SSAValue, ends: snn.YieldOp) -> SSAValue:
    """A stream that is the sum of all steps so far."""
    producer = value.owner
    if isinstance(producer, snn.NeuronOp) and producer.initial_states and value.has_one_use():
        return _with_total(producer, producer.outputs.index(value))
    zero = _before(ends, snn.ConstantOp(dense_of(np.zeros((), dtype_of(_element(value))))))

    def add(b: Body, x: Scalar, total: Scalar) -> Outputs:
        after = total + x
        return [after], [after]

    neuron = build_neuron(
        add,
        inputs={"x": value},
        states={TOTAL: zero},
        parameters={},
        population=shape_of(value),
        float_type=_element(value),
    )
    return _before(ends, neuron)


def _with_total(neuron: snn.NeuronOp, index: int) -> SSAValue:
    """The neuron with a state more: the sum of one of its outputs, which it puts out."""
    block, terminator = neuron.body.block, neuron.terminator
    element = _element(neuron.outputs[index])
    states = len(neuron.initial_states)
    zero = _before(neuron, snn.ConstantOp(dense_of(np.zeros((), dtype_of(element)))))
    before = block.insert_arg(element, len(neuron.inputs) + states)
    after = arith.AddfOp(before, terminator.outputs[index])
    block.insert_op_before(after, terminator)
    outputs = list(terminator.outputs)
    outputs[index] = after.result
    Rewriter.replace_op(terminator, snn.NextOp(outputs, [*terminator.states, after.result]), [])
    groups = (
        (neuron.input_names, neuron.inputs),
        (neuron.state_names, neuron.initial_states),
        (neuron.parameter_names, neuron.parameters),
    )
    ports = [
        [(text.data, operand) for text, operand in zip(names, operands, strict=True)]
        for names, operands in groups
    ]
    taken = {text for group in ports for text, _ in group}
    own = TOTAL
    while own in taken:
        own += "_"
    known = known_as(neuron, len(neuron.outputs) + states)
    made = snn.NeuronOp(
        ports[0],
        [*ports[1], (own, zero)],
        ports[2],
        [output.type for output in neuron.outputs],
        neuron.detach_region(neuron.body),
        node=node_name(neuron),
    )
    made.attributes = dict(neuron.attributes)
    if known is not None:
        texts = (*known, f"{known[0]}.{own}")
        made.attributes[KNOWN_AS] = ArrayAttr([StringAttr(text) for text in texts])
    Rewriter.replace_op(neuron, made, list(made.outputs))
    return made.outputs[index]


def _element(value: SSAValue) -> AnyFloat:
    element = stream_type(value).element_type
    assert isinstance(element, AnyFloat)
    return element
