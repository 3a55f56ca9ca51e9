"""Evaluates values of a graph with NumPy: what a model computes, before it is a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.importers.graph import operations as ops
from snncc.importers.graph.values import Value, cone


def evaluate(outputs: Sequence[Value], inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs, for arrays by the names of the graph's inputs."""
    done: dict[Value, Array] = {}
    with np.errstate(all="ignore"):
        for value in cone(outputs):
            if value.op == "input":
                assert value.name is not None
                array = np.asarray(inputs[value.name], value.dtype)
                assert array.shape == value.shape, (value, array.shape)
            else:
                array = _value(value, [done[operand] for operand in value.operands])
            assert array.shape == value.shape, (value, array.shape)
            assert array.dtype == value.dtype, (value, array.dtype)
            done[value] = array
    return [done[value] for value in outputs]


def _value(value: Value, args: list[Array]) -> Array:
    op, attributes = value.op, dict(value.attributes)
    if op == "constant":
        return value.content
    if op in ops.UNARY:
        return np.asarray(ops.UNARY[op](args[0]))
    if op in ops.BINARY:
        return np.asarray(ops.BINARY[op](*args))
    if op.startswith("reduce_"):
        reduced = ops.REDUCTIONS[op[7:]](
            args[0], axis=attributes["axes"], keepdims=attributes["keep"]
        )
        return np.asarray(reduced, value.dtype)
    return np.asarray(_OPERATIONS[op](value, args, **attributes))


def _spike(value: Value, args: list[Array], comparison: str, surrogate: Any) -> Array:
    return np.asarray(args[0] > 0 if comparison == "gt" else args[0] >= 0)


def _linear(value: Value, args: list[Array]) -> Array:
    y = args[0] @ args[1].T
    return y if len(args) == 2 else y + args[2]


def _conv(
    value: Value, args: list[Array], stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    x, weight, rank = args[0], args[1], len(stride)
    single = x.ndim == rank + 1
    x = x[None] if single else x
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    sizes = value.shape[-rank:]
    inner, outer = weight.shape[1], weight.shape[0] // groups
    y = np.zeros((x.shape[0], weight.shape[0], *sizes), value.dtype)
    for group in range(groups):
        ours = slice(group * outer, (group + 1) * outer)
        part = x[:, group * inner : (group + 1) * inner]
        for place in product(*(range(k) for k in weight.shape[2:])):
            window = part[(..., *_places(place, sizes, stride, dilation))]
            y[:, ours] += np.einsum("oi,ni...->no...", weight[(ours, slice(None), *place)], window)
    if len(args) == 3:
        y += args[2].reshape(-1, *[1] * rank)
    return y[0] if single else y


def _places(place: Any, sizes: Any, stride: Any, dilation: Any) -> list[slice]:
    """What a place of the kernel meets, for all windows."""
    return [
        slice(p * d, p * d + (n - 1) * s + 1, s)
        for p, n, s, d in zip(place, sizes, stride, dilation, strict=True)
    ]


def _pool(
    value: Value,
    args: list[Array],
    kind: str,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
    exclude_padding: bool,
) -> Array:
    """Windows that pass the padded end are cut off there."""
    x, rank = args[0], len(kernel)
    spatial, sizes = x.shape[-rank:], value.shape[-rank:]
    y = np.zeros(value.shape, value.dtype)
    for at in product(*(range(n) for n in sizes)):
        places, counted = [], 1
        for i, s, (before, after), k, d, size in zip(
            at, stride, padding, kernel, dilation, spatial, strict=True
        ):
            starts = [i * s - before + j * d for j in range(k)]
            inside = [p for p in starts if 0 <= p < size]
            padded = [p for p in starts if p < size + after]
            counted *= len(inside) if exclude_padding else len(padded)
            places.append(inside)
        window = x[(..., *np.ix_(*places))]
        axes = tuple(range(-rank, 0))
        if kind == "max":
            y[(..., *at)] = window.max(axes)
        else:
            total = window.sum(axes)
            y[(..., *at)] = total if kind == "sum" else total / value.dtype.type(counted)
    return y


def _batch_norm(value: Value, args: list[Array], epsilon: float, axis: int) -> Array:
    shape = [-1 if a == axis else 1 for a in range(args[0].ndim)]
    gamma, beta, mean, variance = (v.reshape(shape) for v in args[1:])
    scale = gamma / np.sqrt(variance + value.dtype.type(epsilon))
    return np.asarray((args[0] - mean) * scale + beta)


_OPERATIONS: dict[str, Any] = {
    "where": lambda value, args: np.where(*args),
    "cast": lambda value, args: args[0].astype(value.dtype),
    "fake_quantize": lambda value, args, **rounding: ops.fake_quantize(*args, **rounding),
    "detach": lambda value, args: args[0],
    "spike": _spike,
    "spike_count": lambda value, args, maximum, surrogate: np.clip(np.trunc(args[0]), 0, maximum),
    "reshape": lambda value, args, shape: args[0].reshape(shape),
    "transpose": lambda value, args, order: args[0].transpose(order),
    "expand": lambda value, args, shape: np.broadcast_to(args[0], shape),
    "take": lambda value, args, axis, indices: np.take(args[0], indices, axis),
    "concat": lambda value, args, axis: np.concatenate(args, axis),
    "linear": _linear,
    "matmul": lambda value, args: np.matmul(*args),
    "conv": _conv,
    "pool": _pool,
    "batch_norm": _batch_norm,
}
