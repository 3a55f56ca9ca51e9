"""The body of a neuron from the function that it was exported as."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, f32, f64, i1
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import element_of
from snncc.dialects.snn.attributes import Comparison, SurrogateAttr
from snncc.dialects.snn.types import is_float
from snncc.exporters.onnx.bodies import COMPARE, DOUBLE, LOGIC, SIMPLE
from snncc.exporters.onnx.notes import NAMES, OP, decoded, element_named
from snncc.importers.onnx.document import Function, Node, Tensor

_SIMPLE = {kind.name: kind for kind in SIMPLE}
_LOGIC = {kind.name: kind for kind in LOGIC}
_PREDICATES = {operator: number for number, operator in COMPARE.items()}


def read_body(function: Function) -> Region:
    """The body; raises whatever where the function is not as exported."""
    ports: list[tuple[str, Attribute]] = []
    for group in ("inputs", "states", "parameters"):
        texts = function.defaults[group]
        assert isinstance(texts, list)
        for text in texts:
            name, _, element = str(text).partition(": ")
            ports.append((name, element_named(element)))
    block = Block(arg_types=[element for _, element in ports])
    values: dict[str, SSAValue] = {}
    for (name, _), argument in zip(ports, block.args, strict=True):
        argument.name_hint = name
        values[name] = argument
    if list(function.inputs) != [name for name, _ in ports]:
        raise ValueError("other ports")
    _read_nodes(function, block, values)
    states = function.defaults["states"]
    assert isinstance(states, list)
    count = len(function.outputs) - len(states)
    ends = [values[name] for name in function.outputs]
    block.add_op(snn.NextOp(ends[:count], ends[count:]))
    return Region(block)


def read_surrogate(function: Function, name: str, element: Attribute) -> snn.SurrogateOp:
    """The surrogate; raises whatever where the function is not as exported."""
    block = Block(arg_types=[element] * len(function.inputs))
    values: dict[str, SSAValue] = dict(zip(function.inputs, block.args, strict=True))
    _read_nodes(function, block, values)
    ends = [values[output] for output in function.outputs]
    block.add_op(snn.DerivativeOp(ends))
    return snn.SurrogateOp(name, [end.type for end in ends], Region(block))


def _read_nodes(function: Function, block: Block, values: dict[str, SSAValue]) -> None:
    """Adds the operations of a body; `values` are those of its inputs, and then all."""
    read: dict[str, list[SSAValue]] = {}  # what surrogates are functions of
    for node in function.nodes:
        (output,) = node.outputs
        kind = node.metadata.get(OP)
        if kind is None:  # between streams and scalars
            values[output] = values[node.inputs[0]]
            if node.op == "Of":
                read[output] = [*read.get(node.inputs[0], ()), values[node.inputs[1]]]
            continue
        operands = [values[operand] for operand in node.inputs]
        op = _operation(
            kind, node, [*operands, *read.get(node.inputs[0], ())] if node.inputs else []
        )
        hints = json.loads(node.metadata.get(NAMES, "null"))
        if hints is not None:
            (hint,) = hints
            op.results[0].name_hint = None if hint is None else str(hint)
        block.add_op(op)
        values[output] = op.results[0]


def _operation(name: str, node: Node, operands: list[SSAValue]) -> Operation:
    if name in _SIMPLE:
        kind: Any = _SIMPLE[name]
        return kind(*operands)  # type: ignore[no-any-return]
    if name in _LOGIC:
        logic: Any = _LOGIC[name]
        return logic(*operands)  # type: ignore[no-any-return]
    return _RULES[name](node, operands)


def _constant(node: Node, operands: list[SSAValue]) -> Operation:
    tensor = node.attributes["value"]
    assert isinstance(tensor, Tensor)
    assert tensor.array.shape == ()
    element = element_of(tensor.array.dtype)
    if is_float(element):
        return arith.ConstantOp(FloatAttr(float(tensor.array), element))  # type: ignore[arg-type]
    assert tensor.array.dtype == np.bool_
    return arith.ConstantOp(IntegerAttr(int(tensor.array), i1))


def _compare(node: Node, operands: list[SSAValue]) -> Operation:
    return arith.CmpfOp(operands[0], operands[1], _PREDICATES[node.op])


def _compare_spikes(node: Node, operands: list[SSAValue]) -> Operation:
    return arith.CmpiOp(operands[0], operands[1], {"Equal": 0, "Xor": 1}[node.op])


def _to_float(node: Node, operands: list[SSAValue]) -> Operation:
    return arith.UIToFPOp(operands[0], f64 if node.attributes["to"] == DOUBLE else f32)


def _spike(node: Node, operands: list[SSAValue]) -> Operation:
    comparison = {"SpikeGt": Comparison.GT, "SpikeGe": Comparison.GE}[node.op]
    return snn.SpikeOp(comparison, operands[0], surrogate_of(node), operands[1:])


def _count(node: Node, operands: list[SSAValue]) -> Operation:
    maximum, width = node.attributes["maximum"], node.attributes["width"]
    assert isinstance(maximum, int)
    assert isinstance(width, int)
    type = IntegerType(width)
    return snn.CountOp(operands[0], maximum, type, surrogate_of(node), operands[1:])


def surrogate_of(node: Node) -> SurrogateAttr | None:
    """What a spike's attributes say of its surrogate."""
    name = node.attributes.get("surrogate")
    if name is None:
        return None
    if str(name).startswith("@"):
        return SurrogateAttr.of_symbol(str(name)[1:])
    options: Any = decoded(json.loads(str(node.attributes["surrogate_options"])))
    return SurrogateAttr(str(name), options)


_RULES: dict[str, Callable[[Node, list[SSAValue]], Operation]] = {
    "arith.constant": _constant,
    "arith.cmpf": _compare,
    "arith.cmpi": _compare_spikes,
    "arith.uitofp": _to_float,
    "snn.spike": _spike,
    "snn.count": _count,
}
