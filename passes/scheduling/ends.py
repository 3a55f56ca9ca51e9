"""What callers with whole numbers need to know of the float inputs and outputs of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DictionaryAttr,
    FloatAttr,
    SymbolRefAttr,
    f64,
    i64,
)
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, is_uniform
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.ends import counts_input, output_scale
from snncc.dialects.snn.network import STREAM
from snncc.passes.ranges import Interval, Straight, body_ranges

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def find_ends(network: snn.NetworkOp) -> list[snn.NeuronOp]:
    """The ends of a network that are stages of their own."""
    kinds = list(network.kinds.values())
    return [
        op
        for op in network.body.block.ops
        if isinstance(op, snn.NeuronOp)
        and (counts_input(op) or output_scale(op) is not None)
        and all(
            kinds[use.index] == STREAM
            for use in op.outputs[0].uses
            if use.operation is network.yield_op
        )
    ]


def note_ends(s: Scheduler) -> set[str]:
    """
    Names the streams of whole numbers on the caller's buffers, with what one is worth. Gives
    the stages that callers with whole numbers go without.
    """
    noted: set[str] = set()
    for op in s.ends:
        if counts_input(op):
            done = _note_input(s, op)
        else:
            scale = output_scale(op)
            buffers = [buffer for buffer, value in s.outputs if value is op.outputs[0]]
            done = not [b for b in buffers if not _note(s, b, op.inputs[0], scale)]
        if done:
            noted.add(s.stage_of[op].name)
    return noted


def _note_input(s: Scheduler, op: snn.NeuronOp) -> bool:
    place = s.places[op.inputs[0]]
    if not s.buffers[place.buffer].has_rows:
        return False
    if not _note(s, place.buffer, op.outputs[0], _recorded_scale(op)):
        return False
    s.buffers[place.buffer].properties["within"] = DenseArrayBase.from_list(i64, _bounds(op))
    return True


def _note(s: Scheduler, buffer: str, value: SSAValue, scale: Array | None) -> bool:
    """Whether whole numbers lie in a stream; a state, say, is read where it is."""
    place = s.places.get(value)
    if place is None or not place.rows or s.buffers[place.buffer].role.data is not Role.STREAM:
        return False
    s.buffers[buffer].properties["whole"] = SymbolRefAttr(place.buffer)
    if scale is not None and is_uniform(scale):
        s.buffers[buffer].attributes["scale"] = FloatAttr(float(scale.ravel()[0]), f64)
    elif scale is not None:
        s.buffers[buffer].attributes["scale"] = dense_of(scale)
    return True


def _recorded_scale(op: snn.NeuronOp) -> Array | None:
    """What one whole number of an input is worth, where quantization wrote it."""
    scales = op.attributes.get("scales")
    found = list(scales.data.values()) if isinstance(scales, DictionaryAttr) else []
    known = found[0] if len(found) == 1 else None
    return np.asarray(known.value.data) if isinstance(known, FloatAttr) else None


def _bounds(op: snn.NeuronOp) -> list[int]:
    """The least and the largest whole number that any float gives."""
    argument, result = op.input_ports[0].argument, op.terminator.outputs[0]
    anything = Interval(np.full(1, -np.inf), np.full(1, np.inf))
    found = body_ranges(Straight(op.body.block), {argument: anything}).values[result]
    return [int(found.low.min()), int(found.high.max())]
