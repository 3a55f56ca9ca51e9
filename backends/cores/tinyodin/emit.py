"""
tinyODIN's configuration over SPI, and a sample with what the chip makes of it.

    program.txt         registers and memories, GATE = 0 last
    sample.txt          events of the golden sample; 1ff ends a step of time
    expected.json       spikes in order, with the event that they follow from, and membranes
    *.hex               the memories, a word a line

Sources: the chip's documentation and RTL (see chip.yaml), as `tests/backends/cores/README.md` sums
them up. Inputs have the slots behind the last neuron: their rows of synapses are read, and the
neurons of these slots are never walked.
"""

from __future__ import annotations

import json

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.spi import (
    Commands,
    by_slot,
    image,
    input_slots,
    last_slot,
    neuron_words,
    rows,
    synapse_words,
)
from snncc.dialects.core.description import Description
from snncc.dialects.core.order import event_order
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ProgramOp

NEURON, SYNAPSE = "neuron", "synapse"
TIME = 0x1FF
"""The event that lets all membranes leak."""


def emit(program: ProgramOp, description: Description, golden: Golden) -> dict[str, bytes]:
    assert golden.order is not None
    last = last_slot(program, list(program.populations))
    neurons = neuron_words(program, description, NEURON)
    synapses = synapse_words(program, description, SYNAPSE)
    memory = description.memory(NEURON)
    for slot in range(last + 1):
        if not neurons[slot]:  # a slot without a neuron among the others; these have thresholds
            memory.put(neurons, slot, "threshold", memory.field("threshold").most)
            memory.put(neurons, slot, "disable", 1)

    commands = Commands(description)
    commands.register("GATE", 1)
    commands.register("OPEN_LOOP", 1)  # else a write tests the word's threshold as it is written
    commands.register("MAX_NEUR", last)
    for register in description.registers:
        if register.value is not None:
            commands.register(register.name, register.value)
    commands.memory(NEURON, neurons, range(last + 1))
    places = places_of(program)
    sources = sorted(int(slot) for name in program.endings for slot in places[name][1])
    table = description.memory(SYNAPSE)
    commands.memory(SYNAPSE, synapses, rows(table, sources, last))
    commands.register("OPEN_LOOP", 0)
    commands.register("GATE", 0)

    order = {int(slot): rank for rank, slot in enumerate(event_order(program))}
    sample = Commands(description)
    for slots in input_slots(program, golden):
        for slot in sorted(slots.tolist(), key=order.__getitem__):
            sample.add("event", slot)
        sample.add("event", TIME)

    expected = {
        "spikes": golden.order[:, 1:].tolist(),
        "v": by_slot(program, golden, program.populations.values(), ".v", last + 1).tolist(),
    }
    return {
        "program.txt": commands.to_bytes(),
        "sample.txt": sample.to_bytes(),
        "expected.json": (json.dumps(expected, separators=(",", ":")) + "\n").encode(),
        f"{NEURON}.hex": image(memory, neurons),
        f"{SYNAPSE}.hex": image(table, synapses),
    }
