"""The functions of a program: `NAME_run` over all steps, `NAME_reset`."""

from __future__ import annotations

from xdsl.dialects import arith, func, linalg, memref, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, UnitAttr
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import kernel
from snncc.dialects.arrays import is_uniform
from snncc.dialects.kernel.buffers import MemRef, Role
from snncc.passes.standard.code import Code, Index
from snncc.passes.standard.integers import define_integers
from snncc.passes.standard.kernels import KernelWriter
from snncc.passes.standard.memory import Globals, Memory, View, content_of
from snncc.passes.standard.scalars import expand_functions


def _function(name: str, types: list[MemRef | IndexType]) -> func.FuncOp:
    function = func.FuncOp(name, (types, []))
    function.attributes["llvm.emit_c_interface"] = UnitAttr()
    return function


def write_run(program: kernel.ProgramOp, globals: Globals) -> func.FuncOp:
    """
    `NAME_run(inputs..., outputs..., steps)`: all steps, in blocks, stage after stage.

    The caller's buffers have one row for each step, in the order of time, or one value.
    """
    terminals = program.buffers(Role.INPUT, Role.OUTPUT)
    function = _function(
        f"{program.sym_name.data}_run", [*(buffer.type for buffer in terminals), IndexType()]
    )
    *buffers, steps = function.body.block.args
    arguments: dict[str, SSAValue] = {}
    for buffer, argument in zip(terminals, buffers, strict=True):
        argument.name_hint = buffer.sym_name.data
        arguments[buffer.sym_name.data] = argument
    steps.name_hint = "steps"
    code = Code(function.body.block)
    with code.loop(steps, step=program.block_steps) as done:
        left = code.subtract(steps, done)
        taken = code.least(left, program.block_steps)
        backwards = program.is_reverse and program.sample_steps is None
        start = code.subtract(left, taken) if backwards else done
        memory = Memory(code, program, globals, arguments, start)
        for stage in program.stages:
            values: dict[SSAValue, SSAValue] = {stage.steps: taken}
            StageWriter(code, memory, values).write_block(stage.body.block)
    code.write(func.ReturnOp())
    return function


def write_reset(program: kernel.ProgramOp, globals: Globals) -> func.FuncOp:
    """`NAME_reset(inputs that states start from...)`: states as they are at first."""
    states = program.buffers(Role.STATE)
    read = {state.starts_from for state in states}
    held = [b for b in program.buffers(Role.INPUT) if b.sym_name.data in read]
    function = _function(f"{program.sym_name.data}_reset", [buffer.type for buffer in held])
    code = Code(function.body.block)
    arguments = {b.sym_name.data: a for b, a in zip(held, function.body.block.args, strict=True)}
    for buffer in states:
        if buffer.starts_from is None:
            _write_first(code, globals, buffer)
            continue
        state = code.insert(memref.GetGlobalOp(globals.name(buffer), buffer.type))
        first = View(arguments[buffer.starts_from], 0).at(code, buffer.shape)
        with code.loops(buffer.shape) as place:
            code.store(code.load(first, *place), state, *place)
    code.write(func.ReturnOp())
    return function


def _write_first(code: Code, globals: Globals, buffer: kernel.BufferOp) -> None:
    """A state as it is at first."""
    content = content_of(buffer)
    state = code.insert(memref.GetGlobalOp(globals.name(buffer), buffer.type))
    if is_uniform(content):
        value = code.number(content.ravel()[0].item(), buffer.type.element_type)
        with code.loops(buffer.shape) as place:
            code.store(value, state, *place)
    else:
        symbol, type = globals.table(f"{buffer.sym_name.data}.init", content)
        first = code.insert(memref.GetGlobalOp(symbol, type))
        with code.loops(buffer.shape) as place:
            code.store(code.load(first, *place), state, *place)


class StageWriter:
    """The operations of a stage, at one place of a function."""

    def __init__(self, code: Code, memory: Memory, values: dict[SSAValue, SSAValue]):
        self._code = code
        self._memory = memory
        self._values = values
        self._kernels = KernelWriter(code, memory, values)

    def write_block(self, block: Block) -> None:
        for op in block.ops:
            if not isinstance(op, scf.YieldOp):
                self._write(op)

    def _write(self, op: Operation) -> None:
        if isinstance(op, kernel.RefOp):
            step = None if op.step is None else self._index(op.step)
            self._values[op.result] = self._memory.declare(op, step)
        elif isinstance(op, scf.ForOp) and not op.iter_args:
            first, stop, step = (self._index(bound) for bound in (op.lb, op.ub, op.step))
            with self._code.loop(stop, first, step) as index:
                self._values[op.body.block.args[0]] = index
                self.write_block(op.body.block)
        elif isinstance(op, arith.ConstantOp) and isinstance(op.result.type, IndexType):
            self._values[op.result] = self._code.index(self._index(op.result))
        elif isinstance(op, kernel.RestartOp):
            for state in op.states:
                assert isinstance(state.owner, kernel.RefOp)
                _write_first(self._code, self._memory.globals, state.owner.declaration)
        elif isinstance(op, linalg.ops.GenericOp):
            # plain arithmetic stays as it is, on views in place of references
            body = op.clone(self._values)
            expand_functions(body.body.block)
            define_integers(body.body.block)
            self._code.write(body)
        elif op.dialect_name() == arith.Arith.name:
            self._code.write(op.clone(self._values))
        else:
            self._kernels.write(op)

    def _index(self, value: SSAValue) -> Index:
        """A constant of the stage as a number: it is written once for the function."""
        owner = value.owner
        if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
            return owner.value.value.data
        return self._values[value]
