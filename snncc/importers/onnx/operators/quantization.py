"""
Numbers as integers with a scale. Constants are recorded with what they were made of;
activations are written out in exact steps.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.importers.graph.graph import Value
from snncc.importers.graph.quantization import Quantization
from snncc.importers.onnx.call import Call
from snncc.importers.onnx.document import ELEMENT_TYPES, NARROW_TYPES
from snncc.importers.onnx.operators.registry import operator

ATTRIBUTES = "axis block_size output_dtype precision saturate"


@operator("QuantizeLinear", attributes=ATTRIBUTES, since=10)
def quantize(call: Call) -> list[Value]:
    """saturate(round(x / scale) + zero point), halves to even."""
    graph, x = call.graph, call.value(0, "f")
    scale, _ = _scale(call, x)
    dtype, bits, zero = _target(call, x)
    info = np.iinfo(dtype)
    low, high = (int(info.min), int(info.max)) if bits != 4 else _narrow(dtype)
    y = graph.unary("round", graph.binary("div", x, graph.constant(scale.astype(x.dtype))))
    if zero is not None:
        y = graph.binary("add", y, graph.constant(zero.astype(x.dtype)))
    y = graph.binary("maximum", y, call.like(y, low))
    y = graph.binary("minimum", y, call.like(y, high))
    if y.is_constant:
        return [graph.cast(y, dtype)]
    integers = graph.cast(y, dtype)
    call.inliner.integral[integers] = y
    return [integers]


def _narrow(dtype: np.dtype[Any]) -> tuple[int, int]:
    return (-8, 7) if dtype.kind == "i" else (0, 15)


def _target(call: Call, x: Value) -> tuple[np.dtype[Any], int, Array | None]:
    """The type of the integers, the width of its elements, and the zero point."""
    if call.has(2):
        zero = call.array(2, "a zero point")
        _expect_integers(call, zero)
        return zero.dtype, call.bits[2], _spread(call, zero, x, "zero point")
    kind = call.integer("output_dtype", 0) or 2
    dtype = ELEMENT_TYPES.get(kind, NARROW_TYPES.get(kind))
    if dtype is None or dtype.kind not in "iu" or dtype.itemsize > 2:
        raise call.unsupported(f"the element type of number {kind}")
    return dtype, 4 if kind in NARROW_TYPES else dtype.itemsize * 8, None


@operator("DequantizeLinear", attributes=ATTRIBUTES, since=10)
def dequantize(call: Call) -> list[Value]:
    """(x - zero point) * scale; a constant is recorded as what it was made of."""
    x = call.value(0, "iu")
    key = (tuple(call.inputs), call.integer("axis", 1), call.integer("block_size", 0))
    known = call.inliner.dequantized.get(key)
    if known is None:
        known = call.inliner.dequantized[key] = _dequantized(call, x)
    return [known]


def _dequantized(call: Call, x: Value) -> Value:
    graph = call.graph
    scale, stored = _scale(call, x)
    zero = call.array(2, "a zero point") if call.has(2) else None
    if zero is not None:
        _expect_integers(call, zero)
    wide = None if zero is None else _spread(call, zero, x, "zero point").astype(np.int64)
    if x.is_constant:
        integers = x.content
        graph.charge(8 * integers.size)
        exact = integers.astype(np.int64) if wide is None else integers.astype(np.int64) - wide
        array = exact.astype(scale.dtype) * scale
        name = x.name or f"{call.name} ({x.number})"
        name = name.removesuffix("_quantized")
        call.inliner.quantizations[name] = Quantization(
            stored,
            np.zeros_like(stored, x.dtype) if zero is None else zero,
            _axis(call, x) if stored.ndim else None,
            integers,
            call.bits[0] or integers.dtype.itemsize * 8,
        )
        return graph.constant(array.astype(scale.dtype), name)
    y = call.inliner.integral.get(x)
    if y is None or y.dtype != scale.dtype:
        y = graph.cast(x, scale.dtype)
    if wide is not None:
        y = graph.binary("sub", y, graph.constant(wide.astype(scale.dtype)))
    return graph.binary("mul", y, graph.constant(scale))


def _expect_integers(call: Call, zero: Array) -> None:
    if zero.dtype.kind not in "iu" or zero.dtype.itemsize > 4:
        raise error("SNC-I014", f"{call.op}: a zero point of {zero.dtype}")


def _scale(call: Call, x: Value) -> tuple[Array, Array]:
    """The scale as it broadcasts to `x`, and as it is stored."""
    scale = call.array(1, "a scale")
    call.graph.charge(scale.nbytes)
    if scale.dtype.kind != "f" or not np.all(scale > 0):
        raise error("SNC-I015", f"{call.op}: expected scales above 0")
    return _spread(call, scale, x, "scale"), scale.reshape(()) if scale.size == 1 else scale


def _axis(call: Call, x: Value) -> int:
    return call.axis(call.integer("axis", 1), len(x.shape))


def _spread(call: Call, array: Array, x: Value, what: str) -> Array:
    """One number for all, one for each place of an axis, or one for each block along it."""
    if array.size == 1:
        return array.reshape(())
    axis, size = _axis(call, x), call.integer("block_size", 0)
    if size > 0 and array.ndim == len(x.shape):
        if prod(array.shape) * size > 2 * prod(x.shape) + size:
            raise error("SNC-I014", f"{call.op}: blocks of {size} on {list(x.shape)}")
        wide = np.repeat(array, size, axis)
        wide = np.take(wide, range(min(x.shape[axis], wide.shape[axis])), axis)
        if wide.shape == x.shape:
            return wide
    elif array.shape == (x.shape[axis],):
        return array.reshape([-1 if a == axis else 1 for a in range(len(x.shape))])
    raise error("SNC-I014", f"{call.op}: a {what} of {list(array.shape)} for {list(x.shape)}")
