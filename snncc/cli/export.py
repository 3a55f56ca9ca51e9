"""`snncc export`: a network as a file of another tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snncc.cli.console import out, print_warnings, size_text
from snncc.options import LoadOptions

SEMANTICS = ("like", "dt", "reset", "reset_timing", "integrator")
NIR = (".nir", ".h5", ".hdf5")
"""Files that the choices are about when they are read; of others, when they are written."""


def run_export(model: Path, options: LoadOptions, output: Path, scan: bool) -> None:
    from snncc.exporters.files import expect_exportable, export_module
    from snncc.network import Network, load_with
    from snncc.pipelines import for_inference

    expect_exportable(output, scan=scan)
    semantics = {name: getattr(options, name) for name in SEMANTICS}
    reading, writing = options, LoadOptions()
    if model.suffix.lower() not in NIR:
        reading = replace(options, **dict.fromkeys(SEMANTICS))
        writing = LoadOptions(**semantics)
    network = load_with(model, reading)
    print_warnings(network.warnings)
    network = Network(for_inference(network.module), network.warnings)
    print_warnings(export_module(network.module, network.op, output, scan=scan, options=writing))
    out.print(f"{output}: {size_text(output.stat().st_size)}", markup=False, soft_wrap=True)
