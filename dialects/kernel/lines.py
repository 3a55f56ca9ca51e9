"""Which states of a program are delay lines."""

from __future__ import annotations

from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.moves import DelayReadOp, DelayWriteOp
from snncc.dialects.kernel.operands import memref_shape
from snncc.dialects.kernel.program import ProgramOp, RefOp


def delay_lines(program: ProgramOp) -> dict[str, str | None]:
    """
    The state buffers that are delay lines, [depth, ...], and the name of the state that
    holds each one's position: None for a line of one step, which is only copied.
    """
    states = {buffer.sym_name.data: buffer for buffer in program.buffers(Role.STATE)}
    lines: dict[str, str | None] = {}
    for stage in program.stages:
        for op in stage.walk():
            if isinstance(op, RefOp) and op.symbol in states:
                # a line of one step is read and written as its only row
                if len(memref_shape(op.result)) < len(states[op.symbol].shape):
                    lines.setdefault(op.symbol, None)
            elif isinstance(op, DelayReadOp | DelayWriteOp):
                line, position = op.line.owner, op.position.owner
                assert isinstance(line, RefOp)
                assert isinstance(position, RefOp)
                if position.symbol in states:
                    lines[line.symbol] = position.symbol
                else:
                    lines.setdefault(line.symbol, None)
    return lines
