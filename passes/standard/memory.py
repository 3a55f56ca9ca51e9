"""The buffers of a program as `memref.global`s and arguments, and views of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import (
    AnyDenseElement,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    MemRefType,
    NoneAttr,
    StridedLayoutAttr,
    StringAttr,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException
from xdsl.utils.hints import isa

from snncc.dialects import kernel
from snncc.dialects.arrays import Array, array_of, dense_of, dtype_of
from snncc.dialects.kernel.buffers import MemRef, Role
from snncc.dialects.kernel.operands import element_count, memref_shape
from snncc.passes.standard.code import Code, Index, unsupported


def content_of(buffer: kernel.BufferOp) -> Array:
    """What a constant holds, or a state at first. Raises where its bytes were not loaded."""
    assert buffer.content is not None
    try:
        return array_of(buffer.content, TensorType(buffer.type.element_type, buffer.shape))
    except ValueError as fault:
        raise PassFailedException(
            f"kernel-to-standard: buffer {buffer.sym_name.data!r}: {fault}"
        ) from None


def dense(array: Array, type: MemRef) -> DenseIntOrFPElementsAttr:
    """An array as the initial value of a global of the type."""
    tensor = TensorType(type.element_type, type.get_shape())
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = BytesAttr(little.tobytes())
    assert isa(tensor, TensorType[AnyDenseElement])
    return DenseIntOrFPElementsAttr(tensor, data)


def make_global(name: str, type: MemRef, content: Array, *, constant: bool) -> memref.GlobalOp:
    return memref.GlobalOp.get(
        StringAttr(name), type, dense(content, type), constant=UnitAttr() if constant else None
    )


class Globals:
    """The globals of a program: names have the program's in front."""

    def __init__(self, program: kernel.ProgramOp):
        self.prefix = program.sym_name.data
        self.operations: list[memref.GlobalOp] = []
        self._names: set[str] = set()
        for buffer in program.buffers(Role.CONST, Role.STATE, Role.STREAM, Role.WORK):
            role = buffer.role.data
            if role in (Role.CONST, Role.STATE):
                content = content_of(buffer)
            else:
                content = np.zeros(buffer.shape, dtype_of(buffer.type.element_type))
            self._add(self.name(buffer), buffer.type, content, constant=role is Role.CONST)

    def name(self, buffer: kernel.BufferOp) -> str:
        return f"{self.prefix}.{buffer.sym_name.data}"

    def _add(self, name: str, type: MemRef, content: Array, *, constant: bool) -> None:
        self._names.add(name)
        self.operations.append(make_global(name, type, content, constant=constant))

    def table(self, name: str, content: Array) -> tuple[str, MemRef]:
        """One more constant; its symbol is `name` or, where that is taken, one like it."""
        candidate, number = f"{self.prefix}.{name}", 0
        while candidate in self._names:
            number += 1
            candidate = f"{self.prefix}.{name}_{number}"
        element = dense_of(content.ravel()[:1]).type.element_type
        type = MemRefType(element, content.shape)
        self._add(candidate, type, content, constant=True)
        return candidate, type


@dataclass(frozen=True)
class View:
    """Contiguous elements of a buffer from an offset on."""

    base: SSAValue
    offset: Index

    def at(self, code: Code, shape: Sequence[int]) -> SSAValue:
        """The elements under a shape, row-major."""
        assert isinstance(self.base.type, MemRefType)
        element = self.base.type.element_type
        if isinstance(self.offset, int) and tuple(shape) == self.base.type.get_shape():
            return self.base
        strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        layout = NoneAttr() if self.offset == 0 else StridedLayoutAttr(strides, None)
        return code.insert(
            memref.ReinterpretCastOp.from_dynamic(
                self.base,
                [self.offset],
                list(shape),
                strides,
                MemRefType(element, shape, layout),
            )
        )


class Memory:
    """What `kernel.ref`s stand for in the function that is written."""

    def __init__(
        self,
        code: Code,
        program: kernel.ProgramOp,
        globals: Globals,
        arguments: Mapping[str, SSAValue],
        start: SSAValue,
    ):
        """`arguments`: the caller's buffers by name; `start`: the first step of the block."""
        self.globals = globals
        self._code = code
        self._buffers = {buffer.sym_name.data: buffer for buffer in program.buffers()}
        self._arguments = arguments
        self._start = start
        self._sample_steps = program.sample_steps or 1
        self._views: dict[SSAValue, tuple[View, SSAValue]] = {}

    def declare(self, op: kernel.RefOp, step: Index | None) -> SSAValue:
        """The view that a reference gives, under the shape that it asks for."""
        buffer = self._buffers[op.symbol]
        code, type = self._code, buffer.type
        if buffer.role.data in (Role.INPUT, Role.OUTPUT):
            base = self._arguments[op.symbol]
            if buffer.has_rows or buffer.sampled is not None:
                if step is None:
                    raise unsupported(op, f"the caller's buffer {op.symbol!r} needs a step")
                each = 1 if buffer.sampled is None else self._sample_steps
                step = code.add(code.divide(self._start, each), step)
        else:
            base = code.insert(memref.GetGlobalOp(self.globals.name(buffer), type))
        offset: Index = 0
        if step is not None and step != 0:
            offset = code.multiply(step, prod(buffer.shape[1:]))
        view = View(base, offset)
        declared = view.at(code, memref_shape(op.result))
        self._views[op.result] = view, declared
        return declared

    def shaped(self, op: Operation, value: SSAValue, shape: tuple[int, ...]) -> SSAValue:
        """An operand of a kernel under another shape."""
        if value not in self._views:
            raise unsupported(op, "expected operands that are kernel.ref's")
        view, declared = self._views[value]
        return declared if shape == memref_shape(value) else view.at(self._code, shape)

    def flat(self, op: Operation, value: SSAValue) -> SSAValue:
        """An operand of a kernel with one axis."""
        return self.shaped(op, value, (element_count(value),))

    def table(self, name: str, content: Array) -> SSAValue:
        """A constant that a kernel's attribute becomes."""
        symbol, type = self.globals.table(name, content)
        return self._code.insert(memref.GetGlobalOp(symbol, type))
