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

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, is_uniform
from snncc.dialects.kernel.program import Role
from snncc.dialects.snn.ends import counts_input, output_scale
from snncc.passes.ranges import Interval, Straight, body_ranges

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def note_ends(s: Scheduler) -> None:
    """Names the streams of whole numbers on the caller's buffers, with what one is worth."""
    for op in s.ends:
        assert isinstance(op, snn.NeuronOp)
        if counts_input(op):
            buffer = s.places[op.inputs[0]].buffer
            _note(s, buffer, s.places[op.outputs[0]].buffer, _recorded_scale(op))
            low, high = _bounds(op)
            s.buffers[buffer].properties["within"] = DenseArrayBase.from_list(i64, [low, high])
            continue
        for buffer, value in s.outputs:
            if value is op.outputs[0]:
                _note(s, buffer, s.places[op.inputs[0]].buffer, output_scale(op))


def _note(s: Scheduler, buffer: str, stream: str, scale: Array | None) -> None:
    if s.buffers[stream].role.data is not Role.STREAM:
        return  # the caller's, or a state that is read where it is
    s.buffers[buffer].properties["whole"] = SymbolRefAttr(stream)
    if scale is not None and is_uniform(scale):
        s.buffers[buffer].attributes["scale"] = FloatAttr(float(scale.ravel()[0]), f64)
    elif scale is not None:
        s.buffers[buffer].attributes["scale"] = dense_of(scale)


def _recorded_scale(op: snn.NeuronOp) -> Array | None:
    """What one whole number of an input is worth, where quantization wrote it."""
    scales = op.attributes.get("scales")
    found = list(scales.data.values()) if isinstance(scales, DictionaryAttr) else []
    known = found[0] if len(found) == 1 else None
    return np.asarray(known.value.data) if isinstance(known, FloatAttr) else None


def _bounds(op: snn.NeuronOp) -> tuple[int, int]:
    """The least and the largest whole number that any float gives."""
    argument, result = op.input_ports[0].argument, op.terminator.outputs[0]
    anything = Interval(np.full(1, -np.inf), np.full(1, np.inf))
    found = body_ranges(Straight(op.body.block), {argument: anything}).values[result]
    return int(found.low.min()), int(found.high.max())
