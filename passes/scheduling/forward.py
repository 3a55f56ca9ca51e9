"""What the forward program does not need: surrogates and gradients straight through."""

from __future__ import annotations

from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import RemoveUnusedOperations

from snncc.dialects import snn
from snncc.passes.canonicalization.snn import TrimNeuron


def forget_surrogates(network: snn.NetworkOp) -> None:
    """
    Takes the surrogates off, and what passes gradients past a value; a neuron loses the ports
    that nothing else in it reads.
    """
    read = False
    for op in list(network.walk()):
        if isinstance(op, snn.StraightThroughOp):
            read = True
            op.result.replace_all_uses_with(op.value)
            Rewriter.erase_op(op)
        if not isinstance(op, snn.SpikeOp | snn.CountOp):
            continue
        read = read or bool(op.surrogate_arguments)
        op.operands = op.operands[:1]
        op.properties.pop("surrogate", None)
    if read:
        patterns = [RemoveUnusedOperations(), TrimNeuron()]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier, walk_reverse=True).rewrite_region(network.body)
