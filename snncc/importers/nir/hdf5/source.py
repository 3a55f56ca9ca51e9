"""A file as bytes that are never read outside of its bounds."""

from __future__ import annotations

from typing import BinaryIO

UNDEFINED = 2**64 - 1
"""HDF5's address of what was never allocated."""


class Damaged(Exception):
    """The file contradicts itself."""


class Oversized(Exception):
    """The file claims more than the reader's limits allow."""


class Unfamiliar(Exception):
    """HDF5 of a form that is not read here; the library may know it."""


MAX_STEPS = 1 << 19
"""Structures of a file: objects, names, messages, entries of trees. A node takes about 80."""


class Source:
    """Bytes by their address, and a count of the structures that were read."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._steps = 0
        self.size = file.seek(0, 2)

    def step(self, count: int = 1) -> None:
        """Counts structures: a small file can refer to the same ones from many places."""
        self._steps += count
        if self._steps > MAX_STEPS:
            raise Oversized(f"the file has more than {MAX_STEPS} structures")

    def read(self, address: int, size: int) -> bytes:
        self.step()
        if address + size > self.size:
            raise Damaged(f"refers to byte {address + size}, the file ends at {self.size}")
        self._file.seek(address)
        data = self._file.read(size)
        if len(data) != size:
            raise Damaged("the file became shorter while it was read")
        return data

    def expect(self, address: int, signature: bytes, size: int) -> bytes:
        """A structure that starts with its signature, as the bytes behind it."""
        data = self.read(address, size)
        if not data.startswith(signature):
            raise Damaged(f"expected {signature.decode()} at byte {address}")
        return data[len(signature) :]


def integer(data: bytes, offset: int, size: int) -> int:
    """An unsigned little-endian number."""
    if offset + size > len(data):
        raise Damaged("a structure is cut short")
    return int.from_bytes(data[offset : offset + size], "little")
