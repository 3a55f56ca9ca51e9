"""Checks a program against the description of its chip."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.core.conformance import departures
from snncc.passes.legalization.on_chip import program_and_chip


@dataclass(frozen=True)
class CoreVerify(ModulePass):
    """
    Fails for a number, a connection or a place that the chip of a `core.program` does not have;
    `chip` is FILE.yaml of one that is not shipped.
    """

    name = "core-verify"

    chip: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = departures(*program_and_chip(self.name, op, self.chip))
        if found:
            raise PassFailedException("\n".join(f"{self.name}: {line}" for line in found))
