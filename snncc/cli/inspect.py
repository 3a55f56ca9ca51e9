"""`snncc inspect`: a network node by node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snncc.cli.console import out, print_warnings, say, shape_text, size_text, table
from snncc.options import LoadOptions
from snncc.reports import NodeReport


def run_inspect(
    model: Path,
    options: LoadOptions,
    *,
    as_json: bool,
    time_block: int,
    steps: int | None,
    **quantization: Any,
) -> None:
    from snncc.cli.quantize import expect_calibrated, quantization_of
    from snncc.compiled import compile
    from snncc.network import load_with

    chosen = quantization_of(quantization)
    expect_calibrated(chosen, steps)
    network = load_with(model, options)
    if chosen is not None:
        network = chosen.of(network, steps)
    report = compile(network, time_block=time_block).report
    if as_json:
        data = report.as_dict()
        data["warnings"] = [problem.as_dict() for problem in network.warnings]
        out.print_json(json.dumps(data))
        return
    print_warnings(network.warnings)
    ports = [
        f"{what} {name} {shape_text(shape)}"
        for what, shapes in (("in", report.inputs), ("out", report.outputs))
        for name, shape in shapes.items()
    ]
    say(f"{report.network}: {', '.join(ports)}")
    columns = [
        "node",
        "what",
        "shape",
        "parameters",
        "fan-in",
        "delay",
        "numbers",
        "bytes",
        "operations",
        "stage",
        "chosen",
    ]
    out.print(table("", columns, [_row(node) for node in report.nodes], left=4, whole=3))
    say(
        f"C: state {size_text(report.state_bytes)} a sample "
        f"({size_text(report.work_bytes)} of it work space), "
        f"constants {size_text(report.const_bytes)}, {report.block_steps} steps a block"
    )


def _row(node: NodeReport) -> tuple[str, ...]:
    return (
        node.node,
        node.kind,
        shape_text(node.shape),
        ", ".join(f"{name} {value}" for name, value in node.parameters.items()),
        str(node.fan_in),
        str(node.delay or ""),
        str(node.parameter_count or ""),
        str(node.bytes or ""),
        str(node.operations or ""),
        node.stage,
        node.chosen,
    )
