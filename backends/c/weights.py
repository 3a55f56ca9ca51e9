"""Constant data: small arrays as C, large ones as a binary file that the assembler includes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import Float32Type, Float64Type, TensorType

from snncc.backends.c.program import CProgram, Unit, stored_type
from snncc.backends.c.scalars import float_literal, integer_literal
from snncc.backends.c.types import CType
from snncc.dialects import kernel
from snncc.dialects.arrays import Array, array_of
from snncc.dialects.kernel.packing import WORD
from snncc.dialects.snn.types import Stream

C_LIMIT = 64 << 10
"""Bytes of constants up to which they stand in C: a parser needs about 1 s for 10 MB of text."""

BYTE = CType("uint8_t", "u8", 1)


@dataclass(frozen=True)
class Constant:
    """A constant of the program. `array` is what is stored: its elements, or packed rows."""

    symbol: str
    buffer: kernel.BufferOp
    array: Array

    @property
    def type(self) -> CType:
        """The C type of what is stored."""
        return stored_type(self.buffer) if self.buffer.packing is None else BYTE

    @property
    def declaration(self) -> str:
        return f"const {self.type.name} {self.symbol}[{self.array.size}]"

    @property
    def definition(self) -> str:
        """The declaration without its type's alignment, where words are read."""
        if self.buffer.packing is None:
            return self.declaration
        return f"const _Alignas({WORD}) {self.declaration.removeprefix('const ')}"

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it."""
        packing = self.buffer.packing
        return {
            "name": self.buffer.sym_name.data,
            "symbol": self.symbol,
            "shape": list(self.buffer.shape),
            "type": self.type.name,
            "bits": 8 * self.type.size if packing is None else packing.bits,
            "bytes": self.array.nbytes,
        }

    @property
    def text(self) -> str:
        """What it is, for people: name, shape, and how it is packed."""
        shape = "x".join(map(str, self.buffer.shape))
        packing = self.buffer.packing
        packed = ""
        if packing is not None:
            row = packing.row(self.buffer.shape[-1])
            packed = f" of {packing.bits} bits, {row} bytes a row"
        return f"{clean(self.buffer.sym_name.data)}: {shape}{packed}"


def content_of(buffer: kernel.BufferOp) -> Array:
    """The content of a const or state buffer, of its shape."""
    assert buffer.content is not None
    type: Stream = TensorType(buffer.type.element_type, buffer.shape)
    return array_of(buffer.content, type)


def stored_content(buffer: kernel.BufferOp) -> Array:
    """The content of a const buffer as it is stored: its elements, or the bytes of packed rows."""
    content = content_of(buffer)
    return content if buffer.packing is None else buffer.packing.pack(content)


def constants_of(program: CProgram) -> list[Constant]:
    return [
        Constant(program.constant(b.sym_name.data), b, stored_content(b))
        for b in program.constant_buffers
    ]


def total_bytes(constants: list[Constant]) -> int:
    return sum(c.array.nbytes for c in constants)


def _initializer(constant: Constant) -> list[str]:
    element = constant.buffer.type.element_type
    values = constant.array.ravel().tolist()
    if constant.buffer.packing is not None:
        texts = [f"0x{value:02x}" for value in values]
    elif isinstance(element, Float32Type | Float64Type):
        texts = [float_literal(value, element) for value in values]
    else:
        texts = [integer_literal(value, stored_type(constant.buffer)) for value in values]
    per_line = 8 if constant.buffer.packing is None else 16
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
        parts.append(f"/* {constant.text} */")
        parts.append(f"{program.upper}_CONST {constant.definition} = {{")
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
