"""Texts: of a fixed size in place, or of any length in global heaps."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.importers.nir.hdf5.source import Damaged, Oversized, Source, integer
from snncc.importers.nir.hdf5.types import Text

MAX_TEXT = 4096
"""Bytes of a text."""
REFERENCE = np.dtype([("size", "<u4"), ("heap", "<u8"), ("index", "<u4")])
"""What stands for a text of any length: its length, and its place in a heap."""


class Heaps:
    """The global heaps of a file; each is walked once."""

    def __init__(self, source: Source):
        self._source = source
        self._objects: dict[int, dict[int, tuple[int, int]]] = {}
        self._texts: dict[tuple[int, int, int], str] = {}

    def texts(self, type: Text, items: Array) -> list[str]:
        if type.size is None:
            return [self._text(int(n), int(heap), int(index)) for n, heap, index in items]
        if type.size > MAX_TEXT:
            raise Oversized(f"a text of {type.size} bytes")
        width = type.size
        data = items.tobytes()
        return [_fixed(data[at : at + width], type) for at in range(0, len(data), width)]

    def _text(self, size: int, heap: int, index: int) -> str:
        if size == 0:
            return ""
        if size > MAX_TEXT:
            raise Oversized(f"a text of {size} bytes")
        key = (size, heap, index)
        if key not in self._texts:
            address, stored = self._walk(heap).get(index, (0, 0))
            if size > stored:
                raise Damaged(f"a text of {size} bytes in an object of {stored}")
            self._texts[key] = _decoded(self._source.read(address, size).split(b"\0")[0])
        return self._texts[key]

    def _walk(self, heap: int) -> dict[int, tuple[int, int]]:
        """Index -> (address, size) of the objects of a heap."""
        if heap not in self._objects:
            head = self._source.expect(heap, b"GCOL", 16)
            end = heap + integer(head, 4, 8)
            if end > self._source.size:
                raise Damaged("a heap reaches behind the file's end")
            found: dict[int, tuple[int, int]] = {}
            position = heap + 16
            while position + 16 <= end:
                entry = self._source.read(position, 16)
                index, size = integer(entry, 0, 2), integer(entry, 8, 8)
                if index == 0:  # free space up to the end
                    break
                position += 16
                if position + size > end or index in found:
                    raise Damaged(f"the heap at byte {heap} is damaged")
                found[index] = (position, size)
                position += (size + 7) // 8 * 8
            self._objects[heap] = found
        return self._objects[heap]


def _fixed(data: bytes, type: Text) -> str:
    if type.padding == 0:
        data = data.split(b"\0")[0]
    return _decoded(data.rstrip(b" \0" if type.padding == 2 else b"\0"))


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Damaged(f"the text {data[:40]!r} is not UTF-8") from None
