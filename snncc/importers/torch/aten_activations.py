"""Activation functions of ATen, written in arithmetic."""

from __future__ import annotations

from typing import Any

from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import add, clamp, div, expm1, log1p, mul, sub
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
    grown = expm1(graph, mul(graph, self, input_scale))
    low = mul(graph, grown, alpha * scale)
    return _by_sign(graph, self, mul(graph, self, scale), low)


@operator("aten.selu")
def selu(graph: Graph, self: Value) -> Value:
    return elu(graph, self, 1.6732632423543772, 1.0507009873554805)


@operator("aten.celu")
def celu(graph: Graph, self: Value, alpha: Number = 1) -> Value:
    return elu(graph, self, alpha, 1, 1 / alpha)


@operator("aten.softplus")
def softplus(graph: Graph, self: Value, beta: Number = 1, threshold: Number = 20) -> Value:
    scaled = mul(graph, self, beta)
    soft = div(graph, log1p(graph, graph.unary("exp", scaled)), beta)
    high = graph.binary("gt", scaled, typed(graph, threshold, self.dtype))
    return graph.where(high, self, soft)


@operator("aten.log_sigmoid")
def log_sigmoid(graph: Graph, self: Value) -> Value:
    """min(x, 0) - log(1 + exp(-|x|))."""
    decayed = graph.unary("exp", graph.unary("neg", graph.unary("abs", self)))
    return graph.binary("sub", clamp(graph, self, max=0), log1p(graph, decayed))


@operator("aten.hardshrink")
def hardshrink(graph: Graph, self: Value, lambd: Number = 0.5) -> Value:
    bound, zero = typed(graph, lambd, self.dtype), typed(graph, 0, self.dtype)
    low = graph.binary("ge", self, graph.unary("neg", bound))
    inside = graph.binary("and", low, graph.binary("le", self, bound))
    return graph.where(inside, zero, self)


@operator("aten.softshrink")
def softshrink(graph: Graph, self: Value, lambd: Number = 0.5) -> Value:
    bound = typed(graph, lambd, self.dtype)
    high = graph.binary("gt", self, bound)
    low = graph.binary("lt", self, graph.unary("neg", bound))
    rest = graph.where(low, add(graph, self, lambd), typed(graph, 0, self.dtype))
    return graph.where(high, sub(graph, self, lambd), rest)


@operator("aten.hardswish")
def hardswish(graph: Graph, self: Value) -> Value:
    share = clamp(graph, add(graph, self, 3), min=0, max=6)
    return div(graph, mul(graph, self, share), 6)


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
