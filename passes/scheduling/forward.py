"""What the forward program does not need: the surrogates, and what they alone read."""

from __future__ import annotations

from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker
from xdsl.transforms.dead_code_elimination import RemoveUnusedOperations

from snncc.dialects import snn
from snncc.passes.canonicalization.snn import TrimNeuron


def forget_surrogates(network: snn.NetworkOp) -> None:
    """Takes the surrogates off; a neuron loses the ports that nothing else in it reads."""
    read = False
    for op in network.walk():
        if not isinstance(op, snn.SpikeOp | snn.CountOp):
            continue
        read = read or bool(op.surrogate_arguments)
        op.operands = op.operands[:1]
        op.properties.pop("surrogate", None)
    if read:
        patterns = [RemoveUnusedOperations(), TrimNeuron()]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier, walk_reverse=True).rewrite_region(network.body)
