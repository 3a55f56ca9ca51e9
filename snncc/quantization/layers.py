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
from snncc.passes.quantization.grids import MAX_SPREAD, largest_whole, on_grid, own_scale
from snncc.passes.quantization.options import Options
from snncc.quantization.features import (
    chosen_windows,
    columns_of,
    groups_of,
    rows_of,
    unit_columns,
)
from snncc.quantization.response import filtered
from snncc.quantization.rounding import column_by_column, improved, losses

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


@dataclass(frozen=True)
class Moments:
    """
    Of one group's inputs, in whole numbers, the means taken out: x' those of the rounded
    network, x of the float one, both through the neuron's response.
    """

    own: Array
    """E[x' x'^T], [columns, columns]."""
    cross: Array
    """E[x x'^T]."""
    mean: Array
    """Of x, per unit of the bias [columns]."""
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
    op: WeightedSum, x: Array, own: Array, response: Array, unit: Array | None
) -> list[Moments]:
    """
    `x`, `own`: the sum's input [T, B, *shape] in the float and in the rounded network;
    `response` [T]; `unit` what one whole number of the input is worth.
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
    constant = np.repeat(np.cumsum(response), count // steps)
    size = float(constant @ constant)
    found = []
    for group in range(groups_of(op)):
        a, b = given[group], seen[group]
        mean, own_mean = (constant @ a) / size, (constant @ b) / size
        b_wide = b.astype(np.float64) if count * b.shape[1] <= 1 << 22 else b
        moment = (b_wide.T @ b_wide).astype(np.float64) / count
        cross = (a.astype(b_wide.dtype).T @ b_wide).astype(np.float64) / count
        found.append(
            Moments(
                moment - np.outer(own_mean, own_mean) * size / count,
                cross - np.outer(mean, own_mean) * size / count,
                mean.astype(np.float64),
                own_mean.astype(np.float64),
            )
        )
    return found


@dataclass(frozen=True)
class Candidates:
    """Scales [outputs] that a sum may take: the best for each row, or one for all."""

    scales: list[Array]
    together: bool


def candidates_of(rows: Array, bits: int, options: Options, anchor: Array | None) -> Candidates:
    """
    `rows` [outputs, columns] in whole inputs; `anchor`: the scale of a sum that meets this
    one in a neuron, from which this one's may differ by one power of two.
    """
    top = largest_whole(bits)
    largest = np.abs(rows).max(axis=1)
    floor = max(float(largest.max(initial=0.0)) / top / MAX_SPREAD, 1e-30)
    if anchor is not None:
        middle = np.floor(np.log2(np.max(np.maximum(largest / top, floor) / anchor)))
        return Candidates([anchor * 2.0 ** (middle + step) for step in (1, 0, -1, -2)], True)
    if not options.per_channel:
        largest = np.full_like(largest, largest.max(initial=0.0))
    if options.power_of_two:
        exact = np.exp2(np.ceil(np.log2(np.maximum(largest / top, floor))))
        scales = [exact, exact / 2, exact / 4]
    else:
        count = int(np.clip(PARTS_TIMES_COLUMNS // rows.shape[1], PARTS, MOST_PARTS))
        parts = np.linspace(1.0, LEAST_PART, count)
        scales = [np.maximum(largest * part / top, floor) for part in parts]
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
            self.rows[part] @ m.mean - rounded[part] @ m.own_mean
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
    for tried in candidates.scales:
        found = np.empty_like(whole)
        error = np.empty_like(best)
        for part, moment in zip(problem.groups, problem.moments, strict=True):
            target = problem.target[part]
            found[part] = column_by_column(target, tried[part], top, moment)
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
    size = float(np.trace(moments.own)) / len(moments.own)
    eye = np.eye(len(moments.own))
    hold = settings.hold * size + 1e-12
    target = np.linalg.solve(moments.own + hold * eye, (rows @ moments.cross + hold * rows).T).T
    return target, moments.own + (settings.damping * size + 1e-12) * eye


def plain(
    op: WeightedSum,
    weight: Array,
    bits: int,
    options: Options,
    unit: Array | None,
    anchor: Array | None,
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
    if anchor is not None:
        scale = anchor * 2.0 ** -np.floor(np.log2(anchor / scale).min() + 1e-9)
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
