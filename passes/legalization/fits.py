"""
Fits the neurons that stand for others (`stand_ins`) to data.

Neuron by neuron: each hears what it hears in the network, with several leaks (and floors, where
the chip has them) or gains, and the one with which the fewest spikes move is taken. Layers come
one after the other, so that each is fitted to what those before it do by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Approximates, Description
from snncc.passes.legalization.biases import folded
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.forms import Formed
from snncc.passes.legalization.graph import Dynamics
from snncc.passes.legalization.model import in_step_order
from snncc.passes.legalization.sparse import Sparse
from snncc.passes.legalization.stand_ins import leaking, scaled, span
from snncc.passes.legalization.timing import Timed

LEAKS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25)
"""Of what the decay takes from a membrane at the threshold."""
FLOORS = (None, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""In thresholds."""
FINEST = 16
"""The threshold on the chip that membranes are to leave room for."""
GAINS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.45, 1.6, 1.8, 2.0)
"""Of weights whose current lasts too long, beside those that bring the same charge."""
MOST_SAMPLES = 64
MOST_ELEMENTS = 1 << 23
"""Membranes of one population over all steps and samples."""
MOST_DENSE = 1 << 22
"""Weights that are looked at together."""


@dataclass(frozen=True)
class Fits:
    formed: Formed
    changes: tuple[str, ...]
    """What stands for what, for people."""


def fitted(
    formed: Formed,
    timed: Timed,
    description: Description,
    classes: Classes,
    given: Mapping[str, Array],
) -> Fits:
    """
    `given` are inputs and, by population, the spikes of the network, [T, B, n], in its time.
    """
    return _Fitter(formed, timed, description, classes, given).run()


class _Fitter:
    def __init__(
        self,
        formed: Formed,
        timed: Timed,
        description: Description,
        classes: Classes,
        given: Mapping[str, Array],
    ):
        self.formed = formed
        self.description = description
        self.classes = classes
        self.graph = folded(formed.graph)
        self.lags = timed.lags
        widest = max(p.size for p in self.graph.populations.values())
        steps, samples = next(iter(given.values())).shape[:2]
        kept = min(samples, MOST_SAMPLES, max(4, MOST_ELEMENTS // (widest * steps)))
        chosen = np.linspace(0, samples - 1, kept).astype(int)
        self.extent = (steps, kept)
        self.wanted = {
            name: array[:, chosen].reshape(steps, kept, -1).astype(np.float32)
            for name, array in given.items()
        }
        self.spikes = dict(self.wanted)
        self.changes: list[str] = []

    def run(self) -> Fits:
        graph = self.formed.graph
        for name in in_step_order(self.graph):
            d = self.graph.populations[name].dynamics
            if d.threshold is None:
                continue
            arriving = self._arriving(name, d)
            stands_for = self.formed.fitted.get(name)
            if stands_for is None or name not in self.wanted:
                self.spikes[name], _ = responses(d, arriving)
                continue
            best, gain = self._best(name, stands_for, d, arriving)
            own = graph.populations[name]
            held = own.dynamics.changed(leak=best.leak, floor=best.floor)
            if self._of(name).fitted.decay == "bias":
                held = held.changed(bias=best.bias)
            graph = scaled(graph.with_populations([replace(own, dynamics=held)]), name, gain)
            self.spikes[name], _ = responses(best, [np.float32(gain) * x for x in arriving])
            self.changes.append(self._told(name, stands_for, best, gain))
        return Fits(replace(self.formed, graph=graph), tuple(self.changes))

    def _arriving(self, name: str, d: Dynamics) -> list[Array]:
        """By receptor, [T, B, n], in the time of the network."""
        steps, samples = self.extent
        found = [np.zeros((steps, samples, d.size), np.float32) for _ in range(d.receptors)]
        for p in self.graph.into(name):
            delay = p.delay + self.lags.get(p.source, 0) - self.lags.get(name, 0)
            spikes = self.spikes.get(p.source)
            if spikes is not None and p.weights.values.size:
                found[p.receptor] += _weighted(p.weights, _later(spikes, delay))
        return found

    def _best(
        self, name: str, wanted: Dynamics, d: Dynamics, arriving: list[Array]
    ) -> tuple[Dynamics, Array]:
        """
        The dynamics with which the fewest spikes of each neuron move, and gains of weights. A
        membrane without a decay may go so far from 0 that its register is too coarse: such ones
        are taken last.
        """
        tried = list(self._tried(name, wanted, d))
        neuron = self.description.neurons[self.classes.of[name]]
        room = 2.0 ** (neuron.states[neuron.membrane].bits - 1) / FINEST
        assert d.threshold is not None
        moved = np.zeros((len(tried), d.size))
        for place, (one, gain) in enumerate(tried):
            spikes, largest = responses(one, [np.float32(gain) * x for x in arriving])
            moved[place] = np.abs(spikes - self.wanted[name]).sum(axis=(0, 1))
            moved[place] += spikes.size * np.maximum(0, largest / d.threshold / room - 1)
        usual = int(moved.sum(axis=1).argmin())  # of equals that which is best for all
        chosen = np.where(moved.min(axis=0) < moved[usual], moved.argmin(axis=0), usual)
        return _mixed([one for one, _ in tried], chosen), np.array([g for _, g in tried])[chosen]

    def _tried(self, name: str, wanted: Dynamics, d: Dynamics) -> Iterator[tuple[Dynamics, float]]:
        a = self._of(name)
        if a.fitted.decay is None:
            yield from ((d, gain) for gain in GAINS)
            return
        floors = FLOORS if a.floor is not None else (None,)
        for share in LEAKS:
            for floor in floors:
                yield leaking(wanted, d, share, floor, a.fitted), 1.0

    def _of(self, name: str) -> Approximates:
        return self.description.neurons[self.classes.of[name]].approximates

    def _told(self, name: str, wanted: Dynamics, best: Dynamics, gain: Array) -> str:
        if self._of(name).fitted.decay is None:
            lasts = max(float(c.max()) for c in best.currents)
            return (
                f"{name}: a current that decays by {lasts:.4g} a step stands for one that is gone "
                f"sooner; weights times {span(gain)} beside those of the same charge"
            )
        threshold = np.ones(best.size) if wanted.threshold is None else wanted.threshold
        leak = best.leak if best.leak is not None else wanted.bias - best.bias
        told = (
            f"{name}: a constant leak of {span(leak / threshold)} thresholds a step stands for a "
            f"decay by {span(wanted.decay)}"
        )
        if best.floor is not None and np.isfinite(best.floor).any():
            count = int(np.isfinite(best.floor).sum())
            told += f"; {count} of {best.size} neurons have a floor"
        return told


def responses(d: Dynamics, arriving: list[Array]) -> tuple[Array, Array]:
    """
    Spikes [T, B, n] of neurons at whose receptors this arrives, [T, B, n] each; and the largest
    |membrane|, [n]. float32.
    """
    wide = {
        name: None if value is None else value.astype(np.float32)
        for name, value in (
            ("decay", d.decay), ("bias", d.bias), ("threshold", d.threshold),
            ("amount", d.amount), ("leak", d.leak), ("floor", d.floor),
        )
    }  # fmt: skip
    decay, bias, threshold, amount, leak, floor = wide.values()
    assert decay is not None
    assert bias is not None
    assert threshold is not None
    alphas = [c.astype(np.float32) for c in d.currents]
    constants = [c.astype(np.float32) for c in d.current_biases]
    found = np.zeros_like(arriving[0])
    v = np.zeros_like(found[0])
    currents, largest = [np.zeros_like(v) for _ in arriving], np.zeros_like(v)
    for t in range(len(found)):
        left = decay * v
        if leak is not None:
            left = np.sign(left) * np.maximum(np.abs(left) - leak, 0)
        u = left + bias
        for k, x in enumerate(arriving):
            currents[k] = alphas[k] * currents[k] + x[t] if alphas else x[t]
            if constants:
                currents[k] = currents[k] + constants[k]
            u = u + currents[k]
        if d.most > 1:
            spikes = np.clip(np.floor(u / threshold), 0, d.most)
        else:
            spikes = (u >= threshold if d.reaches else u > threshold).astype(np.float32)
        largest = np.maximum(largest, np.abs(u))
        v = u
        if d.reset == "zero":
            v = np.where(spikes > 0, 0, u)
        elif d.reset == "subtract":
            assert amount is not None
            v = u - spikes * amount
        if floor is not None:
            lifted = u + floor if d.reset == "subtract" else np.zeros_like(u)
            v = np.where((spikes == 0) & (u < -floor), lifted, v)
        found[t] = spikes
    return found, largest.max(axis=0)


def _mixed(tried: list[Dynamics], chosen: Array) -> Dynamics:
    """For each neuron the numbers of the one that was chosen for it."""
    every = np.arange(len(chosen))

    def picked(arrays: list[Array | None]) -> Array | None:
        if all(array is None for array in arrays):
            return None
        none = np.full(len(chosen), np.inf)
        return np.stack([none if a is None else a for a in arrays])[chosen, every]

    bias = picked([d.bias for d in tried])
    assert bias is not None
    return tried[0].changed(
        bias=bias, leak=picked([d.leak for d in tried]), floor=picked([d.floor for d in tried])
    )


def _later(spikes: Array, delay: int) -> Array:
    """Arrays [T, ...] so many steps later (or earlier), with silence where nothing was."""
    if not delay:
        return spikes
    found = np.zeros_like(spikes)
    if delay > 0:
        found[delay:] = spikes[:-delay]
    else:
        found[:delay] = spikes[-delay:]
    return found


def _weighted(weights: Sparse, spikes: Array) -> Array:
    """[T, B, targets]: the sums that spikes [T, B, sources] bring."""
    rows, columns = weights.shape
    found = np.zeros((*spikes.shape[:2], rows), np.float32)
    step = max(1, MOST_DENSE // max(1, columns))
    for start in range(0, rows, step):
        here = (weights.rows >= start) & (weights.rows < start + step)
        dense = np.zeros((columns, min(step, rows - start)), np.float32)
        dense[weights.columns[here], weights.rows[here] - start] = weights.values[here]
        found[..., start : start + step] = spikes @ dense
    return found
