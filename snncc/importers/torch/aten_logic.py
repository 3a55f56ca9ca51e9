"""Comparisons, logic and choices of ATen."""

from __future__ import annotations

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import folded
from snncc.importers.torch.promotion import BOOL, together, typed
from snncc.importers.torch.registry import Operand, operator


def _comparison(names: tuple[str, ...], operation: str) -> None:
    @operator(*(f"aten.{name}" for name in names))
    def handler(graph: Graph, self: Operand, other: Operand) -> Value:
        return graph.binary(operation, *together(graph, self, other))


for _names, _operation in (
    (("gt", "greater"), "gt"),
    (("ge", "greater_equal"), "ge"),
    (("lt", "less"), "lt"),
    (("le", "less_equal"), "le"),
    (("eq",), "eq"),
    (("ne", "not_equal"), "ne"),
):
    _comparison(_names, _operation)


def _logic(operation: str) -> None:
    @operator(f"aten.logical_{operation}")
    def logical(graph: Graph, self: Operand, other: Operand) -> Value:
        a, b = typed(graph, self, BOOL), typed(graph, other, BOOL)
        return graph.binary(operation, a, b)

    @operator(f"aten.bitwise_{operation}", f"aten.__{operation}__")
    def bitwise(graph: Graph, self: Operand, other: Operand) -> Value:
        a, b = together(graph, self, other)
        if a.dtype == BOOL:
            return graph.binary(operation, a, b)
        if a.is_constant and b.is_constant:
            return folded(graph, getattr(np, f"bitwise_{operation}"), a, b)
        raise error("SNC-I012", f"the bitwise {operation} of {a.dtype} is not supported")


for _operation in ("and", "or", "xor"):
    _logic(_operation)


@operator("aten.logical_not")
def logical_not(graph: Graph, self: Value) -> Value:
    return graph.unary("not", typed(graph, self, BOOL))


@operator("aten.bitwise_not")
def bitwise_not(graph: Graph, self: Value) -> Value:
    if self.dtype == BOOL:
        return graph.unary("not", self)
    if self.is_constant:
        return graph.folded([self], np.bitwise_not(self.content))
    raise error("SNC-I012", f"the bitwise not of {self.dtype} is not supported")


@operator("aten.isnan")
def isnan(graph: Graph, self: Value) -> Value:
    return graph.binary("ne", self, self)


@operator("aten.where")
def where(graph: Graph, condition: Value, self: Operand, other: Operand) -> Value:
    return graph.where(typed(graph, condition, BOOL), *together(graph, self, other))


@operator("aten.masked_fill")
def masked_fill(graph: Graph, self: Value, mask: Value, value: Operand) -> Value:
    return graph.where(typed(graph, mask, BOOL), typed(graph, value, self.dtype), self)


@operator("aten.heaviside")
def heaviside(graph: Graph, self: Value, values: Value) -> Value:
    zero = typed(graph, 0, self.dtype)
    step = graph.cast(graph.binary("gt", self, zero), self.dtype)
    return graph.where(graph.binary("eq", self, zero), values, step)


@operator("aten.threshold")
def threshold(graph: Graph, self: Value, threshold: Operand, value: Operand) -> Value:
    below = graph.binary("le", self, typed(graph, threshold, self.dtype))
    return graph.where(below, typed(graph, value, self.dtype), self)
