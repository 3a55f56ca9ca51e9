"""A network as the graph of one step, and what the metadata says of it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, array_of, constant_of
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.errors import error
from snncc.exporters.onnx.bodies import stream_kind, surrogate_function
from snncc.exporters.onnx.notes import (
    DOMAIN,
    FORMAT,
    element_text,
    encoded_all,
    hints_of,
)
from snncc.exporters.onnx.operations import RULES
from snncc.exporters.onnx.stateful import neuron, read_delay, write_delay
from snncc.exporters.onnx.step import Step, Terminal, as_floats
from snncc.exporters.problems import cannot_say

if TYPE_CHECKING:
    from onnx import TensorProto

MAX_BYTES = (1 << 31) - (1 << 20)
"""What protobuf holds in one message, with room for the rest."""


class NetworkWriter:
    """Writes one network; `suffix` stands behind the names of terminals inside of a Scan."""

    def __init__(self, module: ModuleOp, network: snn.NetworkOp, suffix: str = ""):
        self.module = module
        self.network = network
        self.step = Step(suffix)
        self.names = StateNames(network)
        self.notes: dict[str, Any] = {
            "format": FORMAT,
            "name": network.sym_name.data,
            "attributes": encoded_all(network.attributes, network),
        }
        self.before: dict[tuple[Operation, int], Terminal] = {}
        self.after: dict[tuple[Operation, int], Terminal] = {}

    def write(self) -> Step:
        """The graph. Raises SNC-E001 for what ONNX cannot say."""
        if not self.network.inputs:
            raise cannot_say(self.network, "without inputs there is no batch")
        self._expect_size()
        self._terminals()
        self._parameters()
        self._operations()
        self._outputs()
        return self.step

    def _expect_size(self) -> None:
        total = sum(
            prod(op.type.get_shape()) * 4
            for op in self.module.ops
            if isinstance(op, snn.ParameterOp)
        )
        if total > MAX_BYTES:
            raise error(
                "SNC-E001",
                f"the parameters take {total >> 20} MiB; an ONNX file holds less than 2 GiB",
            )

    # --- terminals

    def _terminals(self) -> None:
        """Names of inputs, outputs and states: before others, so that they stay as they are."""
        s, network = self.step, self.network
        inputs: list[dict[str, Any]] = []
        for index, (name, argument) in enumerate(network.inputs.items()):
            terminal = self._terminal(name, f"input{index}", argument)
            s.inputs.append(terminal)
            s.define(argument, terminal.value, batched=True)
            entry = {"name": name, "value": terminal.name}
            entry["element"] = element_text(stream_type(argument).element_type)
            inputs.append(entry)
        hints = hints_of(network.body.block.args)
        if hints is not None:
            self.notes["hints"] = hints
        outputs: list[dict[str, Any]] = []
        for index, (name, value) in enumerate(network.outputs.items()):
            terminal = self._terminal(name, f"output{index}", value)
            s.outputs.append(terminal)
            if not isinstance(value.owner, snn.UseOp | snn.ConstantOp) and value not in s.streams:
                s.wanted.setdefault(value, terminal.value)
            outputs.append({"name": name, "value": terminal.name})
        self.notes |= {"inputs": inputs, "outputs": outputs}
        for key, name in self.names.name_of.items():
            self._state(key, name)

    def _terminal(self, name: str, otherwise: str, value: SSAValue) -> Terminal:
        outer = self.step.free(name, otherwise)
        kind = stream_kind(stream_type(value).element_type)
        return Terminal(outer, self._inner(outer), shape_of(value), kind)

    def _inner(self, name: str) -> str:
        return self.step.free(f"{name}{self.step.suffix}") if self.step.suffix else name

    def _state(self, key: tuple[Operation, int], name: str) -> None:
        s, (op, index) = self.step, key
        if len(name) > 128 or not name.isprintable() or not name:
            raise cannot_say(op, f"the name of its state, {name[:32]!r}, is none in ONNX")
        shape = self.names.shape_of(key)
        if self.names.is_line(key):
            shape = shape[1:]
        if isinstance(op, snn.DelayOp):
            operand = op.init
        else:
            assert isinstance(op, snn.NeuronOp)
            operand = op.initial_states[index]
        if not isinstance(operand.owner, snn.UseOp | snn.ConstantOp):
            raise cannot_say(op, "its initial state is not a constant")
        content = constant_of(operand)
        assert content is not None
        element = stream_type(operand).element_type
        kind = stream_kind(element)
        outer, end = s.free(name, "state"), s.free(f"{name}.next", "next")
        self.before[key] = Terminal(outer, self._inner(outer), shape, kind)
        self.after[key] = Terminal(end, self._inner(end), shape, kind)
        s.states.append(self.before[key])
        s.nexts.append(self.after[key])
        s.initial[outer] = np.broadcast_to(as_floats(content, element, op), (1, *shape))

    # --- parameters and constants

    def _parameters(self) -> None:
        s = self.step
        first: dict[str, str] = {}
        parameters: list[dict[str, Any]] = []
        surrogates: list[dict[str, Any]] = []
        for op in self.module.ops:
            if isinstance(op, snn.SurrogateOp):
                surrogates.append({**self._surrogate(op), "at": len(parameters)})
                continue
            if not isinstance(op, snn.ParameterOp):
                if op is not self.network:
                    raise cannot_say(op, "beside the network")
                continue
            symbol = op.sym_name.data
            name = s.free(symbol, "parameter")
            first[symbol] = name
            s.tensors[name] = _tensor(op, name)
            entry: dict[str, Any] = {
                "name": symbol,
                "value": name,
                "element": element_text(op.type.element_type),
            }
            if isinstance(op.value, DenseIntOrFPElementsAttr):
                entry["in_text"] = True
            if op.attributes:
                entry["attributes"] = encoded_all(op.attributes, op)
            parameters.append(entry)
        fixed: list[dict[str, Any]] = []
        place = 0
        used: set[str] = set()
        for op in self.network.body.block.ops:
            if isinstance(op, snn.UseOp):
                name = first[op.symbol]
                if op.symbol in used:  # the second snn.use is another value
                    name = s.glue("Identity", [name], f"{name}.use")
                used.add(op.symbol)
                entry = {"parameter": op.symbol, "value": name}
            elif isinstance(op, snn.ConstantOp):
                name = s.free("constant")
                entry = {
                    "value": name,
                    "element": element_text(op.value.get_element_type()),
                    "shape": list(shape_of(op.result)),
                }
                if not _is_initial(op):
                    element = op.value.get_element_type()
                    content = array_of(op.value, stream_type(op.result))
                    s.tensor(name, as_floats(content, element, op))
            else:
                place += not isinstance(op, snn.YieldOp)
                continue
            s.define(op.result, name, batched=False, axis=False)
            if place:
                entry["at"] = place
            if op.result.name_hint is not None:
                entry["hint"] = op.result.name_hint
            if op.attributes:
                entry["attributes"] = encoded_all(op.attributes, op)
            fixed.append(entry)
        initial = {
            self.before[key].name: s.streams[_initial(key)].name for key in self.names.name_of
        }
        self.notes |= {"parameters": parameters, "fixed": fixed, "initial": initial}
        if surrogates:
            self.notes["surrogates"] = surrogates

    def _surrogate(self, op: snn.SurrogateOp) -> dict[str, Any]:
        """A function of the file, and what the metadata say of it."""
        s, symbol = self.step, op.sym_name.data
        name = s.free_function("".join(c if c.isalnum() else "_" for c in symbol))
        s.functions[name] = function = surrogate_function(op, name)
        for node in function.node:
            if node.domain == DOMAIN:
                s.require(node.op_type)
        element = element_text(op.function_type.inputs.data[0])
        entry: dict[str, Any] = {"name": symbol, "function": name, "element": element}
        hints = hints_of(op.body.block.args)
        if hints is not None:
            entry["hints"] = hints
        if op.attributes:
            entry["attributes"] = encoded_all(op.attributes, op)
        return entry

    # --- operations

    def _operations(self) -> None:
        s = self.step
        delays: list[snn.DelayOp] = []
        for op in self.network.body.block.ops:
            if isinstance(op, snn.NeuronOp):
                keys = [(op, index) for index in range(len(op.initial_states))]
                neuron(s, op, [self.before[k] for k in keys], [self.after[k] for k in keys])
            elif isinstance(op, snn.DelayOp):
                read_delay(s, op, self.before[op, 0])
                delays.append(op)
            elif type(op) in RULES:
                RULES[type(op)](s, op)
            elif isinstance(op, snn.YieldOp):
                if op.attributes:
                    raise cannot_say(op, "attributes")
            elif not isinstance(op, snn.UseOp | snn.ConstantOp):
                raise cannot_say(op, "no operator of ONNX", "export the network as it was loaded")
        for op in delays:
            write_delay(s, op, self.before[op, 0], self.after[op, 0])

    def _outputs(self) -> None:
        s = self.step
        for terminal, value in zip(s.outputs, self.network.outputs.values(), strict=True):
            stream = s.streams[value]
            if stream.name == terminal.value:
                continue
            if stream.batched:
                s.node("Identity", [stream.name], [terminal.value])
            else:
                s.node("Expand", [stream.name, s.sizes(stream.shape)], [terminal.value])


def _initial(key: tuple[Operation, int]) -> SSAValue:
    op, index = key
    if isinstance(op, snn.DelayOp):
        return op.init
    assert isinstance(op, snn.NeuronOp)
    return op.initial_states[index]


def _is_initial(op: snn.ConstantOp) -> bool:
    """Whether a constant is read as initial state, and nowhere else."""
    uses = list(op.result.uses)
    return bool(uses) and all(
        (isinstance(use.operation, snn.DelayOp) and use.index == 1)
        or (
            isinstance(use.operation, snn.NeuronOp)
            and 0 <= use.index - len(use.operation.inputs) < len(use.operation.initial_states)
        )
        for use in uses
    )


def _tensor(op: snn.ParameterOp, name: str) -> TensorProto:
    from onnx import helper

    array: Array = as_floats(array_of(op.value, op.type), op.type.element_type, op)
    kind = stream_kind(op.type.element_type)
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    shape = op.type.get_shape()
    return helper.make_tensor(name, kind, shape, data, raw=True)
