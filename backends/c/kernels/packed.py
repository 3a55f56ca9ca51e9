"""
Sums of packed rows (`snncc.dialects.kernel.packing`), driven by spikes.

A vector or word of a row's bytes is taken apart by shifts and masks; what it gives is added up
in bytes for as many rows as these hold, and then spread over the sums. What fills no vector of
bytes becomes lanes of sums at once. The stored numbers have no sign: what was added to each of
them is taken off the sum at its start.
"""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.packed_lanes import (
    VECTORS,
    blocks,
    field_place,
    fields,
    lanes_of_bytes,
    loads,
    parts_of,
    shared,
)
from snncc.backends.c.types import CType, unsigned_type
from snncc.dialects.kernel.packing import Packing

WORDS = """\
/* What packed rows are read in: words of four bytes, or bytes where nothing is known. */
#if !defined(@U@_PORTABLE) && defined(__GNUC__) && defined(__BYTE_ORDER__) && \\
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
typedef uint32_t @P@_word_u32 __attribute__((aligned(@ALIGNED@), may_alias));
#else
typedef uint8_t @P@_word_u32;
#endif
#define @U@_EACH_BYTE(x) ((@P@_word_u32)(0x01010101u * (x)))
#if defined(@U@_VECTOR)
typedef uint32_t @P@_bytes_u32
    __attribute__((vector_size(@U@_VECTOR_BYTES), aligned(1), may_alias));
#endif
"""

SPREAD_WORD = """\
/* out[at + i] += byte i of a word, of which `count` are there */
@U@_SHARED void @NAME@(@A@ *restrict out, size_t outputs, size_t at, size_t count,
    @P@_word_u32 bytes)
{
  const size_t end = at + count < outputs ? at + count : outputs;
  for (size_t o = at; o < end; ++o) {
    out[o] = (@A@)((uint32_t)out[o] + (bytes & 255u));
    bytes = (@P@_word_u32)(bytes >> 8);
  }
}
"""

SPREAD = """\
#if defined(@U@_VECTOR)
/* out[at + i] += byte i of a vector */
@U@_INLINE void @NAME@(@A@ *restrict out, size_t outputs, size_t at, @P@_bytes_u32 bytes)
{
  uint8_t each[@U@_VECTOR_BYTES];
  *(@P@_bytes_u32 *)(void *)each = bytes;
  if (at + @U@_VECTOR_BYTES <= outputs) {
@ADD@    return;
  }
  for (size_t i = 0; at + i < outputs; ++i) {
    out[at + i] = (@A@)((uint32_t)out[at + i] + each[i]);
  }
}
#endif
"""

BLOCK = """\
#if defined(@U@_VECTOR)
/* `vectors` neighbours in each plane, from byte j on. */
@U@_INLINE void @NAME@(const uint8_t *restrict weight, size_t outputs, size_t plane,
    const @L@ *restrict list, size_t count, @A@ *restrict out, size_t j, size_t vectors)
{
  for (size_t first = 0; first < count; first += @ROWS@u) {
    const size_t behind = count - first < @ROWS@u ? count : first + @ROWS@u;
    @P@_bytes_u32 sum[@MOST@][@FIELDS@];
    for (size_t v = 0; v < vectors; ++v) {
      for (size_t f = 0; f < @FIELDS@u; ++f) {
        sum[v][f] = (@P@_bytes_u32){0};
      }
    }
    for (size_t e = first; e < behind; ++e) {
      const uint8_t *const row = weight + (size_t)list[e] * (@PLANES@u * plane) + j;
      for (size_t v = 0; v < vectors; ++v) {
@LOADS@
@SUMS@
      }
    }
    for (size_t v = 0; v < vectors; ++v) {
      for (size_t f = 0; f < @FIELDS@u; ++f) {
        @SPREAD@(out, outputs, f * plane + j + v * @U@_VECTOR_BYTES, sum[v][f]);
      }
    }
  }
}
#endif
"""

GATHER = """\
/* out[o] = init[o] + sum over e of weight[list[e]][o], of weights of @BITS@ bits, modulo 2^@WIDTH@.
   @LAYOUT@ */
@U@_SHARED void @NAME@(const uint8_t *restrict weight, size_t outputs, size_t plane,
    const @L@ *restrict list, size_t count, const @A@ *restrict init, @A@ *restrict out)
{
  size_t j = 0;
  for (size_t o = 0; o < outputs; ++o) { /* the stored numbers are weights + @OFFSET@ */
    out[o] = (@A@)((init != NULL ? (uint32_t)init[o] : 0u) - @OFFSET@u * (uint32_t)count);
  }
#if defined(@U@_VECTOR)
@CALLS@#endif
  for (; j < plane; j += sizeof(@P@_word_u32)) { /* the last word may end in the next plane */
    const size_t left = plane - j < sizeof(@P@_word_u32) ? plane - j : sizeof(@P@_word_u32);
    for (size_t first = 0; first < count; first += @ROWS@u) {
      const size_t behind = count - first < @ROWS@u ? count : first + @ROWS@u;
@ZEROS@
      for (size_t e = first; e < behind; ++e) {
        const uint8_t *const row = weight + (size_t)list[e] * (@PLANES@u * plane) + j;
@LOADS@
@SUMS@
      }
@SPREADS@
    }
  }
}
"""

_SUMS = 8
"""How many vectors of sums stay in registers."""


def gather(
    kernels: Kernels, packing: Packing, sum_type: CType, listed: CType, *, aligned: bool
) -> str:
    """
    The rows of a list; takes (weight, outputs, plane, list, count, init, out). `aligned`: the
    planes of all that is packed in the program are whole words.
    """
    shared(kernels)
    kernels.add("words", WORDS, ALIGNED="4" if aligned else "1")
    name = f"gather_w{packing.bits}_{sum_type.short}_{listed.short}"
    count = len(packing.columns)
    parts = {
        **parts_of(packing, sum_type),
        "L": listed.name,
        "ROWS": str(packing.rows_in_bytes),
        "FIELDS": str(count),
    }
    most = _SUMS // count
    type = "@P@_bytes_u32"
    whole = kernels.add(
        f"block_w{packing.bits}_{sum_type.short}_{listed.short}",
        BLOCK,
        MOST=str(most),
        LOADS=loads(
            packing,
            "        ",
            f"const {type} x@I@ = *(const {type} *)(const void *)(@AT@);",
            "v * @U@_VECTOR_BYTES",
        ),
        SUMS="\n".join(
            f"        sum[v][{f}] += {column};"
            for f, column in enumerate(fields(packing, "0x@M@@M@@M@@M@u"))
        ),
        SPREAD=_spread(kernels, sum_type),
        **parts,
    )
    calls = ""
    for vectors in dict.fromkeys((most, 1)):
        bytes = f"{vectors}u * @U@_VECTOR_BYTES" if vectors > 1 else "@U@_VECTOR_BYTES"
        calls += f"  for (; j + {bytes} <= plane; j += {bytes}) {{\n"
        calls += f"    {whole}(weight, outputs, plane, list, count, out, j, {vectors}u);\n  }}\n"
    calls += blocks(
        kernels,
        packing,
        sum_type,
        name,
        parameters=f",\n    const {listed.name} *restrict list, size_t count",
        arguments=", list, count",
        row="(size_t)list[e]",
        value="",
        parts=parts,
    )
    word = "@P@_word_u32"
    spread = kernels.add(f"spread_word_{sum_type.short}", SPREAD_WORD, A=sum_type.name)
    columns = enumerate(fields(packing, "@U@_EACH_BYTE(0x@M@u)"))
    return kernels.add(
        name,
        GATHER,
        CALLS=calls,
        ZEROS="\n".join(f"      {word} sum{f} = 0;" for f in range(count)),
        LOADS=loads(
            packing, "        ", f"const {word} x@I@ = *(const {word} *)(const void *)(@AT@);"
        ),
        SUMS="\n".join(f"        sum{f} = ({word})(sum{f} + ({text}));" for f, text in columns),
        SPREADS="\n".join(
            f"      {spread}(out, outputs, {field_place(f)}, left, sum{f});" for f in range(count)
        ),
        **parts,
    )


def _spread(kernels: Kernels, sum_type: CType) -> str:
    """Vectors of sums are as wide as those of bytes."""
    lane = unsigned_type(sum_type)
    lines: list[str] = []
    for vector in VECTORS:
        count = vector // lane.size
        few, lanes = lanes_of_bytes(kernels, lane, count)
        start = {64: f"#if @U@_VECTOR_BYTES >= {vector}", 16: "#else"}.get(vector, "")
        lines.append(start or f"#elif @U@_VECTOR_BYTES >= {vector}")
        lines.append(f"    for (size_t i = 0; i < @U@_VECTOR_BYTES; i += {count}u) {{")
        lines.append(f"      *({lanes} *)(void *)(out + at + i) += __builtin_convertvector(")
        lines.append(f"          *(const {few} *)(const void *)(each + i), {lanes});")
        lines.append("    }")
    lines.append("#endif")
    return kernels.add(
        f"spread_{sum_type.short}",
        SPREAD,
        A=sum_type.name,
        ADD="".join(f"{line}\n" for line in lines),
    )
