"""States as they are at first."""

from __future__ import annotations

from xdsl.dialects.builtin import Float32Type, Float64Type

from snncc.backends.c.program import CProgram, stored_type
from snncc.backends.c.scalars import float_literal, integer_literal
from snncc.backends.c.weights import content_of
from snncc.dialects import kernel
from snncc.dialects.arrays import is_uniform


def initial(program: CProgram, buffer: kernel.BufferOp) -> tuple[list[str], list[str]]:
    """(tables, statements) that set a state to its first value."""
    array = content_of(buffer)
    element = buffer.type.element_type
    name = program.member(buffer.sym_name.data)

    def literal(value: float) -> str:
        if isinstance(element, Float32Type | Float64Type):
            return float_literal(value, element)
        return integer_literal(int(value), stored_type(buffer))

    if not array.view(f"u{array.itemsize}").any():
        return [], [f"  memset(s->{name}, 0, sizeof s->{name});"]
    if is_uniform(array):
        return [], [
            f"  for (size_t i = 0; i < {array.size}u; ++i) {{",
            f"    s->{name}[i] = {literal(array.ravel()[0].item())};",
            "  }",
        ]
    table = f"{program.prefix}_initial_{name.replace('.', '_')}"
    values = [literal(v) for v in array.ravel().tolist()]
    rows = [", ".join(values[i : i + 8]) for i in range(0, len(values), 8)]
    member = program.arrays[name]
    return [
        f"static const {member.type.name} {table}[{array.size}] = {{\n  "
        + ",\n  ".join(rows)
        + "};\n"
    ], [f"  memcpy(s->{name}, {table}, sizeof s->{name});"]
