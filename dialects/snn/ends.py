"""
The ends of a network of integers: bodies that do no more than turn a float input into whole
numbers, or whole numbers into a float output. What stands between them needs no float.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.network import NetworkOp, YieldOp
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type


def _is_whole(element: Attribute) -> bool:
    """Whole numbers, and no spikes."""
    return not is_float(element) and integer_width(element) > 1


def _is_map(op: Operation) -> bool:
    """A function of each element of one stream alone."""
    return (
        isinstance(op, NeuronOp)
        and not op.initial_states
        and len(op.inputs) == len(op.outputs) == 1
        and shape_of(op.inputs[0]) == shape_of(op.outputs[0])
    )


def counts_input(op: Operation) -> bool:
    """
    Whether an operation turns a float input of the network into whole numbers, the same way
    for all elements, and nothing else reads that input.
    """
    if not isinstance(op, NeuronOp) or not _is_map(op) or op.parameters:
        return False
    source = op.inputs[0]
    return (
        isinstance(source.owner, Block)
        and isinstance(source.owner.parent_op(), NetworkOp)
        and isinstance(stream_type(source).element_type, AnyFloat)
        and _is_whole(stream_type(op.outputs[0]).element_type)
        and source.has_one_use()
    )


def output_scale(op: Operation) -> Array | None:
    """
    What one whole number is worth where an operation multiplies whole numbers with that, for an
    output of the network; None for other operations. It broadcasts to the output's shape.
    """
    if not isinstance(op, NeuronOp) or not _is_map(op):
        return None
    if not all(isinstance(use.operation, YieldOp) for use in op.outputs[0].uses):
        return None
    product = op.terminator.outputs[0].owner
    if not isinstance(product, arith.MulfOp) or not isinstance(product.lhs.owner, arith.SIToFPOp):
        return None
    whole: SSAValue = product.lhs.owner.input
    while isinstance(whole.owner, arith.ExtSIOp):
        whole = whole.owner.input
    if whole is not op.input_ports[0].argument or not _is_whole(whole.type):
        return None
    factor = product.rhs.owner
    if isinstance(factor, arith.ConstantOp) and isinstance(factor.value, FloatAttr):
        return np.asarray(factor.value.value.data)
    ports = [port for port in op.parameter_ports if port.argument is product.rhs]
    return constant_of(ports[0].operand) if ports else None
