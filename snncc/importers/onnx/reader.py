"""
Reads an ONNX file into plain data, as an untrusted file.

The protobuf is decoded once in a process of its own, with limits on time and memory, and
then again here: a message of two bytes becomes an object of a hundred. Nothing but the
protobuf package sees the file: no checker, no shape inference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING

from snncc.errors import Problem, SnnccError, error, expect_file
from snncc.importers.isolated import IsolationFailure, run_isolated
from snncc.importers.onnx.document import (
    Attribute,
    Block,
    Document,
    Function,
    Node,
    Reference,
    Tensor,
    Terminal,
)
from snncc.importers.onnx.names import (
    EXPORTED,
    FOLDED,
    KIND,
    SCOPES,
    ModulePaths,
    parameter_name,
    recorded_module,
    shown,
    text_of,
)
from snncc.importers.onnx.tensors import TensorReader

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        StringStringEntryProto,
        ValueInfoProto,
    )

MAX_BYTES = 256 << 20
"""The default limit on the file and on a model's arrays."""
MAX_NODES = 1 << 17
MAX_TENSORS = 1 << 16
MAX_FUNCTIONS = 4096
MAX_DEPTH = 16
MAX_NAME = 255
MAX_ENTRIES = 1 << 21
"""Inputs, outputs, attributes, numbers of lists and lines of metadata, together."""
MEMORY = 192 << 20
"""What decoding may take beyond a few times the file."""
AI_ONNX = ("", "ai.onnx")


def read_document(path: Path, *, max_bytes: int = MAX_BYTES) -> Document:
    """
    What the file says. `max_bytes` bounds the file and, apart from it, its arrays.

    Raises SnnccError: SNC-I010 where the file is missing or no ONNX, SNC-I011 where its
    structure is damaged, SNC-I012 for what is not supported, SNC-I015 for values that are
    not finite, SNC-I017 over a limit, SNC-I020 for arrays that are stored elsewhere.
    """
    data = _bytes(path, max_bytes)
    model = _decoded(path, data)
    if not model.HasField("graph") or model.ir_version < 1:
        raise _unreadable(path, "the file holds no model")
    return _Reader(TensorReader(path.parent, max_bytes)).document(model)


def document_of(model: ModelProto) -> Document:
    """What a model in memory says, whatever its size."""
    return _Reader(TensorReader(Path(), 1 << 62)).document(model)


def _bytes(path: Path, max_bytes: int) -> bytes:
    expect_file(path, "SNC-I010")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as fault:
        raise error("SNC-I010", f"{path}: {fault.strerror}") from None
    if len(data) > max_bytes:
        raise error(
            "SNC-I017",
            f"{path}: the file is larger than {max_bytes >> 20} MiB",
            remedy="load it from Python: snncc.load(path, max_bytes=...)",
        )
    return data


def _decoded(path: Path, data: bytes) -> ModelProto:
    from onnx import ModelProto

    def attempt() -> list[bytes]:
        try:
            ModelProto.FromString(data)
        except Exception as fault:  # the packages for protobuf raise several kinds
            return [" ".join(str(fault).split())[:200].encode() or b"damaged"]
        return []

    try:
        fault = bytes(run_isolated(attempt, seconds=2 + len(data) / (20 << 20), memory=_room(data)))
    except IsolationFailure:
        fault = b"decoding it passes the limits on time and memory"
    if fault:
        raise _unreadable(path, fault.decode("utf-8", "replace"))
    model: ModelProto = ModelProto.FromString(data)
    return model


def _room(data: bytes) -> int:
    """Bytes of memory: arrays are stored as they are, or as numbers of half their size."""
    return MEMORY + 4 * len(data)


def _unreadable(path: Path, reason: str) -> SnnccError:
    return error(
        "SNC-I010",
        f"{path}: not a readable ONNX file ({reason})",
        remedy="export it again, or fetch it again: it may be cut short",
    )


class _Reader:
    """Turns the messages of one file into a document; counts them against the limits."""

    def __init__(self, tensors: TensorReader):
        self.tensors = tensors
        self.nodes = 0
        self.count = 0
        self.entries = 0
        self.paths = ModulePaths((), ())

    def document(self, model: ModelProto) -> Document:
        self._admit_entries(model.metadata_props, model.opset_import)
        opsets = _opsets(model)
        graph = model.graph
        self._admit_nodes(len(graph.node))
        notes = self.notes(graph)
        names: dict[str, str | None] = {}
        for tensor in graph.initializer[:MAX_TENSORS]:
            name = text_of(tensor.name)
            names[name] = parameter_name(name, notes.get(name, {}) if notes else None)
        self.paths = ModulePaths(
            (text_of(node.name) for node in graph.node), [name for name in names.values() if name]
        )
        block = self.block(graph, 0, names)
        kinds = {name: note.get(KIND) for name, note in notes.items()}
        unnamed = {
            name: tensor.array
            for name, tensor in block.tensors.items()
            if tensor.array.size > 1
            and tensor.array.dtype.kind == "f"
            and (names[name] is None or FOLDED in notes.get(name, {}))
            and kinds.get(name) not in ("PARAMETER", "BUFFER")
        }
        if len(model.functions) > MAX_FUNCTIONS:
            raise error("SNC-I017", f"the file has more than {MAX_FUNCTIONS} functions")
        functions: dict[tuple[str, str, str], Function] = {}
        for function in model.functions:
            name = text_of(function.name)
            key = (_domain(function.domain), name, text_of(function.overload))
            if key in functions:
                raise error("SNC-I011", "a function stands twice", node=shown(name))
            functions[key] = self.function(function)
        return Document(block, opsets, functions, _entries(model.metadata_props), unnamed)

    def notes(self, graph: GraphProto) -> dict[str, dict[str, str]]:
        """What the file says of values, by their names."""
        self._admit_entries(graph.value_info)
        notes: dict[str, dict[str, str]] = {}
        for value in graph.value_info:
            if value.metadata_props:
                self._admit_entries(value.metadata_props)
                notes[text_of(value.name)] = _entries(value.metadata_props)
        return notes

    def block(self, graph: GraphProto, depth: int, names: Mapping[str, str | None]) -> Block:
        """`names` are the parameters that initializers hold, or None for a body's."""
        label = shown(text_of(graph.name)) or "graph"
        if depth > MAX_DEPTH:
            raise error("SNC-I017", f"graphs nest deeper than {MAX_DEPTH}", node=label)
        if len(graph.sparse_initializer):
            raise error("SNC-I012", "sparse tensors are not supported", node=label)
        self._admit_entries(graph.input, graph.output)
        tensors: dict[str, Tensor] = {}
        for initializer in graph.initializer:
            name = _name(initializer.name, label)
            if name in tensors:
                raise error("SNC-I011", "an initializer stands twice", node=name)
            self._admit_tensor()
            tensors[name] = self.tensors.read(initializer, name, names.get(name))
        inputs = [_terminal(value) for value in graph.input]
        _expect_unique([terminal.name for terminal in inputs], "input", label)
        nodes = self.steps(graph.node, depth)
        _expect_made_once(nodes, {*tensors, *(terminal.name for terminal in inputs)})
        outputs = [_name(value.name, label) for value in graph.output]
        return Block(label, inputs, outputs, tensors, nodes)

    def function(self, function: FunctionProto) -> Function:
        label = shown(text_of(function.name))
        self._admit_entries(function.input, function.output, function.attribute_proto)
        self._admit_entries(function.opset_import)
        inputs = [_name(name, label) for name in function.input]
        _expect_unique(inputs, "input", label)
        nodes = self.steps(function.node, 0)
        _expect_made_once(nodes, set(inputs))
        outputs = [_name(name, label) for name in function.output]
        defaults = {
            text_of(attribute.name): self.attribute(attribute, label, 0)
            for attribute in function.attribute_proto
        }
        return Function(label, inputs, outputs, defaults, nodes, _opsets(function))

    def steps(self, nodes: Sequence[NodeProto], depth: int) -> list[Node]:
        self._admit_nodes(len(nodes))
        self.nodes += len(nodes)
        return [self.node(node, depth) for node in nodes]

    def node(self, node: NodeProto, depth: int) -> Node:
        name = text_of(node.name)
        label = shown(name or text_of(node.op_type))
        self._admit_entries(node.input, node.output, node.attribute, node.metadata_props)
        attributes: dict[str, Attribute | Reference] = {}
        for attribute in node.attribute:
            key = text_of(attribute.name)
            if key in attributes:
                text = f"the attribute {shown(key)!r} stands twice"
                raise error("SNC-I011", text, node=label)
            attributes[key] = self.attribute(attribute, label, depth)
        module = None
        metadata = _entries(node.metadata_props)
        if metadata:
            module = metadata.get(EXPORTED) or recorded_module(metadata.get(SCOPES, ""))
        elif name.startswith("/"):
            module = self.paths.module(name)
        return Node(
            text_of(node.op_type),
            _domain(node.domain),
            label,
            tuple(map(text_of, node.input)),
            tuple(map(text_of, node.output)),
            attributes,
            shown(module) if module else None,
            text_of(node.overload),
            metadata,
        )

    def attribute(self, attribute: AttributeProto, label: str, depth: int) -> Attribute | Reference:
        if attribute.ref_attr_name:
            return Reference(text_of(attribute.ref_attr_name))
        kind = attribute.type
        self._admit_entries(attribute.floats, attribute.ints, attribute.strings)
        if kind == attribute.FLOAT:
            return attribute.f
        if kind == attribute.INT:
            return attribute.i
        if kind == attribute.STRING:
            return text_of(attribute.s)
        if kind == attribute.TENSOR:
            self._admit_tensor()
            return self.tensors.read(attribute.t, label)
        if kind == attribute.GRAPH:
            return self.block(attribute.g, depth + 1, {})
        if kind == attribute.FLOATS:
            return list(attribute.floats)
        if kind == attribute.INTS:
            return list(attribute.ints)
        if kind == attribute.STRINGS:
            return [text_of(text) for text in attribute.strings]
        raise error(
            "SNC-I012",
            f"the attribute {shown(text_of(attribute.name))!r} is of type {kind}: supported are "
            "numbers, texts, tensors, graphs and lists of numbers or texts",
            node=label,
        )

    def _admit_nodes(self, count: int) -> None:
        if self.nodes + count > MAX_NODES:
            raise error("SNC-I017", f"the file has more than {MAX_NODES} nodes")

    def _admit_entries(self, *lists: Sized) -> None:
        self.entries += sum(map(len, lists))
        if self.entries > MAX_ENTRIES:
            raise error("SNC-I017", f"the file has lists of more than {MAX_ENTRIES} entries")

    def _admit_tensor(self) -> None:
        self.count += 1
        if self.count > MAX_TENSORS:
            raise error("SNC-I017", f"the file has more than {MAX_TENSORS} tensors")


def _terminal(value: ValueInfoProto) -> Terminal:
    name = _name(value.name, "graph")
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") not in ("tensor_type", None):
        raise error("SNC-I012", "an input that is not a tensor is not supported", node=name)
    if not tensor.HasField("shape"):
        return Terminal(name, tensor.elem_type, None)
    if len(tensor.shape.dim) > 32:
        raise error("SNC-I017", "an input of more than 32 axes", node=name)
    sizes: list[int | str | None] = []
    for dim in tensor.shape.dim:
        if dim.HasField("dim_value"):
            sizes.append(dim.dim_value)
        else:
            sizes.append(shown(text_of(dim.dim_param)) or None)
    return Terminal(name, tensor.elem_type, tuple(sizes))


def _entries(entries: Iterable[StringStringEntryProto]) -> dict[str, str]:
    return {text_of(entry.key): text_of(entry.value) for entry in entries}


def _domain(given: str) -> str:
    domain = text_of(given)
    return "" if domain in AI_ONNX else domain


def _opsets(message: ModelProto | FunctionProto) -> dict[str, int]:
    return {_domain(entry.domain): entry.version for entry in message.opset_import}


def _name(given: str, label: str) -> str:
    """A name that messages and generated code can show."""
    name = text_of(given)
    if not name or not name.isprintable() or len(name) > MAX_NAME:
        raise SnnccError(
            Problem(
                "SNC-I011",
                f"the name {shown(name)!r} is not text of 1 to {MAX_NAME} letters",
                label,
            )
        )
    return name


def _expect_unique(names: Iterable[str], what: str, label: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise error("SNC-I011", f"the {what} {name!r} stands twice", node=label)
        seen.add(name)


def _expect_made_once(nodes: Iterable[Node], made: set[str]) -> None:
    for node in nodes:
        for name in node.outputs:
            if name in made:
                text = f"{shown(name)!r} is made by this node and by something before it"
                raise error("SNC-I011", text, node=node.name)
            if name:
                made.add(name)
