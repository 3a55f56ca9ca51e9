"""Weighted sums: whole weights, and the scale that the neuron behind them absorbs."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
from xdsl.dialects.builtin import (
    i8,
    i32,
)
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, is_uniform
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import node_name, shape_of
from snncc.passes.quantization.arithmetic import NoIntegerForm, single
from snncc.passes.quantization.attributes import GRID, read_grid
from snncc.passes.quantization.frame import Frame, Stream
from snncc.passes.quantization.grids import Grid, on_grid, own_scale
from snncc.passes.quantization.shadows import learnable, whole_coefficient, whole_weight
from snncc.passes.quantization.trained import taken

LARGEST_INPUT = (1 << 15) - 1
"""Of a weighted sum: values between layers that are no spikes have 16 bits."""
LARGEST_BIAS = 2.0**22
"""Of one that is trained, in units of the sum's weights: a float holds it exactly."""


def quantize_sum(f: Frame, op: WeightedSum) -> None:
    weight = constant_of(op.weight)
    if weight is None:
        raise NoIntegerForm("the weight is not constant")
    known = taken(f.options, op)
    stream = _uniform_for(f, op, one_unit=known is not None)
    f.input_units[op] = stream.unit
    bits = f.options.bits_of(node_name(op))
    if known is not None:
        unit = single(1.0) if stream.unit is None else stream.unit
        scale = known.scale * float(np.ravel(unit)[0])
        grid = Grid(known.whole, scale)
    else:
        effective = _effective(f, op, weight, stream.unit)
        scale = _scale_of(f, op, effective)
        grid = on_grid(effective, scale, bits)
    shadow = learnable(f, op.weight)
    if shadow is None:
        new_weight = f.parameter(f"{_symbol(op.weight)}.int{bits}", grid.whole, i8)
    else:
        ones = _effective(f, op, np.ones_like(weight), stream.unit)
        step = scale.reshape(-1, *(1,) * (weight.ndim - 1)) / ones
        new_weight = whole_weight(f, shadow, op.weight, grid.whole, step, bits)
    bias: SSAValue | None = None
    if op.bias is not None:
        array = constant_of(op.bias)
        if array is None:
            raise NoIntegerForm("the bias is not constant")
        whole, shadow = np.rint(array / scale), learnable(f, op.bias)
        if shadow is None:
            bias = f.parameter(f"{_symbol(op.bias)}.whole", whole, i32)
        else:
            bias = whole_coefficient(f, shadow, op.bias, whole, scale, LARGEST_BIAS)
    operands = [stream.value, new_weight] + ([] if bias is None else [bias])
    made = op.with_operands(operands)
    made.attributes.pop(GRID, None)
    f.retyped(made.results[0], i32)
    channels = (-1, *(1,) * (len(shape_of(op.result)) - 1))
    unit = scale.reshape(channels)
    f.record(made, {"result": unit})
    f.insert(made)
    f.streams[op.result] = Stream(made.results[0], unit)


def _uniform_for(f: Frame, op: WeightedSum, *, one_unit: bool) -> Stream:
    """
    The input, in a unit that goes into the weights: of a convolution one per channel, with
    `one_unit` one for all, which leaves whole weights as they are.
    """
    stream = f.stream(op.input)
    if stream.unit is None:
        return stream
    unit = stream.unit
    if one_unit and not is_uniform(np.asarray(unit)):
        unit = single(np.max(unit))
    elif not isinstance(op, snn.LinearOp):
        full = np.broadcast_to(stream.unit, shape_of(op.input))
        rows = full.reshape(full.shape[0], -1)
        if not np.all(rows == rows[:, :1]):
            unit = single(rows.max())
    low, high = f.intervals(op.input)
    largest = float((np.maximum(np.abs(low), np.abs(high)) / unit).max())
    if not np.isfinite(largest):
        largest = stream.largest * float(np.max(stream.unit / unit))
    if not np.isfinite(largest):
        raise NoIntegerForm("nothing bounds its input")
    if largest > LARGEST_INPUT:  # a product and a sum of these have room in 32 bits
        unit = unit * 2.0 ** ceil(log2(largest / LARGEST_INPUT))
    return f.in_unit(op.input, unit, node_name(op) or "input")


def _effective(f: Frame, op: WeightedSum, weight: Array, unit: Array | None) -> Array:
    """The weights of whole inputs."""
    effective: Array = weight.astype(np.float64)
    if unit is None:
        return effective
    full = np.broadcast_to(unit, shape_of(op.input))
    if isinstance(op, snn.LinearOp):
        return np.asarray(effective * full[None, :])
    channels = full.reshape(full.shape[0], -1)[:, 0]
    assert isinstance(op, snn.Conv1dOp | snn.Conv2dOp)
    groups = op.group_count
    per_output = np.repeat(channels.reshape(groups, -1), weight.shape[0] // groups, axis=0)
    per_channel = per_output.reshape(*per_output.shape, *(1,) * (weight.ndim - 2))
    return np.asarray(effective * per_channel)


def _scale_of(f: Frame, op: WeightedSum, effective: Array) -> Array:
    """What calibration rounded to, else the sum's own."""
    rounded = read_grid(op)
    if rounded is not None:
        return rounded
    return own_scale(
        effective,
        f.options.bits_of(node_name(op)),
        per_channel=f.options.per_channel,
        clip=f.options.clip,
        power_of_two=f.options.power_of_two,
    )


def _symbol(value: SSAValue) -> str:
    owner = value.owner
    while isinstance(owner, snn.ReshapeOp | snn.RearrangeOp):
        owner = owner.input.owner
    return owner.symbol if isinstance(owner, snn.UseOp) else "constant"
