"""Weighted sums of all steps of a block at once, of a weight whose rows are the results."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.rows import vector_type
from snncc.backends.c.types import CType

PROJECT = """\
/* out[k][r] = sum over c ascending, from +0, of weight[r][c] * x[k][c], for each step k of the
   block. A vector holds one element of several steps, so that the weight is read once, as it
   lies; `room` holds x with the steps innermost. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict x, size_t steps, @F@ *restrict room, @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  const size_t wide = 2 * @U@_LANES_@S@;
  const size_t padded = (steps + wide - 1) / wide * wide;
  for (size_t first = 0; first < columns; first += 16) { /* a cache line of each step */
    const size_t end = columns - first < 16 ? columns : first + 16;
    for (size_t k = 0; k < padded; ++k) {
      for (size_t c = first; c < end; ++c) {
        room[c * padded + k] = k < steps ? x[k * columns + c] : @ZERO@;
      }
    }
  }
  for (size_t r = 0; r < rows; r += 4) {
    const size_t taken = rows - r < 4 ? rows - r : 4;
    const @F@ *row[4];
    for (size_t i = 0; i < 4; ++i) {
      row[i] = weight + (r + (i < taken ? i : 0)) * columns;
    }
    for (size_t k = 0; k < padded; k += wide) {
      @P@_vec_@S@ sum[4][2];
      for (size_t i = 0; i < 4; ++i) {
        sum[i][0] = (@P@_vec_@S@){0};
        sum[i][1] = (@P@_vec_@S@){0};
      }
      const @F@ *steps_of = room + k;
      for (size_t c = 0; c < columns; ++c) {
        const @P@_vec_@S@ first = *(const @P@_vec_@S@ *)(const void *)steps_of;
        const @P@_vec_@S@ second =
            *(const @P@_vec_@S@ *)(const void *)(steps_of + @U@_LANES_@S@);
        for (size_t i = 0; i < 4; ++i) {
          const @F@ value = row[i][c];
          sum[i][0] += first * value;
          sum[i][1] += second * value;
        }
        steps_of += padded;
      }
      const size_t left = steps - k < wide ? steps - k : wide;
      for (size_t i = 0; i < taken; ++i) {
        @F@ each[2 * @U@_VECTOR_BYTES / @SIZE@u];
        *(@P@_vec_@S@ *)(void *)each = sum[i][0];
        *(@P@_vec_@S@ *)(void *)(each + @U@_LANES_@S@) = sum[i][1];
        for (size_t j = 0; j < left; ++j) {
          out[(k + j) * rows + r + i] = each[j];
        }
      }
    }
  }
#else
  (void)room;
  for (size_t k = 0; k < steps; ++k) {
    for (size_t r = 0; r < rows; ++r) {
      @F@ sum = @ZERO@;
      for (size_t c = 0; c < columns; ++c) {
        sum += weight[r * columns + c] * x[k * columns + c];
      }
      out[k * rows + r] = sum;
    }
  }
#endif
}
"""


def project(kernels: Kernels, float_type: CType) -> str:
    vector_type(kernels, float_type)
    return kernels.add(
        f"project_{float_type.short}",
        PROJECT,
        F=float_type.name,
        S=float_type.short,
        SIZE=str(float_type.size),
        ZERO="0.0f" if float_type.size == 4 else "0.0",
    )
