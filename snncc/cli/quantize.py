"""What `--quantize` and its options mean, for the commands that have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.console import out, print_warnings, progress, say, size_text, table
from snncc.errors import error

if TYPE_CHECKING:
    from snncc.network import Network
    from snncc.quantization.options import QuantizeOptions
    from snncc.quantization.quantized import QuantizationReport, QuantizedNetwork

PLAIN = ("flash", "state_bits", "decay", "input_bits", "method")
"""Options that are called as in Python."""
QUANTIZATION = (
    "quantize",
    "calibrate",
    "layers",
    "per_tensor",
    "power_of_two",
    "input_range",
    *PLAIN,
)
"""The values of `quantize_options`."""


@dataclass(frozen=True)
class Quantization:
    """What a command is told of quantization."""

    options: QuantizeOptions
    calibrate: Path | None

    def of(self, network: Network, steps: int | None) -> QuantizedNetwork:
        """The integer network, with what there is to know of it on stderr."""
        from snncc.cli.inputs import read_inputs
        from snncc.quantization.calibration import Data
        from snncc.quantization.quantized import expect_floats, quantize_with

        expect_floats(network)
        data = None
        if self.calibrate is not None:
            data = Data(read_inputs(self.calibrate, network, steps).streams.arrays)
        with progress(f"quantize: {network.name}") as update:
            made = quantize_with(network, self.options, data, update)
        print_warnings(made.report.problems)
        return made


def quantization_of(values: dict[str, Any]) -> Quantization | None:
    """Takes the options out of a command's values; None where nothing is to be quantized."""
    from snncc.quantization.options import QuantizeOptions

    taken = {name: values.pop(name) for name in QUANTIZATION}
    width = taken.pop("quantize")
    given = [n for n, v in taken.items() if v is not None and v is not False and v != ()]
    if width is None and given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise error(
            "SNC-C003",
            f"{names}: says how to quantize, and nothing is to be quantized",
            remedy="add --quantize int8",
        )
    if width is None:
        return None
    chosen: dict[str, Any] = {name: taken[name] for name in PLAIN if taken[name] is not None}
    layers = _layers(taken["layers"])
    options = QuantizeOptions(
        weights=width,
        per_channel=not taken["per_tensor"],
        power_of_two=taken["power_of_two"],
        layers="auto" if layers == {"auto": "auto"} else layers or None,
        input_ranges=_ranges(taken["input_range"]) or None,
        **chosen,
    )
    return Quantization(options, taken["calibrate"])


def expect_calibrated(
    chosen: Quantization | None, steps: int | None, remedy: str = "add --calibrate X.npz"
) -> None:
    """Raises SNC-C003 for steps of calibration data where there are none."""
    if steps is not None and (chosen is None or chosen.calibrate is None):
        raise error("SNC-C003", "--steps: is for calibration data", remedy=remedy)


def _layers(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (piece.strip() for text in given for piece in text.split(",")):
        name, _, width = part.rpartition("=")
        if part == "auto":
            name = width = "auto"
        elif not name or not width:
            raise _wrong("layers", f"expected NAME=WIDTH or auto, got {part!r}")
        if name in found:
            raise _wrong("layers", f"{name} stands twice")
        found[name] = width
    return found


def _ranges(given: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for text in given:
        name, _, ends = text.rpartition("=")
        low, _, high = ends.partition(":")
        try:
            pair = (float(low), float(high))
        except ValueError:
            name, pair = "", (0.0, 0.0)
        if not name:
            raise _wrong("input-range", f"expected NAME=LEAST:LARGEST, got {text!r}")
        if name in found:
            raise _wrong("input-range", f"{name} stands twice")
        found[name] = pair
    return found


def _wrong(option: str, text: str) -> click.BadParameter:
    return click.BadParameter(text, param_hint=f"--{option}")


def print_report(report: QuantizationReport) -> None:
    """The width of each layer, and how its rounding was chosen."""
    rows = [
        (
            layer.name,
            layer.chosen,
            str(layer.bits),
            "" if layer.plain_error is None else f"{layer.plain_error:.4f}",
            "" if layer.error is None else f"{layer.error:.4f}",
        )
        for layer in report.layers
    ]
    columns = ["weights", "rounding", "bits", "error, plain", "error"]
    out.print(table("", columns, rows, left=2, whole=1))
    for given in report.inputs:
        say(
            f"input {given.name}: {given.low:g} to {given.high:g} in steps of {given.step:g}, "
            "held at the ends"
        )
    budget = report.budget
    if budget is not None:
        steps = [
            (step.layer, step.width, size_text(step.saved), f"{step.error:.4f}")
            for step in budget.steps
        ]
        out.print(table("", ["narrowed", "to", "saves", "adds error"], steps, left=2))
        say(f"parameters {size_text(budget.bytes)} of {size_text(budget.flash)}")
