"""Neurons and delays: what takes a state and gives the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.exporters.onnx.bodies import body_function, computed_from
from snncc.exporters.onnx.notes import DOMAIN, ELEMENT, STATE_INPUT, STEPS, STREAM, element_text
from snncc.exporters.onnx.step import Step, Stream, Terminal


def neuron(
    s: Step, op: snn.NeuronOp, before: Sequence[Terminal], after: Sequence[Terminal]
) -> None:
    """One node of the function of its body."""
    rank = len(op.population)
    operands: list[Stream] = []
    for port in op.input_ports:
        operands.append(s.streams[port.operand])
    for terminal in before:
        operands.append(Stream(terminal.value, terminal.shape, terminal.kind, batched=False))
    for port in op.parameter_ports:
        operands.append(s.streams[port.operand])
    reach = _Reach(op, operands)
    outputs: list[str] = []
    short: list[tuple[Stream, str]] = []
    for index, value in enumerate(op.terminator.outputs):
        batched, shape = reach.of(value)
        whole = batched and shape == op.population
        outputs.append(s.result(op, index, batched=whole))
        if not whole:  # what does not reach every sample is written out for all of them
            kind = s.streams[op.results[index]].kind
            name = s.wanted.get(op.results[index]) or s.free(f"{outputs[-1]}.full")
            short.append((Stream(outputs[-1], shape, kind, batched=False), name))
            s.define(op.results[index], name, batched=True)
    for value, terminal in zip(op.terminator.states, after, strict=True):
        batched, shape = reach.of(value)
        whole = batched and shape == op.population
        outputs.append(terminal.value if whole else s.free(f"{terminal.value}.short"))
        if not whole:
            stream = Stream(outputs[-1], shape, terminal.kind, batched=False)
            short.append((stream, terminal.value))
    inputs = [s.aligned(stream, rank) for stream in operands]
    attributes: dict[str, Any] = {} if op.node is None else {"node": op.node.data}
    s.node(_function(s, op), inputs, outputs, op, **attributes)
    for stream, full in short:
        s.node("Expand", [stream.name, s.sizes(op.population)], [full])


def _function(s: Step, op: snn.NeuronOp) -> str:
    """The function of the body, one for equal bodies."""
    base = "".join(c if c.isalnum() else "_" for c in (op.kind.data if op.kind else "neuron"))
    function = body_function(op, "")
    content = function.SerializeToString(deterministic=True)
    if content not in s.bodies:
        s.bodies[content] = name = s.free_function(base)
        function.name = name
        for node in function.node:
            if node.domain == DOMAIN:
                s.require(node.op_type)
        s.functions[name] = function
    return s.bodies[content]


class _Reach:
    """Whether the values of a body have every sample, and their shapes before broadcasting."""

    def __init__(self, op: snn.NeuronOp, operands: Sequence[Stream]):
        rank = len(op.population)
        self.known: dict[SSAValue, tuple[bool, tuple[int, ...]]] = {
            # behind an axis of the batch, axes of size 1 fill up the rank
            argument: (
                stream.batched,
                (1,) * (rank - len(stream.shape)) + stream.shape if stream.axis else stream.shape,
            )
            for argument, stream in zip(op.body.block.args, operands, strict=True)
        }
        for inner in op.body.block.ops:
            if inner is not op.terminator:
                parts = [self.known[operand] for operand in computed_from(inner)]
                batched = any(part[0] for part in parts)
                self.known[inner.results[0]] = batched, np.broadcast_shapes(*(p[1] for p in parts))

    def of(self, value: SSAValue) -> tuple[bool, tuple[int, ...]]:
        return self.known[value]


def read_delay(s: Step, op: snn.DelayOp, before: Terminal) -> None:
    """
    What the line gives at this step. The line is the state, oldest step first; a delay of
    one step has no axis of steps.
    """
    shape = shape_of(op.stream)
    element = stream_type(op.stream).element_type
    notes = {STATE_INPUT: before.value, ELEMENT: element_text(element)}
    if isinstance(op.steps, IntegerAttr):
        name = s.result(op, batched=False)
        if op.depth == 1:
            node = s.node("Identity", [before.value], [name], op, notes)
        else:
            node = s.node("Gather", [before.value, s.first()], [name], op, notes, axis=1)
        s.delays[op] = node
        return
    line = before.value
    axis = s.whole(1)
    if op.depth == 1:
        line = s.glue("Unsqueeze", [line, axis], f"{before.value}.line")
    parts = [s.glue("Expand", [line, s.sizes((op.depth, *shape))], f"{before.value}.full")]
    if op.is_instantaneous:
        now = s.full(s.streams[op.stream])
        parts.append(s.glue("Unsqueeze", [now, axis], f"{before.value}.now"))
    line = parts[0]
    if len(parts) > 1:
        line = s.glue("Concat", parts, f"{before.value}.all", axis=1)
    places = op.depth - np.array(op.steps_per_element, np.int64).reshape(1, 1, *shape)
    steps = s.tensor(s.free(f"{before.value}.places"), places)
    index = s.glue("Expand", [steps, s.sizes((1, *shape))], f"{before.value}.index")
    taken = s.glue("GatherElements", [line, index], f"{before.value}.taken", axis=1)
    notes[STEPS] = steps
    s.delays[op] = s.node("Squeeze", [taken, axis], [s.result(op)], op, notes)


def write_delay(s: Step, op: snn.DelayOp, before: Terminal, after: Terminal) -> None:
    """The line of the next step: without its oldest step, with this one."""
    stream = s.streams[op.stream]
    entry = s.delays[op].metadata_props.add()
    entry.key, entry.value = STREAM, stream.name
    if op.depth == 1:
        if stream.batched:
            s.node("Identity", [stream.name], [after.value])
        else:
            s.node("Expand", [stream.name, s.sizes(stream.shape)], [after.value])
        return
    rest = s.glue(
        "Slice",
        [before.value, s.whole(1), s.whole(op.depth), s.whole(1)],
        f"{before.value}.rest",
    )
    rest = s.glue("Expand", [rest, s.sizes((op.depth - 1, *stream.shape))], f"{rest}.full")
    now = s.glue("Unsqueeze", [s.full(stream), s.whole(1)], f"{before.value}.last")
    s.node("Concat", [rest, now], [after.value], axis=1)
