"""A program as nets: what one axon carries, and who listens to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import Wire
from snncc.passes.core_route.types import kinds_of


@dataclass(frozen=True)
class Nets:
    """
    Neurons count through all populations, in the order of the program, and inputs on behind them.
    A net is a source, a type of axon and a delay; it needs an axon in each core with a target.
    """

    neurons: int
    inputs: int
    source: Array
    """[nets], sorted"""
    type: Array
    """[nets]"""
    delay: Array
    """[nets]"""
    net: Array
    """[pins] sorted"""
    target: Array
    """[pins] a neuron that listens to the net; each pair once"""
    lines: Array
    """[neurons] 1 for those that an output shows"""

    @property
    def count(self) -> int:
        return len(self.source)

    def reached(self, core: Array, cores: int) -> tuple[Array, Array]:
        """(net, core) of each axon that is needed, for the core of each neuron."""
        pair = np.unique(self.net * cores + core[self.target])
        return pair // cores, pair % cores

    def destinations(self, nets: Array) -> Array:
        """[neurons] axons and lines that each reaches; `nets` names one net for each axon."""
        senders = self.source[nets]
        return np.bincount(senders[senders < self.neurons], minlength=self.neurons) + self.lines


def starts_of(program: ProgramOp) -> dict[str, int]:
    """The number of the first neuron of each population, and of the first of each input."""
    found, place = {}, 0
    for group in (program.populations, program.inputs):
        for name in group:
            found[name] = place
            place += program.endings[name].size
    return found


def nets_of(program: ProgramOp, wires: Sequence[Wire], tables: Mapping[str, Array]) -> Nets:
    starts = starts_of(program)
    neurons = sum(op.size for op in program.populations.values())
    columns: list[Array] = [np.zeros((0, 4), np.int64)]
    for wire in wires:
        columns.append(
            np.stack(
                [
                    wire.sources + starts[wire.source],
                    kinds_of(wire, tables),
                    np.full(len(wire.sources), wire.delay),
                    wire.targets + starts[wire.target],
                ],
                axis=1,
            )
        )
    rows = np.unique(np.concatenate(columns), axis=0)
    keys, net = np.unique(rows[:, :3], axis=0, return_inverse=True)
    lines = np.zeros(neurons, np.int64)
    for output in program.outputs.values():
        name = output.source.root_reference.data
        lines[starts[name] : starts[name] + program.endings[name].size] = 1
    return Nets(
        neurons,
        sum(op.size for op in program.inputs.values()),
        keys[:, 0],
        keys[:, 1],
        keys[:, 2],
        net.reshape(-1),
        rows[:, 3],
        lines,
    )
