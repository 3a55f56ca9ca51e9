"""
Linear-feedback shift registers that give many bits at once.

The bits of one register are a sequence with s[n] = s[n - tap] ^ s[n - length]. In each step the
next `outputs` bits of it are given out, of which the first `tap` are held already.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache


@cache
def continued(length: int, tap: int, outputs: int) -> tuple[tuple[int, ...], ...]:
    """
    Per byte of the held bits and per value of it: its part in the held bits and the `outputs`
    bits after them, as one number with the oldest bit lowest. The sequence is linear in the held
    bits, so the parts are added (xor).
    """
    single = []
    for bit in range(length):
        sequence = 1 << bit
        for n in range(length, length + outputs):
            sequence |= (sequence >> (n - tap) ^ sequence >> (n - length) & 1) % 2 << n
        single.append(sequence)
    tables = []
    for low in range(0, length, 8):
        table = [0]
        for part in single[low : low + 8]:
            table += [value ^ part for value in table]
        tables.append(tuple(table))
    return tuple(tables)


class ShiftRegister:
    """
    One register. `order[i]` is the bit of a seed that holds the ith oldest bit of the sequence;
    without it the `tap` newest bits are the lowest of the seed, and the others follow.
    """

    def __init__(
        self, length: int, tap: int, outputs: int, seed: int, order: Sequence[int] | None = None
    ) -> None:
        self.tables = continued(length, tap, outputs)
        self.length, self.tap, self.outputs = length, tap, outputs
        self.order = order or [*range(tap, length), *range(tap)]
        self.load(seed)

    def load(self, seed: int) -> None:
        """Takes the bits of a seed."""
        self.held = sum((seed >> bit & 1) << i for i, bit in enumerate(self.order))

    def next(self) -> int:
        """The `outputs` bits that the register shows now, the oldest lowest; then a step."""
        sequence, held = 0, self.held
        for table in self.tables:
            sequence ^= table[held & 255]
            held >>= 8
        self.held = sequence >> self.outputs
        return sequence >> (self.length - self.tap) & (1 << self.outputs) - 1
