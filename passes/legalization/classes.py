"""Which class of the chip's neurons each population becomes, and of its edges each projection."""

from __future__ import annotations

from dataclasses import dataclass

from snncc.dialects.core.description import INPUT, Description, Edge
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import Population, Projection, SpikingGraph

NO_SYNAPSES, NO_NEURON = "SNC-N003", "SNC-N004"


@dataclass(frozen=True)
class Classes:
    """Population -> class of neurons; projection -> class of edges, by its place."""

    of: dict[str, str]
    edges: tuple[str, ...]

    def edge(self, description: Description, index: int) -> Edge:
        return description.edges[self.edges[index]]


def classes_of(graph: SpikingGraph, description: Description, faults: Faults) -> Classes:
    """
    Populations that nothing on the chip listens to are readouts, where the chip has some; faults
    name what has no place.
    """
    of = {name: _class_of(graph, p, description, faults) for name, p in graph.populations.items()}
    edges = []
    for projection in graph.projections:
        edges.append(_edge_of(graph, projection, of, description, faults))
    return Classes(of, tuple(edges))


def _class_of(
    graph: SpikingGraph, population: Population, description: Description, faults: Faults
) -> str:
    spikes = population.dynamics.threshold is not None
    ends = not graph.out_of(population.name)
    readout = description.readout
    starts = [name for name in description.neurons if name != readout]
    order = [readout, *starts] if ends and readout is not None else starts
    if ends:
        order += [name for name in starts if name not in order]
    inputs = any(p.source in graph.inputs for p in graph.into(population.name))
    reached = {e.target for e in description.edges.values() if e.source == INPUT}
    order.sort(key=lambda name: inputs and name not in reached)  # those that inputs reach first
    for name in order:
        if (description.neurons[name].approximates.threshold is not None) == spikes:
            return name
    if spikes:
        faults.add(
            NO_NEURON,
            population.name,
            f"spikes, and {description.name} has no spiking neuron for an output",
            "end the network with a membrane that does not spike (a leaky integrator)",
        )
    else:
        faults.add(
            NO_NEURON,
            population.name,
            f"does not spike, and all neurons of {description.name} do",
            "end the network with spiking neurons; their counts are the output",
        )
    return order[0] if order else next(iter(description.neurons))


def _edge_of(
    graph: SpikingGraph,
    projection: Projection,
    of: dict[str, str],
    description: Description,
    faults: Faults,
) -> str:
    source = of.get(projection.source, INPUT)
    target = of[projection.target]
    for name, edge in description.edges.items():
        if edge.source == source and edge.target == target:
            return name
    what = "the inputs" if source == INPUT else f"{projection.source} ({source})"
    faults.add(
        NO_SYNAPSES,
        projection.target,
        f"{what} cannot reach {target} neurons of {description.name}",
        "put a spiking layer in between",
    )
    return next(iter(description.edges))
