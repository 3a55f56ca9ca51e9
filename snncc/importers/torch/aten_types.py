"""Copies, types, numbers taken out of tensors, and operators that only check."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.registry import Number, Operand, operator


@operator("aten.clone", "aten.lift_fresh_copy", "aten.lift_fresh")
def clone(graph: Graph, self: Value) -> Value:
    return self


@operator("aten.to", "aten._to_copy")
def to(
    graph: Graph,
    self: Value,
    dtype: np.dtype[Any] | None = None,
    copy: bool = False,
    other: Value | None = None,
) -> Value:
    return graph.cast(self, other.dtype if other is not None else dtype or self.dtype)


@operator("aten.type_as")
def type_as(graph: Graph, self: Value, other: Value) -> Value:
    return graph.cast(self, other.dtype)


@operator("aten.item", "aten._local_scalar_dense")
def item(graph: Graph, self: Value) -> Number:
    """A number of Python, where the tensor is constant."""
    if not self.is_constant:
        raise error(
            "SNC-I012",
            "item(): a number is taken out of a tensor that depends on the inputs",
            remedy="keep it a tensor in the model, without .item(), float() or an `if` on it",
        )
    number: Number = self.content.reshape(()).item()
    return number


@operator(
    "aten._assert_async",
    "aten._assert_scalar",
    "aten._assert_tensor_metadata",
    "aten.sym_constrain_range",
    "aten.sym_constrain_range_for_size",
)
def dropped(graph: Graph, *arguments: Any, **named: Any) -> None:
    """Checks of the exporter; the shapes and types are known here."""


@operator("aten.sym_size")
def sym_size(graph: Graph, self: Value, dim: int | None = None) -> Any:
    return list(self.shape) if dim is None else self.shape[dim]


@operator("aten.sym_numel")
def sym_numel(graph: Graph, self: Value) -> int:
    return math.prod(self.shape)


NUMBERS = {
    "_operator.add": lambda a, b: a + b,
    "_operator.sub": lambda a, b: a - b,
    "_operator.mul": lambda a, b: a * b,
    "_operator.truediv": lambda a, b: a / b,
    "_operator.floordiv": lambda a, b: a // b,
    "_operator.mod": lambda a, b: a % b,
    "_operator.neg": lambda a: -a,
    "_operator.eq": lambda a, b: a == b,
    "_operator.ne": lambda a, b: a != b,
    "_operator.lt": lambda a, b: a < b,
    "_operator.le": lambda a, b: a <= b,
    "_operator.gt": lambda a, b: a > b,
    "_operator.ge": lambda a, b: a >= b,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": lambda a: not a,
}
"""Arithmetic on numbers that a program does with its sizes; their arguments have no names."""


MAX_NUMBER = 1 << 63


def number(target: str, operands: list[Operand]) -> Number:
    """Raises SNC-I012 where an operand is a tensor, SNC-I017 for a number without bounds."""
    if any(isinstance(operand, Value) for operand in operands):
        raise error("SNC-I012", f"{target} of a tensor")
    result: Number = NUMBERS[target](*operands)  # type: ignore[operator]
    if abs(result) > MAX_NUMBER:
        raise error("SNC-I017", f"{target} gives a number beyond 64 bits")
    return result
