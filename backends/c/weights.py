"""Constant data: small arrays as C, large ones as a binary file that the assembler includes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import Float32Type, Float64Type, TensorType

from snncc.backends.c.program import CProgram, Unit, stored_type
from snncc.backends.c.scalars import float_literal, integer_literal
from snncc.dialects import kernel
from snncc.dialects.arrays import Array, array_of
from snncc.dialects.snn.types import Stream

C_LIMIT = 64 << 10
"""Bytes of constants up to which they stand in C: a parser needs about 1 s for 10 MB of text."""


@dataclass(frozen=True)
class Constant:
    """A constant array of the program."""

    symbol: str
    buffer: kernel.BufferOp
    array: Array

    @property
    def declaration(self) -> str:
        type = stored_type(self.buffer)
        return f"const {type.name} {self.symbol}[{self.array.size}]"


def content_of(buffer: kernel.BufferOp) -> Array:
    """The content of a const or state buffer, of its shape."""
    assert buffer.content is not None
    type: Stream = TensorType(buffer.type.element_type, buffer.shape)
    return array_of(buffer.content, type)


def constants_of(program: CProgram) -> list[Constant]:
    return [
        Constant(program.constant(b.sym_name.data), b, content_of(b))
        for b in program.constant_buffers
    ]


def total_bytes(constants: list[Constant]) -> int:
    return sum(c.array.nbytes for c in constants)


def _initializer(constant: Constant) -> list[str]:
    element = constant.buffer.type.element_type
    values = constant.array.ravel().tolist()
    if isinstance(element, Float32Type | Float64Type):
        texts = [float_literal(value, element) for value in values]
    else:
        texts = [integer_literal(value, stored_type(constant.buffer)) for value in values]
    per_line = 8
    return ["  " + ", ".join(texts[i : i + per_line]) + "," for i in range(0, len(texts), per_line)]


def weights_c(program: CProgram | Unit, constants: list[Constant]) -> str:
    """The constants as C initializers."""
    p = program.prefix
    parts = [
        f"/* Constants of {p}: weights in the order in which the kernels read them. */",
        f'#include "{p}_internal.h"',
        "",
    ]
    for constant in constants:
        shape = "x".join(map(str, constant.array.shape))
        parts.append(f"/* {constant.buffer.sym_name.data}: {shape} */")
        parts.append(f"{program.upper}_CONST {constant.declaration} = {{")
        parts.extend(_initializer(constant))
        parts.extend(["};", ""])
    return "\n".join(parts)


def weights_binary(program: CProgram | Unit, constants: list[Constant]) -> tuple[bytes, str]:
    """(the bytes, little-endian and aligned; the assembly that gives them their symbols)."""
    p, alignment = program.prefix, program.alignment
    data = bytearray()
    lines: list[str] = []
    for constant in constants:
        data.extend(b"\0" * (-len(data) % alignment))
        raw = np.ascontiguousarray(constant.array, constant.array.dtype.newbyteorder("<")).tobytes()
        lines.extend(
            [
                f"  {program.upper}_GLOBAL {program.upper}_SYMBOL({constant.symbol})",
                f"  .p2align {alignment.bit_length() - 1}",
                f"{program.upper}_SYMBOL({constant.symbol}):",
                f'  .incbin "{p}_weights.bin", {len(data)}, {len(raw)}',
            ]
        )
        data.extend(raw)
    text = ASSEMBLY.replace("@P@", p).replace("@U@", program.upper)
    return bytes(data), text.replace("@LINES@", "\n".join(lines))


ASSEMBLY = """\
/* Constants of @P@ from @P@_weights.bin, which holds them little-endian. Put the folder of
   this file on the include path (-I): the assembler looks for the .bin file there. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "@P@_weights.bin is little-endian; emit the weights as C (--weights c)"
#endif
#if defined(__APPLE__)
#define @U@_SYMBOL(name) _##name
#define @U@_GLOBAL .private_extern
  .const
#else
#define @U@_SYMBOL(name) name
#define @U@_GLOBAL .globl
  .section .rodata.@P@_weights, "a"
#endif
@LINES@
#if defined(__ELF__)
  .section .note.GNU-stack, "", %progbits
#endif
"""


def clean(text: str) -> str:
    """Text that is safe inside a C comment."""
    return re.sub(r"\*/|/\*|[^\x20-\x7e]", "_", text)
