"""
The functions of bodies in C: each a helper that holds its program, one statement for each
instruction. What a program means stands in `snncc.dialects.snn.functions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from xdsl.dialects import math
from xdsl.ir import Operation

from snncc.backends.c.types import CType
from snncc.dialects.snn.functions import FUNCTIONS, Function, program_of
from snncc.dialects.snn.functions.program import Code, Instruction, Program, Type

_C_TYPES = {
    Type.F32: "float",
    Type.F64: "double",
    Type.U32: "uint32_t",
    Type.U64: "uint64_t",
    Type.BOOL: "int",
}

BITS = """\
/* The bits of a number as an integer, and back. */
@U@_INLINE @UINT@ @P@_bits_@S@(@F@ x)
{
  @UINT@ bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

@U@_INLINE @F@ @P@_from_bits_@S@(@UINT@ bits)
{
  @F@ x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
"""

FUNCTION = """\
/* @SUMMARY@. */
@U@_INLINE @F@ @NAME@(@PARAMETERS@)
{
@BODY@}
"""

INSTRUCTION = """\
#if !defined(@U@_PORTABLE) && defined(__NO_MATH_ERRNO__) && \\
    (defined(__SSE2__) || defined(__aarch64__) || \\
        (defined(__ARM_FP) && (__ARM_FP & @SIZE@)) || \\
        (defined(__riscv_flen) && __riscv_flen >= @WIDTH@))
  const @F@ root = @BUILTIN@(@P@_from_bits_@S@(@P@_bits_@S@(x) & @MAGNITUDE@));
  const @F@ nan = @P@_from_bits_@S@(@NAN@);
  return x > @ZERO@ ? root : x == @ZERO@ ? x : nan;
#else
@BODY@#endif
"""
"""
Where the target has an instruction that is as exact, and its builtin no call for errno. The
root of |x|: compilers take that of a negative x for the same as any NaN.
"""


def parts_of(operation: type[Operation], element: CType) -> dict[str, str]:
    """What `FUNCTION` wants to know of an operation on floats of one type."""
    function = FUNCTIONS[operation]
    type = Type.F32 if element.size == 4 else Type.F64
    body = _body(function, program_of(operation, type))
    if operation is math.SqrtOp:
        body = _with_instruction(body, element)
    parameters = [f"{element.name} {name}" for name in _names(function)]
    return {
        "SUMMARY": function.summary,
        "F": element.name,
        "PARAMETERS": ", ".join(parameters),
        "BODY": body,
    }


def bit_types(operation: type[Operation], element: CType) -> list[CType]:
    """The float types whose bits a function looks at."""
    program = program_of(operation, Type.F32 if element.size == 4 else Type.F64)
    types = {
        instruction.type if instruction.type.is_float else instruction.type.twin
        for instruction in program.instructions
        if instruction.code is Code.BITS
    }
    known = (CType("float", "f32", 4), CType("double", "f64", 8))
    return [type for type in known if Type(type.short) in types]


def _with_instruction(body: str, element: CType) -> str:
    single = element.size == 4
    text = INSTRUCTION
    for key, value in {
        "SIZE": str(element.size),
        "WIDTH": str(8 * element.size),
        "ZERO": "0.0f" if single else "0.0",
        "BUILTIN": "__builtin_sqrtf" if single else "__builtin_sqrt",
        "F": element.name,
        "S": element.short,
        "MAGNITUDE": "0x7fffffffu" if single else "UINT64_C(0x7fffffffffffffff)",
        "NAN": "0x7fc00000u" if single else "UINT64_C(0x7ff8000000000000)",
        "BODY": body,
    }.items():
        text = text.replace(f"@{key}@", value)
    return text


def _names(function: Function) -> tuple[str, ...]:
    return ("x", "y")[: function.arity]


def _body(function: Function, program: Program) -> str:
    """The statements, with a `return` at the end."""
    uses = Counter(
        operand for instruction in program.instructions for operand in instruction.operands
    )
    names = _names(function)
    texts: list[str] = []
    lines: list[str] = []
    for index, instruction in enumerate(program.instructions):
        if instruction.code is Code.ARGUMENT:
            texts.append(names[int(instruction.number)])
            continue
        operands = [texts[operand] for operand in instruction.operands]
        if instruction.code in (Code.SHL, Code.SHR):
            places = program.instructions[instruction.operands[1]]
            if places.code is Code.CONSTANT:
                operands[1] = str(places.number)
        text = _expression(instruction, operands)
        if instruction.code is Code.CONSTANT:
            texts.append(text)
        elif instruction.type is Type.BOOL and uses[index] == 1:
            texts.append(f"({text})")  # a comparison in its place: compilers see a mask
        else:
            texts.append(f"t{len(lines)}")
            lines.append(f"  const {_C_TYPES[instruction.type]} t{len(lines)} = {text};\n")
    return "".join([*lines, f"  return {texts[-1]};\n"])


def _expression(instruction: Instruction, operands: Sequence[str]) -> str:
    type = instruction.type
    match instruction.code:
        case Code.CONSTANT:
            return _constant(instruction.number, type)
        case Code.SELECT:
            condition, if_true, if_false = operands
            return f"{condition} ? {if_true} : {if_false}"
        case Code.BITS:
            if type.is_float:
                return f"@P@_from_bits_{type.value}({operands[0]})"
            return f"@P@_bits_{type.twin.value}({operands[0]})"
        case Code.WIDEN | Code.NARROW:
            return f"({_C_TYPES[type]}){operands[0]}"
        case code:
            left, right = operands
            return f"{left} {code.value} {right}"


def _constant(number: float | int, type: Type) -> str:
    """The shortest decimal that reads back as the same float; integers in hexadecimal."""
    if isinstance(number, float):
        # every constant of an f32 program is exact in both types
        text = f"{number!r}f" if type is Type.F32 else repr(number)
        return f"({text})" if text.startswith("-") else text
    return f"UINT64_C({number:#x})" if type is Type.U64 else f"{number:#x}u"
