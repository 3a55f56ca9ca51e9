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


@dataclass(frozen=True)
class About:
    """What the README of a folder says of an emitter's files."""

    files: Mapping[str, str]
    """Path -> what it is; a line may be of several."""
    replay: str
    """How the sample, or another one, is played on the chip: Markdown."""


def about_named(name: str) -> About:
    """`ABOUT` and `REPLAY` of snncc.backends.cores.NAME.about."""
    module = import_module(f"snncc.backends.cores.{name}.about")
    return About(module.ABOUT, module.REPLAY)


def emitter_named(name: str) -> Emit:
    """The `emit` of snncc.backends.cores.NAME. Raises KeyError where there is none."""
    try:
        module = import_module(f"snncc.backends.cores.{name}.emit")
    except ModuleNotFoundError:
        raise KeyError(name) from None
    found: Emit = module.emit
    return found
