"""Activation functions of ATen, written in arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from snncc.importers.graph.graph import Graph, Value
from snncc.importers.torch.aten_elementwise import clamp
from snncc.importers.torch.promotion import typed
from snncc.importers.torch.registry import Number, operator


@operator("aten.relu")
def relu(graph: Graph, self: Value) -> Value:
    return clamp(graph, self, min=0)


@operator("aten.relu6")
def relu6(graph: Graph, self: Value) -> Value:
    return clamp(graph, self, min=0, max=6)


@operator("aten.hardtanh")
def hardtanh(graph: Graph, self: Value, min_val: Number = -1, max_val: Number = 1) -> Value:
    return clamp(graph, self, min=min_val, max=max_val)


@operator("aten.leaky_relu")
def leaky_relu(graph: Graph, self: Value, negative_slope: Number = 0.01) -> Value:
    slope = typed(graph, negative_slope, self.dtype)
    return _by_sign(graph, self, self, graph.binary("mul", self, slope))


@operator("aten.prelu", "aten._prelu_kernel")
def prelu(graph: Graph, self: Value, weight: Value) -> Value:
    if len(weight.shape) == 1 and weight.shape[0] > 1:  # one slope for each channel
        weight = graph.reshape(weight, (-1, *(1 for _ in self.shape[2:])))
    return _by_sign(graph, self, self, graph.binary("mul", self, weight))


@operator("aten.elu")
def elu(
    graph: Graph, self: Value, alpha: Number = 1, scale: Number = 1, input_scale: Number = 1
) -> Value:
    inner = graph.binary("mul", self, typed(graph, input_scale, self.dtype))
    grown = graph.binary("sub", graph.unary("exp", inner), typed(graph, 1, self.dtype))
    factor = float(np.float32(alpha)) * float(np.float32(scale))
    low = graph.binary("mul", grown, typed(graph, factor, self.dtype))
    return _by_sign(graph, self, graph.binary("mul", self, typed(graph, scale, self.dtype)), low)


@operator("aten.softplus")
def softplus(graph: Graph, self: Value, beta: Number = 1, threshold: Number = 20) -> Value:
    dtype = self.dtype
    scaled = graph.binary("mul", self, typed(graph, beta, dtype))
    grown = graph.binary("add", graph.unary("exp", scaled), typed(graph, 1, dtype))
    soft = graph.binary("div", graph.unary("log", grown), typed(graph, beta, dtype))
    return graph.where(graph.binary("gt", scaled, typed(graph, threshold, dtype)), self, soft)


@operator("aten.silu")
def silu(graph: Graph, self: Value) -> Value:
    one = typed(graph, 1, self.dtype)
    lower = graph.binary("add", graph.unary("exp", graph.unary("neg", self)), one)
    return graph.binary("div", self, lower)


@operator("aten.hardsigmoid")
def hardsigmoid(graph: Graph, self: Value) -> Value:
    moved = graph.binary("add", self, typed(graph, 3, self.dtype))
    return graph.binary("div", clamp(graph, moved, min=0, max=6), typed(graph, 6, self.dtype))


@operator("aten.softmax", "aten._softmax")
def softmax(
    graph: Graph, self: Value, dim: int, half_to_float: bool = False, dtype: Any = None
) -> Value:
    grown = graph.unary("exp", _below_maximum(graph, self, dim, dtype))
    return graph.binary("div", grown, graph.reduce("sum", grown, [dim], keep=True))


@operator("aten.log_softmax", "aten._log_softmax")
def log_softmax(
    graph: Graph, self: Value, dim: int, half_to_float: bool = False, dtype: Any = None
) -> Value:
    moved = _below_maximum(graph, self, dim, dtype)
    total = graph.reduce("sum", graph.unary("exp", moved), [dim], keep=True)
    return graph.binary("sub", moved, graph.unary("log", total))


def _below_maximum(graph: Graph, x: Value, dim: int, dtype: Any) -> Value:
    x = graph.cast(x, dtype or x.dtype)
    return graph.binary("sub", x, graph.reduce("max", x, [dim], keep=True))


def _by_sign(graph: Graph, x: Value, positive: Value, negative: Value) -> Value:
    return graph.where(graph.binary("gt", x, typed(graph, 0, x.dtype)), positive, negative)
