"""First assignments: in a given order, and by halving the spectrum."""

from __future__ import annotations

import numpy as np

from snncc.passes.mapping.hypergraph import Hypergraph
from snncc.passes.mapping.problem import Floats, Integers, Limits

DENSE = 2500
"""Vertices up to which eigenvectors are computed from a dense matrix."""


class _Core:
    """What a core holds while it is filled."""

    def __init__(self, graph: Hypergraph, limits: Limits):
        self.graph, self.limits = graph, limits
        self.neurons = self.synapses = self.axons = 0
        self.reached = np.zeros(graph.m, bool)
        self.inside = np.zeros(graph.m, bool)
        """nets whose home is here"""

    def add(self, v: int) -> bool:
        """Whether the vertex fits; if so it is in."""
        graph, limits = self.graph, self.limits
        neurons = self.neurons + int(graph.neurons[v])
        synapses = self.synapses + int(graph.synapses[v])
        axons = self.axons
        nets = graph.nets[graph.nets_ptr[v] : graph.nets_ptr[v + 1]]
        out = graph.out[graph.out_ptr[v] : graph.out_ptr[v + 1]]
        if limits.axons is not None:
            new = nets[~self.reached[nets]]
            if limits.own_axons:
                # a source at home with targets in its own vertex has its axon already
                had = self.inside[new] & (graph.loops[new] > 0)
                axons += int(graph.axons[new[~had]].sum()) + int(graph.resident[v])
                looped = out[(graph.loops[out] > 0) & ~self.reached[out]]
                axons += int(graph.axons[looped].sum())
            else:
                axons += int(graph.axons[new[~self.inside[new]]].sum())
                axons -= int(graph.axons[out[self.reached[out]]].sum())
        loads = ((neurons, limits.neurons), (axons, limits.axons), (synapses, limits.synapses))
        if any(limit is not None and load > limit for load, limit in loads):
            return False
        self.neurons, self.axons, self.synapses = neurons, axons, synapses
        self.reached[nets] = True
        self.inside[out] = True
        return True


def sequential(
    graph: Hypergraph, limits: Limits, cores: int, order: Integers | None = None
) -> Integers | None:
    """
    [n] the core of each vertex when cores are filled one after the other in `order`, a new one
    where the next vertex does not fit. None if there are too few cores.
    """
    core = np.zeros(graph.n, np.int64)
    number, filled = 0, _Core(graph, limits)
    for v in np.arange(graph.n) if order is None else order:
        if not filled.add(v):
            number, filled = number + 1, _Core(graph, limits)
            if number == cores or not filled.add(v):
                return None
        core[v] = number
    return core


def in_order(order: Integers, weight: Floats, cores: int) -> Integers:
    """[n] an order cut into parts of about equal weight, whatever limits say."""
    ends = np.cumsum(weight[order])
    middle = ends - 0.5 * weight[order]
    core = np.empty(order.size, np.int64)
    core[order] = np.minimum((middle / ends[-1] * cores).astype(np.int64), cores - 1)
    return core


def affinity(graph: Hypergraph) -> Floats:
    """[n, n] sum of `ties` over the nets that join two vertices, their homes included."""
    incidence = np.zeros((graph.m, graph.n), np.float32)
    incidence[graph.net_of_pin(), graph.pins] = 1.0
    homes = np.flatnonzero(graph.home >= 0)
    incidence[homes, graph.home[homes]] = 1.0
    scaled = incidence * np.sqrt(graph.ties()).astype(np.float32)[:, None]
    joined = (scaled.T @ scaled).astype(np.float64)
    np.fill_diagonal(joined, 0.0)
    return np.asarray(joined)


def _fiedler(joined: Floats) -> Floats:
    """[n] the second eigenvector of the normalised Laplacian, scaled to the random walk's."""
    degree = joined.sum(axis=1)
    degree[degree <= 0] = 1.0
    root = 1.0 / np.sqrt(degree)
    matrix = joined * np.outer(root, root)
    vectors = np.linalg.eigh(matrix)[1]
    vector = vectors[:, -2] * root
    return np.asarray(vector if vector[np.argmax(np.abs(vector))] > 0 else -vector)


def spectral(joined: Floats, weight: Floats, cores: int) -> Integers:
    """
    [n] parts 0 .. cores - 1 of about equal weight by recursive spectral bisection of `joined`
    [n, n].
    """
    core = np.zeros(weight.size, np.int64)

    def halve(members: Integers, first: int, count: int) -> None:
        if count == 1 or members.size <= 1:
            core[members] = first
            return
        below = count // 2
        if members.size > 2:
            position = _fiedler(joined[np.ix_(members, members)])
        else:
            position = np.arange(members.size, dtype=np.float64)
        order = np.argsort(position, kind="stable")
        ends = np.cumsum(weight[members[order]])
        split = int(np.searchsorted(ends, ends[-1] * below / count + 1e-9))
        # to the nearer side of the vertex that lies across
        if split < order.size and ends[split] - 0.5 * weight[members[order[split]]] < (
            ends[-1] * below / count
        ):
            split += 1
        split = min(max(split, 1), order.size - 1)
        halve(members[order[:split]], first, below)
        halve(members[order[split:]], first + below, count - below)

    halve(np.arange(weight.size), 0, cores)
    return core
