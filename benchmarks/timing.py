"""Times contenders in one process on one core, in interleaved rounds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snncc.dialects.arrays import Array

SAMPLE_SECONDS = 0.05
"""How long one sample is at least: far above the clock's resolution."""


class Contender(Protocol):
    """One way to run one network."""

    name: str
    exact: bool
    """Whether it adds in the declared order: its spikes are then those of the interpreter."""

    def run(self, x: Array) -> Array:
        """All steps: [T, *input shape] -> [T, *output shape], from the initial states."""
        ...

    def time(self, x: Array, repeats: int) -> float:
        """CPU seconds of one run of all steps, the mean of `repeats`."""
        ...


def cpu_seconds(function: Callable[[], object], repeats: int) -> float:
    """
    The mean CPU time of a call in this thread. CPU time, because other processes may share
    the core; this thread, because that is where every contender runs, and other threads
    are not theirs.
    """
    start = time.thread_time()
    for _ in range(repeats):
        function()
    return (time.thread_time() - start) / repeats


def pin(cpu: int | None = None) -> int:
    """Keeps this process, and the threads it will start, on one core; gives its number."""
    allowed = os.sched_getaffinity(0)
    cpu = max(allowed) if cpu is None else cpu
    os.sched_setaffinity(0, {cpu})
    return cpu


@dataclass(frozen=True)
class Ratio:
    """How many times as long one contender takes as another, over the rounds."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Times:
    """Seconds per run: contender -> one number for each round."""

    rounds: dict[str, list[float]]

    def median(self, name: str) -> float:
        return float(np.median(self.rounds[name]))

    def ratio(self, slow: str, fast: str) -> Ratio:
        """Of the times within each round: what slows a round slows both."""
        ratios = np.array(self.rounds[slow]) / np.array(self.rounds[fast])
        return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def measure(
    contenders: Sequence[Contender],
    x: Array,
    rounds: int,
    progress: Callable[[], None] | None = None,
) -> Times:
    """Runs A B C, A B C, ...; the first samples warm up and set the number of repeats."""
    repeats: dict[str, int] = {}
    for contender in contenders:
        once = min(contender.time(x, 1) for _ in range(3))
        repeats[contender.name] = max(1, int(np.ceil(SAMPLE_SECONDS / max(once, 1e-6))))
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            times[contender.name].append(contender.time(x, repeats[contender.name]))
        if progress is not None:
            progress()
    return Times(times)
