"""A network as chips see it."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from snncc.dialects import snn
from snncc.passes.legalization.faults import Unfit
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.observed import read_activity, write_activity
from snncc.passes.legalization.on_chip import NotOnChip, network_of, replace_module
from snncc.passes.legalization.read import read_graph
from snncc.passes.snn_fold_parameters import SnnFoldParameters
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise


@dataclass(frozen=True)
class SnnNormalForm(ModulePass):
    """
    Replaces a network by its populations in normal form, in float64: leaky neurons with synaptic
    currents, a threshold and a reset (`passes/legalization/graph.py`), each with one weighted sum
    for each source, receptor and delay.

    It is what `snn-legalize` starts from. Fails for a neuron or a connection that has no such form.
    """

    name = "snn-normal-form"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        SnnFoldParameters().apply(ctx, op)
        SnnFuseElementwise().apply(ctx, op)
        network = network_of(self.name, op)
        try:
            graph = read_graph(network)
        except Unfit as unfit:
            raise NotOnChip(self.name, unfit.faults) from None
        module = float_model(graph)
        (made,) = (inner for inner in module.ops if isinstance(inner, snn.NetworkOp))
        known = read_activity(network, graph.sizes)
        if known is not None:
            write_activity(module, made, known)
        replace_module(op, module)
