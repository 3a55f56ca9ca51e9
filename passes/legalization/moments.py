"""
How what arrives at a neuron adds up: the second moments that say what an error of a weight does.

A spike of source j leaves x_j in the membrane, behind the leaks of the neuron,

    y[t] = current y[t-1] + spikes[t - steps]        x[t] = decay x[t-1] + y[t]

so that errors e of the weights move the membrane by e . x[t], in the mean square by e' G e with
G = E[x x']. A reset by subtraction keeps that error; a reset to zero ends it, which is taken as a
decay by the share of steps without a spike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.activity import LONGEST, Activity
from snncc.passes.legalization.graph import Population, Projection

MOST_COLUMNS, MOST_PLACES = 1200, 1 << 21
"""
Sources of a population, and pairs of sources and neurons, above which moments are not looked at:
time and memory grow by squares.
"""
MOST_KINDS = 8
"""Different leaks of a population; more are put together."""
RIDGE = 0.5
"""
Added to the diagonal, as a share of it: other data come, on which spikes go together less. Of
0.02 to 3 what moves the fewest spikes of unseen data, in random networks for three chips.
"""
SILENT = 0.01
"""What a source that never fires is taken to do, as a share of the one that does most."""


@dataclass(frozen=True)
class Moments:
    """Of neurons with about the same leaks."""

    members: Array
    matrix: Array
    """G, [columns, columns]: the sources of all projections, one after the other."""


def moments_of(
    population: Population, arriving: Sequence[tuple[Projection, int]], activity: Activity
) -> list[Moments] | None:
    """
    For projections and the steps after which they arrive. None without the spikes of all sources,
    or where these are many.
    """
    sizes = [p.weights.shape[1] for p, _ in arriving]
    known = all(p.source in activity.spikes for p, _ in arriving)
    if not arriving or not known or not 0 < sum(sizes) <= MOST_COLUMNS:
        return None
    if sum(sizes) * population.size > MOST_PLACES:
        return None
    kinds, kind = _kinds(population, activity)
    given = [_late(activity.spikes[p.source], steps) for p, steps in arriving]
    found = []
    for number, (decay, *currents) in enumerate(kinds):
        traces = [
            _filtered(x, currents[p.receptor] if currents else 0.0, decay)
            for x, (p, _) in zip(given, arriving, strict=True)
        ]
        x = np.concatenate(traces, axis=2)
        x = x.reshape(-1, x.shape[2])
        matrix = x.T @ x / len(x)
        own = np.diagonal(matrix)
        silent = SILENT * max(float(own.max()), 1e-9)
        matrix[np.diag_indices_from(matrix)] += RIDGE * (own + silent)
        found.append(Moments(np.flatnonzero(kind == number), matrix))
    return found


def _kinds(population: Population, activity: Activity) -> tuple[Array, Array]:
    """[kinds, 1 + receptors' currents] what leaks leave, and the kind of each neuron."""
    d = population.dynamics
    decay = np.minimum(d.decay, 1.0 - 1.0 / LONGEST)
    if d.threshold is not None and d.reset == "zero":
        rate = activity.rates.get(population.name, np.zeros(d.size))
        decay = decay * (1.0 - np.minimum(rate, 1.0))
        decay = 1.0 - 2.0 ** (np.rint(2 * np.log2(1.0 - decay)) / 2)  # few different ones
    every = np.stack([decay, *d.currents], axis=1)
    kinds, kind = np.unique(every, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    if len(kinds) > MOST_KINDS:  # of those that are next to each other, sorted
        together = np.arange(len(kinds)) * MOST_KINDS // len(kinds)
        kinds = np.stack([kinds[together == k].mean(axis=0) for k in range(MOST_KINDS)])
        kind = together[kind]
    return kinds, kind


def _late(spikes: Array, steps: int) -> Array:
    """Spikes [T, B, n] when they arrive."""
    late = np.zeros(spikes.shape)
    steps = min(steps, len(spikes))
    late[steps:] = spikes[: len(spikes) - steps]
    return late


def _filtered(x: Array, current: float, decay: float) -> Array:
    """What they leave in a membrane, by the equations of this file."""
    found = np.empty_like(x)
    y, v = np.zeros_like(x[0]), np.zeros_like(x[0])
    for t, given in enumerate(x):
        y = current * y + given
        v = decay * v + y
        found[t] = v
    return found
