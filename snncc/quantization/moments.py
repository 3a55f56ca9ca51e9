"""Second moments of what the rows of a sum are multiplied with, as the neuron behind takes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.quantization.decisions import Decisions
from snncc.quantization.features import (
    chosen_windows,
    columns_of,
    groups_of,
    results_of,
    unit_columns,
)
from snncc.quantization.response import filtered

MOST_OF_ROWS = 1 << 26
"""Numbers in the inputs of all rows, each of which sees them in its own way."""


@dataclass(frozen=True)
class Moments:
    """
    Of one group's inputs, in whole numbers, the means taken out: x' those of the rounded
    network, x of the float one, both through the neuron's response. One for all rows of the
    group, or one for each, where each neuron takes them in its own way.
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


def moments_of(
    op: WeightedSum,
    x: Array,
    own: Array,
    response: Array,
    unit: Array | None,
    beside: Array | None = None,
) -> list[Moments]:
    """
    `x`, `own`: the sum's input [T, B, *shape] in the float and in the rounded network;
    `response` [T]; `unit` what one whole number of the input is worth; `beside` what other
    sums of the neuron lack, [T, B, *shape of the sum].
    """
    wholes = unit_columns(op, unit).astype(np.float32)
    windows = chosen_windows(op, x.shape[0] * x.shape[1])

    def columns(stream: Array) -> Array:
        stream = filtered(stream.astype(np.float32), response)
        return columns_of(op, stream.reshape(-1, *stream.shape[2:]), windows) / wholes

    given = columns(x)
    seen = given if own is x else columns(own)
    # a constant current through the same response: what the bias can do
    constant = np.repeat(np.cumsum(response), seen.shape[1] // x.shape[0]).astype(np.float32)
    if beside is None:
        return [_moments(a, b, constant) for a, b in zip(given, seen, strict=True)]
    lacking = filtered(beside, response)
    results = results_of(op, lacking.reshape(-1, *lacking.shape[2:]), windows)
    return [
        _moments(a, b, constant, lacking=e) for a, b, e in zip(given, seen, results, strict=True)
    ]


def moments_of_rows(
    op: WeightedSum,
    x: Array,
    own: Array,
    response: Array,
    decisions: Decisions,
    unit: Array | None,
    beside: Array | None = None,
) -> list[Moments]:
    """
    The same, for each row as its neuron takes it: what it reset counts no longer, and errors
    count by how near it was to its threshold.
    """
    effects = decisions.effects
    if effects is None:
        fed_back = own is x
        x = filtered(x.astype(np.float32), response)
        own = x if fed_back else filtered(own.astype(np.float32), response)
        beside = None if beside is None else filtered(beside, response)
        effects = np.ones((len(x), 1, *decisions.distances.shape[1:]), np.float32)
    steps, samples = x.shape[:2]
    rows, columns = shape_of(op.weight)[0], int(np.prod(shape_of(op.weight)[1:]))
    windows = chosen_windows(op, steps * samples * rows, MOST_OF_ROWS)
    wholes = unit_columns(op, unit).astype(np.float32)

    def columns_by_step(stream: Array) -> Array:
        flat = stream.reshape(-1, *stream.shape[2:]).astype(np.float32)
        found = columns_of(op, flat, windows) / wholes
        return found.reshape(len(found), steps, -1, columns)

    given = columns_by_step(x)
    seen = given if own is x else columns_by_step(own)
    acts = _of_rows(effects, 3, windows)
    weights = _of_rows(decisions.nearness(), 2, windows)
    lacking = None if beside is None else _of_rows(beside, 2, windows)

    # what the bias can do
    current = np.ones((steps, given.shape[2], 1), np.float32)
    if decisions.effects is None:
        current *= np.cumsum(response).astype(np.float32)[:, None, None]

    def each_row(group: int) -> Iterator[Moments]:
        per_group = rows // len(given)
        for row in range(group * per_group, (group + 1) * per_group):
            effect, weight = acts[row], weights[row].reshape(-1)
            a = _through(given[group], effect).reshape(-1, columns)
            b = a if seen is given else _through(seen[group], effect).reshape(-1, columns)
            constant = _through(current, effect).reshape(-1)
            lack = None
            if lacking is not None:
                lack = _through(lacking[row][:, :, None], effect).reshape(-1, 1)
            yield _moments(a, b, constant, weight, lack)

    return [_stacked(list(each_row(group))) for group in range(groups_of(op))]


def _of_rows(stream: Array, lead: int, windows: Array | None) -> Array:
    """[*lead, B at the end of these, outputs, *places] as [outputs, *lead, B * windows]."""
    split = stream.reshape(*stream.shape[: lead + 1], -1)
    if windows is not None:
        split = split[..., windows]
    moved = np.moveaxis(split, lead, 0)
    return moved.reshape(*moved.shape[:lead], -1)


def _through(x: Array, effects: Array) -> Array:
    """x [T, n, columns] as it acts at each step, with effects [T, d, n]."""
    found = effects[:, 0, :, None] * x
    for delay in range(1, effects.shape[1]):
        effect = effects[delay:, delay, :, None]
        if effect.any():
            found[delay:] += effect * x[:-delay]
    return found


def _stacked(found: list[Moments]) -> Moments:
    parts = ("own", "cross", "mean", "own_mean", "beside")
    return Moments(*(np.concatenate([getattr(m, part) for m in found]) for part in parts))


def _moments(
    a: Array,
    b: Array,
    constant: Array,
    weights: Array | None = None,
    lacking: Array | None = None,
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
