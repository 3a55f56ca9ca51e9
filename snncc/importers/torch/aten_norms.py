"""
Norms of ATen over the elements of a sample, in two passes: the mean, then the squares of
what is left. torch sums in another order, so results differ in the last places.
"""

from __future__ import annotations

from collections.abc import Sequence

from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import add, mul, rsqrt, sub
from snncc.importers.torch.registry import operator


@operator("aten.layer_norm")
def layer_norm(
    graph: Graph,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    """Over the last axes, in two passes; torch sums in another order."""
    axes = [-1 - number for number in range(len(normalized_shape))]
    return _normalised(graph, input, axes, weight, bias, eps)


@operator("aten.native_layer_norm")
def native_layer_norm(
    graph: Graph,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> list[Value | None]:
    return [layer_norm(graph, input, normalized_shape, weight, bias, eps), None, None]


@operator("aten.group_norm")
def group_norm(
    graph: Graph,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """Of [N, C, ...], over each group of channels."""
    grouped = graph.reshape(input, (input.shape[0], num_groups, -1))
    normal = graph.reshape(_normalised(graph, grouped, [2], None, None, eps), input.shape)
    shape = (-1, *(1 for _ in input.shape[2:]))
    if weight is not None:
        normal = mul(graph, normal, graph.reshape(weight, shape))
    return normal if bias is None else add(graph, normal, graph.reshape(bias, shape))


@operator("aten.native_group_norm")
def native_group_norm(
    graph: Graph,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> list[Value | None]:
    return [group_norm(graph, input, group, weight, bias, eps), None, None]


def _normalised(
    graph: Graph,
    x: Value,
    axes: Sequence[int],
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> Value:
    centred = sub(graph, x, graph.reduce("mean", x, axes, keep=True))
    variance = graph.reduce("mean", mul(graph, centred, centred), axes, keep=True)
    normal = mul(graph, centred, rsqrt(graph, add(graph, variance, eps)))
    if weight is not None:
        normal = mul(graph, normal, weight)
    return normal if bias is None else add(graph, normal, bias)
