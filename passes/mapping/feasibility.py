"""What no mapping can hold, and what the search could not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snncc.passes.mapping.problem import Integers, Problem
from snncc.passes.mapping.state import RESOURCES, State


@dataclass(frozen=True)
class Shortage:
    """One resource that is too small."""

    resource: str
    """neurons, axons or synapses"""
    needed: int
    available: int
    where: str
    """all cores, or what must be in one core"""
    remedy: str
    proved: bool = True
    """False: the search found no mapping, which is no proof that there is none"""

    @property
    def excess(self) -> int:
        return self.needed - self.available

    def __str__(self) -> str:
        verb = "needs" if self.proved else "held, in the best mapping that was tried,"
        return (
            f"{self.resource}: {self.where} {verb} {self.needed} > {self.available}: "
            f"{self.excess} too many; {self.remedy}"
        )


class Infeasible(ValueError):
    """The problem does not fit on the cores; `shortages` says why."""

    def __init__(self, shortages: Sequence[Shortage]):
        self.shortages = tuple(shortages)
        super().__init__("\n".join(map(str, shortages)))


def check(problem: Problem) -> None:
    """Raises `Infeasible` where a count proves it, with all that is found."""
    limits = problem.limits
    found = []
    label = problem.vertices()
    n = int(label.max(initial=-1)) + 1
    loads = {"neurons": np.bincount(label, minlength=n)}
    if limits.axons is not None:
        loads["axons"] = _least_axons(problem, label, loads["neurons"])
    loads["synapses"] = np.bincount(label[problem.target], minlength=n)
    for resource, load in loads.items():
        limit = getattr(limits, resource)
        if limit is None:
            continue
        total = int(load.sum())
        if resource != "axons" and total > problem.cores * limit:
            found.append(_too_few(problem, resource, total, limit))
        if load.size and load.max() > limit:
            found.append(_too_large(problem, resource, label, int(load.argmax()), load, limit))
    if found:
        raise Infeasible(found)


def _least_axons(problem: Problem, label: Integers, neurons: Integers) -> Integers:
    """[n] axons that each vertex needs wherever it is."""
    n, limits = neurons.size, problem.limits
    pairs = np.unique(problem.source * n + label[problem.target])
    source, vertex = pairs // n, pairs % n
    if limits.own_axons:
        return np.bincount(vertex, minlength=n)
    # neurons that share its core send for nothing: as many as there is room for
    home = np.concatenate([label, np.full(problem.inputs, -1)])[source]
    others = np.bincount(vertex[(home >= 0) & (home != vertex)], minlength=n)
    room = problem.neurons if limits.neurons is None else limits.neurons
    inputs = np.bincount(vertex[home < 0], minlength=n)
    return inputs + np.maximum(others - np.maximum(room - neurons, 0), 0)


def _too_few(problem: Problem, resource: str, total: int, limit: int) -> Shortage:
    cores = -(-total // limit)
    return Shortage(
        resource,
        total,
        problem.cores * limit,
        f"the network on {problem.cores} cores x {limit}",
        f"at least {cores} cores, or a smaller network",
    )


def _too_large(
    problem: Problem, resource: str, label: Integers, vertex: int, load: Integers, limit: int
) -> Shortage:
    members = np.flatnonzero(label == vertex)
    several = int((load > limit).sum())
    if members.size > 1:
        where = f"the group of neuron {members[0]} ({members.size} neurons that share a core)"
        remedy = "split the group"
    else:
        where = f"neuron {members[0]}"
        remedy = "prune its inputs, or split it into neurons that share the sum"
    if several > 1:
        where = f"{where}, the worst of {several} that do not fit,"
    return Shortage(resource, int(load[vertex]), limit, where, remedy)


def shortage(problem: Problem, state: State) -> Shortage:
    """What was overloaded most in an assignment that does not hold all limits."""
    over = state.overload()
    row, core = np.unravel_index(int(over.argmax()), over.shape)
    resource = RESOURCES[int(row)]
    cores = int((over[row] > 0).sum())
    remedies = {
        "neurons": "smaller groups, or more cores",
        "axons": "more cores (neurons with the same sources share axons), or fewer inputs "
        "for each neuron",
        "synapses": "more cores, or pruned synapses",
    }
    used = int((state.loads[0] > 0).sum())
    return Shortage(
        resource,
        round(float(state.loads[row, core])),
        int(state.capacity[row, 0]),
        f"the fullest of {cores} overloaded cores ({used} of {problem.cores} in use)",
        remedies[resource],
        proved=False,
    )
