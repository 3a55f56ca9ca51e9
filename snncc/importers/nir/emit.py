"""From NIR nodes to `snn` operations: one rule for each stateless class, one for neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, f32, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, type_of
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.types import Stream, is_float, is_spike, shape_of, stream_type
from snncc.errors import error
from snncc.importers.nir.model import Node
from snncc.importers.nir.profiles.base import NeuronSpec, Profile
from snncc.importers.nir.shapes import Shape, drop_leading_ones, flatten_shape, window

INLINE_ELEMENTS = 4
"""Parameters up to this size stand in the text."""


class Emitter:
    """Collects the operations of one network: parameters, delays, and the rest in order."""

    def __init__(self, profile: Profile):
        self.profile = profile
        self.parameters: list[snn.ParameterOp] = []
        self.fixed: list[Operation] = []
        self.delays: list[snn.DelayOp] = []
        self.operations: list[Operation] = []
        self._constants: dict[tuple[str, bytes], SSAValue] = {}

    def add(self, op: Operation) -> SSAValue:
        self.operations.append(op)
        return op.results[0]

    def parameter(self, name: str, values: Array) -> SSAValue:
        """A float32 parameter, and its use."""
        array = np.asarray(values, np.float32, order="C")
        if not np.isfinite(array).all():
            raise error(
                "SNC-I015",
                f"{name.rpartition('.')[2]}: does not fit float32",
                node=name.rpartition(".")[0],
            )
        value = dense_of(array) if array.size <= INLINE_ELEMENTS else blob_of(array)
        type = type_of(array)
        self.parameters.append(snn.ParameterOp(name, type, value))
        use = snn.UseOp(name, type)
        self.fixed.append(use)
        return use.result

    def constant(self, values: Array) -> SSAValue:
        """A constant, one for equal values."""
        key = (str(values.dtype) + str(values.shape), values.tobytes())
        if key not in self._constants:
            op = snn.ConstantOp(dense_of(values))
            self.fixed.append(op)
            self._constants[key] = op.result
        return self._constants[key]

    def zero_like(self, value: SSAValue) -> SSAValue:
        element = stream_type(value).element_type
        if is_float(element):
            return self.constant(np.zeros((), np.float32))
        return self.constant(np.zeros((), np.bool_ if is_spike(element) else np.uint16))

    def late(self, type: Stream, steps: Sequence[int], name: str) -> snn.DelayOp:
        """A delay that stands first and whose stream is set later."""
        stream = create_ssa_value(type)
        delay = snn.DelayOp(stream, _by(steps, type), self.zero_like(stream), name)
        self.delays.append(delay)
        return delay

    def delayed(self, stream: SSAValue, steps: Sequence[int], name: str) -> SSAValue:
        """A delay of a stream that is known already."""
        by = _by(steps, stream_type(stream))
        return self.add(snn.DelayOp(stream, by, self.zero_like(stream), name))

    def as_float(self, value: SSAValue) -> SSAValue:
        if is_float(stream_type(value).element_type):
            return value
        return self.add(snn.AddOp([value], f32))

    def sum(self, values: Sequence[SSAValue], node: str | None = None) -> SSAValue:
        """Fan-in: the sum of several streams, or the one stream."""
        if len(values) == 1:
            return values[0]
        return self.add(snn.AddOp(list(values), f32, node=node))

    def neuron(
        self, node: Node, spec: NeuronSpec, inputs: Mapping[str, SSAValue], population: Shape
    ) -> SSAValue:
        def broadcast(array: Array) -> Array:
            return array.reshape(drop_leading_ones(array.shape, len(population)))

        parameters = {
            port: self.parameter(f"{node.name}.{port}", _uniform(broadcast(array)))
            for port, array in spec.parameters.items()
        }
        states = {
            port: self.constant(_uniform(broadcast(np.asarray(array, np.float32))))
            for port, array in spec.states.items()
        }
        neuron = build_neuron(
            spec.equations,
            inputs={port: self.as_float(value) for port, value in inputs.items()},
            states=states,
            parameters=parameters,
            population=population,
            float_type=f32,
            node=node.name,
        )
        return self.add(neuron)

    def stateless(self, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
        """The operation of a stateless class; `shape` is that of its result."""
        rule = _RULES[node.type]
        return rule(self, node, x, shape)


def _by(steps: Sequence[int], type: Stream) -> int | DenseIntOrFPElementsAttr:
    """One number of steps, or one for each element."""
    if len(steps) == 1:
        return steps[0]
    return DenseIntOrFPElementsAttr.from_list(TensorType(i64, type.get_shape()), list(steps))


def _uniform(array: Array) -> Array:
    """A scalar where all neurons have the same value."""
    if array.size > 1 and (array == array.ravel()[0]).all():
        return array.ravel()[:1].reshape(())
    return array.reshape(()) if array.size == 1 else array


def _linear(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    """
    y = W x + b on the last axis. Leading axes of the weight are a batch of maps, each
    with its own matrix: a grouped convolution of length one.
    """
    weight = node.array("weight")
    bias = node.array("bias") if node.type == "Affine" else None
    if weight.ndim == 2:
        w = e.parameter(f"{node.name}.weight", weight)
        b = None
        if bias is not None:
            b = e.parameter(f"{node.name}.bias", np.broadcast_to(bias, shape))
        return e.add(snn.LinearOp(x, w, b, node=node.name))
    groups = prod(weight.shape[:-2])
    w = e.parameter(f"{node.name}.weight", weight.reshape(-1, weight.shape[-1], 1))
    b = None
    if bias is not None:
        b = e.parameter(f"{node.name}.bias", np.broadcast_to(bias, shape).reshape(-1))
    maps = e.add(snn.ReshapeOp(x, (prod(shape_of(x)), 1)))
    y = e.add(
        snn.Conv1dOp(
            maps, w, b, stride=[1], padding=[0, 0], dilation=[1], groups=groups, node=node.name
        )
    )
    return e.add(snn.ReshapeOp(y, shape))


def _convolution(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    _, stride, padding, dilation = window(node)
    weight = node.array("weight")
    w = e.parameter(f"{node.name}.weight", weight)
    b = None
    if "bias" in node.fields:
        b = e.parameter(f"{node.name}.bias", np.broadcast_to(node.array("bias"), weight.shape[:1]))
    kind = snn.Conv1dOp if node.type == "Conv1d" else snn.Conv2dOp
    groups = node.integers("groups")[0] if "groups" in node.fields else 1  # checked to be one
    op = kind(
        x,
        w,
        b,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        node=node.name,
    )
    return e.add(op)


def _pool(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    kernel, stride, padding, _ = window(node)
    size = prod(kernel)
    # (sum / size) * size is the sum unless the division rounds
    rounds = node.type == "SumPool2d" and e.profile.pools_by_power and size & (size - 1) != 0
    average = node.type == "AvgPool2d" or rounds
    y = e.add(
        snn.Pool2dOp(
            "avg" if average else "sum",
            x,
            kernel=kernel,
            stride=stride,
            padding=padding,
            element=f32,
            node=node.name,
        )
    )
    return e.add(snn.ScaleOp(y, e.constant(np.full((), size, np.float32)))) if rounds else y


def _scale(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    factor = node.array("scale")
    factor = factor.reshape(drop_leading_ones(factor.shape, len(shape)))
    s = e.parameter(f"{node.name}.scale", factor)
    return e.add(snn.ScaleOp(x, s, node=node.name))


def _flatten(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    flat = flatten_shape(node, shape_of(x))
    return x if flat == shape_of(x) else e.add(snn.ReshapeOp(x, flat, node=node.name))


def _threshold(e: Emitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    threshold = node.array("threshold")
    threshold = _uniform(threshold.reshape(drop_leading_ones(threshold.shape, len(shape))))
    th = e.parameter(f"{node.name}.threshold", threshold)
    return e.add(snn.ThresholdOp("gt", e.as_float(x), th, node=node.name))


_RULES: dict[str, Callable[[Emitter, Node, SSAValue, Shape], SSAValue]] = {
    "Affine": _linear,
    "Linear": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    "Scale": _scale,
    "Flatten": _flatten,
    "Threshold": _threshold,
}
