"""From a program of a chip to the network of integers that computes what the chip does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.core.placement import places_of
from snncc.passes.chip_model import Accumulate, model_of
from snncc.passes.chip_model.events import model_of_events
from snncc.passes.legalization.on_chip import program_and_chip, replace_module


@dataclass(frozen=True)
class CoreToSnn(ModulePass):
    """
    Replaces a `core.program` by the chip's bit-exact model, a network whose bodies come from the
    chip's description; `chip` is FILE.yaml of one that is not shipped.

    Of a chip that goes from step to step inputs and outputs are those of the program. `accumulate`
    says how what arrives is written where the chip fits a register after each source: `events`, one
    addition each; `sum`; `guarded`, sums with outputs that tell where they may differ; `auto`, sums
    where they are proved to be the same. Of a chip that goes from event to event a step is an
    event: the network has the chip's queue, and a program of it is placed.
    """

    name = "core-to-snn"

    chip: str = ""
    accumulate: Accumulate = "auto"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.accumulate not in get_args(Accumulate):
            known = ", ".join(get_args(Accumulate))
            raise ValueError(f"accumulate: expected one of {known}, got {self.accumulate!r}")
        program, description = program_and_chip(self.name, op, self.chip)
        if description.execution != "events":
            replace_module(op, model_of(program, description, self.accumulate))
            return
        if not places_of(program):
            raise PassFailedException(f"{self.name}: nothing is placed; run core-place first")
        replace_module(op, model_of_events(program, description))
