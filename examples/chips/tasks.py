"""The four networks: their files, how they see an image, and how they are loaded. Without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import codes
import numpy as np
from data import HERE, Images, Labels, split

import snncc


@dataclass(frozen=True)
class Task:
    """A network for a chip. The class of an image is the largest sum of an output over time."""

    name: str
    title: str
    stream: Callable[[Images], codes.Stream]
    """Images as [T, B, inputs]."""
    states: tuple[str, ...]
    """The states of a step, in the file's order."""
    hidden: tuple[str, ...] = ("hidden",)
    """Its populations without the readout, by their names in the network."""
    surrogate: str = "atan(a=2.0)"
    """What it was trained with; a .pt2 has none."""
    rate: float = 1e-3
    """At which it is tuned on the chip; larger where the chip's weights are few, and far apart."""

    def load(self) -> snncc.Network:
        return snncc.load(HERE / f"{self.name}.pt2", states=list(self.states))

    def data(self, part: str) -> tuple[codes.Stream, Labels]:
        """
        The spikes [T, B, inputs], uint8, and labels of a part of the digits: train, calibration,
        test, shifted_train, shifted_test.
        """
        images, labels = split(part)
        return self.stream(images), labels

    def accuracy(self, outputs: np.ndarray, labels: Labels) -> float:
        """Of outputs [T, B, 10]."""
        total = outputs.astype(np.float64).sum(axis=0)
        return float((total.argmax(axis=1) == labels).mean())


TASKS = {
    task.name: task
    for task in (
        Task(
            "xylo",
            "recurrent, rows as counts",
            lambda images: codes.counts(images, repeats=2, silence=4),
            ("i", "v", "z", "j", "u"),
        ),
        Task(
            "reckon",
            "recurrent, rows in a thermometer code",
            lambda images: codes.thermometer(images, repeats=2, silence=2),
            ("u", "z", "o"),
        ),
        Task(
            "ranc",
            "two ternary columns, rate code",
            lambda images: codes.rate(images, steps=16, silence=3),
            ("va", "vb", "vc", "vd", "vy", "sa", "sb", "sc", "sd"),
            ("a", "b", "c", "d"),
            "atan(a=0.25)",
            rate=0.02,
        ),
        Task(
            "tinyodin",
            "two layers, latency code",
            lambda images: codes.latency(images, silence=0),
            ("v", "u"),
            rate=4e-3,
        ),
    )
}
