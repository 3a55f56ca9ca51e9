"""Few different weights a neuron: the chip's crossbar has a bit a synapse and a table a neuron."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array

ROUNDS = 25


def leveled(
    rows: Array,
    values: Array,
    importance: Array,
    levels: int,
    low: int,
    high: int,
    size: int,
) -> Array:
    """
    Each value as one of its row's `levels` whole numbers, or 0, which needs no synapse: k-means in
    one dimension (Lloyd 1982) for all rows at once, from quantiles. A row that has no more whole
    numbers than that, rounded one by one, keeps them. `importance` weights each value's error.
    """
    plain = np.clip(np.rint(values), low, high)
    simple = distinct(rows, plain, size) <= levels
    found = plain.copy()
    hard = ~simple[rows]
    if not hard.any():
        return found
    order = np.flatnonzero(hard)[np.lexsort((values[hard], rows[hard]))]
    sorted_rows, sorted_values = rows[order], values[order]
    weight = importance[order]
    centres = _start(sorted_rows, sorted_values, levels, size)
    centres = np.clip(np.rint(centres), low, high)
    for _ in range(ROUNDS):
        chosen = _nearest(centres[sorted_rows], sorted_values)
        kept = chosen >= 0
        key = sorted_rows[kept] * levels + chosen[kept]
        total = np.bincount(key, (weight * sorted_values)[kept], minlength=size * levels)
        count = np.bincount(key, weight[kept], minlength=size * levels)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, total / count, centres.reshape(-1))
        moved = np.clip(np.rint(mean), low, high).reshape(size, levels)
        if (moved == centres).all():
            break
        centres = moved
    chosen = _nearest(centres[sorted_rows], sorted_values)
    taken = np.take_along_axis(centres[sorted_rows], np.maximum(chosen, 0)[:, None], axis=1)[:, 0]
    found[order] = np.where(chosen >= 0, taken, 0.0)
    return found


def distinct(rows: Array, values: Array, size: int) -> Array:
    """[size] how many different values other than 0 each row has."""
    kept = values != 0
    pairs = np.unique(np.stack([rows[kept], values[kept]]), axis=1)
    return np.bincount(pairs[0].astype(np.int64), minlength=size)


def _start(rows: Array, values: Array, levels: int, size: int) -> Array:
    """[size, levels] quantiles of each row, whose values are sorted."""
    counts = np.bincount(rows, minlength=size)
    starts = np.concatenate([[0], np.cumsum(counts)])
    centres = np.zeros((size, levels))
    has = counts > 0
    for level in range(levels):
        place = starts[:-1] + np.minimum(
            ((level + 0.5) / levels * counts).astype(np.int64), np.maximum(counts - 1, 0)
        )
        centres[has, level] = values[np.minimum(place[has], len(values) - 1)]
    return centres


def _nearest(centres: Array, values: Array) -> Array:
    """The level nearest to each value; -1 where that is 0."""
    distance = np.abs(centres - values[:, None])
    best = distance.argmin(axis=1)
    return np.where(np.abs(values) <= distance[np.arange(len(values)), best], -1, best)
