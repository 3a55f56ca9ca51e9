"""
Weighted sums of integers, modulo the width of the sum: any order gives the same bits.

A block of columns stays in registers while the rows pass by: up to eight vectors, or four
words on a microcontroller and behind the last vector. Other processors add whole rows.
"""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.integers import add_integer_row, lanes, value_of, widen
from snncc.backends.c.kernels.sums import OF_ELEMENTS, SCATTER
from snncc.backends.c.types import CType, is_signed, signed_type

BLOCK = """\
#if defined(@U@_VECTOR)
/* Columns of `vectors` vectors: @MEANING@. */
@U@_INLINE void @NAME@(const @W@ *restrict weight, size_t outputs@PARAMETERS@,
    const @A@ *restrict init, @A@ *restrict out, size_t vectors)
{
  @P@_sum_@S@ sum[8];
  for (size_t v = 0; v < vectors; ++v) {
    sum[v] = (@P@_sum_@S@){0};
    if (init != NULL) {
      sum[v] += *(const @P@_sum_@S@ *)(const void *)(init + v * @U@_SUM_LANES_@S@);
    }
  }
  for (size_t e = 0; e < count; ++e) {
    const @W@ *const row = weight + @ROW@ * outputs;
@LOAD_VALUE@    for (size_t v = 0; v < vectors; ++v) {
      sum[v] += @WIDEN@(row + v * @U@_SUM_LANES_@S@)@TIMES_LANES@;
    }
  }
  for (size_t v = 0; v < vectors; ++v) {
    *(@P@_sum_@S@ *)(void *)(out + v * @U@_SUM_LANES_@S@) = sum[v];
  }
}
#endif
"""

NARROW_BLOCK = """\
#if defined(@U@_VECTOR)
/* Columns of `vectors` vectors: @MEANING@.
   Half the width holds the sum of 256 rows of bytes. */
@U@_INLINE void @NAME@(const @W@ *restrict weight, size_t outputs@PARAMETERS@,
    const @A@ *restrict init, @A@ *restrict out, size_t vectors)
{
  for (size_t o = 0; o < vectors * @U@_SUM_LANES_@S@; ++o) {
    out[o] = init != NULL ? init[o] : 0;
  }
  for (size_t first = 0; first < count; first += 256) {
    const size_t behind = count - first < 256 ? count : first + 256;
    @P@_sum_@S@ sum[8];
    int16_t part[8 * @U@_SUM_LANES_@S@];
    for (size_t v = 0; v < vectors; ++v) {
      sum[v] = (@P@_sum_@S@){0};
    }
    for (size_t e = first; e < behind; ++e) {
      const @W@ *const row = weight + @ROW@ * outputs;
      for (size_t v = 0; v < vectors; ++v) {
        sum[v] += @WIDEN@(row + v * @U@_SUM_LANES_@S@);
      }
    }
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_sum_@S@ *)(void *)(part + v * @U@_SUM_LANES_@S@) = sum[v];
    }
    for (size_t o = 0; o < vectors * @U@_SUM_LANES_@S@; ++o) {
      out[o] = (@A@)((uint32_t)out[o] + (uint32_t)part[o]);
    }
  }
}
#endif
"""

COLUMNS = """\
/* @MEANING@, modulo 2^@BITS@. */
@U@_INLINE void @NAME@(const @W@ *restrict weight, size_t outputs@PARAMETERS@,
    const @A@ *restrict init, @A@ *restrict out)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
@BLOCKS@#elif !defined(@U@_WITHOUT_CACHE)
  /* whole rows, as a cache holds them */
  for (; o < outputs; ++o) {
    out[o] = 0;
    if (init != NULL) {
      out[o] = init[o];
    }
  }
  for (size_t e = 0; e < count; ++e) {
    const @W@ *const row = weight + @ROW@ * outputs;
@LOAD@    for (size_t p = 0; p < outputs; ++p) {
      out[p] = (@A@)(@WORD@((int32_t)out[p]) + @WORD@(@CAST@row[p])@TIMES@);
    }
  }
#endif
  for (; o + 4 <= outputs; o += 4) {
    uint32_t sum0 = 0;
    uint32_t sum1 = 0;
    uint32_t sum2 = 0;
    uint32_t sum3 = 0;
    if (init != NULL) {
      sum0 = (uint32_t)init[o];
      sum1 = (uint32_t)init[o + 1];
      sum2 = (uint32_t)init[o + 2];
      sum3 = (uint32_t)init[o + 3];
    }
    for (size_t e = 0; e < count; ++e) {
      const @W@ *const row = weight + @ROW@ * outputs + o;
@LOAD@      sum0 += @WORD@(@CAST@row[0])@TIMES@;
      sum1 += @WORD@(@CAST@row[1])@TIMES@;
      sum2 += @WORD@(@CAST@row[2])@TIMES@;
      sum3 += @WORD@(@CAST@row[3])@TIMES@;
    }
    out[o] = (@A@)sum0;
    out[o + 1] = (@A@)sum1;
    out[o + 2] = (@A@)sum2;
    out[o + 3] = (@A@)sum3;
  }
  for (; o < outputs; ++o) {
    uint32_t sum = 0;
    if (init != NULL) {
      sum = (uint32_t)init[o];
    }
    for (size_t e = 0; e < count; ++e) {
      const @W@ *const row = weight + @ROW@ * outputs + o;
@LOAD@      sum += @WORD@(@CAST@row[0])@TIMES@;
    }
    out[o] = (@A@)sum;
  }
}
"""

WORD = """\
/* Processors that mostly read weights without a cache keep a sum in a register instead. */
#if (defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M') || defined(__xtensa__) || \\
    (defined(__riscv) && __riscv_xlen == 32)
#define @U@_WITHOUT_CACHE 1
#endif
/* A signed number for arithmetic that wraps. */
@U@_INLINE uint32_t @NAME@(int32_t x)
{
  return (uint32_t)x;
}
"""

_BLOCK_CALL = """\
  for (; o + @N@ * @U@_SUM_LANES_@S@ <= outputs; o += @N@ * @U@_SUM_LANES_@S@) {
    @BLOCK@(weight + o, outputs@ARGUMENTS@,
        init != NULL ? init + o : NULL, out + o, @N@);
  }
"""

_BLOCKS = (8, 4, 2, 1)
"""How many vectors of columns stay in registers, as long as there are so many."""


def _columns(
    kernels: Kernels,
    name: str,
    sum_type: CType,
    weight: CType,
    *,
    parameters: str,
    arguments: str,
    row: str,
    values: CType | None,
    place: str,
    meaning: str,
) -> str:
    """A sum over rows, as columns."""
    # the sum of a few bytes fits half of the width
    narrow = weight.size == 1 and sum_type.size == 4 and values is None
    inner = signed_type(CType("", "", 2)) if narrow else sum_type
    lane = lanes(kernels, inner)
    load = "" if values is None else value_of(values, place) + "\n"
    parts = {
        "A": sum_type.name,
        "W": weight.name,
        "S": lane.short,
        "BITS": str(8 * sum_type.size),
        "PARAMETERS": parameters,
        "ROW": row,
        "MEANING": meaning,
        "CAST": "" if is_signed(weight) else f"({signed_type(weight).name})",
        "TIMES": " * value" if values is not None else "",
        "TIMES_LANES": f" * ({lane.name})value" if values is not None else "",
        "LOAD": f"      {load}" if load else "",
        "LOAD_VALUE": f"    {load}" if load else "",
        "WIDEN": widen(kernels, weight, inner),
        "WORD": kernels.add("word_i32", WORD),
    }
    block = kernels.add(f"{name}_block", NARROW_BLOCK if narrow else BLOCK, **parts)
    calls = "".join(
        _BLOCK_CALL.replace("@N@", str(count))
        .replace("@BLOCK@", block)
        .replace("@ARGUMENTS@", arguments)
        for count in _BLOCKS
    )
    return kernels.add(name, COLUMNS.replace("@BLOCKS@", calls), **parts)


def gather(
    kernels: Kernels, sum_type: CType, weight: CType, listed: CType, values: CType | None
) -> str:
    """The rows of a list."""
    suffix = f"_{values.short}" if values is not None else ""
    of_values = f", const {values.name} *restrict values" if values is not None else ""
    times = " * values[list[e]]" if values is not None else ""
    return _columns(
        kernels,
        f"gather_{weight.short}_{sum_type.short}_{listed.short}{suffix}",
        sum_type,
        weight,
        parameters=f",\n    const {listed.name} *restrict list, size_t count{of_values}",
        arguments=", list, count" + (", values" if values is not None else ""),
        row="(size_t)list[e]",
        values=values,
        place="list[e]",
        meaning=f"out[o] = init[o] + sum over e of weight[list[e]][o]{times}",
    )


def dense(kernels: Kernels, sum_type: CType, weight: CType, source: CType) -> str:
    """All rows."""
    return _columns(
        kernels,
        f"dense_{weight.short}_{sum_type.short}_{source.short}",
        sum_type,
        weight,
        parameters=f",\n    size_t count, const {source.name} *restrict values",
        arguments=", count, values",
        row="e",
        values=source,
        place="e",
        meaning="out[o] = init[o] + sum over e of weight[e][o] * values[e]",
    )


def scatter(
    kernels: Kernels, sum_type: CType, weight: CType, listed: CType, values: CType | None
) -> str:
    """A convolution from events."""
    suffix = f"_{values.short}" if values is not None else ""
    weighted = values is not None
    load = "" if values is None else value_of(values, "list[e]") + "\n"
    return kernels.add(
        f"scatter_{weight.short}_{sum_type.short}_{listed.short}{suffix}",
        SCATTER,
        F=sum_type.name,
        W=weight.name,
        L=listed.name,
        START="init[o]",
        ZERO="0",
        VALUES_PARAMETER=f", const {values.name} *restrict values" if values is not None else "",
        LOAD_VALUE_SCATTER=f"    {load}" if load else "",
        ADD_ROW=add_integer_row(kernels, sum_type, weight, weighted=weighted),
        PASS_VALUE=", value" if weighted else "",
        **OF_ELEMENTS,
    )
