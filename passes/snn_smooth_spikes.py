"""The smoothed twin of networks: each step replaced by the integral of its surrogate."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
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

    `surrogate` stands in for steps that have none: `surrogate="atan a=2.0"`. Without it
    these stay steps. A surrogate without an integral in closed form is an error.
    """

    name = "snn-smooth-spikes"

    surrogate: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        surrogate = None if not self.surrogate else surrogate_of(self.surrogate)
        for network in [n for n in op.ops if isinstance(n, snn.NetworkOp)]:
            element = float_element(network)
            try:
                twin = smooth(network, element, surrogate)
            except NoTwin as fault:
                raise PassFailedException(str(fault)) from None
            if twin.hard is not None:
                op.body.block.add_op(twin.hard)


def surrogate_of(text: str) -> SurrogateAttr:
    """A surrogate that is written as words: NAME OPTION=NUMBER ..."""
    name, *words = text.split()
    options: dict[str, Attribute] = {}
    for word in words:
        key, _, number = word.partition("=")
        try:
            options[key] = FloatAttr(float(number), f64)
        except ValueError:
            raise PassFailedException(
                f"surrogate: expected OPTION=NUMBER behind {name}, got {word!r}"
            ) from None
    return SurrogateAttr(name, options)
