"""
A chip that goes from event to event as a network of streams: a step of it is one event.

A step takes the event that comes from outside, if there is one, else the oldest spike that waits;
every neuron adds its synapse from that source and may spike, and spikes wait in the order of
their neurons. An event that says that time goes on lets membranes leak. So a driver sends an event
when nothing waits (`pending`), as the chip's host does.

The queue is as many sets of spikes as there may be: the spikes of one event are one set, and wait
in bit k of a number that each neuron has, k being the place of the set in the queue. The first
neuron of the first set is the one with the largest key, counted from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, i1, i8, i32
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Neuron
from snncc.dialects.core.equations import parse
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.transposes import ReduceOp
from snncc.passes.chip_model.arrivals import Arriving, Drive
from snncc.passes.chip_model.bodies import BodyWriter, stored_bits

BITS = 30
"""Sets in one word of a neuron, which is a signed number of 32 bits."""

NEURONS = "neurons"
"""The node of the population: a trace has its states as neurons.STATE."""


@dataclass(frozen=True)
class Fabric:
    """The chip by slots: what its neurons are configured with, and the synapses of each source."""

    neuron: Neuron
    parameters: Mapping[str, Array]
    """[slots] each; slots without a neuron have the lowest value."""
    weights: Array
    """[sources, slots]: sources are slots too, of neurons and of inputs."""

    @property
    def slots(self) -> int:
        return int(self.weights.shape[1])

    @property
    def sources(self) -> int:
        return int(self.weights.shape[0])

    def part(self, sources: Array, slots: Array) -> Fabric:
        """The same for some sources and some neurons."""
        return Fabric(
            self.neuron,
            {name: values[slots] for name, values in self.parameters.items()},
            self.weights[np.ix_(sources, slots)],
        )


def fabric_of(program: ProgramOp, description: Description) -> Fabric:
    """What a placed program makes of a chip of events."""
    ((kind, neuron),) = description.neurons.items()
    places = {name: slots for name, (_, slots) in places_of(program).items()}
    members = list(program.members(kind))
    slots = 1 + max(int(places[op.sym_name.data].max(initial=0)) for op in members)
    sources = 1 + max(int(slots.max(initial=0)) for slots in places.values())
    parameters = {}
    for name, p in neuron.parameters.items():
        fits = p.low >= -(1 << 15) and p.high < 1 << 15
        values = np.full(slots, p.low if p.default is None else p.default)
        for op in members:
            if name in op.parameters.data:
                values[places[op.sym_name.data]] = op.numbers(name)
        parameters[name] = values.astype(np.int16 if fits else np.int32)
    weights = np.zeros((max(sources, slots), slots), np.int16)
    for synapses in program.synapses:
        rows, columns, values = synapses.table()
        weights[places[synapses.source_name][rows], places[synapses.target_name][columns]] = values
    if np.abs(weights).max(initial=0) < 128:
        weights = weights.astype(np.int8)
    return Fabric(neuron, parameters, weights)


def interface(program: ProgramOp, most: int = 1) -> ModuleOp:
    """
    A network that gives its inputs, which are those that a program is given, of `most` spikes a
    step: what files are read for.
    """
    shapes = {name: op.shape.get_values() for name, op in program.given.items()}
    element = i1 if most == 1 else i8
    a = Assembly(
        program.sym_name.data, {name: TensorType(element, shape) for name, shape in shapes.items()}
    )
    return a.finish({f"{name}_in": stream for name, stream in a.inputs.items()})


class _EventBody(BodyWriter):
    """Both equations of a neuron: of a spike, where `spiked`, and of time, where `leaks`."""

    def equations(self, b: Body, **ports: Scalar) -> Outputs:
        assert self.neuron.leak_step is not None
        stepped = self.run(b, self.neuron.tree, ports)
        leaked = self.run(b, parse(self.neuron.leak_step), ports)
        (spike,), states = self.given(b, stepped)
        (leak_spike,), leak_states = self.given(b, leaked)
        zero = b.constant(0, spike.element)
        held = [ports[port] for port in self.states]
        spiked, leaks = ports["spiked"], ports["leaks"]
        output = b.select(leaks, leak_spike, b.select(spiked, spike, zero))
        after = [
            b.select(leaks, leak, b.select(spiked, step, old))
            for old, step, leak in zip(held, states, leak_states, strict=True)
        ]
        return [output], after


def neurons(
    a: Assembly,
    fabric: Fabric,
    settings: Mapping[str, int],
    sources: list[tuple[str, SSAValue, Array]],
    spiked: SSAValue,
    leaks: SSAValue,
) -> SSAValue:
    """
    The population's spikes in a step. `sources` are names, streams and weights, of which one has a
    spike where `spiked`.
    """
    drives = [Drive(name, stream, weights, 0) for name, stream, weights in sources]
    rule = fabric.neuron.arrivals
    arriving = [
        Arriving(a, rule, NEURONS, drives, fabric.neuron.arithmetic, one_by_one=False)
        for _ in range(fabric.neuron.receptors)
    ]
    writer = _EventBody(fabric.neuron, arriving, settings)
    inputs = {name: value for one in arriving for name, value in one.inputs.items()}
    parameters = {
        name: a.parameter(f"{NEURONS}.{name}", values) for name, values in fabric.parameters.items()
    }
    return a.add(
        build_neuron(
            writer.equations,
            inputs={**inputs, "spiked": spiked, "leaks": leaks},
            states={
                name: a.zero(TensorType(IntegerType(stored_bits(state.bits)), []))
                for name, state in fabric.neuron.states.items()
            },
            parameters=parameters,
            population=(fabric.slots,),
            node=NEURONS,
        )
    )


def layer_model(name: str, fabric: Fabric, settings: Mapping[str, int]) -> ModuleOp:
    """
    Neurons that no spike of theirs reaches: a step is an event of one of their sources, in the
    order in which these fired, and nothing waits.
    """
    a = Assembly(name, {"event": TensorType(i1, [fabric.sources]), "leaks": TensorType(i1, [1])})
    event, leaks = a.inputs["event"], a.inputs["leaks"]
    spiked = a.add(ReduceOp("max", event, [1]))
    spikes = neurons(a, fabric, settings, [("event", event, fabric.weights)], spiked, leaks)
    return a.finish({"spikes": spikes})


def event_model(name: str, fabric: Fabric, settings: Mapping[str, int], queue: int) -> ModuleOp:
    """
    The chip. Inputs: `event` [sources], of which one may be 1, and `leaks` [1]. Outputs: `spikes`
    [slots] of this event; `pending` [1], spikes that wait after it; `lost` [1], whether one found
    no room.
    """
    return _Queue(name, fabric, settings, queue).build()


def model_of_events(program: ProgramOp, description: Description) -> ModuleOp:
    """The chip with a program that is placed: `event_model`, whose sources are slots."""
    assert description.queue is not None
    return event_model(
        program.sym_name.data,
        fabric_of(program, description),
        settings_of(program, description),
        description.queue,
    )


def settings_of(program: ProgramOp, description: Description) -> dict[str, int]:
    """The chip's settings by name: the program's, or else usual ones."""
    return {
        name: program.setting.get(name, p.default or 0) for name, p in description.settings.items()
    }


class _Queue:
    def __init__(self, name: str, fabric: Fabric, settings: Mapping[str, int], queue: int):
        self.fabric = fabric
        self.settings = settings
        self.queue = queue
        self.words = -(-queue // BITS)
        self.a = Assembly(
            name, {"event": TensorType(i1, [fabric.sources]), "leaks": TensorType(i1, [1])}
        )

    def build(self) -> ModuleOp:
        a, n = self.a, self.fabric.slots
        event, leaks = a.inputs["event"], a.inputs["leaks"]
        words = [a.delayed(TensorType(i32, [n]), f"queue.word{k}") for k in range(self.words)]
        sets = a.delayed(TensorType(i32, [1]), "queue.sets")
        waiting = a.delayed(TensorType(i32, [1]), "queue.waiting")
        external = a.add(ReduceOp("max", event, [1]))
        (head,) = self._bodies(n, "queue.head", self._head, word=words[0].result)
        (key,) = self._bodies(n, "queue.key", self._key, head=head)
        top = a.add(ReduceOp("max", key, [1]))
        taken, spiked = self._bodies(
            1, "queue.taken", self._taken, top=top, external=external, leaks=leaks
        )
        (chosen,) = self._bodies(n, "queue.chosen", self._chosen, key=key, top=top, taken=taken)
        sources = [("event", event, self.fabric.weights), ("loop", chosen, self.fabric.weights[:n])]
        spikes = neurons(a, self.fabric, self.settings, sources, spiked, leaks)
        fired, heads = self._count(spikes, "fired"), self._count(head, "heads")
        begun, left, pending, lost = self._bodies(
            1,
            "queue.length",
            self._lengths,
            sets=sets.result,
            waiting=waiting.result,
            taken=taken,
            heads=heads,
            fired=fired,
            external=external,
        )
        after = self._bodies(
            n,
            "queue.after",
            self._after,
            chosen=chosen,
            spikes=spikes,
            left=left,
            sets=sets.result,
            **{f"word{k}": word.result for k, word in enumerate(words)},
        )
        for delay, stream in zip([*words, sets, waiting], [*after, begun, pending], strict=True):
            a.close(delay, stream)
        return a.finish({"spikes": spikes, "pending": pending, "lost": lost})

    def _bodies(
        self, size: int, node: str, write: Callable[..., list[Scalar]], **inputs: SSAValue
    ) -> list[SSAValue]:
        """What a body without states gives for each of `size` elements."""

        def equations(b: Body, **ports: Scalar) -> Outputs:
            return write(b, **ports), []

        op = build_neuron(
            equations, inputs=inputs, states={}, parameters={}, population=(size,), node=node
        )
        self.a.add(op)
        return list(op.results)

    def _count(self, spikes: SSAValue, name: str) -> SSAValue:
        ones = self.a.weight(f"{name}.ones", np.ones((1, self.fabric.slots), np.int8))
        return self.a.add(snn.LinearOp(spikes, ones, element=i32, node=f"queue.{name}"))

    def _head(self, b: Body, word: Scalar) -> list[Scalar]:
        """Whether a neuron is in the first set."""
        return [b.compare("ne", word & 1, 0)]

    def _key(self, b: Body, head: Scalar) -> list[Scalar]:
        """Larger for lower slots; 0 outside of the first set."""
        return [b.select(head, self.fabric.slots - b.index(), b.constant(0, i32))]

    def _taken(self, b: Body, top: Scalar, external: Scalar, leaks: Scalar) -> list[Scalar]:
        """Whether a spike leaves the queue, and whether there is a spike at all."""
        none = b.constant(0, i1)
        waits = b.compare("gt", top, 0)
        taken = b.select(external, none, b.select(leaks, none, waits))
        return [taken, b.select(external, external, taken)]

    def _chosen(self, b: Body, key: Scalar, top: Scalar, taken: Scalar) -> list[Scalar]:
        return [b.select(taken, b.compare("eq", key, top), taken)]

    def _lengths(
        self,
        b: Body,
        sets: Scalar,
        waiting: Scalar,
        taken: Scalar,
        heads: Scalar,
        fired: Scalar,
        external: Scalar,
    ) -> list[Scalar]:
        """Sets after this event; whether the first one is done; spikes that wait; any lost?"""
        none, zero, one = b.constant(0, i1), b.constant(0, i32), b.constant(1, i32)
        left = b.select(taken, b.compare("eq", heads, 1), none)
        begun = sets - b.select(left, one, zero)
        begun = begun + b.select(b.compare("gt", fired, 0), one, zero)
        pending = waiting - b.select(taken, one, zero) + fired
        # the one that is worked on has its place until it is done
        most = waiting + b.select(external, one, zero) + fired
        lost = b.select(b.compare("gt", fired, 0), b.compare("gt", most, self.queue), none)
        return [begun, left, pending, lost]

    def _after(
        self, b: Body, chosen: Scalar, spikes: Scalar, left: Scalar, sets: Scalar, **words: Scalar
    ) -> list[Scalar]:
        """The queue of a neuron after this event, word by word."""
        zero, one = b.constant(0, i32), b.constant(1, i32)
        held = list(words.values())
        held[0] = held[0] - b.select(chosen, one, zero)
        place = sets - b.select(left, one, zero)
        after = []
        for k, word in enumerate(held):
            carried = (held[k + 1] & 1) << (BITS - 1) if k + 1 < len(held) else zero
            word = b.select(left, (word >> 1) | carried, word)
            here = place - k * BITS
            bit = b.select(spikes, one << b.clamp(here, 0, BITS - 1), zero)
            inside = b.compare("eq", here, b.clamp(here, 0, BITS - 1))
            after.append(word | b.select(inside, bit, zero))
        return after
