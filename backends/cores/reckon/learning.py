"""
ReckOn learning on the chip: registers with those of the e-prop engine, and samples with targets.

    learning.txt        registers and memories, EN_CONF last
    samples.txt         pins, events, targets and ticks, sample after sample

A target belongs to a sample: it is sent after the first tick, and the chip learns in the ticks for
which TARGET_VALID is 1. The last tick, with SAMPLE = 0, learns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.reckon.emit import Emitter
from snncc.backends.cores.spi import Commands, input_slots
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp


@dataclass(frozen=True)
class Lesson:
    """A sample: spikes [T, n] by input, its class, and in which ticks it is learned, [T] bool."""

    inputs: Mapping[str, Array]
    label: int
    valid: Array


def emit_learning(
    program: ProgramOp,
    description: Description,
    registers: Mapping[str, int],
    lessons: Iterable[Lesson],
) -> dict[str, bytes]:
    """Path -> bytes. `registers` are those of the engine, by name."""
    commands = Commands(description)
    for lesson in lessons:
        _lesson(commands, program, lesson)
    emitter = Emitter(program, description, Golden({}, {}))
    return {"learning.txt": emitter.configuration(registers), "samples.txt": commands.to_bytes()}


def _lesson(commands: Commands, program: ProgramOp, lesson: Lesson) -> None:
    held = False
    commands.add("pins", 1, 0, 1)
    events = input_slots(program, Golden(lesson.inputs, {}))
    for tick, slots in enumerate(events):
        valid = bool(lesson.valid[tick])
        if valid != held:
            commands.add("pins", 1, int(valid), 1)
            held = valid
        for slot in slots.tolist():
            commands.add("event", slot)
        commands.add("tick")
        if tick == 0:
            commands.add("target", lesson.label)
    commands.add("pins", 0, 0, 1)
    commands.add("tick")
