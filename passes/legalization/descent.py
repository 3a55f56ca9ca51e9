"""
Whole numbers for weights whose errors cancel in what a neuron really gets.

With the second moments G of what each weight's source adds to the membrane (`moments.py`), weights
w of a neuron and the numbers q u of the chip (u: what 1 adds), the error is e' G e, e = q u - w. It
descends by single moves: each weight in turn goes to the number of the chip that is best given
the others (coordinate descent), until none moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.moments import Moments

SWEEPS = 12
"""At most, over all columns."""


@dataclass(frozen=True)
class Columns:
    """The weights into a population as one matrix, [n, columns], in the units of its membrane."""

    weights: Array
    there: Array
    """Where a synapse is."""
    units: Array
    """What 1 on the chip adds."""
    low: Array
    high: Array
    """[columns]"""
    tables: Array | None = None
    """[n, numbers] those that each neuron may have; None: all of low to high."""

    def part(self, members: Array) -> Columns:
        return Columns(
            self.weights[members],
            self.there[members],
            self.units[members],
            self.low,
            self.high,
            None if self.tables is None else self.tables[members],
        )

    def snapped(self, column: int, wanted: Array) -> Array:
        """The best number of the chip for each of [n]."""
        if self.tables is None:
            return np.clip(np.rint(wanted), self.low[column], self.high[column])
        place = np.abs(self.tables - wanted[:, None]).argmin(axis=1)
        return np.asarray(self.tables[np.arange(len(wanted)), place])


def descended(columns: Columns, whole: Array, moments: list[Moments]) -> Array:
    """From `whole` [n, columns] down."""
    found = whole.copy()
    for kind in moments:
        part = columns.part(kind.members)
        found[kind.members] = _descended(part, whole[kind.members], kind.matrix)
    return found


def error_of(columns: Columns, whole: Array, moments: list[Moments]) -> Array:
    """e' G e, [n]."""
    found = np.zeros(len(whole))
    for kind in moments:
        m = kind.members
        e = whole[m] * columns.units[m] - columns.weights[m]
        found[m] = ((e @ kind.matrix) * e).sum(axis=1)
    return found


def _descended(part: Columns, whole: Array, matrix: Array) -> Array:
    now = whole.copy()
    pull = (part.weights - now * part.units) @ matrix
    diagonal = np.diagonal(matrix)
    for _ in range(SWEEPS):
        moved = False
        for column in range(now.shape[1]):
            units = part.units[:, column]
            best = now[:, column] + pull[:, column] / (diagonal[column] * units)
            to = part.snapped(column, best)
            step = np.where(part.there[:, column], to - now[:, column], 0.0)
            if part.tables is None:
                step[to == 0] = 0.0  # a synapse that is there stays
            (rows,) = np.nonzero(step)
            if not rows.size:
                continue
            moved = True
            now[rows, column] += step[rows]
            pull[rows] -= (step[rows] * units[rows])[:, None] * matrix[column]
        if not moved:
            break
    return now
