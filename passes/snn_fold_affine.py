"""Folds scales and batch norms into the weighted sums in front of them."""

from __future__ import annotations

from collections.abc import Sequence
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
from snncc.dialects.grids import read_grid, write_grid
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type


def _sum_before(value: SSAValue) -> WeightedSum | None:
    """The weighted sum that gives a value, if nothing else reads it."""
    owner = value.owner
    return owner if isinstance(owner, WeightedSum) and value.has_one_use() else None


def _per_output(factor: Array, op: WeightedSum) -> Array | None:
    """A factor as one number for each output channel; None where it varies within one."""
    shape = shape_of(op.result)
    full = np.broadcast_to(factor, shape).reshape(shape[0], -1)
    return full[:, 0] if (full == full[:, :1]).all() else None


def _largest_sum(weight: Array, bias: Array | None, count: int) -> float:
    """What no partial sum exceeds, roundings included, where no input exceeds `count`."""
    rounding = float((1.0 + float(np.finfo(weight.dtype).eps)) ** (weight[0].size + 2))
    with np.errstate(over="ignore"):
        sums = np.abs(weight.astype(np.float64)).reshape(weight.shape[0], -1).sum(axis=1) * count
        if bias is not None:
            sums = sums + np.abs(bias.astype(np.float64))
        return float(sums.max()) * rounding


def _is_exact(factor: Array, values: Sequence[Array], scaled: Sequence[Array]) -> bool:
    """
    Positive powers of two that take no number out of the normal ones. Then every product and
    every partial sum of whole numbers of these is scaled exactly, as long as none overflows:
    what is rounded is normal on both sides, and what is not normal is not rounded.
    """
    mantissa, _ = np.frexp(factor)
    tiny = np.finfo(factor.dtype).tiny
    return bool(np.all(mantissa == 0.5)) and all(
        np.all((array == 0) | (np.abs(array) >= tiny)) for array in (*values, *scaled)
    )


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


def _keep_grid(old: SSAValue, new: SSAValue, factor: Array) -> None:
    """Weights that were trained on a grid lie on the scaled one."""
    if isinstance(old.owner, snn.UseOp) and isinstance(new.owner, snn.UseOp):
        grid = read_grid(old.owner.declaration)
        if grid is not None:
            factors = factor.reshape(-1, *(1,) * (len(shape_of(old)) - 1))
            write_grid(new.owner.declaration, grid.scaled(factors))


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
    element = stream_type(source.input).element_type
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        scaled_bias = None if bias is None else bias * factor
        if shift is not None:
            scaled_bias = shift if scaled_bias is None else scaled_bias + shift
    # a sum that is infinite on one side only is no rounding; of floats nothing bounds the sums
    count = 1 if is_float(element) else 2 ** integer_width(element) - 1
    limit = float(np.finfo(weight.dtype).max)
    bounds = (_largest_sum(weight, bias, count), _largest_sum(scaled, scaled_bias, count))
    if not all(bound < limit for bound in bounds):
        return
    if exact:
        before = [weight] if bias is None else [weight, bias]
        after = [scaled] if scaled_bias is None else [scaled, scaled_bias]
        if shift is not None or is_float(element) or not _is_exact(factor, before, after):
            return
    rewriter.insertion_point = rewriter.insertion_point.before(source)
    new_weight = _parameter(op, f"{_name(source.weight)}.folded", scaled, rewriter)
    _keep_grid(source.weight, new_weight, factor)
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

    With `exact` only where no bit can change: factors that are positive powers of two behind
    sums of spikes or counts, no shift, and numbers that neither overflow nor become subnormal.
    Without, weights are multiplied and rounded once: results may differ in the last place.
    What could become infinite stays a scale.
    """

    name = "snn-fold-affine"

    exact: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = [FoldScale(self.exact), FoldBatchNorm(self.exact)]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
