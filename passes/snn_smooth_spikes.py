"""The smoothed twin of networks: each step replaced by the integral of its surrogate."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.snn.surrogates import SurrogateError
from snncc.dialects.snn.surrogates.written import surrogate_written
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.transposition import float_element
from snncc.passes.smoothing.network import NoTwin, smooth


@dataclass(frozen=True)
class SnnSmoothSpikes(ModulePass):
    """
    Replaces the step of every spike and count by the integral of its surrogate, .5 where it
    is decided. Spikes become floats, and so do the streams, states and delays that hold them;
    inputs stay what they are. The twin's exact gradient is a derivative that differences of
    its values approach, so it shows that a backward program is right:

        surrogate gradient: the derivatives of surrogates, at the values of the hard network
        gradient of the twin: the same derivatives, at the values of the twin

    What decides carries no gradient in either: conditions of selects and comparisons. Where
    it is a spike, or made of spikes alone (a refractory counter), it is a constant of the twin:
    a stream that comes in, as hard.0, and that a network NAME.hard beside it puts out, the one
    that there was. A detached value stays detached: a difference freezes it.

    `surrogate` stands in for steps that have none: `surrogate="atan(a=2.0)"`. Without it
    these stay steps. A surrogate without an integral in closed form is an error.
    """

    name = "snn-smooth-spikes"

    surrogate: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        try:
            surrogate = surrogate_written(self.surrogate) if self.surrogate else None
        except SurrogateError as fault:
            raise PassFailedException(str(fault)) from None
        for network in [n for n in op.ops if isinstance(n, snn.NetworkOp)]:
            try:
                element = float_element(network)
            except NoDerivative:
                continue  # integers have no surrogates
            try:
                twin = smooth(network, element, surrogate)
            except NoTwin as fault:
                raise PassFailedException(str(fault)) from None
            if twin.hard is not None:
                op.body.block.add_op(twin.hard)
