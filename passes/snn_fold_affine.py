"""Folds scales and batch norms into the weighted sums in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from snncc.dialects import snn
from snncc.dialects.arrays import Array, batch_norm_factors, blob_of, constant_of, type_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import is_float, shape_of, stream_type


def _sum_before(value: SSAValue) -> WeightedSum | None:
    """The weighted sum that gives a value, if nothing else reads it."""
    owner = value.owner
    return owner if isinstance(owner, WeightedSum) and value.has_one_use() else None


def _per_output(factor: Array, op: WeightedSum) -> Array | None:
    """A factor as one number for each output channel; None where it varies within one."""
    shape = shape_of(op.result)
    full = np.broadcast_to(factor, shape).reshape(shape[0], -1)
    return full[:, 0] if (full == full[:, :1]).all() else None


def _is_exact(factor: Array, *products: Array) -> bool:
    """
    Powers of two that take no product out of the normal numbers: with inputs that are
    whole numbers every partial sum is then scaled exactly.
    """
    mantissa, _ = np.frexp(np.abs(factor))
    if not np.all(mantissa == 0.5):
        return False
    tiny = np.finfo(factor.dtype).tiny
    return all(np.all(np.isfinite(p) & ((p == 0) | (np.abs(p) >= tiny))) for p in products)


def _parameter(op: Operation, name: str, array: Array, rewriter: PatternRewriter) -> SSAValue:
    """A new parameter beside the network, and its use in front of `op`."""
    network = op.parent_op()
    assert isinstance(network, snn.NetworkOp)
    block = network.parent_block()
    assert block is not None
    taken = {p.sym_name.data for p in block.ops if isinstance(p, snn.ParameterOp)}
    while name in taken:
        name += "'"
    parameter = snn.ParameterOp(name, type_of(array), blob_of(array))
    block.insert_op_before(parameter, network)
    use = snn.UseOp(name, parameter.type)
    rewriter.insert(use)
    return use.result


def _name(value: SSAValue) -> str:
    owner = value.owner
    return owner.symbol if isinstance(owner, snn.UseOp) else "folded"


def _fold(
    op: Operation,
    source: WeightedSum,
    factor: Array,
    shift: Array | None,
    exact: bool,
    rewriter: PatternRewriter,
) -> None:
    """Replaces `op` = source * factor + shift by one sum."""
    weight = constant_of(source.weight)
    bias = None if source.bias is None else constant_of(source.bias)
    if weight is None or (source.bias is not None and bias is None):
        return
    scale = factor.reshape(-1, *(1,) * (weight.ndim - 1))
    scaled = weight * scale
    scaled_bias = None if bias is None else bias * factor
    products = [scaled] if scaled_bias is None else [scaled, scaled_bias]
    events = not is_float(stream_type(source.input).element_type)
    if exact and (shift is not None or not events or not _is_exact(factor, *products)):
        return
    if shift is not None:
        scaled_bias = shift if scaled_bias is None else scaled_bias + shift
    rewriter.insertion_point = rewriter.insertion_point.before(source)
    new_weight = _parameter(op, f"{_name(source.weight)}.folded", scaled, rewriter)
    operands = [source.input, new_weight]
    if scaled_bias is not None:
        name = "bias" if source.bias is None else _name(source.bias)
        operands.append(_parameter(op, f"{name}.folded", scaled_bias, rewriter))
    folded = source.with_operands(operands)
    rewriter.insert(folded)
    rewriter.replace(op, [], [folded.result])
    rewriter.erase(source)


@dataclass
class FoldScale(RewritePattern):
    exact: bool

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ScaleOp, rewriter: PatternRewriter) -> None:
        source = _sum_before(op.input)
        factor = constant_of(op.factor)
        if source is None or factor is None:
            return
        channels = _per_output(factor, source)
        if channels is not None:
            _fold(op, source, channels, None, self.exact, rewriter)


@dataclass
class FoldBatchNorm(RewritePattern):
    exact: bool

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.BatchNormOp, rewriter: PatternRewriter) -> None:
        source = _sum_before(op.input)
        statistics = [constant_of(v) for v in (op.gamma, op.beta, op.mean, op.variance)]
        if source is None or any(values is None for values in statistics):
            return
        gamma, beta, mean, variance = (v for v in statistics if v is not None)
        scale, shift = batch_norm_factors(gamma, beta, mean, variance, op.epsilon.value.data)
        _fold(op, source, scale, shift if shift.any() else None, self.exact, rewriter)


@dataclass(frozen=True)
class SnnFoldAffine(ModulePass):
    """
    Scales and batch norms behind a linear layer or a convolution go into its weights.

    With `exact` only where no bit can change: factors that are powers of two behind sums of
    spikes or counts, and no shift. Without, weights are multiplied and rounded once: results
    may differ in the last place.
    """

    name = "snn-fold-affine"

    exact: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = [FoldScale(self.exact), FoldBatchNorm(self.exact)]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
