"""Weights as whole numbers of a chip, and what rounding them does to a membrane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Edge, Neuron
from snncc.passes.legalization.activity import LONGEST, USUAL_RATE, Activity
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.graph import Dynamics, Population, Projection
from snncc.passes.legalization.levels import balanced, leveled
from snncc.passes.legalization.stand_ins import constants_off
from snncc.passes.legalization.timing import Timed


@dataclass(frozen=True)
class Row:
    """A projection with the class of its edges, and the steps that it adds to their latency."""

    projection: Projection
    edge: Edge
    edge_name: str
    extra: int
    steps: int
    """Between what a source does and its arrival, in the time of the network."""
    always: bool
    """Whether its source spikes at every step."""


def rows_of(timed: Timed, description: Description, classes: Classes) -> list[Row]:
    """One for each projection, in their order."""
    return [
        Row(
            p,
            description.edges[edge],
            edge,
            extra,
            max(0, p.delay + timed.lags[p.source] - timed.lags[p.target]),
            p.source in timed.graph.always,
        )
        for p, edge, extra in zip(timed.graph.projections, classes.edges, timed.extra, strict=True)
    ]


def natural_scale(rows: Sequence[Row], units: Sequence[Array]) -> Array:
    """
    [n]: the scale at which the smallest weight is 1. Weights that were trained as whole
    numbers stay what they are, and the smallest such scale leaves most of the register.
    """
    least = np.full(len(units[0]) if units else 1, np.inf)
    for row, unit in zip(rows, units, strict=True):
        w = row.projection.weights
        np.minimum.at(least, w.rows, np.abs(w.values) / unit[w.rows])
    return np.asarray(np.where(np.isfinite(least), 1 / least, np.inf))


def rounding_error(
    population: Population,
    neuron: Neuron,
    rows: Sequence[Row],
    units: Sequence[Array],
    scale: Array,
    activity: Activity,
) -> Array:
    """
    [n]: the mean square by which rounding moves the membrane in a step, of the threshold's
    (of a readout of the largest membrane's); 1 / 12 is that of rounding one number.
    """
    d = population.dynamics
    total = np.zeros(d.size)
    weights = rounded(rows, units, scale, activity)
    for row, unit, whole in zip(rows, units, weights, strict=True):
        w = row.projection.weights
        off = whole / (scale / unit)[w.rows] - w.values
        total += np.bincount(w.rows, _rate(row, activity)[w.columns] * off**2, minlength=d.size)
    total += constants_off(d, neuron, scale, LONGEST)
    total = total + _leaks(neuron) / 12 / scale**2
    return np.asarray(total / reference(population, activity) ** 2)


def register_error(population: Population, neuron: Neuron, scale: Array) -> Array:
    """
    [n]: the mean square by which leaks, whose results are rounded down in each step, move the
    membrane as long as it remembers them: by 1 / 2 on average, with a variance of 1 / 12.
    """
    left = 1.0 - np.minimum(population.dynamics.decay, 1.0 - 1.0 / LONGEST)
    each = 1 / 4 / left**2 + 1 / 12 / (left * (2.0 - left))
    return np.asarray(_leaks(neuron) * each / scale**2)


def reference(population: Population, activity: Activity) -> Array:
    """[n]: the threshold, of a readout the largest membrane: what errors are compared with."""
    d = population.dynamics
    if d.threshold is not None:
        return d.threshold
    return np.maximum(activity.largest.get(population.name, np.ones(d.size)), 1e-9)


def _leaks(neuron: Neuron) -> float:
    """Registers that are rounded in each step."""
    a = neuron.approximates
    return float(a.membrane.parameter is not None) + float(a.current is not None)


def rounded(
    rows: Sequence[Row],
    units: Sequence[Array],
    scale: Array,
    activity: Activity,
    balance: Dynamics | None = None,
) -> list[Array]:
    """
    The chip's weights, [synapses] each; the levels of a neuron are of all its synapses. With
    `balance` errors cancel as far as the neuron's membrane remembers them.
    """
    found: list[Array] = []
    for row, unit in zip(rows, units, strict=True):
        w = row.projection.weights
        exact = w.values * (scale / unit)[w.rows]
        if row.edge.levels is None:
            exact = np.asarray(np.clip(np.rint(exact), row.edge.low, row.edge.high))
        found.append(exact)
    few = [i for i, row in enumerate(rows) if row.edge.levels is not None]
    if few:
        edges = [rows[i].edge for i in few]
        sparse = [rows[i].projection.weights for i in few]
        members = np.concatenate([w.rows for w in sparse])
        exact = np.concatenate([found[i] for i in few])
        rate = np.concatenate(
            [_rate(rows[i], activity)[w.columns] for i, w in zip(few, sparse, strict=True)]
        )
        together = leveled(
            members,
            exact,
            rate,
            min(edge.levels or 1 for edge in edges),
            max(edge.low for edge in edges),
            min(edge.high for edge in edges),
            len(scale),
        )
        if balance is not None:
            horizon = 1 / np.maximum(1 - balance.decay, 1 / LONGEST)
            together = balanced(members, exact, together, rate, horizon)
        parts = np.split(together, np.cumsum([len(w.rows) for w in sparse])[:-1])
        for i, part in zip(few, parts, strict=True):
            found[i] = part
    return found


def _rate(row: Row, activity: Activity) -> Array:
    """[sources] how often each fires in a step, or a guess."""
    if row.always:
        return np.ones(row.projection.weights.shape[1])
    rates = activity.rates.get(row.projection.source)
    size = row.projection.weights.shape[1]
    return np.full(size, USUAL_RATE) if rates is None else np.maximum(rates, 1e-3)
