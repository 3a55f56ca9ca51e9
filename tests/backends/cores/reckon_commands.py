"""Command files for ReckOn, written by hand: registers by name, memories by what they hold."""

from __future__ import annotations

import numpy as np

from tests.backends.cores.reckon_memory import REGISTERS

NEVER = 0x7FFF  # a threshold
ADDRESS = {name: address for address, (name, _, _) in REGISTERS.items()}


class Program:
    """Lines of a command file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def add(self, name: str, *numbers: int) -> None:
        """One command."""
        self.lines.append(" ".join([name, *(f"{int(n):x}" for n in numbers)]))

    def register(self, name: str, value: int) -> None:
        """A register by name; negative values in two's complement."""
        width = REGISTERS[ADDRESS[name]][1]
        self.add("write", 1 << 16 | ADDRESS[name], int(value) & (1 << width) - 1)

    def memory(self, code: int, first: int, words: list[int]) -> None:
        """Consecutive words of a memory."""
        self.add("write", code << 28 | len(words) << 16 | first, *words)

    def read(self, code: int, first: int, count: int) -> None:
        """Reads consecutive words of a memory."""
        self.add("read", 1 << 31 | code << 28 | count << 16 | first)


def weight_words(weights: np.ndarray) -> list[int]:
    """int8 weights as words of four, the first lowest."""
    padded = np.zeros(-(-len(weights) // 4) * 4, np.int8)
    padded[: len(weights)] = weights
    return [int(w) for w in padded.view("<u4")]


def neuron_words(thr=NEVER, alpha=0, u=(0, 0), tinp=(0, 0), trec=(0, 0)) -> list[int]:
    """A pair's word, as the chip's documentation lays it out."""
    word = alpha << 116 | (thr & 0xFFFF) << 100
    for n in (0, 1):
        word |= ((u[n] & 0xFFFF) | tinp[n] << 16 | trec[n] << 28) << 50 * n
    return [word >> 32 * i & 0xFFFFFFFF for i in range(4)]


def configured(registers, pairs, winp=(), wrec=(), wout=()) -> Program:
    """A program that has written all this, and started a sample."""
    program = Program()
    for name, value in registers.items():
        program.register(name, value)
    for i, pair in enumerate(pairs):
        program.memory(1, 4 * i, neuron_words(**pair))
    for code, rows, stride in ((3, winp, 64), (4, wrec, 64), (5, wout, 4)):
        for source, row in enumerate(rows):
            program.memory(code, stride * source, weight_words(np.array(row)))
    program.register("EN_CONF", 0)
    program.add("pins", 1, 0, 0)
    return program


def ticked(program: Program, events=((),)) -> Program:
    """Ticks, each after its input events."""
    for sources in events:
        for source in sources:
            program.add("event", source)
        program.add("tick")
    return program
