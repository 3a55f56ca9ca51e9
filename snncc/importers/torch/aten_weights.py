"""
What layers compute of their weights: norms, and triangles of a matrix.

A norm is a sum in the order of the axes; torch sums in another one, so results differ in
the last places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import div, mul
from snncc.importers.torch.registry import Number, operator


@operator("aten._weight_norm_interface")
def weight_norm_interface(graph: Graph, v: Value, g: Value, dim: int = 0) -> list[Value]:
    """[v * (g / |v|), |v|], where |v| is over all axes but `dim`."""
    axes = [axis for axis in range(len(v.shape)) if axis != dim % len(v.shape)]
    norm = _norm(graph, v, axes, keep=True)
    return [mul(graph, v, div(graph, g, norm)), norm]


@operator("aten._weight_norm")
def weight_norm(graph: Graph, v: Value, g: Value, dim: int = 0) -> Value:
    return weight_norm_interface(graph, v, g, dim)[0]


@operator("aten.linalg_vector_norm")
def vector_norm(
    graph: Graph,
    self: Value,
    ord: Number = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: object = None,
) -> Value:
    if ord != 2:
        raise error("SNC-I012", f"the norm of order {ord} is not supported")
    axes = dim or range(len(self.shape))
    return _norm(graph, self, axes, keep=keepdim)


@operator("aten.triu")
def triu(graph: Graph, self: Value, diagonal: int = 0) -> Value:
    return _part(graph, self, np.triu(np.ones(self.shape[-2:], bool), diagonal))


@operator("aten.tril")
def tril(graph: Graph, self: Value, diagonal: int = 0) -> Value:
    return _part(graph, self, np.tril(np.ones(self.shape[-2:], bool), diagonal))


def _norm(graph: Graph, x: Value, axes: Sequence[int], keep: bool) -> Value:
    squares = graph.reduce("sum", mul(graph, x, x), axes, keep=keep)
    return graph.unary("sqrt", squares)


def _part(graph: Graph, x: Value, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Value:
    return graph.where(graph.constant(mask), x, graph.constant(np.zeros((), x.dtype)))
