"""The command line. Imports stay inside the commands: `snncc --help` answers at once."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from snncc.options import INTEGRATORS, PROFILES, RESETS, TIMINGS, LoadOptions


def reading_options(command: Callable[..., Any], prefix: str = "") -> Callable[..., Any]:
    """The options that say what a model's file does not state."""

    def option(name: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return click.option(f"--{prefix}{name}", **settings)

    decorators = [
        option("like", type=click.Choice(PROFILES), help="Read NIR as this framework does."),
        option("dt", type=float, metavar="S", help="Seconds in a time step."),
        option("reset", type=click.Choice(RESETS), help="What a spike does to v."),
        option("reset-timing", type=click.Choice(TIMINGS), help="In which step the reset acts."),
        option("integrator", type=click.Choice(INTEGRATORS), help="For like=nir-ode."),
        option(
            "states",
            metavar="V,I",
            help="What a step of .pt2 or .onnx carries to the next: names of the last inputs and "
            "outputs, or NAME=INPUT:OUTPUT.",
        ),
        option("time-axis", type=int, metavar="N", help="The axis of the steps of a sequence."),
        option(
            "batch-axis", metavar="N|none", help="The axis of the samples, counted without time."
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL and its options."""
    return click.argument("model", type=click.Path(path_type=Path))(reading_options(command))


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a model is run on."""
    file = click.option(
        "--input",
        "input_file",
        type=click.Path(path_type=Path),
        required=True,
        metavar="X.npz",
        help="The inputs, as snncc run --help says.",
    )
    steps = click.option(
        "--steps", type=int, metavar="T", help="The input has no time axis: hold it for T steps."
    )
    return file(steps(command))


def quantize_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a network becomes one of integers: the options of `snncc.quantize`."""
    option = click.option
    decorators = [
        option(
            "--quantize",
            type=click.Choice(["int8", "int4", "int3", "ternary", "qat"]),
            help="Make it a network of integers: the width of weights; qat: as they were trained.",
        ),
        option(
            "--calibrate",
            type=click.Path(path_type=Path),
            metavar="X.npz",
            help="Inputs to calibrate with, as snncc run --help says; labels are not needed.",
        ),
        option(
            "--layers",
            multiple=True,
            metavar="NAME=WIDTH",
            help="Other widths of single layers (fc1=int4,fc2=int8), or auto with --flash.",
        ),
        option(
            "--flash",
            type=int,
            metavar="BYTES",
            help="The budget of --layers auto: constants of C.",
        ),
        option("--per-tensor", is_flag=True, help="One scale for all outputs of a layer."),
        option("--power-of-two", is_flag=True, help="Scales that are powers of two."),
        option(
            "--state-bits",
            type=int,
            metavar="16|32",
            help="The width of states [default: 16 where that is proved to be enough].",
        ),
        option("--decay", type=click.Choice(["multiply", "shift"]), help="How decays are written."),
        option("--input-bits", type=int, metavar="8|16", help="Of inputs that are no spikes."),
        option(
            "--method",
            type=click.Choice(["spike-aware", "percentile", "mse", "max"]),
            help="How scales and roundings are chosen [default: spike-aware].",
        ),
        option(
            "--input-range",
            multiple=True,
            metavar="NAME=LOW:HIGH",
            help="What an input may be, where calibration data do not show it.",
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def calibration_steps(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--steps",
        type=int,
        metavar="T",
        help="Calibration data have no time axis: hold them for T steps.",
    )(command)


READING = (
    "like",
    "dt",
    "reset",
    "reset_timing",
    "integrator",
    "states",
    "time_axis",
    "batch_axis",
)


def load_options(values: dict[str, Any], prefix: str = "") -> LoadOptions:
    """Takes the model options out of a command's values."""
    given = {name: values.pop(f"{prefix}{name}") for name in READING}
    given["states"] = _states(given["states"])
    batch = given.pop("batch_axis")
    if batch is not None:
        given["batch_axis"] = _axis(batch)
    return LoadOptions(**given)


def _states(text: str | None) -> list[str] | dict[str, tuple[str, str]] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise click.BadParameter(f"expected names, got {text!r}", param_hint="states")
    if not any("=" in part for part in parts):
        return parts
    found = {}
    for part in parts:
        name, _, ends = part.partition("=")
        before, _, after = ends.partition(":")
        if not name or not before or not after:
            raise click.BadParameter(
                f"expected NAME=INPUT:OUTPUT, got {part!r}", param_hint="states"
            )
        if name in found:
            raise click.BadParameter(f"{name} stands twice", param_hint="states")
        found[name] = (before, after)
    return found


def _axis(text: str) -> int | None:
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(
            f"expected a number or none, got {text!r}", param_hint="batch-axis"
        ) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snncc")
def cli() -> None:
    """The compiler for spiking neural networks.

    MODEL is a file: NIR (.nir), torch.export (.pt2), ONNX (.onnx) or saved IR (.mlir).
    """


@cli.command()
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(model: Path, as_json: bool, **values: Any) -> None:
    """List every problem of MODEL; exit 1 if it cannot be compiled."""
    from snncc.cli.check import run_check

    sys.exit(run_check(model, values, as_json))


@cli.command("compile")
@model_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--target", default="c", show_default=True, help="What to emit.")
@click.option(
    "--prefix",
    metavar="NAME",
    help="Start of every symbol, lower-case [default: the model's name].",
)
@click.option(
    "--time-block",
    type=int,
    default=1,
    show_default=True,
    metavar="K",
    help="Steps that run() takes through a layer before the next.",
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
@calibration_steps
def compile_command(model: Path, output: Path, **values: Any) -> None:
    """Compile MODEL into a folder of C."""
    from snncc.cli.compile import run_compile

    options = load_options(values)
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
@click.option("--engine", type=click.Choice(["c", "interpreter"]), default="c", show_default=True)
@click.option("--time-block", type=int, default=1, show_default=True, metavar="K")
@click.option("--trace", is_flag=True, help="Write every neuron's spikes and states to Y.npz too.")
def run(model: Path, **values: Any) -> None:
    """Run MODEL on an input, in C or in the reference interpreter.

    X.npz holds for each input NAME (or x, where there is one) an array [T, *shape] or
    [T, B, *shape]; with --steps it has no T. In place of *shape there may be one axis, flat
    in C order.

    Or it holds events: NAME.events, whole numbers [n, 3] with the columns step (from 0),
    address (the place in the input, flat in C order) and count; and T, the number of steps.
    Counts at one place add up.
    """
    from snncc.cli.run import run_run

    options = load_options(values)
    run_run(model, options, **values)


@cli.command()
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--time-block", type=int, default=1, show_default=True, metavar="K")
def inspect(model: Path, as_json: bool, time_block: int, **values: Any) -> None:
    """Show shapes, neurons, parameters, memory and operations of MODEL, node by node."""
    from snncc.cli.inspect import run_inspect

    run_inspect(model, load_options(values), as_json, time_block)


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
def diff(a: Path, b: Path | None, **values: Any) -> None:
    """Show the first neuron and step at which two models part; exit 1 if they do.

    Without B, A is compared with itself as the --b-... options read it, and options that B
    does not have are those of A: snncc diff net.nir --like norse --b-like sinabs ...
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
def export_command(model: Path, output: Path, scan: bool, **values: Any) -> None:
    """Write MODEL for other tools: FILE is .onnx or .nir.

    ONNX runs in any runtime. NIR says less: what it has no words for is an error. --like, --dt
    and the other choices say how NIR is read, that of MODEL or, where MODEL is another kind of
    file, that of FILE.
    """
    from snncc.cli.export import run_export

    run_export(model, load_options(values), output, scan)


def _expect_surroundings() -> None:
    """What every command needs of the process that started it."""
    from snncc.errors import error

    if sys.stdout is None:
        raise error("SNC-X002", "standard output is closed")
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


def main() -> None:
    """The entry point: what a user can cause ends in one or two lines, not a traceback."""
    from snncc.errors import SnnccError

    try:
        _run_command()
    except SnnccError as problem:
        click.echo(click.style("error: ", fg="red", bold=True) + str(problem), err=True)
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
