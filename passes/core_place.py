"""
Gives each neuron and input of a program its place on a chip of one core.

Neurons that share a word of the chip share what stands there once: a group is filled with neurons
of one population whose shared parameters are equal, and places stay empty rather than hold others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import INPUT, Description
from snncc.dialects.core.placement import CoresOp, PlaceOp, places_of
from snncc.dialects.core.program import InputOp, PopulationOp, ProgramOp
from snncc.dialects.snn.neurons.assembly import parameter_of
from snncc.passes.legalization.on_chip import program_and_chip


@dataclass(frozen=True)
class CorePlace(ModulePass):
    """
    Gives neurons and inputs of a `core.program` their places on a chip of one core, unless it has
    some; `chip` is FILE.yaml of one that is not shipped. Neurons of one group are those that are
    configured alike.
    """

    name = "core-place"

    chip: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        program, description = program_and_chip(self.name, op, self.chip)
        if description.grid.routed:
            raise PassFailedException(
                f"{self.name}: {description.name} has several cores; run core-route instead"
            )
        placed = places_of(program)
        if placed and (missing := [name for name in program.endings if name not in placed]):
            raise PassFailedException(f"{self.name}: {missing[0]} has no place, where others have")
        place_on_one_core(op, description)


def place_on_one_core(module: ModuleOp, description: Description) -> None:
    """
    Populations of a class one behind the other, in the order of the program, in place. Where
    classes share their places, neurons come first and inputs behind them.
    """
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    if places_of(program):
        return
    block = program.body.block
    common = set(description.shared.of) if description.shared is not None else set()
    first: dict[str, int] = {}
    block.add_op(CoresOp([(0, 0)]))
    endings = program.endings.items()
    for name, op in sorted(endings, key=lambda item: isinstance(item[1], InputOp)):
        kind = op.neuron_class.data if isinstance(op, PopulationOp) else INPUT
        space = "" if kind in common else kind
        slots = np.arange(op.size)
        if isinstance(op, PopulationOp):
            slots = _slots(op, description)
        size = description.neurons[kind].group if kind in description.neurons else 1
        start = -(-first.get(space, 0) // size) * size
        first[space] = start + int(slots.max(initial=-1)) + 1
        arrays: dict[str, Array] = {
            f"{name}.cores": np.zeros(op.size, np.int16),
            f"{name}.slots": (start + slots).astype(np.int32),
        }
        for symbol, values in arrays.items():
            module.body.block.insert_op_before(parameter_of(symbol, values), program)
        block.add_op(PlaceOp(name, *arrays))
    module.verify()


def _slots(op: PopulationOp, description: Description) -> Array:
    """From 0 on, [neurons]: groups in the order of their first neurons."""
    neuron = description.neurons[op.neuron_class.data]
    shared = [
        op.numbers(key)
        for key, p in neuron.parameters.items()
        if p.per == "group" and key in op.parameters.data
    ]
    if neuron.group == 1 or not shared:
        return np.arange(op.size)
    _, first, kind = np.unique(
        np.stack(shared, axis=1), axis=0, return_index=True, return_inverse=True
    )
    kind = kind.reshape(-1)
    slots = np.zeros(op.size, np.int64)
    start = 0
    for value in np.argsort(first):
        members = np.flatnonzero(kind == value)
        slots[members] = start + np.arange(len(members))
        start += -(-len(members) // neuron.group) * neuron.group
    return slots
