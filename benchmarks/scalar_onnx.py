"""
The bodies of neurons as ONNX nodes: one operation, one or two nodes.

Spikes and counts are floats with whole values, as between layers: no casts but one after
each comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from onnx import TensorProto
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import Comparison


class Graph(Protocol):
    """Where nodes and constants are put; values are known by name."""

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str: ...

    def scalar(self, value: float) -> str: ...


def _binary(kind: str) -> Callable[..., str]:
    return lambda graph, op, a, b: graph.node(kind, [a, b])


def _constant(graph: Graph, op: arith.ConstantOp) -> str:
    if not isinstance(op.value, FloatAttr):
        raise NotImplementedError("the Scan has no integer constants")
    return graph.scalar(op.value.value.data)


def _spike(graph: Graph, op: snn.SpikeOp, u: str) -> str:
    kind = "Greater" if op.comparison.data is Comparison.GT else "GreaterOrEqual"
    fires = graph.node(kind, [u, graph.scalar(0.0)])
    return graph.node("Cast", [fires], to=TensorProto.FLOAT)


def _count(graph: Graph, op: snn.CountOp, q: str) -> str:
    largest = graph.scalar(op.maximum.value.data)
    return graph.node("Floor", [graph.node("Clip", [q, graph.scalar(0.0), largest])])


def _select(graph: Graph, op: arith.SelectOp, z: str, a: str, b: str) -> str:
    return graph.node("Where", [graph.node("Cast", [z], to=TensorProto.BOOL), a, b])


RULES: dict[type[Operation], Callable[..., str]] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: _binary("Add"),
    arith.SubfOp: _binary("Sub"),
    arith.MulfOp: _binary("Mul"),
    arith.DivfOp: _binary("Div"),
    arith.NegfOp: lambda graph, op, a: graph.node("Neg", [a]),
    arith.MaximumfOp: _binary("Max"),
    arith.MinimumfOp: _binary("Min"),
    arith.SelectOp: _select,
    arith.UIToFPOp: lambda graph, op, n: n,
    snn.SpikeOp: _spike,
    snn.CountOp: _count,
    snn.DetachOp: lambda graph, op, a: a,
}
"""Operation -> its nodes; gives the name of the result."""


def body_nodes(graph: Graph, block: Block, arguments: Mapping[SSAValue, str]) -> list[str]:
    """
    Adds a body's nodes; gives the names of the values of `snn.next` in order. Raises
    NotImplementedError, which names the operation, for one without a rule.
    """
    names = dict(arguments)
    for op in block.ops:
        if op is block.last_op:
            break
        rule = RULES.get(type(op))
        if rule is None:
            raise NotImplementedError(f"the Scan has no {op.name}")
        names[op.results[0]] = rule(graph, op, *(names[operand] for operand in op.operands))
    assert block.last_op is not None
    return [names[value] for value in block.last_op.operands]
