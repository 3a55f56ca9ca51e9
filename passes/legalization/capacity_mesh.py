"""What no placement on the cores of a mesh can hold, whatever the weights become."""

from __future__ import annotations

import numpy as np

from snncc.dialects.core.description import Description
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import SpikingGraph

TOO_BIG = "SNC-N002"


def expect_room_on_mesh(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> None:
    """
    Adds a fault where there are too many neurons or outputs for all cores together, or a neuron
    has more sources than a core has axons. Each is a lower bound: copies come on top.
    """
    grid = description.grid
    for kind, neuron in description.neurons.items():
        members = [name for name, c in classes.of.items() if c == kind]
        count = sum(_least(graph, name, description) for name in members)
        most = grid.places * neuron.count
        if count > most:
            faults.add(
                TOO_BIG,
                max(members, key=graph.size_of),
                f"{count} {kind}s, with a copy for each destination; {description.name} has "
                f"{grid.places} cores x {neuron.count} = {most}: {count - most} too many",
                "make the layers smaller",
            )
    sources = {output.source for output in graph.outputs.values()}
    shown = sum(graph.size_of(name) for name in sources)
    if grid.bus is not None and shown > grid.bus:
        faults.add(
            TOO_BIG,
            max(sources, key=graph.size_of),
            f"{shown} outputs; the output bus of {description.name} has {grid.bus} lines: "
            f"{shown - grid.bus} too many",
            "give fewer layers as outputs",
        )
    for name in graph.populations:
        sources_of = _fan_in(graph, name)
        widest = int(sources_of.max(initial=0))
        if grid.axons is not None and widest > grid.axons:
            faults.add(
                TOO_BIG,
                name,
                f"a neuron with {widest} sources; a core of {description.name} has {grid.axons} "
                f"axons: {widest - grid.axons} too many",
                "train with fewer inputs for each neuron, or with a layer between that sums parts "
                "of them: its neurons would spike, so the compiler cannot put it there without "
                "changing the network",
            )


def _least(graph: SpikingGraph, name: str, description: Description) -> int:
    """Neurons that a population needs at least: one for each destination of each of its neurons."""
    size = graph.size_of(name)
    if description.grid.fan_out is None:
        return size
    shown = any(output.source == name for output in graph.outputs.values())
    sent = np.full(size, int(shown))
    for delay in {p.delay for p in graph.out_of(name)}:
        reached = np.zeros(size, bool)
        for projection in graph.out_of(name):
            if projection.delay == delay:
                reached[projection.weights.columns] = True
        sent = sent + reached
    return int(np.maximum(1, -(-sent // description.grid.fan_out)).sum())


def _fan_in(graph: SpikingGraph, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """[n] sources of each neuron, one for each delay in which it hears them."""
    found = np.zeros(graph.size_of(name), np.int64)
    for key in {(p.source, p.delay) for p in graph.into(name)}:
        parts = [p.weights for p in graph.into(name) if (p.source, p.delay) == key]
        pairs = np.unique(np.concatenate([w.columns * w.shape[0] + w.rows for w in parts]))
        found += np.bincount(pairs % len(found), minlength=len(found))
    return found
