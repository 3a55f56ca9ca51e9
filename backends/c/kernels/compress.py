"""From values to a list of those that are not zero."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType, is_integer

COMPRESS = """\
/* Lists the indices of the elements that are not zero, ascending; gives their number. */
@U@_INLINE size_t @NAME@(
    const @T@ *restrict x, size_t size, @L@ *restrict list)
{
  size_t count = 0;
@FAST@#if !defined(@U@_AVX512)
@SKIP@  for (size_t i = @START@; i < size; ++i) { /* without a branch on the data */
    list[count] = (@L@)i;
    count += (size_t)(x[i] != 0);
  }
#endif
  return count;
}
"""

COMPRESS_AVX512 = """\
#if defined(@U@_AVX512)
  __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t i = 0; i < size; i += 16) {
    const size_t left = size - i;
    const __mmask16 valid = (__mmask16)(left < 16 ? (1u << left) - 1u : 0xffffu);
    const __mmask16 active = @TEST@;
    const __m512i packed = _mm512_maskz_compress_epi32(active, index);
    const unsigned found = (unsigned)__builtin_popcount((unsigned)active);
    const __mmask16 stored = (__mmask16)((1u << found) - 1u);
    @STORE@;
    count += found;
    index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
  }
#endif
"""

COMPRESS_BYTES = """\
  const size_t eights = size / 8;
  for (size_t g = 0; g < eights; ++g) { /* eight silent neurons at a time */
    uint64_t eight;
    memcpy(&eight, x + g * 8, 8);
    if (eight != 0) {
      for (size_t i = g * 8; i < g * 8 + 8; ++i) {
        list[count] = (@L@)i;
        count += (size_t)(x[i] != 0);
      }
    }
  }
"""

_BYTES = "_mm_test_epi8_mask(_mm_maskz_loadu_epi8(valid, x + i), _mm_set1_epi8(-1))"
_HALVES = (
    "_mm256_test_epi16_mask(\n"
    "        _mm256_maskz_loadu_epi16(valid, x + i), _mm256_set1_epi16(-1))"
)
_TESTS = {
    "f32": "_mm512_mask_cmp_ps_mask(\n"
    "        valid, _mm512_maskz_loadu_ps(valid, x + i), _mm512_setzero_ps(), _CMP_NEQ_UQ)",
    "u8": _BYTES,
    "i8": _BYTES,
    "u16": _HALVES,
    "i16": _HALVES,
    "i32": "_mm512_test_epi32_mask(\n"
    "        _mm512_maskz_loadu_epi32(valid, x + i), _mm512_set1_epi32(-1))",
}
_STORES = {
    "u16": "_mm256_mask_storeu_epi16(list + count, stored, _mm512_cvtepi32_epi16(packed))",
    "u32": "_mm512_mask_storeu_epi32(list + count, stored, packed)",
}


def compress(kernels: Kernels, source: CType, listed: CType) -> str:
    fast = ""
    template = COMPRESS
    if source.short in _TESTS:
        fast = COMPRESS_AVX512.replace("@TEST@", _TESTS[source.short]).replace(
            "@STORE@", _STORES[listed.short]
        )
    else:  # no vector body: the plain one stands everywhere
        template = template.replace("#if !defined(@U@_AVX512)\n", "").replace("#endif\n", "")
    bytes_ = is_integer(source) and source.size == 1
    return kernels.add(
        f"compress_{source.short}_{listed.short}",
        template.replace("@FAST@", fast)
        .replace("@SKIP@", COMPRESS_BYTES if bytes_ else "")
        .replace("@START@", "eights * 8" if bytes_ else "0"),
        T=source.name,
        L=listed.name,
    )
