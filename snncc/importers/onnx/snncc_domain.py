"""
Reads back what `snncc.exporters.onnx` wrote: every node that is an operation becomes it.

The graph is what counts. Metadata give names and the order of the text; the network that
they make of the graph is exported once more, and where that is not the file, the file is no
longer ours: it is read as any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    FunctionType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dtype_of
from snncc.dialects.snn.types import Stream, is_float, shape_of, stream_type
from snncc.exporters.onnx.model import SCAN, onnx_model
from snncc.exporters.onnx.notes import (
    ATTRIBUTES,
    DOMAIN,
    FORMAT,
    NAMES,
    NETWORK,
    OP,
    decoded_all,
    element_named,
)
from snncc.importers.onnx.document import Block, Document, Node, Tensor
from snncc.importers.onnx.inline import MAX_WORK
from snncc.importers.onnx.reader import document_of
from snncc.importers.onnx.snncc_bodies import read_body, read_surrogate
from snncc.importers.onnx.snncc_operations import MAX_ELEMENTS, RULES, hint_of, text_of

Data: TypeAlias = "Mapping[str, Any]"


def exported_network(document: Document) -> ModuleOp | None:
    """
    The network of a file that snncc wrote, as it was; None where the file is another, or was
    changed into one that no network is exported as.
    """
    if not was_exported(document):
        return None
    try:
        reader = NetworkReader(document)
        module = reader.module()
        module.verify()
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        again = document_of(onnx_model(module, network, scan=reader.scan))
    except Exception:  # a file may be anything: what does not fit is not ours
        return None
    return module if _same(_own(document), _own(again)) else None


def was_exported(document: Document) -> bool:
    """Whether a file says that snncc wrote it."""
    return NETWORK in document.metadata


def _own(document: Document) -> Document:
    """Without the notes of other tools."""
    metadata = {k: v for k, v in document.metadata.items() if k.startswith("snncc.")}
    return Document(document.block, document.opsets, document.functions, metadata)


def _same(a: Any, b: Any) -> bool:
    """Whether two parts of documents say the same; labels do not count."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        x, y = a.array, b.array
        same: bool = x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        return same
    if is_dataclass(a):
        labels = ("name", "module") if isinstance(a, Node | Block) else ()
        return all(
            _same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name not in labels
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


class NetworkReader:
    """Reads one file; raises whatever where it is not as exported."""

    def __init__(self, document: Document):
        self.document = document
        self.notes: Data = json.loads(document.metadata[NETWORK])
        if self.notes["format"] != FORMAT:
            raise ValueError("another format")
        last = document.block.nodes[-1] if document.block.nodes else None
        self.scan = last is not None and last.metadata.get(OP) == SCAN
        self.step = document.block
        if self.scan and last is not None:
            body = last.attributes["body"]
            assert isinstance(body, Block)
            self.step = body
        self.values: dict[str, SSAValue] = {}
        self.operations: list[Operation] = []
        self.late: list[tuple[snn.DelayOp, str]] = []
        self.shapes = {
            terminal.name: tuple(int(str(size)) for size in (terminal.shape or ())[1:])
            for terminal in self.step.inputs
        }
        self.work = 0

    def module(self) -> ModuleOp:
        notes = self.notes
        places = self._places()
        inputs: list[tuple[str, Stream]] = []
        for entry in notes["inputs"]:
            element = element_named(entry["element"])
            inputs.append(
                (text_of(entry["name"]), self.type_of(element, self.shapes[self._inner(entry)]))
            )
        network = snn.NetworkOp(
            text_of(notes["name"]), inputs, [], attributes=decoded_all(notes["attributes"])
        )
        arguments = network.body.block.args
        for entry, argument in zip(notes["inputs"], arguments, strict=True):
            self.values[self._inner(entry)] = argument
        for argument, hint in zip(arguments, notes.get("hints", [None] * len(inputs)), strict=True):
            argument.name_hint = hint_of(hint)
        parameters = self._parameters()
        fixed = self._fixed(parameters)
        for node in self.step.nodes:
            self._node(node)
        for delay, stream in self.late:
            delay.operands[0] = self.values[stream]
        block = network.body.block
        block.add_ops(fixed.pop(0, []))
        for place, op in enumerate(self.operations, 1):
            block.add_op(op)
            block.add_ops(fixed.pop(place, []))
        streams = [self.values[places[entry["value"]]] for entry in notes["outputs"]]
        block.add_op(snn.YieldOp(streams))
        network.output_names = ArrayAttr(
            [StringAttr(text_of(entry["name"])) for entry in notes["outputs"]]
        )
        network.function_type = FunctionType.from_lists(
            block.arg_types, [value.type for value in streams]
        )
        declared: list[Operation] = [*parameters.values()]
        for surrogate, place in reversed(self._surrogates()):
            declared.insert(place, surrogate)
        return ModuleOp([*declared, network])

    def _surrogates(self) -> list[tuple[snn.SurrogateOp, int]]:
        """With the number of parameters above each."""
        found: list[tuple[snn.SurrogateOp, int]] = []
        for entry in self.notes.get("surrogates", []):
            function = self.document.functions[DOMAIN, entry["function"], ""]
            self.work += len(function.nodes)
            if self.work > MAX_WORK:
                raise ValueError("too many operations")
            op = read_surrogate(function, text_of(entry["name"]), element_named(entry["element"]))
            hints = entry.get("hints", [None] * len(function.inputs))
            for argument, hint in zip(op.body.block.args, hints, strict=True):
                argument.name_hint = hint_of(hint)
            op.attributes |= decoded_all(entry.get("attributes", {}))
            found.append((op, entry["at"]))
        return found

    def _places(self) -> dict[str, str]:
        """Name of an output of the file -> its name in the step."""
        if not self.scan:
            return {name: name for name in self.step.outputs}
        scan = self.document.block.nodes[-1]
        return dict(zip(scan.outputs, self.step.outputs, strict=True))

    def _inner(self, entry: Data) -> str:
        """The name in the step of an input of the file."""
        name: str = entry["value"]
        if not self.scan:
            return name
        scan = self.document.block.nodes[-1]
        return self.step.inputs[scan.inputs.index(name)].name

    def type_of(self, element: Attribute, shape: Sequence[int]) -> Stream:
        if prod(shape) > MAX_ELEMENTS or any(size < 1 for size in shape):
            raise ValueError(f"a stream of {list(shape)}")
        return TensorType(element, shape)

    # --- parameters and constants

    def _array(self, name: str, element: Attribute) -> Array:
        array = self.document.block.tensors[name].array
        return array.astype(dtype_of(element), copy=False)

    def _parameters(self) -> dict[str, snn.ParameterOp]:
        found: dict[str, snn.ParameterOp] = {}
        for entry in self.notes["parameters"]:
            element = element_named(entry["element"])
            array = self._array(entry["value"], element)
            value = _dense(array, element) if entry.get("in_text") else blob_of(array)
            op = snn.ParameterOp(text_of(entry["name"]), TensorType(element, array.shape), value)
            op.attributes |= decoded_all(entry.get("attributes", {}))
            if entry["name"] in found:
                raise ValueError("a parameter twice")
            found[entry["name"]] = op
        return found

    def _fixed(self, parameters: Mapping[str, snn.ParameterOp]) -> dict[int, list[Operation]]:
        """Uses and constants, by the number of operations above them."""
        found: dict[int, list[Operation]] = {}
        initial = {fixed: state for state, fixed in self.notes["initial"].items()}
        for entry in self.notes["fixed"]:
            op: snn.UseOp | snn.ConstantOp
            if "parameter" in entry:
                op = snn.UseOp(text_of(entry["parameter"]), parameters[entry["parameter"]].type)
            else:
                element, shape = element_named(entry["element"]), tuple(entry["shape"])
                name = entry["value"]
                if name in self.document.block.tensors:
                    array = self._array(name, element)
                else:
                    array = _narrowed(self._array(initial[name], element), shape)
                if array.shape != shape:
                    raise ValueError(f"a constant of shape {list(shape)}")
                op = snn.ConstantOp(_dense(array, element))
            op.attributes |= decoded_all(entry.get("attributes", {}))
            op.result.name_hint = hint_of(entry.get("hint"))
            found.setdefault(entry.get("at", 0), []).append(op)
            self.values[entry["value"]] = op.result
        return found

    def initial(self, state: str) -> SSAValue:
        """The first value of a state, by the name of its input in the step."""
        outer = state
        if self.scan:
            scan = self.document.block.nodes[-1]
            start = scan.inputs[[t.name for t in self.step.inputs].index(state)]
            outer = next(n for n in self.document.block.nodes if start in n.outputs).inputs[0]
        default = self.document.block.tensors[outer].array
        if default.shape != (1, *self.shapes[state]):
            raise ValueError("a default of another shape")
        return self.values[self.notes["initial"][outer]]

    # --- operations

    def _node(self, node: Node) -> None:
        name = node.metadata.get(OP)
        if name is None:  # it prepares or completes an operation: the same stream
            for output in node.outputs:
                if node.inputs and node.inputs[0] in self.values:
                    self.values.setdefault(output, self.values[node.inputs[0]])
            return
        op = self._neuron(node) if name == "snn.neuron" else RULES[name](self, node)
        if op.name != name:
            raise ValueError(f"{op.name}, not {name}")
        op.attributes |= decoded_all(json.loads(node.metadata.get(ATTRIBUTES, "{}")))
        hints = json.loads(node.metadata.get(NAMES, "null"))
        for index, result in enumerate(op.results):
            self.type_of(stream_type(result).element_type, shape_of(result))
            self.values[node.outputs[index]] = result
            if hints is not None:
                result.name_hint = hint_of(hints[index])
        self.operations.append(op)

    def _neuron(self, node: Node) -> snn.NeuronOp:
        function = self.document.functions[node.domain, node.op, ""]
        self.work += len(function.nodes)
        if node.domain != DOMAIN or self.work > MAX_WORK:
            raise ValueError("no neuron")
        body = read_body(function)
        names = iter(node.inputs)

        def ports(group: str, take: Callable[[str], SSAValue]) -> list[tuple[str, SSAValue]]:
            texts = function.defaults[group]
            assert isinstance(texts, list)
            return [(str(text).partition(": ")[0], take(next(names))) for text in texts]

        inputs = ports("inputs", self.values.__getitem__)
        states = ports("states", self.initial)
        parameters = ports("parameters", self.values.__getitem__)
        population = np.broadcast_shapes(
            *(shape_of(value) for _, value in (*inputs, *parameters)),
            *(self.shapes[name] for name in node.inputs[len(inputs) :][: len(states)]),
        )
        last = body.block.last_op
        assert isinstance(last, snn.NextOp)
        kind, label = function.defaults.get("kind"), node.attributes.get("node")
        return snn.NeuronOp(
            inputs,
            states,
            parameters,
            [self.type_of(value.type, population) for value in last.outputs],
            body,
            node=hint_of(label),
            kind=None if kind is None else str(kind),
        )


def _narrowed(array: Array, shape: Sequence[int]) -> Array:
    """What was broadcast from a shape, in that shape."""
    place: list[Any] = [0] * (array.ndim - len(shape))
    place += [slice(0, 1) if size == 1 else slice(None) for size in shape]
    narrowed: Array = array[tuple(place)]
    return narrowed


def _dense(array: Array, element: Attribute) -> DenseIntOrFPElementsAttr:
    type: Any = TensorType(element, array.shape)
    values = array.ravel().tolist()
    if not is_float(element):
        values = [int(value) for value in values]
    return DenseIntOrFPElementsAttr.from_list(type, values)
