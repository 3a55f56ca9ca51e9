"""From an ONNX file to the graph that networks are recognised in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.model import Model, State
from snncc.importers.graph.values import Value, cone
from snncc.importers.onnx.document import ELEMENT_TYPES, Block, Document, Node, Terminal
from snncc.importers.onnx.inline import Inliner, Names
from snncc.importers.onnx.names import shown
from snncc.importers.onnx.operators import FIRST_OPSET, LAST_OPSET, OPERATORS
from snncc.importers.onnx.reader import MAX_BYTES, read_document
from snncc.importers.onnx.tensors import unsupported

STATE = "snncc.state."
"""Metadata of the model: `snncc.state.NAME` = `input|output`."""
MAX_PROBLEMS = 100


def read_onnx(
    path: Path, *, sizes: Mapping[str, int] | None = None, max_bytes: int = MAX_BYTES
) -> Model:
    """
    The model of an ONNX file, with functions, loops and branches written out.

    `sizes` gives sizes that the file leaves open, by their names; those that it does not
    give are 1, as for one sample. Inputs that have an initializer are parameters. An output
    that stands twice gets a number at its second place ("y.1").

    Metadata of the model may declare states: `snncc.state.NAME` = `input|output`. Both are
    then no longer among the inputs and outputs, and an initializer of the input is the
    state's initial value. Nothing is guessed where there is no such entry.

    Raises SnnccError: SNC-I010 where the file is missing or no ONNX, SNC-I011 where its
    structure is damaged, SNC-I012 for all operators that are not known or not supported,
    SNC-I013 for names of nothing, SNC-I014 where shapes do not fit, SNC-I015 for values
    that are not finite, SNC-I017 over a limit, SNC-I020 for arrays that are stored outside
    of the file's folder.
    """
    return model_of(read_document(path, max_bytes=max_bytes), sizes)


def model_of(document: Document, sizes: Mapping[str, int] | None = None) -> Model:
    """What `read_onnx` gives, of a document that is read already."""
    _expect_known_operators(document)
    graph, block = Graph(), document.block
    pairs = _declared_states(document)
    carried = {before for before, _ in pairs.values()}
    inputs = _inputs(graph, block, carried, sizes or {})
    inliner = Inliner(graph, document, opsets=document.opsets)
    names = Names()
    for name, value in list(inputs.items()):
        names.operands[name] = value
        if name not in carried:
            inputs[name], names.operands[name] = graph.stream(name, value.shape, value.dtype)
    with np.errstate(all="ignore"):
        inliner.define(block, names)
        inliner.evaluate(block.nodes, names)
    outputs = _outputs(inliner, block, names)
    states = [
        _state(name, before, after, block, inputs, outputs)
        for name, (before, after) in pairs.items()
    ]
    done = {after for _, after in pairs.values()}
    return Model(
        graph,
        {name: value for name, value in inputs.items() if name not in carried},
        {name: value for name, value in outputs.items() if name not in done},
        states,
        _unread(inputs, outputs),
        constants=document.unnamed,
    )


def _inputs(
    graph: Graph, block: Block, carried: set[str], sizes: Mapping[str, int]
) -> dict[str, Value]:
    free = [t for t in block.inputs if t.name not in block.tensors or t.name in carried]
    open_sizes = {size for t in free for size in t.shape or () if isinstance(size, str)}
    strange = sorted(sizes.keys() - open_sizes)
    if strange:
        raise error(
            "SNC-I014",
            f"the file has no open size {strange[0]!r}",
            remedy=f"it has: {', '.join(sorted(open_sizes)) or 'none'}",
        )
    return {t.name: _input(graph, t, sizes) for t in free}


def _input(graph: Graph, terminal: Terminal, sizes: Mapping[str, int]) -> Value:
    if terminal.element_type not in ELEMENT_TYPES:
        raise unsupported(terminal.element_type, terminal.name)
    if terminal.shape is None:
        raise error(
            "SNC-I014",
            "the file does not say how many axes the input has",
            node=terminal.name,
            remedy="export the model with an example input",
        )
    shape = [
        size if isinstance(size, int) else sizes.get(size, 1) if size is not None else 1
        for size in terminal.shape
    ]
    if any(size < 1 for size in shape):
        raise error("SNC-I014", f"an input of shape {shape[:8]}", node=terminal.name)
    return graph.input(terminal.name, tuple(shape), ELEMENT_TYPES[terminal.element_type])


def _outputs(inliner: Inliner, block: Block, names: Names) -> dict[str, Value]:
    if not block.outputs:
        raise error("SNC-I011", "the model has no output")
    outputs: dict[str, Value] = {}
    for name in block.outputs:
        value = inliner.output(name, names, block.name)
        if not isinstance(value, Value):
            text = "the output's size is known at run time only"
            raise error("SNC-I012", text, node=name)
        unique, count = name, 0
        while unique in outputs or (count and unique in block.outputs):
            count += 1
            unique = f"{name}.{count}"
        outputs[unique] = value
    return outputs


def _declared_states(document: Document) -> dict[str, tuple[str, str]]:
    pairs: dict[str, tuple[str, str]] = {}
    for key, text in document.metadata.items():
        if key.startswith(STATE):
            before, bar, after = text.partition("|")
            name = key.removeprefix(STATE)
            if not bar or not name.isprintable() or not 0 < len(name) < 256:
                raise error("SNC-I011", f"{shown(key)}: expected 'input|output'")
            pairs[name] = (before, after)
    return pairs


def _state(
    name: str,
    before: str,
    after: str,
    block: Block,
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
) -> State:
    if before not in inputs or after not in outputs:
        missing = f"input {shown(before)!r}" if before not in inputs else f"output {shown(after)!r}"
        raise error("SNC-I013", f"the state's {missing} does not exist", node=name)
    if inputs[before].shape != outputs[after].shape or inputs[before].dtype != outputs[after].dtype:
        raise error("SNC-I014", f"{inputs[before]!r} becomes {outputs[after]!r}", node=name)
    default = block.tensors.get(before)
    initial = None if default is None else default.array
    return State(name, inputs[before], outputs[after], initial)


def _unread(inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> list[Problem]:
    """An input that changes nothing: exporters have lost or mixed up states."""
    read = set(cone(outputs.values()))
    return [
        Problem(
            "SNC-W004",
            "no output depends on this input",
            name,
            "compare the file with the model it was exported from",
            severity="warning",
        )
        for name, value in inputs.items()
        if value not in read
    ]


# --- operators that are not known


def _expect_known_operators(document: Document) -> None:
    """All that are missing are named at once."""
    problems: dict[tuple[str, str], Problem] = {}
    places = [(document.block.nodes, document.opsets)]
    places += [(function.nodes, function.opsets) for function in document.functions.values()]
    needs_version = False
    for nodes, opsets in places:
        for node in _all_nodes(nodes):
            if (node.domain, node.op, node.overload) in document.functions:
                continue
            version = opsets.get("", 0)
            if node.domain == "" and not FIRST_OPSET <= version <= LAST_OPSET:
                needs_version = True
            elif node.domain != "" or node.op not in OPERATORS:
                problems.setdefault((node.domain, node.op), _unknown(node))
    if needs_version:
        found = sorted({opsets.get("", 0) for _, opsets in places})
        raise error(
            "SNC-I012",
            f"operator set {found[0]} of ai.onnx",
            remedy=f"export with an opset_version from {FIRST_OPSET} to {LAST_OPSET}",
        )
    if problems:
        raise SnnccError(list(problems.values())[:MAX_PROBLEMS])


def _all_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for value in node.attributes.values():
            if isinstance(value, Block):
                yield from _all_nodes(value.nodes)


def _unknown(node: Node) -> Problem:
    domain = shown(node.domain) or "ai.onnx"
    if node.domain:
        remedy = "add it to the file as a model-local function, or export it decomposed"
    else:
        remedy = "export the model with other operations, or keep this one out of the model"
    text = f"unknown operator {shown(node.op)!r} of the domain {domain}"
    return Problem("SNC-I012", text, node.name, remedy)
