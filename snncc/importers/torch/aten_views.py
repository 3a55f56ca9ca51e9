"""
Operators that give views, as chains of steps (`views.py`).

Each function here gets the tensor and the operator's other arguments, and gives one view, a
list of views, or None where the operator makes a copy for these arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias, TypeVar

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.registry import operator
from snncc.importers.torch.views import (
    Detach,
    Expand,
    Part,
    Reshape,
    Transpose,
    View,
    read,
)

Maker: TypeAlias = Callable[..., "View | list[View] | None"]
Function = TypeVar("Function", bound=Maker)

VIEWS: dict[str, Maker] = {}

WHERE_CONTIGUOUS = {"aten.contiguous", "aten.flatten", "aten.ravel", "aten.reshape"}
"""Operators that give a view of a contiguous tensor, and of others perhaps a copy."""

MAX_PARTS = 1 << 16


def view(*names: str) -> Callable[[Function], Function]:
    """Makes a function the view of operators, and what is read through it their result."""

    def register(maker: Function) -> Function:
        def handler(graph: Graph, self: Value, **arguments: Any) -> Any:
            made = maker(self, **arguments)
            if isinstance(made, list):
                return [read(graph, self, part) for part in made]
            return read(graph, self, made or ())

        for name in names:
            VIEWS[name] = maker
            operator(name)(handler)
        return maker

    return register


def perhaps_view(*names: str) -> Callable[[Function], Function]:
    """The same for operators that give a view or a copy: their handlers stand elsewhere."""

    def register(maker: Function) -> Function:
        VIEWS.update(dict.fromkeys(names, maker))
        return maker

    return register


def axis_of(rank: int, axis: int) -> int:
    """A place in 0..rank-1; a tensor without axes may be asked for axis 0."""
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise error("SNC-I014", f"axis {axis} of a tensor of {rank} axes")
    return axis % max(rank, 1)


# --- the same tensor


@view("aten.alias", "aten.contiguous", "aten.lift", "aten.positive")
def alias(self: Value) -> View:
    return ()


@view("aten.detach")
def detach(self: Value) -> View:
    return (Detach(),)


# --- the shape


@view("aten.reshape", "aten.view", "aten._unsafe_view", "aten._reshape_alias")
def reshape(
    self: Value,
    size: Sequence[int] | None = None,
    shape: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
    dtype: np.dtype[Any] | None = None,
) -> View:
    if size is None and shape is None:
        if dtype != self.dtype:
            raise error(
                "SNC-I012",
                f"view: {self.dtype} bits read as {dtype}",
                remedy="convert the values instead: x.to(dtype)",
            )
        return ()
    sizes = [int(s) for s in (size if size is not None else shape or ())]
    if sizes.count(-1) == 1:
        rest = prod(s for s in sizes if s != -1)
        if rest and prod(self.shape) % rest == 0:
            sizes[sizes.index(-1)] = prod(self.shape) // rest
    return (Reshape(tuple(sizes)),)


@view("aten.view_as", "aten.reshape_as")
def view_as(self: Value, other: Value) -> View:
    return (Reshape(other.shape),)


@view("aten.flatten")
def flatten(self: Value, start_dim: int = 0, end_dim: int = -1) -> View:
    shape = self.shape
    start, end = axis_of(len(shape), start_dim), axis_of(len(shape), end_dim)
    return (Reshape((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])),)


@view("aten.ravel")
def ravel(self: Value) -> View:
    return (Reshape((prod(self.shape),)),)


@view("aten.unflatten")
def unflatten(self: Value, dim: int, sizes: Sequence[int]) -> View:
    axis = axis_of(len(self.shape), dim)
    known = [int(s) for s in sizes]
    if known.count(-1) == 1:
        rest = prod(s for s in known if s != -1)
        known[known.index(-1)] = self.shape[axis] // max(rest, 1)
    return (Reshape((*self.shape[:axis], *known, *self.shape[axis + 1 :])),)


@view("aten.unsqueeze")
def unsqueeze(self: Value, dim: int) -> View:
    axis = axis_of(len(self.shape) + 1, dim)
    return (Reshape((*self.shape[:axis], 1, *self.shape[axis:])),)


@view("aten.squeeze")
def squeeze(self: Value, dim: int | Sequence[int] | None = None) -> View:
    rank = len(self.shape)
    axes = range(rank) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {axis_of(rank, axis) for axis in axes}
    kept = (size for axis, size in enumerate(self.shape) if axis not in gone or size != 1)
    return (Reshape(tuple(kept)),)


@view("aten.expand", "aten.broadcast_to")
def expand(self: Value, size: Sequence[int], implicit: bool = False) -> View:
    return (Expand(tuple(int(s) for s in size)),)


@view("aten.expand_as")
def expand_as(self: Value, other: Value) -> View:
    return (Expand(other.shape),)


# --- the order of axes


@view("aten.permute")
def permute(self: Value, dims: Sequence[int]) -> View:
    return (Transpose(tuple(axis_of(len(self.shape), axis) for axis in dims)),)


@view("aten.transpose", "aten.swapaxes", "aten.swapdims")
def transpose(
    self: Value,
    dim0: int | None = None,
    dim1: int | None = None,
    axis0: int | None = None,
    axis1: int | None = None,
) -> View:
    rank = len(self.shape)
    first = dim0 if dim0 is not None else axis0
    second = dim1 if dim1 is not None else axis1
    if first is None or second is None:
        raise error("SNC-I011", "transpose: two axes are expected")
    order = list(range(rank))
    if rank:
        a, b = axis_of(rank, first), axis_of(rank, second)
        order[a], order[b] = b, a
    return (Transpose(tuple(order)),)


@view("aten.t", "aten.numpy_T")
def t(self: Value) -> View:
    return (Transpose(tuple(reversed(range(len(self.shape))))),)


@view("aten.mT", "aten.adjoint", "aten.mH")
def matrix_transpose(self: Value) -> View:
    return transpose(self, -2, -1)


@view("aten.movedim", "aten.moveaxis")
def movedim(self: Value, source: int | Sequence[int], destination: int | Sequence[int]) -> View:
    rank = len(self.shape)
    sources = [source] if isinstance(source, int) else source
    targets = [destination] if isinstance(destination, int) else destination
    moved = {axis_of(rank, b): axis_of(rank, a) for a, b in zip(sources, targets, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in moved.values())
    return (Transpose(tuple(moved[i] if i in moved else next(rest) for i in range(rank))),)


# --- parts


@view("aten.select")
def select(self: Value, dim: int, index: int) -> View:
    axis = axis_of(len(self.shape), dim)
    size = self.shape[axis] if self.shape else 0
    if not -size <= index < size:
        raise error("SNC-I014", f"select: index {index} of axis {axis} of {list(self.shape)}")
    place = index % size
    rest = (*self.shape[:axis], *self.shape[axis + 1 :])
    return (Part(axis, range(place, place + 1)), Reshape(rest))


@view("aten.slice")
def slice_(
    self: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> View:
    axis = axis_of(len(self.shape), dim)
    if step < 1:
        raise error("SNC-I014", f"slice: step {step}")
    return (Part(axis, range(self.shape[axis])[start:end:step]),)


@view("aten.narrow")
def narrow(self: Value, dim: int, start: int, length: int) -> View:
    axis = axis_of(len(self.shape), dim)
    first = start % self.shape[axis] if start < 0 else start
    if first + length > self.shape[axis]:
        raise error("SNC-I014", f"narrow: {start} + {length} of axis {axis} of {list(self.shape)}")
    return slice_(self, axis, first, first + length)


@view("aten.unbind")
def unbind(self: Value, dim: int = 0) -> list[View]:
    count = _count(self.shape[axis_of(len(self.shape), dim)])
    return [select(self, dim, index) for index in range(count)]


@view("aten.split", "aten.split_with_sizes", "aten.unsafe_split", "aten.unsafe_split_with_sizes")
def split(
    self: Value,
    split_size: int | Sequence[int] | None = None,
    dim: int = 0,
    split_sizes: Sequence[int] | None = None,
) -> list[View]:
    size = self.shape[axis_of(len(self.shape), dim)]
    sizes = split_sizes if split_sizes is not None else split_size
    if isinstance(sizes, int):
        if sizes < 1:
            raise error("SNC-I014", f"split: parts of {sizes}")
        whole, rest = divmod(size, sizes)
        sizes = [sizes] * _count(whole) + ([rest] if rest else [])
    if sizes is None or sum(sizes) != size:
        raise error("SNC-I014", f"split: {list(self.shape)} into {sizes}")
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice_(self, dim, start, end) for start, end in pairwise(ends)]


@view("aten.chunk")
def chunk(self: Value, chunks: int, dim: int = 0) -> list[View]:
    size = self.shape[axis_of(len(self.shape), dim)]
    return split(self, -(-size // max(chunks, 1)), dim)


@view("aten.tensor_split")
def tensor_split(
    self: Value,
    sections: int | None = None,
    indices: Sequence[int] | None = None,
    dim: int = 0,
) -> list[View]:
    size = self.shape[axis_of(len(self.shape), dim)]
    if sections is not None:
        short, longer = divmod(size, sections)
        _count(sections)
        return split(self, [short + 1] * longer + [short] * (sections - longer), dim)
    ends = [0, *(indices or ()), size]
    return [slice_(self, dim, a, b) for a, b in pairwise(ends)]


def _count(parts: int) -> int:
    if parts > MAX_PARTS:
        raise error("SNC-I017", f"a tensor is taken into {parts} parts")
    return parts


# --- the same tensor or a copy


@perhaps_view("aten.to")
def to(
    self: Value,
    dtype: np.dtype[Any] | None = None,
    copy: bool = False,
    other: Value | None = None,
) -> View | None:
    target = other.dtype if other is not None else dtype or self.dtype
    return () if target == self.dtype and not copy else None


@perhaps_view("aten.type_as")
def type_as(self: Value, other: Value) -> View | None:
    return () if self.dtype == other.dtype else None


@perhaps_view(
    "aten.dropout", "aten.feature_dropout", "aten.alpha_dropout", "aten.feature_alpha_dropout"
)
def dropout(input: Value, p: float, train: bool) -> View | None:
    return () if not train else None
