"""`quantize`: from a float network to one of integers."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.errors import Problem, SnnccWarning, error
from snncc.inputs import to_streams
from snncc.network import Network
from snncc.passes.quantization.attributes import read_scale
from snncc.passes.quantization.options import WEIGHTS
from snncc.quantization.calibration import (
    Data,
    observe,
    on_input_grid,
    ranges_of,
    widest_stream,
    write_ranges,
)
from snncc.quantization.model import FloatModel
from snncc.quantization.options import AUTO, Method, QuantizeOptions
from snncc.quantization.rewriting import expect_layers, floats_left, pass_of, to_integers
from snncc.quantization.spike_aware import LayerChoice, calibrate_weights


@dataclass(frozen=True)
class QuantizationReport:
    """What was chosen, and what a user should know of it."""

    options: QuantizeOptions
    layers: tuple[LayerChoice, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


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
    step = pass_of(options, chosen)
    ready, choices = model, []
    if data is not None and options.method == "spike-aware":
        rounded = on_input_grid(data, ranges, options.input_bits)
        ready, choices = calibrate_weights(model, step.options(), data, rounded, progress)
    module = to_integers(ready, step)
    made = Network(module)
    report = QuantizationReport(options, tuple(choices), tuple(floats_left(made.op)))
    return QuantizedNetwork(module, model, report, network.warnings)
