"""The neurons and crossbars of a program that is placed on several cores, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.placement import cores_of, places_of
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.routing import bus_of, copies_of, lines_of, routes_of, weights_of

ENTRY = (0, 0)
"""The place of a mesh at which packets from outside enter it."""


@dataclass(frozen=True)
class Neurons:
    """The neurons of a population: its elements, and their copies."""

    element: Array
    core: Array
    slot: Array


@dataclass(frozen=True)
class Connections:
    """Crossbar bits of one core: neuron (by slot) and axon of each, and the synapse's weight."""

    slot: Array
    axon: Array
    weight: Array


class Unwired(ValueError):
    """A synapse that no axon carries."""


class Wiring:
    """
    What lies where, by the names of populations and inputs. `neurons` has populations that are
    placed, `routes` [k, 5] and `lines` [k, 2] have a row for everything that sends.
    """

    def __init__(self, program: ProgramOp):
        self.program = program
        self.cores = cores_of(program)
        bus = bus_of(program)
        self.bus = None if bus is None else bus.coordinates
        self.outputs = 0 if bus is None else int(bus.outputs.value.data)
        self.tables = weights_of(program)
        self.routes = dict.fromkeys(program.endings, np.zeros((0, 5), np.int64))
        self.routes |= routes_of(program)
        self.lines = dict.fromkeys(program.populations, np.zeros((0, 2), np.int64))
        self.lines |= lines_of(program)
        copies = copies_of(program)
        self.neurons: dict[str, Neurons] = {}
        for name, (core, slot) in places_of(program).items():
            if name not in program.populations:
                continue
            more = copies.get(name, np.zeros((0, 3), np.int64))
            self.neurons[name] = Neurons(
                np.concatenate([np.arange(len(core)), more[:, 0]]),
                np.concatenate([core, more[:, 1]]),
                np.concatenate([slot, more[:, 2]]),
            )

    def elements(self, name: str) -> Array:
        """[k] the element that each route of a population or input starts from."""
        sender = self.routes[name][:, 0]
        return self.neurons[name].element[sender] if name in self.neurons else sender

    def types(self, axons: int) -> Array:
        """[cores, axons] the type of each axon; 0 of those that nothing comes by."""
        found = np.zeros((len(self.cores), axons), np.int64)
        for routes in self.routes.values():
            found[routes[:, 1], routes[:, 2]] = routes[:, 3]
        return found

    def sizes(self) -> Array:
        """[cores] neurons, copies included."""
        found = np.zeros(len(self.cores), np.int64)
        for neurons in self.neurons.values():
            found += np.bincount(neurons.core, minlength=len(found))
        return found

    def axons(self) -> Array:
        """[cores] axons that spikes come by."""
        found = np.zeros(len(self.cores), np.int64)
        for routes in self.routes.values():
            found += np.bincount(routes[:, 1], minlength=len(found))
        return found

    def connections(self) -> list[Connections]:
        """The crossbar of each core. Raises Unwired."""
        parts: list[tuple[Array, Array, Array, Array]] = [
            part for wire in merged(self.program) for part in self._of(wire)
        ]
        if not parts:
            nothing = np.zeros(0, np.int64)
            return [Connections(nothing, nothing, nothing) for _ in self.cores]
        core, slot, axon, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
        return [
            Connections(slot[core == c], axon[core == c], weight[core == c])
            for c in range(len(self.cores))
        ]

    def _of(self, wire: Wire) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Core, slot, axon and weight of each crossbar bit of some synapses."""
        neurons = self.neurons[wire.target]
        synapse, instance = expanded(wire.targets, neurons.element)
        kind = np.zeros(len(wire.targets), np.int64)
        if wire.target in self.tables:
            table = self.tables[wire.target][:, wire.targets]
            same = table == wire.weights
            if not same.any(axis=0).all():
                raise Unwired(f"{wire.target}: a weight that stands in no table")
            kind = same.argmax(axis=0)
        routes = self.routes[wire.source]
        cores = len(self.cores)
        types = int(max(routes[:, 3].max(initial=0), kind.max(initial=0))) + 1

        def key(element: Array, core: Array, type: Array) -> Array:
            return (element * cores + core) * types + type

        here = routes[:, 4] == wire.delay
        routes, element = routes[here], self.elements(wire.source)[here]
        known = key(element, routes[:, 1], routes[:, 3])
        order = np.argsort(known, kind="stable")
        core = neurons.core[instance]
        wanted = key(wire.sources[synapse], core, kind[synapse])
        place = np.searchsorted(known[order], wanted)
        if (place >= len(known)).any() or (known[order][place] != wanted).any():
            raise Unwired(f"{wire.source} to {wire.target}: a synapse without an axon")
        yield core, neurons.slot[instance], routes[order[place], 2], wire.weights[synapse]


@dataclass(frozen=True)
class Wire:
    """All synapses from an input or population to a population with one delay, each pair once."""

    source: str
    target: str
    delay: int
    sources: Array
    targets: Array
    weights: Array


def merged(program: ProgramOp) -> list[Wire]:
    """
    The synapses of a program, by source, target and delay; what two operations say of the same
    neurons adds up, as it does on the chip.
    """
    parts: dict[tuple[str, str, int], list[tuple[Array, Array, Array]]] = {}
    for op in program.synapses:
        key = (op.source_name, op.target_name, int(op.delay.value.data))
        parts.setdefault(key, []).append(op.table())
    wires = []
    for (source, target, delay), tables in parts.items():
        size = program.endings[target].size
        sources, targets, weights = (np.concatenate(c) for c in zip(*tables, strict=True))
        pair, inverse = np.unique(sources * size + targets, return_inverse=True)
        total = np.zeros(len(pair), np.int64)
        np.add.at(total, inverse, weights)
        kept = total != 0
        wires.append(
            Wire(source, target, delay, pair[kept] // size, pair[kept] % size, total[kept])
        )
    return wires


def expanded(wanted: Array, element: Array) -> tuple[Array, Array]:
    """
    For each i, every place j where element[j] == wanted[i]: the pairs as arrays (i, j). Of
    synapses and neurons: each synapse once for every copy of its target.
    """
    order = np.argsort(element, kind="stable")
    ordered = element[order]
    first = np.searchsorted(ordered, wanted, "left")
    count = np.searchsorted(ordered, wanted, "right") - first
    i = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return i, order[np.repeat(first, count) + within]
