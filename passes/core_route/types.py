"""
Which type of axon carries which weight of a neuron.

A source needs an axon in a core for each type in which neurons there take its spikes. So equal
weights get equal types wherever that is possible, and else the types that a neuron's sources have
already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.wiring import Wire
from snncc.passes.legalization.faults import Faults

NO_WEIGHT = "SNC-N006"


def tables_of(
    wires: Sequence[Wire], sizes: Mapping[str, int], types: int, faults: Faults
) -> dict[str, Array]:
    """
    Population -> [types, n] weights by type; `sizes` are those of populations and inputs. Adds a
    fault for each population in which a neuron has more weights.
    """
    alphabet = np.unique(np.concatenate([wire.weights for wire in wires] or [np.zeros(0, int)]))
    if len(alphabet) <= types:
        column = np.zeros(types, np.int64)
        column[: len(alphabet)] = alphabet
        reached = {wire.target for wire in wires}
        return {name: np.tile(column[:, None], (1, sizes[name])) for name in reached}
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    used = np.zeros((sum(sizes.values()), types))
    found: dict[str, Array] = {}
    for name in sorted({wire.target for wire in wires}, key=list(sizes).index):
        into = [wire for wire in wires if wire.target == name]
        sources = np.concatenate([wire.sources + first[wire.source] for wire in into])
        targets = np.concatenate([wire.targets for wire in into])
        weights = np.concatenate([wire.weights for wire in into])
        order = np.argsort(targets, kind="stable")
        ends = np.searchsorted(targets[order], np.arange(sizes[name] + 1))
        table = np.zeros((types, sizes[name]), np.int64)
        most = 0
        for neuron in range(sizes[name]):
            rows = order[ends[neuron] : ends[neuron + 1]]
            values, kind = np.unique(weights[rows], return_inverse=True)
            most = max(most, len(values))
            if len(values) <= types:
                table[:, neuron] = _assigned(values, kind, sources[rows], used)
        if most > types:
            faults.add(
                NO_WEIGHT,
                name,
                f"{most} different weights of one neuron; axons have {types} types: "
                f"{most - types} too many",
                "delays that the chip cuts bring synapses together: shorten them",
            )
        found[name] = table
    return found


def _assigned(values: Array, kind: Array, sources: Array, used: Array) -> Array:
    """
    [types] the weight of each type, for one neuron. `used` [sources, types] counts neurons before
    it; a type that a source has had costs little.
    """
    types = used.shape[1]
    cost = np.zeros((len(values), types))
    np.add.at(cost, kind, 1 / (1 + used[sources]))
    best = min(
        permutations(range(types), len(values)),
        key=lambda chosen: round(sum(cost[i, t] for i, t in enumerate(chosen)), 9),
    )
    column = np.zeros(types, np.int64)
    column[list(best)] = values
    np.add.at(used, (sources, np.array(best, np.int64)[kind]), 1)
    return column


def kinds_of(wire: Wire, tables: Mapping[str, Array]) -> Array:
    """[synapses] the type of the axon that each comes by."""
    if wire.target not in tables:
        return np.zeros(len(wire.weights), np.int64)
    same = tables[wire.target][:, wire.targets] == wire.weights
    return np.asarray(same.argmax(axis=0))
