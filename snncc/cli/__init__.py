"""The command line. Imports stay inside the commands: `snncc --help` answers at once."""

from __future__ import annotations

import functools
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.options import (
    READING,
    calibration_steps,
    input_options,
    load_options,
    model_options,
    quantize_options,
    reading_options,
    train_options,
)

if TYPE_CHECKING:
    from snncc.errors import SnnccError

MOST_PROBLEMS = 10
"""That are printed at once."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snncc")
def cli() -> None:
    """The compiler for spiking neural networks.

    MODEL is a file: NIR (.nir), torch.export (.pt2), ONNX (.onnx) or saved IR (.mlir).
    """


@cli.command()
@model_options
@click.option(
    "--target", default="c", show_default=True, metavar="c|CHIP|FILE.yaml", help="For what."
)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(model: Path, as_json: bool, target: str, **values: Any) -> None:
    """List every problem of MODEL; exit 1 if it cannot be compiled."""
    from snncc.cli.check import run_check

    sys.exit(run_check(model, values, as_json, target))


@cli.command("compile")
@model_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option(
    "--target",
    default="c",
    show_default=True,
    metavar="c|CHIP|FILE.yaml",
    help="What to emit: C, or the configuration of a chip, by its name (xylo, ...) or by a file "
    "that describes it. A chip needs --calibrate.",
)
@click.option(
    "--labels", metavar="Y", help="Of a chip: this array of the calibration data, for accuracy."
)
@click.option("--score", metavar="NAME", help="The output that the labels are for.")
@click.option(
    "--encode",
    metavar="ENCODER",
    help="Of a chip: inputs are values, and this makes spikes of them: rate, latency(steps=16), "
    "thermometer(levels=4), delta, counts, ...: as docs/cores.md says.",
)
@click.option(
    "--prefix",
    metavar="NAME",
    help="Start of every symbol, lower-case [default: the model's name].",
)
@click.option(
    "--time-block",
    type=int,
    metavar="K",
    help="Steps that run() takes through a layer before the next "
    "[default: 1; in a training up to 32].",
)
@click.option(
    "--fold",
    type=click.Choice(["exact", "all", "none"]),
    default="exact",
    show_default=True,
    help="Scales and batch norms that go into weights.",
)
@click.option(
    "--weights",
    type=click.Choice(["auto", "c", "bin"]),
    default="auto",
    show_default=True,
    help="Where constants stand.",
)
@click.option(
    "--pack",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether integer weights of few bits are packed; auto: where that saves flash.",
)
@click.option(
    "--print-after",
    metavar="PHASE",
    multiple=True,
    help="Print the IR after load, canonicalize, fold, fuse or schedule.",
)
@quantize_options
@train_options
@functools.partial(calibration_steps, more=" With --train: the steps of a sample.")
def compile_command(model: Path, output: Path, **values: Any) -> None:
    """Compile MODEL, or with --train its training, into a folder of C; or for a chip."""
    from snncc.cli.compile import run_compile

    options = load_options(values)
    if values["target"] != "c":
        from snncc.cli.chip import run_compile_for_chip

        run_compile_for_chip(model, options, output, **values)
        return
    for name in ("labels", "score", "encode"):
        if values.pop(name) is not None:
            from snncc.errors import error

            raise error("SNC-C003", f"--{name}: is for chips", remedy="add --target CHIP")
    run_compile(model, options, output, **values)


@cli.command()
@model_options
@input_options
@click.option(
    "--labels", metavar="Y", help="Print accuracy against this array of X.npz (or a .npy file)."
)
@click.option("--score", metavar="NAME", help="The output that the labels are for.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="Y.npz", help="Write the outputs."
)
@click.option(
    "--engine",
    type=click.Choice(["c", "interpreter", "model", "xylosim"]),
    help="[default: c; of a chip's folder: its model]",
)
@click.option("--time-block", type=int, default=1, show_default=True, metavar="K")
@click.option("--trace", is_flag=True, help="Write every neuron's spikes and states to Y.npz too.")
@click.option(
    "--whole",
    is_flag=True,
    help="With --trace, of a network of integers: states as whole numbers, with what one is worth "
    "as scale/NAME [default: in the unit of the float network].",
)
@quantize_options
def run(model: Path, **values: Any) -> None:
    """Run MODEL on an input, in C or in the reference interpreter; or a chip's folder on its model.

    X.npz holds for each input NAME (or x, where there is one) an array [T, *shape] or
    [T, B, *shape]; with --steps it has no T. In place of *shape there may be one axis, flat
    in C order.

    Or it holds events: NAME.events, whole numbers [n, 3] with the columns step (from 0),
    address (the place in the input, flat in C order) and count; and T, the number of steps.
    Counts at one place add up.
    """
    if model.is_dir():
        from snncc.cli.chip import run_configuration

        run_configuration(model, **values)
        return
    from snncc.cli.run import run_run

    options = load_options(values)
    run_run(model, options, **values)


@cli.command()
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--time-block", type=int, default=1, show_default=True, metavar="K")
@click.option(
    "--svg",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Of a chip's folder: draw its cores, .svg, .png or .pdf.",
)
@quantize_options
@calibration_steps
def inspect(model: Path, **values: Any) -> None:
    """
    Show shapes, neurons, parameters, memory and operations of MODEL, node by node; or of a chip's
    folder what lies where and what it sends.
    """
    if model.is_dir():
        from snncc.cli.chip import run_inspect_configuration

        run_inspect_configuration(model, **values)
        return
    if values.pop("svg") is not None:
        from snncc.errors import error

        raise error("SNC-C003", "--svg: draws a chip's folder, and this is a model")
    from snncc.cli.inspect import run_inspect

    run_inspect(model, load_options(values), **values)


@cli.command()
@model_options
@input_options
@click.option(
    "--samples",
    type=int,
    default=4,
    show_default=True,
    help="How many samples of the batch to take.",
)
@click.option(
    "--engine",
    type=click.Choice(["c", "interpreter"]),
    default="c",
    show_default=True,
    help="Compare C too, or the phases alone.",
)
@quantize_options
def verify(model: Path, **values: Any) -> None:
    """Check that every phase and every C build gives the bits of the interpreter."""
    from snncc.cli.verify import run_verify

    options = load_options(values)
    sys.exit(run_verify(model, options, **values))


@cli.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path), required=False)
@reading_options
@functools.partial(reading_options, prefix="b-")
@input_options
@quantize_options
def diff(a: Path, b: Path | None, **values: Any) -> None:
    """Show the first neuron and step at which two models part; exit 1 if they do.

    Without B, A is compared with itself as the --b-... options read it, and options that B
    does not have are those of A: snncc diff net.nir --like norse --b-like sinabs ...
    With --quantize it is the second that becomes a network of integers. Numbers of integer
    networks are compared in the unit of the float network.
    A step of .pt2 or .onnx needs its states by the names of its own file: --states, --b-states.
    """
    from snncc.cli.diff import run_diff

    for name in READING:
        if values[f"b_{name}"] is None and (b is None or b.suffix == a.suffix):
            values[f"b_{name}"] = values[name]
    options_a, options_b = load_options(values), load_options(values, "b_")
    sys.exit(run_diff(a, b or a, options_a, options_b, **values))


@cli.command()
@model_options
@quantize_options
@calibration_steps
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    metavar="X.npz",
    help="What to compare on [default: the calibration data].",
)
@click.option("--labels", metavar="Y", help="Accuracy too: an array of the inputs, or a .npy file.")
@click.option("--score", metavar="NAME", help="The output that the labels are for.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="A picture: .png, .pdf, .svg."
)
@click.option("--json", "as_json", is_flag=True, help="Print the analysis as JSON.")
def analyze(model: Path, **values: Any) -> None:
    """Compare MODEL with the network of integers made of it, layer by layer.

    Spike rates of both, the first step at which they part, bytes of weights, and for each
    state the range that is proved and what was seen. Without --quantize it is int8.
    """
    from snncc.cli.analyze import run_analyze

    run_analyze(model, load_options(values), **values)


@cli.command("export")
@model_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--scan", is_flag=True, help="ONNX of a whole sequence instead of one step.")
@quantize_options
@calibration_steps
def export_command(model: Path, output: Path, scan: bool, **values: Any) -> None:
    """Write MODEL for other tools, or as it is: FILE is .onnx, .nir or .mlir.

    ONNX runs in any runtime. NIR says less: what it has no words for is an error. --like, --dt
    and the other choices say how NIR is read, that of MODEL or, where MODEL is another kind of
    file, that of FILE. FILE.mlir, with its arrays in FILE.safetensors, keeps all of a network,
    and is the one for networks of integers: --quantize int8 --calibrate X.npz.
    """
    from snncc.cli.export import run_export

    run_export(model, load_options(values), output, scan, **values)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    required=True,
    metavar="W.npz",
    help="Arrays by the names of DIR/README.md: integers of the chip, or floats of the network.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR2", help="[default: DIR]"
)
def repack(folder: Path, weights: Path, output: Path | None) -> None:
    """Give a network on a chip other weights, thresholds or biases.

    DIR is what `snncc compile --target CHIP` wrote. Every number is checked against the chip, the
    golden sample is run again and all files are written anew.
    """
    from snncc.cli.chip import run_repack

    run_repack(folder, weights, output or folder)


def _expect_surroundings() -> None:
    """What every command needs of the process that started it."""
    from snncc.errors import error

    if sys.stdout is None:
        raise error("SNC-X002", "standard output is closed")
    for stream in (sys.stdout, sys.stderr):  # names of files may be in no encoding of theirs
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()
    except OSError:
        raise error("SNC-X002", "the current folder is not there any more") from None


def _run_command() -> None:
    """Runs the command; what it printed is out when this returns."""
    _expect_surroundings()
    try:
        cli(standalone_mode=False)
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _drop_output() -> None:
    """Python writes what is left when it ends, and that would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(fault: SnnccError) -> list[str]:
    """Problems of a file are listed by `snncc check`; nothing else lists the others."""
    if fault.code.startswith("SNC-I"):
        return [str(fault)]
    more = len(fault.problems) - MOST_PROBLEMS
    texts = [str(problem) for problem in fault.problems[:MOST_PROBLEMS]]
    return [*texts, f"and {more} more"] if more > 0 else texts


def main() -> None:
    """The entry point: what a user can cause ends in one or two lines, not a traceback."""
    from snncc.errors import SnnccError

    try:
        _run_command()
    except SnnccError as fault:
        for text in _told(fault):
            click.echo(click.style("error: ", fg="red", bold=True) + text, err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as usage:
        usage.show()
        sys.exit(usage.exit_code)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except MemoryError:
        click.echo("error: SNC-I017 not enough memory", err=True)
        sys.exit(1)
    except OSError as refusal:
        if os.environ.get("SNNCC_TRACEBACK"):
            raise
        place = f"{refusal.filename}: " if refusal.filename is not None else ""
        reason = refusal.strerror or str(refusal)
        click.echo(f"error: SNC-X002 {place}{reason}", err=True)
        _drop_output()
        sys.exit(1)
    except Exception as fault:
        if os.environ.get("SNNCC_TRACEBACK"):
            raise
        click.echo(
            f"error: SNC-X001 internal error: {type(fault).__name__}: {fault}\n"
            "  this is a fault of snncc; SNNCC_TRACEBACK=1 shows where",
            err=True,
        )
        sys.exit(3)


if __name__ == "__main__":
    main()
