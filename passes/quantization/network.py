"""Rewrites a float network into one of integers, operation by operation, in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.types import describe
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.ends import read_input, write_output
from snncc.passes.quantization.frame import Frame
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


def quantize_network(f: Frame) -> None:
    """Rewrites the body of the network in place. Raises NoIntegerForm with the layer's name."""
    network = f.network
    old = list(network.body.block.ops)
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
            raise NoIntegerForm(f"{describe(op)}: {fault}") from None
    f.where = network.yield_op
    for given, made, unit in f.delays:
        feed_delay(f, given, made, unit)
    network.yield_op.operands = [write_output(f, value) for value in network.yield_op.streams]
    for op in reversed(old):
        if not isinstance(op, KEPT):
            Rewriter.erase_op(op, safe_erase=False)
