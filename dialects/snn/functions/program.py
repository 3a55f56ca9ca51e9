"""
Functions as data: straight-line programs of operations that IEEE 754 and integers define.

A function is written once, in Python, over `Value`s (`a * b + c`); tracing it gives a
`Program`, a list of instructions without loops, branches or calls. NumPy evaluates that
list (`evaluate.py`), the C backend prints it, `kernel-to-standard` writes it as `arith`:
three readers of one text, each operation rounded once, so that all give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Type(Enum):
    """What a value is: a float, the bits of one as an unsigned integer, or a truth."""

    F32 = "f32"
    F64 = "f64"
    U32 = "u32"
    U64 = "u64"
    BOOL = "bool"

    @property
    def is_float(self) -> bool:
        return self in (Type.F32, Type.F64)

    @property
    def twin(self) -> Type:
        """The type with the same bits."""
        return _TWINS[self]


_TWINS = {Type.F32: Type.U32, Type.F64: Type.U64, Type.U32: Type.F32, Type.U64: Type.F64}


class Code(Enum):
    """
    What an instruction does. Integers wrap around; comparisons of floats are false where
    one is not a number (`NE`: true); `BITS` reads the bits of a float as an integer or
    back; `WIDEN` and `NARROW` convert between f32 and f64.
    """

    ARGUMENT = "argument"
    CONSTANT = "constant"
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"
    SHR = ">>"
    LT = "<"
    LE = "<="
    EQ = "=="
    NE = "!="
    SELECT = "select"
    BITS = "bits"
    WIDEN = "widen"
    NARROW = "narrow"


@dataclass(frozen=True)
class Instruction:
    """One operation: the operands are the numbers of earlier instructions."""

    code: Code
    type: Type
    operands: tuple[int, ...] = ()
    number: float | int = 0
    """The value of a constant, the position of an argument."""


@dataclass(frozen=True)
class Program:
    """Instructions in order; the arguments come first, the last one is the result."""

    arguments: tuple[Type, ...]
    instructions: tuple[Instruction, ...]


Number: TypeAlias = "Value | float | int"


class Value:
    """The result of an instruction, with the operators that make further ones."""

    def __init__(self, trace: _Trace, index: int, type: Type):
        self.trace = trace
        self.index = index
        self.type = type

    def like(self, number: Number) -> Value:
        """A number as a value of this one's type."""
        if isinstance(number, Value):
            assert number.type is self.type, f"{number.type} beside {self.type}"
            return number
        return self.trace.constant(number, self.type)

    def _make(self, code: Code, other: Number, *, swap: bool = False) -> Value:
        operands = (self, self.like(other))
        compares = code in (Code.LT, Code.LE, Code.EQ, Code.NE)
        type = Type.BOOL if compares else self.type
        return self.trace.add(code, type, *(reversed(operands) if swap else operands))

    def __add__(self, other: Number) -> Value:
        return self._make(Code.ADD, other)

    def __radd__(self, other: float) -> Value:
        return self._make(Code.ADD, other, swap=True)

    def __sub__(self, other: Number) -> Value:
        return self._make(Code.SUB, other)

    def __rsub__(self, other: float) -> Value:
        return self._make(Code.SUB, other, swap=True)

    def __mul__(self, other: Number) -> Value:
        return self._make(Code.MUL, other)

    def __rmul__(self, other: float) -> Value:
        return self._make(Code.MUL, other, swap=True)

    def __truediv__(self, other: Number) -> Value:
        return self._make(Code.DIV, other)

    def __rtruediv__(self, other: float) -> Value:
        return self._make(Code.DIV, other, swap=True)

    def __and__(self, other: Number) -> Value:
        return self._make(Code.AND, other)

    def __or__(self, other: Number) -> Value:
        return self._make(Code.OR, other)

    def __xor__(self, other: Number) -> Value:
        return self._make(Code.XOR, other)

    def __lshift__(self, other: Number) -> Value:
        return self._make(Code.SHL, other)

    def __rshift__(self, other: Number) -> Value:
        """The bits that come in are zero."""
        return self._make(Code.SHR, other)

    def __lt__(self, other: Number) -> Value:
        return self._make(Code.LT, other)

    def __le__(self, other: Number) -> Value:
        return self._make(Code.LE, other)

    def __gt__(self, other: Number) -> Value:
        return self._make(Code.LT, other, swap=True)

    def __ge__(self, other: Number) -> Value:
        return self._make(Code.LE, other, swap=True)

    def equals(self, other: Number) -> Value:
        return self._make(Code.EQ, other)

    def differs(self, other: Number) -> Value:
        return self._make(Code.NE, other)

    def select(self, if_true: Value, if_false: Number) -> Value:
        """One of two values by this truth; both are computed."""
        return self.trace.add(Code.SELECT, if_true.type, self, if_true, if_true.like(if_false))

    def bits(self) -> Value:
        """The bits of a float as an integer, or those of an integer as a float."""
        return self.trace.add(Code.BITS, self.type.twin, self)

    def widen(self) -> Value:
        return self.trace.add(Code.WIDEN, Type.F64, self)

    def narrow(self) -> Value:
        return self.trace.add(Code.NARROW, Type.F32, self)


class _Trace:
    """The instructions written so far; an instruction that was written is not repeated."""

    def __init__(self) -> None:
        self._indices: dict[tuple[Instruction, str], int] = {}
        self.instructions: list[Instruction] = []

    def _append(self, instruction: Instruction) -> Value:
        # -0.0 == 0.0: the text of a number tells them apart
        key = (instruction, repr(instruction.number))
        if key not in self._indices:
            self._indices[key] = len(self.instructions)
            self.instructions.append(instruction)
        return Value(self, self._indices[key], instruction.type)

    def argument(self, position: int, type: Type) -> Value:
        return self._append(Instruction(Code.ARGUMENT, type, number=position))

    def constant(self, number: float | int, type: Type) -> Value:
        if type.is_float:
            assert math.isfinite(number), "infinities and NaN are written by their bits"
            return self._append(Instruction(Code.CONSTANT, type, number=float(number)))
        assert isinstance(number, int)
        width = 32 if type is Type.U32 else 64
        return self._append(Instruction(Code.CONSTANT, type, number=number % (1 << width)))

    def add(self, code: Code, type: Type, *operands: Value) -> Value:
        return self._append(Instruction(code, type, tuple(value.index for value in operands)))


def trace(write: Callable[..., Value], types: Sequence[Type]) -> Program:
    """What `write` writes for arguments of these types, without what its result needs not."""
    tracer = _Trace()
    arguments = [tracer.argument(position, type) for position, type in enumerate(types)]
    result = write(*arguments)
    live = {argument.index for argument in arguments} | {result.index}
    for index in range(result.index, -1, -1):
        if index in live:
            live.update(tracer.instructions[index].operands)
    numbers = {old: new for new, old in enumerate(sorted(live))}
    kept = [tracer.instructions[index] for index in numbers]
    assert numbers[result.index] == len(kept) - 1
    return Program(
        tuple(types),
        tuple(
            Instruction(
                instruction.code,
                instruction.type,
                tuple(numbers[operand] for operand in instruction.operands),
                instruction.number,
            )
            for instruction in kept
        ),
    )
