"""A weighted sum as a matrix product: its weights as rows, its inputs as columns."""

from __future__ import annotations

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.interpreters import sums

MAX_NUMBERS = 1 << 24
"""Of the columns that moments are taken of: beyond, windows are left out at random."""


def groups_of(op: WeightedSum) -> int:
    """Groups of a convolution, each with rows and columns of its own; 1 of a linear sum."""
    return op.group_count if isinstance(op, snn.Conv1dOp | snn.Conv2dOp) else 1


def rows_of(op: WeightedSum, weight: Array) -> Array:
    """The weights as [groups, rows, columns], float64."""
    groups = groups_of(op)
    return weight.astype(np.float64).reshape(groups, weight.shape[0] // groups, -1)


def columns_of(op: WeightedSum, x: Array, chosen: Array | None = None) -> Array:
    """
    The inputs that the rows meet: x [M, *shape] as [groups, M * windows, columns]; of the
    windows of a convolution those of the numbers `chosen`.
    """
    if isinstance(op, snn.LinearOp):
        return x.reshape(1, x.shape[0], -1)
    assert isinstance(op, snn.Conv1dOp | snn.Conv2dOp)
    padded = sums.pad(x, op.paddings)
    rank = op.RANK
    kernel = shape_of(op.weight)[2:]
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilations, kernel, strict=True)]
    axes = tuple(range(padded.ndim - rank, padded.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=axes)
    every = tuple(slice(None, None, stride) for stride in op.strides)
    taps = tuple(slice(None, None, dilation) for dilation in op.dilations)
    windows = windows[(slice(None), slice(None), *every, *taps)]
    count = int(np.prod(windows.shape[2 : 2 + rank]))
    groups = op.group_count
    # [M, C, *places, *kernel] -> [groups, M, places, C / groups, *kernel]
    split = windows.reshape(x.shape[0], groups, -1, count, *kernel)
    moved = np.moveaxis(split, (1, 3), (0, 2))
    if chosen is not None:
        moved = moved[:, :, chosen]
    return moved.reshape(groups, -1, int(np.prod(moved.shape[3:])))


def results_of(op: WeightedSum, y: Array, chosen: Array | None = None) -> Array:
    """
    The results that the rows give, beside `columns_of`: y [M, *shape] as
    [groups, M * windows, rows].
    """
    groups = groups_of(op)
    split = y.reshape(y.shape[0], groups, -1, window_count(op))
    if chosen is not None:
        split = split[..., chosen]
    return np.moveaxis(split, 2, 3).swapaxes(0, 1).reshape(groups, -1, split.shape[2])


def window_count(op: WeightedSum) -> int:
    return int(np.prod(shape_of(op.result)[1:]))


def chosen_windows(op: WeightedSum, rows: int, most: int = MAX_NUMBERS) -> Array | None:
    """Windows to look at, where all of them in all of `rows` rows are more than `most` numbers."""
    if isinstance(op, snn.LinearOp):
        return None
    count = window_count(op)
    columns = int(np.prod(shape_of(op.weight)[1:])) * groups_of(op)
    kept = max(1, most // max(1, rows * columns))
    if count <= kept:
        return None
    return np.sort(np.random.default_rng(0).choice(count, kept, replace=False))


def unit_columns(op: WeightedSum, unit: Array | None) -> Array:
    """
    What one whole number of each input is worth, as [groups, 1, columns] beside the rows:
    1 for spikes. A convolution has one for each channel.
    """
    shape = shape_of(op.input)
    full = np.broadcast_to(np.float64(1.0) if unit is None else unit, shape)
    if isinstance(op, snn.LinearOp):
        return full.reshape(1, 1, -1).astype(np.float64)
    channels = full.reshape(full.shape[0], -1).max(axis=1)
    taps = int(np.prod(shape_of(op.weight)[2:]))
    groups = groups_of(op)
    return np.repeat(channels, taps).reshape(groups, 1, -1).astype(np.float64)
