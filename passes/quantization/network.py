"""Rewrites a float network into one of integers, operation by operation, in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.types import describe, is_float, node_name, shape_of, stream_type
from snncc.passes.quantization.arithmetic import Fault, NoIntegerForm, single
from snncc.passes.quantization.ends import read_input, write_output
from snncc.passes.quantization.frame import Frame, Stream
from snncc.passes.quantization.moves import concat, delay, feed_delay, quantize_pool, rearrange
from snncc.passes.quantization.neurons import quantize_neuron
from snncc.passes.quantization.sums import quantize_sum

RULES: dict[type[Operation], Callable[[Frame, Any], None]] = {
    snn.LinearOp: quantize_sum,
    snn.Conv1dOp: quantize_sum,
    snn.Conv2dOp: quantize_sum,
    snn.Pool2dOp: quantize_pool,
    snn.ReshapeOp: rearrange,
    snn.RearrangeOp: rearrange,
    snn.ConcatOp: concat,
    snn.DelayOp: delay,
    snn.NeuronOp: quantize_neuron,
}
"""Operation -> how it is rewritten; everything elementwise is a neuron by now."""

KEPT = (snn.YieldOp, snn.UseOp, snn.ConstantOp)


def _stand_in(f: Frame, value: SSAValue) -> Stream:
    """Zeros in the place of a stream that has no integer form."""
    element = stream_type(value).element_type
    if not is_float(element):
        return Stream(value, None)
    zeros = snn.UseOp(
        f.declare("none", np.zeros(shape_of(value), np.uint32)), TensorType(i32, shape_of(value))
    )
    return Stream(f.insert(zeros).results[0], single(1.0), 1.0)


def quantize_network(f: Frame) -> None:
    """
    Rewrites the body of the network in place. Raises NoIntegerForm with a fault for each layer
    that has no integer form: behind one of these, the others are looked at with a stand-in.
    """
    network = f.network
    old = list(network.body.block.ops)
    faults: list[Fault] = []
    for name, value in network.inputs.items():
        f.where = network.body.block.first_op
        f.streams[value] = read_input(f, name, value)
    for op in old:
        f.where = op
        if isinstance(op, KEPT):
            continue
        rule = RULES.get(type(op))
        if rule is None:
            raise NoIntegerForm(f"{describe(op)}: run snn-fuse-elementwise first")
        try:
            rule(f, op)
        except NoIntegerForm as fault:
            faults.append(Fault(node_name(op) or op.name, str(fault)))
            for result in op.results:
                f.streams[result] = _stand_in(f, result)
    if faults:
        text = "; ".join(f'"{fault.layer}": {fault.text}' for fault in faults)
        raise NoIntegerForm(text, faults)
    f.where = network.yield_op
    for given, made, unit in f.delays:
        feed_delay(f, given, made, unit)
    network.yield_op.operands = [write_output(f, value) for value in network.yield_op.streams]
    for op in reversed(old):
        if not isinstance(op, KEPT):
            Rewriter.erase_op(op, safe_erase=False)
