"""
What is assumed of a network that nothing was measured of: spikes that know nothing of each other.

Every source fires in each step with the same small probability r. Then what arrives has in each
step the mean m = r sum w and the variance r sum w^2, and behind leaks a (current) and d (membrane)

    current   mean m / (1 - a)             variance  s^2 / (1 - a^2)
    membrane  mean m / ((1 - a) (1 - d))   variance  s^2 (1 + a d) / ((1 - a d) (1 - a^2) (1 - d^2))

(autoregressive processes of first and second order). Registers get room for what lies some
deviations beyond the mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.activity import LONGEST, USUAL_RATE, Activity
from snncc.passes.legalization.graph import Population, Projection, SpikingGraph

DEVIATIONS = 4.0
"""Beyond: of normally distributed numbers one in 16000."""


def assumed(graph: SpikingGraph) -> Activity:
    """The same rates everywhere, and how far registers are driven by them."""
    found: dict[str, dict[str, Array]] = {"largest": {}, "currents": {}, "before": {}}
    for name, population in graph.populations.items():
        for kind, values in _driven(population, graph.into(name)).items():
            found[kind][name] = values
    rates = {name: np.full(graph.size_of(name), USUAL_RATE) for name in graph.inputs}
    rates |= {name: np.full(p.size, USUAL_RATE) for name, p in graph.populations.items()}
    return Activity(rates, **found)


def _driven(population: Population, into: list[Projection]) -> Mapping[str, Array]:
    d = population.dynamics
    longest = 1.0 - 1.0 / LONGEST  # what does not leak adds up for some steps, not for ever
    decay = np.minimum(np.abs(d.decay), longest)
    mean, variance = d.bias / (1.0 - decay), np.zeros(d.size)
    step, spread = d.bias.copy(), np.zeros(d.size)
    currents = []
    for k in range(d.receptors):
        m, square = np.zeros(d.size), np.zeros(d.size)
        for p in into:
            if p.receptor == k:
                w = p.weights
                m += USUAL_RATE * np.bincount(w.rows, w.values, minlength=d.size)
                square += USUAL_RATE * np.bincount(w.rows, w.values**2, minlength=d.size)
        alpha = np.minimum(np.abs(d.currents[k]), longest) if d.currents else np.zeros(d.size)
        settled, noise = m / (1.0 - alpha), square / (1.0 - alpha**2)
        currents.append(np.abs(settled) + DEVIATIONS * np.sqrt(noise))
        step, spread = step + settled, spread + noise
        mean = mean + settled / (1.0 - decay)
        both = alpha * decay
        variance = variance + noise * (1.0 + both) / ((1.0 - both) * (1.0 - decay**2))
    found: dict[str, Array] = {}
    if d.currents:
        found["currents"] = np.stack(currents)
    if d.threshold is None:
        found["largest"] = np.abs(mean) + DEVIATIONS * np.sqrt(variance)
    else:  # a spike ends what goes above the threshold, nothing what goes below 0
        found["largest"] = np.maximum(d.threshold, DEVIATIONS * np.sqrt(variance) - mean)
        # and what arrives in one step comes on top
        found["before"] = d.threshold + np.abs(step) + DEVIATIONS * np.sqrt(spread)
    return found
