"""Places a program on the cores of a mesh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import merged
from snncc.passes.core_route.nets import Nets, nets_of, starts_of
from snncc.passes.core_route.partition import partition
from snncc.passes.core_route.relays import can_relay, delayed, with_relays
from snncc.passes.core_route.types import tables_of
from snncc.passes.core_route.write import write_placement
from snncc.passes.legalization.activity import USUAL_RATE
from snncc.passes.legalization.faults import Faults
from snncc.passes.mapping import Infeasible

TOO_BIG = "SNC-N002"
SPLIT = (
    "train with fewer inputs for each neuron, or with a layer between that sums parts of them: its "
    "neurons would spike, so the compiler cannot put it there without changing the network"
)


@dataclass(frozen=True)
class Placed:
    """A placed program, and what was changed for it."""

    module: ModuleOp
    relayed: tuple[str, ...]
    """Populations that have relays behind them."""
    later: dict[str, int]
    """By how many steps each population runs later than before."""

    @property
    def changes(self) -> list[str]:
        """For people."""
        found = [f"{name}: neurons that pass spikes on" for name in self.relayed]
        return found + [
            f"{name}: {late} step{'s' * (late > 1)} later"
            for name, late in self.later.items()
            if late
        ]


def place_on_mesh(module: ModuleOp, description: Description, rates: Mapping[str, Array]) -> Placed:
    """
    The program with cores, places, axons and routes. `rates` are spikes a step, [n], of
    populations and inputs: what is sent most is kept short. Raises Unfit.
    """
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    faults = Faults()
    first = _nets(program, description, faults)
    expect_lines(program, description, faults)
    refused: Infeasible | None = None
    for relayed, later in _attempts(program, description, first[0]):
        changed = with_relays(module, description, relayed, later)
        try:
            _place(changed, description, rates)
        except Infeasible as infeasible:
            refused = refused or infeasible
            if all(short.proved for short in infeasible.shortages):
                break
            continue
        faults.stop()
        return Placed(changed, relayed, later)
    assert refused is not None
    _tell(refused, program, first[0], description, faults)
    faults.stop()
    raise AssertionError


def _attempts(
    program: ProgramOp, description: Description, nets: Nets
) -> Iterator[tuple[tuple[str, ...], dict[str, int]]]:
    """
    No relays; then relays behind one population more each time, those first whose neurons have
    the most destinations.
    """
    yield (), dict.fromkeys(program.populations, 0)
    if description.grid.fan_out is None:
        return
    sent = nets.destinations(np.arange(nets.count))
    starts = starts_of(program)
    mean = {
        name: float(sent[starts[name] : starts[name] + op.size].mean())
        for name, op in program.populations.items()
        if op.size
    }
    relayed: tuple[str, ...] = ()
    for name in sorted(mean, key=lambda name: -mean[name]):
        if mean[name] <= 1 or not can_relay(program, description, name):
            continue
        later = delayed(program, description, (*relayed, name))
        if later is not None:
            relayed = (*relayed, name)
            yield relayed, later


def _nets(
    program: ProgramOp, description: Description, faults: Faults
) -> tuple[Nets, dict[str, Array]]:
    wires = merged(program)
    sizes = {name: op.size for name, op in program.endings.items()}
    types = description.grid.axon_types
    tables = {} if types is None else tables_of(wires, sizes, types, faults)
    faults.stop()
    return nets_of(program, wires, tables), tables


def _place(module: ModuleOp, description: Description, rates: Mapping[str, Array]) -> None:
    """In place. Raises Infeasible."""
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    nets, tables = _nets(program, description, Faults())
    rate = _rate(program, rates)
    found = partition(nets, description, rate, capacity(program, description))
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
            known, size = rates.get(name.removesuffix(".relay")), program.endings[name].size
            parts.append(np.full(size, USUAL_RATE) if known is None else known.reshape(-1))
    return np.concatenate(parts) if parts else np.zeros(0)


def _tell(
    infeasible: Infeasible,
    program: ProgramOp,
    nets: Nets,
    description: Description,
    faults: Faults,
) -> None:
    for short in infeasible.shortages:
        verb = "needs" if short.proved else "held, in the best mapping that was found,"
        where, node, remedy = short.where, None, short.remedy
        if short.resource == "axons" and short.proved:
            where, node, remedy = "a neuron with its sources", _widest(program, nets), SPLIT
        told = f"{short.excess} too many"
        if short.excess <= 0:
            told = "full, and what is left to place found no other"
        faults.add(
            TOO_BIG,
            node,
            f"{short.resource}: {where} {verb} {short.needed}; {description.name} has "
            f"{short.available}: {told}",
            remedy,
        )


def _widest(program: ProgramOp, nets: Nets) -> str:
    """The population of the neuron with the most sources."""
    neuron = int(np.bincount(nets.target).argmax())
    starts = starts_of(program)
    return next(
        name
        for name, op in program.populations.items()
        if starts[name] <= neuron < starts[name] + op.size
    )


__all__ = ["Placed", "capacity", "expect_lines", "place_on_mesh"]
