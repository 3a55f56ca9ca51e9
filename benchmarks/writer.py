"""Writes a feed-forward network in the `snn` dialect, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, type_of
from snncc.dialects.snn.body import Equations, build_neuron
from snncc.dialects.snn.types import shape_of
from snncc.network import Network


def _numbers(values: Array | float) -> Array:
    """Integers as they are, anything else as float32."""
    array = np.array(values, order="C")
    return array if array.dtype.kind == "i" and array.ndim else array.astype(np.float32)


class NetworkWriter:
    """
    A chain of layers from one input stream `x` (float32, if nothing else is asked for) to
    one output stream `y`.

    Each method adds one layer behind the last one. Arrays are float32, or integers.
    """

    def __init__(self, name: str, input_shape: Sequence[int], element: Attribute = f32):
        self.network = snn.NetworkOp(name, [("x", TensorType(element, input_shape))], [])
        self.parameters: list[snn.ParameterOp] = []
        self.stream: SSAValue = self.network.body.block.args[0]

    def _parameter(self, name: str, values: Array | float) -> SSAValue:
        array = _numbers(values)
        value = dense_of(array) if array.size == 1 else blob_of(array)
        self.parameters.append(snn.ParameterOp(name, type_of(array), value))
        use = snn.UseOp(name, type_of(array))
        self.network.body.block.add_op(use)
        return use.result

    def _bias(self, node: str, bias: Array | None) -> SSAValue | None:
        return None if bias is None else self._parameter(f"{node}.bias", bias)

    def _append(self, op: snn.LinearOp | snn.Conv2dOp | snn.Pool2dOp | snn.ReshapeOp) -> None:
        self.network.body.block.add_op(op)
        self.stream = op.result

    def linear(
        self,
        node: str,
        weight: Array,
        bias: Array | None = None,
        position: str = "last",
        *,
        element: Attribute | None = None,
    ) -> None:
        """`weight` is [outputs, inputs]; `element` is the type of a sum of integers."""
        w, b = self._parameter(f"{node}.weight", weight), self._bias(node, bias)
        op = snn.LinearOp(self.stream, w, b, bias_position=position, element=element, node=node)
        self._append(op)

    def conv2d(
        self,
        node: str,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        """`weight` is [outputs, inputs per group, height, width]."""
        w, b = self._parameter(f"{node}.weight", weight), self._bias(node, bias)
        op = snn.Conv2dOp(
            self.stream,
            w,
            b,
            stride=[stride] * 2,
            padding=[padding] * 4,
            dilation=[dilation] * 2,
            groups=groups,
            node=node,
        )
        self._append(op)

    def sum_pool(self, node: str, kernel: int, padding: int = 0) -> None:
        """Windows of `kernel` x `kernel`, side by side."""
        op = snn.Pool2dOp(
            "sum",
            self.stream,
            kernel=[kernel] * 2,
            stride=[kernel] * 2,
            padding=[padding] * 4,
            element=f32,
            node=node,
        )
        self._append(op)

    def reshape(self, node: str, shape: Sequence[int]) -> None:
        self._append(snn.ReshapeOp(self.stream, shape, node=node))

    def neuron(
        self,
        node: str,
        equations: Equations,
        states: Mapping[str, Array | float],
        parameters: Mapping[str, Array | float],
    ) -> None:
        """A population of the last stream's shape; its input port is `x`."""
        initial: dict[str, SSAValue] = {}
        for port, value in states.items():
            constant = snn.ConstantOp(dense_of(_numbers(value)))
            self.network.body.block.add_op(constant)
            initial[port] = constant.result
        op = build_neuron(
            equations,
            inputs={"x": self.stream},
            states=initial,
            parameters={p: self._parameter(f"{node}.{p}", v) for p, v in parameters.items()},
            population=shape_of(self.stream),
            float_type=f32,
            node=node,
        )
        self.network.body.block.add_op(op)
        self.stream = op.outputs[0]

    def finish(self) -> Network:
        """The verified network."""
        block = self.network.body.block
        block.add_op(snn.YieldOp([self.stream]))
        network = snn.NetworkOp(
            self.network.sym_name.data,
            [("x", block.args[0].type)],
            [("y", self.stream.type)],
            self.network.detach_region(0),
        )
        module = ModuleOp([*self.parameters, network])
        module.verify()
        return Network(module)
