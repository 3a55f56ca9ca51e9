"""
The text of a program (`models/*.json`, schema 8 of torch.export) as an `ExportedGraph`.

The text is untrusted: every field is looked up through functions that know what they
expect, and a field that is something else is SNC-I011 with its place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from snncc.errors import Problem, error
from snncc.importers.torch.exported import (
    ExportedGraph,
    Input,
    Names,
    Node,
    Output,
    Ref,
    Region,
)
from snncc.importers.torch.fields import (
    Record,
    dtype_of,
    field,
    integer,
    listed,
    record,
    text_of,
    union,
    wrong,
)

SCHEMA = 8
MAX_NODES = 1 << 16
MAX_DEPTH = 16
MAX_AXES = 32
MAX_SIZE = 1 << 40

T = TypeVar("T")

_TARGET = re.compile(r"[\w.]{1,200}")


def decode(text: Record) -> ExportedGraph:
    """
    The program of a parsed text; its tensors are still to come.

    Raises SnnccError: SNC-I011 for what is not the schema's, SNC-I012 for types that are
    not supported, SNC-I017 over a limit.
    """
    major = integer(record(field(text, "schema_version", "model"), "schema_version"), "major")
    if major != SCHEMA:
        raise error(
            "SNC-I011",
            f"the program has schema {major}, schema {SCHEMA} is read",
            remedy="export the model again with torch 2.9 or newer",
        )
    module = record(field(text, "graph_module", "model"), "graph_module")
    return _Decoder().program(module)


class _Decoder:
    """Counts what it reads against the limits."""

    def __init__(self) -> None:
        self.nodes = 0
        self.warnings: list[Problem] = []

    def program(self, module: Record) -> ExportedGraph:
        graph = record(field(module, "graph", "graph_module"), "graph")
        signature = record(field(module, "signature", "graph_module"), "signature")
        tensors = record(field(graph, "tensor_values", "graph"), "tensor_values")
        inputs = [
            self.input(spec, tensors) for spec in listed(signature, "input_specs", "signature")
        ]
        outputs = [self.output(spec) for spec in listed(signature, "output_specs", "signature")]
        body = self.region(graph, 0)
        if body.inputs != [given.name for given in inputs]:
            raise error("SNC-I011", "the signature does not name the inputs of the program")
        return ExportedGraph(body, inputs, outputs, {}, self.warnings)

    # --- the signature

    def input(self, spec: Any, tensors: Record) -> Input:
        kind, content = union(spec, "an input")
        content = record(content, kind)
        match kind:
            case "parameter" | "buffer" | "tensor_constant":
                name = text_of(record(field(content, "arg", kind), "arg"), "name")
                tensor = text_of(content, f"{kind}_name")
                learnable = kind == "parameter" and not _is_frozen(tensors.get(name))
                held = "constant" if kind == "tensor_constant" else kind
                return Input(held, name, tensor, learnable=learnable)
            case "constant_input":
                _, value = union(field(content, "value", kind), "value")
                number = value if isinstance(value, bool | int | float | str) else None
                return Input("number", text_of(content, "name"), number=number)
            case "user_input":
                form, argument = union(field(content, "arg", kind), "arg")
                if form == "as_tensor":
                    name = text_of(record(argument, form), "name")
                    shape, dtype = self.meta(field(tensors, name, "tensor_values"), name)
                    return Input("user", name, shape=shape, dtype=dtype)
                raise error(
                    "SNC-I012",
                    f"an input of the model is no tensor ({form})",
                    remedy="export the model with tensors as its inputs",
                )
        raise error("SNC-I012", f"an input of the kind {kind!r} is not supported")

    def output(self, spec: Any) -> Output:
        kind, content = union(spec, "an output")
        content = record(content, kind)
        match kind:
            case "user_output":
                return Output("user", self.argument(field(content, "arg", kind), kind, 0))
            case "buffer_mutation" | "parameter_mutation" | "user_input_mutation":
                argument = Ref(text_of(record(field(content, "arg", kind), "arg"), "name"))
                target = text_of(content, f"{kind.removesuffix('_mutation')}_name")
                return Output("input" if kind.startswith("user") else "tensor", argument, target)
        raise error("SNC-I012", f"an output of the kind {kind!r} is not supported")

    # --- graphs

    def region(self, graph: Record, depth: int) -> Region:
        if depth > MAX_DEPTH:
            raise error("SNC-I017", f"bodies of operators nest deeper than {MAX_DEPTH}")
        inputs = [
            self.name(argument, "an input of a graph") for argument in listed(graph, "inputs")
        ]
        calls = listed(graph, "nodes", "graph")
        self.nodes += len(calls)
        if self.nodes > MAX_NODES:
            raise error("SNC-I017", f"the program has more than {MAX_NODES} operations")
        nodes = [self.node(record(call, "a node"), depth) for call in calls]
        outputs = [self.argument(a, "an output", depth) for a in listed(graph, "outputs")]
        tensors = record(field(graph, "tensor_values", "graph"), "tensor_values")
        contiguous = {name for name, meta in tensors.items() if _is_contiguous(meta)}
        return Region(inputs, outputs, nodes, contiguous)

    def node(self, node: Record, depth: int) -> Node:
        target = _target(text_of(node, "target", "a node"))
        arguments: Record = {}
        operands: list[Any] = []
        for given in listed(node, "inputs", target):
            name = field(record(given, target), "name", target)
            if not isinstance(name, str):
                raise wrong(target, "the name of an argument", name)
            argument = self.argument(field(given, "arg", target), f"{target}: {name}", depth)
            if name:
                arguments[name] = argument
            else:
                operands.append(argument)
        outputs = [self.result(result, target) for result in listed(node, "outputs", target)]
        return Node(target, arguments, operands, outputs, _scope(node.get("metadata")))

    def result(self, result: Any, target: str) -> Names:
        kind, content = union(result, target)
        if kind == "as_none":
            return None
        if kind == "as_tensors":
            if not isinstance(content, list):
                raise wrong(target, "a list of results", content)
            return [text_of(record(part, target), "name") for part in content]
        return self.name(result, target)

    def name(self, argument: Any, place: str) -> str:
        kind, content = union(argument, place)
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            kind, name = union(content, place)
            if kind == "as_name" and isinstance(name, str):
                return name
        if kind == "as_tensor":
            return text_of(record(content, place), "name")
        raise wrong(place, "the name of a value", argument)

    # --- arguments

    def argument(self, argument: Any, place: str, depth: int) -> Any:
        kind, content = union(argument, place)
        if kind == "as_none":
            return None
        if kind == "as_graph":
            content = record(content, place)
            return self.region(record(field(content, "graph", place), place), depth + 1)
        single = _SINGLE.get(kind)
        if single is not None:
            return single(content, place)
        several = _SEVERAL.get(kind)
        if several is not None:
            if not isinstance(content, list):
                raise wrong(place, "a list", content)
            return [several(part, place) for part in content]
        raise error("SNC-I012", f"{place}: an argument of the kind {kind!r} is not supported")

    def meta(self, meta: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of a tensor; an axis of any size has the example's."""
        meta = record(meta, name)
        sizes = listed(meta, "sizes", name)
        if len(sizes) > MAX_AXES:
            raise error("SNC-I017", f"{name} has {len(sizes)} axes")
        shape = []
        for axis, size in enumerate(sizes):
            number, is_dynamic = _size(size, name)
            if is_dynamic:
                self.warnings.append(
                    Problem(
                        "SNC-W007",
                        f"axis {axis} may have any size; it is read with the example's, {number}",
                        name,
                        severity="warning",
                    )
                )
            shape.append(number)
        return tuple(shape), dtype_of(meta.get("dtype"), name)


def _number(value: Any, place: str) -> Any:
    """torch writes infinities as texts."""
    if isinstance(value, str):
        value = {"Infinity": np.inf, "-Infinity": -np.inf}.get(value, np.nan)
    if not isinstance(value, bool | int | float):
        raise wrong(place, "a number", value)
    if value != value:
        raise error("SNC-I015", f"{place}: NaN")
    return value


def _integer(value: Any, place: str) -> int:
    if type(value) is not int or abs(value) > 1 << 64:
        raise wrong(place, "a whole number", value)
    return value


def _typed(kind: type[T]) -> Callable[[Any, str], T]:
    def check(value: Any, place: str) -> T:
        if not isinstance(value, kind):
            raise wrong(place, f"a {kind.__name__}", value)
        return value

    return check


def _tensor(value: Any, place: str) -> Ref:
    return Ref(text_of(record(value, place), "name"))


def _optional(value: Any, place: str) -> Ref | None:
    kind, content = union(value, place)
    return _tensor(content, place) if kind == "as_tensor" else None


def _symbol(value: Any, place: str) -> Any:
    """A number, or the name of one."""
    kind, content = union(value, place)
    if kind == "as_name":
        return Ref(_typed(str)(content, place))
    return _number(content, place)


def _position(value: Any, place: str) -> str:
    """A device, a layout or a memory format: no operator's value depends on it."""
    return str(value)[:40]


_SINGLE: dict[str, Callable[[Any, str], Any]] = {
    "as_tensor": _tensor,
    "as_int": _integer,
    "as_float": _number,
    "as_bool": _typed(bool),
    "as_string": _typed(str),
    "as_sym_int": _symbol,
    "as_sym_float": _symbol,
    "as_sym_bool": _symbol,
    "as_scalar_type": dtype_of,
    "as_device": _position,
    "as_layout": _position,
    "as_memory_format": _position,
    "as_optional_tensor": _optional,
}
_SEVERAL: dict[str, Callable[[Any, str], Any]] = {
    "as_tensors": _tensor,
    "as_ints": _integer,
    "as_floats": _number,
    "as_bools": _typed(bool),
    "as_strings": _typed(str),
    "as_sym_ints": _symbol,
    "as_sym_floats": _symbol,
    "as_sym_bools": _symbol,
    "as_optional_tensors": _optional,
}


def _size(size: Any, place: str) -> tuple[int, bool]:
    """A size, and whether it is the example of a dynamic one."""
    kind, content = union(size, place)
    dynamic = kind == "as_expr"
    if dynamic:
        hint = record(content, place).get("hint")
        if hint is None:
            raise error(
                "SNC-I014",
                f"{place}: the size of an axis is not known",
                remedy="export the model with fixed shapes",
            )
        _, content = union(hint, place)
    number = _integer(content, place)
    if not 0 <= number <= MAX_SIZE:
        raise error("SNC-I014", f"{place}: a size of {number}")
    return number, dynamic


def _is_frozen(meta: Any) -> bool:
    """Whether training leaves a parameter as it is."""
    return isinstance(meta, dict) and meta.get("requires_grad") is False


def _is_contiguous(meta: Any) -> bool:
    """Whether the strides are those of a tensor in the order of its axes."""
    if not isinstance(meta, dict):
        return False
    step = 1
    try:
        sizes = [_size(size, "sizes")[0] for size in meta["sizes"]]
        strides = [_size(stride, "strides")[0] for stride in meta["strides"]]
        for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
            if size != 1 and stride != step:
                return False
            step *= size
    except Exception:  # strides that cannot be read say nothing
        return False
    return True


def _target(text: str) -> str:
    """An operator without its overload: aten.linear of torch.ops.aten.linear.default."""
    if not _TARGET.fullmatch(text):
        raise wrong("a node", "an operator", text)
    if not text.startswith("torch.ops."):
        return text
    parts = text.removeprefix("torch.ops.").split(".")
    return ".".join(parts[:2])


def _scope(metadata: Any) -> str | None:
    """
    The module a node stands in, by its qualified name. The text lists modules from the
    outermost on, as `key,name,class`.
    """
    stack = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    if not isinstance(stack, str) or not stack:
        return None
    entry = stack.rsplit(";", 1)[-1].rsplit(",", 2)
    if len(entry) != 3:
        return None
    name = entry[1].removeprefix("L['self']").removeprefix(".")
    return name if name and name.isprintable() and len(name) <= 255 else None
