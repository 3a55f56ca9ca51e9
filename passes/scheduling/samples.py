"""Blocks of whole samples: a loop over the samples, and inside of it one over the steps of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsl.builder import Builder
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def open_samples(
    s: Scheduler, op: kernel.StageOp, zero: SSAValue, one: SSAValue, steps: int
) -> None:
    """The loops of a stage over samples of so many steps; what follows goes into the inner one."""
    outer = s.outer

    def constant(number: int) -> SSAValue:
        return outer.insert(arith.ConstantOp(IntegerAttr(number, IndexType()))).result

    each, last = constant(steps), constant(steps - 1)
    samples = outer.insert(arith.DivUIOp(op.steps, each)).result
    of_samples, of_steps = (Block(arg_types=[IndexType()]) for _ in range(2))
    outer.insert(scf.ForOp(zero, samples, one, [], Region(of_samples)))
    start = Builder(InsertPoint.at_end(of_samples))
    s.sample = of_samples.args[0]
    first = start.insert(arith.MuliOp(s.sample, each)).result
    loop = start.insert(scf.ForOp(zero, each, one, [], Region(of_steps)))
    start.insert(scf.YieldOp())
    s.start = Builder(InsertPoint.before(loop))
    s.builder = Builder(InsertPoint.at_end(of_steps))
    step = of_steps.args[0]
    s.step = s.row = s.builder.insert(arith.AddiOp(first, step)).result
    if s.reverse:  # the first step of a sample takes its last row
        left = s.builder.insert(arith.SubiOp(last, step)).result
        s.row = s.builder.insert(arith.AddiOp(first, left)).result


def restart(s: Scheduler, stage: kernel.StageOp) -> None:
    """The states of a stage are as at first where a sample starts."""
    symbols = dict.fromkeys(op.symbol for op in stage.walk() if isinstance(op, kernel.RefOp))
    states = [symbol for symbol in symbols if s.buffers[symbol].role.data is Role.STATE]
    if states:
        refs = [kernel.RefOp(symbol, s.buffers[symbol].type) for symbol in states]
        for op in (*refs, kernel.RestartOp([ref.result for ref in refs])):
            s.start.insert(op)
