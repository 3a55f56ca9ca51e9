"""
Elementwise arithmetic of ATen, operation by operation in the order of torch's kernels.

Where torch's vector code contracts a product and a sum (`alpha`, `lerp`, `addcmul`), both
are rounded here, as its definition says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snncc.errors import SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.promotion import BOOL, floating, promoted, together, typed
from snncc.importers.torch.registry import Number, Operand, operator

# --- two operands


@operator("aten.add")
def add(graph: Graph, self: Operand, other: Operand, alpha: Number = 1) -> Value:
    if promoted(self, other) == BOOL:
        return graph.binary("or", *together(graph, self, other))
    a, b = together(graph, self, other)
    return graph.binary("add", a, _scaled(graph, b, alpha))


@operator("aten.sub", "aten.subtract")
def sub(graph: Graph, self: Operand, other: Operand, alpha: Number = 1) -> Value:
    a, b = together(graph, self, other)
    return graph.binary("sub", a, _scaled(graph, b, alpha))


@operator("aten.rsub")
def rsub(graph: Graph, self: Operand, other: Operand, alpha: Number = 1) -> Value:
    return sub(graph, other, self, alpha)


@operator("aten.mul", "aten.multiply")
def mul(graph: Graph, self: Operand, other: Operand) -> Value:
    operation = "and" if promoted(self, other) == BOOL else "mul"
    return graph.binary(operation, *together(graph, self, other))


@operator("aten.div", "aten.divide")
def div(graph: Graph, self: Operand, other: Operand, rounding_mode: str | None = None) -> Value:
    if rounding_mode == "floor":
        return floor_divide(graph, self, other)
    if rounding_mode not in (None, "trunc"):
        raise error("SNC-I011", f"div: rounding mode {rounding_mode!r}")
    dtype = floating(self, other)
    ratio = graph.binary("div", typed(graph, self, dtype), typed(graph, other, dtype))
    if rounding_mode is None:
        return ratio
    if promoted(self, other).kind != "f":
        raise _inexact("div with rounding_mode='trunc' of integers", "trunc(a / b)")
    return graph.unary("trunc", ratio)


@operator("aten.true_divide")
def true_divide(graph: Graph, self: Operand, other: Operand) -> Value:
    return div(graph, self, other)


@operator("aten.floor_divide")
def floor_divide(graph: Graph, self: Operand, other: Operand) -> Value:
    """The floor of the exact quotient: of the rounded one where a power of two divides."""
    a, b = together(graph, self, other)
    if a.is_constant and b.is_constant:
        return folded(graph, np.floor_divide, a, b)
    if not _power_of_two(b):
        raise _inexact("floor division", "torch.floor(a / b)")
    return graph.unary("floor", graph.binary("div", a, b))


@operator("aten.remainder")
def remainder(graph: Graph, self: Operand, other: Operand) -> Value:
    return _modulo(graph, self, other, "floor", np.remainder)


@operator("aten.fmod")
def fmod(graph: Graph, self: Operand, other: Operand) -> Value:
    return _modulo(graph, self, other, "trunc", np.fmod)


@operator("aten.pow")
def pow_(graph: Graph, self: Operand, exponent: Operand) -> Value:
    """With a number as exponent, products and roots where torch's kernel has them."""
    if isinstance(exponent, Value) or not isinstance(self, Value):
        return graph.binary("pow", *together(graph, self, exponent))
    x = typed(graph, self, promoted(self, exponent))
    one = typed(graph, 1, x.dtype)
    if exponent in (2, 3, -2):
        power = graph.binary("mul", x, x)
        if exponent == 3:
            power = graph.binary("mul", power, x)
        return power if exponent > 0 else graph.binary("div", one, power)
    if exponent in (0.5, -0.5):
        root = graph.unary("sqrt", x)
        return root if exponent > 0 else graph.binary("div", one, root)
    if exponent == 0:
        return graph.expand(one, x.shape)
    if exponent == -1 and x.dtype.kind == "f":
        return graph.binary("div", one, x)
    return graph.binary("pow", x, typed(graph, exponent, x.dtype))


@operator("aten.maximum")
def maximum(graph: Graph, self: Operand, other: Operand) -> Value:
    return _extreme(graph, "maximum", "or", self, other)


@operator("aten.minimum")
def minimum(graph: Graph, self: Operand, other: Operand) -> Value:
    return _extreme(graph, "minimum", "and", self, other)


# --- one operand


@operator("aten.square")
def square(graph: Graph, self: Value) -> Value:
    return pow_(graph, self, 2)


@operator("aten.reciprocal")
def reciprocal(graph: Graph, self: Value) -> Value:
    return div(graph, 1, self)


@operator("aten.rsqrt")
def rsqrt(graph: Graph, self: Value) -> Value:
    x = typed(graph, self, floating(self))
    return div(graph, 1, graph.unary("sqrt", x))


@operator("aten.sign", "aten.sgn")
def sign(graph: Graph, self: Value) -> Value:
    if self.dtype == BOOL:
        return self
    zero = typed(graph, 0, self.dtype)
    positive = graph.cast(graph.binary("gt", self, zero), self.dtype)
    negative = graph.cast(graph.binary("lt", self, zero), self.dtype)
    return graph.binary("sub", positive, negative)


@operator("aten.round")
def round_(graph: Graph, self: Value, decimals: int = 0) -> Value:
    if decimals != 0:
        raise _inexact(f"round to {decimals} decimals", "torch.round(x * s) / s")
    return self if self.dtype.kind != "f" else graph.unary("round", self)


@operator("aten.frac")
def frac(graph: Graph, self: Value) -> Value:
    return graph.binary("sub", self, graph.unary("trunc", self))


@operator("aten.log1p")
def log1p(graph: Graph, self: Value) -> Value:
    """log(1 + x), where the sum is rounded: near 0 digits are lost that torch keeps."""
    return graph.unary("log", add(graph, 1, self))


@operator("aten.expm1")
def expm1(graph: Graph, self: Value) -> Value:
    """exp(x) - 1, where the power is rounded: near 0 digits are lost that torch keeps."""
    return sub(graph, graph.unary("exp", self), 1)


def _unary(name: str, operation: str) -> None:
    """An operation whose result has the operand's type."""

    def handler(graph: Graph, self: Value) -> Value:
        if operation in ("floor", "ceil", "trunc") and self.dtype.kind != "f":
            return self
        return graph.unary(operation, self)

    operator(name)(handler)


def _function(name: str, operation: str) -> None:
    """An operation that computes in floats."""

    def handler(graph: Graph, self: Value) -> Value:
        return graph.unary(operation, typed(graph, self, floating(self)))

    operator(name)(handler)


for _name, _operation in {
    "neg": "neg",
    "negative": "neg",
    "abs": "abs",
    "absolute": "abs",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "fix": "trunc",
}.items():
    _unary(f"aten.{_name}", _operation)
for _name in ("exp", "log", "sqrt", "sigmoid", "tanh"):
    _function(f"aten.{_name}", _name)
_function("aten.special_expit", "sigmoid")


# --- bounds


@operator("aten.clamp", "aten.clip")
def clamp(
    graph: Graph, self: Value, min: Operand | None = None, max: Operand | None = None
) -> Value:
    """min(max(x, low), high)."""
    bounds = [bound for bound in (min, max) if bound is not None]
    dtype = promoted(self, *bounds)
    x = typed(graph, self, dtype)
    if min is not None:
        x = graph.binary("maximum", x, typed(graph, min, dtype))
    if max is not None:
        x = graph.binary("minimum", x, typed(graph, max, dtype))
    return x


@operator("aten.clamp_min")
def clamp_min(graph: Graph, self: Value, min: Operand) -> Value:
    return clamp(graph, self, min=min)


@operator("aten.clamp_max")
def clamp_max(graph: Graph, self: Value, max: Operand) -> Value:
    return clamp(graph, self, max=max)


# --- three operands


@operator("aten.lerp")
def lerp(graph: Graph, self: Value, end: Value, weight: Operand) -> Value:
    """From the nearer end, as torch does."""
    start, stop, share = together(graph, self, end, weight)
    length = graph.binary("sub", stop, start)
    up = graph.binary("add", start, graph.binary("mul", share, length))
    rest = graph.binary("sub", typed(graph, 1, share.dtype), share)
    down = graph.binary("sub", stop, graph.binary("mul", length, rest))
    near = graph.binary("lt", graph.unary("abs", share), typed(graph, 0.5, share.dtype))
    return graph.where(near, up, down)


@operator("aten.addcmul")
def addcmul(graph: Graph, self: Value, tensor1: Value, tensor2: Value, value: Number = 1) -> Value:
    x, a, b = together(graph, self, tensor1, tensor2)
    product = graph.binary("mul", _scaled(graph, a, value), b)
    return graph.binary("add", x, product)


@operator("aten.addcdiv")
def addcdiv(graph: Graph, self: Value, tensor1: Value, tensor2: Value, value: Number = 1) -> Value:
    x, a, b = together(graph, self, tensor1, tensor2)
    return graph.binary("add", x, graph.binary("div", _scaled(graph, a, value), b))


# --- within


def folded(graph: Graph, function: Callable[[Any, Any], Any], a: Value, b: Value) -> Value:
    """Of two constants, a constant."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    wide = [graph.expand(x, shape).content for x in (a, b)]
    graph.charge(wide[0].nbytes)
    with np.errstate(all="ignore"):
        return graph.folded([a, b], function(*wide))


def _scaled(graph: Graph, x: Value, factor: Number) -> Value:
    if factor == 1:
        return x
    return graph.binary("mul", typed(graph, factor, x.dtype), x)


def _extreme(graph: Graph, operation: str, of_bools: str, a: Operand, b: Operand) -> Value:
    name = of_bools if promoted(a, b) == BOOL else operation
    return graph.binary(name, *together(graph, a, b))


def _modulo(
    graph: Graph,
    self: Operand,
    other: Operand,
    rounding: str,
    function: Callable[[Any, Any], Any],
) -> Value:
    a, b = together(graph, self, other)
    if a.is_constant and b.is_constant:
        return folded(graph, function, a, b)
    if not _power_of_two(b):
        raise _inexact("the remainder of a division", "a - b * torch.floor(a / b)")
    whole = graph.unary(rounding, graph.binary("div", a, b))
    return graph.binary("sub", a, graph.binary("mul", whole, b))


def _power_of_two(x: Value) -> bool:
    """Whether a division by x rounds nothing (but where it leaves the range)."""
    if not x.is_constant or x.dtype.kind != "f":
        return False
    mantissa, _ = np.frexp(np.abs(x.content))
    return bool(np.all(mantissa == 0.5))


def _inexact(what: str, instead: str) -> SnnccError:
    return error(
        "SNC-I012",
        f"{what} cannot be written in the network's arithmetic without another rounding",
        remedy=f"write {instead} in the model, which says how it rounds",
    )
