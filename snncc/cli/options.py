"""The options that several commands share, and what their values mean. Only click is imported."""

from __future__ import annotations

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
        "--steps",
        type=int,
        metavar="T",
        help="The input (and calibration data) has no time axis: hold it for T steps.",
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


def calibration_steps(command: Callable[..., Any], more: str = "") -> Callable[..., Any]:
    """The steps where there is no input; `more` is what else they say."""
    return click.option(
        "--steps",
        type=int,
        metavar="T",
        help=f"Calibration data have no time axis: hold them for T steps.{more}",
    )(command)


def train_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is trained, and how: the options of `snncc.compile(train=...)`."""
    option = click.option
    decorators = [
        option(
            "--train",
            type=click.Choice(["bptt", "eprop"]),
            help="Compile the training instead: through time with a tape, or online without one.",
        ),
        option(
            "--loss",
            metavar="LOSS",
            help="ce_count, ttfs_ce(tau=3), ce_per_step, mse, ...: as docs/training.md says.",
        ),
        option(
            "--optimizer",
            metavar="NAME",
            help="sgd or adam, with options: sgd(lr=0.1, momentum=0.9) [default: sgd].",
        ),
        option(
            "--trainable",
            multiple=True,
            metavar="LAYERS",
            help="Layers or parameters to train (fc1,fc2.bias) [default: all that can be].",
        ),
        option(
            "--surrogate",
            metavar="NAME",
            help="For spikes that the model gives none: atan(a=2.0).",
        ),
        option(
            "--tape-steps",
            type=int,
            metavar="N",
            help="Steps that the tape holds: fewer take less memory, and run again [default: all].",
        ),
        option(
            "--samples",
            type=int,
            metavar="N",
            help="Samples that run at once: more memory, less time for each [default: 1].",
        ),
        option(
            "--fused/--no-fused",
            default=None,
            help="Gradients by products that are not rounded: for processors with fma "
            "[default: no].",
        ),
        option(
            "--feedback",
            type=click.Choice(["symmetric", "random", "adaptive"]),
            help="Of eprop: the weights by which learning signals go back [default: symmetric].",
        ),
        option("--seed", type=int, metavar="N", help="Of random or adaptive feedback."),
        option(
            "--arithmetic",
            type=click.Choice(["float", "integer"]),
            help="Of eprop with --quantize: integer has no floats at all [default: float].",
        ),
        option(
            "--calibrate-target",
            metavar="NAME",
            help="Of integer arithmetic: the array of --calibrate that holds labels or targets.",
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


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
