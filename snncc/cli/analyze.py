"""`snncc analyze`: a float network beside the one of integers made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snncc.cli.console import err, out, print_warnings, progress, say, shape_text, size_text, table
from snncc.cli.labels import read_labels, scored_output
from snncc.cli.quantize import print_report, quantization_of
from snncc.errors import error
from snncc.options import LoadOptions


def run_analyze(
    model: Path,
    options: LoadOptions,
    *,
    steps: int | None,
    input_file: Path | None,
    labels: str | None,
    score: str | None,
    plot: Path | None,
    as_json: bool,
    **quantization: Any,
) -> None:
    from snncc.cli.inputs import read_inputs
    from snncc.network import load_with
    from snncc.quantization.analysis import LayerAnalysis, analyze
    from snncc.quantization.plot import expect_plot
    from snncc.quantization.plot import plot as write_plot

    quantization["quantize"] = quantization["quantize"] or "int8"
    chosen = quantization_of(quantization)
    assert chosen is not None
    seen = input_file or chosen.calibrate
    if seen is None:
        raise error(
            "SNC-C003",
            "analyze: compares two networks on inputs, and there are none",
            remedy="give --calibrate X.npz, or --input X.npz",
        )
    if score is not None and labels is None:
        raise error(
            "SNC-C003", "--score: names the output that --labels holds for", remedy="add --labels Y"
        )
    if plot is not None:
        expect_plot(plot)
    network = load_with(model, options)
    print_warnings(network.warnings)
    streams = read_inputs(seen, network, steps).streams
    expected = None
    if labels is not None:
        score = scored_output(network, score)
        classes = network.outputs[score][0]
        expected = read_labels(seen, labels, streams.batch, classes=classes)
    made = chosen.of(network, steps)
    with progress(f"run both: {network.name}"):
        analysis = analyze(made.real, made, streams.arrays, expected, score=score)
    if plot is not None:
        write_plot(analysis, plot)
    if as_json:
        found = {**analysis.as_dict(), "quantization": made.report.as_dict()}
        found["warnings"] = [problem.as_dict() for problem in network.warnings]
        out.print_json(json.dumps(found))
        return
    print_report(made.report)

    def row(layer: LayerAnalysis) -> tuple[str, ...]:
        first = "never" if layer.first_step is None else str(layer.first_step)
        return (
            layer.name,
            shape_text(layer.shape),
            f"{layer.float_rate:.4f}",
            f"{layer.rate:.4f}",
            f"{100 * layer.rate_error:.2f} %",
            f"{100 * layer.differing:.2f} %",
            first,
            size_text(layer.float_bytes),
            size_text(layer.bytes),
        )

    columns = [
        "neurons",
        "shape",
        "rate, float",
        "integer",
        "error",
        "differ",
        "from step",
        "weights, float",
        "integer",
    ]
    out.print(table(analysis.network, columns, [row(layer) for layer in analysis.layers], whole=1))
    states = [
        (
            state.name,
            f"i{state.bits}",
            _range(state.proved),
            _range(state.seen),
            "" if state.is_bounded else "saturates",
        )
        for layer in analysis.layers
        for state in layer.states
    ]
    out.print(table("", ["state", "type", "proved", "seen", "bound"], states, left=2, whole=1))
    say(f"{analysis.samples} samples, {analysis.steps} steps")
    if analysis.accuracy is not None:
        say(
            f"accuracy {analysis.float_accuracy:.3f} float, {analysis.accuracy:.3f} integer; "
            f"{100 * (analysis.agreement or 0):.1f} % of samples in the same class"
        )
    if plot is not None:
        err.print(f"wrote {plot}", markup=False)


def _range(ends: tuple[int, int]) -> str:
    return f"{ends[0]} to {ends[1]}"
