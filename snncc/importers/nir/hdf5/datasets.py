"""Datasets: what they claim, and their content."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.importers.nir.hdf5.groups import entries
from snncc.importers.nir.hdf5.objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FILL,
    FILTERS,
    LAYOUT,
    Message,
    one,
)
from snncc.importers.nir.hdf5.source import (
    UNDEFINED,
    Damaged,
    Oversized,
    Source,
    Unfamiliar,
    integer,
)
from snncc.importers.nir.hdf5.texts import REFERENCE, Heaps
from snncc.importers.nir.hdf5.types import Text, read_type

COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2
DEFLATE, SHUFFLE = 1, 2
MAX_RANK = 32
MAX_CHUNKS = 1 << 16


class Dataset:
    """An array in a file, not yet read."""

    def __init__(self, source: Source, heaps: Heaps, found: list[Message]):
        self._source = source
        self._heaps = heaps
        space, type, layout = (one(found, kind) for kind in (DATASPACE, DATATYPE, LAYOUT))
        if space is None or type is None or layout is None:
            raise Damaged("an object is neither a group nor a dataset")
        self.is_external = one(found, EXTERNAL) is not None
        self.shape = _shape(space)
        self.element = read_type(type)
        self._stored = _stored_as(self._source, layout, self.shape, self._item)
        self._filters = _filters(one(found, FILTERS))
        if self._stored.is_missing and _has_fill(one(found, FILL)):
            raise Unfamiliar("a fill value")

    @property
    def _item(self) -> np.dtype[Any]:
        """What stands in the file for one element."""
        if isinstance(self.element, Text):
            return REFERENCE if self.element.size is None else np.dtype(f"S{self.element.size}")
        return self.element

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape) if self.shape is not None else 0

    @property
    def claimed(self) -> int:
        """Bytes of the elements, as the file states them; with what chunks hold beyond."""
        return max(self.size, self._stored.elements) * self._item.itemsize

    @property
    def stored(self) -> int:
        """Bytes in the file."""
        return self._stored.size

    def read(self) -> Array:
        """The elements; of a dataset of texts, their references or bytes."""
        shape = self.shape or ()
        if self.size == 0:
            return np.zeros(shape, self._item)
        if self._stored.is_missing:
            return np.zeros(shape, self._item)
        if self._stored.chunks is not None:
            return self._read_chunks(shape, self._stored.chunk_shape)
        size = self.size * self._item.itemsize
        if len(self._stored.content or b"") == size:
            data = self._stored.content
        else:
            data = self._source.read(self._stored.address, size)
        return np.frombuffer(data or b"", self._item).reshape(shape)

    def texts(self) -> list[str]:
        """The elements of a dataset of texts, in C order."""
        assert isinstance(self.element, Text)
        return self._heaps.texts(self.element, self.read().ravel())

    def _read_chunks(self, shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> Array:
        result = np.empty(shape, self._item)
        size = prod(chunk_shape) * self._item.itemsize
        for chunk in self._stored.chunks or ():
            if chunk.size > 2 * size + 1024:
                raise Damaged(f"a chunk of {size} bytes takes {chunk.size} in the file")
            data = self._source.read(chunk.address, chunk.size)
            data = self._decode(data, chunk.skipped, size)
            array = np.frombuffer(data, self._item).reshape(chunk_shape)
            inside = tuple(
                slice(0, min(c, s - o))
                for o, c, s in zip(chunk.origin, chunk_shape, shape, strict=True)
            )
            target = tuple(slice(o, o + c) for o, c in zip(chunk.origin, chunk_shape, strict=True))
            result[target] = array[inside]
        return result

    def _decode(self, data: bytes, skipped: int, size: int) -> bytes:
        """Undoes the filters, the last first."""
        for position in reversed(range(len(self._filters))):
            if skipped >> position & 1:
                continue
            if self._filters[position] == DEFLATE:
                data = _inflate(data, size)
            else:
                width = self._item.itemsize
                whole = len(data) // width * width
                bytes_first = np.frombuffer(data[:whole], np.uint8).reshape(width, -1)
                data = bytes_first.T.tobytes() + data[whole:]
        if len(data) != size:
            raise Damaged(f"a chunk has {len(data)} bytes, expected {size}")
        return data


def _inflate(data: bytes, size: int) -> bytes:
    """At most `size` bytes, whatever the stream would give."""
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, size + 1)
    except zlib.error as fault:
        raise Damaged(f"a chunk is not compressed data ({fault})") from None
    if len(result) > size or not stream.eof:
        raise Damaged(f"a chunk does not hold {size} bytes")
    return result


def _shape(data: bytes) -> tuple[int, ...] | None:
    """The sizes of the axes; None for a dataset without a content."""
    version, rank = integer(data, 0, 1), integer(data, 1, 1)
    if version == 2 and integer(data, 3, 1) == 2:
        return None
    if version not in (1, 2) or rank > MAX_RANK:
        raise Damaged(f"a dataspace of version {version} with {rank} axes")
    start = 8 if version == 1 else 4
    return tuple(integer(data, start + 8 * axis, 8) for axis in range(rank))


def _filters(data: bytes | None) -> list[int]:
    """The filters that were applied, in their order."""
    if data is None:
        return []
    version, count = integer(data, 0, 1), integer(data, 1, 1)
    if version != 1:
        raise Unfamiliar(f"a filter pipeline of version {version}")
    found: list[int] = []
    position = 8
    for _ in range(count):
        kind, name, values = (integer(data, position + at, 2) for at in (0, 2, 6))
        if kind not in (DEFLATE, SHUFFLE):
            raise Unfamiliar(f"filter {kind}")
        found.append(kind)
        position += 8 + (name + 7) // 8 * 8 + 4 * (values + values % 2)
    return found


def _has_fill(data: bytes | None) -> bool:
    """Whether elements that were never written have a value other than zero."""
    if data is None:
        return False
    version = integer(data, 0, 1)
    if version not in (1, 2):
        raise Unfamiliar(f"a fill value of version {version}")
    if version == 2 and integer(data, 3, 1) == 0:
        return False
    size = integer(data, 4, 4)
    return any(data[8 : 8 + size])


@dataclass(frozen=True)
class _Chunk:
    origin: tuple[int, ...]
    address: int
    size: int
    skipped: int
    """The filters that were left out, a bit for each."""


@dataclass(frozen=True)
class _Stored:
    """Where the elements lie; `is_missing`: they were never written and are zero."""

    size: int
    address: int = UNDEFINED
    content: bytes | None = None
    chunks: list[_Chunk] | None = None
    chunk_shape: tuple[int, ...] = ()
    is_missing: bool = False

    @property
    def elements(self) -> int:
        return len(self.chunks or ()) * prod(self.chunk_shape)


def _stored_as(
    source: Source, data: bytes, shape: tuple[int, ...] | None, item: np.dtype[Any]
) -> _Stored:
    if integer(data, 0, 1) != 3:
        raise Unfamiliar(f"a layout of version {integer(data, 0, 1)}")
    kind = integer(data, 1, 1)
    wanted = prod(shape or ()) * item.itemsize if shape is not None else 0
    if kind == COMPACT:
        size = integer(data, 2, 2)
        content = data[4 : 4 + size]
        if len(content) != size or size != wanted:
            raise Damaged(f"a dataset of {wanted} bytes stores {size}")
        return _Stored(size, content=content)
    if kind == CONTIGUOUS:
        address, size = integer(data, 2, 8), integer(data, 10, 8)
        if address == UNDEFINED or wanted == 0:
            return _Stored(0, is_missing=True)
        if size < wanted:
            raise Damaged(f"a dataset of {wanted} bytes stores {size}")
        return _Stored(size, address)
    if kind != CHUNKED:
        raise Unfamiliar(f"a layout of class {kind}")
    rank, tree = integer(data, 2, 1) - 1, integer(data, 3, 8)
    chunk_shape = tuple(integer(data, 11 + 4 * axis, 4) for axis in range(rank))
    if shape is None or len(shape) != rank or min(chunk_shape, default=1) < 1:
        raise Damaged(f"chunks of shape {list(chunk_shape)}")
    if integer(data, 11 + 4 * rank, 4) != item.itemsize:
        raise Damaged("chunks of elements of another size")
    if tree == UNDEFINED or wanted == 0:
        return _Stored(0, is_missing=True)
    return _chunked(source, tree, shape, chunk_shape)


def _chunked(
    source: Source, tree: int, shape: tuple[int, ...], chunk_shape: tuple[int, ...]
) -> _Stored:
    rank = len(shape)
    count = prod(-(-s // c) for s, c in zip(shape, chunk_shape, strict=True))
    if count > MAX_CHUNKS:
        raise Oversized(f"a dataset has more than {MAX_CHUNKS} chunks")
    chunks: list[_Chunk] = []
    for key, address in entries(source, tree, kind=1, key_size=8 + 8 * (rank + 1)):
        origin = tuple(integer(key, 8 + 8 * axis, 8) for axis in range(rank))
        if any(o % c or o >= s for o, c, s in zip(origin, chunk_shape, shape, strict=True)):
            raise Damaged(f"a chunk stands at {list(origin)}")
        chunks.append(_Chunk(origin, address, integer(key, 0, 4), integer(key, 4, 4)))
        if len(chunks) > count:
            break
    if len(chunks) != count or len({chunk.origin for chunk in chunks}) != count:
        raise Damaged(f"a dataset has {len(chunks)} chunks, expected {count}")
    return _Stored(sum(c.size for c in chunks), chunks=chunks, chunk_shape=chunk_shape)
