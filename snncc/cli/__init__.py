"""The command line. Imports stay inside the commands: `snncc --help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from snncc.options import INTEGRATORS, PROFILES, RESETS, TIMINGS, LoadOptions


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL, and the options that say what its file does not state."""
    decorators = [
        click.argument("model", type=click.Path(path_type=Path)),
        click.option(
            "--like", type=click.Choice(PROFILES), help="Read NIR as this framework does."
        ),
        click.option("--dt", type=float, metavar="S", help="Seconds in a time step."),
        click.option("--reset", type=click.Choice(RESETS), help="What a spike does to v."),
        click.option(
            "--reset-timing", type=click.Choice(TIMINGS), help="In which step the reset acts."
        ),
        click.option("--integrator", type=click.Choice(INTEGRATORS), help="For like=nir-ode."),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def load_options(values: dict[str, Any]) -> LoadOptions:
    """Takes the model options out of a command's values."""
    names = ("like", "dt", "reset", "reset_timing", "integrator")
    return LoadOptions(**{name: values.pop(name) for name in names})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snncc")
def cli() -> None:
    """The compiler for spiking neural networks.

    MODEL is a NIR file (.nir) or saved IR (.mlir).
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
@click.option("--prefix", metavar="NAME", help="Start of every symbol [default: the model's name].")
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
    "--print-after",
    metavar="PHASE",
    multiple=True,
    help="Print the IR after load, canonicalize, fold, fuse or schedule.",
)
def compile_command(model: Path, output: Path, **values: Any) -> None:
    """Compile MODEL into a folder of C."""
    from snncc.cli.compile import run_compile

    options = load_options(values)
    run_compile(model, options, output, **values)


@cli.command()
@model_options
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="X.npz",
    help="Arrays by input name (or x), or NAME.events and T.",
)
@click.option(
    "--steps", type=int, metavar="T", help="The input has no time axis: hold it for T steps."
)
@click.option(
    "--labels", metavar="Y", help="Print accuracy against this array of X.npz (or a .npy file)."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="Y.npz", help="Write the outputs."
)
@click.option("--engine", type=click.Choice(["c", "interpreter"]), default="c", show_default=True)
@click.option("--time-block", type=int, default=1, show_default=True, metavar="K")
@click.option("--trace", is_flag=True, help="Write every neuron's spikes and states too.")
def run(model: Path, **values: Any) -> None:
    """Run MODEL on an input, in C or in the reference interpreter."""
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
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="X.npz",
    help="As for run.",
)
@click.option(
    "--steps", type=int, metavar="T", help="The input has no time axis: hold it for T steps."
)
@click.option(
    "--samples",
    type=int,
    default=4,
    show_default=True,
    help="How many samples of the batch to take.",
)
def verify(model: Path, **values: Any) -> None:
    """Check that every phase and every C build gives the bits of the interpreter."""
    from snncc.cli.verify import run_verify

    options = load_options(values)
    sys.exit(run_verify(model, options, **values))


def main() -> None:
    """The entry point: what a user can cause ends in one or two lines, not a traceback."""
    from snncc.errors import SnnccError

    try:
        cli(standalone_mode=False)
    except SnnccError as problem:
        click.echo(click.style("error: ", fg="red", bold=True) + str(problem), err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as usage:
        usage.show()
        sys.exit(usage.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        click.echo("error: SNC-I017 not enough memory", err=True)
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
