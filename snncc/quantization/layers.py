"""
Calibration of weights, layer by layer in the order of the network.

Each sum is fitted with the inputs that it really gets when everything in front of it is
rounded: the weights W' that bring W' x' closest to W x, on which x are the inputs in the
float network, x' in the rounded one, both seen through the response of the neuron behind the
sum, for a membrane integrates. W' is then rounded with regard to the second moment of x'
(`rounding`), and the mean that is left goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.passes.quantization.grids import largest_whole, on_grid, own_scale, within_spread
from snncc.passes.quantization.options import Options
from snncc.quantization.features import (
    chosen_windows,
    columns_of,
    groups_of,
    rows_of,
    unit_columns,
)
from snncc.quantization.response import filtered
from snncc.quantization.rounding import Order, column_by_column, improved, losses

LEAST_PART = 0.3
"""Of the largest weight there is: the least that is tried as the largest that is kept."""
PARTS, MOST_PARTS = 30, 300
"""Scales that are tried: the fewer numbers share one, the more it matters."""
PARTS_TIMES_COLUMNS = 2700
THOROUGH_COLUMNS = 32
"""At most so many: then every scale is tried with all single moves."""


@dataclass(frozen=True)
class Settings:
    """What keeps a fit from believing its data too much, as parts of the mean second moment."""

    damping: float = 0.01
    """Added to the second moment: inputs that were never seen count too."""
    hold: float = 0.1
    """How far the fitted weights are held to the float ones."""
    near: bool = False
    """Whether inputs count more where a neuron is close to its threshold."""


@dataclass(frozen=True)
class Moments:
    """
    Of one group's inputs, in whole numbers, the means taken out: x' those of the rounded
    network, x of the float one, both through the neuron's response. One for all rows of the
    group, or one for each, where what a row's neuron decides weighs the inputs.
    """

    own: Array
    """E[x' x'^T], [rows or 1, columns, columns]."""
    cross: Array
    """E[x x'^T]."""
    mean: Array
    """Of x, per unit of the bias [rows or 1, columns]."""
    own_mean: Array


@dataclass(frozen=True)
class Fitted:
    """Rounded weights of a sum: `weight` on the grid of `scale` [outputs], and its bias's shift."""

    weight: Array
    scale: Array
    shift: Array
    whole: Array
    """The whole numbers [outputs, columns]."""


def moments_of(
    op: WeightedSum,
    x: Array,
    own: Array,
    response: Array,
    unit: Array | None,
    weights: Array | None = None,
) -> list[Moments]:
    """
    `x`, `own`: the sum's input [T, B, *shape] in the float and in the rounded network;
    `response` [T]; `unit` what one whole number of the input is worth; `weights`
    [T, B, outputs] of the errors of each output, where they differ.
    """
    steps = x.shape[0]
    wholes = unit_columns(op, unit)

    def columns(stream: Array) -> Array:
        stream = filtered(stream.astype(np.float32), response)
        flat = stream.reshape(-1, *stream.shape[2:])
        return columns_of(op, flat, chosen_windows(op, flat.shape[0])) / wholes.astype(np.float32)

    given, seen = columns(x), columns(own)
    count = seen.shape[1]
    # a constant current through the same response: what the bias can do
    constant = np.repeat(np.cumsum(response), count // steps).astype(np.float32)
    if weights is None:
        return [_moments(given[g], seen[g], constant, None) for g in range(groups_of(op))]
    rows = weights.reshape(count, -1)
    found = [_moments(given[0], seen[0], constant, rows[:, row]) for row in range(rows.shape[1])]
    parts = ("own", "cross", "mean", "own_mean")
    return [Moments(*(np.concatenate([getattr(m, part) for m in found]) for part in parts))]


def _moments(a: Array, b: Array, constant: Array, weights: Array | None) -> Moments:
    count = len(b)
    weighted = b if weights is None else b * weights[:, None]
    if weights is None and b.size <= 1 << 22:
        a, weighted, b = (array.astype(np.float64) for array in (a, weighted, b))
    held = constant if weights is None else constant * weights
    size = float(held @ constant)
    mean, own_mean = (held @ a) / size, (held @ b) / size
    moment = (weighted.T @ b).astype(np.float64) / count
    cross = (a.T @ weighted).astype(np.float64) / count
    return Moments(
        (moment - np.outer(own_mean, own_mean) * size / count)[None],
        (cross - np.outer(mean, own_mean) * size / count)[None],
        mean.astype(np.float64)[None],
        own_mean.astype(np.float64)[None],
    )


@dataclass(frozen=True)
class Candidates:
    """Scales [outputs] that a sum may take: the best for each row, or one for all."""

    scales: list[Array]
    together: bool


def candidates_of(rows: Array, bits: int, options: Options) -> Candidates:
    """`rows` [outputs, columns] in whole inputs."""
    top = largest_whole(bits)
    largest = within_spread(np.abs(rows).max(axis=1))
    if not options.per_channel:
        largest = np.full_like(largest, largest.max(initial=0.0))
    if options.power_of_two:
        exact = np.exp2(np.ceil(np.log2(largest / top)))
        scales = [exact, exact / 2, exact / 4]
    else:
        count = int(np.clip(PARTS_TIMES_COLUMNS // rows.shape[1], PARTS, MOST_PARTS))
        parts = np.linspace(1.0, LEAST_PART, count)
        scales = [largest * part / top for part in parts]
    return Candidates(scales, not options.per_channel)


@dataclass(frozen=True)
class Problem:
    """The least squares problem of a sum's rows, all groups' one below the other."""

    target: Array
    """The real weights that fit best [outputs, columns], of whole inputs."""
    moments: list[Array]
    """Of each group's inputs: what rounding its rows is judged by."""
    groups: list[slice]
    """The rows of each group."""
    wholes: Array
    """What one whole number of each input is worth [groups, 1, columns]."""
    rows: Array
    """The float weights [outputs, columns], of whole inputs."""
    means: list[Moments]

    def fitted(self, whole: Array, scale: Array, shape: tuple[int, ...]) -> Fitted:
        rounded = whole * scale[:, None]
        shift = [
            (self.rows[part] * m.mean - rounded[part] * m.own_mean).sum(axis=1)
            for part, m in zip(self.groups, self.means, strict=True)
        ]
        weight = rounded.reshape(len(self.groups), -1, rounded.shape[1]) / self.wholes
        return Fitted(weight.reshape(shape), scale, np.concatenate(shift), whole)


def problem_of(
    op: WeightedSum,
    weight: Array,
    moments: list[Moments],
    unit: Array | None,
    settings: Settings,
) -> Problem:
    wholes = unit_columns(op, unit)
    rows = rows_of(op, weight) * wholes
    targets = [_target(rows[group], m, settings) for group, m in enumerate(moments)]
    outputs = rows.shape[1]
    return Problem(
        np.concatenate([target for target, _ in targets]),
        [moment for _, moment in targets],
        [slice(group * outputs, (group + 1) * outputs) for group in range(len(moments))],
        wholes,
        rows.reshape(-1, rows.shape[2]),
        moments,
    )


def fit(problem: Problem, candidates: Candidates, top: int) -> tuple[Array, Array]:
    """
    The best whole numbers [outputs, columns] and scale [outputs]: for each row its own, or
    the same candidate for all rows.
    """
    thorough = problem.target.shape[1] <= THOROUGH_COLUMNS
    best = np.full(len(problem.target), np.inf)
    whole, scale = np.zeros_like(problem.target), candidates.scales[0].copy()
    orders = [Order.of(moment) for moment in problem.moments]
    for tried in candidates.scales:
        found = np.empty_like(whole)
        error = np.empty_like(best)
        for part, moment, order in zip(problem.groups, problem.moments, orders, strict=True):
            target = problem.target[part]
            found[part] = column_by_column(target, tried[part], top, order)
            if thorough:
                found[part] = improved(found[part], target, tried[part], top, moment)
            error[part] = losses(target, found[part] * tried[part, None], moment)
        if candidates.together:
            error[:] = error.sum()
        better = error < best
        best[better], whole[better], scale[better] = error[better], found[better], tried[better]
    for part, moment in zip(problem.groups, problem.moments, strict=True):
        whole[part] = improved(whole[part], problem.target[part], scale[part], top, moment)
    return whole, scale


def _target(rows: Array, moments: Moments, settings: Settings) -> tuple[Array, Array]:
    """The real weights that fit best, and the moment that rounding them is judged by."""
    columns = moments.own.shape[-1]
    size = np.einsum("rii->r", moments.own)[:, None, None] / columns
    eye = np.eye(columns)
    hold = settings.hold * size + 1e-12
    wanted = np.matmul(rows[:, None, :], moments.cross) + hold * rows[:, None, :]
    if len(moments.own) == 1:
        target = np.linalg.solve(moments.own[0] + hold[0] * eye, wanted[:, 0].T).T
    else:
        target = np.linalg.solve(moments.own + hold * eye, wanted.transpose(0, 2, 1))[:, :, 0]
    return target, moments.own + (settings.damping * size + 1e-12) * eye


def plain(
    op: WeightedSum,
    weight: Array,
    bits: int,
    options: Options,
    unit: Array | None,
) -> Fitted:
    """Weights rounded one by one to the grid with the least squared error."""
    wholes = unit_columns(op, unit)
    rows = (rows_of(op, weight) * wholes).reshape(weight.shape[0], -1)
    scale = own_scale(
        rows,
        bits,
        per_channel=options.per_channel,
        clip=options.clip,
        power_of_two=options.power_of_two,
    )
    grid = on_grid(rows, scale, bits)
    rounded = (grid.whole * scale[:, None]).reshape(rows_of(op, weight).shape)
    none = np.zeros(len(scale))
    return Fitted((rounded / wholes).reshape(weight.shape), scale, none, grid.whole)


def lies_on_grid(weight: Array, fitted: Fitted) -> bool:
    """Whether rounding changed nothing: the network was trained on this grid."""
    return bool(np.allclose(weight, fitted.weight, rtol=2e-6, atol=0))


def parting(rounded: Array, real: Array) -> Array:
    """
    How far two outputs [T, B, *shape] part, for each channel: the mean square of the
    difference of their sums up to each step, which counts spikes and knows when they come.
    """
    difference = np.cumsum(rounded.astype(np.float32) - real.astype(np.float32), axis=0)
    squares = (difference**2).mean(axis=(0, 1), dtype=np.float64)
    return np.asarray(
        squares.reshape(squares.shape[0], -1).mean(axis=1) if squares.ndim else squares
    )
