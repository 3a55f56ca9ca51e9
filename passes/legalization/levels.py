"""Few different weights a neuron: the chip's crossbar has a bit a synapse and a table a neuron."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array

ROUNDS = 12


def leveled(rows: Array, values: Array, levels: int, low: int, high: int, size: int) -> Array:
    """
    Each value as one of its row's `levels` whole numbers, or 0, which needs no synapse: k-means in
    one dimension (Lloyd 1982) for all rows at once, from quantiles.
    """
    found = np.zeros(len(values))
    order = np.lexsort((values, rows))
    sorted_rows, sorted_values = rows[order], values[order]
    counts = np.bincount(rows, minlength=size)
    starts = np.concatenate([[0], np.cumsum(counts)])
    centres = np.zeros((size, levels))
    has = counts > 0
    for level in range(levels):
        place = starts[:-1] + np.minimum(
            ((level + 0.5) / levels * counts).astype(np.int64), np.maximum(counts - 1, 0)
        )
        centres[has, level] = sorted_values[np.minimum(place[has], len(values) - 1)]
    centres = np.clip(np.rint(centres), low, high)
    for _ in range(ROUNDS):
        chosen = _nearest(centres[sorted_rows], sorted_values)
        kept = chosen >= 0
        key = sorted_rows[kept] * levels + chosen[kept]
        total = np.bincount(key, sorted_values[kept], minlength=size * levels)
        count = np.bincount(key, minlength=size * levels)
        with np.errstate(invalid="ignore"):
            mean = np.where(count > 0, total / count, centres.reshape(-1))
        moved = np.clip(np.rint(mean), low, high).reshape(size, levels)
        if (moved == centres).all():
            break
        centres = moved
    chosen = _nearest(centres[sorted_rows], sorted_values)
    taken = np.take_along_axis(centres[sorted_rows], np.maximum(chosen, 0)[:, None], axis=1)[:, 0]
    found[order] = np.where(chosen >= 0, taken, 0.0)
    return found


def _nearest(centres: Array, values: Array) -> Array:
    """The level nearest to each value; -1 where that is 0."""
    distance = np.abs(centres - values[:, None])
    best = distance.argmin(axis=1)
    return np.where(np.abs(values) <= distance[np.arange(len(values)), best], -1, best)
