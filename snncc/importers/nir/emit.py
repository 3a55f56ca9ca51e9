"""From NIR nodes to `snn` operations: one rule for each stateless class, one for neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.types import shape_of
from snncc.importers.emitter import Emitter, uniform
from snncc.importers.nir.model import Node
from snncc.importers.nir.profiles.base import NeuronSpec, Profile
from snncc.importers.nir.shapes import Shape, drop_leading_ones, flatten_shape, window


class NirEmitter(Emitter):
    """Writes nodes of NIR as a profile reads them."""

    def __init__(self, profile: Profile):
        super().__init__()
        self.profile = profile

    def neuron(
        self, node: Node, spec: NeuronSpec, inputs: Mapping[str, SSAValue], population: Shape
    ) -> SSAValue:
        def broadcast(array: Array) -> Array:
            return array.reshape(drop_leading_ones(array.shape, len(population)))

        parameters = {
            port: self.parameter(f"{node.name}.{port}", uniform(broadcast(array)))
            for port, array in spec.parameters.items()
        }
        states = {
            port: self.constant(uniform(broadcast(np.asarray(array, np.float32))))
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


def _linear(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
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


def _convolution(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
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


def _pool(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
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


def _scale(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    factor = node.array("scale")
    factor = factor.reshape(drop_leading_ones(factor.shape, len(shape)))
    s = e.parameter(f"{node.name}.scale", factor)
    return e.add(snn.ScaleOp(x, s, node=node.name))


def _flatten(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    flat = flatten_shape(node, shape_of(x))
    return x if flat == shape_of(x) else e.add(snn.ReshapeOp(x, flat, node=node.name))


def _threshold(e: NirEmitter, node: Node, x: SSAValue, shape: Shape) -> SSAValue:
    threshold = node.array("threshold")
    threshold = uniform(threshold.reshape(drop_leading_ones(threshold.shape, len(shape))))
    th = e.parameter(f"{node.name}.threshold", threshold)
    return e.add(snn.ThresholdOp("gt", e.as_float(x), th, node=node.name))


_RULES: dict[str, Callable[[NirEmitter, Node, SSAValue, Shape], SSAValue]] = {
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
