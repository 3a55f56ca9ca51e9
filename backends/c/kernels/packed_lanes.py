"""
What the sums of packed rows share: the columns of a byte as expressions, and blocks of columns
that are taken apart into lanes of sums at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType, unsigned_type
from snncc.dialects.kernel.packing import Packing

SHARED = """\
/* Functions that are called often: one copy of them where size counts. */
#if defined(__OPTIMIZE_SIZE__)
#define @U@_SHARED static __attribute__((unused))
#else
#define @U@_SHARED @U@_INLINE
#endif
"""

LANES = """\
#if defined(@U@_VECTOR)
typedef @A@ @NAME@ __attribute__((vector_size(@BYTES@), aligned(@SIZE@), may_alias));
#endif
"""

ADD_LANES = """\
#if defined(@U@_VECTOR)@WIDE_ENOUGH@
/* sums[o + i] += lane i of x, where there is a sum */
@U@_INLINE void @NAME@(@A@ *restrict sums, size_t outputs, size_t o, @LANES@ x)
{
  if (o + @C@u <= outputs) {
    *(@LANES@ *)(void *)(sums + o) += x;
    return;
  }
  for (size_t i = 0; o + i < outputs; ++i) {
    sums[o + i] = (@A@)((uint32_t)sums[o + i] + x[i]);
  }
}
#endif
"""

BLOCK = """\
#if defined(@U@_VECTOR)@WIDE_ENOUGH@
/* @C@ bytes of each plane, from byte j on. */
@U@_INLINE void @NAME@(const uint8_t *restrict weight, size_t outputs, size_t plane@PARAMETERS@,
    @A@ *restrict out, size_t j)
{
@ZEROS@
  for (size_t e = 0; e < count; ++e) {
    const uint8_t *const row = weight + @ROW@ * (@PLANES@u * plane) + j;
@VALUE@@LOADS@
@SUMS@
  }
@ADDS@
}
#endif
"""

LAYOUTS = {
    2: "Byte j of a row has columns j, j + plane, ... in bits 0-1, 2-3, ...",
    3: (
        "Bytes j of a row's three planes x, y, z have columns j, j + plane, ... in bits 0-2 and\n"
        "   3-5 of x, of y, of z; then in bits 6-7 of x and 6 of z, 6-7 of y and 7 of z."
    ),
    4: "Byte j of a row has columns j and j + plane in bits 0-3 and 4-7.",
}

VECTORS = (64, 32, 16)
"""The bytes of a vector of sums."""


def parts_of(packing: Packing, sum_type: CType) -> dict[str, str]:
    """What all templates of a packing and a type of sums are filled with."""
    return {
        "A": sum_type.name,
        "BITS": str(packing.bits),
        "WIDTH": str(8 * sum_type.size),
        "OFFSET": str(packing.offset),
        "PLANES": str(packing.planes),
        "LAYOUT": LAYOUTS[packing.bits],
    }


def shared(kernels: Kernels) -> None:
    """The macro in front of functions that are too large to be inlined where size counts."""
    kernels.add("shared", SHARED)


def wide_enough(vector: int) -> str:
    """The rest of a condition: whether vectors of so many bytes are the processor's."""
    return f" && @U@_VECTOR_BYTES >= {vector}" if vector > 16 else ""


def fields(packing: Packing, mask: str) -> list[str]:
    """
    The columns of the bytes x0, x1, ... of all planes, as expressions; `mask` is one of every
    byte, @M@ in hexadecimal.
    """
    found: list[str] = []
    for pieces in packing.columns:
        parts: list[str] = []
        for piece in pieces:
            by = piece.shift - piece.place
            bits = mask.replace("@M@", f"{((1 << piece.width) - 1) << piece.place:02x}")
            parts.append(f"x{piece.plane}{f' >> {by}' if by else ''} & {bits}")
        found.append(parts[0] if len(parts) == 1 else " | ".join(f"({part})" for part in parts))
    return found


def lane_fields(packing: Packing, lane: CType) -> list[str]:
    """As `fields`, of vectors: scalars are of the lanes' type."""
    found: list[str] = []
    for text in fields(packing, f"({lane.name})0x@M@u"):
        for by in range(1, 8):
            text = text.replace(f">> {by} ", f">> ({lane.name}){by} ")
        found.append(text)
    return found


def loads(packing: Packing, pad: str, read: str, place: str = "") -> str:
    """
    Statements that read x0, x1, ... of a row, `place` bytes behind its start; in `read`, @I@
    is the number of the plane and @AT@ where it is.
    """
    lines: list[str] = []
    for plane in range(packing.planes):
        steps = ("", "plane", f"{plane} * plane")[min(plane, 2)]
        at = " + ".join(["row", *filter(None, (steps, place))])
        lines.append(pad + read.replace("@I@", str(plane)).replace("@AT@", at))
    return "\n".join(lines)


def field_place(field: int) -> str:
    """The column of byte j."""
    return "j" if field == 0 else "plane + j" if field == 1 else f"{field} * plane + j"


def lanes_of_bytes(kernels: Kernels, lane: CType, count: int) -> tuple[str, str]:
    """The types of `count` bytes, and of as many lanes of sums."""
    found: list[str] = []
    for type in (CType("uint8_t", "u8", 1), lane):
        found.append(
            kernels.add(
                f"few{count}_{type.short}",
                LANES,
                A=type.name,
                BYTES=str(count * type.size),
                SIZE=str(type.size),
            )
        )
    return found[0], found[1]


def converted(types: tuple[str, str]) -> str:
    """The statement that reads bytes as lanes (for `loads`)."""
    few, lanes = types
    return (
        f"const {lanes} x@I@ = __builtin_convertvector("
        f"*(const {few} *)(const void *)(@AT@), {lanes});"
    )


def add_lanes(kernels: Kernels, sum_type: CType, vector: int) -> tuple[int, tuple[str, str], str]:
    """(lanes of a vector of sums, the types of as many bytes and of them, what adds them)."""
    lane = unsigned_type(sum_type)
    count = vector // lane.size
    types = lanes_of_bytes(kernels, lane, count)
    name = kernels.add(
        f"add_lanes{count}_{sum_type.short}",
        ADD_LANES,
        A=sum_type.name,
        LANES=types[1],
        C=str(count),
        WIDE_ENOUGH=wide_enough(vector),
    )
    return count, types, name


def calls(vector: int, bytes: int, block: str, arguments: str) -> str:
    """Calls of a block, whose processor has vectors so wide, for what is left of the planes."""
    condition = wide_enough(vector).removeprefix(" && ")
    text = f"  for (; j + {bytes}u <= plane; j += {bytes}u) {{\n    {block}({arguments});\n  }}\n"
    return f"#if {condition}\n{text}#endif\n" if condition else text


def blocks(
    kernels: Kernels,
    packing: Packing,
    sum_type: CType,
    name: str,
    *,
    parameters: str,
    arguments: str,
    row: str,
    value: str,
    parts: Mapping[str, str],
) -> str:
    """Blocks of every width, and the statements that call them; `value` loads what rows count."""
    lane, found = unsigned_type(sum_type), ""
    columns = range(len(packing.columns))
    times = f" * ({lane.name})value" if value else ""
    for vector in VECTORS:
        count, types, add = add_lanes(kernels, sum_type, vector)
        texts = [f"({text}){times}" if times else text for text in lane_fields(packing, lane)]
        block = kernels.add(
            f"block{count}_{name}",
            BLOCK,
            C=str(count),
            WIDE_ENOUGH=wide_enough(vector),
            PARAMETERS=parameters,
            ROW=row,
            VALUE=f"    {value}\n" if value else "",
            ZEROS="\n".join(f"  {types[1]} sum{f} = ({types[1]}){{0}};" for f in columns),
            LOADS=loads(packing, "    ", converted(types)),
            SUMS="\n".join(f"    sum{f} += {text};" for f, text in enumerate(texts)),
            ADDS="\n".join(f"  {add}(out, outputs, {field_place(f)}, sum{f});" for f in columns),
            **parts,
        )
        found += calls(vector, count, block, f"weight, outputs, plane{arguments}, out, j")
    return found
