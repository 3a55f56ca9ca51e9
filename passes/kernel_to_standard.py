"""From a scheduled program to `func`, `scf`, `memref`, `arith` and `linalg`: what MLIR runs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from snncc.dialects import kernel
from snncc.passes.standard.functions import write_reset, write_run
from snncc.passes.standard.memory import Globals


@dataclass(frozen=True)
class KernelToStandard(ModulePass):
    """
    Replaces each `kernel.program @NAME` by globals and two functions.

        func.func @NAME_run(inputs..., outputs..., %steps: index)
        func.func @NAME_reset()

    A caller's buffer is `memref<?x...>`, one row for each step. Constants, states (which
    start at their content), streams and work buffers become private `memref.global`s
    `@NAME.BUFFER`; a call goes on from the states that the last one left. Kernels become
    loops that take the terms of a sum in the declared order: with a compiler that neither
    contracts nor reorders floats the results are those of the interpreter, bit for bit.

    Fails where a digest's content was not loaded. Print the result in generic form for
    `mlir-opt`.
    """

    name = "kernel-to-standard"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in [inner for inner in op.ops if isinstance(inner, kernel.ProgramOp)]:
            globals = Globals(program)
            functions = [write_run(program, globals), write_reset(program, globals)]
            op.body.block.insert_ops_before([*globals.operations, *functions], program)
            op.body.block.erase_op(program)
