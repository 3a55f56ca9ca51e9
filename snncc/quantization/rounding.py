"""
Weights rounded so that the sum keeps its value on the inputs that it really gets.

With the second moment G = E[x x'] of the inputs, rounding a row w to q costs
(w - q)' G (w - q). It is made small column by column: what a column loses is put on those
that are still to be rounded, in the proportions that the Cholesky factor of the inverse of G
gives (the equations of Frantar et al. 2022, "GPTQ", after Hassibi and Stork 1993, "Optimal
brain surgeon"); then single whole numbers are moved as long as that helps.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array

SWEEPS = 30
"""At most so many passes over the columns of single moves."""


def losses(target: Array, rounded: Array, moment: Array) -> Array:
    """(w - q)' G (w - q) for each row."""
    error = target - rounded
    return np.asarray(np.einsum("ri,ri->r", error @ moment, error))


def column_by_column(target: Array, scale: Array, top: int, moment: Array) -> Array:
    """
    Whole numbers within +-`top` for `target` [rows, columns] / `scale` [rows]; `moment` is
    positive definite [columns, columns].
    """
    order = np.argsort(-np.diag(moment), kind="stable")
    # the upper factor U of the inverse: inverse = U' U
    inverse = np.linalg.inv(moment[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    rest = target[:, order] / scale[:, None]
    whole = np.empty_like(rest)
    for column in range(rest.shape[1]):
        whole[:, column] = np.clip(np.rint(rest[:, column]), -top, top)
        lost = (rest[:, column] - whole[:, column]) / upper[column, column]
        rest[:, column + 1 :] -= lost[:, None] * upper[column, column + 1 :]
    found = np.empty_like(whole)
    found[:, order] = whole
    return found


def improved(whole: Array, target: Array, scale: Array, top: int, moment: Array) -> Array:
    """Moves single whole numbers to where the loss is least, given the others, until none moves."""
    whole = whole.copy()
    wanted = target / scale[:, None]
    pull = (wanted - whole) @ moment
    diagonal = np.diag(moment)
    for _ in range(SWEEPS):
        moved = False
        for column in range(whole.shape[1]):
            best = np.rint(whole[:, column] + pull[:, column] / diagonal[column])
            step = np.clip(best, -top, top) - whole[:, column]
            (rows,) = np.nonzero(step)
            if not rows.size:
                continue
            moved = True
            whole[rows, column] += step[rows]
            pull[rows] -= step[rows, None] * moment[column]
        if not moved:
            break
    return whole
