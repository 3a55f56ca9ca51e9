"""
A network as an ONNX model with a Scan over time, run by onnxruntime on one thread.

Streams have a batch axis of 1 and states are the Scan's states. Weights are initializers of
the Scan's body: onnxruntime then optimises them with the step (packed weights, blocked
layouts), which it does not do for those of the outer graph. It sums in its own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Operation, SSAValue

from benchmarks.scalar_onnx import body_nodes
from benchmarks.timing import cpu_seconds
from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.types import describe, shape_of, stream_type
from snncc.network import Network

OPSET = 17
IR_VERSION = 8
"""Those of the ONNX release with this opset: every onnxruntime in use reads them."""


def _info(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


class ScanModel:
    """Writes the model: input `x` [T, 1, *input shape], output `y` [T, 1, *output shape]."""

    def __init__(self, network: snn.NetworkOp):
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.starts: list[onnx.TensorProto] = []
        self.states: list[tuple[str, str, str, Sequence[int]]] = []
        """Initial value, before the step, after the step (names), and shape."""
        self.names: dict[SSAValue, str] = {}
        self._scalars: dict[float, str] = {}

    def build(self) -> onnx.ModelProto:
        """The checked model. Raises NotImplementedError for an operation without a rule."""
        if len(self.network.inputs) != 1 or len(self.network.outputs) != 1:
            raise NotImplementedError("the Scan has one input and one output")
        ((_, x),) = self.network.inputs.items()
        ((_, y),) = self.network.outputs.items()
        self.names[x] = "x_step"
        for op in stream_operations(self.network):
            self._layer(op)
        before = [_info(name, shape) for _, name, _, shape in self.states]
        after = [_info(name, shape) for _, _, name, shape in self.states]
        y_step = self._leaving(self.names[y])
        body = helper.make_graph(
            self.nodes,
            "step",
            [*before, _info("x_step", (1, *shape_of(x)))],
            [*after, _info(y_step, (1, *shape_of(y)))],
            self.weights,
        )
        scan = helper.make_node(
            "Scan",
            [*(initial for initial, *_ in self.states), "x"],
            [*(f"{name}_final" for _, name, *_ in self.states), "y"],
            num_scan_inputs=1,
            body=body,
        )
        graph = helper.make_graph(
            [scan],
            self.network.sym_name.data,
            [_info("x", ("T", 1, *shape_of(x)))],
            [_info("y", ("T", 1, *shape_of(y)))],
            self.starts,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model

    # values

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node to the step; gives the name of its result."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: Array) -> str:
        """An initializer of the step."""
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _leaving(self, name: str) -> str:
        """A value that leaves the step: a node's result, once."""
        taken = {after for _, _, after, _ in self.states}
        results = {result for node in self.nodes for result in node.output}
        return name if name in results - taken else self.node("Identity", [name])

    def scalar(self, value: float) -> str:
        if value not in self._scalars:
            self._scalars[value] = self.constant(np.array(value, np.float32))
        return self._scalars[value]

    def _fixed(self, value: SSAValue) -> Array:
        content = constant_of(value)
        if content is None or content.dtype != np.float32:
            raise NotImplementedError("the Scan has parameters of constant f32 only")
        return content

    # layers

    def _layer(self, op: Operation) -> None:
        rules = {
            snn.LinearOp: self._linear,
            snn.Conv2dOp: self._conv2d,
            snn.Pool2dOp: self._pool2d,
            snn.ReshapeOp: self._reshape,
            snn.NeuronOp: self._neuron,
        }
        if type(op) not in rules:
            raise NotImplementedError(f"the Scan has no {describe(op)}")
        rules[type(op)](op)

    def _linear(self, op: snn.LinearOp) -> None:
        weight = self.constant(self._fixed(op.weight).T)
        y = self.node("MatMul", [self.names[op.input], weight])
        if op.bias is not None:
            y = self.node("Add", [y, self.constant(self._fixed(op.bias))])
        self.names[op.result] = y

    def _conv2d(self, op: snn.Conv2dOp) -> None:
        inputs = [self.names[op.input], self.constant(self._fixed(op.weight))]
        if op.bias is not None:
            inputs.append(self.constant(self._fixed(op.bias)))
        self.names[op.result] = self.node(
            "Conv",
            inputs,
            kernel_shape=shape_of(op.weight)[2:],
            strides=op.strides,
            dilations=op.dilations,
            group=op.group_count,
            pads=_pads(op.paddings),
        )

    def _pool2d(self, op: snn.Pool2dOp) -> None:
        if op.pool.data is not Pool.SUM:
            raise NotImplementedError(f"the Scan has no {op.pool.data.value} pool")
        size = op.kernels[0] * op.kernels[1]
        if size & (size - 1):
            raise NotImplementedError("the Scan has sum pools of a power of two elements only")
        mean = self.node(
            "AveragePool",
            [self.names[op.input]],
            kernel_shape=op.kernels,
            strides=op.strides,
            pads=_pads(op.paddings),
            count_include_pad=1,
        )
        # ONNX has no sum pool; times a power of two is exact
        self.names[op.result] = self.node("Mul", [mean, self.scalar(size)])

    def _reshape(self, op: snn.ReshapeOp) -> None:
        shape = self.constant(np.array([1, *shape_of(op.result)], np.int64))
        self.names[op.result] = self.node("Reshape", [self.names[op.input], shape])

    def _neuron(self, op: snn.NeuronOp) -> None:
        arguments: dict[SSAValue, str] = {
            port.argument: self._operand(port.operand)
            for port in (*op.input_ports, *op.parameter_ports)
        }
        shape = (1, *op.population)
        first = len(self.states)
        for number, port in enumerate(op.state_ports, first):
            if not isinstance(stream_type(port.operand).element_type, Float32Type):
                raise NotImplementedError("the Scan has states of f32 only")
            start = np.broadcast_to(self._fixed(port.operand), shape)
            self.starts.append(
                numpy_helper.from_array(np.ascontiguousarray(start), f"start{number}")
            )
            arguments[port.argument] = f"state{number}"
        values = body_nodes(self, op.body.block, arguments)
        for output, value in zip(op.outputs, values, strict=False):
            self.names[output] = value
        for number, value in enumerate(values[len(op.outputs) :], first):
            after = self._leaving(value)
            self.states.append((f"start{number}", f"state{number}", after, shape))

    def _operand(self, value: SSAValue) -> str:
        if value in self.names:
            return self.names[value]
        content = self._fixed(value)
        return (
            self.scalar(float(content.ravel()[0])) if content.size == 1 else self.constant(content)
        )


def _pads(paddings: Sequence[tuple[int, int]]) -> list[int]:
    """ONNX's order: the starts of all axes, then their ends."""
    return [before for before, _ in paddings] + [after for _, after in paddings]


class OrtScan:
    """The model in onnxruntime. Raises ImportError where that is not installed."""

    name = "onnxruntime Scan"
    exact = False

    def __init__(self, network: Network):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # errors
        model = ScanModel(network.op).build().SerializeToString()
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def run(self, x: Array) -> Array:
        (y,) = self.session.run(["y"], {"x": x[:, None]})
        return np.asarray(y)[:, 0]

    def time(self, x: Array, repeats: int) -> float:
        return cpu_seconds(lambda: self.run(x), repeats)
