"""Orders of the events of a step that a chip of events may be sent, for legalization to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects.arrays import Array
from snncc.dialects.core.order import OrderOp
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.snn.neurons.assembly import parameter_of
from snncc.dialects.snn.parameters import ParameterOp
from snncc.passes.legalization.on_chip import program_and_chip

ORDERS = ("ascending", "inhibition-first")


@dataclass(frozen=True)
class CoreOrder(ModulePass):
    """
    Says in which order a host sends the events of a step to a chip that takes one after the other:
    `ascending`, as the inputs lie, or `inhibition-first`, by the sum of their weights; `chip` is
    FILE.yaml of one that is not shipped.
    """

    name = "core-order"

    order: str = "inhibition-first"
    chip: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"order: expected one of {', '.join(ORDERS)}, got {self.order!r}")
        program, description = program_and_chip(self.name, op, self.chip)
        if description.execution != "events":
            raise PassFailedException(
                f"{self.name}: {description.name} takes the spikes of a step together"
            )
        set_order(op, None if self.order == "ascending" else inhibition_first(program))


def inhibition_first(program: ProgramOp) -> dict[str, Array]:
    """
    Ranks of each input's elements by the sum of their weights: a neuron that is driven up and down
    in one step of the network then spikes only where the sum would.
    """
    totals = {name: np.zeros(op.size, np.int64) for name, op in program.inputs.items()}
    for synapses in program.synapses:
        if synapses.source_name in totals:
            sources, _, weights = synapses.table()
            np.add.at(totals[synapses.source_name], sources, weights)
    values = np.unique(np.concatenate(list(totals.values())))
    return {name: np.searchsorted(values, total) for name, total in totals.items()}


def set_order(module: ModuleOp, ranks: Mapping[str, Array] | None) -> None:
    """Writes an order into the program in place, instead of one that is there; None: ascending."""
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    for op in [op for op in program.body.block.ops if isinstance(op, OrderOp)]:
        symbol = op.ranks.root_reference.data
        for p in [p for p in module.ops if isinstance(p, ParameterOp)]:
            if p.sym_name.data == symbol:
                module.body.block.erase_op(p)
        program.body.block.erase_op(op)
    for name, values in (ranks or {}).items():
        array = values.astype(np.int32)
        symbol = f"{name}.ranks"
        module.body.block.insert_op_before(parameter_of(symbol, array), program)
        program.body.block.add_op(OrderOp(name, symbol))
    module.verify()
