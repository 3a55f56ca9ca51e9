"""Checks the integer level: no integer wraps, no count is misread, nothing is divided by zero."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.passes.ranges import network_ranges


@dataclass(frozen=True)
class SnnVerifyRanges(ModulePass):
    """
    Fails where an integer operation may wrap, whatever the inputs are within their types: the
    message names each place, the operation and the range that its type does not hold.

    `inputs` narrows what an input may be: "x=0:1" says that all its elements are 0 or 1.
    """

    name = "snn-verify-ranges"

    inputs: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        declared = dict(_declared(text) for text in self.inputs)
        for network in op.ops:
            if not isinstance(network, snn.NetworkOp):
                continue
            known = {name: ends for name, ends in declared.items() if name in network.inputs}
            doubts = network_ranges(network, known).doubts
            if doubts:
                places = "\n  ".join(str(doubt) for doubt in doubts)
                raise PassFailedException(f"{self.name}: not proved:\n  {places}")


def _declared(text: str) -> tuple[str, tuple[float, float]]:
    name, _, ends = text.rpartition("=")
    low, _, high = ends.partition(":")
    try:
        return name, (float(low), float(high))
    except ValueError:
        raise PassFailedException(
            f'snn-verify-ranges: inputs: expected "name=low:high", got "{text}"'
        ) from None
