"""
What stands in the metadata of an exported file: names, order, and attributes that no
operator of ONNX has. What the network computes stands in the graph alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
    f32,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.exporters.problems import cannot_say

DOMAIN = "ai.snncc"
"""The domain of functions, one for each kind of body, and of the few that bodies call."""
FORMAT = 1
NETWORK = "snncc.network"
"""Metadata of the model: the network's names, attributes, parameters and their order."""
STATE = "snncc.state."
"""Metadata of the model: `snncc.state.NAME` = `input|output`."""
OP = "snncc.op"
"""Metadata of a node: its operation. A node without it belongs to the one it feeds."""
NODE = "snncc.node"
NAMES = "snncc.names"
ATTRIBUTES = "snncc.attributes"
ELEMENT = "snncc.element"
BIAS = "snncc.bias"
EPSILON = "snncc.epsilon"
PLACES = "snncc.places"
STATE_INPUT = "snncc.state_input"
STEPS = "snncc.steps"
STREAM = "snncc.stream"


def element_text(element: Attribute) -> str:
    """`f32`, `f64`, `i1`, ..."""
    return str(element)


def element_named(text: str) -> Attribute:
    """The element type of a name. Raises ValueError."""
    if text in ("f32", "f64"):
        return f32 if text == "f32" else f64
    if not text.startswith("i") or not text[1:].isdecimal() or not 0 < int(text[1:]) <= 64:
        raise ValueError(f"no element type {text!r}")
    return IntegerType(int(text[1:]))


def encoded(attribute: Attribute, op: Operation | None = None) -> Any:
    """An attribute as plain data of JSON. Raises SNC-E001."""
    match attribute:
        case StringAttr():
            return attribute.data
        case FloatAttr(type=Float64Type()):
            return attribute.value.data
        case IntegerAttr() if attribute.type == i64:
            return attribute.value.data
        case IntegerAttr() if attribute.type == i1:
            return bool(attribute.value.data)
        case ArrayAttr():
            return [encoded(item, op) for item in attribute]
        case DictionaryAttr():
            return {key: encoded(item, op) for key, item in attribute.data.items()}
        case UnitAttr():
            return None
        case _:
            raise cannot_say(op, f"ONNX metadata cannot hold the attribute {attribute}")


def decoded(data: Any) -> Attribute:
    """The attribute that `encoded` wrote."""
    match data:
        case None:
            return UnitAttr()
        case bool():
            return IntegerAttr(int(data), i1)
        case int():
            return IntegerAttr(data, i64)
        case float():
            return FloatAttr(data, f64)
        case str():
            return StringAttr(data)
        case list():
            return ArrayAttr([decoded(item) for item in data])
        case dict():
            return DictionaryAttr({str(key): decoded(item) for key, item in data.items()})
        case _:
            raise ValueError(f"no attribute is {data!r}")


def encoded_all(attributes: Mapping[str, Attribute], op: Operation | None = None) -> dict[str, Any]:
    return {key: encoded(item, op) for key, item in attributes.items()}


def decoded_all(data: Mapping[str, Any]) -> dict[str, Attribute]:
    return {key: decoded(item) for key, item in data.items()}


def to_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def hints_of(values: Sequence[SSAValue]) -> list[str | None] | None:
    """The names that the text gives to values; None where it gives none."""
    hints = [value.name_hint for value in values]
    return hints if any(hints) else None


def notes_of(op: Operation) -> dict[str, str]:
    """The metadata of a node: the operation, its node's name, and what else its text says."""
    notes = {OP: op.name}
    node = op.properties.get("node")
    if isinstance(node, StringAttr):
        notes[NODE] = node.data
    hints = hints_of(op.results)
    if hints is not None:
        notes[NAMES] = to_json(hints)
    if op.attributes:
        notes[ATTRIBUTES] = to_json(encoded_all(op.attributes, op))
    return notes
