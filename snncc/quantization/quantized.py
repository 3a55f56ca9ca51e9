"""`quantize`: from a float network to one of integers."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.errors import Problem, SnnccWarning, error
from snncc.inputs import to_streams
from snncc.network import Network
from snncc.passes.quantization.attributes import read_scale
from snncc.quantization.activity import SAMPLES, Oddity, oddities, rates_of
from snncc.quantization.budget import Budget, search
from snncc.quantization.calibration import (
    Data,
    observe,
    on_input_grid,
    ranges_of,
    widest_stream,
    write_ranges,
)
from snncc.quantization.model import FloatModel
from snncc.quantization.options import Method, QuantizeOptions
from snncc.quantization.rewriting import expect_layers, floats_left, pass_of
from snncc.quantization.simple import clipped_to_percentile, plain_choices
from snncc.quantization.spike_aware import LayerChoice, calibrate_weights
from snncc.quantization.states import with_states


@dataclass(frozen=True)
class QuantizationReport:
    """What was chosen, and what a user should know of it."""

    options: QuantizeOptions
    layers: tuple[LayerChoice, ...]
    """The weighted sums, in the order of the network."""
    oddities: tuple[Oddity, ...]
    """Neurons that rounding silenced or saturated."""
    budget: Budget | None
    """Where widths were searched."""
    problems: tuple[Problem, ...]
    """Warnings."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "options": asdict(self.options),
            "layers": [asdict(layer) for layer in self.layers],
            "oddities": [asdict(each) for each in self.oddities],
            "budget": None if self.budget is None else asdict(self.budget),
            "warnings": [problem.as_dict() for problem in self.problems],
        }


class QuantizedNetwork(Network):
    """
    A network of integers. `real` is the float network that it was made of, fused as it
    was; `report` says what was chosen.
    """

    def __init__(
        self,
        module: ModuleOp,
        real: FloatModel,
        report: QuantizationReport,
        warnings: Sequence[Problem] = (),
    ):
        super().__init__(module, warnings)
        self.real = Network(real.module)
        self.report = report

    @property
    def scales(self) -> dict[str, Array]:
        """
        What one whole number of a state or of a neuron's output is worth: arrays that
        broadcast to its shape, by the names of a trace.
        """
        names = StateNames(self.op)
        found: dict[str, Array] = {}
        for op, outputs in names.outputs_of.items():
            for index, name in enumerate(outputs):
                scale = read_scale(op, f"output{index or ''}")
                if scale is not None:
                    found[name] = scale
        for (op, index), name in names.name_of.items():
            ports = getattr(op, "state_ports", None)
            scale = None if ports is None else read_scale(op, ports[index].name)
            if scale is not None:
                found[name] = scale
        return found


def quantize(
    network: Network,
    weights: str = "int8",
    *,
    calibration: Any = None,
    steps: int | None = None,
    per_channel: bool = True,
    power_of_two: bool = False,
    layers: Mapping[str, str] | Literal["auto"] | None = None,
    flash: int | None = None,
    state_bits: int | None = None,
    decay: Literal["multiply", "shift"] = "multiply",
    input_bits: int = 8,
    method: Method = "spike-aware",
    input_ranges: Mapping[str, tuple[float, float]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QuantizedNetwork:
    """
    A network of integers that spikes as a float network does.
    """
    options = QuantizeOptions(
        weights,
        per_channel,
        power_of_two,
        layers,
        flash,
        state_bits,
        decay,
        input_bits,
        method,
        input_ranges,
    )
    data = None
    if calibration is not None:
        data = Data(to_streams(network.op, calibration, steps=steps).arrays)
    made = quantize_with(network, options, data, progress)
    for problem in made.report.problems:
        python_warnings.warn(str(problem), SnnccWarning, stacklevel=2)
    return made


def quantize_with(
    network: Network,
    options: QuantizeOptions,
    data: Data | None,
    progress: Callable[[int, int], None] | None = None,
) -> QuantizedNetwork:
    """Quantizes without issuing the warnings: they are in the report."""
    model = FloatModel.prepare(network.module)
    if data is not None:
        data = data.limited(widest_stream(model))
    ranges = ranges_of(model, data, options.input_ranges)
    write_ranges(model, ranges)
    if data is not None:
        observe(model, data)
    chosen = dict(options.layers) if isinstance(options.layers, Mapping) else {}
    expect_layers(model, chosen)
    rounded = None if data is None else on_input_grid(data, ranges, options.input_bits)
    budget = None
    if options.flash is not None:
        if rounded is None:
            raise error(
                "SNC-C003",
                "layers: auto compares widths on calibration data, and there are none",
                remedy="give calibration (--calibrate X.npz)",
            )
        plain = pass_of(options, {}).options()
        budget = search(model, plain, rounded, options.flash, progress)
        chosen = budget.layers
    step = pass_of(options, chosen)
    ready, choices = (
        model,
        plain_choices(
            model, step.options(), "mse" if options.method == "spike-aware" else options.method
        ),
    )
    if data is not None and rounded is not None and options.method == "spike-aware":
        ready, choices = calibrate_weights(model, step.options(), data, rounded, progress)
    elif options.method == "percentile":
        ready = clipped_to_percentile(model, step.options())
    module = with_states(model, ready, step, data, rounded)
    made = Network(module)
    odd = [] if data is None else _oddities(model, made, data)
    problems = [*floats_left(made.op), *(each.problem() for each in odd)]
    report = QuantizationReport(options, tuple(choices), tuple(odd), budget, tuple(problems))
    return QuantizedNetwork(module, model, report, network.warnings)


def _oddities(model: FloatModel, made: Network, data: Data) -> list[Oddity]:
    if data.samples > SAMPLES:
        data = data.taken(np.linspace(0, data.samples - 1, SAMPLES).astype(int))
    return oddities(rates_of(Network(model.module), data), rates_of(made, data))
