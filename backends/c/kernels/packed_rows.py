"""
Sums of packed rows (`snncc.dialects.kernel.packing`) whose inputs count more than one, and of
those that a convolution adds.
"""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.integers import value_of
from snncc.backends.c.kernels.packed_lanes import (
    VECTORS,
    add_lanes,
    blocks,
    calls,
    converted,
    field_place,
    fields,
    lane_fields,
    loads,
    parts_of,
    shared,
    wide_enough,
)
from snncc.backends.c.kernels.sums import SCATTER
from snncc.backends.c.types import CType, unsigned_type
from snncc.dialects.kernel.packing import Packing

ADD = """\
/* sums[o] += x, where there is a sum o */
@U@_INLINE void @NAME@(@A@ *restrict sums, size_t outputs, size_t o, uint32_t x)
{
  if (o < outputs) {
    sums[o] = (@A@)((uint32_t)sums[o] + x);
  }
}
"""

SUM = """\
/* @MEANING@, of weights of @BITS@ bits, modulo 2^@WIDTH@.
   @LAYOUT@ */
@U@_SHARED void @NAME@(const uint8_t *restrict weight, size_t outputs, size_t plane@PARAMETERS@,
    const @A@ *restrict init, @A@ *restrict out)
{
  uint32_t all = 0;
  for (size_t e = 0; e < count; ++e) {
    @VALUE@
    all += value;
  }
  for (size_t o = 0; o < outputs; ++o) { /* the stored numbers are weights + @OFFSET@ */
    out[o] = (@A@)((init != NULL ? (uint32_t)init[o] : 0u) - @OFFSET@u * all);
  }
  size_t j = 0;
#if defined(@U@_VECTOR)
@CALLS@#endif
  for (; j < plane; ++j) {
@ZEROS@
    for (size_t e = 0; e < count; ++e) {
      const uint8_t *const row = weight + @ROW@ * (@PLANES@u * plane) + j;
      @VALUE@
@LOADS@
@SUMS@
    }
@ADDS@
  }
}
"""

ADD_ROW_BLOCK = """\
#if defined(@U@_VECTOR)@WIDE_ENOUGH@
/* @C@ bytes of each plane, from byte j on. */
@U@_INLINE void @NAME@(@A@ *restrict target, const uint8_t *restrict row, size_t outputs,
    size_t plane@VALUE@, size_t j)
{
@LOADS@
@ADDS@
}
#endif
"""

ADD_ROW = """\
/* target[o] += row[o]@TIMES@, of weights of @BITS@ bits, modulo 2^@WIDTH@.
   @LAYOUT@ */
@U@_INLINE void @NAME@(@A@ *restrict target, const uint8_t *restrict row, size_t outputs,
    size_t plane@VALUE@)
{
  size_t j = 0;
#if defined(@U@_VECTOR)
@CALLS@#endif
  for (; j < plane; ++j) {
@LOADS@
@ADDS@
  }
}
"""


def _sum(
    kernels: Kernels,
    packing: Packing,
    sum_type: CType,
    name: str,
    *,
    parameters: str,
    arguments: str,
    row: str,
    value: str,
    meaning: str,
) -> str:
    """The sum of rows that have values."""
    shared(kernels)
    parts = parts_of(packing, sum_type)
    columns = range(len(packing.columns))
    called = blocks(
        kernels,
        packing,
        sum_type,
        name,
        parameters=parameters,
        arguments=arguments,
        row=row,
        value=value,
        parts=parts,
    )
    add = kernels.add(f"add_{sum_type.short}", ADD, A=sum_type.name)
    texts = enumerate(fields(packing, "0x@M@u"))
    return kernels.add(
        name,
        SUM,
        PARAMETERS=parameters,
        ROW=row,
        VALUE=value,
        MEANING=meaning,
        CALLS=called,
        ZEROS="\n".join(f"    uint32_t sum{f} = 0;" for f in columns),
        LOADS=loads(packing, "      ", "const uint32_t x@I@ = *(@AT@);"),
        SUMS="\n".join(f"      sum{f} += ({text}) * value;" for f, text in texts),
        ADDS="\n".join(f"    {add}(out, outputs, {field_place(f)}, sum{f});" for f in columns),
        **parts,
    )


def gather(
    kernels: Kernels, packing: Packing, sum_type: CType, listed: CType, values: CType
) -> str:
    """The rows of a list; takes (weight, outputs, plane, list, count, values, init, out)."""
    return _sum(
        kernels,
        packing,
        sum_type,
        f"gather_w{packing.bits}_{sum_type.short}_{listed.short}_{values.short}",
        parameters=(
            f",\n    const {listed.name} *restrict list, size_t count, "
            f"const {values.name} *restrict values"
        ),
        arguments=", list, count, values",
        row="(size_t)list[e]",
        value=value_of(values, "list[e]"),
        meaning="out[o] = init[o] + sum over e of weight[list[e]][o] * values[list[e]]",
    )


def dense(kernels: Kernels, packing: Packing, sum_type: CType, source: CType) -> str:
    """All rows; takes (weight, outputs, plane, count, values, init, out)."""
    return _sum(
        kernels,
        packing,
        sum_type,
        f"dense_w{packing.bits}_{sum_type.short}_{source.short}",
        parameters=f",\n    size_t count, const {source.name} *restrict values",
        arguments=", count, values",
        row="e",
        value=value_of(source, "e"),
        meaning="out[o] = init[o] + sum over e of weight[e][o] * values[e]",
    )


def _add_row(kernels: Kernels, packing: Packing, sum_type: CType, *, weighted: bool) -> str:
    """What adds a row, times a value where `weighted`."""
    lane = unsigned_type(sum_type)
    name = f"add_{'weighted_' if weighted else ''}w{packing.bits}_row_{sum_type.short}"
    parts = {
        **parts_of(packing, sum_type),
        "VALUE": ", uint32_t value" if weighted else "",
        "TIMES": " * value" if weighted else "",
    }

    def terms(texts: list[str], offset: str, value: str) -> list[str]:
        found = [f"({text}) - {offset}" for text in texts]
        return [f"({text}) * {value}" for text in found] if weighted else found

    called = ""
    for vector in VECTORS:
        count, types, add = add_lanes(kernels, sum_type, vector)
        cast = f"({lane.name})"
        texts = terms(lane_fields(packing, lane), f"{cast}{packing.offset}", f"{cast}value")
        block = kernels.add(
            f"block{count}_{name}",
            ADD_ROW_BLOCK,
            C=str(count),
            WIDE_ENOUGH=wide_enough(vector),
            LOADS=loads(packing, "  ", converted(types), "j"),
            ADDS="\n".join(
                f"  {add}(target, outputs, {field_place(f)}, {text});"
                for f, text in enumerate(texts)
            ),
            **parts,
        )
        given = f"target, row, outputs, plane{', value' if weighted else ''}, j"
        called += calls(vector, count, block, given)
    add = kernels.add(f"add_{sum_type.short}", ADD, A=sum_type.name)
    texts = terms(fields(packing, "0x@M@u"), f"{packing.offset}u", "value")
    return kernels.add(
        name,
        ADD_ROW,
        CALLS=called,
        LOADS=loads(packing, "    ", "const uint32_t x@I@ = *(@AT@);", "j"),
        ADDS="\n".join(
            f"    {add}(target, outputs, {field_place(f)}, {text});" for f, text in enumerate(texts)
        ),
        **parts,
    )


def scatter(
    kernels: Kernels, packing: Packing, sum_type: CType, listed: CType, values: CType | None
) -> str:
    """A convolution from events; as that of bytes, with the bytes of a plane at the end."""
    suffix = f"_{values.short}" if values is not None else ""
    weighted = values is not None
    return kernels.add(
        f"scatter_w{packing.bits}_{sum_type.short}_{listed.short}{suffix}",
        SCATTER,
        F=sum_type.name,
        W="uint8_t",
        L=listed.name,
        START="init[o]",
        ZERO="0",
        VALUES_PARAMETER=f", const {values.name} *restrict values" if values is not None else "",
        LOAD_VALUE_SCATTER=f"    {value_of(values, 'list[e]')}\n" if values is not None else "",
        ADD_ROW=_add_row(kernels, packing, sum_type, weighted=weighted),
        PLANE_PARAMETER=", int32_t plane",
        ROW_SIZE="plane" if packing.planes == 1 else f"({packing.planes} * plane)",
        PASS_PLANE=", (size_t)plane",
        PASS_VALUE=", value" if weighted else "",
    )
