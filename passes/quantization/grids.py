"""Grids of whole numbers for arrays of weights: which scale, and what is rounded where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from snncc.dialects.arrays import Array

Clip = Literal["max", "mse"]

MAX_SPREAD = 2.0**24
"""How much finer the grid of one output may be than the coarsest."""
CLIPS = np.linspace(1.0, 0.35, 27)
"""Candidates for the largest weight that is kept, as parts of the largest there is."""


@dataclass(frozen=True)
class Grid:
    """
    Whole numbers and what one of them is worth: weight[o, ...] = whole[o, ...] * scale[o].

    `whole` is int64; `scale` float64 with one element for each output (the first axis).
    """

    whole: Array
    scale: Array


def largest_whole(bits: int) -> int:
    """The largest magnitude of a symmetric grid; of 2 bits it is 1 (ternary)."""
    return (1 << (bits - 1)) - 1


def own_scale(
    weight: Array, bits: int, *, per_channel: bool, clip: Clip = "mse", power_of_two: bool = False
) -> Array:
    """
    The scale [outputs] of the finest grid of `bits` that suits the weights: the one on
    which they lie where there is one (a network trained on a grid keeps its weights), else
    that of the largest weight (`max`), or of the part of it with the least squared error.
    """
    rows = weight.astype(np.float64).reshape(weight.shape[0], -1)
    if not per_channel:
        rows = rows.reshape(1, -1)
    top = largest_whole(bits)
    scale = _grid_of(rows, top)
    rest = np.isnan(scale)
    if rest.any():
        largest = np.abs(rows[rest]).max(axis=1)
        found = largest / top
        if clip == "mse":
            found = _least_error(rows[rest], largest, top)
        scale[rest] = found
    if power_of_two:
        with np.errstate(divide="ignore"):
            scale = np.where(scale > 0, np.exp2(np.ceil(np.log2(scale))), 0.0)
    return np.broadcast_to(within_spread(scale), weight.shape[:1]).copy()


def within_spread(scale: Array) -> Array:
    """Scales no finer than the coarsest allows; that of rows without weights is the coarsest."""
    coarsest = float(scale.max(initial=0.0)) or 1.0
    return np.where(scale > 0, np.maximum(scale, coarsest / MAX_SPREAD), coarsest)


def on_grid(weight: Array, scale: Array, bits: int) -> Grid:
    """The weights rounded to the grid of a scale [outputs], half to even, and clipped to it."""
    top = largest_whole(bits)
    factors = scale.reshape(-1, *(1,) * (weight.ndim - 1))
    whole = np.clip(np.rint(weight.astype(np.float64) / factors), -top, top)
    return Grid(whole.astype(np.int64), scale)


def _grid_of(rows: Array, top: int) -> Array:
    """The scale on whose grid every number of a row lies exactly (up to float32); else NaN."""
    found = np.full(rows.shape[0], np.nan)
    for index, row in enumerate(rows):
        sizes = np.unique(np.abs(row[row != 0]))
        if not sizes.size:
            found[index] = 0.0
            continue
        if sizes.size > top:
            continue
        for step in range(1, min(top, 16) + 1):
            scale = sizes[0] / step
            whole = sizes / scale
            if whole[-1] > top + 0.25:
                break
            nearest = np.rint(whole)
            if np.all(np.abs(whole - nearest) <= 4e-7 * nearest):
                # the finest such grid: its neighbours in the layer may be finer
                found[index] = sizes[-1] / nearest[-1] / (top // int(nearest[-1]))
                break
    return found


def _least_error(rows: Array, largest: Array, top: int) -> Array:
    """The scale with the least squared rounding and clipping error, of a few candidates."""
    best = np.full(rows.shape[0], np.inf)
    scale = largest / top
    for part in CLIPS:
        candidate = largest * part / top
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = np.clip(np.rint(rows / candidate[:, None]), -top, top)
            error = ((rows - whole * candidate[:, None]) ** 2).sum(axis=1)
        better = error < best
        best = np.where(better, error, best)
        scale = np.where(better, candidate, scale)
    return scale
