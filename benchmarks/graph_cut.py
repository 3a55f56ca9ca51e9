"""
A baseline: a multilevel partition of the graph of synapses, an edge's weight its rate.

What METIS does: heavy-edge matching, a start by recursive spectral bisection, refinement of the
cut on the way back. It sees synapses, not packets, and shares starts, refinement and placement
with ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from snncc.passes.mapping import Mapping, Problem, measure
from snncc.passes.mapping.initial import DENSE, in_order, spectral
from snncc.passes.mapping.mapper import COARSE, SOFT
from snncc.passes.mapping.placement import place
from snncc.passes.mapping.refinement import HARD, improve, repair, unit, worth


@dataclass
class Graph:
    neurons: np.ndarray
    ends: np.ndarray
    """[2, E] both directions of every edge, sorted by the first end"""
    rate: np.ndarray
    """[E]"""
    ptr: np.ndarray = field(init=False)
    synapses: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.ptr = np.searchsorted(self.ends[0], np.arange(self.n + 1))
        self.synapses = np.zeros(self.n)

    @property
    def n(self) -> int:
        return int(self.neurons.size)


def graph(neurons: np.ndarray, one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> Graph:
    """From edges, perhaps several between two vertices, each given in both directions."""
    n = neurons.size
    apart = one != other
    key, place_of = np.unique(one[apart] * n + other[apart], return_inverse=True)
    return Graph(neurons, np.stack([key // n, key % n]), np.bincount(place_of, weight[apart]))


class CutState:
    """What `refinement` asks of a state, with the cut as its cost."""

    def __init__(self, given: Graph, cores: int, held: int, core: np.ndarray):
        self.graph, self.k, self.core = given, cores, core.copy()
        self.limited = np.array([True, False, False])
        self.capacity = np.array([[float(held)], [np.inf], [np.inf]])
        self.loads = np.zeros((3, cores))
        self.loads[0] = np.bincount(core, given.neurons, cores)
        at = given.ends[0] * cores + core[given.ends[1]]
        self.tied = np.bincount(at, given.rate, given.n * cores).reshape(given.n, cores)
        self.touched = np.ones(given.n, bool)
        cut = core[given.ends[0]] != core[given.ends[1]]
        self.cost = 0.5 * float(given.rate[cut].sum())

    def deltas(self, v: int) -> np.ndarray:
        return self.tied[v, self.core[v]] - self.tied[v]

    def overload(self) -> np.ndarray:
        return np.maximum(self.loads / self.capacity - 1.0, 0.0)

    @property
    def over(self) -> np.ndarray:
        return (self.loads > self.capacity).any(axis=0)

    def over_at(self, core: int) -> bool:
        return bool(self.loads[0, core] > self.capacity[0, 0])

    def price_changes(self, v: int) -> np.ndarray:
        load, room, weight = self.loads[0], self.capacity[0, 0], self.graph.neurons[v]
        now = np.maximum(load / room - 1.0, 0.0)
        a = self.core[v]
        change = np.maximum((load + weight) / room - 1.0, 0.0) - now
        change += max((load[a] - weight) / room - 1.0, 0.0) - now[a]
        change[a] = 0.0
        return change

    def move(self, v: int, b: int, delta: float) -> None:
        a = self.core[v]
        if a == b:
            return
        rows = slice(self.graph.ptr[v], self.graph.ptr[v + 1])
        near, rate = self.graph.ends[1, rows], self.graph.rate[rows]
        self.tied[near, a] -= rate
        self.tied[near, b] += rate
        self.touched[near] = True
        self.loads[0, a] -= self.graph.neurons[v]
        self.loads[0, b] += self.graph.neurons[v]
        self.core[v] = b
        self.cost += delta


def matched(given: Graph, largest: float, rng: np.random.Generator) -> np.ndarray:
    """[n] labels of pairs along the heaviest edges."""
    partner = np.full(given.n, -1)
    for v in rng.permutation(given.n):
        if partner[v] >= 0:
            continue
        rows = slice(given.ptr[v], given.ptr[v + 1])
        near, rate = given.ends[1, rows], given.rate[rows]
        free = (partner[near] < 0) & (given.neurons[near] + given.neurons[v] <= largest)
        if free.any():
            u = int(near[free][np.argmax(rate[free])])
            partner[u], partner[v] = v, u
    alone = partner < 0
    partner[alone] = np.flatnonzero(alone)
    return np.unique(np.minimum(np.arange(given.n), partner), return_inverse=True)[1]


def graph_cut(problem: Problem, seed: int = 0) -> Mapping:
    """Holds the limit of neurons, the only one that it knows."""
    rng = np.random.default_rng(seed)
    held = problem.limits.neurons
    assert held is not None
    assert not problem.groups
    inside = problem.source < problem.neurons
    source, target = problem.source[inside], problem.target[inside]
    rate = problem.rate[source]
    finest = graph(
        np.ones(problem.neurons, np.int64),
        np.concatenate([source, target]),
        np.concatenate([target, source]),
        np.concatenate([rate, rate]),
    )
    fewest = -(-problem.neurons // held)
    graphs, labels = [finest], []
    while graphs[-1].n > max(160, COARSE * fewest):
        below = graphs[-1]
        label = matched(below, held / 8, rng)
        if label.max() + 1 > 0.9 * below.n:
            break
        weights = np.bincount(label, below.neurons).astype(np.int64)
        labels.append(label)
        graphs.append(graph(weights, label[below.ends[0]], label[below.ends[1]], below.rate))
    coarse = graphs[-1]
    weight = coarse.neurons.astype(np.float64)
    best: tuple[float, np.ndarray] | None = None
    for cores in sorted({fewest, min(problem.cores, -(-23 * fewest // 20)), problem.cores}):
        found = [in_order(np.arange(coarse.n), weight, cores)]
        if coarse.n <= DENSE:
            joined = np.zeros((coarse.n, coarse.n))
            joined[tuple(coarse.ends)] = coarse.rate
            found.append(spectral(joined, weight, cores))
        for start in found:
            state = CutState(coarse, problem.cores, held, start)
            improve(state, SOFT * unit(state), 8, rng)
            value = worth(state, SOFT * unit(state))
            if best is None or value < best[0]:
                best = (value, state.core)
    assert best is not None
    core = best[1]
    for level in range(len(graphs) - 1, -1, -1):
        core = core if level == len(labels) else core[labels[level]]
        state = CutState(graphs[level], problem.cores, held, core)
        assert level > 0 or repair(state)
        improve(state, (HARD if level == 0 else SOFT) * unit(state), 8, rng)
        core = state.core
    mapping = measure(problem, core, problem.places()[: problem.cores])
    at = place(problem, mapping.traffic, rng)
    return measure(problem, core, problem.places()[at])
