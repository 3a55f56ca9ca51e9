"""Names that stay: what users know nodes and states by, whatever later passes leave out."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from snncc.dialects import snn
from snncc.dialects.snn.names import StateNames


@dataclass(frozen=True)
class SnnRecordNames(ModulePass):
    """
    Writes on every neuron and delay the names by which users know its outputs and states.

    They follow from the whole network: two operations with one name, or without any, are
    told apart by their places. A pipeline starts with it, so that a state has the same name
    in the network that was loaded and in what is made of it.
    """

    name = "snn-record-names"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for network in op.ops:
            if isinstance(network, snn.NetworkOp):
                StateNames(network).record()
