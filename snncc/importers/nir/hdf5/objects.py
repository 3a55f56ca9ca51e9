"""The superblock, and the messages of object headers (version 1)."""

from __future__ import annotations

from collections.abc import Sequence

from snncc.importers.nir.hdf5.source import Damaged, Source, Unfamiliar, integer

SIGNATURE = b"\x89HDF\r\n\x1a\n"

DATASPACE, DATATYPE, OLD_FILL, FILL, EXTERNAL, LAYOUT = 0x01, 0x03, 0x04, 0x05, 0x07, 0x08
FILTERS, CONTINUATION, SYMBOL_TABLE = 0x0B, 0x10, 0x11
IGNORED = {0x00, OLD_FILL, 0x0C, 0x0D, 0x0E, 0x12, 0x16}
"""Padding, the older fill value, attributes, comments, times, reference counts."""
KNOWN = {DATASPACE, DATATYPE, FILL, EXTERNAL, LAYOUT, FILTERS, CONTINUATION, SYMBOL_TABLE}

Message = tuple[int, bytes]


def _superblock(source: Source) -> int | None:
    """Where the superblock stands: at byte 0, or behind a user block of 512, 1024, ... bytes."""
    at = 0
    while at + len(SIGNATURE) <= source.size:
        if source.read(at, len(SIGNATURE)) == SIGNATURE:
            return at
        at = max(512, 2 * at)
    return None


def root_header(source: Source) -> int:
    """The address of the root group's object header."""
    start = _superblock(source)
    if start is None:
        raise Damaged("it has no HDF5 signature")
    if start:
        raise Unfamiliar("a user block")
    version = integer(source.read(8, 1), 0, 1)
    if version > 1:
        raise Unfamiliar(f"superblock version {version}")
    data = source.read(0, 96 + 4 * version)
    if data[13] != 8 or data[14] != 8:
        raise Unfamiliar(f"addresses of {data[13]} bytes")
    base, end = integer(data, 24 + 4 * version, 8), integer(data, 40 + 4 * version, 8)
    if base != 0:
        raise Unfamiliar("a base address")
    if end > source.size:
        raise Damaged(f"cut short: it has {source.size} of {end} bytes")
    return integer(data, 64 + 4 * version, 8)


def messages(source: Source, address: int) -> list[Message]:
    """The messages of an object: (type, content), without those that do not matter here."""
    prefix = source.read(address, 16)
    if prefix.startswith(b"OHDR"):
        raise Unfamiliar("object headers of version 2")
    if prefix[0] != 1:
        raise Damaged(f"expected an object header at byte {address}")
    waiting = integer(prefix, 2, 2)
    blocks = [(address + 16, integer(prefix, 8, 4))]
    found: list[Message] = []
    total = 0
    for start, size in blocks:
        total += size
        if total > source.size:
            raise Damaged(f"the object header at byte {address} is larger than the file")
        block = source.read(start, size)
        source.step(size // 64)
        position = 0
        while waiting and position + 8 <= size:
            kind, length, flags = (
                block[position],
                integer(block, position + 2, 2),
                block[position + 4],
            )
            kind |= block[position + 1] << 8
            position += 8
            if position + length > size:
                raise Damaged(f"a message of the object at byte {address} is cut short")
            content = block[position : position + length]
            position += length
            waiting -= 1
            if kind in IGNORED:
                continue
            if kind not in KNOWN or flags & 0x02:
                raise Unfamiliar(f"message {kind:#x} with flags {flags:#x}")
            if kind == CONTINUATION:
                blocks.append((integer(content, 0, 8), integer(content, 8, 8)))
            else:
                found.append((kind, content))
    return found


def one(found: Sequence[Message], kind: int) -> bytes | None:
    """The content of the message of a kind, None where there is none."""
    contents = [content for k, content in found if k == kind]
    if len(contents) > 1:
        raise Damaged(f"an object has {len(contents)} messages of type {kind:#x}")
    return contents[0] if contents else None
