"""The tape: inputs and outputs that only another program sees, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import DYNAMIC_INDEX, i1, i8
from xdsl.ir import SSAValue

from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.layout import Place
from snncc.passes.scheduling.stages import Stage

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def declare_on_tape(s: Scheduler, role: Role, name: str, value: SSAValue) -> str:
    """The caller's buffer of a tape: as the value is stored, spikes as bits."""
    shape = layout.physical(shape_of(value))
    element = stream_type(value).element_type
    if element == i1:
        size = (DYNAMIC_INDEX, kernel.bytes_of(prod(shape)))
        return s.declare(role, name, size, i8, known=True, bits=True)
    return s.declare(
        role, name, (DYNAMIC_INDEX, *shape), value, channel_last=len(shape) > 1, known=True
    )


def place_on_tape(s: Scheduler, name: str, value: SSAValue) -> list[tuple[str, SSAValue]]:
    """Where an input of the tape lies; gives it with its buffer where that holds bits."""
    buffer = declare_on_tape(s, Role.INPUT, name, value)
    if s.buffers[buffer].bits is None:
        s.places[value] = Place(buffer, rows=True)
        return []
    shape = layout.physical(shape_of(value))
    spikes = s.declare(Role.STREAM, f"{name}.spikes", (s.block, *shape), value)
    s.places[value] = Place(spikes, rows=True)
    return [(buffer, value)]


def unpack_tape(s: Scheduler, taped: Sequence[tuple[str, SSAValue]]) -> kernel.StageOp:
    """The stage that takes the bits of a tape apart, before all others."""
    op = s.open_stage(Stage("tape", []))
    for buffer, value in taped:
        bits = s.ref(buffer, s.buffers[buffer].shape[1:], rows=True)
        s.builder.insert(kernel.UnpackOp(bits, s.read(value)))
    s.close_stage()
    return op
