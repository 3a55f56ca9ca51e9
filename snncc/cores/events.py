"""
Runs a program of a chip that goes from event to event, as its host does: step by step of time.

In a step the host sends the events of its inputs in the program's order, each when nothing waits
any more, and then says that a step of time is over. What is given for a step are the spikes that
followed from its events, by neuron, and the states at its end.

Two ways give the same. Of layers without loops each layer is one run over all events of its
sources, whose order is known then; else the chip with its queue runs event by event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from snncc.cores.stepped import SteppedChip
from snncc.dialects.arrays import Array, signed_dtype
from snncc.dialects.core.description import Description
from snncc.dialects.core.order import event_order
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ProgramOp
from snncc.errors import error
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.passes.chip_model.events import (
    NEURONS,
    Fabric,
    fabric_of,
    interface,
    layer_model,
    model_of_events,
    settings_of,
)

LEAK, NONE = -1, -2
"""In place of a source: time goes on; nothing."""
ENDLESS = 1 << 10
"""Spikes that follow from one event, after which a network is said never to come to rest."""
OVERFLOW = "SNC-N009"


@dataclass
class _Events:
    """What is sent, [events, B]: a source, LEAK or NONE, and the step and event that it is of."""

    sources: Array
    steps: Array
    causes: Array

    def streams(self, sources: int) -> dict[str, Array]:
        """[events, B, sources] and [events, B, 1]."""
        event = self.sources[..., None] == np.arange(sources)
        return {
            "event": event.astype(np.uint8),
            "leaks": (self.sources == LEAK)[..., None].astype(np.uint8),
        }


@dataclass
class Found:
    """By slot: spikes [T, B, slots], states at the end of each step, and single spikes in order."""

    spikes: Array
    states: dict[str, Array]
    order: Array | None = None
    """(step, event, slot) of each spike of the only sample, [n, 3]."""


class EventChip:
    """The chip's model of a placed program. Inputs and outputs are those of the program."""

    def __init__(self, program: ProgramOp, description: Description):
        self.program = program
        self.description = description

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Input name -> shape at one step, without those that are always on."""
        return {n: tuple(op.shape.get_values()) for n, op in self.program.given.items()}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output name -> shape at one step."""
        populations = self.program.populations
        return {
            name: tuple(populations[op.source.root_reference.data].shape.get_values())
            for name, op in self.program.outputs.items()
        }

    @cached_property
    def interface(self) -> Network:
        """A network with the same inputs, for readers of files."""
        return Network(interface(self.program))

    @cached_property
    def fabric(self) -> Fabric:
        return fabric_of(self.program, self.description)

    @cached_property
    def network(self) -> Network:
        """The chip with its queue: a step is an event."""
        return Network(model_of_events(self.program, self.description))

    def run(self, x: Mapping[str, Any], trace: bool = False) -> dict[str, Any]:
        """
        Spikes of each step by output, [T, *shape] or [T, B, *shape], uint16; a trace has the
        populations by name, and their states at the end of each step.

        Raises SNC-N009 where more spikes wait than the chip holds, or where they never end.
        """
        arrays, batched = self._batched(x)
        return self._named(self._found(arrays), batched, trace)

    def ordered(self, x: Mapping[str, Any]) -> tuple[dict[str, Any], Array]:
        """
        A trace of one sample, and (step, event of the host, slot) of each spike in the chip's
        order, [n, 3].
        """
        arrays, batched = self._batched(x)
        found = self._queued(self._sent(arrays))
        assert found.order is not None
        return self._named(found, batched, True), found.order

    def _named(self, given: Found, batched: bool, trace: bool) -> dict[str, Any]:
        result: dict[str, Any] = {}
        places = places_of(self.program)

        def kept(array: Array) -> Array:
            return array if batched else array[:, 0]

        for name in self.program.populations:
            slots = places[name][1]
            result[name] = kept(given.spikes[..., slots])
            for state, values in given.states.items():
                result[f"{name}.{state}"] = kept(values[..., slots])
        found = {}
        for name, shape in self.outputs.items():
            spikes = result[self.program.outputs[name].source.root_reference.data]
            found[name] = spikes.reshape(*spikes.shape[:-1], *shape)
        return {**result, **found} if trace else found

    def _batched(self, x: Mapping[str, Any]) -> tuple[dict[str, Array], bool]:
        found, batched = {}, True
        for name, shape in self.inputs.items():
            array = np.asarray(x[name])
            batched = array.ndim == len(shape) + 2
            found[name] = array.reshape(len(array), array.shape[1] if batched else 1, -1)
        for name, array in self.program.with_always(x).items():
            if name not in found:
                found[name] = array.reshape(len(array), array.shape[1] if batched else 1, -1)
        return found, batched

    def _found(self, x: Mapping[str, Array]) -> Found:
        events = self._sent(x)
        layers = self.layers
        found = None if layers is None else self._layered(events, layers)
        return self._queued(events) if found is None else found

    def _sent(self, x: Mapping[str, Array]) -> _Events:
        """What the host sends."""
        places, order = places_of(self.program), event_order(self.program)
        first = next(iter(x.values()))
        spikes = np.zeros((*first.shape[:2], self.fabric.sources), bool)
        for name, array in x.items():
            spikes[..., places[name][1]] = array != 0
        sent: list[list[list[int]]] = [[[] for _ in range(first.shape[1])] for _ in range(3)]
        for b in range(first.shape[1]):
            for step, row in enumerate(spikes[:, b, order]):
                sources = [*order[row].tolist(), LEAK]
                sent[0][b] += sources
                sent[1][b] += [step] * len(sources)
            sent[2][b] = list(range(len(sent[0][b])))
        return _padded(sent, len(first) - 1)

    # --- layers

    @cached_property
    def layers(self) -> list[tuple[Array, Array, Network]] | None:
        """
        Sources, slots and network of each layer, where each neuron has its sources in the layer
        before and among the inputs: an input's event comes before all spikes that it causes, so
        that nothing else decides in which order they arrive.
        """
        level = dict.fromkeys(self.program.inputs, 0)
        into: dict[str, set[str]] = {name: set() for name in self.program.populations}
        for synapses in self.program.synapses:
            into[synapses.target_name].add(synapses.source_name)
        waiting = dict(into)
        while waiting:
            ready = [name for name, sources in waiting.items() if sources <= set(level)]
            if not ready:
                return None
            for name in ready:
                below = {level[source] for source in waiting.pop(name)} - {0}
                if len(below) > 1:
                    return None
                level[name] = 1 + max(below, default=0)
        settings = settings_of(self.program, self.description)
        places = {name: slots for name, (_, slots) in places_of(self.program).items()}
        by_level = [
            np.sort(np.concatenate([places[name] for name in level if level[name] == depth]))
            for depth in range(max(level.values()) + 1)
        ]
        found = []
        for depth, (before, slots) in enumerate(pairwise(by_level), start=1):
            inputs = by_level[0][self.fabric.weights[by_level[0]][:, slots].any(axis=1)]
            sources = np.union1d(before, inputs)
            part = self.fabric.part(sources, slots)
            network = Network(layer_model(f"layer{depth}", part, settings))
            found.append((sources, slots, network))
        return found

    def _layered(self, sent: _Events, layers: list[tuple[Array, Array, Network]]) -> Found | None:
        """None where so many spikes follow from one event that the queue might be full."""
        assert self.description.queue is not None
        steps, batch = int(sent.steps.max()) + 1, sent.sources.shape[1]
        spikes = np.zeros((steps, batch, self.fabric.slots), np.uint16)
        states: dict[str, Array] = {}
        followed = np.zeros((batch, int(sent.causes.max()) + 1), np.int64)
        events = sent
        for sources, slots, network in layers:
            numbers = np.full(self.fabric.sources, NONE)
            numbers[sources] = np.arange(len(sources))
            local = np.where(events.sources >= 0, numbers[events.sources], events.sources)
            streams = _Events(local, events.steps, events.causes).streams(len(sources))
            trace = network.run(streams, trace=True)
            fired = trace["spikes"] != 0
            for b in range(batch):
                np.add.at(spikes[:, b], (events.steps[:, b, None], slots), fired[:, b])
                np.add.at(followed[b], events.causes[:, b], fired[:, b].sum(axis=1))
            last = np.stack(
                [np.searchsorted(events.steps[:, b], np.arange(steps), "right") - 1
                 for b in range(batch)], axis=1
            )  # fmt: skip
            for name in self.fabric.neuron.states:
                array = trace[f"{NEURONS}.{name}"]
                held = states.setdefault(
                    name, np.zeros((steps, batch, self.fabric.slots), array.dtype)
                )
                held[..., slots] = array[last, np.arange(batch)]
            events = _caused(events, fired, slots, steps - 1, self.fabric.slots)
        if followed.max(initial=0) >= self.description.queue:
            return None
        return Found(spikes, states)

    # --- the queue

    def _queued(self, sent: _Events) -> Found:
        """Event by event; samples go on side by side, each when nothing of it waits."""
        steps, batch = int(sent.steps.max()) + 1, sent.sources.shape[1]
        spikes = np.zeros((steps, batch, self.fabric.slots), np.uint16)
        names = list(self.fabric.neuron.states)
        states: dict[str, Array] = {}
        order: list[tuple[int, int, int]] = []
        place = np.zeros(batch, np.int64)  # of the event that is next
        since = np.zeros(batch, np.int64)
        pending = np.zeros(batch, np.int64)
        every, count = np.arange(batch), len(sent.sources)
        interpreter = NetworkInterpreter(self.network.module, self.network.op)
        held: Mapping[str, Array] | None = None
        while True:
            ready = (pending == 0) & (place < count)
            if not ready.any() and not pending.any():
                return Found(spikes, states, np.array(order, np.int64).reshape(-1, 3))
            at = np.minimum(place, count - 1)
            now = np.where(ready, sent.sources[at, every], NONE)
            current = np.where(ready, at, np.maximum(place - 1, 0))
            since = np.where(ready, 0, since + 1)
            place = place + ready
            streams = _Events(now[None], sent.steps[:1], sent.causes[:1])
            found = interpreter.run(streams.streams(self.fabric.sources), state0=held)
            held, given = found.final, found.outputs
            fired, step = given["spikes"][0] != 0, sent.steps[current, every]
            np.add.at(spikes, (step, every), fired)
            pending = given["pending"][0, :, 0].astype(np.int64)
            self._expect_room(given["lost"][0, :, 0], since, step)
            for name in names:
                array = found.final[f"{NEURONS}.{name}"]
                array = array.view(signed_dtype(array.dtype))
                kept = states.setdefault(name, np.zeros((steps, *array.shape), array.dtype))
                kept[step, every] = array
            if batch == 1:
                cause = int(sent.causes[current[0], 0])
                order += [(int(step[0]), cause, int(n)) for n in np.flatnonzero(fired[0])]

    def _expect_room(self, lost: Array, since: Array, step: Array) -> None:
        """Raises SNC-N009."""
        chip = self.description
        for wrong, what in (
            (lost != 0, f"more than {chip.queue} spikes wait, and {chip.name} loses some"),
            (since > ENDLESS, f"more than {ENDLESS} spikes follow from one event, without end"),
        ):
            if wrong.any():
                b = int(np.flatnonzero(wrong)[0])
                raise error(
                    OVERFLOW,
                    f"sample {b}, step {int(step[b])}: {what}",
                    remedy="train with fewer spikes, or with more inhibition in loops",
                )


def _padded(sent: list[list[list[int]]], last: int) -> _Events:
    """Events of samples of different lengths, [events, B]; nothing follows the last one."""
    longest = max(len(row) for row in sent[0])
    arrays = []
    for rows, rest in zip(sent, (NONE, last, None), strict=True):
        array = np.zeros((longest, len(rows)), np.int64)
        for b, row in enumerate(rows):
            array[: len(row), b] = row
            array[len(row) :, b] = row[-1] if rest is None else rest
        arrays.append(array)
    return _Events(*arrays)


def _caused(events: _Events, fired: Array, slots: Array, last: int, first_input: int) -> _Events:
    """
    What a layer's spikes are for the next one: each when it is fired, after the leak or the event
    of an input (slots from `first_input` on) of then.
    """
    sent: list[list[list[int]]] = [[], [], []]
    for b in range(fired.shape[1]):
        at, neuron = np.nonzero(fired[:, b])
        of_host = (events.sources[:, b] == LEAK) | (events.sources[:, b] >= first_input)
        host = np.flatnonzero(of_host)
        time = np.concatenate([host, at])
        source = np.concatenate([events.sources[host, b], slots[neuron]])
        caused = np.repeat([False, True], [len(host), len(at)])
        order = np.lexsort((source, caused, time))
        time = time[order]
        sent[0].append(source[order].tolist())
        sent[1].append(events.steps[time, b].tolist())
        sent[2].append(events.causes[time, b].tolist())
    return _padded(sent, last)


ChipModel: TypeAlias = SteppedChip | EventChip


def running(program: ProgramOp, description: Description) -> ChipModel:
    """The chip's model of a program, which runs; of a chip of events the program is placed."""
    if description.execution == "events":
        return EventChip(program, description)
    return SteppedChip(program, description)


__all__ = ["ChipModel", "EventChip", "running"]
