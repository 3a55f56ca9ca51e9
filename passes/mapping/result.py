"""A mapping and its counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.passes.mapping.feasibility import Infeasible, shortage
from snncc.passes.mapping.hypergraph import hypergraph
from snncc.passes.mapping.initial import in_order, sequential
from snncc.passes.mapping.problem import Floats, Integers, Problem
from snncc.passes.mapping.state import RESOURCES, State


@dataclass(frozen=True, eq=False)
class Mapping:
    """Where neurons and cores are, and what that costs for the problem's rates."""

    core: Integers
    """[neurons] the core of each neuron"""
    place: Integers
    """[cores, 2] (x, y) of each core; cores without neurons have one too"""
    packets: float
    """sum rate x distinct other cores that hold targets"""
    packets_hops: float
    """sum rate x hops to these"""
    traffic: Floats
    """[cores + ports + 1, cores] packets from each core, port and from outside to each core"""
    utilisation: dict[str, Integers]
    """neurons, axons, synapses: [cores]"""

    @property
    def used(self) -> int:
        """Cores that hold neurons."""
        return int((self.utilisation["neurons"] > 0).sum())


def measure(problem: Problem, core: Integers, place: Integers) -> Mapping:
    """The counts of a mapping: `core` [neurons], `place` [cores, 2]."""
    core = np.asarray(core, np.int64)
    inside = core[problem.target]
    pairs = np.unique(problem.source * problem.cores + inside)
    source, to = pairs // problem.cores, pairs % problem.cores
    start = problem.fixed()
    start[: problem.neurons] = core
    rate = problem.rate[source]
    traffic = np.zeros((problem.cores + len(problem.ports) + 1, problem.cores))
    np.add.at(traffic, (start[source], to), np.where(start[source] == to, 0.0, rate))
    counted = np.ones(pairs.size, bool) if problem.limits.own_axons else start[source] != to
    utilisation = {
        "neurons": np.bincount(core, minlength=problem.cores),
        "axons": np.bincount(to[counted], minlength=problem.cores),
        "synapses": np.bincount(inside, minlength=problem.cores),
    }
    assert tuple(utilisation) == RESOURCES
    return Mapping(
        core,
        place,
        float(traffic.sum()),
        float((traffic * problem.distances(place)).sum()),
        traffic,
        utilisation,
    )


def sequential_mapping(problem: Problem) -> Mapping:
    """
    Cores filled one after the other in the order of the neurons and placed row by row, as
    PACMAN of SpiNNaker does. Raises `Infeasible` where it runs out of cores.
    """
    graph = hypergraph(problem)
    core = sequential(graph, problem.limits, problem.cores)
    if core is None:
        cut = in_order(np.arange(graph.n), graph.neurons.astype(np.float64), problem.cores)
        raise Infeasible([shortage(problem, State(graph, problem.steps(), problem.limits, cut))])
    return measure(problem, core[problem.vertices()], problem.places()[: problem.cores])
