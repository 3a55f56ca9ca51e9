"""
The reference interpreter of the scheduled level: a `kernel.program` over time, in NumPy.

It runs as the emitted code does: blocks of steps, stage after stage, kernel after kernel,
on the program's own buffers. Every buffer but a constant holds one array for each sample
of the batch; those with rows for steps are [steps, B, *shape], the rest [B, *shape]. The
callers' arrays are in the order of time, also where the program goes the other way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from xdsl.dialects import arith, linalg, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from snncc.dialects import kernel
from snncc.dialects.arrays import Array, array_of, dtype_of
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.lines import delay_lines
from snncc.interpreters.kernels import KernelFunctions, element_type, memref_shape
from snncc.interpreters.network import Run
from snncc.interpreters.scalars import ScalarFunctions, from_stream, run_body, to_stream


class ProgramInterpreter:
    """Runs a scheduled program; gives what `NetworkInterpreter` gives, bit for bit."""

    def __init__(self, module: ModuleOp, program: kernel.ProgramOp):
        self.program = program
        self._interpreter = Interpreter(module)
        self._interpreter.register_implementations(ScalarFunctions())
        self._interpreter.register_implementations(KernelFunctions(), override=True)
        self._contents = {
            buffer.sym_name.data: _content(buffer)
            for buffer in program.buffers(Role.CONST, Role.STATE)
        }
        self._lines = delay_lines(program)

    @np.errstate(over="ignore", invalid="ignore")  # infinities are results as any others
    def run(
        self,
        x: Mapping[str, Array],
        *,
        state0: Mapping[str, Array] | None = None,
        held: Mapping[str, Array] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Run:
        """
        Runs all steps of `x`: input name -> [T, B, *shape] of the input's element type; of
        `held` inputs, which are the same at every step and for all samples, [*shape]. Where the
        program has samples, T is that of all of them, one behind the other, and what is sampled
        is [samples, B, *shape].

        `state0` gives states their first value by name, [B, *shape] or [*shape] in the
        model's order of axes (delays: [depth, *shape], oldest first); `progress` is called
        with the steps done and their number.

        Raises ValueError where names or shapes do not fit.
        """
        inputs, steps, batch = self._inputs(x)
        same = {b.known_as: b for b in self.program.buffers(Role.INPUT) if b.held is not None}
        if set(held or {}) != set(same):
            raise ValueError(f"expected to hold {', '.join(same)}, got {', '.join(held or {})}")
        memory = self._memory(inputs, steps, batch)
        for name, array in (held or {}).items():
            memory[same[name].sym_name.data] = array.reshape(same[name].shape)
        for state in self.program.buffers(Role.STATE):
            if state.starts_from is not None:
                memory[state.sym_name.data][...] = memory[state.starts_from].reshape(state.shape)
        self._set_states(memory, state0 or {}, batch)
        block, sample = self.program.block_steps, self.program.sample_steps
        for done in range(0, steps, block):
            taken = min(block, steps - done)
            backwards = self.program.is_reverse and sample is None
            start = steps - done - taken if backwards else done
            for stage in self.program.stages:
                execution = _Execution(
                    self._interpreter, self.program, memory, self._contents, start
                )
                execution.values[stage.steps] = taken
                execution.run(stage.body.block)
            if progress is not None:
                progress(done + taken, steps)
        outputs = {
            b.known_as: in_model_order(b, memory[b.sym_name.data])
            for b in self.program.buffers(Role.OUTPUT)
        }
        return Run(outputs, self._final(memory))

    # memory

    def _inputs(self, x: Mapping[str, Array]) -> tuple[dict[str, Array], int, int]:
        """(arrays by buffer, steps, batch)"""
        buffers = {b.known_as: b for b in self.program.buffers(Role.INPUT) if b.held is None}
        if set(x) != set(buffers):
            raise ValueError(f"expected inputs {', '.join(buffers)}, got {', '.join(x)}")
        inputs = {
            name: np.ascontiguousarray(x[name], dtype_of(buffer.type.element_type))
            for name, buffer in buffers.items()
        }
        steps, batch = next(a for n, a in inputs.items() if buffers[n].has_rows).shape[:2]
        sample = self.program.sample_steps or 1
        if steps % sample:
            raise ValueError(f"expected whole samples of {sample} steps, got {steps} steps")
        for name, array in inputs.items():
            buffer = buffers[name]
            rows = steps if buffer.has_rows else steps // sample
            if array.shape != (rows, batch, *buffer.shape[1:]):
                expected = ", ".join(map(str, (rows, batch, *buffer.shape[1:])))
                raise ValueError(f"input {name!r}: expected [{expected}], got {list(array.shape)}")
        arrays = {buffers[name].sym_name.data: array for name, array in inputs.items()}
        return arrays, steps, batch

    def _memory(self, inputs: dict[str, Array], steps: int, batch: int) -> dict[str, Array]:
        memory = dict(inputs)
        for buffer in self.program.buffers():
            name, role = buffer.sym_name.data, buffer.role.data
            dtype = dtype_of(buffer.type.element_type)
            match role:
                case Role.INPUT:
                    pass
                case Role.CONST:
                    memory[name] = self._contents[name]
                case Role.STATE:
                    content = self._contents[name]
                    memory[name] = np.broadcast_to(content, (batch, *content.shape)).copy()
                case Role.OUTPUT if buffer.has_rows:
                    memory[name] = np.zeros((steps, batch, *buffer.shape[1:]), dtype)
                case Role.OUTPUT if buffer.sampled is not None:
                    samples = steps // (self.program.sample_steps or 1)
                    memory[name] = np.zeros((samples, batch, *buffer.shape[1:]), dtype)
                case Role.OUTPUT:
                    memory[name] = np.zeros((batch, *buffer.shape), dtype)
                case Role.STREAM:
                    rows, *shape = buffer.shape
                    memory[name] = np.zeros((rows, batch, *shape), dtype)
                case Role.WORK:
                    memory[name] = np.zeros((batch, *buffer.shape), dtype)
        return memory

    # states

    def _named_states(self) -> dict[str, kernel.BufferOp]:
        """The states that users know: all but the positions in delay lines."""
        positions = set(self._lines.values())
        return {
            buffer.known_as: buffer
            for buffer in self.program.buffers(Role.STATE)
            if buffer.sym_name.data not in positions
        }

    def _channel_axis(self, buffer: kernel.BufferOp) -> int | None:
        """
        The axis of [B, *logical shape] that the buffer stores last; None where it stores
        the model's order of axes.
        """
        if buffer.channel_last is None:
            return None
        return 2 if buffer.sym_name.data in self._lines else 1

    def _set_states(self, memory: dict[str, Array], given: Mapping[str, Array], batch: int) -> None:
        states = self._named_states()
        for name, value in given.items():
            if name not in states:
                raise ValueError(f"no state is named {name!r}; states: {', '.join(states)}")
            stored = memory[states[name].sym_name.data]
            axis = self._channel_axis(states[name])
            logical = stored if axis is None else np.moveaxis(stored, -1, axis)
            if np.shape(value) not in (logical.shape, logical.shape[1:]):
                raise ValueError(
                    f"state {name!r}: expected {list(logical.shape)}, got {list(np.shape(value))}"
                )
            logical[...] = value  # a view of the buffer; position 0 is the oldest row

    def _final(self, memory: Mapping[str, Array]) -> dict[str, Array]:
        result: dict[str, Array] = {}
        for name, buffer in self._named_states().items():
            array = memory[buffer.sym_name.data]
            position = self._lines.get(buffer.sym_name.data)
            if position is not None:  # the row that is written next is the oldest
                array = np.roll(array, -int(memory[position].flat[0]), axis=1)
            axis = self._channel_axis(buffer)
            result[name] = np.array(array if axis is None else np.moveaxis(array, -1, axis))
        return result


def in_model_order(buffer: kernel.BufferOp, array: Array) -> Array:
    """An output, [..., *shape of the buffer], with the model's axes."""
    if buffer.has_rows or buffer.sampled is not None:
        return array
    if buffer.order is not None:
        leading = array.ndim - len(buffer.shape)
        places = np.argsort(buffer.order.get_values())
        array = array.transpose(*range(leading), *(leading + place for place in places))
    return array.reshape(*array.shape[: array.ndim - len(buffer.shape)], *buffer.model_shape)


def _content(buffer: kernel.BufferOp) -> Array:
    """
    As it is read from where it is stored. Raises ValueError where the content of a digest was
    not loaded, and where it needs more bits than it is packed in.
    """
    assert buffer.content is not None
    content = array_of(buffer.content, TensorType(buffer.type.element_type, buffer.shape))
    if buffer.packing is None:
        return content
    return buffer.packing.unpack(buffer.packing.pack(content), buffer.shape, content.dtype)


_OF_INDICES: dict[type[Operation], Callable[[int, int], int]] = {
    arith.AddiOp: operator.add,
    arith.SubiOp: operator.sub,
    arith.MuliOp: operator.mul,
    arith.DivUIOp: operator.floordiv,
}
"""What stages compute of numbers of steps."""


class _Execution:
    """One stage over one block of steps; `start` is the block's first step."""

    def __init__(
        self,
        interpreter: Interpreter,
        program: kernel.ProgramOp,
        memory: Mapping[str, Array],
        contents: Mapping[str, Array],
        start: int,
    ):
        self.values: dict[SSAValue, Any] = {}
        self._interpreter = interpreter
        self._buffers = {buffer.sym_name.data: buffer for buffer in program.buffers()}
        self._memory = memory
        self._contents = contents
        self._start = start
        self._sample_steps = program.sample_steps or 1

    def run(self, block: Block) -> None:
        for op in block.ops:
            if not isinstance(op, scf.YieldOp):
                self._run_op(op)

    def _run_op(self, op: Operation) -> None:
        if isinstance(op, kernel.RefOp):
            self.values[op.result] = self._view(op)
        elif isinstance(op, scf.ForOp):
            self._loop(op)
        elif isinstance(op, linalg.ops.GenericOp):
            self._generic(op)
        elif isinstance(op, arith.ConstantOp) and isinstance(op.result.type, IndexType):
            assert isinstance(op.value, IntegerAttr)
            self.values[op.result] = op.value.value.data
        elif type(op) in _OF_INDICES and isinstance(op.results[0].type, IndexType):
            lhs, rhs = (self.values[operand] for operand in op.operands)
            self.values[op.results[0]] = _OF_INDICES[type(op)](lhs, rhs)
        elif isinstance(op, kernel.RestartOp):
            for state in op.states:
                assert isinstance(state.owner, kernel.RefOp)
                name = state.owner.symbol
                self._memory[name][...] = self._contents[name]
        else:
            arguments = tuple(self.values[operand] for operand in op.operands)
            results = self._interpreter.run_op(op, arguments)
            self.values.update(zip(op.results, results, strict=True))

    def _view(self, op: kernel.RefOp) -> Array:
        array, buffer = self._memory[op.symbol], self._buffers[op.symbol]
        shape, role = memref_shape(op.result), buffer.role.data
        if role is Role.CONST or buffer.held is not None:
            return array.reshape(shape)
        if op.step is not None:
            row = self.values[op.step]
            if buffer.sampled is not None:
                row += self._start // self._sample_steps
            elif role is not Role.STREAM:
                row += self._start
            array = array[row]
        elif role is Role.STREAM:  # a whole block
            array = np.moveaxis(array, 1, 0)
        elif buffer.has_rows or buffer.sampled is not None:
            raise ValueError(f"kernel.ref @{op.symbol}: expected a step")
        return array.reshape(array.shape[0], *shape)

    def _loop(self, op: scf.ForOp) -> None:
        if op.iter_args:
            raise ValueError("scf.for: expected a loop without values in a stage")
        first, stop, step = (self.values[v] for v in (op.lb, op.ub, op.step))
        for index in range(first, stop, step):
            self.values[op.body.block.args[0]] = index
            self.run(op.body.block)

    def _generic(self, op: linalg.ops.GenericOp) -> None:
        """
        Elementwise work on whole arrays, each operand seen through its map; loops that reduce
        run one by one, from the outermost.
        """
        maps = [attribute.data for attribute in op.indexing_maps]
        kinds = [kind.data for kind in op.iterator_types]
        reduced = [i for i, kind in enumerate(kinds) if kind is IteratorType.REDUCTION]
        if reduced:
            self._reduction(op, maps, reduced)
            return
        operands = [*op.inputs, *op.outputs]
        views = [
            _through(self.values[value], value, map)
            for value, map in zip(operands, maps, strict=True)
        ]
        self._elementwise(op, operands, views)

    def _elementwise(
        self, op: linalg.ops.GenericOp, operands: list[SSAValue], views: list[Array]
    ) -> None:
        arguments = tuple(
            from_stream(view, element_type(value))
            for view, value in zip(views, operands, strict=True)
        )
        block = op.body.block
        values = run_body(self._interpreter, block, arguments)
        assert block.last_op is not None
        # an output may be what another yields: all are taken before one is written
        results = [
            np.array(to_stream(values[value], value.type)) for value in block.last_op.operands
        ]
        for view, result in zip(views[len(op.inputs) :], results, strict=True):
            view[...] = result

    def _reduction(
        self, op: linalg.ops.GenericOp, maps: list[AffineMap], reduced: list[int]
    ) -> None:
        operands = [*op.inputs, *op.outputs]
        views = [
            _through(self.values[value], value, map)
            for value, map in zip(operands, maps, strict=True)
        ]
        sizes = [max(view.shape[1 + loop] for view in views) for loop in reduced]
        for place in product(*map(range, sizes)):
            taken: list[Array] = []
            for view in views:
                index: list[int | slice] = [slice(None)] * view.ndim
                for loop, at in zip(reduced, place, strict=True):
                    index[1 + loop] = slice(at, at + 1) if view.shape[1 + loop] > 1 else slice(None)
                taken.append(view[tuple(index)])
            self._elementwise(op, operands, taken)


def _through(array: Array, value: SSAValue, map: AffineMap) -> Array:
    """
    An operand as [B or 1, *loops], a view: its axes in the order of the loops, with axes
    of size 1 for the loops that it does not depend on.
    """
    if array.ndim == len(memref_shape(value)):
        array = array[None]
    loops: list[int] = []
    index: list[int | slice] = [slice(None)]
    for result in map.results:
        if isinstance(result, AffineDimExpr):
            loops.append(result.position)
            index.append(slice(None))
        elif isinstance(result, AffineConstantExpr):
            index.append(result.value)
        else:
            raise ValueError(f"linalg.generic: expected loops and constants in {map}")
    if len(set(loops)) != len(loops):
        raise ValueError(f"linalg.generic: {map} uses a loop twice")
    array = array[tuple(index)]
    array = array.transpose(0, *(1 + axis for axis in np.argsort(loops)))
    sizes = dict(zip(sorted(loops), array.shape[1:], strict=True))
    return array.reshape(array.shape[0], *(sizes.get(loop, 1) for loop in range(map.num_dims)))
