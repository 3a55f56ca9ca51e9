"""
The type that torch computes in: numbers and tensors without axes do not widen a tensor.

Of tensors with axes, tensors without and Python numbers, the first that there are decide,
unless a later one is of a higher kind (bool < integer < float).
"""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.registry import Operand

DType: TypeAlias = np.dtype[Any]

BOOL = np.dtype(np.bool_)
LONG = np.dtype(np.int64)
FLOAT = np.dtype(np.float32)

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}


def kind(dtype: DType) -> int:
    """0 for booleans, 1 for integers, 2 for floats."""
    return _KINDS[dtype.kind]


def type_of(operand: Operand) -> DType:
    """The type of a tensor; of a number the one torch's default gives it."""
    if isinstance(operand, Value):
        return operand.dtype
    if isinstance(operand, bool):
        return BOOL
    return LONG if isinstance(operand, int) else FLOAT


def wider(a: DType, b: DType) -> DType:
    """The smallest type that torch takes for both; an integer and a float give the float."""
    if kind(a) != kind(b):
        return a if kind(a) > kind(b) else b
    return np.promote_types(a, b)


def promoted(*operands: Operand) -> DType:
    """The type of an operation's result."""
    ranks: list[list[DType]] = [[], [], []]
    for operand in operands:
        rank = 2 if not isinstance(operand, Value) else 0 if operand.shape else 1
        ranks[rank].append(type_of(operand))
    groups = [reduce(wider, group) for group in ranks if group]
    result = groups[0]
    for lower in groups[1:]:
        if kind(lower) > kind(result):
            result = wider(result, lower)
    return result


def floating(*operands: Operand) -> DType:
    """As `promoted`, and float32 where that is no float."""
    dtype = promoted(*operands)
    return dtype if dtype.kind == "f" else FLOAT


def typed(graph: Graph, operand: Operand, dtype: DType) -> Value:
    """An operand as a value of a type; a number becomes a constant without axes."""
    if isinstance(operand, Value):
        return graph.cast(operand, dtype)
    if not isinstance(operand, bool | int | float):
        raise TypeError(f"{operand!r} is neither a tensor nor a number")
    with np.errstate(over="ignore"):  # a number beyond the type is infinity, as in torch
        return graph.constant(np.asarray(operand).astype(dtype))


def together(graph: Graph, *operands: Operand) -> tuple[Value, ...]:
    """The operands in the type of the result."""
    dtype = promoted(*operands)
    return tuple(typed(graph, operand, dtype) for operand in operands)
