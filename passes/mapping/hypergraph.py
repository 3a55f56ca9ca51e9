"""
The hypergraph of a problem at one level of coarseness.

A vertex is a neuron, a group or a cluster; a net is a source with the vertices of its targets.
The source's own vertex is no pin of its net: from there to there a packet takes no hop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.passes.mapping.problem import Floats, Integers, Problem


@dataclass(frozen=True, eq=False)
class Hypergraph:
    """Arrays by vertex [n], by net [m] and by pin; rows of pins are `pins[ptr[i]:ptr[i + 1]]`."""

    neurons: Integers
    """[n]"""
    synapses: Integers
    """[n] synapses onto the vertex"""
    resident: Integers
    """[n] sources whose targets all lie in their own vertex"""
    rate: Floats
    """[m]"""
    axons: Integers
    """[m] how many sources the net stands for"""
    home: Integers
    """[m] the vertex of the source, or -1"""
    fixed: Integers
    """[m] the row of the distances where `home` is -1"""
    loops: Integers
    """[m] 1 where the sources have targets in their own vertex too"""
    pins: Integers
    ptr: Integers
    """[m + 1]"""
    nets: Integers
    """the nets that a vertex is a pin of"""
    nets_ptr: Integers
    """[n + 1]"""
    out: Integers
    """the nets whose home a vertex is"""
    out_ptr: Integers
    """[n + 1]"""

    @property
    def n(self) -> int:
        return int(self.neurons.size)

    @property
    def m(self) -> int:
        return int(self.rate.size)

    def net_of_pin(self) -> Integers:
        return np.repeat(np.arange(self.m), np.diff(self.ptr))

    def ties(self) -> Floats:
        """
        [m] rate / (pins - 1), the home counted as a pin: how much a net holds two vertices
        together. Silent sources take axons too, and tie weakly.
        """
        quiet = 1e-3 * float(self.rate.mean()) if self.rate.any() else 1.0
        pins = np.diff(self.ptr) + (self.home >= 0)
        return np.asarray((self.rate + quiet * self.axons) / np.maximum(pins - 1, 1))


def pointers(sorted_keys: Integers, size: int) -> Integers:
    """[size + 1] where each key's run starts."""
    return np.searchsorted(sorted_keys, np.arange(size + 1))


Weights = tuple[Integers, Integers, Integers]
"""neurons, synapses, resident"""

Nets = tuple[Floats, Integers, Integers, Integers, Integers]
"""rate, axons, home, fixed, loops"""


def _build(weights: Weights, nets: Nets, net: Integers, pin: Integers) -> Hypergraph:
    """`net`, `pin`: distinct pairs sorted by net, no pin its net's home."""
    neurons, synapses, resident = weights
    rate, axons, home, fixed, loops = nets
    n, m = neurons.size, rate.size
    by_pin = np.argsort(pin, kind="stable")
    homes = np.flatnonzero(home >= 0)
    by_home = homes[np.argsort(home[homes], kind="stable")]
    return Hypergraph(
        neurons=neurons,
        synapses=synapses,
        resident=resident,
        rate=rate,
        axons=axons,
        home=home,
        fixed=fixed,
        loops=loops,
        pins=pin,
        ptr=pointers(net, m),
        nets=net[by_pin],
        nets_ptr=pointers(pin[by_pin], n),
        out=by_home,
        out_ptr=pointers(home[by_home], n),
    )


def _contracted(
    n: int,
    label: Integers,
    weights: Weights,
    nets: Nets,
    net: Integers,
    pin: Integers,
) -> Hypergraph:
    """
    Vertices of one label become one. Nets without pins are counted as resident, and nets that
    no mapping can tell apart become one.
    """
    rate, axons, home, fixed, loops = nets
    neurons, synapses, resident = (
        np.bincount(label, weight, n).astype(np.int64) for weight in weights
    )
    home = np.where(home >= 0, label[home], -1)
    key = np.unique(net * n + label[pin])
    net, pin = key // n, key % n
    inside = pin == home[net]
    loops = loops.copy()
    loops[net[inside]] = 1
    net, pin = net[~inside], pin[~inside]
    count = np.bincount(net, minlength=rate.size)
    empty = (count == 0) & (loops > 0)
    resident += np.bincount(home[empty], axons[empty], n).astype(np.int64)

    # A set of pins by the sum of random words: a collision would cost quality at this level
    # only, for results are counted on the whole network.
    words = np.random.default_rng(0).integers(0, 2**63, n, np.uint64)
    total = np.concatenate([[np.uint64(0)], np.cumsum(words[pin], dtype=np.uint64)])
    ptr = pointers(net, rate.size)
    digest = total[ptr[1:]] - total[ptr[:-1]]
    kept = np.flatnonzero(count)
    columns = (digest[kept], home[kept], fixed[kept], loops[kept], count[kept])
    order = np.lexsort(columns)
    new = np.zeros(order.size, bool)
    for column in columns:
        values = column[order]
        new[1:] |= values[1:] != values[:-1]
    new[:1] = True
    merged = np.empty(order.size, np.int64)
    merged[order] = np.cumsum(new) - 1
    # the order of nets is that of the first sources
    firsts = np.full(int(new.sum()), rate.size, np.int64)
    np.minimum.at(firsts, merged, kept)
    rank = np.empty(firsts.size, np.int64)
    rank[np.argsort(firsts)] = np.arange(firsts.size)
    merged, first = rank[merged], np.sort(firsts)
    number = np.full(rate.size, -1, np.int64)
    number[first] = np.arange(first.size)
    chosen = number[net] >= 0
    m = first.size
    return _build(
        (neurons, synapses, resident),
        (
            np.bincount(merged, rate[kept], m).astype(np.float64),
            np.bincount(merged, axons[kept], m).astype(np.int64),
            home[first], fixed[first], loops[first],
        ),
        number[net[chosen]],
        pin[chosen],
    )  # fmt: skip


def hypergraph(problem: Problem) -> Hypergraph:
    """The finest level: a vertex for each neuron or group (`Problem.vertices`)."""
    label = problem.vertices()
    n = int(label.max()) + 1 if label.size else 0
    count = problem.neurons
    synapses = np.bincount(problem.target, minlength=count)
    order = np.argsort(problem.source, kind="stable")
    ones = np.ones(count, np.int64)
    home = np.concatenate([np.arange(count), np.full(problem.inputs, -1)])
    return _contracted(
        n,
        label,
        (ones, synapses, np.zeros(count, np.int64)),
        (
            problem.rate,
            np.ones(problem.sources, np.int64),
            home,
            problem.fixed(),
            np.zeros(problem.sources, np.int64),
        ),
        problem.source[order],
        problem.target[order],
    )


def contract(graph: Hypergraph, label: Integers) -> Hypergraph:
    """The level above, whose vertices are the labels 0 .. max."""
    return _contracted(
        int(label.max()) + 1,
        label,
        (graph.neurons, graph.synapses, graph.resident),
        (graph.rate, graph.axons, graph.home, graph.fixed, graph.loops),
        graph.net_of_pin(),
        graph.pins,
    )
