"""
Which core each neuron lies in, with as many copies as it needs.

A neuron with one destination is as many neurons as its spikes have (core, axon) to go to, and these
lie together: they have the same inputs. How many cores its targets lie in is known when they are
mapped, so the mapping is repeated with the copies that the last one needs, until they fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.wiring import ENTRY
from snncc.passes.core_route.nets import Nets
from snncc.passes.core_route.repair import repaired
from snncc.passes.mapping import Infeasible, Limits, Problem, Shortage, map_network

ROUNDS = 5
EFFORT = 0.2
"""Of the mapper: more of it found nothing better on networks of this size."""


@dataclass(frozen=True)
class Partition:
    core: Array
    """[neurons]"""
    place: Array
    """[cores, 2] (x, y)"""


def neurons_for(destinations: Array, description: Description) -> Array:
    """How many neurons each one is, for so many destinations."""
    most = description.grid.fan_out
    if most is None:
        return np.ones_like(destinations)
    return np.asarray(np.maximum(1, -(-destinations // most)))


def partition(nets: Nets, description: Description, rate: Array, capacity: int) -> Partition:
    """
    `rate` [neurons + inputs] are spikes a step; `capacity` is how many neurons a core holds.
    Raises Infeasible.
    """
    cores = description.grid.places
    needed = neurons_for(nets.destinations(np.arange(nets.count)), description)
    for attempt in range(ROUNDS):
        problem, first = _problem(nets, description, rate, needed, capacity)
        try:
            mapping = map_network(problem, seed=attempt, effort=EFFORT)
        except Infeasible as infeasible:
            if attempt == 0:
                raise
            # what copies need follows from the mappings before: no proof
            raise Infeasible([replace(s, proved=False) for s in infeasible.shortages]) from None
        core = mapping.core[first]
        if description.grid.fan_out == 1:
            core = repaired(nets, core, cores, capacity, description.grid.axons)
        reached, at = nets.reached(core, cores)
        now = neurons_for(nets.destinations(reached), description)
        held = np.bincount(core, now, minlength=cores)
        heard = np.bincount(at, minlength=cores).max(initial=0)
        if held.max(initial=0) <= capacity and heard <= (description.grid.axons or heard):
            return Partition(core, mapping.place)
        needed = now if attempt == 0 else np.maximum(needed, now)
    raise Infeasible([_too_many_copies(held, capacity, cores)])


def _problem(
    nets: Nets, description: Description, rate: Array, needed: Array, capacity: int
) -> tuple[Problem, Array]:
    """The mapper's problem, and the place of each neuron's first copy in it."""
    grid = description.grid
    first = np.concatenate([[0], np.cumsum(needed)])[:-1]
    total = int(needed.sum())
    # the k-th net of a neuron starts from its k-th copy, where there is one
    rank = np.arange(nets.count) - np.searchsorted(nets.source, nets.source)
    is_neuron = nets.source < nets.neurons
    owner = np.where(is_neuron, nets.source, 0)
    own = is_neuron & (rank < needed[owner]) if nets.neurons else is_neuron
    source = np.where(own, first[owner] + rank if nets.neurons else 0, 0)
    outside = np.flatnonzero(~own)
    source[outside] = total + np.arange(len(outside))
    rates = np.zeros(total + len(outside))
    rates[source] = rate[nets.source]
    problem = Problem(
        total,
        source[nets.net],
        first[nets.target],
        rates,
        cores=grid.places,
        mesh=(grid.width, grid.height),
        limits=Limits(neurons=capacity, axons=grid.axons),
        groups=[np.arange(f, f + n) for f, n in zip(first, needed, strict=True) if n > 1],
        ports=[ENTRY],
        port=np.where(is_neuron[outside], -1, 0),
    )
    return problem, first


def _too_many_copies(held: Array, capacity: int, cores: int) -> Shortage:
    return Shortage(
        "neurons",
        round(float(held.max())),
        capacity,
        f"the fullest of {cores} cores, with the copies that reach all targets,",
        "fewer different weights, or smaller layers",
        proved=False,
    )
