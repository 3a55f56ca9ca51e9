"""
The functions of bodies as `arith`: their programs written out where they are called, so that
what MLIR makes of `math`, or a libm, decides no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, f32, f64, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects.snn.functions import FUNCTIONS, program_of, type_of_element
from snncc.dialects.snn.functions.program import Code, Instruction, Program, Type

_TYPES: dict[Type, Attribute] = {
    Type.F32: f32,
    Type.F64: f64,
    Type.U32: IntegerType(32),
    Type.U64: IntegerType(64),
    Type.BOOL: i1,
}

_FLOATS: dict[Code, Callable[[SSAValue, SSAValue], Operation]] = {
    Code.ADD: arith.AddfOp,
    Code.SUB: arith.SubfOp,
    Code.MUL: arith.MulfOp,
    Code.DIV: arith.DivfOp,
}

_INTEGERS: dict[Code, Callable[[SSAValue, SSAValue], Operation]] = {
    Code.ADD: arith.AddiOp,
    Code.SUB: arith.SubiOp,
    Code.MUL: arith.MuliOp,
    Code.AND: arith.AndIOp,
    Code.OR: arith.OrIOp,
    Code.XOR: arith.XOrIOp,
    Code.SHL: arith.ShLIOp,
    Code.SHR: arith.ShRUIOp,
}

_PREDICATES = {
    Code.LT: ("olt", "ult"),
    Code.LE: ("ole", "ule"),
    Code.EQ: ("oeq", "eq"),
    Code.NE: ("une", "ne"),
}
"""Of floats, and of unsigned integers."""


def expand_functions(block: Block) -> None:
    """Replaces every operation of `FUNCTIONS` in a body by the operations of its program."""
    for op in list(block.ops):
        if type(op) not in FUNCTIONS:
            continue
        program = program_of(type(op), type_of_element(op.results[0].type))
        builder = Builder(InsertPoint.before(op))
        op.results[0].replace_all_uses_with(_write(builder, program, op.operands))
        block.erase_op(op)


def _write(builder: Builder, program: Program, arguments: Sequence[SSAValue]) -> SSAValue:
    values: list[SSAValue] = []
    for instruction in program.instructions:
        operands = [values[operand] for operand in instruction.operands]
        if instruction.code is Code.ARGUMENT:
            values.append(arguments[int(instruction.number)])
        else:
            values.append(builder.insert(_operation(instruction, operands)).results[0])
    return values[-1]


def _operation(instruction: Instruction, operands: Sequence[SSAValue]) -> Operation:
    type = _TYPES[instruction.type]
    match instruction.code:
        case Code.CONSTANT:
            return arith.ConstantOp(_constant(instruction))
        case Code.SELECT:
            return arith.SelectOp(*operands)
        case Code.BITS:
            return arith.BitcastOp(operands[0], type)
        case Code.WIDEN:
            return arith.ExtFOp(operands[0], f64)
        case Code.NARROW:
            return arith.TruncFOp(operands[0], f32)
        case Code.LT | Code.LE | Code.EQ | Code.NE as code:
            on_floats, on_integers = _PREDICATES[code]
            left, right = operands
            if isinstance(left.type, IntegerType):
                return arith.CmpiOp(left, right, on_integers)
            return arith.CmpfOp(left, right, on_floats)
        case code:
            return (_FLOATS if instruction.type.is_float else _INTEGERS)[code](*operands)


def _constant(instruction: Instruction) -> FloatAttr | IntegerAttr:
    if instruction.type.is_float:
        return FloatAttr(instruction.number, f64 if instruction.type is Type.F64 else f32)
    width = IntegerType(32 if instruction.type is Type.U32 else 64)
    return IntegerAttr(int(instruction.number), width, truncate_bits=True)
