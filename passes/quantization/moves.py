"""What moves elements, or pools them: the units move with them."""

from __future__ import annotations

from dataclasses import replace
from math import floor, log2

import numpy as np
from xdsl.dialects.builtin import (
    AnyFloat,
    i32,
)

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, is_uniform, rearranged
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.types import node_name, shape_of, stream_type
from snncc.passes.quantization.arithmetic import NoIntegerForm, single
from snncc.passes.quantization.frame import Frame, Stream


def quantize_pool(f: Frame, op: snn.Pool2dOp) -> None:
    stream = f.stream(op.input)
    pool, unit = op.pool.data, stream.unit
    if unit is not None:
        full = np.broadcast_to(unit, shape_of(op.input))
        rows = full.reshape(full.shape[0], -1)
        if not np.all(rows == rows[:, :1]):
            stream = f.in_unit(op.input, single(rows.max()), node_name(op) or "pool")
            unit = stream.unit
        assert unit is not None
        unit = np.broadcast_to(unit, shape_of(op.input))[:, :1, :1]
    element = stream_type(stream.value).element_type
    if pool is Pool.AVG:
        unit = (single(1.0) if unit is None else unit) / _window_sizes(op)
    elif pool is Pool.SUM and unit is None:
        unit = single(1.0)
    made = snn.Pool2dOp(
        Pool.MAX if pool is Pool.MAX else Pool.SUM,
        stream.value,
        kernel=op.kernels,
        stride=op.strides,
        padding=[p for pair in op.paddings for p in pair],
        element=element if pool is Pool.MAX else i32,
        node=node_name(op),
    )
    if unit is not None:
        f.record(made, {"result": unit})
    f.insert(made)
    factor = 1 if pool is Pool.MAX else op.kernels[0] * op.kernels[1]
    f.streams[op.result] = Stream(made.result, unit, stream.largest * factor)


def rearrange(f: Frame, op: snn.ReshapeOp | snn.RearrangeOp) -> None:
    if constant_of(op.result) is not None:
        return  # of a parameter: what reads it has its content
    stream = f.stream(op.input)
    made = op.clone({op.input: stream.value})
    f.retyped(made.results[0], stream_type(stream.value).element_type)
    f.insert(made)
    unit = stream.unit
    if unit is not None and not is_uniform(np.asarray(unit)):
        full = np.broadcast_to(unit, shape_of(op.input))
        if isinstance(op, snn.ReshapeOp):
            unit = full.reshape(shape_of(op.result))
        else:
            moved = rearranged(full.reshape(1, -1).copy(), op.indices)[0]
            unit = np.where(moved > 0, moved, full.max())
    elif unit is not None:
        unit = single(np.ravel(unit)[0])
    f.streams[op.result] = Stream(made.results[0], unit, stream.largest)


def concat(f: Frame, op: snn.ConcatOp) -> None:
    streams = [f.stream(value) for value in op.inputs]
    moving = [value for value in op.inputs if constant_of(value) is None]
    coarsest = [f.stream(value).unit for value in moving]
    for index, value in enumerate(op.inputs):
        content, own = constant_of(value), streams[index].unit
        if content is not None and own is not None and not np.any(content):
            # zeros count as their neighbours do
            near = max((float(np.max(u)) for u in coarsest if u is not None), default=1.0)
            streams[index] = replace(streams[index], unit=single(near))
    axis = op.axis.value.data
    unit: Array | None = None
    if any(stream.unit is not None for stream in streams):
        units = [single(1.0) if s.unit is None else s.unit for s in streams]
        full = [
            np.broadcast_to(u, shape_of(value)) for u, value in zip(units, op.inputs, strict=True)
        ]
        unit = np.concatenate(full, axis)
        streams = [
            f.in_unit(value, u, "concat") if s.unit is None else s
            for value, u, s in zip(op.inputs, units, streams, strict=True)
        ]
    made = snn.ConcatOp([stream.value for stream in streams], axis, node=node_name(op))
    f.insert(made)
    largest = max(stream.largest for stream in streams)
    f.streams[op.result] = Stream(made.results[0], unit, largest)


def delay(f: Frame, op: snn.DelayOp) -> None:
    """Its operand may stand below it: it is put in at the end."""
    element = stream_type(op.stream).element_type
    unit: Array | None = None
    init = constant_of(op.init)
    if init is None:
        raise NoIntegerForm("a delay that starts from a stream")
    if isinstance(element, AnyFloat):
        known = f.streams.get(op.stream)
        low, high = f.intervals(op.result)
        largest = float(np.maximum(np.abs(low), np.abs(high)).max(initial=1e-30))
        if known is not None and known.unit is not None:
            unit = known.unit
        elif np.isfinite(largest):
            unit = single(2.0 ** -floor(log2(32767 / largest)))
        else:
            raise NoIntegerForm("nothing bounds the delayed stream")
        whole = np.rint(init / unit)
        start = f.parameter(f"{node_name(op) or 'delay'}.init", whole, i32)
        element = i32
    else:
        start = op.init
    made = op.clone({op.init: start})
    f.retyped(made.results[0], element)
    f.insert(made)
    f.delays.append((op, made, unit))
    f.streams[op.result] = Stream(made.results[0], unit)


def feed_delay(f: Frame, given: snn.DelayOp, made: snn.DelayOp, unit: Array | None) -> None:
    if unit is None:
        stream = f.streams.get(given.stream)
        made.operands[0] = given.stream if stream is None else stream.value
        return
    made.operands[0] = f.in_unit(given.stream, unit, node_name(given) or "delay").value


def _window_sizes(op: snn.Pool2dOp) -> Array:
    """What each window is divided by: one number, or one for each place [1, H, W]."""
    if not op.excludes_padding:
        return single(op.kernels[0] * op.kernels[1])
    shape, inside = shape_of(op.result), []
    for axis in range(2):
        first = np.arange(shape[1 + axis]) * op.strides[axis] - op.paddings[axis][0]
        last = np.minimum(first + op.kernels[axis], shape_of(op.input)[1 + axis])
        inside.append(last - np.maximum(first, 0))
    sizes: Array = np.multiply.outer(*inside)[None].astype(np.float64)
    return sizes
