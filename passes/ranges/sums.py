"""
The ranges of streams that are sums, windows or rearrangements of others.

Elements of the input are taken as independent of each other, each anywhere in its interval:
then the bounds of a weighted sum are met, by the input that is high where the weight is
positive and low where it is negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.types import shape_of
from snncc.dialects.windows import padded, taken, windows
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.intervals import Interval

EXACT = 2.0**53
"""Integers below this, and their sums, are exact in float64: BLAS may add them up."""


def weighted(op: Any, x: Interval, weight: Interval, bias: Interval | None) -> Interval:
    """
    The exact bounds of a linear layer or a convolution, with the bias, of the result's shape.

    x is of the input's shape; weights are usually one number each, and may be intervals.
    """
    apply = _linear if isinstance(op, snn.LinearOp) else _convolution
    x = x.broadcast(shape_of(op.input))
    weight = weight.broadcast(shape_of(op.weight))
    if weight.is_point:
        total = _of_known(op, apply, x, weight.low)
    else:
        total = _of_intervals(op, apply, x, weight)
    if bias is None:
        return total
    outputs = (-1,) + (1,) * (len(shape_of(op.result)) - 1)
    return iv.settle(iv.add(total, bias.map(lambda ends: ends.reshape(outputs))))


Apply = Callable[[Any, Array, Array], Array]


def _of_known(op: Any, apply: Apply, x: Interval, weight: Array) -> Interval:
    dtype = _dtype(x, np.abs(weight).max(initial=0).item(), weight[0].size)
    positive, negative = np.maximum(weight, 0).astype(dtype), np.minimum(weight, 0).astype(dtype)
    low, high = x.low.astype(dtype), x.high.astype(dtype)
    if not x.is_float or (np.isfinite(low).all() and np.isfinite(high).all()):
        ends = (
            apply(op, low, positive) + apply(op, high, negative),
            apply(op, high, positive) + apply(op, low, negative),
        )
    else:
        ends = _with_infinities(op, apply, (low, high), (positive, negative))
    return _back(Interval(*ends), x.is_float)


def _with_infinities(
    op: Any, apply: Apply, x: tuple[Array, Array], weight: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Infinite where an infinite end meets a weight that is not zero; never NaN."""
    low, high = x
    positive, negative = weight
    finite = [np.where(np.isfinite(ends), ends, 0.0) for ends in (low, high)]
    no_low, no_high = (np.isinf(ends).astype(np.float64) for ends in (low, high))
    up, down = (positive > 0).astype(np.float64), (negative < 0).astype(np.float64)
    open_low = apply(op, no_low, up) + apply(op, no_high, down) > 0
    open_high = apply(op, no_high, up) + apply(op, no_low, down) > 0
    least = apply(op, finite[0], positive) + apply(op, finite[1], negative)
    most = apply(op, finite[1], positive) + apply(op, finite[0], negative)
    return np.where(open_low, -np.inf, least), np.where(open_high, np.inf, most)


def _of_intervals(op: Any, apply: Apply, x: Interval, weight: Interval) -> Interval:
    """Weights that are not known: every product is within the largest magnitudes."""
    size = np.maximum(np.abs(x.low.astype(np.float64)), np.abs(x.high.astype(np.float64)))
    magnitude = np.maximum(
        np.abs(weight.low.astype(np.float64)), np.abs(weight.high.astype(np.float64))
    )
    most = np.nan_to_num(apply(op, size, magnitude), nan=np.inf, posinf=np.inf)
    if x.is_float:
        return Interval(-most, most)
    # rounded outwards: a float64 sum errs by less than 2^-20 of itself
    wide = np.vectorize(lambda value: int(value * (1 + 2.0**-20)) + 1, otypes=[object])(most)
    return iv.settle(Interval(-wide, wide))


def _dtype(x: Interval, largest: Any, terms: int) -> Any:
    """Floats where they are exact (BLAS is fast), Python's integers where int64 is not."""
    if x.is_float:
        return np.float64
    bound = x.magnitude * largest * terms
    if bound < EXACT:
        return np.float64
    return np.int64 if bound < iv.EXACT else object


def _back(total: Interval, is_float: bool) -> Interval:
    if is_float:
        return total
    if total.low.dtype == object:
        return iv.settle(total)
    return total.map(lambda ends: ends.astype(np.int64))


def _linear(op: snn.LinearOp, x: Array, weight: Array) -> Array:
    return np.asarray(weight @ x)


def _convolution(op: Any, x: Array, weight: Array) -> Array:
    groups, sizes = op.group_count, shape_of(op.result)[1:]
    around = padded(x, op.paddings)
    around = around.reshape(groups, -1, *around.shape[1:])
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    total: Any = 0
    for place, window in windows(sizes, weight.shape[2:], op.strides, op.dilations):
        taps = taken(around, window).reshape(groups, weight.shape[1], -1)
        total = total + kernel.reshape(*kernel.shape[:3], -1)[..., place] @ taps
    return np.asarray(total).reshape(shape_of(op.result))


def pooled(op: snn.Pool2dOp, x: Interval) -> Interval:
    """Sums, means and maxima of windows; padding counts as 0 in sums and not in maxima."""
    x = x.broadcast(shape_of(op.input))
    return Interval(_pooled(op, x.low), _pooled(op, x.high))


def _pooled(op: snn.Pool2dOp, ends: Array) -> Array:
    largest = op.pool.data is Pool.MAX
    outside: Any = 0
    if largest:
        outside = -np.inf if ends.dtype.kind == "f" else iv.INT64[0]
    places = windows(shape_of(op.result)[1:], op.kernels, op.strides, (1, 1))
    around = padded(ends, op.paddings, outside)
    taps = [taken(around, window) for _, window in places]
    if largest:
        return np.asarray(np.max(taps, axis=0))
    total = np.sum(taps, axis=0)
    if op.pool.data is Pool.SUM:
        return np.asarray(total)
    if not op.excludes_padding:
        return np.asarray(total / len(places))
    inside = padded(np.ones(ends.shape[-2:]), op.paddings)
    return np.asarray(total / np.sum([inside[window] for _, window in places], axis=0))


def rearranged(op: snn.RearrangeOp, x: Interval) -> Interval:
    places = op.indices

    def move(ends: Array) -> Array:
        moved = np.broadcast_to(ends, shape_of(op.input)).reshape(-1)[places]
        return np.where(places < 0, np.zeros((), ends.dtype), moved)

    return x.map(move)


def concatenated(op: snn.ConcatOp, parts: Sequence[Interval]) -> Interval:
    full = [p.broadcast(shape_of(v)) for p, v in zip(parts, op.inputs, strict=True)]
    axis = op.axis.value.data
    return Interval(
        np.concatenate([p.low for p in full], axis), np.concatenate([p.high for p in full], axis)
    )


def delayed(op: snn.DelayOp, stream: Interval, initial: Interval) -> Interval:
    """The stream, and before it the initial value; an element without delay has none."""
    shape = shape_of(op.result)
    stream, initial = stream.broadcast(shape), initial.broadcast(shape)
    both = iv.hull(stream, initial)
    if not op.is_instantaneous:
        return both
    now = np.array(op.steps_per_element).reshape(shape) == 0
    return Interval(np.where(now, stream.low, both.low), np.where(now, stream.high, both.high))
