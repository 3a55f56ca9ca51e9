"""`quantize`: from a float network to one of integers."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import is_float, stream_type
from snncc.errors import Problem, SnnccWarning, error
from snncc.inputs import to_streams
from snncc.network import Network, expect_network
from snncc.passes.quantization.options import Options
from snncc.quantization.activity import SAMPLES, Oddity, oddities, rates_of
from snncc.quantization.budget import Budget, measured, search
from snncc.quantization.calibration import (
    Data,
    observe,
    on_input_grid,
    outside_ranges,
    ranges_of,
    widest_stream,
    write_ranges,
)
from snncc.quantization.encodings import Encoding, encodings_of
from snncc.quantization.held import HeldState, held_states
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.options import AUTO, Method, QuantizeOptions
from snncc.quantization.rewriting import (
    expect_layers,
    floats_left,
    pass_of,
    saturations,
    to_integers,
)
from snncc.quantization.simple import clipped_to_percentile, plain_choices
from snncc.quantization.spike_aware import LayerChoice, calibrate_weights
from snncc.quantization.states import with_states
from snncc.quantization.trainable import trainable_form
from snncc.quantization.trained import rounded_again, trained_widths

WITHOUT_DATA = Problem(
    "SNC-W025",
    "spike-aware rounding looks at activity, and there are no calibration data: every weight "
    "is rounded to its nearest (mse)",
    remedy='calibrate with data (--calibrate X.npz), or say method="mse"',
    severity="warning",
)


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
    held: tuple[HeldState, ...] = ()
    """States that saturate on some inputs."""
    inputs: tuple[Encoding, ...] = ()
    """How float inputs are counted."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "options": asdict(self.options),
            "layers": [asdict(layer) for layer in self.layers],
            "oddities": [asdict(each) for each in self.oddities],
            "budget": None if self.budget is None else asdict(self.budget),
            "held": [asdict(each) for each in self.held],
            "inputs": [asdict(each) for each in self.inputs],
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
    trainable: Sequence[str] | Literal["all"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QuantizedNetwork:
    """
    A network of integers that spikes as a float network does. With `trainable` (names of layers,
    weights or biases, or "all") it can be trained: these follow floats, at first with the same
    bits.
    """
    expect_network(network)
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
        trainable if trainable is None or isinstance(trainable, str) else tuple(trainable),
    )
    data = None
    if calibration is None and steps is not None:
        raise error(
            "SNC-C003", "steps: is for calibration data", remedy="give calibration, or no steps"
        )
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
    expect_floats(network)
    model = FloatModel.prepare(network.module)
    if data is not None:
        data = data.limited(widest_stream(model))
    ranges = ranges_of(model, data, options.input_ranges)
    write_ranges(model, ranges)
    problems: list[Problem] = []
    if data is not None:
        problems += outside_ranges(data, ranges)
        observe(model, data)
    elif options.method == "spike-aware":
        problems.append(WITHOUT_DATA)
        options = replace(options, method="mse")
    chosen = dict(options.layers) if isinstance(options.layers, Mapping) else {}
    expect_layers(model, chosen)
    if options.layers != AUTO:
        chosen = trained_widths(model, options, chosen)
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

        def make(widths: Mapping[str, str]) -> ModuleOp:
            return to_integers(model, pass_of(options, widths))

        budget = search(model, plain, rounded, options.flash, make, progress)
        chosen = budget.layers
    step = pass_of(options, chosen)
    ready, choices = (
        model,
        plain_choices(model, step.options(), options.method),
    )
    if data is not None and rounded is not None and options.method == "spike-aware":
        ready, choices = calibrate_weights(model, step.options(), data, rounded, progress)
    elif options.method == "percentile":
        ready = clipped_to_percentile(model, step.options())
    module, step = with_states(model, ready, step, data, rounded)
    made = Network(module)
    if options.trainable is not None:
        module = trainable_form(ready, step, options.trainable)
    if budget is not None:
        budget = measured(budget, made)
    odd = [] if data is None else _oddities(model, made, data, step.options())
    held = held_states(made.op)
    problems += [
        *rounded_again(model, options, chosen),
        *floats_left(made.op),
        *saturations(made.op),
        *(each.problem() for each in held),
        *(each.problem() for each in odd),
    ]
    report = QuantizationReport(
        options,
        tuple(choices),
        tuple(odd),
        budget,
        tuple(problems),
        tuple(held),
        encodings_of(model.op, ranges, options.input_bits),
    )
    return QuantizedNetwork(module, model, report, network.warnings)


def expect_floats(network: Network) -> None:
    """Raises SNC-Q007 for a network whose weights are integers."""
    sums = [op for op in network.op.body.block.ops if isinstance(op, WeightedSum)]
    if sums and not any(is_float(stream_type(op.weight).element_type) for op in sums):
        raise error(
            "SNC-Q007",
            f"{network.name}: is a network of integers already",
            remedy="quantize the float network that it was made of",
        )


def _oddities(model: FloatModel, made: Network, data: Data, options: Options) -> list[Oddity]:
    names = StateNames(model.op)
    narrow = {
        outputs[0]: tuple(
            name_of(value.owner)
            for value in op.operands
            if isinstance(value.owner, WeightedSum) and options.bits_of(name_of(value.owner)) < 8
        )
        for op, outputs in names.outputs_of.items()
        if outputs
    }
    if data.samples > SAMPLES:
        data = data.taken(np.linspace(0, data.samples - 1, SAMPLES).astype(int))
    return oddities(rates_of(Network(model.module), data), rates_of(made, data), narrow)
