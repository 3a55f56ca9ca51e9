"""
Neurons that share parameters: which ones do, and what becomes of decays that differ.

A chip has one decay, or one threshold, for each group of neighbours, or for a whole class. Slots
are free, so that those that are alike become neighbours: a population is sorted by its decays and
cut into groups such that decays move least, with as many groups as the chip has room for (dynamic
programming, exact for the sorted order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Neuron
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.graph import SpikingGraph


@dataclass(frozen=True)
class Sharing:
    """By population: the number of each neuron's group, from 0 on, and the decay it is to have."""

    groups: Mapping[str, Array]
    decays: Mapping[str, Array]


def shared(graph: SpikingGraph, description: Description, classes: Classes) -> Sharing:
    groups: dict[str, Array] = {}
    decays: dict[str, Array] = {}
    for kind, neuron in description.neurons.items():
        names = [name for name, c in classes.of.items() if c == kind]
        if not names:
            continue
        decay = {name: graph.populations[name].dynamics.decay for name in names}
        sizes = {name: len(decay[name]) for name in names}
        parameter = neuron.approximates.membrane.parameter
        per = neuron.parameters[parameter].per if parameter is not None else "neuron"
        if neuron.group > 1 and any(p.per == "group" for p in neuron.parameters.values()):
            varying = decay if per == "group" else {name: np.ones(sizes[name]) for name in names}
            keys = {name: _thresholds(graph, name) for name in names}
            groups |= _grouped(varying, keys, neuron)
        else:
            groups |= {name: np.arange(sizes[name]) for name in names}
        if per == "class":
            every = np.concatenate([decay[name] for name in names])
            mean = _mean(every, np.zeros(len(every), np.int64))
            decays |= {name: mean[: sizes[name]] for name in names}
        elif per == "group":
            decays |= {name: _mean(decay[name], groups[name]) for name in names}
        else:
            decays |= decay
    return Sharing(groups, decays)


def _thresholds(graph: SpikingGraph, name: str) -> Array:
    """
    The threshold on the chip, apart from a factor, if the largest weight of each neuron is the
    largest there is, [n].
    """
    d = graph.populations[name].dynamics
    largest = np.zeros(d.size)
    for projection in graph.into(name):
        largest = np.maximum(largest, projection.weights.largest_of_rows())
    return (d.threshold if d.threshold is not None else 1.0) / np.maximum(largest, 1e-30)


def _weights(decay: Array) -> Array:
    """An error of a decay counts relative to its leak."""
    return 1.0 / np.maximum(np.abs(1.0 - decay), 2.0**-12) ** 2


def _mean(decay: Array, groups: Array) -> Array:
    """The decay of each group, for each of its neurons."""
    w = _weights(decay)
    low = np.full(groups.max(initial=0) + 1, np.inf)
    np.minimum.at(low, groups, decay)
    above = decay - low[groups]  # equal decays stay exactly what they are
    mean = np.bincount(groups, w * above) / np.maximum(np.bincount(groups, w), 1e-300)
    return np.asarray(low[groups] + mean[groups])


def _grouped(
    decays: Mapping[str, Array], keys: Mapping[str, Array], neuron: Neuron
) -> dict[str, Array]:
    """The groups of each population; none has neurons of two."""
    order = {name: np.lexsort((keys[name], decays[name])) for name in decays}
    if sum(map(len, order.values())) > neuron.count:  # does not fit, which is told elsewhere
        return {name: np.arange(len(places)) // neuron.group for name, places in order.items()}
    lines = [decays[name][order[name]] for name in decays]
    cuts = _cut(lines, neuron.group, neuron.count // neuron.group)
    found = {}
    for name, starts in zip(decays, cuts, strict=True):
        groups = np.zeros(len(order[name]), np.int64)
        groups[order[name]] = np.cumsum(starts) - 1
        found[name] = groups
    return found


def _cut(lines: list[Array], size: int, most: int) -> list[Array]:
    """
    For each sorted line, whether a group starts at each place: groups of at most `size`, `most` in
    all (or as few as there can be, if that is more), such that decays move least.
    """
    least = sum(-(-len(line) // size) for line in lines)
    values = np.concatenate(lines)
    ends = np.cumsum([len(line) for line in lines])
    first = {0, *ends.tolist()}
    most = min(max(most, least), len(values))
    w = _weights(values)
    # best[g]: the least cost of the first n values in g groups
    best = np.full(most + 1, np.inf)
    best[0] = 0.0
    history = [best]
    chosen = np.zeros((len(values) + 1, most + 1), np.int64)
    for n in range(1, len(values) + 1):
        now = np.full(most + 1, np.inf)
        for length in range(1, size + 1):
            start = n - length
            if start < 0:
                break
            part, weight = values[start:n] - values[start], w[start:n]
            mean = (weight * part).sum() / weight.sum()
            cost = float((weight * (part - mean) ** 2).sum())
            tried = np.concatenate([[np.inf], history[start][:-1] + cost])
            better = tried < now
            now = np.where(better, tried, now)
            chosen[n] = np.where(better, length, chosen[n])
            if start in first:
                break  # a group has neurons of one line
        history.append(now)
    count, n = int(np.argmin(history[-1])), len(values)  # of equals the fewest groups
    starts = np.zeros(len(values), bool)
    while n:
        n -= int(chosen[n, count])
        count -= 1
        starts[n] = True
    return np.split(starts, ends[:-1])
