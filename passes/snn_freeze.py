"""The end of a training: a network of integers with its weights as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from snncc.dialects import snn
from snncc.passes.differentiation.integers import literal
from snncc.passes.quantization.attributes import HELD, read_held
from snncc.passes.ranges import NetworkRanges, network_ranges
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.snn_fold_parameters import SnnFoldParameters
from snncc.passes.snn_narrow import SnnNarrow
from snncc.passes.snn_quantize import drop_unused


@dataclass(frozen=True)
class SnnFreeze(ModulePass):
    """
    Ends the training of networks of integers. What follows from learnable parameters is computed
    once; what only gradients need goes, and so do the ends of states that these weights are
    proved never to reach. Numbers become as narrow as is proved then. Changes no bit.
    """

    name = "snn-freeze"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        SnnFoldParameters().apply(ctx, op)
        for network in [inner for inner in op.ops if isinstance(inner, snn.NetworkOp)]:
            forget_surrogates(network)
            for inner in [each for each in network.walk() if isinstance(each, snn.DetachOp)]:
                inner.result.replace_all_uses_with(inner.argument)
                Rewriter.erase_op(inner)
            _drop_idle_ends(network)
        DeadCodeElimination().apply(ctx, op)
        SnnNarrow().apply(ctx, op)
        drop_unused(op)


def _drop_idle_ends(network: snn.NetworkOp) -> None:
    """
    Where the ranges with all ends in place show that an end is never met, they are those of the
    network without it, too.
    """
    neurons = [op for op in network.body.block.ops if isinstance(op, snn.NeuronOp)]
    held = {neuron: dict(read_held(neuron)) for neuron in neurons}
    if not any(held.values()):
        return
    ranges = network_ranges(network)
    for neuron in neurons:
        ends = neuron.terminator
        for index, port in enumerate(neuron.state_ports):
            if port.name not in held[neuron]:
                continue
            place = len(ends.outputs) + index
            inner = _inside(ends.operands[place], ranges, neuron)
            if inner is not None:
                ends.operands[place] = inner
                del held[neuron][port.name]
        _write(neuron, held[neuron])


def _inside(value: SSAValue, ranges: NetworkRanges, neuron: snn.NeuronOp) -> SSAValue | None:
    """What is held between two numbers and never leaves them; None for all else."""
    above = value.owner
    if not isinstance(above, arith.MaxSIOp) or not isinstance(above.lhs.owner, arith.MinSIOp):
        return None
    below = above.lhs.owner
    low, high = literal(above.rhs), literal(below.rhs)
    if low is None or high is None:
        return None
    found = ranges.populations[neuron].values[below.lhs]
    inside = bool(np.all(found.low >= low) and np.all(found.high <= high))
    return below.lhs if inside else None


def _write(neuron: snn.NeuronOp, held: dict[str, float]) -> None:
    known = neuron.attributes.get(HELD)
    if not isinstance(known, DictionaryAttr):
        return
    kept = {name: value for name, value in known.data.items() if name in held}
    if kept:
        neuron.attributes[HELD] = DictionaryAttr(kept)
    else:
        del neuron.attributes[HELD]
