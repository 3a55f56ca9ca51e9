"""Places a program on the cores of a mesh, in place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import merged
from snncc.passes.core_route.nets import Nets, nets_of
from snncc.passes.core_route.partition import Partition, partition
from snncc.passes.core_route.types import tables_of
from snncc.passes.core_route.write import write_placement
from snncc.passes.legalization.faults import Faults
from snncc.passes.mapping import Infeasible

TOO_BIG = "SNC-N002"
USUAL_RATE = 0.1
"""Spikes a step of what nothing is known of."""


def place_on_mesh(
    module: ModuleOp, description: Description, rates: Mapping[str, Array]
) -> None:
    """
    Adds cores, places, axons and routes to the program. `rates` are spikes a step, [n], of
    populations and inputs: what is sent most is kept short. Raises Unfit.
    """
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    faults = Faults()
    wires = merged(program)
    sizes = {name: op.size for name, op in program.endings.items()}
    types = description.grid.axon_types
    tables = {} if types is None else tables_of(wires, sizes, types, faults)
    faults.stop()
    nets = nets_of(program, wires, tables)
    expect_lines(program, description, faults)
    rate = _rate(program, rates)
    try:
        found = partition(nets, description, rate, capacity(program, description))
    except Infeasible as infeasible:
        _tell(infeasible, nets, program, description, faults)
        faults.stop()
        raise AssertionError from infeasible
    faults.stop()
    write_placement(module, program, description, nets, tables, found, rate)


def capacity(program: ProgramOp, description: Description) -> int:
    """Neurons that one core holds, of the classes that are used."""
    used = {op.neuron_class.data for op in program.populations.values()}
    return min((description.neurons[kind].count for kind in used), default=1)


def expect_lines(program: ProgramOp, description: Description, faults: Faults) -> None:
    """Adds a fault where there are more outputs than lines of the bus."""
    bus = description.grid.bus
    if bus is None:
        return
    sources = {op.source.root_reference.data for op in program.outputs.values()}
    count = sum(program.populations[name].size for name in sources)
    if count > bus:
        faults.add(
            TOO_BIG,
            sorted(sources)[0],
            f"{count} outputs; the output bus of {description.name} has {bus}: "
            f"{count - bus} too many",
            "give fewer layers as outputs",
        )


def _rate(program: ProgramOp, rates: Mapping[str, Array]) -> Array:
    """[neurons + inputs]"""
    parts = []
    for group in (program.populations, program.inputs):
        for name in group:
            known, size = rates.get(name), program.endings[name].size
            parts.append(np.full(size, USUAL_RATE) if known is None else known.reshape(-1))
    return np.concatenate(parts) if parts else np.zeros(0)


def _tell(
    infeasible: Infeasible,
    nets: Nets,
    program: ProgramOp,
    description: Description,
    faults: Faults,
) -> None:
    for short in infeasible.shortages:
        verb = "needs" if short.proved else "held, in the best mapping that was found,"
        faults.add(
            TOO_BIG,
            None,
            f"{short.resource}: {short.where} {verb} {short.needed}; {description.name} has "
            f"{short.available}: {short.excess} too many",
            short.remedy,
        )


__all__ = ["Partition", "capacity", "expect_lines", "place_on_mesh"]
