"""What a step of legalization costs: spikes that moved, accuracy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from snncc.cores.events import ChipModel
from snncc.dialects.arrays import Array
from snncc.network import Network
from snncc.passes.legalization.activity import Activity

MOST_SAMPLES = 256
MOST_ELEMENTS = 1 << 26
"""Of one population over all steps and samples."""
MOST_STEPS, MOST_SPIKES = 1 << 12, 1 << 23
"""Of all samples whose spikes are kept: steps, and numbers of one population."""


@dataclass(frozen=True)
class Data:
    """Inputs, name -> [T, B, n], whole numbers of spikes; labels [B] where there are some."""

    arrays: Mapping[str, Array]
    labels: Array | None = None

    @property
    def samples(self) -> int:
        return int(next(iter(self.arrays.values())).shape[1])

    @property
    def steps(self) -> int:
        return int(next(iter(self.arrays.values())).shape[0])

    def as_floats(self) -> Data:
        """For networks that take numbers."""
        arrays = {name: array.astype(np.float64) for name, array in self.arrays.items()}
        return Data(arrays, self.labels)

    def limited(self, widest: int) -> Data:
        """As many samples, evenly spread, as are looked at."""
        most = min(MOST_SAMPLES, max(8, MOST_ELEMENTS // max(1, widest * self.steps)))
        if self.samples <= most:
            return self
        kept = np.linspace(0, self.samples - 1, most).astype(int)
        labels = None if self.labels is None else self.labels[kept]
        return Data({name: array[:, kept] for name, array in self.arrays.items()}, labels)


@dataclass(frozen=True)
class Trace:
    """Of one run: what each population gives, [T, B, n], flat, in the time of the network."""

    given: dict[str, Array]
    largest: dict[str, Array]
    currents: dict[str, Array]
    before: dict[str, Array]

    def activity(self, data: Data) -> Activity:
        rates = {name: _mean(array) for name, array in (*self.given.items(), *data.arrays.items())}
        spikes = {
            name: _some(array, data.steps)
            for name, array in (*self.given.items(), *data.arrays.items())
            if array.dtype.kind != "f"
        }
        return Activity(rates, self.largest, self.currents, self.before, spikes)


def _some(array: Array, steps: int) -> Array:
    """Of as many samples as are looked at, [T, B, n]."""
    flat = array.reshape(*array.shape[:2], -1)
    most = min(MOST_STEPS // max(1, steps), MOST_SPIKES // max(1, steps * flat.shape[2]))
    kept = np.linspace(0, flat.shape[1] - 1, min(flat.shape[1], max(most, 1))).astype(int)
    return flat[:, kept].astype(np.int8 if flat.max(initial=0) < 128 else np.int32)


def _mean(array: Array) -> Array:
    flat = array.reshape(*array.shape[:2], -1)
    return np.asarray(np.abs(flat.astype(np.float64)).mean(axis=(0, 1)))


@dataclass(frozen=True)
class Cost:
    """
    Of a step: beside the network that was given, or beside one spike where it has none.
    """

    moved: float
    """Spikes that are no spikes of the network or lack, as a share of the network's."""
    rate: float
    """All spikes, as a share of the network's."""
    accuracy: float | None


def run(
    model: Network | ChipModel, data: Data, lags: Mapping[str, int], *, states: bool = False
) -> Trace:
    """Runs a model on the data, and on so many steps of silence as the chip is behind."""
    late = max(lags.values(), default=0)
    inputs = {
        name: np.concatenate([array, np.zeros((late, *array.shape[1:]), array.dtype)])
        for name, array in data.arrays.items()
    }
    trace = model.run(inputs, trace=True)
    given: dict[str, Array] = {}
    largest: dict[str, Array] = {}
    currents: dict[str, Array] = {}
    before: dict[str, Array] = {}
    for name, lag in lags.items():
        if name not in trace:
            continue
        whole = trace[name][lag : lag + data.steps]
        given[name] = whole.reshape(*whole.shape[:2], -1)
        if states and f"{name}.v" in trace:
            # a spike takes at most what stood there: the membrane before the reset
            largest[name] = np.abs(trace[f"{name}.v"]).max(axis=(0, 1))
        if states and f"{name}.u" in trace:
            before[name] = np.abs(trace[f"{name}.u"]).max(axis=(0, 1))
        found: list[Array] = []
        while states and f"{name}.j{len(found)}" in trace:
            found.append(np.abs(trace[f"{name}.j{len(found)}"]).max(axis=(0, 1)))
        if found:
            currents[name] = np.stack(found)
    return Trace(given, largest, currents, before)


def cost(
    reference: Trace, trace: Trace, data: Data, scored: str | None, spiking: Collection[str]
) -> Cost:
    """`scored` is the population that the labels are for, `spiking` those whose spikes count."""
    moved = total = fired = 0
    for name in spiking:
        wanted, got = whole_spikes(reference.given[name]), whole_spikes(trace.given[name])
        moved += int(np.abs(got - wanted).sum())
        total += int(wanted.sum())
        fired += int(got.sum())
    rate = fired / total if total else 1.0 + fired
    return Cost(moved / max(total, 1), rate, accuracy(trace, data, scored))


def whole_spikes(spikes: Array) -> Array:
    """Whole numbers [T, B, n]: a network may have spikes as floats, off by a rounding."""
    return np.asarray(np.rint(spikes).astype(np.int64).reshape(*spikes.shape[:2], -1))


def accuracy(trace: Trace, data: Data, scored: str | None) -> float | None:
    """The share of samples whose most active element is the label."""
    if data.labels is None or scored is None:
        return None
    total = trace.given[scored].astype(np.float64).sum(axis=0)
    return float((total.reshape(total.shape[0], -1).argmax(axis=1) == data.labels).mean())
