"""Vectors of floats, and the addition of one row to another."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType

VECTOR_TYPE = """\
#if defined(@U@_VECTOR)
typedef @F@ @P@_vec_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES), aligned(@SIZE@), may_alias));
typedef @F@ @P@_half_@S@ __attribute__((vector_size(32), aligned(@SIZE@), may_alias));
typedef @F@ @P@_quarter_@S@ __attribute__((vector_size(16), aligned(@SIZE@), may_alias));
#define @U@_LANES_@S@ (@U@_VECTOR_BYTES / @SIZE@u)
#endif
"""

BLOCK = """\
/* What takes a block of steps is one function for all layers: its loops are long. */
#if defined(__GNUC__)
#define @U@_BLOCK static __attribute__((noinline))
#else
#define @U@_BLOCK static
#endif
"""

ONES = """\
/* Whether all elements are 0 or 1: then products with them are sums of what they select. */
@U@_INLINE int @NAME@(const @T@ *restrict x, size_t rows, size_t size)
{
  for (size_t r = 0; r < rows; ++r) { /* seldom more than one row, where they are not */
    uint32_t other = 0;
    for (size_t i = 0; i < size; ++i) {
      other |= (uint32_t)(x[i] != 0) & (uint32_t)(x[i] != 1);
    }
    if (other != 0) {
      return 0;
    }
    x += size;
  }
  return 1;
}
"""

ADD_ROW = """\
/* target[o] += row[o]@TIMES_TEXT@ */
@U@_INLINE void @NAME@(@F@ *restrict target, const @F@ *restrict row, size_t outputs@VALUE@)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    *(@P@_vec_@S@ *)(void *)(target + o) += *(const @P@_vec_@S@ *)(const void *)(row + o)@TIMES@;
  }
#if @U@_VECTOR_BYTES > 32
  for (; o + 32 / @SIZE@ <= outputs; o += 32 / @SIZE@) {
    *(@P@_half_@S@ *)(void *)(target + o) += *(const @P@_half_@S@ *)(const void *)(row + o)@TIMES@;
  }
#endif
#if @U@_VECTOR_BYTES > 16
  for (; o + 16 / @SIZE@ <= outputs; o += 16 / @SIZE@) {
    *(@P@_quarter_@S@ *)(void *)(target + o) +=
        *(const @P@_quarter_@S@ *)(const void *)(row + o)@TIMES@;
  }
#endif
#endif
  for (; o < outputs; ++o) {
    target[o] += row[o]@TIMES@;
  }
}
"""

ADD_CONVERTED = """\
/* target[o] += row[o] for a row of whole numbers */
#if defined(@U@_VECTOR)
typedef @T@ @P@_vec_@TS@_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES / @SIZE@ * @TSIZE@), aligned(@TSIZE@), may_alias));
@NARROW_TYPE@#endif
@U@_INLINE void @NAME@(@F@ *restrict target, const @T@ *restrict row, size_t outputs)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    const @P@_vec_@TS@_@S@ some = *(const @P@_vec_@TS@_@S@ *)(const void *)(row + o);
    *(@P@_vec_@S@ *)(void *)(target + o) += __builtin_convertvector(@SOME@, @P@_vec_@S@);
  }
#endif
  for (; o < outputs; ++o) {
    target[o] += (@F@)row[o];
  }
}
"""

NARROW_TYPE = """\
typedef int32_t @P@_vec_@TS@_i32_@S@ __attribute__((vector_size(@U@_VECTOR_BYTES / @SIZE@ * 4)));
"""

NARROW = "\n        __builtin_convertvector(some, @P@_vec_@TS@_i32_@S@)"
"""Bytes and halves by way of a signed type, which vector units convert; it holds no more."""


def vector_type(kernels: Kernels, float_type: CType) -> None:
    kernels.add(
        f"vec_{float_type.short}",
        VECTOR_TYPE,
        F=float_type.name,
        S=float_type.short,
        SIZE=str(float_type.size),
    )


def block_function(kernels: Kernels) -> None:
    """How functions that take a block of steps are declared: `@U@_BLOCK`."""
    kernels.add("block", BLOCK)


def all_ones(kernels: Kernels, source: CType) -> str:
    """The test whether values are 0 or 1."""
    return kernels.add(f"ones_{source.short}", ONES, T=source.name)


def add_row(kernels: Kernels, float_type: CType, source: CType, *, weighted: bool = False) -> str:
    """The kernel that adds a row (times a value, where `weighted`) to a float row."""
    vector_type(kernels, float_type)
    common = {"F": float_type.name, "S": float_type.short, "SIZE": str(float_type.size)}
    if source != float_type:
        narrow = source.size < 4
        return kernels.add(
            f"add_{source.short}_row_{float_type.short}",
            ADD_CONVERTED.replace("@NARROW_TYPE@", NARROW_TYPE if narrow else "").replace(
                "@SOME@", NARROW if narrow else "some"
            ),
            T=source.name,
            TS=source.short,
            TSIZE=str(source.size),
            **common,
        )
    return kernels.add(
        f"add_{'weighted_' if weighted else ''}row_{float_type.short}",
        ADD_ROW,
        TIMES=" * value" if weighted else "",
        TIMES_TEXT=" * value" if weighted else "",
        VALUE=f", {float_type.name} value" if weighted else "",
        **common,
    )
