"""The weights of all projections into a population as one matrix, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.descent import Columns, descended, error_of
from snncc.passes.legalization.moments import Moments
from snncc.passes.legalization.rounding import Row


def settled(
    rows: Sequence[Row],
    units: Sequence[Array],
    scale: Array,
    weights: Sequence[Array],
    moments: list[Moments],
) -> tuple[list[Array], Array]:
    """
    Weights of `rounded` ([synapses] each) whose errors cancel, and the mean squares [n] by which
    what is left moves membranes. A neuron that has few levels keeps them.
    """
    size = len(scale)
    starts = np.cumsum([0, *(row.projection.weights.shape[1] for row in rows)])
    shape = (size, int(starts[-1]))
    exact, there = np.zeros(shape), np.zeros(shape, bool)
    whole, each = np.zeros(shape), np.ones(shape)
    low, high = np.zeros(shape[1]), np.zeros(shape[1])
    places = []
    for row, unit, given, start in zip(rows, units, weights, starts, strict=False):
        w = row.projection.weights
        place = (w.rows, w.columns + start)
        span = slice(start, start + w.shape[1])
        exact[place], there[place], whole[place] = w.values, True, given
        each[:, span] = (unit / scale)[:, None]
        low[span], high[span] = row.edge.low, row.edge.high
        places.append(place)
    few = any(row.edge.levels is not None for row in rows)
    columns = Columns(exact, there, each, low, high, _tables(there, whole) if few else None)
    found = descended(columns, whole, moments)
    return [found[place] for place in places], error_of(columns, found, moments)


def _tables(there: Array, whole: Array) -> Array:
    """[n, numbers] those of each neuron, and 0."""
    values = np.sort(np.where(there, whole, 0.0), axis=1)
    new = np.diff(values, axis=1, prepend=np.inf) != 0
    new &= values != 0
    found = np.zeros((len(values), 1 + int(new.sum(axis=1).max(initial=0))))
    rows, columns = np.nonzero(new)
    place = np.cumsum(new, axis=1)[rows, columns]
    found[rows, place] = values[rows, columns]
    return found
