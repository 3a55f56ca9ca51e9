"""Spikes as bits, and the way back."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels

PACK = """\
/* Bit j of byte i is spike 8 i + j, 0 or 1. */
@U@_INLINE void @NAME@(const uint8_t *restrict x, size_t size, uint8_t *restrict bits)
{
  const size_t eights = size / 8;
  for (size_t i = 0; i < eights; ++i) {
    const uint8_t *const eight = x + i * 8;
    bits[i] = (uint8_t)(eight[0] | eight[1] << 1 | eight[2] << 2 | eight[3] << 3 | eight[4] << 4
        | eight[5] << 5 | eight[6] << 6 | eight[7] << 7);
  }
  if (size % 8 != 0) {
    unsigned last = 0;
    for (size_t i = eights * 8; i < size; ++i) {
      last |= (unsigned)x[i] << (i % 8);
    }
    bits[eights] = (uint8_t)last;
  }
}
"""

UNPACK = """\
/* Spike 8 i + j is bit j of byte i. */
@U@_INLINE void @NAME@(const uint8_t *restrict bits, uint8_t *restrict x, size_t size)
{
  for (size_t i = 0; i < size; ++i) {
    x[i] = (uint8_t)((unsigned)bits[i / 8] >> (i % 8) & 1u);
  }
}
"""


def pack(kernels: Kernels) -> str:
    return kernels.add("pack_u8", PACK)


def unpack(kernels: Kernels) -> str:
    return kernels.add("unpack_u8", UNPACK)
