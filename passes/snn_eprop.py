"""The online gradients of a network beside it."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.wanted import UnknownName, wanted_of
from snncc.passes.online.eprop import eprop
from snncc.passes.online.feedback import FeedbackKind
from snncc.passes.online.state import Layers, OnlineOptions


@dataclass(frozen=True)
class SnnEprop(ModulePass):
    """
    Adds to each network NAME of the module two others: NAME.eprop, which runs forward with
    eligibility traces and takes the gradients of the outputs step by step; NAME.finish, one
    step to the gradients of the parameters. Feedback weights that are not the network's own
    are added as parameters.

    `outputs` are those whose gradients come in, `of` the parameters and states that gradients
    are taken of: all floats but fixed parameters, where it is empty. `feedback` is symmetric,
    random or adaptive, `layers` memory or instantaneous (`online/eprop.py`).
    """

    name = "snn-eprop"

    outputs: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    feedback: FeedbackKind = "symmetric"
    seed: int = 0
    layers: Layers = "memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        options = OnlineOptions(self.feedback, self.seed, self.layers)
        for network in [n for n in op.ops if isinstance(n, snn.NetworkOp)]:
            try:
                wanted = wanted_of(op, network, self.outputs or None, self.of or None, ())
                found = eprop(network, wanted, options)
            except (NoDerivative, UnknownName) as fault:
                raise PassFailedException(str(fault)) from None
            for made in (*found.feedback.values(), found.network, found.finish):
                if made is not None:
                    op.body.block.add_op(made)
