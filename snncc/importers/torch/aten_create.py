"""Tensors that ATen makes of nothing: all of them are constants."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.promotion import FLOAT, LONG, DType, type_of, typed
from snncc.importers.torch.registry import Number, Operand, operator

MAX_ELEMENTS = 1 << 24


def filled(graph: Graph, size: Sequence[int], value: Operand, dtype: DType) -> Value:
    """Raises SNC-I014 for a negative size, SNC-I017 over the limit of elements."""
    shape = tuple(int(s) for s in size)
    if any(s < 0 for s in shape):
        raise error("SNC-I014", f"a tensor of shape {list(shape)}")
    if prod(shape) > MAX_ELEMENTS:
        raise error("SNC-I017", f"a constant of shape {list(shape)} is over the limit")
    return graph.expand(typed(graph, value, dtype), shape)


@operator("aten.full")
def full(
    graph: Graph,
    size: Sequence[int],
    fill_value: Operand,
    names: Any = None,
    dtype: DType | None = None,
) -> Value:
    return filled(graph, size, fill_value, dtype or type_of(fill_value))


@operator("aten.zeros", "aten.empty", "aten.empty_strided", "aten.empty_permuted")
def zeros(
    graph: Graph,
    size: Sequence[int],
    names: Any = None,
    stride: Any = None,
    physical_layout: Any = None,
    dtype: DType | None = None,
) -> Value:
    """What is not initialised is read as zeros."""
    return filled(graph, size, 0, dtype or FLOAT)


@operator("aten.ones")
def ones(graph: Graph, size: Sequence[int], names: Any = None, dtype: DType | None = None) -> Value:
    return filled(graph, size, 1, dtype or FLOAT)


@operator("aten.zeros_like", "aten.empty_like")
def zeros_like(graph: Graph, self: Value, dtype: DType | None = None) -> Value:
    return filled(graph, self.shape, 0, dtype or self.dtype)


@operator("aten.zero")
def zero(graph: Graph, self: Value) -> Value:
    return filled(graph, self.shape, 0, self.dtype)


@operator("aten.ones_like")
def ones_like(graph: Graph, self: Value, dtype: DType | None = None) -> Value:
    return filled(graph, self.shape, 1, dtype or self.dtype)


@operator("aten.full_like")
def full_like(graph: Graph, self: Value, fill_value: Operand, dtype: DType | None = None) -> Value:
    return filled(graph, self.shape, fill_value, dtype or self.dtype)


@operator("aten.fill")
def fill(graph: Graph, self: Value, value: Operand) -> Value:
    return graph.expand(typed(graph, value, self.dtype), self.shape)


@operator("aten.new_zeros", "aten.new_empty", "aten.new_empty_strided")
def new_zeros(
    graph: Graph,
    self: Value,
    size: Sequence[int],
    stride: Any = None,
    dtype: DType | None = None,
) -> Value:
    return filled(graph, size, 0, dtype or self.dtype)


@operator("aten.new_ones")
def new_ones(graph: Graph, self: Value, size: Sequence[int], dtype: DType | None = None) -> Value:
    return filled(graph, size, 1, dtype or self.dtype)


@operator("aten.new_full")
def new_full(
    graph: Graph,
    self: Value,
    size: Sequence[int],
    fill_value: Operand,
    dtype: DType | None = None,
) -> Value:
    return filled(graph, size, fill_value, dtype or self.dtype)


@operator("aten.scalar_tensor")
def scalar_tensor(graph: Graph, s: Number, dtype: DType | None = None) -> Value:
    return typed(graph, s, dtype or FLOAT)


@operator("aten.arange")
def arange(
    graph: Graph,
    end: Number,
    start: Number = 0,
    step: Number = 1,
    dtype: DType | None = None,
) -> Value:
    whole = all(isinstance(n, int) for n in (start, end, step))
    if not step or not abs(end - start) / abs(step) < MAX_ELEMENTS:
        raise error("SNC-I017", f"arange: {start} to {end} by {step}")
    # torch counts in float64 (or integers) and rounds each element once
    graph.charge(16 * int(abs(end - start) / abs(step)))
    counting: DType = np.dtype(np.int64 if whole else np.float64)
    array = np.arange(start, end, step, dtype=counting)
    return graph.constant(array.astype(dtype or (LONG if whole else FLOAT)))


@operator("aten.linspace")
def linspace(
    graph: Graph, start: Number, end: Number, steps: int, dtype: DType | None = None
) -> Value:
    """From both ends to the middle, in the type of the result, as torch counts."""
    if not 1 <= steps <= MAX_ELEMENTS:
        raise error("SNC-I017", f"linspace: {steps} steps")
    graph.charge(32 * steps)
    kind = (dtype or FLOAT).type
    first, last = kind(start), kind(end)
    step = (last - first) / kind(max(steps - 1, 1))
    places = np.arange(steps).astype(dtype or FLOAT)
    near, far = first + step * places, last - step * (kind(steps - 1) - places)
    array = np.where(np.arange(steps) < steps // 2, near, far) if steps > 1 else near
    return graph.constant(array.astype(dtype or FLOAT))


@operator("aten.eye")
def eye(graph: Graph, n: int, m: int | None = None, dtype: DType | None = None) -> Value:
    columns = n if m is None else m
    if n * columns > MAX_ELEMENTS:
        raise error("SNC-I017", f"eye: {n} by {columns} elements")
    graph.charge(8 * n * columns)
    return graph.constant(np.eye(n, columns, dtype=dtype or FLOAT))
