"""
Maximum pools of spikes: a neuron that fires when any of its sources does.

It hears each with a weight above its threshold, and a spike sets it to 0, so that nothing is left
of a step. Whatever decay its class has, there is nothing to decay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snncc.dialects.core.description import Description
from snncc.passes.legalization.affine import Affine
from snncc.passes.legalization.classes import NO_NEURON, Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import Dynamics, Population, Projection, SpikingGraph
from snncc.passes.legalization.relays import fastest


def pool_population(name: str, shape: tuple[int, ...]) -> Population:
    size = int(np.prod(shape, dtype=np.int64))
    d = Dynamics(np.zeros(size), np.zeros(size), threshold=np.full(size, 0.5), reaches=True)
    return Population(name, shape, d.changed(reset="zero"))


def pool_projections(pools: Mapping[str, Affine]) -> list[Projection]:
    """The connections of pools whose windows hold these spikes."""
    return [
        Projection(source, name, 0, delay, weights)
        for name, windows in pools.items()
        for (source, delay), weights in windows.terms.items()
    ]


def expect_pools(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> SpikingGraph:
    """The graph with decays that the chip's pools may have; a fault where it can have none."""
    populations = []
    for name in graph.pools:
        neuron = description.neurons[classes.of[name]]
        a = neuron.approximates
        reason = None
        if description.execution == "events":
            reason = f"{description.name} goes from event to event, and would fire for each spike"
        elif a.reset is None or "zero" not in a.reset.kinds or neuron.most > 1:
            reason = f"those of {description.name} keep what is left above their threshold"
        elif a.current is not None:
            reason = f"those of {description.name} have a current that lasts"
        if reason is not None:
            faults.add(
                NO_NEURON,
                name,
                "a maximum pool of spikes needs neurons that fire once when any source does, and "
                f"forget the others: {reason}",
                "replace it by an average pool, or by a stride of the convolution, and train again",
            )
        population = graph.populations[name]
        decay = np.full(population.size, fastest(neuron, a.membrane))
        populations.append(replace(population, dynamics=population.dynamics.changed(decay=decay)))
    return graph.with_populations(populations)
