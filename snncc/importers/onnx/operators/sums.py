"""Operators that sum: products with weights, reductions, pools and normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.onnx.call import NUMBERS, Call
from snncc.importers.onnx.operators.registry import Handler, operator

Pair = tuple[int, int]


@operator("Gemm", attributes="alpha beta transA transB")
def gemm(call: Call) -> list[Value]:
    """alpha A B + beta C, where A and B may be transposed."""
    graph = call.graph
    a, b, c = call.value(0, "f"), call.value(1, "f"), call.optional(2, "f")
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise error("SNC-I014", f"Gemm: {list(a.shape)} with {list(b.shape)}")
    if call.flag("transA"):
        a = graph.transpose(a, (1, 0))
    if call.flag("transB"):
        b = graph.transpose(b, (1, 0))
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    if c is not None and beta != 1:
        c = graph.binary("mul", c, call.like(c, beta))
    bias = None if c is None or alpha != 1 else _row(graph, c, b.shape[1])
    if b.is_constant:
        y = graph.linear(a, graph.transpose(b, (1, 0)), bias)
        c = None if bias is not None else c
    else:
        y = graph.matmul(a, b)
    if alpha != 1:
        y = graph.binary("mul", y, call.like(y, alpha))
    return [y if c is None else graph.binary("add", y, c)]


def _row(graph: Graph, c: Value, size: int) -> Value | None:
    """The addend as one number for each column, where it is that and constant."""
    lead = prod(c.shape[:-1])
    if not c.is_constant or lead != 1 or (c.shape and c.shape[-1] not in (1, size)):
        return None
    return graph.expand(graph.reshape(c, c.shape[-1:]), (size,))


@operator("MatMul")
def matmul(call: Call) -> list[Value]:
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    if not a.shape or not b.shape:
        raise error("SNC-I014", f"MatMul: {list(a.shape)} with {list(b.shape)}")
    return [call.graph.matmul(a, b)]


# --- Einsum


@dataclass
class _Term:
    value: Value
    axes: str


@operator("Einsum", attributes="equation", since=12)
def einsum(call: Call) -> list[Value]:
    """Of one or two operands, each with every letter once: transposes and one product."""
    equation = call.text("equation").replace(" ", "")
    left, arrow, result = equation.partition("->")
    terms = [_Term(v, axes) for v, axes in zip(call.values("f"), left.split(","), strict=False)]
    letters = "".join(term.axes for term in terms)
    call.inliner.spend(len(letters))
    plain = all(c.isascii() and c.isalpha() for c in letters + result)
    if (
        not plain
        or len(left.split(",")) != len(call.inputs)
        or len(terms) > 2
        or any(len(set(t.axes)) != len(t.axes) for t in terms)
    ):
        raise call.unsupported(f"the equation {equation[:64]!r}")
    if not arrow:
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if len(set(result)) != len(result) or not set(result) <= set(letters):
        raise call.unsupported(f"the equation {equation[:64]!r}")
    if any(len(term.axes) != len(term.value.shape) for term in terms):
        raise error("SNC-I014", f"Einsum: {equation[:64]!r} of {[t.value for t in terms]!r}")
    graph = call.graph
    for term in terms:
        others = result + "".join(t.axes for t in terms if t is not term)
        _sum(graph, term, [axis for axis in term.axes if axis not in others])
    term = terms[0] if len(terms) == 1 else _product(graph, terms[0], terms[1], result)
    return [graph.transpose(term.value, [term.axes.index(axis) for axis in result])]


def _sum(graph: Graph, term: _Term, axes: Sequence[str]) -> None:
    term.value = graph.reduce("sum", term.value, [term.axes.index(axis) for axis in axes])
    term.axes = "".join(axis for axis in term.axes if axis not in axes)


def _product(graph: Graph, a: _Term, b: _Term, result: str) -> _Term:
    """Both as [batch..., rows, columns] for one matrix product."""
    shared = [axis for axis in a.axes if axis in b.axes]
    batch = [axis for axis in shared if axis in result]
    summed = [axis for axis in shared if axis not in result]
    rows = [axis for axis in a.axes if axis not in shared]
    columns = [axis for axis in b.axes if axis not in shared]
    sizes = dict(zip(a.axes + b.axes, a.value.shape + b.value.shape, strict=True))
    if any(a.value.shape[a.axes.index(x)] != b.value.shape[b.axes.index(x)] for x in shared):
        raise error("SNC-I014", f"einsum: {a.value!r} and {b.value!r}")

    def arranged(term: _Term, first: list[str], second: list[str]) -> Value:
        order = [term.axes.index(axis) for axis in (*batch, *first, *second)]
        shape = [*(sizes[x] for x in batch), *(prod(sizes[x] for x in p) for p in (first, second))]
        return graph.reshape(graph.transpose(term.value, order), shape)

    y = graph.matmul(arranged(a, rows, summed), arranged(b, summed, columns))
    axes = "".join([*batch, *rows, *columns])
    return _Term(graph.reshape(y, [sizes[axis] for axis in axes]), axes)


# --- windows


@dataclass
class _Window:
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]


WINDOW = "auto_pad dilations kernel_shape pads strides"


def _window(call: Call, x: Value, kernel: Sequence[int]) -> _Window:
    """Over the axes of `x` after batch and channel."""
    rank = len(kernel)
    if rank < 1 or len(x.shape) != rank + 2:
        raise error("SNC-I014", f"{call.op}: a window of {list(kernel)[:8]} on {list(x.shape)}")
    stride = call.integers("strides") or [1] * rank
    dilation = call.integers("dilations") or [1] * rank
    pads = call.integers("pads") or [0] * (2 * rank)
    if len(stride) != rank or len(dilation) != rank or len(pads) != 2 * rank:
        raise error("SNC-I014", f"{call.op}: strides, dilations or pads of another rank")
    if min(*kernel, *stride, *dilation) < 1:
        raise error("SNC-I014", f"{call.op}: a window of {list(kernel)}, strides {stride}")
    padding = list(zip(pads[:rank], pads[rank:], strict=True))
    auto = call.text("auto_pad", "NOTSET")
    if auto == "VALID":
        padding = [(0, 0)] * rank
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        for axis, (size, k, s, d) in enumerate(
            zip(x.shape[2:], kernel, stride, dilation, strict=True)
        ):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            small, large = total // 2, total - total // 2
            padding[axis] = (small, large) if auto == "SAME_UPPER" else (large, small)
    elif auto != "NOTSET":
        raise call.unsupported(f"auto_pad {auto[:32]!r}")
    return _Window(tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))


@operator("Conv", attributes=f"{WINDOW} group")
def conv(call: Call) -> list[Value]:
    x, weight = call.value(0, "f"), call.value(1, "f")
    kernel = call.integers("kernel_shape")
    if kernel is not None and tuple(kernel) != weight.shape[2:]:
        raise error("SNC-I014", f"Conv: kernel_shape {kernel[:8]}, weight {list(weight.shape)}")
    bias = call.optional(2, "f")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise error("SNC-I014", f"Conv: a bias of {list(bias.shape)}")
    window = _window(call, x, weight.shape[2:])
    groups = call.integer("group", 1)
    if groups < 1:
        raise error("SNC-I014", f"Conv: {groups} groups")
    y = call.graph.conv(
        x,
        weight,
        bias,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=groups,
    )
    return [y]


def _pool(call: Call, kind: str, x: Value, *, exclude_padding: bool = False) -> list[Value]:
    window = _window(call, x, call.integers("kernel_shape") or [])
    ceil = call.flag("ceil_mode")
    if not ceil and not any(map(any, window.padding)):
        exclude_padding = False  # there is none
    y = call.graph.pool(
        kind,
        x,
        kernel=window.kernel,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        ceil=ceil,
        exclude_padding=exclude_padding,
    )
    return [y]


@operator("MaxPool", attributes=f"{WINDOW} ceil_mode storage_order")
def max_pool(call: Call) -> list[Value]:
    """`storage_order` is about the second output only."""
    call.only_output()
    return _pool(call, "max", call.value(0, "f"))


@operator("AveragePool", attributes=f"{WINDOW} ceil_mode count_include_pad")
def average_pool(call: Call) -> list[Value]:
    exclude = not call.flag("count_include_pad")
    return _pool(call, "avg", call.value(0, "f"), exclude_padding=exclude)


@operator("LpPool", attributes=f"{WINDOW} ceil_mode p")
def lp_pool(call: Call) -> list[Value]:
    """A sum of magnitudes; other norms are no sums."""
    order = call.integer("p", 2)
    if order != 1:
        raise call.unsupported(f"the norm of order {order}", "pool with p=1")
    x = call.value(0, "f")
    is_spike = x.op == "cast" and x.operands[0].dtype == bool
    return _pool(call, "sum", x if is_spike else call.graph.unary("abs", x))


def _global_pool(kind: str) -> Handler:
    def handler(call: Call) -> list[Value]:
        x = call.value(0, "f")
        return [call.graph.reduce(kind, x, range(2, len(x.shape)), keep=True)]

    return handler


operator("GlobalAveragePool")(_global_pool("mean"))
operator("GlobalMaxPool")(_global_pool("max"))


@operator("BatchNormalization", attributes="epsilon momentum spatial training_mode")
def batch_normalization(call: Call) -> list[Value]:
    if call.flag("training_mode") or any(call.wants(k) for k in range(1, len(call.outputs))):
        raise call.unsupported("training", "export the model in eval mode")
    if not call.flag("spatial", 1):
        raise call.unsupported("spatial=0")
    x, *rest = (call.value(index, "f") for index in range(5))
    if len(x.shape) < 2:
        raise error("SNC-I014", f"BatchNormalization of {list(x.shape)}")
    gamma, beta, mean, variance = (call.graph.cast(v, x.dtype) for v in rest)
    if variance.is_constant:
        call.graph.charge(variance.content.nbytes)
        if np.any(variance.content < 0):
            raise error("SNC-I015", "BatchNormalization: a variance below zero")
    epsilon = call.number("epsilon", 1e-5)
    return [call.graph.batch_norm(x, gamma, beta, mean, variance, epsilon)]


# --- reductions

_AXES_AS_INPUT = {"ReduceSum": 13, "ReduceMean": 18, "ReduceMax": 18, "ReduceMin": 18}


def _reduction(kind: str) -> Handler:
    def handler(call: Call) -> list[Value]:
        x = call.value(0, NUMBERS)
        axes = call.axes(1, _AXES_AS_INPUT[call.op], len(x.shape))
        if not axes:
            if call.flag("noop_with_empty_axes"):
                return [x]
            axes = list(range(len(x.shape)))
        return [call.graph.reduce(kind, x, axes, keep=call.flag("keepdims", 1))]

    return handler


for _name in _AXES_AS_INPUT:
    operator(_name, attributes="axes keepdims noop_with_empty_axes")(
        _reduction(_name.removeprefix("Reduce").lower())
    )
