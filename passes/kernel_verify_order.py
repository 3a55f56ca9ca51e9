"""Checks what no verifier of xDSL does: that every value is defined above its use."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role

_ROLES_WRITTEN = (Role.STATE, Role.STREAM, Role.WORK, Role.OUTPUT)


@dataclass(frozen=True)
class KernelVerifyOrder(ModulePass):
    """
    Fails where an operation uses a value that is defined below it, where a stage reads a
    stream that no earlier stage wrote, or writes what is not its own to write.

    xDSL treats every region as a graph; the scheduled level is a program.
    """

    name = "kernel-verify-order"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in op.ops:
            if isinstance(program, kernel.ProgramOp):
                _check_program(program)


def _check_program(program: kernel.ProgramOp) -> None:
    roles = {buffer.sym_name.data: buffer.role.data for buffer in program.buffers()}
    written: dict[str, str] = {}
    for stage in program.stages:
        name = stage.stage_name.data
        _check_block(stage.body.block, set(), name)
        for reads, buffer in _accesses(stage):
            role = roles[buffer]
            if not reads:
                if role not in _ROLES_WRITTEN:
                    raise PassFailedException(
                        f"kernel-verify-order: stage {name!r} writes the {role.value} {buffer!r}"
                    )
                written[buffer] = name
            elif role in (Role.STREAM, Role.WORK) and buffer not in written:
                raise PassFailedException(
                    f"kernel-verify-order: stage {name!r} reads {role.value} {buffer!r} "
                    "before anything writes it"
                )


def _check_block(block: Block, outer: set[SSAValue], stage: str) -> None:
    seen = outer | set(block.args)
    for op in block.ops:
        for operand in op.operands:
            if operand not in seen:
                where = "a block argument" if isinstance(operand, BlockArgument) else "a value"
                raise PassFailedException(
                    f"kernel-verify-order: stage {stage!r}: {op.name} uses {where} that is "
                    "defined below it"
                )
        for region in op.regions:
            for inner in region.blocks:
                _check_block(inner, seen, stage)
        seen.update(op.results)


def _accesses(stage: kernel.StageOp) -> list[tuple[bool, str]]:
    """(whether it is read, buffer) of every access of a stage, in order."""
    found: list[tuple[bool, str]] = []
    for op in stage.walk():
        outputs = _written_operands(op)
        if outputs is None:
            continue
        for operand in op.operands:
            source = operand.owner
            if isinstance(source, kernel.RefOp) and operand not in outputs:
                found.append((True, source.symbol))
        for operand in outputs:
            source = operand.owner
            if isinstance(source, kernel.RefOp):
                found.append((False, source.symbol))
    return found


def _written_operands(op: Operation) -> list[SSAValue] | None:
    """The operands that an operation writes; None where it touches no memory."""
    from xdsl.dialects import linalg

    match op:
        case kernel.CompressOp():
            return [op.list]
        case linalg.ops.GenericOp():
            return list(op.outputs)
        case kernel.RestartOp():
            return list(op.states)
        case kernel.DelayWriteOp():
            return [op.line, op.position]
        case kernel.OuterOp():
            return [op.list, op.out]
        case kernel.GatherStepsOp():
            return [op.list, *([] if op.panel is None else [op.panel]), op.out]
        case kernel.OuterRowsOp():
            return [op.active, op.list, op.panel, op.out]
        case kernel.ProjectOp():
            return [op.room, op.out]
        case (
            kernel.GatherOp()
            | kernel.DenseOp()
            | kernel.ScatterOp()
            | kernel.PoolOp()
            | kernel.InsertOp()
            | kernel.RearrangeOp()
            | kernel.DelayReadOp()
            | kernel.PackOp()
            | kernel.UnpackOp()
        ):
            return [op.out]
        case _:
            return None
