"""
Weights rounded so that the sum keeps its value on the inputs that it really gets.

With the second moment G = E[x x'] of the inputs, rounding a row w to q costs
(w - q)' G (w - q). It is made small column by column: what a column loses is put on those
that are still to be rounded, in the proportions that the Cholesky factor of the inverse of G
gives (the equations of Frantar et al. 2022, "GPTQ", after Hassibi and Stork 1993, "Optimal
brain surgeon"); then single whole numbers are moved as long as that helps.

Moments are [1, columns, columns], one for all rows, or [rows, columns, columns].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array

SWEEPS = 30
"""At most so many passes over the columns of single moves."""


def losses(target: Array, rounded: Array, moment: Array) -> Array:
    """(w - q)' G (w - q) for each row."""
    error = target - rounded
    return np.asarray(np.einsum("ri,ri->r", products(error, moment), error))


@dataclass(frozen=True)
class Order:
    """The order in which columns are rounded, the largest moments first, and what follows."""

    columns: Array
    """[rows or 1, columns]."""
    upper: Array
    """U of the inverse of the moments in this order: inverse = U' U."""

    @classmethod
    def of(cls, moment: Array) -> Order:
        """`moment` is positive definite."""
        columns = np.argsort(-np.einsum("rii->ri", moment), axis=1, kind="stable")
        sorted_ = np.take_along_axis(moment, columns[:, :, None], 1)
        sorted_ = np.take_along_axis(sorted_, columns[:, None, :], 2)
        return cls(columns, _factors(sorted_))


def column_by_column(target: Array, scale: Array, top: int, order: Order) -> Array:
    """Whole numbers within +-`top` for `target` [rows, columns] / `scale` [rows]."""
    columns = np.broadcast_to(order.columns, target.shape)
    upper = order.upper
    rest = np.take_along_axis(target / scale[:, None], columns, 1)
    whole = np.empty_like(rest)
    for column in range(rest.shape[1]):
        whole[:, column] = np.clip(np.rint(rest[:, column]), -top, top)
        lost = (rest[:, column] - whole[:, column]) / upper[:, column, column]
        rest[:, column + 1 :] -= lost[:, None] * upper[:, column, column + 1 :]
    found = np.empty_like(whole)
    np.put_along_axis(found, columns, whole, 1)
    return found


def improved(whole: Array, target: Array, scale: Array, top: int, moment: Array) -> Array:
    """Moves single whole numbers to where the loss is least, given the others, until none moves."""
    whole = whole.copy()
    wanted = target / scale[:, None]
    pull = products(wanted - whole, moment)
    shared = len(moment) == 1
    for _ in range(SWEEPS):
        moved = False
        for column in range(whole.shape[1]):
            best = np.rint(whole[:, column] + pull[:, column] / moment[:, column, column])
            step = np.clip(best, -top, top) - whole[:, column]
            (rows,) = np.nonzero(step)
            if not rows.size:
                continue
            moved = True
            whole[rows, column] += step[rows]
            pull[rows] -= step[rows, None] * moment[0 if shared else rows, column]
        if not moved:
            break
    return whole


def products(rows: Array, moment: Array) -> Array:
    """Each row times its moment."""
    if len(moment) == 1:
        return np.asarray(rows @ moment[0])
    return np.asarray(np.einsum("ri,rij->rj", rows, moment, optimize=True))


def _factors(moments: Array) -> Array:
    """
    The upper factors U of the inverses. A moment of too few different inputs is not definite as
    floats have it: then ever more is added to its diagonal.
    """
    for power in (None, *range(-9, 1)):
        if power is not None:
            size = np.maximum(np.einsum("rii->r", moments) / moments.shape[1], 1e-12)
            moments = moments + size[:, None, None] * 10.0**power * np.eye(moments.shape[1])
        try:
            inverse = np.linalg.inv(moments)
            lower = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2)
        except np.linalg.LinAlgError:
            continue
        return np.asarray(lower.transpose(0, 2, 1))
    return np.broadcast_to(np.eye(moments.shape[1]), moments.shape)
