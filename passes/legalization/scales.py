"""
What 1 of a membrane is on the chip, for each neuron, and the shifts that the equations have.

Scales and shifts are chosen such that nothing leaves its register on the calibration data and the
rounding of weights, weighted by how often their sources fire, moves the membrane least.
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
from snncc.passes.legalization.graph import Population, SpikingGraph
from snncc.passes.legalization.limits import largest_for_bias, least_of
from snncc.passes.legalization.rounding import Row, natural_scale, rounded, rounding_error

HEADROOM = 0.8
"""Of a register: what calibration data fill at most."""
SCALES = np.geomspace(0.4, 2.0, 33)
"""Tried beside the scale at which the largest weight is the chip's largest."""


@dataclass
class Fit:
    """Of a population: its scale [n], what rounding does, and the weights of each `Row` into it."""

    scale: Array
    error: float
    weights: list[Array]


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

    def chosen(self) -> tuple[dict[str, Fit], dict[str, int]]:
        """By population, and the shifts by their setting."""
        shifts = self._with_few_neurons()._shifts()
        return {name: self._fit(name, shifts) for name in self.graph.populations}, shifts

    def _with_few_neurons(self) -> Scales:
        """Some neurons of each population, which are enough to choose shifts by."""
        chosen = sampling.chosen_neurons(self.graph, self.groups)
        few = copy(self)
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
            if entry.name != "rates"  # of sources, which are all there
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
        best_scale = np.zeros(population.size)
        best_error = np.full(population.size, np.inf)
        for tried in (natural_scale(rows, units), *(full * factor for factor in SCALES)):
            scale = self._allowed(population, neuron, np.minimum(tried, most))
            error = rounding_error(population, neuron, rows, units, scale, self.activity)
            better = error < best_error * (1 - 1e-9)
            better = self._together(name, better, error, best_error)
            best_scale = np.where(better, scale, best_scale)
            best_error = np.where(better, error, best_error)
        weights = rounded(rows, units, best_scale, self.activity, population.dynamics)
        return Fit(best_scale, float(best_error.sum()), weights)

    def _together(self, name: str, better: Array, error: Array, before: Array) -> Array:
        """Neurons that share a threshold take a scale together."""
        groups = self._sharing(name)
        if groups is None:
            return better
        with np.errstate(invalid="ignore"):
            gain = np.bincount(groups, np.nan_to_num(error)) < np.nan_to_num(
                np.bincount(groups, before), nan=np.inf
            )
        return np.asarray(gain[groups])

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
