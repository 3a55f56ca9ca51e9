"""
Views: tensors that share the memory of another one, and how a write to one reaches it.

A view is a chain of steps from the whole tensor to the part. `read` gives the part,
`write` the whole with the part replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value


@dataclass(frozen=True, slots=True)
class Reshape:
    shape: tuple[int, ...]

    def read(self, graph: Graph, whole: Value) -> Value:
        return graph.reshape(whole, self.shape)

    def write(self, graph: Graph, whole: Value, part: Value) -> Value:
        return graph.reshape(part, whole.shape)


@dataclass(frozen=True, slots=True)
class Transpose:
    order: tuple[int, ...]

    def read(self, graph: Graph, whole: Value) -> Value:
        return graph.transpose(whole, self.order)

    def write(self, graph: Graph, whole: Value, part: Value) -> Value:
        places = sorted(range(len(self.order)), key=lambda axis: self.order[axis])
        return graph.transpose(part, places)


@dataclass(frozen=True, slots=True)
class Part:
    """The places of `span` along one axis; its step is positive."""

    axis: int
    span: range

    def read(self, graph: Graph, whole: Value) -> Value:
        return graph.slice(whole, self.axis, self.span.start, self.span.stop, self.span.step)

    def write(self, graph: Graph, whole: Value, part: Value) -> Value:
        if self.span.step != 1:
            return replaced(graph, whole, self.axis, self.span, part)
        size = whole.shape[self.axis]
        pieces = [part]
        if self.span.start > 0:
            pieces.insert(0, graph.slice(whole, self.axis, 0, self.span.start))
        if self.span.stop < size:
            pieces.append(graph.slice(whole, self.axis, self.span.stop, size))
        return graph.concat(pieces, self.axis)


@dataclass(frozen=True, slots=True)
class Expand:
    shape: tuple[int, ...]

    def read(self, graph: Graph, whole: Value) -> Value:
        return graph.expand(whole, self.shape)

    def write(self, graph: Graph, whole: Value, part: Value) -> Value:
        raise error(
            "SNC-I012",
            "a write into a broadcast tensor, whose elements share memory",
            remedy="write to a copy: x.expand(...).clone()",
        )


@dataclass(frozen=True, slots=True)
class Detach:
    def read(self, graph: Graph, whole: Value) -> Value:
        return graph.detach(whole)

    def write(self, graph: Graph, whole: Value, part: Value) -> Value:
        return part


def replaced(graph: Graph, whole: Value, axis: int, places: Sequence[int], part: Value) -> Value:
    """The whole with `part` at some places of an axis; of equal places the last counts."""
    size = whole.shape[axis]
    sources = list(range(size))
    for at, place in enumerate(places):
        sources[place] = size + at
    return graph.take(graph.concat([whole, part], axis), axis, sources)


Step: TypeAlias = "Reshape | Transpose | Part | Expand | Detach"
View: TypeAlias = tuple[Step, ...]


def read(graph: Graph, whole: Value, view: Sequence[Step]) -> Value:
    for step in view:
        whole = step.read(graph, whole)
    return whole


def write(graph: Graph, whole: Value, view: Sequence[Step], part: Value) -> Value:
    """The whole tensor after `part` was written to a view of it."""
    if not view:
        return part
    if isinstance(view[0], Detach):  # what is not written keeps its gradient
        return write(graph, whole, view[1:], part)
    inner = view[0].read(graph, whole)
    return view[0].write(graph, whole, write(graph, inner, view[1:], part))
