"""Loops and branches. They are written out: their counts and conditions must be constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.errors import error
from snncc.importers.graph.values import Value
from snncc.importers.onnx.call import Call, Operand
from snncc.importers.onnx.document import Block
from snncc.importers.onnx.operators.registry import operator


@operator(
    "Scan",
    attributes="body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes "
    "scan_output_directions",
    since=9,
)
def scan(call: Call) -> list[Operand]:
    """
    The body once for each place along the scanned axes. Outputs: the states after the
    last step, then the results of all steps, stacked.
    """
    graph, body = call.graph, call.block("body")
    scanned = call.integer("num_scan_inputs")
    carried = len(call.inputs) - scanned
    stacked = len(body.outputs) - carried
    if scanned < 1 or carried < 0 or stacked < 0 or len(body.inputs) != len(call.inputs):
        raise error("SNC-I011", "Scan: inputs and outputs do not fit the body's")
    states = [call.value(index) for index in range(carried)]
    inputs = [call.value(carried + index) for index in range(scanned)]
    axes = _each(call, "scan_input_axes", scanned)
    axes = [call.axis(axis, len(x.shape)) for axis, x in zip(axes, inputs, strict=True)]
    counts = {x.shape[axis] for axis, x in zip(axes, inputs, strict=True)}
    if len(counts) != 1 or 0 in counts:
        raise error("SNC-I014", f"Scan: over {sorted(counts)} steps")
    (count,) = counts
    backward = _each(call, "scan_input_directions", scanned)
    results: list[list[Value]] = [[] for _ in range(stacked)]
    for step in range(count):
        slices = [
            graph.select(x, axis, count - 1 - step if back else step)
            for x, axis, back in zip(inputs, axes, backward, strict=True)
        ]
        found = _run(call, body, [*states, *slices])
        if any(a.shape != b.shape for a, b in zip(found, states, strict=False)):
            raise error("SNC-I014", "Scan: a state changes its shape")
        states = found[:carried]
        for result, value in zip(results, found[carried:], strict=True):
            result.append(value)
    out_axes = _each(call, "scan_output_axes", stacked)
    out_backward = _each(call, "scan_output_directions", stacked)
    outputs: list[Operand] = list(states)
    for result, axis, back in zip(results, out_axes, out_backward, strict=True):
        rank = len(result[0].shape) + 1
        outputs.append(graph.stack(result[::-1] if back else result, call.axis(axis, rank)))
    return outputs


def _each(call: Call, name: str, count: int) -> list[int]:
    given = call.integers(name) or [0] * count
    if len(given) != count:
        raise error("SNC-I011", f"Scan: {name} has {len(given)} entries for {count}")
    return given


@operator("Loop", attributes="body")
def loop(call: Call) -> list[Operand]:
    """
    The body as often as the constant count says, and while its condition, which must
    become constant, holds. Outputs as of Scan.
    """
    graph, body = call.graph, call.block("body")
    count = int(call.scalar(0, "a trip count")) if call.has(0) else None
    going = bool(call.scalar(1, "a condition")) if call.has(1) else True
    carried = len(call.inputs) - 2
    stacked = len(body.outputs) - 1 - carried
    if carried < 0 or stacked < 0 or len(body.inputs) != carried + 2:
        raise error("SNC-I011", "Loop: inputs and outputs do not fit the body's")
    if count is None and not call.has(1):
        raise call.unsupported("a loop without end")
    states = [call.value(2 + index) for index in range(carried)]
    results: list[list[Value]] = [[] for _ in range(stacked)]
    step = 0
    while going and (count is None or step < count):
        number = graph.constant(np.array(step, np.int64))
        condition, *found = _run(call, body, [number, graph.constant(np.array(True)), *states])
        if not condition.is_constant or condition.shape not in ((), (1,)):
            raise call.unsupported("a condition that is not constant")
        going = bool(condition.content.all())
        states = found[:carried]
        for result, value in zip(results, found[carried:], strict=True):
            result.append(value)
        step += 1
    if results and not step:
        raise call.unsupported("a loop that stacks nothing")
    return [*states, *(graph.stack(result, 0) for result in results)]


@operator("If", attributes="then_branch else_branch")
def branch(call: Call) -> list[Operand]:
    condition = call.scalar(0, "a condition")
    body = call.block("then_branch" if condition else "else_branch")
    return list(call.inliner.run(body, [], call.names))


def _run(call: Call, body: Block, operands: Sequence[Operand]) -> list[Value]:
    """The body's outputs, which must be tensors."""
    values: list[Value] = []
    for found in call.inliner.run(body, operands, call.names):
        if not isinstance(found, Value):
            raise call.unsupported("a tensor whose size is known at run time only")
        values.append(found)
    return values
