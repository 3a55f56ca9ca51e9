"""The state struct: its members, and where each lies, as every C compiler lays them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from snncc.backends.c.types import CType

ALIGNMENT = 64
"""Arrays at least this large start on a multiple of it: a cache line, a vector."""


@dataclass
class Array:
    """A member that is an array."""

    name: str
    type: CType
    count: int
    offset: int = 0

    @property
    def size(self) -> int:
        return self.type.size * self.count

    def alignment(self, large: int) -> int:
        return large if self.size >= large else self.type.size

    def place(self, offset: int, large: int) -> int:
        """Sets the offset; gives the one behind."""
        self.offset = _up(offset, self.alignment(large))
        return self.offset + self.size


@dataclass
class Group:
    """A struct or union of members; an empty one is left out of the C."""

    name: str
    kind: Literal["struct", "union"]
    members: list[Array | Group] = field(default_factory=list["Array | Group"])
    offset: int = 0
    size: int = 0

    def alignment(self, large: int) -> int:
        return max((member.alignment(large) for member in self.members), default=1)

    def place(self, offset: int, large: int) -> int:
        self.members = [m for m in self.members if isinstance(m, Array) or m.members]
        self.offset = start = _up(offset, self.alignment(large))
        end = start
        for member in self.members:
            behind = member.place(start if self.kind == "union" else end, large)
            end = max(end, behind)
        self.size = _up(end - start, self.alignment(large))
        return start + self.size


def _up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def declare(group: Group, large: int, aligned: str, indent: int = 1) -> list[str]:
    """The lines of a group's members."""
    lines: list[str] = []
    pad = "  " * indent
    for member in group.members:
        if isinstance(member, Group):
            lines.append(f"{pad}{member.kind} {{")
            lines.extend(declare(member, large, aligned, indent + 1))
            lines.append(f"{pad}}} {member.name};")
            continue
        alignment = member.alignment(large)
        # numbers of 8 bytes too: some 32-bit ABIs align them to 4 inside of a struct
        prefix = f"{aligned}({alignment}) " if alignment in (large, 8) else ""
        suffix = "" if member.count == 1 and member.name == "magic" else f"[{member.count}]"
        lines.append(f"{pad}{prefix}{member.type.name} {member.name}{suffix};")
    return lines


def offsets(group: Group, path: str = "") -> Mapping[str, Array]:
    """Member path (`work.lif1.fc1`) -> array, with absolute offsets."""
    found: dict[str, Array] = {}
    for member in group.members:
        name = f"{path}{member.name}"
        if isinstance(member, Group):
            found.update(offsets(member, f"{name}."))
        else:
            found[name] = member
    return found


def count_of(shape: tuple[int, ...]) -> int:
    return prod(shape)
