"""
Linear feedback shift registers that give many bits at once, for many draws at once.

The bits are a sequence s[n] = s[n - tap] ^ s[n - length] over GF(2). Squaring its polynomial k
times gives s[n] = s[n - 2^k tap] ^ s[n - 2^k length], so that longer and longer parts of it follow
from what is there in one operation.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array


class ShiftRegister:
    """
    Gives `outputs` bits a draw, of which the first `tap` are held already. Seed bits 0 to tap - 1
    are the first that are given out; the others are older.
    """

    def __init__(self, length: int, tap: int, outputs: int, seed: int):
        self.length, self.tap, self.outputs = length, tap, outputs
        bits = np.array([seed >> bit & 1 for bit in range(length)], np.uint8)
        self.held = np.concatenate([bits[tap:], bits[:tap]])
        """The last bits of the sequence, the oldest first."""

    def draws(self, count: int) -> Array:
        """Bits, uint8 [count, outputs], the oldest first."""
        more = count * self.outputs
        sequence = np.empty(self.length + more, np.uint8)
        sequence[: self.length] = self.held
        position, scale = self.length, 1
        while position < len(sequence):
            while position >= 2 * scale * self.length:
                scale *= 2
            end = min(position + scale * self.tap, len(sequence))
            size = end - position
            near, far = position - scale * self.tap, position - scale * self.length
            np.bitwise_xor(
                sequence[near : near + size],
                sequence[far : far + size],
                out=sequence[position:end],
            )
            position = end
        self.held = sequence[more:].copy()
        first = self.length - self.tap
        return sequence[first : first + more].reshape(count, self.outputs)

    def numbers(self, count: int, bits: int) -> Array:
        """Whole numbers of so many bits, int64 [count, outputs / bits]."""
        drawn = self.draws(count).reshape(count, self.outputs // bits, bits)
        packed = np.zeros((count, self.outputs // bits, 32), np.uint8)
        packed[..., :bits] = drawn
        words = np.packbits(packed, axis=-1, bitorder="little").view("<u4")[..., 0]
        return np.asarray(words.astype(np.int64))
