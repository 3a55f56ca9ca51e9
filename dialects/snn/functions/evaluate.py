"""Functions on arrays: one NumPy operation for each instruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from snncc.dialects.snn.functions.program import Code, Instruction, Program, Type

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
    last_use = _last_uses(program)
    with np.errstate(all="ignore"):
        for start in range(0, result.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            result[part] = _run(program, [array[part] for array in flat], last_use)
    return result.reshape(shape)


def _last_uses(program: Program) -> list[int]:
    """For each instruction the number of the last one that reads it."""
    last = list(range(len(program.instructions)))
    for index, instruction in enumerate(program.instructions):
        for operand in instruction.operands:
            last[operand] = index
    return last


def _run(program: Program, arguments: Sequence[Array], last_use: Sequence[int]) -> Array:
    values: dict[int, Array] = {}
    for index, instruction in enumerate(program.instructions):
        operands = [values[operand] for operand in instruction.operands]
        values[index] = _value(instruction, operands, arguments)
        for operand in set(instruction.operands):
            if last_use[operand] == index:
                del values[operand]
    return values[len(program.instructions) - 1]


def _value(
    instruction: Instruction, operands: Sequence[Array], arguments: Sequence[Array]
) -> Array:
    dtype = _DTYPES[instruction.type]
    match instruction.code:
        case Code.ARGUMENT:
            return arguments[int(instruction.number)]
        case Code.CONSTANT:
            return np.array([instruction.number], dtype)
        case Code.BITS:
            return operands[0].view(dtype)
        case Code.WIDEN | Code.NARROW:
            return operands[0].astype(dtype)
        case code:
            return np.asarray(_OPERATIONS[code](*operands))
