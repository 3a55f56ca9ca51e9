"""
Whole numbers for weights, thresholds and biases, and the program that has them.

A neuron counts in a unit of its own: scale s, so that u = 1 is s on the chip. Then with the gain g
of a new current and shifts b that the equations have

    weight = s w / (g 2^(shift + b))     threshold = s theta / 2^b     bias = s c / 2^b

`scales.py` chooses s and the shifts, `rounding.py` has the weights, `parameters.py` the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.neurons.assembly import parameter_of
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.forms import Form, Formed
from snncc.passes.legalization.graph import SpikingGraph
from snncc.passes.legalization.limits import OfClasses, largest_for_bias
from snncc.passes.legalization.parameters import configured
from snncc.passes.legalization.rounding import Row, rows_of
from snncc.passes.legalization.scales import Fit, Scales
from snncc.passes.legalization.timing import Timed

NO_WEIGHT = "SNC-N006"
LEAST_THRESHOLD = 2
"""Below, a threshold is rounded by more than a quarter of itself."""


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
    graph = formed.graph
    rows = rows_of(replace(timed, graph=graph), description, classes)
    fits, shifts = Scales(graph, rows, formed.groups, description, classes, activity).chosen()
    writer = _Writer(graph, rows, formed.forms, description, classes, faults)
    clipped = {name: writer.clipped(name, fits[name]) for name in fits}
    return Integers(
        writer.module(fits, shifts),
        {name: fit.scale for name, fit in fits.items()},
        {name: count for name, count in clipped.items() if count},
        tuple(name for name, fit in fits.items() if writer.is_unbiased(name, fit)),
    )


@dataclass
class _Writer:
    graph: SpikingGraph
    rows: Sequence[Row]
    forms: Mapping[str, Form]
    chip: Description
    classes: Classes
    faults: Faults

    def is_unbiased(self, name: str, fit: Fit) -> bool:
        rows = [row for row in self.rows if row.projection.target == name]
        return any(
            row.always and not weights.any() for row, weights in zip(rows, fit.weights, strict=True)
        )

    def clipped(self, name: str, fit: Fit) -> int:
        """Weights at the ends of the range; adds faults of those that vanish, or are all large."""
        rows = [row for row in self.rows if row.projection.target == name]
        count = 0
        for row, weights in zip(rows, fit.weights, strict=True):
            silent = (weights == 0).all() and row.projection.weights.values.size
            if silent and not row.always:
                self.faults.add(
                    NO_WEIGHT,
                    name,
                    f"all weights from {row.projection.source} become 0 of {row.edge.low} to "
                    f"{row.edge.high}: they are too small beside the others",
                    "train with weights of similar sizes, or normalise them by layer",
                )
            at_end = (weights == row.edge.high) | (weights == row.edge.low)
            count += int(at_end.sum()) if row.edge.levels is None else 0
        population = self.graph.populations[name]
        d, neuron = population.dynamics, self.chip.neurons[self.classes.of[name]]
        beyond = fit.scale > largest_for_bias(d.bias, neuron) * (1 + 1e-9)
        if beyond.any():
            p = neuron.parameters[str(neuron.approximates.bias)]
            self.faults.add(
                NO_WEIGHT,
                name,
                f"a bias of {np.abs(d.bias[beyond]).max():.4g} is more than {p.low} to {p.high} "
                f"hold at the smallest scale, for {int(beyond.sum())} of {d.size} neurons",
                "train with smaller biases or a higher threshold",
            )
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

    def module(self, fits: Mapping[str, Fit], shifts: Mapping[str, int]) -> ModuleOp:
        parameters: list[Operation] = []

        def parameter(name: str, values: Array) -> str:
            narrow = next(
                t
                for t in (np.int8, np.int16, np.int32)
                if not values.size
                or (np.iinfo(t).min <= values.min() and values.max() <= np.iinfo(t).max)
            )
            array = values.astype(narrow)
            parameters.append(parameter_of(name, array))
            return name

        def scale(name: str, values: Array) -> str:
            parameters.append(parameter_of(name, values))
            return name

        ops: list[Operation] = [
            InputOp(name, shape, always=name in self.graph.always)
            for name, shape in self.graph.inputs.items()
        ]
        settings = dict(shifts)
        shared = OfClasses(self.chip, self.faults)
        for name, population in self.graph.populations.items():
            neuron = self.chip.neurons[self.classes.of[name]]
            numbers = configured(
                population, neuron, self.forms[name], fits[name].scale, settings, self.faults
            )
            shared.expect(name, self.classes.of[name], numbers)
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
            fit, place = fits[p.target], self._place(row)
            weights = fit.weights[place]
            kept = weights != 0
            if not kept.any():
                continue
            name = f"{p.source}.to.{p.target}.{index}"
            arrays = (
                parameter(f"{name}.sources", p.weights.columns[kept]),
                parameter(f"{name}.targets", p.weights.rows[kept]),
                parameter(f"{name}.weights", weights[kept]),
            )
            nearest = None
            if fit.nearest is not None and (fit.nearest[place] != weights)[kept].any():
                nearest = parameter(f"{name}.nearest", fit.nearest[place][kept])
            ends = (p.source, p.target, row.edge_name, p.receptor)
            ops.append(SynapsesOp(name, *ends, row.extra, arrays, nearest))
        ops += [OutputOp(name, out.source, out.lag) for name, out in self.graph.outputs.items()]
        for key, setting in self.chip.settings.items():
            if setting.default is not None:
                settings.setdefault(key, setting.default)
        program = ProgramOp(self.graph.name, self.chip.name, settings, ops)
        module = ModuleOp([*parameters, program])
        module.verify()
        return module

    def _place(self, row: Row) -> int:
        same = [r for r in self.rows if r.projection.target == row.projection.target]
        return next(i for i, r in enumerate(same) if r is row)
