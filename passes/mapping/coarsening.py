"""
Clusters of vertices that share nets: first-choice coarsening by heavy connectivity.

Two vertices are rated by sum rate / (pins - 1) over the nets that join them (Karypis and Kumar,
"Multilevel k-way hypergraph partitioning", 1999), a net's home counted as one of its pins.
"""

from __future__ import annotations

import numpy as np

from snncc.passes.mapping.hypergraph import Hypergraph, contract
from snncc.passes.mapping.problem import Floats, Integers

MOST_PINS = 4_000
"""Pins looked at to rate the partners of one vertex, those of small nets first."""

SHARE = 2.2
"""By how much one level has fewer vertices than the level below, at most."""


class _Ratings:
    """What joins a vertex to others. Nets with equal pins are looked at once."""

    def __init__(self, graph: Hypergraph):
        self.graph = graph
        size = np.diff(graph.ptr)
        self.weight = graph.ties()
        words = np.random.default_rng(0).integers(0, 2**63, graph.n, np.uint64)
        sums = np.concatenate([[np.uint64(0)], np.cumsum(words[graph.pins], dtype=np.uint64)])
        digest = sums[graph.ptr[1:]] - sums[graph.ptr[:-1]]
        _, first, self.kind = np.unique(digest, return_index=True, return_inverse=True)
        self.merged = first.size < graph.m
        self.common = np.bincount(self.kind, self.weight)
        self.rows = [graph.pins[graph.ptr[e] : graph.ptr[e + 1]] for e in first]
        self.size = size[first]

    def of(self, v: int) -> Floats:
        """[n]"""
        graph = self.graph
        nets = graph.nets[graph.nets_ptr[v] : graph.nets_ptr[v + 1]]
        out = graph.out[graph.out_ptr[v] : graph.out_ptr[v + 1]]
        kinds = np.sort(self.kind[nets])
        if self.merged:
            kinds = kinds[np.diff(kinds, prepend=-1) > 0]
        kinds = kinds[np.argsort(self.size[kinds], kind="stable")]
        kinds = kinds[: max(1, int(np.searchsorted(np.cumsum(self.size[kinds]), MOST_PINS)))]
        home = graph.home[nets]
        at_home = home >= 0
        rows = [self.rows[kind] for kind in kinds]
        weights = self.common[kinds]
        sizes = self.size[kinds]
        if out.size:
            kinds_out = self.kind[out]
            rows += [self.rows[kind] for kind in kinds_out]
            weights = np.concatenate([weights, self.weight[out]])
            sizes = np.concatenate([sizes, self.size[kinds_out]])
        rows.append(home[at_home])
        every = np.concatenate(rows)
        weight = np.concatenate([np.repeat(weights, sizes), self.weight[nets[at_home]]])
        return np.asarray(np.bincount(every, weight, graph.n), np.float64)


def coarsen(
    graph: Hypergraph,
    largest: Floats,
    rng: np.random.Generator,
    within: Integers | None = None,
) -> Integers:
    """
    [n] the cluster of each vertex. No cluster is above `largest` (neurons, synapses) unless it
    is one vertex; with `within` [n], clusters do not reach over its labels.
    """
    ratings = _Ratings(graph)
    n = graph.n
    cluster = np.arange(n)
    neurons = graph.neurons.astype(np.float64)
    synapses = graph.synapses.astype(np.float64)
    joined = np.zeros(n, bool)
    left = n
    for v in rng.permutation(n):
        if left * SHARE <= n:
            break
        if joined[v]:
            continue
        rating = ratings.of(v)
        if within is not None:
            rating[within != within[v]] = 0.0
        rating[v] = 0.0
        partners = np.flatnonzero(rating)
        into = cluster[partners]
        fits = (neurons[into] + neurons[v] <= largest[0]) & (
            synapses[into] + synapses[v] <= largest[1]
        )
        partners, into = partners[fits], into[fits]
        if not partners.size:
            continue
        # among equals the lighter cluster, so that clusters grow evenly
        score = rating[partners] / np.maximum(neurons[into], 1.0) ** 0.5
        best = int(np.argmax(score))
        target = int(into[best])
        cluster[v] = target
        neurons[target] += neurons[v]
        synapses[target] += synapses[v]
        joined[v] = joined[target] = joined[partners[best]] = True
        left -= 1
    return np.unique(cluster, return_inverse=True)[1]


def hierarchy(
    graph: Hypergraph,
    fewest: int,
    largest: Floats,
    rng: np.random.Generator,
    within: Integers | None = None,
) -> tuple[list[Hypergraph], list[Integers]]:
    """Levels from fine to coarse, and the labels that lead from each to the next."""
    graphs, labels = [graph], []
    while graphs[-1].n > fewest:
        label = coarsen(graphs[-1], largest, rng, within)
        if label.max() + 1 > 0.9 * graphs[-1].n:
            break
        if within is not None:
            above = np.empty(int(label.max()) + 1, np.int64)
            above[label] = within
            within = above
        labels.append(label)
        graphs.append(contract(graphs[-1], label))
    return graphs, labels
