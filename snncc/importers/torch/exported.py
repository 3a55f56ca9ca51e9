"""
A program of torch.export as plain data.

A file (`archive.py`) is read into this, and `walk.py` builds a graph of it. Arguments stand
as what they are: numbers, texts, None, NumPy types, lists of these, `Ref` for a value of
the program and `Region` for the body of a higher-order operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem

Names: TypeAlias = "str | list[str | None] | None"
"""The name of one result, the names of a list of them, or None where it has none."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value by its name."""

    name: str


@dataclass(slots=True)
class Node:
    """
    One call. `target` is the operator with its namespace and without its overload
    ("aten.linear"), `arguments` are by the names of the operator's schema. Higher-order
    operators have no names: theirs stand in `operands`.
    """

    target: str
    arguments: dict[str, Any]
    operands: list[Any]
    outputs: list[Names]
    scope: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for messages: its module, or its first result."""
        if self.scope is not None:
            return self.scope
        for names in self.outputs:
            for name in names if isinstance(names, list) else [names]:
                if name is not None:
                    return name
        return self.target


@dataclass(slots=True)
class Region:
    """
    Nodes in their order. `contiguous` are the names of tensors that are known to lie in
    memory in the order of their axes: what a reshape of them gives shares their memory.
    """

    inputs: list[str]
    outputs: list[Any]
    nodes: list[Node]
    contiguous: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Input:
    """
    What the program is given: a tensor of the model by its qualified name (`tensor`), a
    tensor of the caller, or a number. `learnable`: whether training moves it.
    """

    kind: Literal["parameter", "buffer", "constant", "user", "number"]
    name: str
    tensor: str | None = None
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    number: Any = None
    learnable: bool = False


@dataclass(slots=True)
class Output:
    """
    What the program gives: a result for the caller, the new content of a tensor of the
    model, the new content of one of the caller's tensors, or (of a live model) something
    that the model keeps under the name in `target`.
    """

    kind: Literal["user", "tensor", "input", "kept"]
    argument: Any
    target: str | None = None


@dataclass(slots=True)
class ExportedGraph:
    """A program with its tensors, by qualified name."""

    body: Region
    inputs: list[Input]
    outputs: list[Output]
    tensors: dict[str, Array]
    warnings: list[Problem] = field(default_factory=list)
    live: bool = False
    """Whether it was recorded, and not read from a file."""

    def nodes(self) -> Iterator[Node]:
        """All nodes, those of regions too."""
        regions = [self.body]
        while regions:
            region = regions.pop()
            for node in region.nodes:
                yield node
                regions.extend(a for a in node.operands if isinstance(a, Region))
