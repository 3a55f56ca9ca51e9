"""From streams to a program over buffers: stages over blocks of steps."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from snncc.dialects import snn
from snncc.passes.scheduling.forward import forget_surrogates
from snncc.passes.scheduling.packing import PACKS
from snncc.passes.scheduling.scheduler import Scheduler


@dataclass(frozen=True)
class SnnSchedule(ModulePass):
    """
    Replaces the network by a `kernel.program`.

    Strongly connected components become stages; a stage runs `time-block` steps before
    the next one starts, a recurrent stage step by step within them. `time-block` does not
    change a bit of the result. With `trace` every neuron's output is kept in a stream
    buffer of its own, for a debug build that reads it after each step. `pack` says which
    weights of few bits are packed: `auto` where that saves more than its code takes, `always`
    or `never`.
    """

    name = "snn-schedule"

    time_block: int = 1
    trace: bool = False
    pack: str = "auto"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.time_block < 1:
            raise ValueError(f"time-block: expected at least 1, got {self.time_block}")
        pack = next((known for known in PACKS if known == self.pack), None)
        if pack is None:
            raise ValueError(f"pack: expected one of {', '.join(PACKS)}, got {self.pack!r}")
        for network in [inner for inner in op.ops if isinstance(inner, snn.NetworkOp)]:
            if not self.trace:  # a debug build leaves nothing out
                forget_surrogates(network)
            program = Scheduler(network, self.time_block, trace=self.trace, pack=pack).run()
            op.body.block.insert_op_before(program, network)
            op.body.block.erase_op(network)
        for unread in [o for o in op.ops if isinstance(o, snn.ParameterOp | snn.SurrogateOp)]:
            op.body.block.erase_op(unread)
