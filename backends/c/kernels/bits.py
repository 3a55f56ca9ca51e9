"""Spikes as bits, and the way back."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels

PACK = """\
/* Bit j of byte i is spike 8 i + j, 0 or 1. */
@U@_INLINE void @NAME@(const uint8_t *restrict x, size_t size, uint8_t *restrict bits)
{
  size_t i = 0;
#if defined(@U@_AVX512)
  for (; i + 64 <= size; i += 64) {
    const __m512i some = _mm512_loadu_si512(x + i);
    const uint64_t active = _mm512_test_epi8_mask(some, some);
    memcpy(bits + i / 8, &active, 8);
  }
#endif
  for (; i + 8 <= size; i += 8) {
    const uint8_t *const eight = x + i;
    bits[i / 8] = (uint8_t)(eight[0] | eight[1] << 1 | eight[2] << 2 | eight[3] << 3
        | eight[4] << 4 | eight[5] << 5 | eight[6] << 6 | eight[7] << 7);
  }
  if (i < size) {
    unsigned last = 0;
    for (size_t j = i; j < size; ++j) {
      last |= (unsigned)x[j] << (j - i);
    }
    bits[i / 8] = (uint8_t)last;
  }
}
"""

UNPACK = """\
/* Spike 8 i + j is bit j of byte i. */
@U@_INLINE void @NAME@(const uint8_t *restrict bits, uint8_t *restrict x, size_t size)
{
  size_t i = 0;
#if defined(@U@_AVX512)
  for (; i + 64 <= size; i += 64) {
    uint64_t active;
    memcpy(&active, bits + i / 8, 8);
    _mm512_storeu_si512(x + i, _mm512_maskz_set1_epi8(active, 1));
  }
#endif
  for (; i + 8 <= size; i += 8) {
    const unsigned eight = bits[i / 8];
    for (size_t j = 0; j < 8; ++j) {
      x[i + j] = (uint8_t)(eight >> j & 1u);
    }
  }
  for (; i < size; ++i) {
    x[i] = (uint8_t)((unsigned)bits[i / 8] >> (i % 8) & 1u);
  }
}
"""


def pack(kernels: Kernels) -> str:
    return kernels.add("pack_u8", PACK)


def unpack(kernels: Kernels) -> str:
    return kernels.add("unpack_u8", UNPACK)
