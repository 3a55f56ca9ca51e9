"""
The search: several starts on a coarse hypergraph, refined level by level down to neurons.

Coarsening, a start, refinement on the way back: Karypis and Kumar, "Multilevel k-way hypergraph
partitioning" (1999). The cost is packets x hops from the first placement on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snncc.passes.mapping.coarsening import hierarchy
from snncc.passes.mapping.feasibility import Infeasible, check, shortage
from snncc.passes.mapping.hypergraph import Hypergraph, hypergraph
from snncc.passes.mapping.initial import DENSE, affinity, in_order, sequential, spectral
from snncc.passes.mapping.placement import place
from snncc.passes.mapping.problem import Floats, Integers, Problem
from snncc.passes.mapping.refinement import HARD, anneal, improve, repair, unit, worth
from snncc.passes.mapping.result import Mapping, measure, sequential_mapping
from snncc.passes.mapping.state import State

SOFT = 4.0
"""The price of one core's overload in units of its cost, while vertices are clusters."""

HOT = 0.03
"""The temperature at which annealing starts, in units of a core's cost."""

TABLE = 400_000
"""Nets x cores of the coarsest level up to which more than one number of cores is tried."""

SMALL = 5_000_000
"""Pins x cores up to which three hierarchies are tried instead of one."""

COARSE = 12
"""Vertices for each core at the coarsest level, about."""


@dataclass
class _Candidate:
    core: Integers
    at: Integers
    """[cores] places, row-major"""
    worth: float


class _Search:
    def __init__(self, problem: Problem, seed: int, effort: float):
        self.problem = problem
        self.effort = effort
        self.rng = np.random.default_rng(seed)
        self.graph = hypergraph(problem)
        self.best: _Candidate | None = None
        self.failed: State | None = None

    # --- Pieces

    def distances(self, at: Integers) -> Floats:
        return self.problem.distances(self.problem.places()[at])

    def state(self, graph: Hypergraph, core: Integers, at: Integers) -> State:
        return State(graph, self.distances(at), self.problem.limits, core)

    def replace(self, state: State, effort: float, at: Integers | None = None) -> Integers:
        """Places for the cores of a state, which then costs hops between these."""
        at = place(self.problem, state.traffic(), self.rng, self.effort * effort, at)
        state.set_distances(self.distances(at))
        return at

    def take(self, core: Integers, at: Integers, state: State) -> None:
        """Keep what holds all limits, if it is better."""
        if not state.over.any() and (self.best is None or state.cost < self.best.worth):
            self.best = _Candidate(core.copy(), at.copy(), state.cost)

    # --- Starts

    def fewest(self) -> int:
        """Cores that are needed at least, by neurons and synapses."""
        limits, graph = self.problem.limits, self.graph
        need = [1]
        for load, limit in ((graph.neurons, limits.neurons), (graph.synapses, limits.synapses)):
            if limit is not None:
                need.append(math.ceil(load.sum() / limit))
        return min(max(need), self.problem.cores)

    def weight(self, graph: Hypergraph) -> Floats:
        """[n] the part of the scarcer resource that each vertex takes."""
        limits = self.problem.limits
        parts = [
            load / limit
            for load, limit in ((graph.neurons, limits.neurons), (graph.synapses, limits.synapses))
            if limit is not None
        ]
        if not parts:
            parts = [graph.neurons.astype(np.float64)]
        # vertices that take nothing of it are spread too
        return np.asarray(max(parts, key=lambda part: float(part.sum())) + 1e-6 * graph.neurons)

    def counts(self) -> list[int]:
        """Numbers of cores to start with: full ones, with room, and all."""
        fewest, most = self.fewest(), self.problem.cores
        return sorted({fewest, min(most, math.ceil(1.15 * fewest)), min(most, 2 * fewest), most})

    def start(self, graph: Hypergraph, order: Integers, cores: int) -> list[_Candidate]:
        """Starts on the coarsest level, refined: first in packets, then in hops."""
        weight = self.weight(graph)
        cores = min(cores, graph.n)
        found = [in_order(order, weight, cores)]
        if graph.n <= DENSE and cores > 1:
            found.append(spectral(affinity(graph), weight, cores))
        starts = []
        for core in found:
            state = State(graph, self.problem.steps(), self.problem.limits, core)
            improve(state, SOFT * unit(state), 4, self.rng)
            at = self.replace(state, 0.2)
            price = SOFT * unit(state)
            improve(state, price, 4, self.rng)
            starts.append(_Candidate(state.core.copy(), at, worth(state, price)))
        return starts

    def settle(self, graph: Hypergraph, start: _Candidate) -> _Candidate:
        """A start after annealing, if it is better then."""
        state = self.state(graph, start.core, start.at)
        level = unit(state)
        anneal(state, SOFT * level, HOT * level, HOT * level / 20.0, 10, self.rng)
        at = self.replace(state, 0.2, start.at)
        improve(state, SOFT * level, 4, self.rng)
        value = worth(state, SOFT * level)
        return _Candidate(state.core.copy(), at, value) if value < start.worth else start

    # --- Levels

    def up(
        self, graphs: list[Hypergraph], labels: list[Integers], start: _Candidate, rounds: int
    ) -> bool:
        """From a start on the coarsest level to the neurons; whether all limits hold."""
        core, at = start.core, start.at
        for level in range(len(graphs) - 1, -1, -1):
            if level < len(labels):
                core = core[labels[level]]
            state = self.state(graphs[level], core, at)
            last = level == 0
            if last and not repair(state):
                if self.failed is None or (state.overload().sum() < self.failed.overload().sum()):
                    self.failed = state
                return False
            price = (HARD if last else SOFT) * unit(state)
            improve(state, price, rounds, self.rng)
            if level <= 1:
                at = self.replace(state, 0.3, at)
            core = state.core
        improve(state, HARD * unit(state), 2, self.rng)
        self.take(state.core, at, state)
        return True

    def multilevel(self, rounds: int = 6) -> None:
        largest = self.largest()
        graphs, labels = hierarchy(self.graph, max(160, COARSE * self.fewest()), largest, self.rng)
        order = _first_order(graphs, labels)
        starts: list[_Candidate] = []
        for count in self.counts():
            starts += self.start(graphs[-1], order, count)
            if len(starts) > 2 and graphs[-1].m * self.problem.cores > TABLE:
                break
        starts.sort(key=lambda start: start.worth)
        for start in starts:
            if self.up(graphs, labels, self.settle(graphs[-1], start), rounds):
                break

    def again(self, rounds: int = 4) -> None:
        """A cycle from the best: clusters within cores, refined as before."""
        assert self.best is not None
        best = self.best
        graphs, labels = hierarchy(
            self.graph, max(160, COARSE * self.fewest()), self.largest(), self.rng, best.core
        )
        core = best.core
        for label in labels:
            above = np.empty(int(label.max()) + 1, np.int64)
            above[label] = core
            core = above
        self.up(graphs, labels, _Candidate(core, best.at, best.worth), rounds)

    def largest(self) -> Floats:
        """[2] neurons and synapses of the largest cluster: an eighth of a core."""
        limits, graph = self.problem.limits, self.graph
        fewest = self.fewest()
        return np.array(
            [
                (limit if limit is not None else load.sum() / fewest) / 8.0
                for load, limit in (
                    (graph.neurons, limits.neurons),
                    (graph.synapses, limits.synapses),
                )
            ]
        )

    def sequential(self) -> float | None:
        """The sequential fill as a candidate; its cost with places that were searched."""
        core = sequential(self.graph, self.problem.limits, self.problem.cores)
        if core is None:
            return None
        state = self.state(self.graph, core, np.arange(self.problem.cores))
        self.take(core, np.arange(self.problem.cores), state)
        at = self.replace(state, 0.3)
        self.take(core, at, state)
        return state.cost

    def run(self) -> Mapping:
        plain = self.sequential()
        first = self.best
        small = self.graph.pins.size * self.problem.cores <= SMALL
        for _ in range(max(1, round(self.effort * (3 if small else 1)))):
            self.multilevel()
        if self.best is None:
            assert self.failed is not None
            raise Infeasible([shortage(self.problem, self.failed)])
        if first is not None and plain is not None and plain < 1.2 * self.best.worth:
            self.best, other = first, self.best
            self.again()
            if other.worth < self.best.worth:
                self.best = other
        for _ in range(round(self.effort)):
            before = self.best.worth
            self.again()
            if self.best.worth > 0.998 * before:
                break
        label = self.problem.vertices()
        places = self.problem.places()[self.best.at]
        return measure(self.problem, self.best.core[label], places)


def _first_order(graphs: list[Hypergraph], labels: list[Integers]) -> Integers:
    """[n] the vertices of the coarsest level in the order of their mean number."""
    label = np.arange(graphs[0].n)
    for next_ in labels:
        label = next_[label]
    count = np.bincount(label)
    mean = np.bincount(label, np.arange(label.size)) / count
    return np.argsort(mean, kind="stable")


def map_network(problem: Problem, seed: int = 0, effort: float = 1.0) -> Mapping:
    """
    Neurons to cores and cores to places such that packets x hops is small and all limits hold.

    The result depends on the problem, `seed` and `effort` only (and, by the rounding of products of
    matrices, on the machine), and is never above the sequential fill, where that fits. `effort`
    scales the steps of placement and the numbers of hierarchies and cycles; 0 is one pass with
    places by descent. Raises `Infeasible`.
    """
    if not effort >= 0:
        raise ValueError(f"effort: expected 0 or more, got {effort}")
    check(problem)
    if problem.neurons == 0:
        return sequential_mapping(problem)
    return _Search(problem, seed, effort).run()
