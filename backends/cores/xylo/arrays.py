"""A program for Xylo as the chip's arrays."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import PopulationOp, ProgramOp

HIDDEN, READOUT = "hidden", "readout"


class XyloArrays:
    """The network as the chip's arrays: populations of a class stand one behind the other."""

    def __init__(self, program: ProgramOp, description: Description):
        self.program = program
        self.hidden = list(program.members(HIDDEN))
        self.readout = list(program.members(READOUT))
        self.neuron = description.neurons
        self.inputs = sum(op.size for op in program.inputs.values())
        self.sizes = {
            HIDDEN: sum(op.size for op in self.hidden),
            READOUT: sum(op.size for op in self.readout),
        }
        self.first: dict[str, int] = {}
        for group in (list(program.inputs.items()), self.hidden, self.readout):
            place = 0
            for member in group:
                op = member if isinstance(member, PopulationOp) else member[1]
                self.first[op.sym_name.data] = place
                place += op.size
        self.settings = program.setting

    def weights(self, edge: str) -> Array:
        """[synapses, sources, targets]"""
        target = {"input": HIDDEN, "recurrent": HIDDEN, "output": READOUT}[edge]
        sources = self.inputs if edge == "input" else self.sizes[HIDDEN]
        found = np.zeros((2, sources, self.sizes[target]), np.int64)
        for op in self.program.synapses:
            if op.edge.data != edge:
                continue
            rows, columns, values = op.table()
            rows = rows + self.first[op.source_name]
            columns = columns + self.first[op.target_name]
            found[op.receptor.value.data, rows, columns] = values
        return found

    def parameter(self, neuron_class: str, name: str) -> Array:
        """[neurons], or [receptors, neurons]; what is not given has its default."""
        members = self.hidden if neuron_class == HIDDEN else self.readout
        described = self.neuron[neuron_class].parameters[name]
        parts = [np.zeros(0, np.int64)]
        for op in members:
            if name in op.parameters.data:
                parts.append(op.numbers(name))
            else:
                parts.append(np.full(op.size, described.default or 0))
        if described.per != "receptor":
            return np.concatenate(parts)
        receptors = self.neuron[neuron_class].receptors
        return np.concatenate(
            [np.broadcast_to(part, (receptors, part.shape[-1])) for part in parts], axis=1
        )

    def both(self, name: str) -> list[int]:
        """Of the hidden neurons and then the readouts."""
        return [int(v) for c in (HIDDEN, READOUT) for v in self.parameter(c, name)]

    @property
    def has_bias(self) -> bool:
        return any(self.both("bias"))
