"""Whether a network fits the chip: which resource is short, by how much, and what would help."""

from __future__ import annotations

import numpy as np

from snncc.dialects.core.description import INPUT, Description
from snncc.passes.legalization.capacity_mesh import TOO_BIG, expect_room_on_mesh
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import SpikingGraph


def expect_room(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> None:
    """
    Adds a fault for each resource that is short: of a chip of several cores as far as it shows
    before weights are whole numbers and neurons have cores.
    """
    if description.grid.routed:
        expect_room_on_mesh(graph, description, classes, faults)
        return
    needed = {INPUT: sum(graph.size_of(name) for name in graph.inputs)}
    largest: dict[str, str] = {}
    for name, kind in classes.of.items():
        group = description.neurons[kind].group  # which has neurons of one layer
        places = -(-graph.size_of(name) // group) * group
        needed[kind] = needed.get(kind, 0) + places
        if kind not in largest or graph.size_of(name) > graph.size_of(largest[kind]):
            largest[kind] = name
    limits = {INPUT: description.inputs.count}
    limits |= {kind: neuron.count for kind, neuron in description.neurons.items()}
    for kind, count in needed.items():
        if count > limits[kind]:
            what = f"{kind}s" if kind in (INPUT, "neuron") else f"{kind} neurons"
            faults.add(
                TOO_BIG,
                largest.get(kind),
                f"{count} {what}{_with_bias(graph) if kind == INPUT else ''}; "
                f"{description.name} has {limits[kind]}: "
                f"{count - limits[kind]} too many",
                "use fewer input channels" if kind == INPUT else "make the layers smaller",
            )
    shared = description.shared
    if shared is not None:
        total = sum(needed.get(kind, 0) for kind in shared.of)
        if total > shared.places:
            faults.add(
                TOO_BIG,
                None,
                f"{total} {' and '.join(f'{kind}s' for kind in shared.of)} together"
                f"{_with_bias(graph)}; "
                f"{description.name} has "
                f"{shared.places} places for them: {total - shared.places} too many",
                "use fewer input channels or smaller layers",
            )
    _synapses(graph, description, classes, faults)


def _with_bias(graph: SpikingGraph) -> str:
    return " with the one that carries biases" if graph.always else ""


def _synapses(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> None:
    for name in dict.fromkeys(classes.edges):
        edge, found = description.edges[name], _connected(graph, classes, name)
        count = sum(map(len, found.values()))
        if edge.synapses is not None and count > edge.synapses:
            faults.add(
                TOO_BIG,
                None,
                f"{count} {name} synapses; {description.name} has {edge.synapses}: "
                f"{count - edge.synapses} too many",
                "prune connections, or make the layers smaller",
            )
        for source in dict.fromkeys(source for source, _ in found):
            reached = sum(
                np.bincount(keys // graph.size_of(target), minlength=graph.size_of(source))
                for (start, target), keys in found.items()
                if start == source
            )
            most = int(np.max(reached, initial=0))
            if edge.fan_out is not None and most > edge.fan_out:
                faults.add(
                    TOO_BIG,
                    source,
                    f"a neuron reaches {most} others by {name} synapses; {description.name} "
                    f"has {edge.fan_out} for each: {most - edge.fan_out} too many",
                    "prune connections, or make the layers behind it smaller",
                )


def _connected(
    graph: SpikingGraph, classes: Classes, edge: str
) -> dict[tuple[str, str], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """(source, target) -> each connection once, as source neuron x size of target + target."""
    found: dict[tuple[str, str], list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]] = {}
    for projection, name in zip(graph.projections, classes.edges, strict=True):
        if name == edge:
            w = projection.weights
            key = w.columns * w.shape[0] + w.rows
            found.setdefault((projection.source, projection.target), []).append(key)
    return {ends: np.unique(np.concatenate(keys)) for ends, keys in found.items()}
