"""Stateless operations as operators of ONNX: one rule each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Comparison, Pool
from snncc.dialects.snn.linear import ConvolutionOp
from snncc.dialects.snn.places import places_of
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.exporters.onnx.bodies import FLOAT, stream_kind, surrogate_notes
from snncc.exporters.onnx.notes import BIAS, ELEMENT, EPSILON, PLACES, element_text, to_json
from snncc.exporters.onnx.step import Step
from snncc.exporters.problems import cannot_say

MAX_AXES = 5
"""Of a stream that may be a Transpose of another: more would be many orders to try."""


def _weights(s: Step, op: snn.LinearOp | ConvolutionOp) -> list[str]:
    kind = stream_kind(stream_type(op.result).element_type)
    x = s.streams[op.input]
    names = [s.summand(x, kind, s.rows(x)), _fixed(s, op, op.weight)]
    return names if op.bias is None else [*names, _fixed(s, op, op.bias)]


def _fixed(s: Step, op: Operation, value: SSAValue) -> str:
    """A weight, which must be the same at every step."""
    stream = s.streams[value]
    if stream.axis:
        raise cannot_say(op, "ONNX takes weights that are the same for every sample")
    return stream.name


def _bias(op: snn.LinearOp | ConvolutionOp) -> dict[str, str]:
    """A runtime has its own order of the sum; what is declared stands in the notes."""
    return {BIAS: op.bias_position.data.value} if op.bias is not None else {}


def linear(s: Step, op: snn.LinearOp) -> None:
    inputs = _weights(s, op)
    batched = s.streams[op.input].batched or not s.streams[op.input].axis
    s.node("Gemm", inputs, [s.result(op, batched=batched)], op, _bias(op), transB=1)


def convolution(s: Step, op: ConvolutionOp) -> None:
    inputs = _weights(s, op)
    before, after = zip(*op.paddings, strict=True)
    batched = s.streams[op.input].batched or not s.streams[op.input].axis
    s.node(
        "Conv",
        inputs,
        [s.result(op, batched=batched)],
        op,
        _bias(op),
        kernel_shape=shape_of(op.weight)[2:],
        strides=op.strides,
        pads=[*before, *after],
        dilations=op.dilations,
        group=op.group_count,
    )


def pool(s: Step, op: snn.Pool2dOp) -> None:
    """A sum is a convolution with ones: ONNX has no pool that adds."""
    element = stream_type(op.result).element_type
    kind = stream_kind(element)
    x = s.streams[op.input]
    inputs = [s.summand(x, kind, s.rows(x))]
    (top, bottom), (left, right) = op.paddings
    window: dict[str, Any] = {
        "kernel_shape": op.kernels,
        "strides": op.strides,
        "pads": [top, left, bottom, right],
    }
    match op.pool.data:
        case Pool.SUM:
            channels = x.shape[0]
            name = s.name_for(op)
            ones = np.ones((channels, 1, *op.kernels), np.float32 if kind == FLOAT else np.float64)
            inputs.append(s.tensor(s.free(f"{name}.ones"), ones))
            operator = "Conv"
            window["group"] = channels
        case Pool.AVG:
            operator = "AveragePool"
            window["count_include_pad"] = int(not op.excludes_padding)
        case Pool.MAX:
            operator = "MaxPool"
    notes = {ELEMENT: element_text(element)}
    batched = x.batched or not x.axis
    s.node(operator, inputs, [s.result(op, batched=batched)], op, notes, **window)


def reshape(s: Step, op: snn.ReshapeOp) -> None:
    x = s.streams[op.input]
    inputs = [s.rows(x), s.whole(0, *shape_of(op.result))]
    s.node("Reshape", inputs, [s.result(op, batched=x.batched or not x.axis)], op)


def rearrange(s: Step, op: snn.RearrangeOp) -> None:
    """
    A Transpose where it is one; else a Gather from the elements in a row, behind which a zero
    stands for the places that have none.
    """
    x = s.streams[op.input]
    batched = x.batched or not x.axis
    indices = op.indices
    places = op.places.data
    notes: dict[str, str] = {}
    if places != places_of(indices):  # written by hand, in other runs
        notes[PLACES] = to_json([[run.start, run.loops] for run in places.runs])
    order = _transposition(x.shape, indices)
    if order is not None:
        perm = [0, *(axis + 1 for axis in order)]
        s.node("Transpose", [s.rows(x)], [s.result(op, batched=batched)], op, notes, perm=perm)
        return
    size = prod(x.shape)
    flat = s.glue("Reshape", [s.rows(x), s.whole(0, size)], f"{x.name}.flat")
    if indices.min() < 0:
        flat = s.glue("Pad", [flat, s.whole(0, 0, 0, 1)], f"{x.name}.padded")
    name = s.result(op, batched=batched)
    held = s.tensor(s.free(f"{name}.places"), np.where(indices < 0, size, indices))
    s.node("Gather", [flat, held], [name], op, notes, axis=1)


def _transposition(shape: tuple[int, ...], indices: Array) -> tuple[int, ...] | None:
    """The order of axes that gives these places."""
    if not 1 < len(shape) <= MAX_AXES or indices.ndim != len(shape):
        return None
    plain = np.arange(prod(shape)).reshape(shape)
    for order in permutations(range(len(shape))):
        if np.array_equal(plain.transpose(order), indices):
            return order
    return None


def concat(s: Step, op: snn.ConcatOp) -> None:
    inputs = [s.full(s.streams[value]) for value in op.inputs]
    s.node("Concat", inputs, [s.result(op)], op, axis=op.axis.value.data + 1)


def add(s: Step, op: snn.AddOp) -> None:
    element = stream_type(op.result).element_type
    kind = stream_kind(element)
    first, *others = (s.streams[value] for value in op.inputs)
    constant = not any(x.axis for x in (first, *others))
    inputs = [s.summand(first, kind, s.full(first) if constant else None)]
    inputs += [s.summand(x, kind) for x in others]
    operator = "Identity" if len(inputs) == 1 else "Add" if len(inputs) == 2 else "Sum"
    batched = constant or any(x.batched for x in (first, *others))
    s.node(operator, inputs, [s.result(op, batched=batched)], op, {ELEMENT: element_text(element)})


def scale(s: Step, op: snn.ScaleOp) -> None:
    kind = stream_kind(stream_type(op.result).element_type)
    x, factor = s.streams[op.input], s.streams[op.factor]
    inputs = [s.summand(x, kind, s.rows(x)), s.aligned(factor, len(x.shape))]
    batched = x.batched or factor.batched or not x.axis
    s.node("Mul", inputs, [s.result(op, batched=batched)], op)


def batch_norm(s: Step, op: snn.BatchNormOp) -> None:
    kind = stream_kind(stream_type(op.result).element_type)
    x = s.streams[op.input]
    inputs = [s.summand(x, kind, s.rows(x))]
    inputs += [_fixed(s, op, v) for v in (op.gamma, op.beta, op.mean, op.variance)]
    epsilon = op.epsilon.value.data
    batched = x.batched or not x.axis
    notes = {EPSILON: repr(epsilon), ELEMENT: element_text(op.epsilon.type)}
    s.node(
        "BatchNormalization", inputs, [s.result(op, batched=batched)], op, notes, epsilon=epsilon
    )


def threshold(s: Step, op: snn.ThresholdOp) -> None:
    x, level = s.streams[op.input], s.streams[op.threshold]
    inputs = [s.rows(x), s.aligned(level, len(x.shape))]
    operator = "ThresholdGt" if op.comparison.data is Comparison.GT else "ThresholdGe"
    batched = x.batched or level.batched or not x.axis
    attributes = surrogate_notes(op.surrogate, op)
    s.node(operator, inputs, [s.result(op, batched=batched)], op, **attributes)


RULES: dict[type[Operation], Callable[[Step, Any], None]] = {
    snn.AddOp: add,
    snn.BatchNormOp: batch_norm,
    snn.ConcatOp: concat,
    snn.Conv1dOp: convolution,
    snn.Conv2dOp: convolution,
    snn.LinearOp: linear,
    snn.Pool2dOp: pool,
    snn.RearrangeOp: rearrange,
    snn.ReshapeOp: reshape,
    snn.ScaleOp: scale,
    snn.ThresholdOp: threshold,
}
