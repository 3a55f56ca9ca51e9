"""
Whole numbers for weights, thresholds and biases, and the program that has them.

A neuron counts in a unit of its own: scale s, so that u = 1 is s on the chip. Then with the gain g
of a new current and shifts b that the equations have

    weight = s w / (g 2^(shift + b))     threshold = s theta / 2^b     bias = s c / 2^b

Scales and shifts are chosen such that nothing leaves its register on the calibration data and the
rounding of weights, weighted by how often their sources fire, moves the membrane least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from itertools import product

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from snncc.dialects.arrays import Array, blob_of, dense_of, type_of
from snncc.dialects.core.description import Description, Edge, Neuron
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.network import ParameterOp
from snncc.dialects.snn.neurons.assembly import INLINE_ELEMENTS
from snncc.passes.legalization import sampling
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.forms import Formed
from snncc.passes.legalization.graph import Dynamics, Population, Projection, SpikingGraph
from snncc.passes.legalization.levels import balanced, leveled
from snncc.passes.legalization.stand_ins import constants_off
from snncc.passes.legalization.timing import Timed

NO_WEIGHT = "SNC-N006"
HEADROOM = 0.8
"""Of a register: what calibration data fill at most."""
SCALES = np.geomspace(0.4, 2.0, 33)
"""Tried beside the scale at which the largest weight is the chip's largest."""
LONGEST = 20.0
"""Steps for which a membrane without leak is taken to add up errors."""
LEAST_THRESHOLD = 2
"""Below, a threshold is rounded by more than a quarter of itself."""


@dataclass(frozen=True)
class Activity:
    """What calibration data do, by the names of populations and inputs."""

    rates: Mapping[str, Array] = field(default_factory=dict)
    """Spikes a step, [n]."""
    largest: Mapping[str, Array] = field(default_factory=dict)
    """|membrane|, [n]."""
    currents: Mapping[str, Array] = field(default_factory=dict)
    """|current|, [receptors, n]."""
    before: Mapping[str, Array] = field(default_factory=dict)
    """|membrane before the reset|, [n]."""


@dataclass(frozen=True)
class _Row:
    """A projection with the class of its edges."""

    projection: Projection
    edge: Edge
    edge_name: str
    extra: int


@dataclass
class _Fit:
    scale: Array
    error: float
    weights: list[Array]


@dataclass(frozen=True)
class Integers:
    module: ModuleOp
    """Parameters and one `core.program`, not placed."""
    scales: dict[str, Array]
    """Population -> what 1 of its membrane is on the chip, [n]."""
    clipped: dict[str, int]
    """Population -> weights beyond the ends of the chip's, which were held there."""
    unbiased: tuple[str, ...]
    """Populations whose biases are too small beside their weights, and became 0."""

    @property
    def program(self) -> ProgramOp:
        return next(op for op in self.module.ops if isinstance(op, ProgramOp))


def whole_numbers(
    timed: Timed,
    formed: Formed,
    description: Description,
    classes: Classes,
    activity: Activity,
    faults: Faults,
) -> Integers:
    """`timed` with the populations and projections of `formed`."""
    timed = replace(timed, graph=formed.graph)
    return _Writer(timed, formed, description, classes, activity, faults).run()


class _Writer:
    def __init__(
        self,
        timed: Timed,
        formed: Formed,
        description: Description,
        classes: Classes,
        activity: Activity,
        faults: Faults,
    ):
        self.graph: SpikingGraph = timed.graph
        self.forms = formed.forms
        self.groups = formed.groups
        self.chip = description
        self.classes = classes
        self.activity = activity
        self.faults = faults
        self.rows = [
            _Row(p, description.edges[edge], edge, extra)
            for p, edge, extra in zip(
                timed.graph.projections, classes.edges, timed.extra, strict=True
            )
        ]

    def run(self) -> Integers:
        shifts = self._with_few_neurons()._shifts()
        fits = {name: self._fit(name, shifts) for name in self.graph.populations}
        clipped = {name: self._clipped(name, fits[name]) for name in fits}
        return Integers(
            self._module(fits, shifts),
            {name: fit.scale for name, fit in fits.items()},
            {name: count for name, count in clipped.items() if count},
            tuple(name for name, fit in fits.items() if self._is_unbiased(name, fit)),
        )

    def _with_few_neurons(self) -> _Writer:
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

    def _unit(self, row: _Row, shifts: Mapping[str, int], neuron: Neuron, name: str) -> Array:
        """What a weight of 1 on the chip adds to the membrane, [n], for s = 1."""
        a = neuron.approximates
        gain = np.ones(self.graph.size_of(name))
        if a.current is not None and a.current.gain == "decay":
            gain = self.graph.populations[name].dynamics.currents[row.projection.receptor]
        shift = shifts.get(row.edge.shift.setting, 0) if row.edge.shift else 0
        return np.asarray(gain * 2.0 ** (shift + neuron.arrivals.shift))

    def _fit(self, name: str, shifts: Mapping[str, int]) -> _Fit:
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
        for tried in (self._natural(rows, units), *(full * factor for factor in SCALES)):
            scale = self._allowed(population, neuron, np.minimum(tried, most))
            error = self._error(population, neuron, rows, units, scale)
            better = error < best_error * (1 - 1e-9)
            better = self._together(name, better, error, best_error)
            best_scale = np.where(better, scale, best_scale)
            best_error = np.where(better, error, best_error)
        weights = self._rounded(rows, units, best_scale, balance=population.dynamics)
        return _Fit(best_scale, float(best_error.sum()), weights)

    def _natural(self, rows: Sequence[_Row], units: Sequence[Array]) -> Array:
        """
        [n]: the scale at which the smallest weight is 1. Weights that were trained as whole
        numbers stay what they are, and the smallest such scale leaves most of the register.
        """
        least = np.full(len(units[0]) if units else 1, np.inf)
        for row, unit in zip(rows, units, strict=True):
            w = row.projection.weights
            np.minimum.at(least, w.rows, np.abs(w.values) / unit[w.rows])
        return np.asarray(np.where(np.isfinite(least), 1 / least, np.inf))

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
        if a.bias is not None:
            high = neuron.parameters[a.bias].high
            with np.errstate(divide="ignore"):
                most = np.minimum(
                    most,
                    np.where(d.bias != 0, (high << a.bias_shift) / np.abs(d.bias), np.inf),
                )
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
        groups = self._sharing(population.name)
        if groups is not None:
            least = np.full(groups.max() + 1, np.inf)
            np.minimum.at(least, groups, threshold)
            threshold = least[groups]
        whole = np.clip(np.rint(threshold), max(p.low, 1), p.high)
        return np.asarray(whole * unit / d.threshold)

    def _error(
        self,
        population: Population,
        neuron: Neuron,
        rows: Sequence[_Row],
        units: Sequence[Array],
        scale: Array,
    ) -> Array:
        """
        [n]: the mean square by which rounding moves the membrane in a step, of the threshold's
        (of a readout of the largest membrane's); 1 / 12 is that of rounding one number.
        """
        d = population.dynamics
        total = np.zeros(d.size)
        weights = self._rounded(rows, units, scale)
        for row, unit, whole in zip(rows, units, weights, strict=True):
            w = row.projection.weights
            off = whole / (scale / unit)[w.rows] - w.values
            total += np.bincount(w.rows, self._rate(row)[w.columns] * off**2, minlength=d.size)
        total += constants_off(d, neuron, scale, LONGEST)
        rounds = 1.0 if neuron.approximates.membrane.parameter is not None else 0.0
        rounds += 1.0 if neuron.approximates.current is not None else 0.0
        total = total + rounds / 12 / scale**2
        reference = d.threshold
        if reference is None:
            reference = np.maximum(
                self.activity.largest.get(population.name, np.ones(d.size)), 1e-9
            )
        return np.asarray(total / reference**2)

    def _rate(self, row: _Row) -> Array:
        """[sources] how often each fires in a step, or a guess."""
        rates = self.activity.rates.get(row.projection.source)
        size = row.projection.weights.shape[1]
        if row.projection.source in self.graph.always:
            return np.ones(size)
        return np.full(size, 0.1) if rates is None else np.maximum(rates, 1e-3)

    def _rounded(
        self,
        rows: Sequence[_Row],
        units: Sequence[Array],
        scale: Array,
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
                [self._rate(rows[i])[w.columns] for i, w in zip(few, sparse, strict=True)]
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

    def _is_unbiased(self, name: str, fit: _Fit) -> bool:
        rows = [row for row in self.rows if row.projection.target == name]
        return any(
            row.projection.source in self.graph.always and not weights.any()
            for row, weights in zip(rows, fit.weights, strict=True)
        )

    def _clipped(self, name: str, fit: _Fit) -> int:
        rows = [row for row in self.rows if row.projection.target == name]
        count = 0
        for row, weights in zip(rows, fit.weights, strict=True):
            silent = (weights == 0).all() and row.projection.weights.values.size
            if silent and row.projection.source not in self.graph.always:
                self.faults.add(
                    NO_WEIGHT,
                    name,
                    f"all weights from {row.projection.source} become 0 of {row.edge.low} to "
                    f"{row.edge.high}: they are too small beside the others",
                    "train with weights of similar sizes, or normalise them by layer",
                )
            at_end = (weights == row.edge.high) | (weights == row.edge.low)
            count += int(at_end.sum()) if row.edge.levels is None else 0
        d = self.graph.populations[name].dynamics
        neuron = self.chip.neurons[self.classes.of[name]]
        if d.threshold is not None and rows:
            unit = 2.0**neuron.approximates.threshold_shift
            least = (fit.scale * d.threshold / unit).min()
            if least < LEAST_THRESHOLD and neuron.approximates.membrane.parameter is not None:
                self.faults.add(
                    NO_WEIGHT,
                    name,
                    f"a threshold of {least:.3g} on the chip: weights are far above it",
                    "train with smaller weights or a higher threshold",
                )
        return count

    # --- the program

    def _module(self, fits: Mapping[str, _Fit], shifts: Mapping[str, int]) -> ModuleOp:
        parameters: list[Operation] = []

        def parameter(name: str, values: Array) -> str:
            narrow = next(
                t
                for t in (np.int8, np.int16, np.int32)
                if not values.size
                or (np.iinfo(t).min <= values.min() and values.max() <= np.iinfo(t).max)
            )
            array = values.astype(narrow)
            value = dense_of(array) if array.size <= INLINE_ELEMENTS else blob_of(array)
            parameters.append(ParameterOp(name, type_of(array), value))
            return name

        def scale(name: str, values: Array) -> str:
            value = dense_of(values) if values.size <= INLINE_ELEMENTS else blob_of(values)
            parameters.append(ParameterOp(name, type_of(values), value))
            return name

        ops: list[Operation] = [
            InputOp(name, shape, always=name in self.graph.always)
            for name, shape in self.graph.inputs.items()
        ]
        settings = dict(shifts)
        for name, population in self.graph.populations.items():
            numbers = self._numbers(population, fits[name].scale, settings)
            ops.append(
                PopulationOp(
                    name,
                    self.classes.of[name],
                    population.shape,
                    {key: parameter(f"{name}.{key}", values) for key, values in numbers.items()},
                    scale(f"{name}.scale", fits[name].scale),
                )
            )
        for index, row in enumerate(self.rows):
            p = row.projection
            weights = fits[p.target].weights[self._place(row)]
            kept = weights != 0
            if not kept.any():
                continue
            name = f"{p.source}.to.{p.target}.{index}"
            arrays = (
                parameter(f"{name}.sources", p.weights.columns[kept]),
                parameter(f"{name}.targets", p.weights.rows[kept]),
                parameter(f"{name}.weights", weights[kept]),
            )
            ops.append(
                SynapsesOp(name, p.source, p.target, row.edge_name, p.receptor, row.extra, arrays)
            )
        ops += [OutputOp(name, out.source, out.lag) for name, out in self.graph.outputs.items()]
        for key, setting in self.chip.settings.items():
            if setting.default is not None:
                settings.setdefault(key, setting.default)
        program = ProgramOp(self.graph.name, self.chip.name, settings, ops)
        module = ModuleOp([*parameters, program])
        module.verify()
        return module

    def _place(self, row: _Row) -> int:
        same = [r for r in self.rows if r.projection.target == row.projection.target]
        return next(i for i, r in enumerate(same) if r is row)

    def _numbers(
        self, population: Population, scale: Array, settings: dict[str, int]
    ) -> dict[str, Array]:
        """Parameter of the chip -> whole numbers, [n] or [receptors, n]."""
        neuron = self.chip.neurons[self.classes.of[population.name]]
        a, d, form = neuron.approximates, population.dynamics, self.forms[population.name]
        found: dict[str, Array] = {}
        if a.membrane.parameter is not None and form.decay is not None:
            found[a.membrane.parameter] = form.decay
            if d.leak is not None:
                p = neuron.parameters[a.membrane.parameter]
                leak = np.clip(np.rint(scale * d.leak), p.low, p.high).astype(np.int64)
                found[a.membrane.parameter] = leak
        if a.floor is not None and d.floor is not None:
            p = neuron.parameters[a.floor.parameter]
            with np.errstate(invalid="ignore"):
                floor = np.clip(np.rint(-scale * d.floor), p.low, p.high)
            found[a.floor.parameter] = floor.astype(np.int64)
        if a.current is not None and a.current.decay.parameter is not None and form.currents:
            rows = list(form.currents)
            p = neuron.parameters[a.current.decay.parameter]
            if p.per == "receptor":
                spare = np.full(d.size, p.default if p.default is not None else p.low)
                rows += [spare] * (neuron.receptors - len(rows))
                found[a.current.decay.parameter] = np.stack(rows)
            else:
                found[a.current.decay.parameter] = rows[0]
        if a.threshold is not None and d.threshold is not None:
            threshold = np.rint(scale * d.threshold / 2.0**a.threshold_shift).astype(np.int64)
            # whole numbers: v > t is v >= t + 1
            if a.compare == "ge" and not d.reaches and _is_whole(population, neuron):
                threshold = threshold + 1
            elif a.compare == "gt" and d.reaches and _is_whole(population, neuron):
                threshold = threshold - 1
            p = neuron.parameters[a.threshold]
            found[a.threshold] = np.clip(threshold, p.low, p.high)
        if a.bias is not None:
            bias = np.rint(scale * d.bias / 2.0**a.bias_shift).astype(np.int64)
            if bias.any():
                found[a.bias] = bias
        if a.reset is not None and a.reset.select is not None and form.reset is not None:
            number = a.reset.kinds[form.reset]  # type: ignore[index]
            if a.reset.select in neuron.parameters:
                found[a.reset.select] = np.full(d.size, number)
            elif settings.setdefault(a.reset.select, number) != number:
                self.faults.add(
                    "SNC-N004",
                    population.name,
                    "another reset than that of other layers, and the chip has one for all",
                    "train all layers with the same reset",
                )
        for key, p in neuron.parameters.items():
            if key not in found and p.default is None:
                found[key] = np.full(d.size, min(max(0, p.low), p.high))
        return found


def _is_whole(population: Population, neuron: Neuron) -> bool:
    """
    Whether membranes are whole multiples of the weights' unit, so that one may be exactly at the
    threshold: without leaks. With them it does not happen.
    """
    d = population.dynamics
    return bool((d.decay == 1).all()) and not d.currents
