"""Products and sums that are rounded once."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels

FUSED = """\
/* a * b + c, rounded once: by the processor where it can. Else the product, which is exact in
   double, and a sum that is rounded to odd: rounded again it is what the exact sum gives
   (Boldo and Melquiond, IEEE Transactions on Computers 57, 2008). */
@U@_INLINE float @NAME@(float a, float b, float c)
{
#if defined(__GNUC__) && \\
    (defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__FP_FAST_FMAF))
  return __builtin_fmaf(a, b, c);
#else
  const double product = (double)a * (double)b;
  double sum = product + (double)c;
  const double added = sum - product;
  const double lost = (product - (sum - added)) + ((double)c - added);
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  const int64_t outwards = (lost > 0) == (sum > 0) ? 1 : -1;
  bits += lost != 0 && (bits & 1) == 0 ? outwards : 0;
  memcpy(&sum, &bits, sizeof bits);
  return (float)sum;
#endif
}
"""

FUSED_VECTOR = """\
#if defined(@U@_VECTOR)
#if @U@_VECTOR_BYTES == 64 || (@U@_VECTOR_BYTES == 32 && defined(__FMA__))
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif
/* x * value + sum for each element, rounded once. */
@U@_INLINE @P@_vec_f32 @NAME@(@P@_vec_f32 x, float value, @P@_vec_f32 sum)
{
#if @U@_VECTOR_BYTES == 64
  return (@P@_vec_f32)_mm512_fmadd_ps((__m512)x, _mm512_set1_ps(value), (__m512)sum);
#elif @U@_VECTOR_BYTES == 32 && defined(__FMA__)
  return (@P@_vec_f32)_mm256_fmadd_ps((__m256)x, _mm256_set1_ps(value), (__m256)sum);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return (@P@_vec_f32)vfmaq_n_f32((float32x4_t)sum, (float32x4_t)x, value);
#else
  for (size_t i = 0; i < @U@_LANES_f32; ++i) {
    sum[i] = @FUSED@(x[i], value, sum[i]);
  }
  return sum;
#endif
}
#endif
"""


def fused(kernels: Kernels) -> str:
    """a * b + c of floats."""
    return kernels.add("fused_f32", FUSED)


def fused_vector(kernels: Kernels) -> str:
    """x * value + sum of vectors of floats; their type is there already."""
    return kernels.add("fused_vec_f32", FUSED_VECTOR, FUSED=fused(kernels))
