"""Groups as symbol tables: a B-tree of names in a local heap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from snncc.importers.nir.hdf5.source import Damaged, Oversized, Source, integer

MAX_LINKS = 20_000
MAX_NAME = 255
"""Bytes in a name."""

ENTRY = 40
SOFT = 2


@dataclass(frozen=True)
class Link:
    """A name in a group: the address of an object, or a path to follow."""

    address: int
    path: str | None = None


def read_links(source: Source, table: bytes) -> dict[str, Link]:
    """The links of the group with this symbol table message, in the order of their names."""
    tree, heap_address = integer(table, 0, 8), integer(table, 8, 8)
    heap = source.expect(heap_address, b"HEAP", 32)
    names = _Names(source, integer(heap, 20, 8), integer(heap, 4, 8))
    found: dict[str, Link] = {}
    for _, node in entries(source, tree, kind=0, key_size=8):
        symbols = integer(source.expect(node, b"SNOD", 8), 2, 2)
        table = source.read(node + 8, symbols * ENTRY)
        for start in range(0, symbols * ENTRY, ENTRY):
            name = names.at(integer(table, start, 8))
            path = None
            if integer(table, start + 16, 4) == SOFT:
                path = names.at(integer(table, start + 24, 4))
            if name in found:
                raise Damaged(f"the name {name!r} stands twice in a group")
            if len(found) == MAX_LINKS:
                raise Oversized(f"a group has more than {MAX_LINKS} members")
            found[name] = Link(integer(table, start + 8, 8), path)
    return found


class _Names:
    """A local heap: texts that each end with a NUL."""

    def __init__(self, source: Source, start: int, size: int):
        self._source = source
        self._start = start
        self._size = size

    def at(self, offset: int) -> str:
        longest = min(self._size - offset, MAX_NAME + 1)
        if longest < 1:
            raise Damaged("a name lies outside of its heap")
        data, ended, _ = self._source.read(self._start + offset, longest).partition(b"\0")
        if not ended and longest > MAX_NAME:
            raise Oversized(f"a name has more than {MAX_NAME} bytes")
        if not ended:
            raise Damaged("a name lies outside of its heap")
        try:
            name = data.decode()
        except UnicodeDecodeError:
            raise Damaged(f"the name {data!r} is not UTF-8") from None
        if not name or not name.isprintable():
            raise Damaged(f"{name!r} is not a name")
        return name


def entries(source: Source, root: int, *, kind: int, key_size: int) -> Iterator[tuple[bytes, int]]:
    """(key, address) of the lowest level of a B-tree (version 1), from left to right."""
    seen: set[int] = set()
    pending: list[tuple[int, int | None]] = [(root, None)]
    while pending:
        address, level = pending.pop()
        if address in seen:
            raise Damaged(f"the B-tree at byte {root} refers to itself")
        seen.add(address)
        head = source.expect(address, b"TREE", 24)
        if head[0] != kind or (level is not None and head[1] != level):
            raise Damaged(f"expected a B-tree node of another kind at byte {address}")
        level, used = head[1], integer(head, 2, 2)
        source.step(used)
        stride = key_size + 8
        data = source.read(address + 24, used * stride)
        found = [
            (data[at : at + key_size], integer(data, at + key_size, 8))
            for at in range(0, used * stride, stride)
        ]
        if level == 0:
            yield from found
        else:
            pending.extend((child, level - 1) for _, child in reversed(found))
