"""Rows of integers: vectors of accumulators, and what widens a row to them."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType, is_signed, signed_type, unsigned_type

LANES = """\
#if defined(@U@_VECTOR)
/* lanes of sums: they wrap, so they are unsigned */
typedef @A@ @P@_sum_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES), aligned(@SIZE@), may_alias));
typedef @B@ @P@_vec_@BS@ __attribute__((vector_size(@U@_VECTOR_BYTES)));
#define @U@_SUM_LANES_@S@ (@U@_VECTOR_BYTES / @SIZE@u)
#endif
"""

WIDEN = """\
#if defined(@U@_VECTOR)
typedef @N@ @P@_vec_@WS@_@S@
    __attribute__((vector_size(@U@_VECTOR_BYTES / @SIZE@ * @WSIZE@), aligned(@WSIZE@), may_alias));
/* Neighbours of a row, as lanes of sums. */
@U@_INLINE @P@_sum_@S@ @NAME@(const @W@ *row)
{
@FAST@  const @P@_vec_@WS@_@S@ some = *(const @P@_vec_@WS@_@S@ *)(const void *)row;
  return (@P@_sum_@S@)__builtin_convertvector(some, @P@_vec_@BS@);
@END@}
#endif
"""

_SSE2 = {
    ("i8", "u16"): (
        "_mm_srai_epi16(\n      _mm_unpacklo_epi8(_mm_setzero_si128(), "
        "_mm_loadl_epi64((const __m128i *)@R@)), 8)"
    ),
    ("i16", "u32"): (
        "_mm_srai_epi32(\n      _mm_unpacklo_epi16(_mm_setzero_si128(), "
        "_mm_loadl_epi64((const __m128i *)@R@)), 16)"
    ),
}
"""In front of zeros a number is shifted down again with its sign."""

_INTRINSICS = {
    ("i8", "u16"): (
        ("defined(__AVX512BW__)", "_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)@R@))"),
        ("defined(__AVX2__)", "_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)@R@))"),
        ("defined(__SSE2__)", _SSE2["i8", "u16"]),
        ("defined(__ARM_NEON)", "vmovl_s8(vld1_s8(@R@))"),
    ),
    ("i8", "u32"): (
        ("defined(__AVX512F__)", "_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)@R@))"),
        ("defined(__AVX2__)", "_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)@R@))"),
    ),
    ("i16", "u32"): (
        ("defined(__AVX512F__)", "_mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)@R@))"),
        ("defined(__AVX2__)", "_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)@R@))"),
        ("defined(__SSE2__)", _SSE2["i16", "u32"]),
        ("defined(__ARM_NEON)", "vmovl_s16(vld1_s16(@R@))"),
    ),
}
"""(row, lanes) -> (condition, expression): where compilers make less of the conversion."""

_WIDTH_BYTES = {
    "defined(__AVX512BW__)": 64,
    "defined(__AVX512F__)": 64,
    "defined(__AVX2__)": 32,
    "defined(__SSE2__)": 16,
}
"""How many bytes a vector has where an instruction of x86 fills one."""

INTRINSICS_HEADERS = """\
#if defined(@U@_VECTOR) && defined(__SSE2__)
#include <immintrin.h>
#elif defined(@U@_VECTOR) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif
"""

ADD_INTEGER_ROW = """\
/* target[o] += row[o]@TIMES_TEXT@, modulo 2^@BITS@ */
@U@_INLINE void @NAME@(@A@ *restrict target, const @W@ *restrict row, size_t outputs@VALUE@)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  for (; o + @U@_SUM_LANES_@S@ <= outputs; o += @U@_SUM_LANES_@S@) {
    *(@P@_sum_@S@ *)(void *)(target + o) += @WIDEN@(row + o)@TIMES_LANES@;
  }
#endif
  for (; o < outputs; ++o) {
    target[o] = (@A@)((uint32_t)target[o] + (uint32_t)@CAST@row[o]@TIMES@);
  }
}
"""


def value_of(values: CType, place: str) -> str:
    """The statement that loads what an input counts, a signed number."""
    cast = "" if is_signed(values) else f"({signed_type(values).name})"
    return f"const uint32_t value = (uint32_t){cast}values[{place}];"


def lanes(kernels: Kernels, sum_type: CType) -> CType:
    """Vectors of sums: gives the type of a lane."""
    lane = unsigned_type(sum_type)
    between = signed_type(lane)
    kernels.add(
        f"sum_{lane.short}",
        LANES,
        A=lane.name,
        S=lane.short,
        SIZE=str(lane.size),
        B=between.name,
        BS=between.short,
    )
    return lane


def widen(kernels: Kernels, row: CType, sum_type: CType) -> str:
    """
    The kernel that reads as many elements of a row as a vector has lanes of sums. Bytes of an
    unsigned type hold signed numbers.
    """
    lane = lanes(kernels, sum_type)
    kernels.add("intrinsics", INTRINSICS_HEADERS)
    narrow, between = signed_type(row), signed_type(lane)
    fast = ""
    for condition, expression in _INTRINSICS.get((narrow.short, lane.short), ()):
        width = _WIDTH_BYTES.get(condition)
        size = f" && @U@_VECTOR_BYTES == {width}" if width else ""
        fast += f"#{'elif' if fast else 'if'} {condition}{size}\n"
        fast += f"  return (@P@_sum_@S@){expression.replace('@R@', '(const void *)row')};\n"
    return kernels.add(
        f"widen_{row.short}_{lane.short}",
        WIDEN.replace("@FAST@", f"{fast}#else\n" if fast else "").replace(
            "@END@", "#endif\n" if fast else ""
        ),
        A=lane.name,
        S=lane.short,
        SIZE=str(lane.size),
        W=row.name,
        N=narrow.name,
        WS=row.short,
        WSIZE=str(row.size),
        BS=between.short,
    )


def add_integer_row(
    kernels: Kernels, sum_type: CType, row: CType, *, weighted: bool = False
) -> str:
    """The kernel that adds a row (times a value, where `weighted`) to a row of sums."""
    lane = lanes(kernels, sum_type)
    narrow = signed_type(row)
    return kernels.add(
        f"add_{'weighted_' if weighted else ''}{row.short}_row_{sum_type.short}",
        ADD_INTEGER_ROW,
        A=sum_type.name,
        S=lane.short,
        W=row.name,
        BITS=str(8 * sum_type.size),
        WIDEN=widen(kernels, row, sum_type),
        CAST="" if narrow == row else f"({narrow.name})",
        VALUE=", uint32_t value" if weighted else "",
        TIMES_TEXT=" * value" if weighted else "",
        TIMES=" * value" if weighted else "",
        TIMES_LANES=f" * ({lane.name})value" if weighted else "",
    )
