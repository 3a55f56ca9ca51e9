"""
Resets that a network writes as connections: a neuron's own spike, one step late, from its membrane.

    u[t] = decay v[t-1] + ... - w z[t-1]     is a reset that takes w / decay with the spike
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snncc.passes.legalization.graph import Dynamics, Projection, SpikingGraph
from snncc.passes.legalization.sparse import Sparse


def with_own_resets(graph: SpikingGraph) -> SpikingGraph:
    """The same network where such connections of neurons without a reset are their reset."""
    for name, population in graph.populations.items():
        d = population.dynamics
        if d.reset != "none" or d.threshold is None or (d.decay == 0).any():
            continue
        found = next((p for p in graph.into(name) if _is_reset(p, d)), None)
        if found is None:
            continue
        amount = -found.weights.values / d.decay
        graph = replace(graph, projections=tuple(p for p in graph.projections if p is not found))
        d = d.changed(reset="subtract", amount=amount)
        graph = graph.with_populations([replace(population, dynamics=d)])
        graph = _without_receptor(graph, name, found.receptor)
    return graph


def _is_reset(p: Projection, d: Dynamics) -> bool:
    if p.source != p.target or p.delay != 1:
        return False
    if d.currents and np.any(d.currents[p.receptor]):
        return False
    same = Sparse.identity(d.size)
    w = p.weights
    return len(w.values) == d.size and bool((w.rows == same.rows).all() and (w.values < 0).all())


def _without_receptor(graph: SpikingGraph, name: str, receptor: int) -> SpikingGraph:
    """Takes out a receptor at which nothing arrives any more."""
    population = graph.populations[name]
    d = population.dynamics
    if len(d.currents) < 2 or any(p.receptor == receptor for p in graph.into(name)):
        return graph
    d = d.changed(
        currents=d.currents[:receptor] + d.currents[receptor + 1 :],
        current_biases=d.current_biases[:receptor] + d.current_biases[receptor + 1 :],
    )
    moved = tuple(
        replace(p, receptor=p.receptor - (p.receptor > receptor)) if p.target == name else p
        for p in graph.projections
    )
    graph = replace(graph, projections=moved)
    return graph.with_populations([replace(population, dynamics=d)])
