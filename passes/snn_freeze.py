"""The end of a training: a network of integers with its weights as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue, Use
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from snncc.dialects import snn
from snncc.passes.differentiation.integers import literal
from snncc.passes.quantization.attributes import (
    forget_held,
    read_held_for_training,
    write_held_for_training,
)
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


@dataclass(frozen=True)
class _End:
    """A state that is held between two numbers: `inner` before, `held` behind, in one use."""

    neuron: snn.NeuronOp
    name: str
    use: Use
    inner: SSAValue
    held: SSAValue
    low: int
    high: int

    def set(self, value: SSAValue) -> None:
        self.use.operation.operands[self.use.index] = value


def _drop_idle_ends(network: snn.NetworkOp) -> None:
    """Without all ends first; those come back that are met then, until none of the rest is."""
    neurons = [op for op in network.body.block.ops if isinstance(op, snn.NeuronOp)]
    dropped = [end for neuron in neurons for end in _ends(neuron)]
    for end in dropped:
        end.set(end.inner)
    while dropped:
        ranges = network_ranges(network)
        met = [end for end in dropped if not _is_inside(end, ranges)]
        if not met:
            break
        for end in met:
            end.set(end.held)
        dropped = [end for end in dropped if end not in met]
    for end in dropped:
        forget_held(end.neuron, end.name)
    for neuron in neurons:
        write_held_for_training(neuron, ())


def _ends(neuron: snn.NeuronOp) -> Iterator[_End]:
    terminator = neuron.terminator
    for index, port in enumerate(neuron.state_ports):
        if port.name not in read_held_for_training(neuron):
            continue
        use = Use(terminator, len(terminator.outputs) + index)
        value = terminator.operands[use.index]
        if isinstance(value.owner, arith.TruncIOp):
            use, value = Use(value.owner, 0), value.owner.input
        above = value.owner
        below = above.lhs.owner if isinstance(above, arith.MaxSIOp) else None
        if isinstance(above, arith.MaxSIOp) and isinstance(below, arith.MinSIOp):
            low, high = literal(above.rhs), literal(below.rhs)
            assert low is not None
            assert high is not None
            yield _End(neuron, port.name, use, below.lhs, value, low, high)


def _is_inside(end: _End, ranges: NetworkRanges) -> bool:
    found = ranges.populations[end.neuron].values[end.inner]
    return bool(np.all(found.low >= end.low) and np.all(found.high <= end.high))
