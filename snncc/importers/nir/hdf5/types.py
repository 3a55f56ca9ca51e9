"""Element types: the numbers and texts that NIR files hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.importers.nir.hdf5.source import Damaged, Unfamiliar, integer

INTEGER, FLOAT, STRING, ENUM, VARIABLE = 0, 1, 3, 8, 9
IEEE = {
    # size: sign, precision, exponent at, bits, mantissa at, bits, bias
    2: (15, 16, 10, 5, 0, 10, 15),
    4: (31, 32, 23, 8, 0, 23, 127),
    8: (63, 64, 52, 11, 0, 52, 1023),
}
BOOL = b"FALSE\0\0\0TRUE\0\0\0\0\0\1"
"""The names and values of the enumeration by which h5py stores a bool."""


@dataclass(frozen=True)
class Text:
    """Text of a fixed number of bytes, or None: of any length, in a heap."""

    size: int | None
    padding: int = 0
    """What ends it: 0 the first NUL, 1 NULs at its end, 2 spaces at its end."""


Element = np.dtype[Any] | Text


def read_type(data: bytes) -> Element:
    """The element type that a datatype message states."""
    kind, size = integer(data, 0, 1) & 0x0F, integer(data, 4, 4)
    bits = integer(data, 1, 3)
    order = ">" if bits & 1 else "<"
    if kind == INTEGER:
        if size not in (1, 2, 4, 8):
            raise Unfamiliar(f"integers of {size} bytes")
        if (integer(data, 8, 2), integer(data, 10, 2)) != (0, 8 * size):
            raise Unfamiliar("integers with padding bits")
        return np.dtype(f"{order}{'i' if bits & 0x08 else 'u'}{size}")
    if kind == FLOAT:
        layout = (bits >> 8, integer(data, 10, 2), *data[12:16], integer(data, 16, 4))
        if bits & 0x70 != 0x20 or integer(data, 8, 2) != 0 or IEEE.get(size) != layout:
            raise Unfamiliar(f"floats of {size} bytes that are not IEEE 754")
        return np.dtype(f"{order}f{size}")
    if kind == STRING:
        if size < 1:
            raise Damaged("text of no bytes")
        return Text(size, bits & 0x0F)
    if kind == VARIABLE:
        if bits & 0x0F != 1 or size != 16:
            raise Unfamiliar("sequences of variable length")
        return Text(None)
    if kind == ENUM and bits == 2 and size == 1 and data[20:38] == BOOL:
        return np.dtype(np.bool_)
    raise Unfamiliar(f"elements of class {kind}")
