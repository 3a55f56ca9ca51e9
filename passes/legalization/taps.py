"""
Outputs that are seen: spikes of neurons that nobody outside can read go through neurons that are.

Each neuron gets one of a class that is read, with one synapse. If that spikes it fires with it; if
it does not it sums: what is read is how many spikes there were so far, and at the end of a sample
the most frequent one decides as the spikes would.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from snncc.dialects.core.description import Description
from snncc.passes.legalization.classes import NO_NEURON, Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import Output, Population, Projection, SpikingGraph
from snncc.passes.legalization.relays import relay_dynamics
from snncc.passes.legalization.sparse import Sparse


@dataclass(frozen=True)
class Tapped:
    graph: SpikingGraph
    changes: tuple[str, ...]


def with_taps(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> Tapped:
    """The graph where all outputs are of classes that are visible; a fault where there are none."""
    changes: list[str] = []
    for output in tuple(graph.outputs.values()):
        name = output.source
        kind = classes.of.get(name)
        if kind is None or description.neurons[kind].visible:
            continue
        seen = _seen(description, kind)
        if seen is None or graph.populations[name].dynamics.threshold is None:
            faults.add(
                NO_NEURON,
                name,
                f"an output of {kind} neurons, which are not seen outside of {description.name}",
                "end the network with a layer that nothing else listens to",
            )
            continue
        tap = f"{name}.out"
        while tap in graph.populations:
            tap += "1"
        size = graph.size_of(name)
        neuron = description.neurons[seen]
        dynamics = relay_dynamics(neuron, size, forgets=neuron.approximates.threshold is not None)
        population = Population(tap, graph.populations[name].shape, dynamics)
        graph = replace(
            graph,
            populations={**graph.populations, tap: population},
            projections=(*graph.projections, Projection(name, tap, 0, 0, Sparse.identity(size))),
            outputs={
                key: Output(tap, o.lag) if o.source == name else o
                for key, o in graph.outputs.items()
            },
        )
        what = "fire with them" if dynamics.threshold is not None else "count them: spikes so far"
        changes.append(f"{name}: {seen} neurons {what}, for {kind} neurons are not seen outside")
    return Tapped(graph, tuple(changes))


def _seen(description: Description, kind: str) -> str | None:
    """A visible class that a class of neurons reaches: one that spikes, if there is one."""
    reached = [edge.target for edge in description.edges.values() if edge.source == kind]
    visible = [name for name in reached if description.neurons[name].visible]
    spiking = [n for n in visible if description.neurons[n].approximates.threshold is not None]
    return next(iter([*spiking, *visible]), None)
