"""
Evaluates the nodes of a document on values of a graph. Functions, loops and branches are
written out where they stand.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.onnx.call import Call, Operand, Places, Repeated
from snncc.importers.onnx.document import (
    Attribute,
    Block,
    Document,
    Function,
    Node,
    Reference,
    Tensor,
)
from snncc.importers.onnx.names import shown
from snncc.importers.onnx.operators import OPERATORS
from snncc.importers.onnx.operators.masks import MASKED

MAX_WORK = 1 << 17
"""Nodes that are evaluated and values that they make, with all bodies written out."""
MAX_DEPTH = 32
"""Functions and bodies within each other."""


@dataclass
class Names:
    """
    What the names of a graph stand for; a body sees those of the graph around it.
    `attributes` are those of the function's caller; None outside of functions.
    """

    outer: Names | None = None
    attributes: Mapping[str, Attribute] | None = None
    operands: dict[str, Operand] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> tuple[Operand | None, int]:
        """The operand, and the width of its elements where it is narrower than its array."""
        names: Names | None = self
        while names is not None:
            if name in names.operands:
                return names.operands[name], names.bits.get(name, 0)
            names = names.outer
        return None, 0


@dataclass
class Inliner:
    graph: Graph
    document: Document
    opsets: Mapping[str, int] = field(default_factory=dict)
    constants: dict[Tensor, Value] = field(default_factory=dict)
    dequantized: dict[Hashable, Value] = field(default_factory=dict)
    work: int = 0
    depth: int = 0

    def run(
        self, block: Block, operands: Sequence[Operand], outer: Names | None = None
    ) -> list[Operand]:
        """The outputs of a body for operands in the order of its inputs."""
        if len(operands) != len(block.inputs):
            text = f"takes {len(block.inputs)} inputs, got {len(operands)}"
            raise error("SNC-I011", text, node=block.name)
        names = Names(outer, outer.attributes if outer is not None else None)
        names.operands.update(
            (terminal.name, operand)
            for terminal, operand in zip(block.inputs, operands, strict=True)
        )
        self.define(block, names)
        self.evaluate(block.nodes, names)
        return [self.output(name, names, block.name) for name in block.outputs]

    def define(self, block: Block, names: Names) -> None:
        """The block's own tensors; an operand that was given takes the place of one."""
        for name, tensor in block.tensors.items():
            if name not in names.operands:
                names.operands[name] = self.constant(tensor)
                names.bits[name] = tensor.bits

    def constant(self, tensor: Tensor) -> Value:
        """A tensor of the file, which a loop may ask for many times."""
        if tensor not in self.constants:
            self.constants[tensor] = self.graph.constant(tensor.array, tensor.name)
        return self.constants[tensor]

    def output(self, name: str, names: Names, label: str) -> Operand:
        operand, _ = names.find(name)
        if operand is None:
            text = f"the output {shown(name)!r} is made by no node"
            raise error("SNC-I013", text, node=label)
        return operand

    def evaluate(self, nodes: Sequence[Node], names: Names) -> None:
        self.depth += 1
        self.spend(1)
        if self.depth > MAX_DEPTH:
            raise error("SNC-I017", f"functions and bodies nest deeper than {MAX_DEPTH}")
        around = self.graph.scope
        for node in nodes:
            self.spend(node.cost)
            self.graph.scope = node.module or around
            try:
                results = self._node(node, names)
            except SnnccError as found:
                raise _placed(found, node) from None
            except (ValueError, OverflowError) as fault:
                # NumPy refuses what no rule of an operator has named
                reason = " ".join(str(fault).split())[:200]
                raise error("SNC-I014", f"{shown(node.op)}: {reason}", node=node.name) from None
            except (MemoryError, RecursionError):
                raise error("SNC-I017", "it takes too much memory", node=node.name) from None
            if len(results) < len(node.outputs):
                text = f"{shown(node.op)} has {len(results)} outputs, {len(node.outputs)} are named"
                raise error("SNC-I011", text, node=node.name)
            for name, operand in zip(node.outputs, results, strict=False):
                if name:
                    names.operands[name] = operand
        self.graph.scope = around
        self.depth -= 1

    def spend(self, work: int) -> None:
        """Counts work against the limit, with the values that were made."""
        self.work += work
        if self.work + self.graph.count > MAX_WORK:
            raise error(
                "SNC-I017",
                f"with functions and loops written out, the model takes more than {MAX_WORK} steps",
            )

    def _node(self, node: Node, names: Names) -> Sequence[Operand]:
        attributes = resolved(node.attributes, names.attributes)
        operands: list[Operand | None] = []
        bits: list[int] = []
        for name in node.inputs:
            operand, width = names.find(name) if name else (None, 0)
            if name and operand is None:
                raise error(
                    "SNC-I013",
                    f"the input {shown(name)!r} is made by no node before this one",
                    remedy="nodes stand in the order of their evaluation; export the model again",
                )
            operands.append(operand)
            bits.append(width)
        function = self.document.functions.get((node.domain, node.op, node.overload))
        if function is not None:
            return self._function(function, node, operands, attributes)
        known = OPERATORS[node.op]
        opset = self.opsets[""]
        unknown = sorted(attributes.keys() - known.attributes)
        if unknown:
            raise error("SNC-I012", f"{node.op} with the attribute {shown(unknown[0])!r}")
        if opset < known.since:
            raise error("SNC-I012", f"{node.op} of operator set {opset}")
        handler = known.handler
        if any(isinstance(operand, Places | Repeated) for operand in operands):
            handler = MASKED.get(node.op, handler)
        return handler(
            Call(
                self.graph,
                node.op,
                node.name,
                operands,
                bits,
                attributes,
                node.outputs,
                opset,
                self,
                names,
            )
        )

    def _function(
        self,
        function: Function,
        node: Node,
        operands: Sequence[Operand | None],
        attributes: Mapping[str, Attribute],
    ) -> list[Operand]:
        """Inputs that the caller leaves out are left out within, too."""
        if len(operands) > len(function.inputs):
            text = f"{function.name} takes {len(function.inputs)} inputs, got {len(operands)}"
            raise error("SNC-I011", text)
        names = Names(attributes={**resolved(function.defaults, None), **attributes})
        for name, operand in zip(function.inputs, operands, strict=False):
            if operand is not None:
                names.operands[name] = operand
        around, self.opsets = self.opsets, function.opsets
        self.evaluate(function.nodes, names)
        self.opsets = around
        return [self.output(name, names, function.name) for name in function.outputs]


def resolved(
    attributes: Mapping[str, Attribute | Reference], outer: Mapping[str, Attribute] | None
) -> dict[str, Attribute]:
    """References replaced; one to an attribute that the caller leaves out leaves it out."""
    found: dict[str, Attribute] = {}
    for name, value in attributes.items():
        if not isinstance(value, Reference):
            found[name] = value
        elif outer is None:
            text = f"the attribute {shown(name)!r} refers to a function, and there is none"
            raise error("SNC-I011", text)
        elif value.name in outer:
            found[name] = outer[value.name]
    return found


def _placed(found: SnnccError, node: Node) -> SnnccError:
    """The problems, with the node where they have no place yet."""
    problems: list[Problem] = []
    for problem in found.problems:
        problems.append(problem if problem.node else replace(problem, node=node.name))
    return SnnccError(problems)
