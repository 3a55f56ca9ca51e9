"""
Biases of neurons that have none: connections from an input that is always on.

    u = a v + sum of w x + c      is      u = a v + sum of w x + c b,  b = 1 at every step

The input takes one place and one event a step. Where inputs cannot reach a class of neurons, one
neuron that fires at every step stands between. Neurons whose parameters hold a constant (a bias,
or a leak that is one) keep it there, which costs nothing; `forms` rounds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import INPUT, Description
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.graph import Dynamics, Population, Projection, Reset, SpikingGraph
from snncc.passes.legalization.relays import relay_dynamics
from snncc.passes.legalization.sparse import Sparse

NAME = "bias"
SURPLUS = 2.0
"""What reaches a neuron that fires at every step: a leak takes none of its spikes."""


@dataclass(frozen=True)
class Biased:
    graph: SpikingGraph
    changes: tuple[str, ...]
    """What it costs, for people."""


def with_bias_inputs(graph: SpikingGraph, description: Description, classes: Classes) -> Biased:
    """The graph where populations that have a bias, and can have none, get it by connections."""
    by_class: dict[str, list[str]] = {}
    for name, population in graph.populations.items():
        a = description.neurons[classes.of[name]].approximates
        if a.bias is None and a.current is None and np.any(constant_of(population.dynamics)):
            by_class.setdefault(classes.of[name], []).append(name)
    if not by_class:
        return Biased(graph, ())
    changes: list[str] = []
    source = _free(graph, NAME)
    for kind, names in by_class.items():
        through = _way(description, kind)
        if through is None:
            continue  # no way in: `forms` refuses the bias
        graph = replace(
            graph, inputs={**graph.inputs, source: (1,)}, always=graph.always | {source}
        )
        origin = source
        if through != INPUT:
            origin = _free(graph, f"{source}.{through}")
            others = (
                graph.populations[n].dynamics.reset for n, k in classes.of.items() if k == through
            )
            reset: Reset = next(others, "zero")  # the chip may have one for all
            dynamics = relay_dynamics(description.neurons[through], 1, reset=reset)
            relay = Population(origin, (1,), dynamics)
            to_relay = Projection(source, origin, 0, 0, _column(np.array([SURPLUS])))
            graph = replace(
                graph,
                populations={origin: relay, **graph.populations},
                projections=(to_relay, *graph.projections),
            )
        for name in names:
            population = graph.populations[name]
            bias = constant_of(population.dynamics)
            zero = tuple(np.zeros_like(b) for b in population.dynamics.current_biases)
            rest = population.dynamics.changed(bias=np.zeros_like(bias), current_biases=zero)
            graph = graph.with_populations([replace(population, dynamics=rest)])
            projection = Projection(origin, name, 0, 0, _column(bias))
            graph = replace(graph, projections=(*graph.projections, projection))
        way = f"input {source}, which is always on"
        if through != INPUT:
            way += f", through a {through} neuron that fires at every step"
        changes.append(
            f"{', '.join(names)}: biases come by {way}: {description.name} has none for {kind}s"
        )
    return Biased(graph, tuple(changes))


def constant_of(d: Dynamics) -> Array:
    """[n]: the constant that drives the membrane; a current's as what it comes to at last."""
    bias = d.bias
    for alpha, constant in zip(d.currents, d.current_biases, strict=False):
        bias = bias + constant / np.maximum(1.0 - alpha, 1e-9)
    return bias


def folded(graph: SpikingGraph) -> SpikingGraph:
    """The same network where inputs that are always on are constants of the populations again."""
    for projection in graph.projections:
        if projection.source not in graph.always:
            continue
        population = graph.populations[projection.target]
        d, k = population.dynamics, projection.receptor
        constant = projection.weights.apply(np.ones(graph.size_of(projection.source)))
        if d.currents:
            found = list(d.current_biases or (np.zeros(d.size) for _ in d.currents))
            found[k] = found[k] + constant
            d = d.changed(current_biases=tuple(found))
        else:
            d = d.changed(bias=d.bias + constant)
        graph = graph.with_populations([replace(population, dynamics=d)])
    kept = tuple(p for p in graph.projections if p.source not in graph.always)
    inputs = {name: shape for name, shape in graph.inputs.items() if name not in graph.always}
    return replace(graph, inputs=inputs, projections=kept, always=frozenset())


def _way(description: Description, kind: str) -> str | None:
    """INPUT where inputs reach a class of neurons, or the class that stands between."""
    into = {e.source for e in description.edges.values() if e.target == kind}
    if INPUT in into:
        return INPUT
    from_outside = {e.target for e in description.edges.values() if e.source == INPUT}
    for name, neuron in description.neurons.items():
        if name in into & from_outside and neuron.approximates.threshold is not None:
            return name
    return None


def _column(weights: Array) -> Sparse:
    rows = np.flatnonzero(weights)
    return Sparse.of((len(weights), 1), rows, np.zeros(len(rows), np.int64), weights[rows])


def _free(graph: SpikingGraph, name: str) -> str:
    taken, found, number = {*graph.inputs, *graph.populations}, name, 1
    while found in taken:
        number += 1
        found = f"{name}{number}"
    return found
