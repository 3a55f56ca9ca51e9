"""Some neurons of each population: enough to compare the shifts of a chip, which all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.graph import Dynamics, SpikingGraph
from snncc.passes.legalization.sparse import Sparse

MOST = 64


def chosen_neurons(graph: SpikingGraph, groups: Mapping[str, Array]) -> dict[str, Array]:
    """Population -> neurons, evenly spread, in whole groups, ascending."""
    found = {}
    for name, population in graph.populations.items():
        if population.size <= MOST:
            found[name] = np.arange(population.size)
            continue
        of = groups[name]
        count = int(of.max()) + 1
        wanted = max(1, round(MOST * count / population.size))
        found[name] = np.flatnonzero(np.isin(of, np.linspace(0, count - 1, wanted).astype(int)))
    return found


def sampled(graph: SpikingGraph, chosen: Mapping[str, Array]) -> SpikingGraph:
    """The graph with these neurons as targets; the sources of projections are still all."""
    populations = [
        replace(p, shape=(len(chosen[p.name]),), dynamics=_dynamics(p.dynamics, chosen[p.name]))
        for p in graph.populations.values()
    ]
    projections = []
    for p in graph.projections:
        w, kept = p.weights, chosen[p.target]
        place = np.full(w.shape[0], -1)
        place[kept] = np.arange(len(kept))
        here = place[w.rows] >= 0
        few = Sparse((len(kept), w.shape[1]), place[w.rows[here]], w.columns[here], w.values[here])
        projections.append(replace(p, weights=few))
    return replace(graph, projections=tuple(projections)).with_populations(populations)


def _dynamics(d: Dynamics, kept: Array) -> Dynamics:
    return replace(
        d,
        decay=d.decay[kept],
        bias=d.bias[kept],
        currents=tuple(c[kept] for c in d.currents),
        current_biases=tuple(c[kept] for c in d.current_biases),
        threshold=None if d.threshold is None else d.threshold[kept],
        amount=None if d.amount is None else d.amount[kept],
        leak=None if d.leak is None else d.leak[kept],
        floor=None if d.floor is None else d.floor[kept],
    )
