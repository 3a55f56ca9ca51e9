"""
Calibration of weights, layer by layer in the order of the network.

Each sum is fitted with the inputs that it really gets when everything in front of it is
rounded: the weights W' that bring W' x' closest to W x, on which x are the inputs in the
float network, x' in the rounded one, both seen through the response of the neuron behind the
sum, for a membrane integrates. W' is then rounded with regard to the second moment of x'
(`fitting`, `rounding`), and the mean that is left goes into the bias.

Where other sums feed the same neuron, what is wrong with those that were rounded before is a
part of what this one is fitted to: it takes back what its own inputs can say of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.passes.quantization.grids import on_grid, own_scale
from snncc.passes.quantization.options import Options
from snncc.quantization.features import (
    chosen_windows,
    columns_of,
    results_of,
    rows_of,
    unit_columns,
)
from snncc.quantization.response import filtered


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
    beside: Array
    """E[e x'^T], [rows or 1, columns]: e is what other sums of the neuron lack."""


@dataclass(frozen=True)
class Fitted:
    """Rounded weights of a sum: `weight` on the grid of `scale` [outputs], and its bias's shift."""

    weight: Array
    scale: Array
    shift: Array
    whole: Array
    """The whole numbers [outputs, columns]."""

    def replaced(self, rows: Array, by: Fitted) -> Fitted:
        """With some rows (a mask [outputs]) of another fit."""
        weight = np.where(rows.reshape(-1, *(1,) * (self.weight.ndim - 1)), by.weight, self.weight)
        return Fitted(
            weight,
            np.where(rows, by.scale, self.scale),
            np.where(rows, by.shift, self.shift),
            np.where(rows[:, None], by.whole, self.whole),
        )


def moments_of(
    op: WeightedSum,
    x: Array,
    own: Array,
    response: Array,
    unit: Array | None,
    weights: Array | None = None,
    beside: Array | None = None,
) -> list[Moments]:
    """
    `x`, `own`: the sum's input [T, B, *shape] in the float and in the rounded network;
    `response` [T]; `unit` what one whole number of the input is worth; `weights`
    [T, B, outputs] of the errors of each output, where they differ; `beside` what other sums
    of the neuron lack, [T, B, *shape of the sum], as the neuron responds to them.
    """
    steps = x.shape[0]
    wholes = unit_columns(op, unit)

    windows = chosen_windows(op, x.shape[0] * x.shape[1])

    def columns(stream: Array) -> Array:
        stream = filtered(stream.astype(np.float32), response)
        flat = stream.reshape(-1, *stream.shape[2:])
        return columns_of(op, flat, windows) / wholes.astype(np.float32)

    given, seen = columns(x), columns(own)
    count = seen.shape[1]
    # a constant current through the same response: what the bias can do
    constant = np.repeat(np.cumsum(response), count // steps).astype(np.float32)
    lacking: Array | None = None
    if beside is not None:
        lacking = results_of(op, beside.reshape(-1, *beside.shape[2:]), windows)
    if weights is None:
        return [
            _moments(a, b, constant, None, None if lacking is None else lacking[g])
            for g, (a, b) in enumerate(zip(given, seen, strict=True))
        ]
    rows = weights.reshape(count, -1)
    found = [
        _moments(given[0], seen[0], constant, weight, None if lacking is None else lack[:, None])
        for weight, lack in zip(rows.T, rows.T if lacking is None else lacking[0].T, strict=True)
    ]
    parts = ("own", "cross", "mean", "own_mean", "beside")
    return [Moments(*(np.concatenate([getattr(m, part) for m in found]) for part in parts))]


def _moments(
    a: Array, b: Array, constant: Array, weights: Array | None, lacking: Array | None
) -> Moments:
    count = len(b)
    weighted = b if weights is None else b * weights[:, None]
    if weights is None and b.size <= 1 << 22:
        a, weighted, b = (array.astype(np.float64) for array in (a, weighted, b))
    held = constant if weights is None else constant * weights
    size = float(held @ constant)
    mean, own_mean = (held @ a) / size, (held @ b) / size

    def centred(product: Array, first: Array) -> Array:
        moment = product.astype(np.float64) / count
        return np.asarray(moment - np.outer(first, own_mean) * size / count)

    return Moments(
        centred(weighted.T @ b, own_mean)[None],
        centred(a.T @ weighted, mean)[None],
        mean.astype(np.float64)[None],
        own_mean.astype(np.float64)[None],
        np.zeros((1, b.shape[1]))
        if lacking is None
        else centred(lacking.T @ weighted, (held @ lacking) / size),
    )


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


def _target(rows: Array, moments: Moments, settings: Settings) -> tuple[Array, Array]:
    """The real weights that fit best, and the moment that rounding them is judged by."""
    columns = moments.own.shape[-1]
    size = np.einsum("rii->r", moments.own)[:, None, None] / columns
    eye = np.eye(columns)
    hold = settings.hold * size + 1e-12
    wanted = np.matmul(rows[:, None, :], moments.cross) + hold * rows[:, None, :]
    wanted = wanted + moments.beside[:, None, :]
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
    return np.asarray(partings(rounded, real).mean(axis=0))


def partings(rounded: Array, real: Array) -> Array:
    """The same of each sample: [B, channels], or [B] of outputs that have no shape."""
    difference = np.cumsum(rounded.astype(np.float32) - real.astype(np.float32), axis=0)
    squares = (difference**2).mean(axis=0, dtype=np.float64)
    if squares.ndim > 2:
        squares = squares.reshape(*squares.shape[:2], -1).mean(axis=2)
    return np.asarray(squares)
