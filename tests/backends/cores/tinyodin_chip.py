"""
A model of tinyODIN that plays command files, and records what the chip does.

Written from the RTL of ChFrenkel/tinyODIN 1865653, independently of the compiler. Bits of memories
and registers that no command has written have no value: needing one raises Undefined. What the
chip ignores silently, or never finishes, raises Misuse.

The sheet says less than the RTL does about: a spike that SPI makes (a write to a neuron's word
tests the threshold on the old word), virtual events of weight 0 (spikes of a source), a full FIFO
(spikes are lost), and the AER output (which of two moments it shows).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from tests.backends.cores.commands import Command, parse_commands

NEURONS, FIFO = 256, 128
REGISTERS = {0: ("GATE", 1), 1: ("OPEN_LOOP", 1), 2: ("AER_SRC", 1), 3: ("MAX_NEUR", 8)}
REGISTER, NEURON, SYNAPSE = 0, 1, 2
LOWEST, HIGHEST = -2048, 2047
ENDLESS = 5000  # events that follow from one; spikes of a loop may make spikes for ever


class Undefined(Exception):
    """A value was needed that no command has defined."""


class Misuse(Exception):
    """A command that the chip ignores, misunderstands or never finishes."""


class Memory:
    """32-bit words, and which bits of them were written."""

    def __init__(self, name: str, words: int) -> None:
        self.name = name
        self.values = np.zeros(words, np.uint32)
        self.known = np.zeros(words, np.uint32)

    def write(self, word: int, byte: int, data: int, mask: int) -> None:
        """SPI writes the bits of a byte whose mask bit is 0."""
        bits, data = (~mask & 0xFF) << 8 * byte, data << 8 * byte
        self.values[word] = int(self.values[word]) & ~bits | data & bits
        self.known[word] = int(self.known[word]) | bits

    def bits(self, word: int, low: int, width: int) -> int:
        """Some bits of a word. Raises Undefined."""
        mask = (1 << width) - 1
        if int(self.known[word]) >> low & mask != mask:
            raise Undefined(f"{self.name} memory, word {word}, bits {low + width - 1} to {low}")
        return int(self.values[word]) >> low & mask


@dataclass
class TinyODINChip:
    """
    The chip. `spikes` (index of the event command, neuron) in order, `aer` the addresses on the
    output bus, with the same index; `lost` the spikes that found the FIFO full; `membranes` v [256]
    after each event command (0 where it has no value); `reads` a byte per `read`.
    """

    spikes: list[tuple[int, int]] = field(default_factory=list)
    aer: list[tuple[int, int]] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    membranes: list[np.ndarray] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    neurons: Memory = field(default_factory=lambda: Memory("neuron", NEURONS))
    synapses: Memory = field(default_factory=lambda: Memory("synapse", NEURONS * 32))
    waiting: deque[tuple[int, int]] = field(default_factory=deque)  # (virtual weight, address)
    registers: dict[str, int] = field(default_factory=dict)

    def play(self, text: str) -> TinyODINChip:
        """Plays a command file. Raises CommandError, Undefined or Misuse, with the line."""
        for command in parse_commands(text):
            try:
                self.do(command)
            except Exception as e:
                e.add_note(f"line {command.line}: {command.name}")
                raise
        return self

    def do(self, command: Command) -> None:
        """One command, until the FIFO is empty."""
        match command.name, command.numbers:
            case "write", (address, data):
                self.write(address, data)
            case "read", (address,):
                self.read(address)
            case "event", (address,):
                self.event(address)
            case _:
                raise Misuse(f"tinyODIN has no command {command.name} of {command.numbers}")

    def register(self, name: str) -> int:
        """A register. Raises Undefined."""
        if name not in self.registers:
            raise Undefined(f"register {name} has no value after reset and was not written")
        return self.registers[name]

    # SPI

    def decode(self, address: int) -> tuple[int, int, int]:
        """Code, word and byte of an SPI address."""
        code, first = address >> 16 & 3, address & 0xFFFF
        if address >> 20:
            raise Misuse(f"an address has 20 bits: {address:#x}")
        if code == REGISTER:
            return code, first, 0
        if not self.register("GATE"):
            raise Misuse("the memories are not accessible while GATE is 0")
        if code == NEURON and first >> 10 == 0:
            return code, first & 0xFF, first >> 8
        if code == SYNAPSE and first >> 15 == 0:
            return code, first & 0x1FFF, first >> 13
        raise Misuse(f"address {address:#x}: outside of the memories")

    def write(self, address: int, data: int) -> None:
        """An SPI write. Raises Misuse, Undefined."""
        code, word, byte = self.decode(address)
        if address >> 19:
            raise Misuse(f"write with the address of a read: {address:#x}")
        if code == REGISTER:
            if word not in REGISTERS:
                raise Misuse(f"no register has the address {word}")
            name, width = REGISTERS[word]
            if data >> width:
                raise Misuse(f"register {name} has {width} bits: {data:#x}")
            self.registers[name] = data
            if name == "GATE" and not data:
                self.run(len(self.membranes))
            return
        if not address >> 18 & 1:
            raise Misuse(f"neither a read nor a write: {address:#x}")
        if data >> 16:
            raise Misuse(f"a data word has a mask and a byte: {data:#x}")
        if code == SYNAPSE:
            self.synapses.write(word, byte, data & 0xFF, data >> 8)
            return
        # The threshold is tested on the word as it was.
        if not self.register("OPEN_LOOP") and self.fires(word):
            self.push(len(self.membranes), 0, word)
        self.neurons.write(word, byte, data & 0xFF, data >> 8)

    def fires(self, neuron: int) -> bool:
        """Whether a word makes a spike when it is overwritten. Raises Undefined."""
        try:
            disabled = self.neurons.bits(neuron, 31, 1)
            v, threshold = self.neurons.bits(neuron, 0, 12), self.neurons.bits(neuron, 12, 12)
        except Undefined as e:
            raise Undefined(f"{e}: writing it with OPEN_LOOP = 0 makes a spike or not") from None
        return not disabled and threshold <= v < 2048

    def read(self, address: int) -> None:
        """An SPI read of a byte. Raises Misuse, Undefined."""
        code, word, byte = self.decode(address)
        if code == REGISTER or address >> 18 != 2:
            raise Misuse(f"no address of a read: {address:#x}")
        memory = self.neurons if code == NEURON else self.synapses
        self.reads.append(memory.bits(word, 8 * byte, 8))

    # Events

    def event(self, address: int) -> None:
        """One AER event and all that follows from it. Raises Misuse, Undefined."""
        now = len(self.membranes)
        if self.register("GATE"):
            raise Misuse("no event is acknowledged while GATE is 1")
        if address >> 10:
            raise Misuse(f"an event has 10 bits: {address:#x}")
        if address >> 8 & 1:
            low = address & 0xFF
            every = range(self.register("MAX_NEUR") + 1)
            for neuron in every if low == 0xFF else (low,):
                self.update(now, neuron, self.leaked(neuron))
        elif address >> 9:
            self.push(now, address >> 4 & 0xF, address & 0xF)
        else:
            self.push(now, 0, address)
        self.run(now)
        core = (self.neurons.values & self.neurons.known & 0xFFF).astype(np.int64)
        self.membranes.append(np.where(core > HIGHEST, core - 4096, core))

    def run(self, now: int) -> None:
        """All that waits in the FIFO. An event leaves it when done. Raises Misuse, Undefined."""
        done = 0
        while self.waiting:
            done += 1
            if done > ENDLESS:
                raise Misuse(f"more than {ENDLESS} events follow from one: the network never rests")
            weight, address = self.waiting[0]
            if weight:
                self.update(now, address, self.membrane(address) + signed(weight))
            else:
                for neuron in range(self.register("MAX_NEUR") + 1):
                    word = address << 5 | neuron >> 3
                    w = signed(self.synapses.bits(word, 4 * (neuron & 7), 4))
                    self.update(now, neuron, self.membrane(neuron) + w)
                if self.register("AER_SRC"):
                    self.aer.append((now, address))
            self.waiting.popleft()

    def membrane(self, neuron: int) -> int:
        """v of a neuron. Raises Undefined."""
        v = self.neurons.bits(neuron, 0, 12)
        return v - 4096 if v > HIGHEST else v

    def leaked(self, neuron: int) -> int:
        """v, nearer to 0 by the leak, but not beyond."""
        v, leak = self.membrane(neuron), self.neurons.bits(neuron, 24, 7)
        return min(v + leak, 0) if v < 0 else max(v - leak, 0)

    def update(self, now: int, neuron: int, v: int) -> None:
        """A neuron takes a new v, held at the ends of 12 bits, and spikes or not."""
        v = min(max(v, LOWEST), HIGHEST)
        spike = v >= 0 and v >= self.neurons.bits(neuron, 12, 12)
        word = int(self.neurons.values[neuron]) & ~0xFFF
        self.neurons.values[neuron] = word | (0 if spike else v & 0xFFF)
        if spike and not self.neurons.bits(neuron, 31, 1):
            self.spikes.append((now, neuron))
            if not self.register("AER_SRC"):
                self.aer.append((now, neuron))
            if not self.register("OPEN_LOOP"):
                self.push(now, 0, neuron)

    def push(self, now: int, weight: int, address: int) -> None:
        """An entry into the FIFO. A full one loses it."""
        if len(self.waiting) == FIFO:
            self.lost.append((now, address))
        else:
            self.waiting.append((weight, address))


def signed(nibble: int) -> int:
    """4 bits in two's complement."""
    return nibble - 16 if nibble > 7 else nibble
