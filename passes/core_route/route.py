"""The pass that puts a program on the cores of a mesh."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.core.placement import places_of
from snncc.passes.core_route.place import place_on_mesh
from snncc.passes.legalization.faults import Unfit
from snncc.passes.legalization.observed import RATES, forget, read_rates
from snncc.passes.legalization.on_chip import NotOnChip, program_and_chip, replace_module


@dataclass(frozen=True)
class CoreRoute(ModulePass):
    """
    Puts a `core.program` on the cores of a mesh: places, axons, copies of neurons, and neurons that
    pass spikes on where they are needed, such that spikes cross few cores; `chip` is FILE.yaml of
    one that is not shipped.

    How often each neuron spikes stands in the program's attribute `rates`, where it is known.
    """

    name = "core-route"

    chip: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        program, description = program_and_chip(self.name, op, self.chip)
        if not description.grid.routed:
            raise PassFailedException(
                f"{self.name}: {description.name} has one core; run core-place instead"
            )
        if places_of(program):
            raise PassFailedException(f"{self.name}: the program has places already")
        rates = read_rates(program)
        forget(op, program, RATES)
        try:
            placed = place_on_mesh(op, description, rates)
        except Unfit as unfit:
            raise NotOnChip(self.name, unfit.faults) from None
        replace_module(op, placed.module)
