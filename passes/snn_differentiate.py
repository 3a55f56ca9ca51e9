"""The backward program of a network beside it."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.network import differentiate
from snncc.passes.differentiation.wanted import UnknownName, wanted_of


@dataclass(frozen=True)
class SnnDifferentiate(ModulePass):
    """
    Adds to each network NAME of the module three others: NAME.forward, which also puts out
    its tape; NAME.backward, which goes in reverse from the gradients of the outputs to those
    of inputs, initial states and what is fixed; NAME.finish, one step to the gradients of the
    parameters.

    `outputs` are those whose gradients come in, `of` the parameters, inputs and states that
    gradients are taken of: all floats but fixed parameters, where it is empty.
    """

    name = "snn-differentiate"

    outputs: tuple[str, ...] = ()
    of: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for network in [n for n in op.ops if isinstance(n, snn.NetworkOp)]:
            try:
                wanted = wanted_of(op, network, self.outputs or None, self.of or None)
                found = differentiate(network, wanted)
            except (NoDerivative, UnknownName) as fault:
                raise PassFailedException(str(fault)) from None
            for made in (found.forward, found.backward, found.finish):
                if made is not None:
                    op.body.block.add_op(made)
