"""What `--train` and its options mean, and what a training is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snncc.cli.console import out, say, shape_text, size_text, table
from snncc.errors import error

if TYPE_CHECKING:
    from snncc.network import Network

TRAINING = (
    "loss",
    "optimizer",
    "trainable",
    "surrogate",
    "tape_steps",
    "samples",
    "fused",
    "feedback",
    "seed",
    "arithmetic",
    "calibrate_target",
)
"""The values of `train_options`, beside `train`."""
MEMORY = {
    "apply": "parameters, and the moments of the optimiser",
    "derived": "what is computed of parameters",
    "prepare": "work space of that",
    "sums": "gradients, summed over samples",
    "ends": "gradients at the end of a sample",
    "tape": "tape",
    "checkpoints": "states at the start of the tape's segments",
    "forward": "forward: states and work space",
    "backward": "backward: states and work space",
    "online": "online: states, traces and work space",
    "rates": "averages of rates",
    "predict": "inference: states and work space",
}
"""Parts of the struct, as the manifest names them."""


def training_of(values: dict[str, Any], steps: int | None) -> dict[str, Any] | None:
    """
    Takes the options of a training out of a command's values: those of `snncc.compile`, or
    None where nothing is to be trained. Raises SNC-C003.
    """
    train = values.pop("train")
    given = {name: values.pop(name) for name in TRAINING}
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if train is None:
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise error(
                "SNC-C003",
                f"{names}: says how to train, and nothing is to be trained",
                remedy="add --train bptt",
            )
        return None
    known = {"loss": given.get("loss"), "steps": steps}
    missing = [f"--{name}" for name, value in known.items() if value is None]
    if missing:
        raise error(
            "SNC-C003",
            f"--train {train}: needs {' and '.join(missing)}",
            remedy="such as --loss ce_count --steps 25",
        )
    if "trainable" in given:
        layers = [part.strip() for text in given["trainable"] for part in text.split(",")]
        if not all(layers):
            raise error("SNC-C003", "--trainable: expected names of layers or parameters")
        given["trainable"] = layers
    if train == "bptt":  # the C is for another machine, of which nothing is known
        given.setdefault("fused", False)
    return {"train": train, "steps": steps, **given}


def _size_of(entry: Mapping[str, Any]) -> int:
    """Bytes of an array of the struct."""
    from snncc.training.running import C_TYPES

    return int(entry["count"]) * C_TYPES[entry["type"]]().itemsize


def print_training(network: Network, manifest: Mapping[str, Any]) -> None:
    """What is trained, and where the memory goes."""
    from snncc.dialects import snn

    shapes = {
        op.sym_name.data: op.type.get_shape()
        for op in network.module.ops
        if isinstance(op, snn.ParameterOp)
    }
    rows = [
        (name, shape_text(shapes[name]), str(entry["count"]), size_text(_size_of(entry)))
        for name, entry in manifest["parameters"].items()
    ]
    out.print(table("", ["trained", "shape", "numbers", "bytes"], rows, left=2, whole=1))
    parts = {MEMORY[n]: size for n, size in manifest["memory"].items() if n in MEMORY and size}
    parts["the rest"] = manifest["bytes"] - sum(parts.values())
    out.print(table("", ["memory", "bytes"], [(n, size_text(s)) for n, s in parts.items()]))
    steps, tape = manifest["steps"], manifest.get("tape_steps")
    of_tape = "" if tape is None else f", a tape of {tape}"
    if tape is not None and tape < steps:
        of_tape += f" ({-(-steps // tape)} segments, all but the last run twice)"
    if manifest.get("samples_at_once", 1) > 1:
        of_tape += f", {manifest['samples_at_once']} samples at once"
    if manifest.get("fused"):
        of_tape += ", products fused with sums (for processors with fma)"
    say(
        f"{network.name}: one struct of {size_text(manifest['bytes'])}, "
        f"constants {size_text(manifest['const_bytes'])}; {steps} steps a sample{of_tape}"
    )
