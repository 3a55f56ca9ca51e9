"""What the elementwise operations of a graph compute, for constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.interpreters.scalars import maximum, minimum


def _exactly(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """In float64, rounded once: libraries differ in the last place, this is the nearest."""

    def rounded(x: Array) -> Array:
        return np.asarray(function(x.astype(np.float64))).astype(x.dtype)

    return rounded


def _power(a: Array, b: Array) -> Array:
    return np.asarray(np.power(a.astype(np.float64), b.astype(np.float64))).astype(a.dtype)


def _divide(a: Array, b: Array) -> Array:
    return np.asarray(a / b).astype(a.dtype) if a.dtype.kind == "f" else np.asarray(a // b)


UNARY: dict[str, Callable[[Array], Array]] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": _exactly(np.exp),
    "log": _exactly(np.log),
    "sqrt": np.sqrt,
    "tanh": _exactly(np.tanh),
    "sigmoid": _exactly(lambda x: 1 / (1 + np.exp(-x))),
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
    "not": np.logical_not,
}

BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _divide,
    "pow": _power,
    "maximum": maximum,
    "minimum": minimum,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}

COMPARISONS = {"gt", "ge", "lt", "le", "eq", "ne", "and", "or", "xor"}
"""Binary operations that give booleans."""

MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}
OPPOSITE = {"gt": "le", "le": "gt", "ge": "lt", "lt": "ge", "eq": "ne", "ne": "eq"}

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
}

ELEMENTWISE = {*UNARY, *BINARY, "where", "cast", "detach", "spike", "spike_count", "fake_quantize"}

MADE = {
    *ELEMENTWISE,
    *("reshape", "transpose", "take", "expand", "concat"),
    *("reduce_sum", "reduce_mean", "reduce_max"),
} - {"spike", "fake_quantize"}
"""What a network can compute of parameters."""


def fake_quantize(
    x: Array, factor: Array, scale: Array, zero: Array, *, divides: bool, low: int, high: int
) -> Array:
    """What `Graph.fake_quantize` computes, each step rounded in the type of the arrays."""
    whole = np.rint(x / factor if divides else x * factor) + zero
    least, most = (np.asarray(end, whole.dtype) for end in (low, high))
    return np.asarray((minimum(maximum(whole, least), most) - zero) * scale)
