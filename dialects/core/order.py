"""In which order a host sends the events of one step, for chips that take one after the other."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import FlatSymbolRefAttrConstr, SymbolRefAttr
from xdsl.irdl import IRDLOperation, irdl_op_definition, lazy_traits_def, prop_def
from xdsl.traits import HasParent
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.arrays import Array
from snncc.dialects.core.placement import places_of
from snncc.dialects.core.program import InputOp, ProgramOp, numbers_of


@irdl_op_definition
class OrderOp(IRDLOperation):
    """
    A number for each element of an input: of the events of a step, those of smaller numbers are
    sent first, and of equal ones those of lower slots.

        core.order @x ranks @x.ranks
    """

    name = "core.order"

    of = prop_def(FlatSymbolRefAttrConstr)
    ranks = prop_def(FlatSymbolRefAttrConstr)

    traits = lazy_traits_def(lambda: (HasParent(ProgramOp),))

    assembly_format = "$of `ranks` $ranks attr-dict"

    def __init__(self, of: str, ranks: str):
        super().__init__(properties={"of": SymbolRefAttr(of), "ranks": SymbolRefAttr(ranks)})

    @property
    def ordered(self) -> str:
        return self.of.root_reference.data

    def verify_(self) -> None:
        program = self.parent_op()
        if not isinstance(program, ProgramOp):
            return
        op = program.endings.get(self.ordered)
        if not isinstance(op, InputOp):
            raise VerifyException(f"{self.ordered}: is no input")
        if numbers_of(self, self.ranks).shape != (op.size,):
            raise VerifyException(f"{self.ordered}: expected {op.size} ranks")


def event_order(program: ProgramOp) -> Array:
    """
    The slots of all inputs in the order in which their events are sent within a step; ascending
    where the program does not say.
    """
    ranks = {
        op.ordered: numbers_of(op, op.ranks)
        for op in program.body.block.ops
        if isinstance(op, OrderOp)
    }
    places = places_of(program)
    found = []
    for name, op in program.inputs.items():
        slots = places[name][1]
        rank = ranks.get(name, slots * 0)
        found += list(zip(rank.tolist(), slots.tolist(), strict=True))
        assert len(slots) == op.size
    return np.array([slot for _, slot in sorted(found)], np.int64)
