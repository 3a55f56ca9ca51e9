"""`snncc export`: a network as a file of another tool, or as its IR."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from snncc.cli.console import print_warnings, say, size_text
from snncc.options import LoadOptions

SEMANTICS = ("like", "dt", "reset", "reset_timing", "integrator")
NIR = (".nir", ".h5", ".hdf5")
"""Files that the choices are about when they are read; of others, when they are written."""


def run_export(
    model: Path,
    options: LoadOptions,
    output: Path,
    scan: bool,
    *,
    steps: int | None,
    **quantization: Any,
) -> None:
    from snncc.cli.quantize import expect_calibrated, quantization_of
    from snncc.exporters.files import OWN, expect_exportable, export_module, integers_are_not_said
    from snncc.network import Network, load_with
    from snncc.pipelines import for_inference

    expect_exportable(output, scan=scan)
    chosen, own = quantization_of(quantization), output.suffix.lower() == OWN
    if chosen is not None and not own:
        raise integers_are_not_said()
    expect_calibrated(chosen, steps)
    semantics = {name: getattr(options, name) for name in SEMANTICS}
    reading, writing = options, LoadOptions()
    if model.suffix.lower() not in NIR:
        reading = replace(options, **dict.fromkeys(SEMANTICS))
        writing = LoadOptions(**semantics)
    network = load_with(model, reading)
    print_warnings(network.warnings)
    if chosen is not None:
        network = chosen.of(network, steps)
    elif not own:
        network = Network(for_inference(network.module), network.warnings)
    print_warnings(export_module(network.module, network.op, output, scan=scan, options=writing))
    files = [output, output.with_suffix(".safetensors")] if own else [output]
    say(", ".join(f"{file}: {size_text(file.stat().st_size)}" for file in files))
