"""Labels of samples: where they are read from, and what they must be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snncc.cli.console import shape_text
from snncc.dialects.arrays import Array
from snncc.errors import error, expect_file
from snncc.inputs import entry, open_npz
from snncc.network import Network

if TYPE_CHECKING:
    from snncc.cores.events import ChipModel


def scored_output(network: Network | ChipModel, score: str | None) -> str:
    """The output whose most active element is the class."""
    names = list(network.outputs)
    if score is not None and score not in names:
        raise error("SNC-R003", f"--score: expected one of {', '.join(names)}, got {score!r}")
    if score is None and len(names) > 1:
        raise error(
            "SNC-R003",
            f"labels: the network has {len(names)} outputs",
            remedy=f"say which one they are for: --score {'|'.join(names)}",
        )
    name = score or names[0]
    shape = network.outputs[name]
    if len(shape) != 1:
        raise error(
            "SNC-R003",
            f"labels: output {name!r} has shape {shape_text(shape)}: "
            "accuracy takes a vector, one element for each class",
        )
    return name


def read_labels(input_file: Path, labels: str, samples: int, *, classes: int) -> Array:
    """Whole numbers [samples] from an array of X.npz, or from a .npy file."""
    path = Path(labels)
    if path.suffix == ".npy":
        found = _read_npy(path)
    else:
        with open_npz(input_file, "SNC-R003") as file:
            if labels not in file.files:
                raise error(
                    "SNC-R003",
                    f"labels {labels!r}: {input_file} has no such array",
                    remedy=f"it has {', '.join(file.files)}; or name a .npy file",
                )
            found = entry(file, labels, input_file, "SNC-R003")
    found = np.atleast_1d(found)
    if found.dtype.kind not in "iu":
        raise error("SNC-R003", f"labels {labels!r}: expected whole numbers, got {found.dtype}")
    if found.shape != (samples,):
        raise error(
            "SNC-R003",
            f"labels {labels!r}: expected {samples} numbers, one for each sample, "
            f"got shape {list(found.shape)}",
            remedy="an input without a time axis is held constant with --steps T",
        )
    if found.min() < 0 or found.max() >= classes:
        raise error(
            "SNC-R003",
            f"labels {labels!r}: expected 0 to {classes - 1}, got {found.min()} to {found.max()}",
        )
    return found


def _read_npy(path: Path) -> Array:
    expect_file(path, "SNC-R003")
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except Exception:  # a damaged file, or pickled objects, which would run code
        text = f"{path}: not a readable .npy file of numbers"
        raise error("SNC-R003", text) from None


def accuracy_of(values: Array, expected: Array) -> float:
    """The share of samples whose most active element is the label."""
    total = values.astype(np.float64).sum(axis=0).reshape(len(expected), -1)
    return float((total.argmax(axis=1) == expected).mean())
