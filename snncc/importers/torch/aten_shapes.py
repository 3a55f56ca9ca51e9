"""Operators of ATen that move elements and copy them: joins, padding, repetition, indices."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_views import axis_of, select, slice_, unsqueeze
from snncc.importers.torch.promotion import BOOL, wider
from snncc.importers.torch.registry import Number, operator
from snncc.importers.torch.views import View, read, replaced, write

MAX_INDICES = 1 << 20


@operator("aten.cat", "aten.concat", "aten.concatenate")
def cat(graph: Graph, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Tensors of the shape [0] are left out, as torch does."""
    parts = [part for part in tensors if part.shape != (0,)] or list(tensors[:1])
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = wider(dtype, part.dtype)
    return graph.concat([graph.cast(part, dtype) for part in parts], dim)


@operator("aten.stack")
def stack(graph: Graph, tensors: Sequence[Value], dim: int = 0) -> Value:
    axis = axis_of(len(tensors[0].shape) + 1, dim)
    return cat(graph, [read(graph, part, unsqueeze(part, axis)) for part in tensors], axis)


@operator("aten.hstack")
def hstack(graph: Graph, tensors: Sequence[Value]) -> Value:
    return cat(graph, tensors, 0 if len(tensors[0].shape) == 1 else 1)


@operator("aten.vstack")
def vstack(graph: Graph, tensors: Sequence[Value]) -> Value:
    rows = [graph.reshape(t, (1, -1)) if len(t.shape) < 2 else t for t in tensors]
    return cat(graph, rows, 0)


@operator("aten.repeat", "aten.tile")
def repeat(
    graph: Graph,
    self: Value,
    repeats: Sequence[int] | None = None,
    dims: Sequence[int] | None = None,
) -> Value:
    counts = [int(r) for r in (repeats if repeats is not None else dims or ())]
    rank = max(len(counts), len(self.shape))
    shape = (*(1 for _ in range(rank - len(self.shape))), *self.shape)
    counts = [1] * (rank - len(counts)) + counts
    if any(count < 1 for count in counts):
        raise error("SNC-I014", f"repeat: {counts} times")
    apart = [n for size in shape for n in (1, size)]
    grown = [n for count, size in zip(counts, shape, strict=True) for n in (count, size)]
    copies = graph.expand(graph.reshape(self, apart), grown)
    return graph.reshape(copies, [c * s for c, s in zip(counts, shape, strict=True)])


@operator("aten.repeat_interleave")
def repeat_interleave(
    graph: Graph, self: Value, repeats: int, dim: int | None = None, output_size: int | None = None
) -> Value:
    if not isinstance(repeats, int):
        raise error("SNC-I012", "repeat_interleave with a tensor of counts is not supported")
    x = self if dim is not None else graph.reshape(self, (-1,))
    axis = axis_of(len(x.shape), dim or 0)
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    apart = graph.reshape(x, (*before, size, 1, *after))
    copies = graph.expand(apart, (*before, size, repeats, *after))
    return graph.reshape(copies, (*before, size * repeats, *after))


@operator("aten.flip")
def flip(graph: Graph, self: Value, dims: Sequence[int]) -> Value:
    for dim in dims:
        axis = axis_of(len(self.shape), dim)
        self = graph.take(self, axis, _indices(range(self.shape[axis])[::-1]))
    return self


@operator("aten.roll")
def roll(
    graph: Graph, self: Value, shifts: int | Sequence[int], dims: int | Sequence[int] = ()
) -> Value:
    moves = [shifts] if isinstance(shifts, int) else list(shifts)
    axes = [dims] if isinstance(dims, int) else list(dims)
    if not axes:
        flat = graph.reshape(self, (-1,))
        return graph.reshape(roll(graph, flat, moves, [0]), self.shape)
    for move, dim in zip(moves, axes, strict=True):
        axis = axis_of(len(self.shape), dim)
        size = self.shape[axis]
        places = _indices(range(size))
        self = graph.take(self, axis, [(i - move) % size for i in places])
    return self


@operator("aten.constant_pad_nd")
def constant_pad_nd(graph: Graph, self: Value, pad: Sequence[int], value: Number = 0) -> Value:
    """Pairs from the last axis on; a negative one cuts."""
    pads = [(0, 0)] * len(self.shape)
    for number, pair in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        pads[-1 - number] = (int(pair[0]), int(pair[1]))
    for axis, (before, after) in enumerate(pads):
        size = self.shape[axis]
        if min(before, after) < 0:
            self = graph.slice(self, axis, max(-before, 0), size - max(-after, 0))
    return graph.pad(self, [(max(a, 0), max(b, 0)) for a, b in pads], float(value))


@operator("aten.pad")
def pad(
    graph: Graph,
    self: Value,
    pad: Sequence[int],
    mode: str = "constant",
    value: Number | None = None,
) -> Value:
    if mode == "constant":
        return constant_pad_nd(graph, self, pad, value or 0)
    axes = range(len(self.shape) - 1, -1, -1)
    for axis, before, after in zip(axes, pad[::2], pad[1::2], strict=False):
        self = graph.take(self, axis, _padded(self.shape[axis], before, after, mode))
    return self


def _pad_by_index(mode: str, name: str) -> None:
    @operator(*(f"aten.{name}_pad{rank}d" for rank in (1, 2, 3)))
    def handler(graph: Graph, self: Value, padding: Sequence[int]) -> Value:
        return pad(graph, self, padding, mode)


_pad_by_index("replicate", "replication")
_pad_by_index("reflect", "reflection")


def _padded(size: int, before: int, after: int, mode: str) -> list[int]:
    """Which place each place of a padded axis repeats."""
    if min(before, after) < 0 or max(before, after) > MAX_INDICES:
        raise error("SNC-I014", f"pad: {before} before and {after} after {size}")
    _expect_moderate(before + size + after)
    places = np.arange(-before, size + after)
    if mode == "circular" and max(before, after) <= size:
        return [int(i) for i in places % size]
    if mode == "replicate":
        return [int(i) for i in np.clip(places, 0, size - 1)]
    if mode == "reflect" and max(before, after) < size:
        mirrored = np.abs(places)
        return [int(i) for i in np.where(mirrored < size, mirrored, 2 * (size - 1) - mirrored)]
    raise error("SNC-I014", f"pad: mode {mode!r} with {before} before and {after} after {size}")


# --- indices


@operator("aten.index_select")
def index_select(graph: Graph, self: Value, dim: int, index: Value) -> Value:
    return graph.take(self, dim, _indices(_known(index).reshape(-1)))


@operator("aten.index", "aten._unsafe_index")
def index(graph: Graph, self: Value, indices: Sequence[Value | None]) -> Value:
    """With constant indices that stand at neighbouring axes."""
    start, arrays = _index_arrays(self, indices)
    if not arrays:
        return self
    _expect_moderate(prod(np.broadcast_shapes(*(array.shape for array in arrays))))
    common = np.broadcast_arrays(*arrays)
    sizes = self.shape[start : start + len(common)]
    flat = np.ravel_multi_index([a % s for a, s in zip(common, sizes, strict=True)], sizes)
    before, after = self.shape[:start], self.shape[start + len(common) :]
    joined = graph.reshape(self, (*before, prod(sizes), *after))
    picked = graph.take(joined, start, _indices(np.asarray(flat).reshape(-1)))
    return graph.reshape(picked, (*before, *common[0].shape, *after))


@operator("aten.index_put", "aten._unsafe_index_put")
def index_put(
    graph: Graph,
    self: Value,
    indices: Sequence[Value | None],
    values: Value,
    accumulate: bool = False,
) -> Value:
    """Through a mask with one value, or at constant places of one axis."""
    if accumulate:
        raise error("SNC-I012", "index_put that accumulates is not supported")
    values = graph.cast(values, self.dtype)
    masks = [i for i in indices if i is not None]
    if len(masks) == 1 and masks[0].dtype == BOOL and prod(values.shape) == 1:
        place = next(at for at, i in enumerate(indices) if i is not None)
        mask = masks[0]
        rest = len(self.shape) - place - len(mask.shape)
        mask = graph.reshape(mask, (*mask.shape, *(1 for _ in range(rest))))
        return graph.where(mask, graph.reshape(values, ()), self)
    start, arrays = _index_arrays(self, indices)
    if len(arrays) != 1 or arrays[0].ndim != 1:
        raise error(
            "SNC-I012",
            "a write at these indices is not supported",
            remedy="write with a mask, torch.where(mask, value, x), or at constant places",
        )
    places = _indices(arrays[0] % self.shape[start])
    _expect_moderate(self.shape[start])
    shape = (*self.shape[:start], len(places), *self.shape[start + 1 :])
    return replaced(graph, self, start, places, graph.expand(values, shape))


@operator("aten.select_scatter")
def select_scatter(graph: Graph, self: Value, src: Value, dim: int, index: int) -> Value:
    return _written(graph, self, select(self, dim, index), src)


@operator("aten.slice_scatter")
def slice_scatter(
    graph: Graph,
    self: Value,
    src: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    return _written(graph, self, slice_(self, dim, start, end, step), src)


@operator("aten.copy")
def copy(graph: Graph, self: Value, src: Value) -> Value:
    return graph.expand(graph.cast(src, self.dtype), self.shape)


def _written(graph: Graph, whole: Value, view: View, part: Value) -> Value:
    shape = read(graph, whole, view).shape
    return write(graph, whole, view, graph.expand(graph.cast(part, whole.dtype), shape))


def _known(index: Value) -> Array:
    if not index.is_constant or index.dtype.kind == "f":
        raise error(
            "SNC-I012",
            "an index that depends on the inputs is not supported",
            remedy="use constant indices, or torch.where(mask, a, b)",
        )
    return index.content


def _index_arrays(x: Value, indices: Sequence[Value | None]) -> tuple[int, list[Array]]:
    """The first indexed axis and the places along it and its neighbours; masks as places."""
    at = [axis for axis, i in enumerate(indices) if i is not None]
    if not at:
        return 0, []
    if at != list(range(at[0], at[-1] + 1)):
        raise error("SNC-I012", "indices at axes that are no neighbours are not supported")
    arrays: list[Array] = []
    for index in indices[at[0] : at[-1] + 1]:
        assert index is not None
        array = _known(index)
        arrays.extend(np.nonzero(array) if array.dtype == BOOL else [array.astype(np.int64)])
    for array, size in zip(arrays, x.shape[at[0] :], strict=False):
        if array.size and not -size <= array.min() <= array.max() < size:
            raise error("SNC-I014", f"an index outside of an axis of size {size}")
    return at[0], arrays


def _indices(places: Sequence[int] | Array | range) -> list[int]:
    _expect_moderate(len(places))
    return [int(place) for place in places]


def _expect_moderate(places: int) -> None:
    if places > MAX_INDICES:
        raise error("SNC-I017", f"{places} places of one axis are taken one by one")
