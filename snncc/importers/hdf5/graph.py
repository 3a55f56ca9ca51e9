"""What an HDF5 file of a model says, as plain data: nodes with fields, and edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array

Value: TypeAlias = "Array | str"


@dataclass
class Node:
    """A node: its class, and its fields as arrays (as stored) or text."""

    name: str
    type: str
    fields: dict[str, Value]

    def array(self, name: str, default: float | None = None) -> Array:
        """A numeric field, or an array of the default where the file leaves it out."""
        value = self.fields.get(name)
        if value is None:
            assert default is not None, f"{self.type}.{name} has no default"
            return np.full((), default, np.float32)
        assert not isinstance(value, str)
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """A field of one or several whole numbers."""
        return tuple(int(value) for value in np.atleast_1d(self.array(name)).ravel())


@dataclass
class Graph:
    """Nodes by name and edges (source, target), as in the file; nodes may be graphs."""

    name: str
    nodes: dict[str, Node | Graph] = field(default_factory=dict[str, Any])
    edges: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
