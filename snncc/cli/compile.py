"""`snncc compile`: a folder of C, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from snncc.cli.console import out, print_warnings, say, size_text, table, told_warnings
from snncc.errors import error
from snncc.options import LoadOptions

if TYPE_CHECKING:
    from snncc.cli.quantize import Quantization
    from snncc.network import Network


def run_compile(
    model: Path,
    options: LoadOptions,
    output: Path,
    *,
    steps: int | None,
    print_after: tuple[str, ...],
    **values: Any,
) -> None:
    """`values` are the options of quantization, of training, and those of `snncc.compile`."""
    from snncc.cli.quantize import expect_calibrated, print_report, quantization_of
    from snncc.cli.train import training_of
    from snncc.folders import expect_folder
    from snncc.network import load_with
    from snncc.pipelines import PHASES
    from snncc.quantization.quantized import QuantizedNetwork

    for phase in print_after:
        if phase not in PHASES:
            raise error(
                "SNC-C003", f"--print-after: expected one of {', '.join(PHASES)}, got {phase!r}"
            )
    chosen, training = quantization_of(values), training_of(values, steps)
    if training is None:
        expect_calibrated(chosen, steps, "add --calibrate X.npz, or --train bptt")
    if print_after and training is not None:
        raise error("SNC-C003", "--print-after: shows the phases of inference, not of a training")
    expect_folder(output)
    network = load_with(model, options)
    print_warnings(network.warnings)
    if training is not None:
        training |= _calibration(chosen, training, network, steps)
    if chosen is not None:
        if training is not None:
            chosen = chosen.trained(training.pop("trainable", None))
        network = chosen.of(network, steps)
    if training is not None:
        _compile_training(network, output, {**values, **training})
    else:
        _compile(network, output, print_after, values)
    if isinstance(network, QuantizedNetwork):
        print_report(network.report)


def _calibration(
    chosen: Quantization | None, training: dict[str, Any], network: Network, steps: int | None
) -> dict[str, Any]:
    """What units of integer arithmetic follow from: inputs, and their targets."""
    from snncc.cli.inputs import read_inputs
    from snncc.inputs import entry, open_npz

    target = training.pop("calibrate_target", None)
    if training.get("arithmetic") != "integer":
        if target is not None:
            raise error(
                "SNC-C003",
                "--calibrate-target: is for integer arithmetic",
                remedy="add --arithmetic integer",
            )
        return {}
    if chosen is None or chosen.calibrate is None:
        raise error(
            "SNC-C003",
            "--arithmetic integer: the network has to be one of integers, and units follow from "
            "data",
            remedy="add --quantize int8 --calibrate X.npz",
        )
    given = read_inputs(chosen.calibrate, network, steps, of_samples=True)
    found: dict[str, Any] = {"calibration": given.streams.arrays}
    if target is None:
        return found
    with open_npz(chosen.calibrate, "SNC-R003") as file:
        if target not in file.files:
            raise error(
                "SNC-R003",
                f"--calibrate-target {target!r}: {chosen.calibrate} has no such array",
                remedy=f"it has {', '.join(file.files)}",
            )
        return {**found, "calibration_target": entry(file, target, chosen.calibrate, "SNC-R003")}


def _compile(
    network: Network, output: Path, print_after: tuple[str, ...], values: dict[str, Any]
) -> None:
    from snncc.compiled import compile
    from snncc.pipelines import run_pipeline
    from snncc.storage import context

    program = compile(network, **values)
    if print_after:

        def show(phase: str, module: Any) -> None:
            if phase in print_after:
                out.print(f"// after {phase}", markup=False)
                out.print(str(module), markup=False, soft_wrap=True)

        run_pipeline(network.module, context(), program.options, after=show)
    _print_files(program.save(output))
    report = program.report
    say(
        f"{network.name}: state {size_text(report.state_bytes)} a sample "
        f"({size_text(report.work_bytes)} of it work space), "
        f"constants {size_text(report.const_bytes)}"
    )


def _compile_training(network: Network, output: Path, values: dict[str, Any]) -> None:
    from snncc.cli.train import print_training
    from snncc.compiled import compile

    with told_warnings():
        program = compile(network, **values)
    _print_files(program.save(output))
    print_training(network, program.package.manifest)


def _print_files(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [(path.relative_to(folder).as_posix(), size_text(path.stat().st_size)) for path in files]
    out.print(table(str(folder), ["file", "size"], rows))
