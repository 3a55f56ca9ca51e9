"""Matrix products and reductions of ATen."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.aten_elementwise import add, div, mul
from snncc.importers.torch.aten_views import axis_of
from snncc.importers.torch.promotion import BOOL, LONG, DType, promoted, typed
from snncc.importers.torch.registry import Number, operator

MAX_FOLDED = 1 << 32
"""Products that a matrix product of constants may take."""


@operator("aten.linear")
def linear(graph: Graph, input: Value, weight: Value, bias: Value | None = None) -> Value:
    if len(weight.shape) == 1:
        row = graph.reshape(weight, (1, -1))
        y = linear(graph, input, row)
        y = graph.reshape(y, y.shape[:-1])
        return y if bias is None else add(graph, y, bias)
    _admit(input, weight)
    return graph.linear(input, weight, bias)


@operator("aten.matmul", "aten.mm", "aten.bmm", "aten.mv", "aten.dot", "aten.vdot")
def matmul(
    graph: Graph,
    self: Value,
    other: Value | None = None,
    mat2: Value | None = None,
    vec: Value | None = None,
    tensor: Value | None = None,
) -> Value:
    right = next(v for v in (other, mat2, vec, tensor) if v is not None)
    _admit(self, right)
    constant = self.is_constant and not right.is_constant
    if constant and len(self.shape) == 2 and len(right.shape) == 2:
        return _transposed(graph, graph.linear(_transposed(graph, right), self))
    if constant and len(self.shape) == 2 and len(right.shape) == 1:
        return graph.linear(right, self)
    return graph.matmul(self, right)


@operator("aten.addmm", "aten.addmv", "aten.baddbmm")
def addmm(
    graph: Graph,
    self: Value,
    mat1: Value | None = None,
    mat2: Value | None = None,
    batch1: Value | None = None,
    batch2: Value | None = None,
    mat: Value | None = None,
    vec: Value | None = None,
    beta: Number = 1,
    alpha: Number = 1,
) -> Value:
    """beta * self + alpha * (a @ b); with factors 1 and a bias row it is a `linear`."""
    a = next(v for v in (mat1, batch1, mat) if v is not None)
    b = next(v for v in (mat2, batch2, vec) if v is not None)
    plain = beta == 1 and alpha == 1
    if plain and len(self.shape) == 1 and len(a.shape) == len(b.shape) == 2:
        _admit(a, b)
        return graph.linear(a, _transposed(graph, b), self)
    product = matmul(graph, a, b)
    scaled = self if beta == 1 else mul(graph, self, beta)
    return add(graph, scaled if beta != 0 else 0, product, alpha)


@operator("aten.outer", "aten.ger")
def outer(graph: Graph, self: Value, vec2: Value) -> Value:
    return mul(graph, graph.reshape(self, (-1, 1)), vec2)


@operator("aten.einsum")
def einsum(graph: Graph, equation: str, tensors: Sequence[Value], path: Any = None) -> Value:
    """From left to right, two operands at once, each as a matrix product."""
    terms, _, out = equation.replace(" ", "").partition("->")
    names = terms.split(",")
    if "." in equation or len(names) != len(tensors):
        raise error("SNC-I012", f"einsum {equation!r} is not supported")
    if "->" not in equation:
        letters = "".join(names)
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    for term, tensor in zip(names, tensors, strict=True):
        if len(set(term)) != len(term) or len(term) != len(tensor.shape):
            raise error("SNC-I012", f"einsum {equation!r} of {tensor!r} is not supported")
    left, value = names[0], tensors[0]
    for number, (term, tensor) in enumerate(zip(names[1:], tensors[1:], strict=True)):
        later = out + "".join(names[number + 2 :])
        value, left = _pair(graph, value, left, tensor, term, later)
    summed = [axis for axis, c in enumerate(left) if c not in out]
    value = graph.reduce("sum", value, summed)
    left = "".join(c for c in left if c in out)
    return graph.transpose(value, [left.index(c) for c in out])


def _pair(graph: Graph, a: Value, left: str, b: Value, right: str, later: str) -> tuple[Value, str]:
    """The product of two operands of an einsum, and the letters of its axes."""
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    batch = [c for c in left if c in right and c in later]
    summed = [c for c in left if c in right and c not in later]
    if a.is_constant and not b.is_constant:
        a, left, b, right = b, right, a, left
    own_a = [c for c in left if c not in right]
    own_b = [c for c in right if c not in left]
    if not summed:
        wide = [*batch, *own_a, *own_b]
        spread = [
            graph.reshape(
                graph.transpose(x, [letters.index(c) for c in wide if c in letters]),
                [sizes[c] if c in letters else 1 for c in wide],
            )
            for x, letters in ((a, left), (b, right))
        ]
        return graph.binary("mul", *spread), "".join(wide)
    k = prod(sizes[c] for c in summed)
    x = graph.transpose(a, [left.index(c) for c in [*batch, *own_a, *summed]])
    y = graph.transpose(b, [right.index(c) for c in [*batch, *own_b, *summed]])
    names = "".join([*batch, *own_a, *own_b])
    shape = [sizes[c] for c in names]
    _admit(x, y)
    if not batch:  # the axes of the left operand stay as they are
        x = graph.reshape(x, [*(sizes[c] for c in own_a), k])
        return graph.reshape(graph.linear(x, graph.reshape(y, (-1, k))), shape), names
    lead = [sizes[c] for c in batch]
    x = graph.reshape(x, [*lead, prod(sizes[c] for c in own_a), k])
    y = graph.reshape(y, [*lead, prod(sizes[c] for c in own_b), k])
    order = [*range(len(lead)), len(lead) + 1, len(lead)]
    return graph.reshape(graph.matmul(x, graph.transpose(y, order)), shape), names


# --- reductions


@operator("aten.sum")
def sum_(
    graph: Graph,
    self: Value,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Value:
    x = graph.cast(self, dtype or (self.dtype if self.dtype.kind == "f" else LONG))
    return graph.reduce("sum", x, axes_of(x, dim), keepdim)


@operator("aten.mean")
def mean(
    graph: Graph,
    self: Value,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Value:
    x = graph.cast(self, dtype or self.dtype)
    if x.dtype.kind != "f":
        raise error("SNC-I014", f"mean of {x.dtype}")
    return graph.reduce("mean", x, axes_of(x, dim), keepdim)


@operator("aten.amax")
def amax(graph: Graph, self: Value, dim: Sequence[int] = (), keepdim: bool = False) -> Value:
    return graph.reduce("max", self, axes_of(self, dim), keepdim)


@operator("aten.amin")
def amin(graph: Graph, self: Value, dim: Sequence[int] = (), keepdim: bool = False) -> Value:
    return graph.reduce("min", self, axes_of(self, dim), keepdim)


def _extreme(name: str) -> None:
    @operator(f"aten.{name}")
    def handler(
        graph: Graph,
        self: Value,
        dim: int | None = None,
        keepdim: bool = False,
        other: Value | None = None,
    ) -> Any:
        """Of two tensors, of all elements, or with places (which are None) along an axis."""
        if other is not None:
            return graph.binary(
                f"{name}imum", *(graph.cast(v, promoted(self, other)) for v in (self, other))
            )
        reduced = graph.reduce(name, self, axes_of(self, dim), keepdim)
        return reduced if dim is None else [reduced, None]


_extreme("max")
_extreme("min")


def _truth(name: str, operation: str) -> None:
    @operator(f"aten.{name}")
    def handler(
        graph: Graph,
        self: Value,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
    ) -> Value:
        x = graph.cast(graph.cast(self, BOOL), np.float32)
        reduced = graph.reduce(operation, x, axes_of(x, dim), keepdim)
        return graph.binary("gt", reduced, typed(graph, 0, reduced.dtype))


_truth("any", "max")
_truth("all", "min")


@operator("aten.var")
def var(
    graph: Graph,
    self: Value,
    dim: int | Sequence[int] | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: Number | None = None,
) -> Value:
    """The mean square of what is left of the mean, in two passes."""
    axes = axes_of(self, dim)
    count = prod(self.shape[axis] for axis in axes)
    less = correction if correction is not None else int(unbiased)
    centred = graph.binary("sub", self, graph.reduce("mean", self, axes, keep=True))
    total = graph.reduce("sum", graph.binary("mul", centred, centred), axes, keepdim)
    return div(graph, total, count - less)


@operator("aten.std")
def std(
    graph: Graph,
    self: Value,
    dim: int | Sequence[int] | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: Number | None = None,
) -> Value:
    return graph.unary("sqrt", var(graph, self, dim, unbiased, keepdim, correction))


def axes_of(x: Value, dim: int | Sequence[int] | None) -> list[int]:
    """All axes where none are named."""
    rank = len(x.shape)
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return list(range(rank))
    axes = [axis_of(rank, d) for d in ([dim] if isinstance(dim, int) else dim)]
    return axes if rank else []


def _transposed(graph: Graph, x: Value) -> Value:
    return graph.transpose(x, (1, 0))


def _admit(a: Value, b: Value) -> None:
    """Two constants are multiplied at once: not without a limit."""
    if a.is_constant and b.is_constant and prod(a.shape) * b.shape[-1] > MAX_FOLDED:
        raise error("SNC-I017", f"a product of constants of {list(a.shape)} and {list(b.shape)}")
