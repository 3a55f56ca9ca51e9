"""
What 1 of a membrane is on the chip, for each neuron, and the shifts that the equations have.

Scales and shifts are chosen such that nothing leaves its register on the calibration data and the
rounding of weights, weighted by how often their sources fire, moves the membrane least. Of the
best scales that is compared again with weights whose errors cancel on the calibration data
(`moments.py`, `descent.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Neuron
from snncc.passes.legalization import sampling
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.columns import settled
from snncc.passes.legalization.graph import Population, SpikingGraph
from snncc.passes.legalization.limits import largest_for_bias, least_of
from snncc.passes.legalization.moments import Moments, moments_of
from snncc.passes.legalization.rounding import (
    Row,
    natural_scale,
    reference,
    register_error,
    rounded,
    rounding_error,
)

HEADROOM = 0.8
"""Of a register: what calibration data fill at most."""
SCALES = np.geomspace(0.4, 2.0, 33)
"""Tried beside the scale at which the largest weight is the chip's largest."""
CLOSEST = 4
"""Of them: where errors are made to cancel, to compare what is left."""


@dataclass
class Fit:
    """Of a population: its scale [n], what rounding does, and the weights of each `Row` into it."""

    scale: Array
    error: float
    weights: list[Array]
    nearest: list[Array] | None = None
    """The numbers nearest to the network's, where others may stand in `weights`."""


class Scales:
    """Chooses them for a graph; `rows` are those of its projections."""

    def __init__(
        self,
        graph: SpikingGraph,
        rows: list[Row],
        groups: Mapping[str, Array],
        description: Description,
        classes: Classes,
        activity: Activity,
    ):
        self.graph = graph
        self.rows = rows
        self.groups = groups
        self.chip = description
        self.classes = classes
        self.activity = activity
        self.settles = True

    def chosen(self) -> tuple[dict[str, Fit], dict[str, int]]:
        """By population, and the shifts by their setting."""
        shifts = self._with_few_neurons()._shifts()
        return {name: self._fit(name, shifts) for name in self.graph.populations}, shifts

    def _with_few_neurons(self) -> Scales:
        """Some neurons of each population, which are enough to choose shifts by."""
        chosen = sampling.chosen_neurons(self.graph, self.groups)
        few = copy(self)
        few.settles = False
        few.graph = sampling.sampled(self.graph, chosen)
        few.rows = [
            replace(row, projection=projection)
            for row, projection in zip(self.rows, few.graph.projections, strict=True)
        ]
        few.groups = {
            name: np.unique(self.groups[name][kept], return_inverse=True)[1].reshape(-1)
            for name, kept in chosen.items()
        }
        seen = {
            entry.name: {
                name: array[..., chosen[name]]
                for name, array in getattr(self.activity, entry.name).items()
                if name in chosen
            }
            for entry in fields(Activity)
            if entry.name not in ("rates", "spikes")  # of sources, which are all there
        }
        few.activity = replace(self.activity, **seen)
        return few

    def _shifts(self) -> dict[str, int]:
        """Setting -> shift: all that reach one class of neurons are tried together."""
        found: dict[str, int] = {}
        for target in self.chip.neurons:
            edges = {
                row.edge.shift.setting: row.edge.shift
                for row in self.rows
                if row.edge.target == target and row.edge.shift is not None
            }
            names = [p for p, c in self.classes.of.items() if c == target]
            best: tuple[float, dict[str, int]] | None = None
            for values in product(*(range(s.low, s.high + 1) for s in edges.values())):
                tried = dict(zip(edges, values, strict=True))
                error = sum(self._fit(name, found | tried).error for name in names)
                if best is None or error < best[0]:
                    best = (error, tried)
            if best is not None:
                found |= best[1]
        for edge in self.chip.edges.values():
            if edge.shift is not None:
                found.setdefault(edge.shift.setting, edge.shift.low)
        return found

    def _unit(self, row: Row, shifts: Mapping[str, int], neuron: Neuron, name: str) -> Array:
        """What a weight of 1 on the chip adds to the membrane, [n], for s = 1."""
        a = neuron.approximates
        gain = np.ones(self.graph.size_of(name))
        if a.current is not None and a.current.gain == "decay":
            gain = self.graph.populations[name].dynamics.currents[row.projection.receptor]
        shift = shifts.get(row.edge.shift.setting, 0) if row.edge.shift else 0
        return np.asarray(gain * 2.0 ** (shift + neuron.arrivals.shift))

    def _fit(self, name: str, shifts: Mapping[str, int]) -> Fit:
        population = self.graph.populations[name]
        neuron = self.chip.neurons[self.classes.of[name]]
        rows = [row for row in self.rows if row.projection.target == name]
        units = [self._unit(row, shifts, neuron, name) for row in rows]
        most = self._largest_scale(population, neuron)
        full = most.copy()
        for row, unit in zip(rows, units, strict=True):
            if row.edge.levels is None:
                largest = row.projection.weights.largest_of_rows()
                with np.errstate(divide="ignore"):
                    at_end = np.where(largest > 0, row.edge.high * unit / largest, np.inf)
                full = np.minimum(full, at_end)
        scales = [
            self._allowed(population, neuron, np.minimum(tried, most))
            for tried in (natural_scale(rows, units), *(full * factor for factor in SCALES))
        ]
        errors = [
            rounding_error(population, neuron, rows, units, scale, self.activity)
            for scale in scales
        ]
        errors = [self._together(name, error) for error in errors]
        moments = None
        if self.settles:
            arriving = [(row.projection, row.steps) for row in rows]
            moments = moments_of(population, arriving, self.activity)
        if moments is None:
            scale, error = _best(scales, errors)
            weights = rounded(rows, units, scale, self.activity, population.dynamics)
            return Fit(scale, float(error.sum()), weights)
        order = np.argsort(np.stack(errors), axis=0, kind="stable")[:CLOSEST]
        closest = [_picked(scales, row) for row in order]
        return self._settled(population, neuron, rows, units, closest, moments)

    def _settled(
        self,
        population: Population,
        neuron: Neuron,
        rows: list[Row],
        units: list[Array],
        scales: list[Array],
        moments: list[Moments],
    ) -> Fit:
        """The best of some scales, where errors of weights cancel on the calibration data."""
        size = reference(population, self.activity) ** 2
        found, errors = [], []
        for scale in scales:
            plain = rounded(rows, units, scale, self.activity)
            weights, left = settled(rows, units, scale, plain, moments)
            found.append(weights)
            left = (left + register_error(population, neuron, scale)) / size
            errors.append(self._together(population.name, left))
        best = np.argmin(np.stack(errors), axis=0)
        chosen = [
            _picked([weights[k] for weights in found], best[row.projection.weights.rows])
            for k, row in enumerate(rows)
        ]
        scale = _picked(scales, best)
        nearest = [
            np.rint(row.projection.weights.values * (scale / unit)[row.projection.weights.rows])
            for row, unit in zip(rows, units, strict=True)
        ]
        return Fit(scale, float(_picked(errors, best).sum()), chosen, nearest)

    def _together(self, name: str, error: Array) -> Array:
        """Of neurons that share a threshold, and take a scale together, the sum for each."""
        groups = self._sharing(name)
        return error if groups is None else np.bincount(groups, error)[groups]

    def _sharing(self, name: str) -> Array | None:
        """The group of each neuron, where thresholds are shared."""
        neuron = self.chip.neurons[self.classes.of[name]]
        threshold = neuron.approximates.threshold
        per = neuron.parameters[threshold].per if threshold is not None else "neuron"
        if per == "class":
            return np.zeros(self.graph.size_of(name), np.int64)
        return self.groups[name] if per == "group" else None

    def _largest_scale(self, population: Population, neuron: Neuron) -> Array:
        """Above, the threshold or what was seen does not fit."""
        a, d = neuron.approximates, population.dynamics
        most = np.full(d.size, np.inf)
        if a.threshold is not None and d.threshold is not None:
            high = neuron.parameters[a.threshold].high
            most = (high << a.threshold_shift) / d.threshold
        seen = np.maximum(
            self.activity.largest.get(population.name, np.zeros(d.size)),
            d.threshold if d.threshold is not None else 0.0,
        )
        if neuron.arrivals.overflow.startswith("wrap") and a.current is None:
            # a sum that wraps is lost, where one that saturates above the threshold still fires
            seen = np.maximum(seen, self.activity.before.get(population.name, seen))
        bits = neuron.states[neuron.membrane].bits
        with np.errstate(divide="ignore"):
            most = np.minimum(most, HEADROOM * 2.0 ** (bits - 1) / np.maximum(seen, 1e-30))
        for current in self.activity.currents.get(population.name, ()):
            with np.errstate(divide="ignore"):
                room = HEADROOM * 2.0 ** (neuron.arrivals.bits - 1) / np.maximum(current, 1e-30)
            most = np.minimum(most, room)
        most = np.minimum(most, largest_for_bias(d.bias, neuron))
        return np.asarray(np.minimum(most, 2.0**40))

    def _allowed(self, population: Population, neuron: Neuron, scale: Array) -> Array:
        """
        The scale at which the threshold is a whole number, and the same for those that share it.
        """
        a, d = neuron.approximates, population.dynamics
        if a.threshold is None or d.threshold is None:
            return scale
        unit = 2.0**a.threshold_shift
        p = neuron.parameters[a.threshold]
        threshold = scale * d.threshold / unit
        # up to the next whole number there may be no room for a bias
        most = np.floor(largest_for_bias(d.bias, neuron) * d.threshold / unit)
        groups = self._sharing(population.name)
        if groups is not None:
            threshold, most = (least_of(groups, values) for values in (threshold, most))
        whole = np.clip(np.minimum(np.rint(threshold), most), max(p.low, 1), p.high)
        return np.asarray(whole * unit / d.threshold)


def _picked(arrays: list[Array], number: Array) -> Array:
    """[n] of arrays [n], each element of the one of its number."""
    return np.asarray(np.take_along_axis(np.stack(arrays), number[None], 0)[0])


def _best(scales: list[Array], errors: list[Array]) -> tuple[Array, Array]:
    """Of each neuron, the first of the least errors."""
    best = scales[0], errors[0]
    for scale, error in zip(scales[1:], errors[1:], strict=True):
        better = error < best[1] * (1 - 1e-9)
        best = np.where(better, scale, best[0]), np.where(better, error, best[1])
    return best
