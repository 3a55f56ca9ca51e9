"""What every emitter of a chip gets and gives: a program, a run of it, and the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp


@dataclass(frozen=True)
class Golden:
    """One sample, run on the chip's model: whole numbers, [T, n] each."""

    inputs: Mapping[str, Array]
    """Spikes or counts by the name of the input."""
    trace: Mapping[str, Array]
    """Populations by name, their registers as NAME.STATE, of receptors NAME.STATE0, ..."""
    order: Array | None = None
    """Of a chip of events: (step, event of the host, slot) of each spike in the chip's order."""

    @property
    def steps(self) -> int:
        return int(next(iter(self.inputs.values())).shape[0])


Emit: TypeAlias = Callable[[ProgramOp, Description, Golden], dict[str, bytes]]
"""
Writes what a chip is configured with: path -> bytes. Everything was verified against the
description; a number that does not fit its field is a fault of legalization.
"""


def about_files(name: str) -> Mapping[str, str]:
    """What the files of an emitter are, by path: its `ABOUT`, where it has one."""
    emitter_named(name)
    module = import_module(f"snncc.backends.cores.{name}.emit")
    return dict(getattr(module, "ABOUT", {}))


def emitter_named(name: str) -> Emit:
    """The `emit` of snncc.backends.cores.NAME. Raises KeyError where there is none."""
    try:
        module = import_module(f"snncc.backends.cores.{name}.emit")
    except ModuleNotFoundError:
        raise KeyError(name) from None
    found: Emit = module.emit
    return found
