"""Stateless operations and delays from the nodes that they were exported as: one rule each."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, TensorType, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.snn.attributes import BiasPosition, Comparison, Pool
from snncc.dialects.snn.places import NOWHERE, Places, PlacesAttr, Run
from snncc.dialects.snn.types import shape_of
from snncc.exporters.onnx.notes import (
    BIAS,
    ELEMENT,
    EPSILON,
    NODE,
    PLACES,
    STATE_INPUT,
    STEPS,
    STREAM,
    element_named,
)
from snncc.importers.onnx.document import Node
from snncc.importers.onnx.snncc_bodies import surrogate_of

if TYPE_CHECKING:
    from snncc.importers.onnx.snncc_domain import NetworkReader

MAX_ELEMENTS = 1 << 26
"""Of a stream, or of a delay's line."""
MAX_NAME = 1024


def text_of(name: Any) -> str:
    """A name of the notes that the text of a network may have."""
    if not isinstance(name, str) or not name.isprintable() or len(name) > MAX_NAME:
        raise ValueError("no name")
    return name


def hint_of(name: Any) -> str | None:
    return None if name is None else text_of(name)


def _label(node: Node) -> str | None:
    return hint_of(node.metadata.get(NODE))


def _numbers(node: Node, name: str) -> list[int]:
    value = node.attributes[name]
    assert isinstance(value, list)
    return [int(item) for item in value]


def _pads(node: Node) -> list[int]:
    """[before, after] for each axis: ONNX has all before first."""
    pads = _numbers(node, "pads")
    half = len(pads) // 2
    return [pad for pair in zip(pads[:half], pads[half:], strict=True) for pad in pair]


def _bias(n: NetworkReader, node: Node) -> tuple[SSAValue | None, BiasPosition]:
    bias = n.values[node.inputs[2]] if len(node.inputs) > 2 else None
    return bias, BiasPosition(node.metadata.get(BIAS, "last"))


def _linear(n: NetworkReader, node: Node) -> Operation:
    bias, position = _bias(n, node)
    x, w = n.values[node.inputs[0]], n.values[node.inputs[1]]
    return snn.LinearOp(x, w, bias, bias_position=position, node=_label(node))


def _convolution(n: NetworkReader, node: Node) -> Operation:
    bias, position = _bias(n, node)
    x, w = n.values[node.inputs[0]], n.values[node.inputs[1]]
    kind = snn.Conv1dOp if len(shape_of(w)) == 3 else snn.Conv2dOp
    group = node.attributes["group"]
    assert isinstance(group, int)
    return kind(
        x,
        w,
        bias,
        stride=_numbers(node, "strides"),
        padding=_pads(node),
        dilation=_numbers(node, "dilations"),
        groups=group,
        bias_position=position,
        node=_label(node),
    )


def _pool(n: NetworkReader, node: Node) -> Operation:
    pool = {"Conv": Pool.SUM, "AveragePool": Pool.AVG, "MaxPool": Pool.MAX}[node.op]
    kernel = _numbers(node, "kernel_shape")
    if pool is Pool.SUM:
        ones = n.document.block.tensors[node.inputs[1]].array
        if ones.shape[2:] != tuple(kernel):  # what is exported again is as large as what is here
            raise ValueError("a kernel of another shape")
    return snn.Pool2dOp(
        pool,
        n.values[node.inputs[0]],
        kernel=kernel,
        stride=_numbers(node, "strides"),
        padding=_pads(node),
        element=element_named(node.metadata[ELEMENT]),
        exclude_padding=pool is Pool.AVG and node.attributes["count_include_pad"] == 0,
        node=_label(node),
    )


def _reshape(n: NetworkReader, node: Node) -> Operation:
    sizes = [int(size) for size in n.document.block.tensors[node.inputs[1]].array]
    return snn.ReshapeOp(n.values[node.inputs[0]], sizes[1:], node=_label(node))


def _rearrange(n: NetworkReader, node: Node) -> Operation:
    x = n.values[node.inputs[0]]
    size = prod(shape_of(x))
    if node.op == "Transpose":
        order = [axis - 1 for axis in _numbers(node, "perm")[1:]]
        indices = np.arange(size).reshape(shape_of(x)).transpose(order)
    else:
        indices = n.document.block.tensors[node.inputs[1]].array
        indices = np.where(indices == size, NOWHERE, indices)
    op = snn.RearrangeOp(x, indices, node=_label(node))
    if PLACES in node.metadata:
        runs = [
            Run(int(start), tuple((int(count), int(step)) for count, step in loops))
            for start, loops in json.loads(node.metadata[PLACES])
        ]
        places = Places(tuple(runs))
        if places.count != indices.size:
            raise ValueError("other places")
        op.places = PlacesAttr(places)
    return op


def _concat(n: NetworkReader, node: Node) -> Operation:
    axis = node.attributes["axis"]
    assert isinstance(axis, int)
    return snn.ConcatOp([n.values[name] for name in node.inputs], axis - 1, node=_label(node))


def _add(n: NetworkReader, node: Node) -> Operation:
    element = element_named(node.metadata[ELEMENT])
    return snn.AddOp([n.values[name] for name in node.inputs], element, node=_label(node))


def _scale(n: NetworkReader, node: Node) -> Operation:
    x, factor = (n.values[name] for name in node.inputs)
    return snn.ScaleOp(x, factor, node=_label(node))


def _batch_norm(n: NetworkReader, node: Node) -> Operation:
    x, gamma, beta, mean, variance = (n.values[name] for name in node.inputs)
    op = snn.BatchNormOp(
        x, gamma, beta, mean, variance, float(node.metadata[EPSILON]), node=_label(node)
    )
    element: Any = element_named(node.metadata[ELEMENT])
    op.epsilon = FloatAttr(op.epsilon.value.data, element)
    return op


def _threshold(n: NetworkReader, node: Node) -> Operation:
    comparison = {"ThresholdGt": Comparison.GT, "ThresholdGe": Comparison.GE}[node.op]
    x, level = (n.values[name] for name in node.inputs)
    return snn.ThresholdOp(comparison, x, level, surrogate=surrogate_of(node), node=_label(node))


def _delay(n: NetworkReader, node: Node) -> Operation:
    state = node.metadata[STATE_INPUT]
    element, shape = element_named(node.metadata[ELEMENT]), n.shapes[state]
    steps: int | DenseIntOrFPElementsAttr
    if STEPS in node.metadata:
        places = n.document.block.tensors[node.metadata[STEPS]].array
        shape = places.shape[2:]
        depth = n.shapes[state][0] if n.shapes[state] != shape else 1
        listed = [depth - int(place) for place in places.ravel()]
        steps = DenseIntOrFPElementsAttr.from_list(TensorType(i64, shape), listed)
    elif node.op == "Gather":
        steps, shape = shape[0], shape[1:]
    else:
        steps = 1
    stream = create_ssa_value(n.type_of(element, shape))
    op = snn.DelayOp(stream, steps, n.initial(state), node=_label(node))
    if prod(shape) * op.depth > MAX_ELEMENTS:
        raise ValueError("a long line")
    n.late.append((op, node.metadata[STREAM]))
    return op


RULES: dict[str, Callable[[NetworkReader, Node], Operation]] = {
    "snn.add": _add,
    "snn.batch_norm": _batch_norm,
    "snn.concat": _concat,
    "snn.conv1d": _convolution,
    "snn.conv2d": _convolution,
    "snn.delay": _delay,
    "snn.linear": _linear,
    "snn.pool2d": _pool,
    "snn.rearrange": _rearrange,
    "snn.reshape": _reshape,
    "snn.scale": _scale,
    "snn.threshold": _threshold,
}
