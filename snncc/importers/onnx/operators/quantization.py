"""
Numbers as integers with a scale. Constants lie on the grid that their integers say;
activations are rounded to theirs in exact steps.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.grids import Grid
from snncc.errors import error
from snncc.importers.graph.values import Rounding, Value
from snncc.importers.onnx.call import Call
from snncc.importers.onnx.document import ELEMENT_TYPES, NARROW_TYPES
from snncc.importers.onnx.operators.registry import operator

ATTRIBUTES = "axis block_size output_dtype precision saturate"


@operator("QuantizeLinear", attributes=ATTRIBUTES, since=10)
def quantize(call: Call) -> list[Value]:
    """saturate(round(x / scale) + zero point), halves to even."""
    graph, x = call.graph, call.value(0, "f")
    scale = _scale(call, x)
    dtype, bits, zero = _target(call, x)
    rounding = Rounding(
        graph.constant(scale.astype(x.dtype)),
        graph.constant(scale.astype(x.dtype)),
        graph.constant(zero.astype(x.dtype)),
        True,
        *_range(dtype, bits),
    )
    return [graph.quantize(x, rounding, dtype)]


def _range(dtype: np.dtype[Any], bits: int) -> tuple[int, int]:
    """The numbers that so many bits store."""
    signed = dtype.kind == "i"
    return (-(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1)


def _target(call: Call, x: Value) -> tuple[np.dtype[Any], int, Array]:
    """The type of the integers, the width of its elements, and the zero point."""
    if call.has(2):
        zero = call.array(2, "a zero point")
        _expect_integers(call, zero)
        width = call.bits[2] or zero.dtype.itemsize * 8
        return zero.dtype, width, _spread(call, zero, x, "zero point")
    kind = call.integer("output_dtype", 0) or 2
    dtype = ELEMENT_TYPES.get(kind, NARROW_TYPES.get(kind))
    if dtype is None or dtype.kind not in "iu" or dtype.itemsize > 2:
        raise call.unsupported(f"the element type of number {kind}")
    bits = 4 if kind in NARROW_TYPES else dtype.itemsize * 8
    return dtype, bits, np.zeros((), dtype)


@operator("DequantizeLinear", attributes=ATTRIBUTES, since=10)
def dequantize(call: Call) -> list[Value]:
    """(x - zero point) * scale; a constant lies on the grid then."""
    x = call.value(0, "iu")
    key = (tuple(call.inputs), call.integer("axis", 1), call.integer("block_size", 0))
    known = call.inliner.dequantized.get(key)
    if known is None:
        known = call.inliner.dequantized[key] = _dequantized(call, x)
    return [known]


def _dequantized(call: Call, x: Value) -> Value:
    graph = call.graph
    scale, zero = _scale(call, x), np.zeros((), x.dtype)
    if call.has(2):
        zero = call.array(2, "a zero point")
        _expect_integers(call, zero)
        zero = _spread(call, zero, x, "zero point")
    number = graph.constant(scale)
    if not x.is_constant:
        return graph.dequantize(x, number, graph.constant(zero.astype(scale.dtype)))
    bits = call.bits[0] or x.dtype.itemsize * 8
    grid = Grid.of(scale, zero, *_range(x.dtype, bits), rank=len(x.shape))
    graph.charge(x.content.nbytes)
    name = (x.name or f"{call.name} ({x.number})").removesuffix("_quantized")
    return graph.dequantize(x, number, graph.constant(zero), grid, name)


def _expect_integers(call: Call, zero: Array) -> None:
    if zero.dtype.kind not in "iu" or zero.dtype.itemsize > 4:
        raise error("SNC-I014", f"{call.op}: a zero point of {zero.dtype}")


def _scale(call: Call, x: Value) -> Array:
    """The scale as it broadcasts to `x`."""
    scale = call.array(1, "a scale")
    call.graph.charge(scale.nbytes)
    if scale.dtype.kind != "f" or not np.all(np.isfinite(scale) & (scale > 0)):
        raise error("SNC-I015", f"{call.op}: expected scales above 0")
    return _spread(call, scale, x, "scale")


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
