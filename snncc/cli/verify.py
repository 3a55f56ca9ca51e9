"""`snncc verify`: every phase and every C build against the interpreter, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from snncc.cli.console import err, out, print_warnings, progress, say, table
from snncc.options import LoadOptions


def run_verify(
    model: Path,
    options: LoadOptions,
    *,
    input_file: Path,
    steps: int | None,
    samples: int,
    engine: Literal["c", "interpreter"],
    **quantization: Any,
) -> int:
    from snncc.cli.inputs import read_inputs
    from snncc.cli.quantize import quantization_of
    from snncc.errors import error
    from snncc.network import load_with
    from snncc.verification import verify_network

    if samples < 1:
        raise error("SNC-C003", f"--samples: expected at least 1, got {samples}")
    chosen = quantization_of(quantization)
    network = load_with(model, options)
    print_warnings(network.warnings)
    streams = read_inputs(input_file, network, steps).streams
    if chosen is not None:
        network = chosen.of(network, steps)
    taken = {name: array[:, :samples] for name, array in streams.arrays.items()}
    with progress("verify") as update:
        checks = verify_network(network, taken, engine=engine, progress=update)
    rows = [
        (
            check.name,
            "equal" if check.differing == 0 else f"{check.differing} differ",
            check.first or "",
        )
        for check in checks
    ]
    columns = ["against the interpreter", "values", "first difference"]
    out.print(table(network.name, columns, rows, left=3))
    compared = sum(check.compared for check in checks)
    failed = [check for check in checks if check.differing]
    say(
        f"{len(checks)} variants, {min(samples, streams.batch)} samples, {streams.steps} steps, "
        f"{compared} values compared: "
        + ("all bits equal" if not failed else f"{len(failed)} variants differ")
        + ("" if engine == "c" else "; C was not compared")
    )
    if failed:
        err.print(f"error: SNC-P002 {failed[0].name} differs: {failed[0].first}", markup=False)
    return int(bool(failed))
