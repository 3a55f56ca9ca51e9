"""
Chips that are written over a serial bus: command files, and the words of their memories.

A command file is text, one command a line, numbers in hexadecimal:

    write ADDR DATA...                     the address as it goes over the wire
    read ADDR
    event ADDR                             one spike in
    target ADDR                            one event with a target
    pins SAMPLE TARGET_VALID INFER_ACC
    tick                                   a step of time
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from snncc.backends.cores.emitting import Golden
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.memories import Memory, Words
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import PopulationOp, ProgramOp


class Commands:
    """A command file that grows."""

    def __init__(self, description: Description):
        assert description.bus is not None
        self._chip = description
        self._bus = description.bus
        self._lines: list[str] = []

    def add(self, command: str, *numbers: int) -> None:
        self._lines.append(" ".join([command, *(f"{number:x}" for number in numbers)]))

    def register(self, name: str, value: int) -> None:
        """Raises ValueError where the number does not fit."""
        register = self._chip.register(name)
        address = self._bus.to_write(self._bus.registers, register.address)
        self.add("write", address, register.encode(value))

    def memory(self, name: str, words: Words, chosen: Iterable[int]) -> None:
        """Writes some words, in as few transactions as their addresses allow."""
        memory = self._chip.memory(name)
        assert memory.code is not None
        bits, addresses = self._bus.bits, memory.addresses
        data: dict[int, int] = {}
        for index in chosen:
            for part in range(-(-memory.width // bits)):
                place = (int(index) << addresses.word) + (part << addresses.part)
                data[place] = (int(words[index]) >> part * bits) & ((1 << bits) - 1)
        places = np.array(sorted(data))
        for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
            for start in range(0, len(run), self._bus.burst):
                part_of = run[start : start + self._bus.burst].tolist()
                address = self._bus.to_write(memory.code, part_of[0], len(part_of))
                self.add("write", address, *(data[place] for place in part_of))

    def to_bytes(self) -> bytes:
        return "".join(f"{line}\n" for line in self._lines).encode()


def neuron_words(program: ProgramOp, description: Description, name: str) -> Words:
    """The words of a memory of neurons: parameters of all that are placed, states 0."""
    memory = description.memory(name)
    words, places = memory.blank(), places_of(program)
    assert memory.neurons is not None
    neuron = description.neurons[memory.neurons]
    for op in program.members(memory.neurons):
        slots = places[op.sym_name.data][1]
        for field in memory.fields:
            parameter = neuron.parameters.get(field.name)
            if parameter is None:
                continue
            if field.name in op.parameters.data:
                values = op.numbers(field.name)
            else:
                values = np.full(op.size, parameter.default)
            lanes = slots % memory.lanes if field.lanes > 1 else np.zeros_like(slots)
            for word, lane, value in zip(
                (slots // memory.lanes).tolist(), lanes.tolist(), values.tolist(), strict=True
            ):
                memory.put(words, word, field.name, value, lane)
    return words


def synapse_words(program: ProgramOp, description: Description, name: str) -> Words:
    """The words of a memory of synapses: weights of all connections, 0 elsewhere."""
    memory = description.memory(name)
    words, places, (field,) = memory.blank(), places_of(program), memory.fields
    for op in program.synapses:
        if op.edge.data not in memory.synapses:
            continue
        sources, targets, weights = op.table()
        source = places[op.source_name][1][sources]
        target = places[op.target_name][1][targets]
        word = source * memory.row + target // field.lanes
        for at, lane, value in zip(
            word.tolist(), (target % field.lanes).tolist(), weights.tolist(), strict=True
        ):
            memory.put(words, at, field.name, value, lane)
    return words


def rows(memory: Memory, sources: Iterable[int], last: int) -> Iterable[int]:
    """The words of some sources' synapses with the targets 0 to `last`."""
    for source in sources:
        first = source * memory.row
        yield from range(first, first + last // memory.fields[0].lanes + 1)


def image(memory: Memory, words: Words) -> bytes:
    """All words in hexadecimal, one a line, from word 0 on."""
    digits = -(-memory.width // 4)
    return "".join(f"{int(word):0{digits}x}\n" for word in words).encode()


def by_slot(
    program: ProgramOp, golden: Golden, populations: Iterable[PopulationOp], state: str, size: int
) -> Array:
    """What a trace has of some populations, [T, size] by slot: spikes, or a STATE as ".STATE"."""
    places = places_of(program)
    found = np.zeros((golden.steps, size), np.int64)
    for op in populations:
        name = op.sym_name.data
        found[:, places[name][1]] = golden.trace[name + state].reshape(golden.steps, -1)
    return found


def input_slots(program: ProgramOp, golden: Golden) -> list[Array]:
    """The slots of the inputs that spike, ascending, for each step."""
    places = places_of(program)
    steps: list[list[Array]] = [[] for _ in range(golden.steps)]
    for name in program.inputs:
        spikes = golden.inputs[name].reshape(golden.steps, -1)
        for step, row in enumerate(spikes):
            steps[step].append(places[name][1][row != 0])
    return [np.sort(np.concatenate(parts)) for parts in steps]


def last_slot(program: ProgramOp, names: Sequence[str]) -> int:
    """The highest slot of some inputs or populations; -1 without any."""
    places = places_of(program)
    return max((int(places[name][1].max(initial=-1)) for name in names), default=-1)
