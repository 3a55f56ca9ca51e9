"""
Numbers rounded to a grid: fake quantization of ATen, and the operators of pt2e programs.

ATen multiplies with the reciprocal of the scale, rounded to float32; pt2e rounds the
reciprocal of the scale that its program has (a double). Both round halves to even, add the zero
point and hold the number within the range. What lies beyond 2^63 steps is held too, where ATen's
conversion to an integer is undefined.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.grids import Grid
from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Rounding, Value
from snncc.importers.torch.registry import Number, Operand, operator

FLOAT = np.dtype(np.float32)


@operator("aten.fake_quantize_per_tensor_affine")
def per_tensor(
    graph: Graph, self: Value, scale: Operand, zero_point: Operand, quant_min: int, quant_max: int
) -> Value:
    """(min(max(round(x * (1 / scale)) + zero point, least), most) - zero point) * scale."""
    scales = _fixed(scale, "scale").astype(FLOAT).reshape(())
    zeros = _fixed(zero_point, "zero point").reshape(())
    rounding = _rounding(graph, 1 / scales, scales, zeros, quant_min, quant_max)
    return graph.fake_quantize(graph.cast(self, FLOAT), rounding)


@operator("aten.fake_quantize_per_tensor_affine_cachemask")
def per_tensor_masked(
    graph: Graph, self: Value, scale: Operand, zero_point: Operand, quant_min: int, quant_max: int
) -> list[Value | None]:
    """The mask of what lies within the range is for a backward pass."""
    return [per_tensor(graph, self, scale, zero_point, quant_min, quant_max), None]


@operator("aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams")
def per_tensor_switched(
    graph: Graph,
    self: Value,
    scale: Operand,
    zero_point: Operand,
    fake_quant_enabled: Operand,
    quant_min: int,
    quant_max: int,
) -> list[Value | None]:
    if not _fixed(fake_quant_enabled, "switch").any():
        return [self, None]
    return per_tensor_masked(graph, self, scale, zero_point, quant_min, quant_max)


@operator("aten.fake_quantize_per_channel_affine")
def per_channel(
    graph: Graph,
    self: Value,
    scale: Value,
    zero_point: Value,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> Value:
    shape = _along(self, scale, axis)
    scales = _fixed(scale, "scale").astype(FLOAT).reshape(shape)
    zeros = _fixed(zero_point, "zero point").reshape(shape)
    rounding = _rounding(graph, 1 / scales, scales, zeros, quant_min, quant_max)
    return graph.fake_quantize(graph.cast(self, FLOAT), rounding)


@operator("aten.fake_quantize_per_channel_affine_cachemask")
def per_channel_masked(
    graph: Graph,
    self: Value,
    scale: Value,
    zero_point: Value,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> list[Value | None]:
    return [per_channel(graph, self, scale, zero_point, axis, quant_min, quant_max), None]


@operator("aten._fake_quantize_learnable_per_tensor_affine")
def learnable_per_tensor(
    graph: Graph,
    self: Value,
    scale: Value,
    zero_point: Value,
    quant_min: int,
    quant_max: int,
    grad_factor: Number = 1.0,
) -> Value:
    """The zero point is learned as a float: it is rounded, and held within the range."""
    zero = _whole(graph, zero_point, quant_min, quant_max)
    return per_tensor(graph, self, scale, zero, quant_min, quant_max)


@operator("aten._fake_quantize_learnable_per_channel_affine")
def learnable_per_channel(
    graph: Graph,
    self: Value,
    scale: Value,
    zero_point: Value,
    axis: int,
    quant_min: int,
    quant_max: int,
    grad_factor: Number = 1.0,
) -> Value:
    zero = _whole(graph, zero_point, quant_min, quant_max)
    return per_channel(graph, self, scale, zero, axis, quant_min, quant_max)


@operator("aten._fused_moving_avg_obs_fq_helper")
def fused_observed(
    graph: Graph,
    self: Value,
    observer_on: Value,
    fake_quant_on: Value,
    running_min: Value,
    running_max: Value,
    scale: Value,
    zero_point: Value,
    averaging_const: Number,
    quant_min: int,
    quant_max: int,
    ch_axis: int,
    per_row_fake_quant: bool = False,
    symmetric_quant: bool = False,
) -> list[Value | None]:
    """Of a model that is trained: the observer must be off, for it changes the scale."""
    if _fixed(observer_on, "switch").any():
        raise error("SNC-I012", "an observer learns the scale from what it sees", remedy=OBSERVER)
    if not _fixed(fake_quant_on, "switch").any():
        return [self, None]
    if per_row_fake_quant:
        return per_channel_masked(graph, self, scale, zero_point, ch_axis, quant_min, quant_max)
    return per_tensor_masked(graph, self, scale, zero_point, quant_min, quant_max)


@operator("aten.fused_moving_avg_obs_fake_quant")
def fused(graph: Graph, self: Value, **arguments: Any) -> Value | None:
    return fused_observed(graph, self, **arguments)[0]


# --- pt2e: to integers and back


@operator("quantized_decomposed.quantize_per_tensor")
def quantize_per_tensor(
    graph: Graph,
    input: Value,
    scale: Operand,
    zero_point: Operand,
    quant_min: Operand,
    quant_max: Operand,
    dtype: np.dtype[Any],
) -> Value:
    """To integers: min(max(round(x * (1 / scale)) + zero point, least), most)."""
    scales = _fixed(scale, "scale").astype(np.float64).reshape(())
    zeros = _fixed(zero_point, "zero point").reshape(())
    rounding = _rounding(graph, 1 / scales, scales, zeros, quant_min, quant_max)
    return graph.quantize(graph.cast(input, FLOAT), rounding, dtype)


@operator("quantized_decomposed.dequantize_per_tensor")
def dequantize_per_tensor(
    graph: Graph,
    input: Value,
    scale: Operand,
    zero_point: Operand,
    quant_min: Operand,
    quant_max: Operand,
    dtype: np.dtype[Any],
    out_dtype: np.dtype[Any] | None = None,
) -> Value:
    """(q - zero point) * scale."""
    scales = _fixed(scale, "scale").reshape(())
    zeros = _fixed(zero_point, "zero point").reshape(())
    return _back(graph, input, scales, zeros, quant_min, quant_max, out_dtype)


@operator("quantized_decomposed.quantize_per_channel")
def quantize_per_channel(
    graph: Graph,
    input: Value,
    scales: Value,
    zero_points: Value,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: np.dtype[Any],
) -> Value:
    shape = _along(input, scales, axis)
    steps = _fixed(scales, "scale").reshape(shape)
    zeros = _fixed(zero_points, "zero point").reshape(shape)
    if steps.dtype == FLOAT:
        rounding = _rounding(graph, 1 / steps, steps, zeros, quant_min, quant_max)
        return graph.quantize(graph.cast(input, FLOAT), rounding, dtype)
    if not input.is_constant:
        raise error("SNC-I012", f"scales of {steps.dtype} for each channel of a stream")
    whole = np.rint(input.content * (1.0 / steps)) + zeros
    stored = np.clip(whole, quant_min, quant_max).astype(dtype)
    return graph.folded([input], stored)


@operator("quantized_decomposed.dequantize_per_channel")
def dequantize_per_channel(
    graph: Graph,
    input: Value,
    scales: Value,
    zero_points: Value | None,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: np.dtype[Any],
    out_dtype: np.dtype[Any] | None = None,
) -> Value:
    shape = _along(input, scales, axis)
    steps = _fixed(scales, "scale").reshape(shape)
    zeros = np.zeros((), np.int64)
    if zero_points is not None:
        zeros = _fixed(zero_points, "zero point").reshape(shape)
    return _back(graph, input, steps, zeros, quant_min, quant_max, out_dtype)


# --- within


def _back(
    graph: Graph,
    x: Value,
    scales: Array,
    zeros: Array,
    low: Operand,
    high: Operand,
    out_dtype: np.dtype[Any] | None,
) -> Value:
    if out_dtype not in (None, FLOAT):
        raise error("SNC-I012", f"integers that become {out_dtype}")
    if not x.is_constant:
        number = graph.constant(scales.astype(FLOAT))
        return graph.dequantize(x, number, graph.constant(zeros.astype(FLOAT)))
    ends = int(_number(low)), int(_number(high))
    grid = Grid.of(scales, zeros, *ends, rank=len(x.shape))
    # a double scale is a number of the program, or the type that the product is rounded from
    wide = scales.astype(FLOAT) if scales.ndim == 0 else scales
    made = graph.dequantize(x, graph.constant(wide), graph.constant(zeros), grid)
    return graph.cast(made, FLOAT)


def _rounding(
    graph: Graph, factor: Array, scale: Array, zero: Array, low: Operand, high: Operand
) -> Rounding:
    if not np.all(np.isfinite(scale) & (scale > 0)):
        raise error("SNC-I015", "expected scales above 0")
    if zero.dtype.kind == "f" and np.any(zero != np.rint(zero)):
        raise error(
            "SNC-I012",
            "a zero point between whole numbers is not supported",
            remedy="train with whole zero points (torch.per_channel_symmetric)",
        )
    by, step, shift = (graph.constant(np.asarray(a, FLOAT)) for a in (factor, scale, zero))
    return Rounding(by, step, shift, False, int(_number(low)), int(_number(high)))


def _fixed(given: Operand, what: str) -> Array:
    """The content of a tensor that must be constant, or a number."""
    if not isinstance(given, Value):
        return np.asarray(given)
    if not given.is_constant:
        raise error(
            "SNC-I012",
            f"the {what} of a grid is computed while the model runs",
            remedy=OBSERVER,
        )
    return given.content


def _number(given: Operand) -> Number:
    number: Number = _fixed(given, "range").reshape(()).item()
    return number


def _whole(graph: Graph, zero: Value, low: int, high: int) -> Value:
    content = np.clip(np.rint(_fixed(zero, "zero point")), low, high)
    return graph.constant(content.astype(np.int64))


def _along(x: Value, scale: Value, axis: int) -> list[int]:
    """The shape in which scales [size of the axis] broadcast to x. Raises SNC-I014."""
    rank = len(x.shape)
    if not -rank <= axis < rank or scale.shape != (x.shape[axis],):
        raise error("SNC-I014", f"scales of {list(scale.shape)} for axis {axis} of {list(x.shape)}")
    return [-1 if a == axis % rank else 1 for a in range(rank)]


OBSERVER = (
    "fix the grids before the model is loaded: model.apply(torch.ao.quantization.disable_observer)"
)
"""What to do where scales still move."""
