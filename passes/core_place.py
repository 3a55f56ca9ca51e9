"""Gives each neuron and input of a program its place on a chip of one core."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core.description import INPUT
from snncc.dialects.core.placement import CoresOp, PlaceOp, places_of
from snncc.dialects.core.program import PopulationOp, ProgramOp
from snncc.dialects.snn.network import ParameterOp


def place_on_one_core(module: ModuleOp) -> None:
    """Populations of a class one behind the other, in the order of the program, in place."""
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    if places_of(program):
        return
    block = program.body.block
    first: dict[str, int] = {}
    block.add_op(CoresOp([(0, 0)]))
    for name, op in program.endings.items():
        kind = op.neuron_class.data if isinstance(op, PopulationOp) else INPUT
        start = first.get(kind, 0)
        first[kind] = start + op.size
        arrays: dict[str, Array] = {
            f"{name}.cores": np.zeros(op.size, np.int16),
            f"{name}.slots": np.arange(start, start + op.size, dtype=np.int32),
        }
        for symbol, values in arrays.items():
            module.body.block.insert_op_before(
                ParameterOp(symbol, type_of(values), blob_of(values)), program
            )
        block.add_op(PlaceOp(name, *arrays))
    module.verify()
