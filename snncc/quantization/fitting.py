"""
Whole numbers and scales of a sum's rows, for the least squares problem of its layer.

Every scale is a lattice of its own, on some of which the weights happen to lie better than on
others, all of them at once: so many are tried, coarser ones than the largest weight asks for
as well as finer ones that clip it, and the scale is fitted to the whole numbers again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.quantization.grids import largest_whole, within_spread
from snncc.passes.quantization.options import Options
from snncc.quantization.layers import Problem
from snncc.quantization.rounding import Order, column_by_column, improved, losses, products

MOST_PART = 2.0
"""Of the largest weight there is: the most that is tried as the largest that is kept."""
LEAST_PART, LEAST_FINE = 0.3, 0.8
"""The least, of coarse grids and of those with more whole numbers than `FINE`."""
FINE = 20
TRIED, MOST_TRIED = 30, 100
"""Scales: the cheaper they are, the more."""
TRIED_THOROUGHLY = 600
THOROUGH_COLUMNS = 32
"""At most so many: then every scale is tried with all single moves."""
OPERATIONS = 3e8
"""Products of one sum, over all its scales, where these are more than `TRIED`."""
AT_ONCE = 1 << 18
"""Weights, of as many scales."""
REFITS = 2
"""How often scale and whole numbers are fitted to each other."""


@dataclass(frozen=True)
class Candidates:
    """
    Scales [outputs] that a sum may take: for each row its own, or one for all (`together`);
    `exact` ones are not fitted further.
    """

    scales: list[Array]
    together: bool
    exact: bool


def candidates_of(rows: Array, bits: int, options: Options) -> Candidates:
    """`rows` [outputs, columns] in whole inputs."""
    top = largest_whole(bits)
    largest = within_spread(np.abs(rows).max(axis=1))
    if not options.per_channel:
        largest = np.full_like(largest, largest.max(initial=0.0))
    if options.power_of_two:
        exact = np.exp2(np.ceil(np.log2(largest / top)))
        return Candidates([exact, exact / 2, exact / 4], not options.per_channel, True)
    columns = rows.shape[1]
    most = TRIED_THOROUGHLY if columns <= THOROUGH_COLUMNS else MOST_TRIED
    count = int(np.clip(OPERATIONS / (len(rows) * columns**2), TRIED, most))
    least = LEAST_FINE if top > FINE else LEAST_PART
    parts = np.geomspace(MOST_PART, least, count)
    return Candidates([largest * part / top for part in parts], not options.per_channel, False)


def fit(problem: Problem, candidates: Candidates, top: int) -> tuple[Array, Array]:
    """(the best whole numbers within +-`top` [outputs, columns], the scale of each row)."""
    scales = np.stack(candidates.scales)
    loss = np.empty((len(scales), len(problem.target)))
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        target, columns = problem.target[part], Order.of(moment)
        several = max(1, AT_ONCE // target.size) if len(moment) == 1 else 1
        for first in range(0, len(scales), several):
            some = slice(first, first + several)
            scale = scales[some, part].ravel()
            count = len(scale) // len(target)
            wanted = np.tile(target, (count, 1))
            whole = column_by_column(wanted, scale, top, columns)
            if whole.shape[1] <= THOROUGH_COLUMNS:
                whole = improved(whole, wanted, scale, top, moment)
            lost = losses(wanted, whole * scale[:, None], moment)
            loss[some, part] = lost.reshape(count, len(target))
    if candidates.together:
        loss[:] = loss.sum(axis=1, keepdims=True)
    scale = scales[loss.argmin(axis=0), np.arange(loss.shape[1])]
    whole = np.empty_like(problem.target)
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        columns = Order.of(moment)
        whole[part] = column_by_column(problem.target[part], scale[part], top, columns)
    return _refined(problem, whole, scale, top, candidates)


def _losses(problem: Problem, whole: Array, scale: Array) -> Array:
    found = np.empty(len(whole))
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        rounded = whole[part] * scale[part, None]
        found[part] = losses(problem.target[part], rounded, moment)
    return found


def _refined(
    problem: Problem, whole: Array, scale: Array, top: int, candidates: Candidates
) -> tuple[Array, Array]:
    """Single moves, and the scale that suits the whole numbers best, in turns."""
    whole = _moved(problem, whole, scale, top)
    loss = _losses(problem, whole, scale)
    for _ in range(0 if candidates.exact else REFITS):
        fitted = _scale_of(problem, whole, scale, candidates.together)
        moved = _moved(problem, whole, fitted, top)
        after = _losses(problem, moved, fitted)
        better = after < loss
        if candidates.together:
            better[:] = after.sum() < loss.sum()
        whole[better], scale = moved[better], np.where(better, fitted, scale)
        loss = np.where(better, after, loss)
    return whole, scale


def _moved(problem: Problem, whole: Array, scale: Array, top: int) -> Array:
    made = np.empty_like(whole)
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        made[part] = improved(whole[part], problem.target[part], scale[part], top, moment)
    return made


def _scale_of(problem: Problem, whole: Array, scale: Array, together: bool) -> Array:
    """The scale with the least loss of given whole numbers."""
    above, below = np.empty(len(whole)), np.empty(len(whole))
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        weighed = products(whole[part], moment)
        above[part] = np.einsum("ri,ri->r", weighed, problem.target[part])
        below[part] = np.einsum("ri,ri->r", weighed, whole[part])
    if together:
        above[:], below[:] = above.sum(), below.sum()
    usable = (above > 0) & (below > 0)
    return within_spread(np.where(usable, above / np.where(usable, below, 1.0), scale))
