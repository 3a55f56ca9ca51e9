"""Few different weights a neuron: the chip's crossbar has a bit a synapse and a table a neuron."""

from __future__ import annotations

from collections.abc import Callable

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
    one dimension (Lloyd 1982) for all rows at once, the better of two starts. A row that has no
    more whole numbers than that, rounded one by one, keeps them. `importance` weights errors.
    """
    plain = np.clip(np.rint(values), low, high)
    simple = distinct(rows, plain, size) <= levels
    found = plain.copy()
    hard = ~simple[rows]
    if not hard.any():
        return found
    order = np.flatnonzero(hard)[np.lexsort((values[hard], rows[hard]))]
    row, exact, weight = rows[order], values[order], importance[order]
    best, least = found[order], np.full(size, np.inf)
    for start in (_evenly, _quantiles):
        centres = np.clip(np.rint(start(row, exact, levels, size)), low, high)
        whole = _descended(row, exact, weight, centres, low, high)
        error = np.bincount(row, weight * (whole - exact) ** 2, minlength=size)
        best = np.where((error < least)[row], whole, best)
        least = np.minimum(least, error)
    found[order] = best
    return found


def _descended(
    rows: Array, values: Array, weight: Array, centres: Array, low: int, high: int
) -> Array:
    """The nearest centres of values, sorted by row and value, after Lloyd's descent."""
    size, levels = centres.shape
    for _ in range(ROUNDS):
        chosen = _nearest(centres[rows], values)
        kept = chosen >= 0
        key = rows[kept] * levels + chosen[kept]
        total = np.bincount(key, (weight * values)[kept], minlength=size * levels)
        count = np.bincount(key, weight[kept], minlength=size * levels)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, total / count, centres.reshape(-1))
        moved = np.clip(np.rint(mean), low, high).reshape(size, levels)
        if (moved == centres).all():
            break
        centres = moved
    chosen = _nearest(centres[rows], values)
    taken = np.take_along_axis(centres[rows], np.maximum(chosen, 0)[:, None], axis=1)[:, 0]
    return np.where(chosen >= 0, taken, 0.0)


def distinct(rows: Array, values: Array, size: int) -> Array:
    """[size] how many different values other than 0 each row has."""
    kept = values != 0
    pairs = np.unique(np.stack([rows[kept], values[kept]]), axis=1)
    return np.bincount(pairs[0].astype(np.int64), minlength=size)


def _evenly(rows: Array, values: Array, levels: int, size: int) -> Array:
    """[size, levels] the range of each row cut evenly; values are sorted."""
    first = np.searchsorted(rows, np.arange(size))
    last = np.maximum(np.searchsorted(rows, np.arange(size), "right") - 1, 0)
    low, high = values[np.minimum(first, len(values) - 1)], values[last]
    return np.asarray(low[:, None] + (high - low)[:, None] * (np.arange(levels) + 0.5) / levels)


def _quantiles(rows: Array, values: Array, levels: int, size: int) -> Array:
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


FLIPS = 200
"""At most, of each row."""


def balanced(rows: Array, values: Array, whole: Array, importance: Array, horizon: Array) -> Array:
    """
    `whole` numbers of `leveled`, some of them moved to a neighbouring one of their row, or 0, so
    that errors cancel: a membrane that forgets little adds them up.

    Descent in sum r e^2 + h (sum r e)^2, for errors e and rates r (`importance`): what a step adds
    in variance, and what h steps (`horizon` [rows]) add in the mean. One move a row at a time.
    """
    if not len(rows):
        return whole
    order = np.argsort(rows, kind="stable")
    row, exact, now, rate = rows[order], values[order], whole[order], importance[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    place = np.cumsum(np.diff(row, prepend=-1) != 0) - 1
    up, down = _neighbours(row, now)
    h = horizon[row]
    for _ in range(FLIPS):
        error = now - exact
        drift = np.add.reduceat(rate * error, starts)[place]
        gains, steps = [], []
        for to in (up(now), down(now)):
            step = to - now
            cost = rate * step * (2 * error + step) + h * rate * step * (2 * drift + rate * step)
            gains.append(np.where(step != 0, cost, 0.0))
            steps.append(step)
        better = np.minimum(*gains)
        best = np.minimum.reduceat(better, starts)[place]
        first = _first((better == best) & (best < -1e-12), starts)
        if not len(first):
            break
        rises = gains[0][first] <= gains[1][first]
        now = now.copy()
        now[first] += np.where(rises, steps[0][first], steps[1][first])
    found = whole.copy()
    found[order] = now
    return found


def _first(chosen: Array, starts: Array) -> Array:
    """The first place of each row that is chosen."""
    places = np.where(chosen, np.arange(len(chosen)), len(chosen))
    first = np.minimum.reduceat(places, starts)
    return np.asarray(first[first < len(chosen)])


def _neighbours(
    row: Array, now: Array
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """The next number of the same row above and below, for each place; the same at the ends."""
    every = np.unique(
        np.stack([np.concatenate([row, row]), np.concatenate([now, 0 * now])]), axis=1
    )
    span = 1 + 2 * np.abs(now).max(initial=1)
    keys = every[0] * span + every[1]

    def place(numbers: Array) -> Array:
        return np.asarray(np.searchsorted(keys, row * span + numbers))

    def up(numbers: Array) -> Array:
        at = np.minimum(place(numbers) + 1, len(keys) - 1)
        return np.where(every[0][at] == row, every[1][at], numbers)

    def down(numbers: Array) -> Array:
        at = np.maximum(place(numbers) - 1, 0)
        return np.where(every[0][at] == row, every[1][at], numbers)

    return up, down
