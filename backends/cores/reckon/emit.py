"""
ReckOn's configuration over SPI, and a sample with what the chip makes of it.

    program.txt         registers and memories, EN_CONF last
    sample.txt          pins, events and ticks of the golden sample
    expected.json       membranes and outputs after each tick, spikes, the label
    *.hex               the memories, a word a line

Sources: the chip's documentation and RTL (see chip.yaml), as `tests/backends/cores/README.md` sums
them up. Tick k of a sample is step k: it adds what is sent before it. A spike is found at the
beginning of the next tick, so that N steps take N + 1 ticks; the last one, with SAMPLE = 0, adds
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

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
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.memories import Register, Words
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import ProgramOp

RECURRENT, READOUT = "recurrent", "readout"
NEURON, INPUT, LOOP, OUTPUT = (
    "neuron",
    "weights_input",
    "weights_recurrent",
    "weights_output",
)
PAIRS_PER_REGISTER = 32
NEVER = 0x7FFF
"""The threshold of pairs that are walked and not used."""


def emit(program: ProgramOp, description: Description, golden: Golden) -> dict[str, bytes]:
    return Emitter(program, description, golden).files()


class Emitter:
    """Files of one program."""

    def __init__(self, program: ProgramOp, description: Description, golden: Golden):
        self.program = program
        self.chip = description
        self.golden = golden
        names = {
            kind: [op.sym_name.data for op in program.members(kind)]
            for kind in (RECURRENT, READOUT)
        }
        self.inputs = last_slot(program, list(program.inputs))
        self.recurrent = last_slot(program, names[RECURRENT]) | 1  # pairs are walked as a whole
        self.outputs = max(last_slot(program, names[READOUT]), 0)
        # the last number of the three says how far the chip walks: were it even, its pair would be
        # left out. One input more costs nothing, one output more could be the label.
        self.last = max(self.inputs, self.recurrent, self.outputs) | 1

    def files(self) -> dict[str, bytes]:
        words = self._words()
        files = {f"{name}.hex": image(self.chip.memory(name), words[name]) for name in words}
        return files | {
            "program.txt": self.configuration(),
            "sample.txt": self._sample(),
            "expected.json": self._expected(),
        }

    def _words(self) -> dict[str, Words]:
        """The memories."""
        words = {NEURON: self._neurons()}
        return words | {
            name: synapse_words(self.program, self.chip, name) for name in (INPUT, LOOP, OUTPUT)
        }

    def _neurons(self) -> Words:
        words = neuron_words(self.program, self.chip, NEURON)
        memory = self.chip.memory(NEURON)
        for pair in range(len(words)):
            if not words[pair]:  # neurons that are used have a threshold
                memory.put(words, pair, "threshold", NEVER)
        return words

    def configuration(self, more: Mapping[str, int] | None = None) -> bytes:
        """Commands that write registers, with `more` of them by name, and memories."""
        commands, words = Commands(self.chip), self._words()
        for name, value in (self._registers() | dict(more or {})).items():
            commands.register(name, value)
        commands.memory(NEURON, words[NEURON], range(self.last // 2 + 1))
        sources = range(self.recurrent + 1)
        chosen = {
            INPUT: rows(self.chip.memory(INPUT), range(self.inputs + 1), self.recurrent),
            LOOP: rows(self.chip.memory(LOOP), sources, self.recurrent),
            OUTPUT: rows(self.chip.memory(OUTPUT), sources, self.outputs),
        }
        for name, which in chosen.items():
            commands.memory(name, words[name], which)
        commands.register("EN_CONF", 0)
        return commands.to_bytes()

    def _registers(self) -> dict[str, int]:
        found = {"EN_CONF": 1}
        found |= {r.name: r.value for r in self.chip.registers if r.value is not None}
        found |= self.program.setting
        found |= {r.name: self._shared(r) for r in self.chip.registers if r.parameter}
        found |= {
            "NUM_INP_NEUR": self.last if self.last > self.recurrent else max(self.inputs, 0),
            "NUM_REC_NEUR": self.recurrent,
            "NUM_OUT_NEUR": self.outputs,
        }
        return found | self._high_bits_of_alpha()

    def _shared(self, register: Register) -> int:
        """What all neurons of a class have; where there are none, what the chip starts with."""
        assert register.parameter is not None
        kind, _, key = register.parameter.partition(".")
        values = [op.numbers(key) for op in self.program.members(kind)]
        return int(np.concatenate(values)[0]) if values else register.reset or 0

    def _high_bits_of_alpha(self) -> dict[str, int]:
        """One bit a pair: alpha is 0x8... instead of 0x7..."""
        words, places = [0] * 4, places_of(self.program)
        for op in self.program.members(RECURRENT):
            pairs = places[op.sym_name.data][1] // self.chip.memory(NEURON).lanes
            for pair in np.unique(pairs[op.numbers("alpha") >> 15 != 0]).tolist():
                words[pair // PAIRS_PER_REGISTER] |= 1 << pair % PAIRS_PER_REGISTER
        return {f"ALPHA_CONF_{index}": word for index, word in enumerate(words)}

    def _sample(self) -> bytes:
        commands = Commands(self.chip)
        commands.add("pins", 1, 0, 1)
        for slots in input_slots(self.program, self.golden):
            for slot in slots.tolist():
                commands.add("event", slot)
            commands.add("tick")
        commands.add("pins", 0, 0, 1)
        commands.add("tick")
        return commands.to_bytes()

    def _expected(self) -> bytes:
        def of(kind: str, state: str, last: int) -> Array:
            members = self.program.members(kind)
            return by_slot(self.program, self.golden, members, state, last + 1)

        u, z = of(RECURRENT, ".u", self.recurrent), of(RECURRENT, "", self.recurrent)
        o = of(READOUT, ".o", self.outputs)
        kappa = self._shared(self.chip.register("KAPPA"))
        decayed = ((o * kappa >> 7) + (1 << 15) & 0xFFFF) - (1 << 15)
        winners = decayed.argmax(axis=1)  # INFER_ACC: counted after the decay, which wraps
        counts = np.bincount(winners, minlength=self.outputs + 1)
        expected = {
            "u": u.tolist(),
            "z": [np.flatnonzero(row).tolist() for row in z],
            "o": o.tolist(),
            "counts": counts.tolist(),
            "label": int(counts.argmax()),
        }
        return (json.dumps(expected, separators=(",", ":")) + "\n").encode()
