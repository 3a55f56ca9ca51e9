"""Functions on arrays: one NumPy operation for each instruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from snncc.dialects.snn.functions.program import Code, Program, Type

Array: TypeAlias = npt.NDArray[Any]

_DTYPES: dict[Type, np.dtype[Any]] = {
    Type.F32: np.dtype(np.float32),
    Type.F64: np.dtype(np.float64),
    Type.U32: np.dtype(np.uint32),
    Type.U64: np.dtype(np.uint64),
    Type.BOOL: np.dtype(np.bool_),
}

_OPERATIONS: dict[Code, Callable[..., Array]] = {
    Code.ADD: np.add,
    Code.SUB: np.subtract,
    Code.MUL: np.multiply,
    Code.DIV: np.divide,
    Code.AND: np.bitwise_and,
    Code.OR: np.bitwise_or,
    Code.XOR: np.bitwise_xor,
    Code.SHL: np.left_shift,
    Code.SHR: np.right_shift,
    Code.LT: np.less,
    Code.LE: np.less_equal,
    Code.EQ: np.equal,
    Code.NE: np.not_equal,
    Code.SELECT: np.where,
}

_CHUNK = 1 << 14
"""Elements at a time: the temporaries of a long program stay in the cache."""


def evaluate(program: Program, arguments: Sequence[Array]) -> Array:
    """
    The function's values for arguments that broadcast, each of the program's type.

    A result that is not a number has the bits that the program gives it.
    """
    given = [
        np.asarray(array, _DTYPES[type])
        for array, type in zip(arguments, program.arguments, strict=True)
    ]
    shape = np.broadcast_shapes(*(array.shape for array in given))
    flat = [np.broadcast_to(array, shape).reshape(-1) for array in given]
    result = np.empty(flat[0].size, _DTYPES[program.instructions[-1].type])
    steps = _steps_of(program)
    with np.errstate(all="ignore"):
        for start in range(0, result.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            result[part] = _run(steps, [array[part] for array in flat])
    return result.reshape(shape)


_Step: TypeAlias = tuple[Callable[..., Array] | None, tuple[int, ...], tuple[int, ...], Any]
"""
(what computes it from its operands, their numbers, those that nothing reads any more); without
operands None, and the constant or the number of the argument.
"""

_known: dict[int, tuple[Program, list[_Step]]] = {}


def _steps_of(program: Program) -> list[_Step]:
    """
    What a program does, looked up once: bodies call functions at every step, and of few elements.
    Kept by the identity of the program, which is kept as well so that the identity stays its own.
    """
    found = _known.get(id(program))
    if found is None:
        if len(_known) > 256:
            _known.clear()
        found = program, _looked_up(program)
        _known[id(program)] = found
    return found[1]


def _looked_up(program: Program) -> list[_Step]:
    last = list(range(len(program.instructions)))
    for index, instruction in enumerate(program.instructions):
        for operand in instruction.operands:
            last[operand] = index
    steps: list[_Step] = []
    for index, instruction in enumerate(program.instructions):
        operands = tuple(instruction.operands)
        dead = tuple(operand for operand in {*operands} if last[operand] == index)
        dtype = _DTYPES[instruction.type]
        if instruction.code is Code.ARGUMENT:
            steps.append((None, (), (), int(instruction.number)))
        elif instruction.code is Code.CONSTANT:
            steps.append((None, (), (), np.array([instruction.number], dtype)))
        else:
            steps.append((_operation(instruction.code, dtype), operands, dead, None))
    return steps


def _operation(code: Code, dtype: np.dtype[Any]) -> Callable[..., Array]:
    if code is Code.BITS:
        return lambda array: array.view(dtype)
    if code in (Code.WIDEN, Code.NARROW):
        return lambda array: array.astype(dtype)
    return _OPERATIONS[code]


def _run(steps: Sequence[_Step], arguments: Sequence[Array]) -> Array:
    values: list[Any] = []
    for operation, operands, dead, given in steps:
        if operation is None:
            values.append(arguments[given] if isinstance(given, int) else given)
            continue
        values.append(operation(*[values[operand] for operand in operands]))
        for operand in dead:
            values[operand] = None
    return np.asarray(values[-1])
