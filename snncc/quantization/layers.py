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
from snncc.quantization.features import rows_of, unit_columns
from snncc.quantization.moments import Moments


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
class Fitted:
    """Rounded weights of a sum: `weight` on the grid of `scale` [outputs], and its bias's shift."""

    weight: Array
    scale: Array
    shift: Array
    whole: Array
    """The whole numbers [outputs, columns]."""


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
    difference = np.cumsum(rounded.astype(np.float32) - real.astype(np.float32), axis=0)
    squares = (difference**2).mean(axis=(0, 1), dtype=np.float64)
    return np.asarray(
        squares.reshape(squares.shape[0], -1).mean(axis=1) if squares.ndim else squares
    )
