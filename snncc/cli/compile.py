"""`snncc compile`: a folder of C, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snncc.cli.console import out, print_warnings, size_text, table
from snncc.options import LoadOptions


def run_compile(
    model: Path,
    options: LoadOptions,
    output: Path,
    *,
    target: str,
    prefix: str | None,
    time_block: int,
    fold: Any,
    weights: Any,
    pack: Any,
    print_after: tuple[str, ...],
    steps: int | None,
    **quantization: Any,
) -> None:
    from snncc.cli.quantize import options_of, print_report, quantized
    from snncc.compiled import compile
    from snncc.errors import error
    from snncc.network import load_with
    from snncc.pipelines import PHASES, PipelineOptions, run_pipeline
    from snncc.storage import context

    for phase in print_after:
        if phase not in PHASES:
            raise error(
                "SNC-C003", f"--print-after: expected one of {', '.join(PHASES)}, got {phase!r}"
            )
    calibrate = quantization["calibrate"]
    chosen = options_of(quantization)
    if steps is not None and calibrate is None:
        raise error("SNC-C003", "--steps: is for calibration data", remedy="add --calibrate X.npz")
    network = load_with(model, options)
    print_warnings(network.warnings)
    made = None
    if chosen is not None:
        network = made = quantized(network, chosen, calibrate, steps)
    program = compile(
        network, target, prefix=prefix, time_block=time_block, fold=fold, weights=weights, pack=pack
    )
    if print_after:

        def show(phase: str, module: Any) -> None:
            if phase in print_after:
                out.print(f"// after {phase}", markup=False)
                out.print(str(module), markup=False, soft_wrap=True)

        phases = PipelineOptions(time_block, fold, pack=pack)
        run_pipeline(network.module, context(), phases, after=show)
    folder = program.save(output)
    rows = [(name, size_text(len(data))) for name, data in program.package.files.items()]
    out.print(table(str(folder), ["file", "size"], rows))
    report = program.report
    out.print(
        f"{network.name}: state {size_text(report.state_bytes)} a sample "
        f"({size_text(report.work_bytes)} of it work space), "
        f"constants {size_text(report.const_bytes)}",
        markup=False,
    )
    if made is not None:
        print_report(made.report)
