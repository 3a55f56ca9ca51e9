"""
How constants of few bits are packed into bytes, row by row.

A number is stored as its value plus half of what its bits hold, so that no sign has to be
spread when it is read: of 4 bits -8 is 0 and 7 is 15. A row of N columns is cut into planes of
equally many bytes; the columns of one plane are neighbours, and what is in one byte is a plane's
length apart:

    4 bits   one plane of ceil(N / 2) bytes: column j in bits 0-3 of byte j, column j + plane
             in bits 4-7
    2 bits   one plane of ceil(N / 4) bytes: four columns a byte
    3 bits   three planes of ceil(N / 8) bytes, x, y, z: eight columns in the three bytes j of
             the planes. Each byte has two columns in its bits 0-2 and 3-5; the seventh is bits
             6-7 of x and above them bit 6 of z, the eighth bits 6-7 of y and bit 7 of z

So a word or vector of neighbouring bytes is taken apart by one shift and one mask for each
column of a byte, whatever its width, and gives as many neighbouring columns; sums of a few rows
stay in bytes. Of the last row more may be read than is there, up to a whole word of 4 bytes: the
array ends with so many zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.traits import OpTrait

from snncc.dialects.arrays import Array, signed_dtype

WORD = 4
"""Bytes that a kernel without vectors reads at once."""


@dataclass(frozen=True)
class ReadsPacked(OpTrait):
    """The operation reads its first operand row by row: that may be packed."""


@dataclass(frozen=True)
class Piece:
    """`width` bits of a stored number, from `place` on: a plane's byte has them from `shift` on."""

    plane: int
    shift: int
    width: int
    place: int = 0


@dataclass(frozen=True)
class Packing:
    """A way to store numbers of `bits` bits: the pieces of each column of the planes' bytes."""

    bits: int
    planes: int
    columns: tuple[tuple[Piece, ...], ...]

    @property
    def offset(self) -> int:
        """What is added to a number before it is stored."""
        return 1 << (self.bits - 1)

    @property
    def rows_in_bytes(self) -> int:
        """How many stored numbers a byte can add up."""
        return 255 // ((1 << self.bits) - 1)

    def plane(self, columns: int) -> int:
        """The bytes of a plane of a row."""
        return -(-columns // len(self.columns))

    def row(self, columns: int) -> int:
        """The bytes of a row."""
        return self.planes * self.plane(columns)

    def size(self, shape: Sequence[int]) -> int:
        """The bytes of an array, whose rows are its last axis."""
        plane = self.plane(shape[-1])
        return prod(shape[:-1]) * self.row(shape[-1]) + -plane % WORD

    def holds(self, array: Array) -> bool:
        """Whether all elements, which are signed, have so few bits."""
        numbers = array.view(signed_dtype(array.dtype))
        return bool(numbers.min(initial=0) >= -self.offset and numbers.max(initial=0) < self.offset)

    def pack(self, array: Array) -> Array:
        """The bytes of an array of integers. Raises ValueError where one needs more bits."""
        if not self.holds(array):
            raise ValueError(f"expected integers of {self.bits} bits")
        *_, columns = array.shape
        plane = self.plane(columns)
        numbers = array.view(signed_dtype(array.dtype)).reshape(-1, columns).astype(np.int64)
        padded = np.zeros((len(numbers), plane * len(self.columns)), np.int64)
        padded[:, :columns] = numbers + self.offset
        parts = padded.reshape(len(numbers), len(self.columns), plane)
        rows = np.zeros((len(numbers), self.planes, plane), np.uint8)
        for column, pieces in enumerate(self.columns):
            for piece in pieces:
                bits = parts[:, column] >> piece.place & ((1 << piece.width) - 1)
                rows[:, piece.plane] |= (bits << piece.shift).astype(np.uint8)
        packed = np.zeros(self.size(array.shape), np.uint8)
        packed[: rows.size] = rows.ravel()
        return packed

    def unpack(self, packed: Array, shape: Sequence[int], dtype: np.dtype) -> Array:
        """The way back, to the elements' own (unsigned) type."""
        *leading, columns = shape
        count, plane = prod(leading), self.plane(columns)
        rows = packed[: count * self.row(columns)].reshape(count, self.planes, plane)
        parts = np.zeros((count, len(self.columns), plane), np.int64)
        for column, pieces in enumerate(self.columns):
            for piece in pieces:
                bits = rows[:, piece.plane].astype(np.int64) >> piece.shift
                parts[:, column] |= (bits & ((1 << piece.width) - 1)) << piece.place
        numbers = parts.reshape(count, -1)[:, :columns] - self.offset
        return numbers.astype(signed_dtype(dtype)).view(dtype).reshape(shape)


PACKINGS = {
    packing.bits: packing
    for packing in (
        Packing(2, 1, tuple((Piece(0, 2 * column, 2),) for column in range(4))),
        Packing(
            3,
            3,
            (
                *((Piece(plane, shift, 3),) for plane in range(3) for shift in (0, 3)),
                (Piece(0, 6, 2), Piece(2, 6, 1, 2)),
                (Piece(1, 6, 2), Piece(2, 7, 1, 2)),
            ),
        ),
        Packing(4, 1, tuple((Piece(0, 4 * column, 4),) for column in range(2))),
    )
}
"""By their bits."""


def least_bits(array: Array) -> int | None:
    """The fewest bits that hold all elements of an array of signed integers; None: too many."""
    return next((bits for bits, packing in sorted(PACKINGS.items()) if packing.holds(array)), None)
