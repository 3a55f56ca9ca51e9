"""The networks that are tuned, how they see an image, and the sensor that was shifted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import snncc

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "digits"
SIDE = 8
REPEATS = 2
"""Steps for each row of an image."""

Images = NDArray[np.float32]
"""[images, 64], pixels from 0 to 1, row by row."""


@dataclass(frozen=True)
class Task:
    """A network, and its view of images."""

    title: str
    steps: int
    load: Callable[[], snncc.Network]
    stream: Callable[[Images], NDArray[np.float32]]
    """Images as [steps, images, inputs]."""
    surrogate: str | None
    """Where the file has none."""
    rates: dict[str, float]
    """Learning rate, by how it is trained."""


def held(images: Images) -> NDArray[np.float32]:
    """The whole image at each of 20 steps."""
    return np.broadcast_to(images, (20, *images.shape))


def rows(images: Images) -> NDArray[np.float32]:
    """One row of 8 pixels after the other, each for two steps."""
    return images.reshape(-1, SIDE, SIDE).swapaxes(0, 1).repeat(REPEATS, axis=0)


def shifted(images: Images) -> Images:
    """What the sensor sees after it slipped by one column: the last one is lost."""
    seen = np.zeros((len(images), SIDE, SIDE), np.float32)
    seen[:, :, 1:] = images.reshape(-1, SIDE, SIDE)[:, :, :-1]
    return seen.reshape(len(images), -1)


def digits(name: str) -> tuple[Images, NDArray[np.int64]]:
    """`training` (1297 images) or `digits` (500 others, for tests), with their labels."""
    with np.load(DIGITS / f"{name}.npz") as file:
        return file["x"], file["y"]


TASKS = {
    "mlp": Task(
        "64-128-10, whole images",
        20,
        lambda: snncc.load(
            DIGITS / "mlp_lif_digits.nir",
            like="snntorch",
            dt=1e-4,
            reset="subtract",
            reset_timing="next",
        ),
        held,
        "atan(a=2.0)",
        {"bptt": 0.002, "eprop": 0.002, "integer": 1.0},
    ),
    "rows": Task(
        "8-96 recurrent-10, row by row",
        SIDE * REPEATS,
        lambda: snncc.load(HERE / "rows.mlir"),
        rows,
        None,
        {"bptt": 0.002, "eprop": 0.002, "integer": 3.0},
    ),
}
