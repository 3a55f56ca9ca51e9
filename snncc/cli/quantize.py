"""What `--quantize` and its options mean, for the commands that have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.console import out, print_warnings, progress, size_text, table
from snncc.errors import error

if TYPE_CHECKING:
    from snncc.network import Network
    from snncc.quantization.calibration import Data
    from snncc.quantization.options import QuantizeOptions
    from snncc.quantization.quantized import QuantizationReport, QuantizedNetwork


def options_of(values: dict[str, Any]) -> QuantizeOptions | None:
    """Takes the options out of a command's values; None where nothing is to be quantized."""
    from snncc.quantization.options import AUTO, QuantizeOptions

    width = values.pop("quantize")
    layers = _layers(values.pop("layers"))
    given = {
        "per_channel": not values.pop("per_tensor"),
        "power_of_two": values.pop("power_of_two"),
        "layers": AUTO if layers == {AUTO: AUTO} else layers or None,
        "flash": values.pop("flash"),
        "state_bits": values.pop("state_bits"),
        "decay": values.pop("decay") or "multiply",
        "input_bits": values.pop("input_bits") or 8,
        "method": values.pop("method") or "spike-aware",
        "input_ranges": _ranges(values.pop("input_range")) or None,
    }
    if width is None:
        unchosen = QuantizeOptions()
        chosen = [name for name, value in given.items() if value != getattr(unchosen, name)]
        if chosen or values.get("calibrate") is not None:
            names = ", ".join(f"--{_option(name)}" for name in chosen) or "--calibrate"
            raise error(
                "SNC-C003",
                f"{names}: says how to quantize, and nothing is to be quantized",
                remedy="add --quantize int8",
            )
        return None
    return QuantizeOptions(weights=width, **given)


def _option(name: str) -> str:
    renamed = {"per_channel": "per-tensor", "input_ranges": "input-range"}
    return renamed.get(name, name.replace("_", "-"))


def _layers(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (piece.strip() for text in given for piece in text.split(",")):
        name, _, width = part.rpartition("=")
        if part == "auto":
            name = width = "auto"
        elif not name or not width:
            raise click.BadParameter(
                f"expected NAME=WIDTH or auto, got {part!r}", param_hint="layers"
            )
        found[name] = width
    return found


def _ranges(given: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for text in given:
        name, _, ends = text.rpartition("=")
        low, _, high = ends.partition(":")
        try:
            found[name] = (float(low), float(high))
        except ValueError:
            name = ""
        if not name:
            raise click.BadParameter(
                f"expected NAME=LEAST:LARGEST, got {text!r}", param_hint="input-range"
            )
    return found


def read_calibration(network: Network, path: Path | None, steps: int | None) -> Data | None:
    from snncc.inputs import read_npz, to_streams
    from snncc.quantization.calibration import Data

    if path is None:
        return None
    x, steps = read_npz(path, network.op, steps=steps)
    return Data(to_streams(network.op, x, steps=steps).arrays)


def quantized(
    network: Network, options: QuantizeOptions, calibrate: Path | None, steps: int | None
) -> QuantizedNetwork:
    """The integer network, with what there is to know of it on stderr."""
    from snncc.quantization.quantized import quantize_with

    data = read_calibration(network, calibrate, steps)
    with progress(f"quantize: {network.name}") as update:
        made = quantize_with(network, options, data, update)
    print_warnings(made.report.problems)
    return made


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
        out.print(
            f"input {given.name}: {given.low:g} to {given.high:g} in steps of {given.step:g}, "
            "held at the ends",
            markup=False,
        )
    budget = report.budget
    if budget is not None:
        steps = [
            (step.layer, step.width, size_text(step.saved), f"{step.error:.4f}")
            for step in budget.steps
        ]
        out.print(table("", ["narrowed", "to", "saves", "adds error"], steps, left=2))
        out.print(
            f"parameters {size_text(budget.bytes)} of {size_text(budget.flash)}", markup=False
        )
