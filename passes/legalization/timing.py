"""
Latencies: when spikes arrive on the chip, and what that does to the network.

A population of the chip runs some steps behind the network, its lag. An edge of a network's delay d
from p to q arrives right where

    latency + extra = d + lag(q) - lag(p),      0 <= extra <= what the chip can add

(Leiserson and Saxe 1991: retiming). Lags are the longest paths of latency - d; loops that are too
short for the chip's latency, and side paths that are faster than what they go beside, arrive late
or early, which is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.core.description import Description
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import Output, Projection, SpikingGraph
from snncc.passes.legalization.sparse import Sparse

NO_DELAY = "SNC-N003"
MOST_STEPS = 1
"""By which a spike may arrive at another time than in the network; its cost is measured."""


@dataclass(frozen=True)
class Arrival:
    """A projection that arrives at another time than in the network."""

    source: str
    target: str
    late: int
    """Steps; early where below 0."""

    def __str__(self) -> str:
        steps = abs(self.late)
        when = "late" if self.late > 0 else "early"
        return f"{self.source} -> {self.target}: {steps} step{'s' * (steps > 1)} {when}"


@dataclass(frozen=True)
class Timed:
    """
    The graph with the chip's delays (latency included), and what each edge adds to its latency. Of
    a chip of events loops keep their delays.
    """

    graph: SpikingGraph
    extra: tuple[int, ...]
    changed: tuple[Arrival, ...]
    lags: dict[str, int]


def expect_delays(placed: Timed, description: Description, faults: Faults) -> None:
    """Adds a fault for each delay of the network that is no matter of one step."""
    for arrival in placed.changed:
        # what is always the same is so in the first steps only
        constant = arrival.source in placed.graph.constants
        if abs(arrival.late) > MOST_STEPS and not constant:
            faults.add(
                NO_DELAY,
                arrival.target,
                f"spikes of {arrival.source} would arrive {abs(arrival.late)} steps "
                f"{'late' if arrival.late > 0 else 'early'} on {description.name}; "
                f"{MOST_STEPS} step is the most by which they may be off",
                "train with the delays that the chip has, or without loops over long delays",
            )


def timed(graph: SpikingGraph, description: Description, classes: Classes) -> Timed:
    latencies = [
        classes.edge(description, index).latency for index in range(len(graph.projections))
    ]
    most = [classes.edge(description, index).delay for index in range(len(graph.projections))]
    lags = _lags(graph, latencies)
    projections, extra, changed = [], [], []
    for projection, latency, limit in zip(graph.projections, latencies, most, strict=True):
        wanted = projection.delay + lags[projection.target] - lags[projection.source] - latency
        added = min(max(wanted, 0), limit)
        extra.append(added)
        delay = latency + added
        if description.execution == "events" and added < wanted:
            # within the step that caused them, spike by spike: no network of steps does that, and
            # it is measured on the chip's model only
            delay = latency + wanted
        projections.append(replace(projection, delay=delay))
        if added != wanted:
            changed.append(Arrival(projection.source, projection.target, added - wanted))
    projections = _one_synapse_a_pair(projections, extra)
    outputs = {
        name: Output(output.source, output.lag + lags[output.source])
        for name, output in graph.outputs.items()
    }
    return Timed(
        replace(graph, projections=tuple(projections), outputs=outputs),
        tuple(extra),
        tuple(changed),
        lags,
    )


def _one_synapse_a_pair(
    projections: Sequence[Projection], extra: Sequence[int]
) -> list[Projection]:
    """
    Connections that arrive together now are one: the first projection has all, the others none.
    """
    found: dict[tuple[str, str, int, int], int] = {}
    merged = list(projections)
    for index, p in enumerate(projections):
        first = found.setdefault((p.source, p.target, p.receptor, extra[index]), index)
        if first != index:
            merged[first] = replace(merged[first], weights=merged[first].weights + p.weights)
            none = np.zeros(0, np.int64)
            empty = Sparse(p.weights.shape, none, none, np.zeros(0))
            merged[index] = replace(p, weights=empty)
    return merged


def _lags(graph: SpikingGraph, latencies: Sequence[int]) -> dict[str, int]:
    """
    The least lags with which nothing that can be in time is late (Bellman and Ford). Of a loop
    that is too short the edge that closes it, the one of the longest delay, is given up.
    """
    edges: list[tuple[Projection, int]] = [
        (p, latency)
        for p, latency in zip(graph.projections, latencies, strict=True)
        if p.source not in graph.constants  # which are never late
    ]
    while True:
        lags = dict.fromkeys([*graph.inputs, *graph.populations], 0)
        reached: dict[str, int] = {}
        for _ in range(len(lags) + 1):
            raised = None
            for index, (p, latency) in enumerate(edges):
                least = lags[p.source] + latency - p.delay
                if least > lags[p.target] and p.target not in graph.inputs:
                    lags[p.target] = least
                    reached[p.target] = index
                    raised = p.target
            if raised is None:
                return lags
        assert raised is not None
        del edges[_closing(edges, reached, raised)]


def _closing(edges: Sequence[tuple[Projection, int]], reached: dict[str, int], name: str) -> int:
    """Of the loop that raises lags for ever: the edge of the longest delay."""
    for _ in range(len(reached) + 1):  # onto the loop
        name = edges[reached[name]][0].source
    loop, start = [], name
    while True:
        index = reached[name]
        loop.append(index)
        name = edges[index][0].source
        if name == start:
            return max(loop, key=lambda i: edges[i][0].delay)
