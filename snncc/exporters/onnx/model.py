"""
The whole file: a model of one step, or a Scan of it over time.

A step takes the streams, each [batch, *shape], then the states, and gives the streams, then
the next states. A Scan takes streams [time, batch, *shape]. States are inputs with a default,
their first value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects import snn
from snncc.exporters.onnx.functions import IR_VERSION, OPSET
from snncc.exporters.onnx.network import NetworkWriter
from snncc.exporters.onnx.notes import DOMAIN, NETWORK, OP, STATE, to_json
from snncc.exporters.onnx.step import BATCH, Step, Terminal

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

TIME = "time"
SCAN = "snncc.scan"
"""What stands at `snncc.op` of the node that is the loop over time."""


def onnx_model(module: ModuleOp, network: snn.NetworkOp, *, scan: bool = False) -> ModelProto:
    """The model of a network. Raises SNC-E001 for what ONNX cannot say."""
    from onnx import helper

    writer = NetworkWriter(module, network, ".step" if scan else "")
    step = writer.write()
    graph = _sequence(step, network) if scan else _single(step, network)
    model = helper.make_model(
        graph,
        functions=list(step.functions.values()),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name="snncc",
    )
    states = {
        f"{STATE}{name}": f"{writer.before[key].name}|{writer.after[key].name}"
        for key, name in writer.names.name_of.items()
    }
    helper.set_model_props(model, {NETWORK: to_json(writer.notes), **states})
    return model


def _single(step: Step, network: snn.NetworkOp) -> GraphProto:
    from onnx import helper

    return helper.make_graph(
        step.nodes,
        network.sym_name.data or "network",
        [*(_value(t.name, (BATCH, *t.shape), t.kind) for t in step.inputs), *_before(step)],
        [_value(t.name, (BATCH, *t.shape), t.kind) for t in (*step.outputs, *step.nexts)],
        [*step.tensors.values(), *_defaults(step)],
    )


def _sequence(step: Step, network: snn.NetworkOp) -> GraphProto:
    """The step as the body of a Scan; a state that was left out gets the whole batch first."""
    from onnx import helper

    body = helper.make_graph(
        step.nodes,
        "step",
        [_value(t.value, (BATCH, *t.shape), t.kind) for t in (*step.states, *step.inputs)],
        [_value(t.value, (BATCH, *t.shape), t.kind) for t in (*step.nexts, *step.outputs)],
    )
    nodes: list[NodeProto] = []
    tensors: list[TensorProto] = [*step.tensors.values()]
    starts = _starts(step, nodes, tensors)
    scan = helper.make_node(
        "Scan",
        [*starts, *(t.name for t in step.inputs)],
        [t.name for t in (*step.nexts, *step.outputs)],
        name="steps",
        body=body,
        num_scan_inputs=len(step.inputs),
    )
    helper.set_model_props(scan, {OP: SCAN})
    nodes.append(scan)

    def timed(terminals: Sequence[Terminal]) -> list[ValueInfoProto]:
        return [_value(t.name, (TIME, BATCH, *t.shape), t.kind) for t in terminals]

    return helper.make_graph(
        nodes,
        network.sym_name.data or "network",
        [*timed(step.inputs), *_before(step)],
        [
            *timed(step.outputs),
            *(_value(t.name, (BATCH, *t.shape), t.kind) for t in step.nexts),
        ],
        [*tensors, *_defaults(step)],
    )


def _starts(step: Step, nodes: list[NodeProto], tensors: list[TensorProto]) -> list[str]:
    """The states with their whole batch."""
    from onnx import helper, numpy_helper

    if not step.states:
        return []
    size = step.free("batch.size")
    nodes.append(helper.make_node("Shape", [step.inputs[0].name], [size], start=1, end=2))
    sizes: dict[tuple[int, ...], str] = {}
    starts: list[str] = []
    for terminal in step.states:
        if terminal.shape not in sizes:
            name = step.free("state.shape")
            numbers = np.array(terminal.shape, np.int64)
            tensors.append(numpy_helper.from_array(numbers, name))
            sizes[terminal.shape] = step.free("state.sizes")
            nodes.append(helper.make_node("Concat", [size, name], [sizes[terminal.shape]], axis=0))
        start = step.free(f"{terminal.name}.start")
        nodes.append(helper.make_node("Expand", [terminal.name, sizes[terminal.shape]], [start]))
        starts.append(start)
    return starts


def _before(step: Step) -> list[ValueInfoProto]:
    """
    The states as inputs. The axis of samples of each has a name of its own: a default has 1,
    and runtimes plan memory for sizes of one name as one size.
    """
    return [_value(t.name, (f"{t.name}.{BATCH}", *t.shape), t.kind) for t in step.states]


def _value(name: str, shape: Sequence[int | str], kind: int) -> ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, list(shape))


def _defaults(step: Step) -> list[TensorProto]:
    from onnx import numpy_helper

    return [
        numpy_helper.from_array(np.array(array, order="C"), name)
        for name, array in step.initial.items()
    ]
