"""Sums over time of products of two streams: the gradients of weights."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.rows import vector_type
from snncc.backends.c.types import CType

LISTED = CType("uint32_t", "u32", 4)

OUTER = """\
/* out[g][m][n] += (sum over p ascending of left[k][p][g][n] * right[k][m][p][g]) for each step k
   of the block. A row of the sum is read and written once for all steps: what its element of
   `right` multiplies is listed first, and left out where that is zero. */
@U@_INLINE void @NAME@(const @F@ *restrict left, const @T@ *restrict right, size_t steps,
    size_t positions, size_t groups, size_t columns, size_t rows, @L@ *restrict list,
    @F@ *restrict out)
{
  const size_t stride = groups * columns;
  for (size_t r = 0; r < groups * rows; ++r) {
    const size_t g = r / rows;
    const @T@ *const factors = right + (r - g * rows) * positions * groups + g;
    const size_t next = rows * positions * groups;
    size_t count = 0;
    for (size_t k = 0; k < steps; ++k) {
      for (size_t p = 0; p < positions; ++p) { /* without a branch on the data */
        list[count] = (@L@)(k * positions + p);
        count += (size_t)(factors[k * next + p * groups] != 0);
      }
    }
    if (count == 0) {
      continue;
    }
    const @F@ *const front = left + g * columns;
    @F@ *const row = out + r * columns;
    size_t n = 0;
#if defined(@U@_VECTOR)
    for (; n + 8 * @U@_LANES_@S@ <= columns; n += 8 * @U@_LANES_@S@) {
      @P@_vec_@S@ total[8];
      for (size_t v = 0; v < 8; ++v) {
        total[v] = *(const @P@_vec_@S@ *)(const void *)(row + n + v * @U@_LANES_@S@);
      }
      for (size_t e = 0; e < count;) {
@STEP_8@      }
      for (size_t v = 0; v < 8; ++v) {
        *(@P@_vec_@S@ *)(void *)(row + n + v * @U@_LANES_@S@) = total[v];
      }
    }
    for (; n + @U@_LANES_@S@ <= columns; n += @U@_LANES_@S@) {
      @P@_vec_@S@ total = *(const @P@_vec_@S@ *)(const void *)(row + n);
      for (size_t e = 0; e < count;) {
@STEP_1@      }
      *(@P@_vec_@S@ *)(void *)(row + n) = total;
    }
#endif
    for (; n < columns; ++n) {
      @F@ total = row[n];
      for (size_t e = 0; e < count;) {
@STEP@      }
      row[n] = total;
    }
  }
}
"""

_FACTOR = "factors[place / positions * next + place % positions * groups]"

SINGLE_8 = """\
        const size_t place = list[e++];
        const @F@ *const terms = front + place * stride + n;
@VALUE@        for (size_t v = 0; v < 8; ++v) {
          total[v] += *(const @P@_vec_@S@ *)(const void *)(terms + v * @U@_LANES_@S@) * value;
        }
"""

SINGLE_1 = """\
        const size_t place = list[e++];
@VALUE@        total += *(const @P@_vec_@S@ *)(const void *)(front + place * stride + n) * value;
"""

SINGLE = """\
        const size_t place = list[e++];
@VALUE@        total += front[place * stride + n] * value;
"""

SEVERAL_8 = """\
        const size_t end = (list[e] / positions + 1) * positions;
        @P@_vec_@S@ sum[8];
        for (size_t v = 0; v < 8; ++v) {
          sum[v] = (@P@_vec_@S@){0};
        }
        for (; e < count && list[e] < end; ++e) {
          const size_t place = list[e];
          const @F@ *const terms = front + place * stride + n;
@VALUE@          for (size_t v = 0; v < 8; ++v) {
            sum[v] += *(const @P@_vec_@S@ *)(const void *)(terms + v * @U@_LANES_@S@) * value;
          }
        }
        for (size_t v = 0; v < 8; ++v) {
          total[v] += sum[v];
        }
"""

SEVERAL_1 = """\
        const size_t end = (list[e] / positions + 1) * positions;
        @P@_vec_@S@ sum = (@P@_vec_@S@){0};
        for (; e < count && list[e] < end; ++e) {
          const size_t place = list[e];
@VALUE@          sum += *(const @P@_vec_@S@ *)(const void *)(front + place * stride + n) * value;
        }
        total += sum;
"""

SEVERAL = """\
        const size_t end = (list[e] / positions + 1) * positions;
        @F@ sum = @ZERO@;
        for (; e < count && list[e] < end; ++e) {
          const size_t place = list[e];
@VALUE@          sum += front[place * stride + n] * value;
        }
        total += sum;
"""


def outer(kernels: Kernels, float_type: CType, right: CType, listed: CType, *, single: bool) -> str:
    """`single`: one position."""
    vector_type(kernels, float_type)
    steps = (SINGLE_8, SINGLE_1, SINGLE) if single else (SEVERAL_8, SEVERAL_1, SEVERAL)
    factor = "factors[place * next]" if single else _FACTOR
    pad = "        " if single else "          "
    cast = "" if right == float_type else f"({float_type.name})"
    value = f"{pad}const {float_type.name} value = {cast}{factor};\n"
    wide, narrow, scalar = (text.replace("@VALUE@", value) for text in steps)
    template = OUTER.replace("@STEP_8@", wide).replace("@STEP_1@", narrow)
    return kernels.add(
        f"outer{'' if single else '_windows'}_{float_type.short}_{right.short}_{listed.short}",
        template.replace("@STEP@", scalar),
        F=float_type.name,
        S=float_type.short,
        T=right.name,
        L=listed.name,
        ZERO="0.0f" if float_type.size == 4 else "0.0",
    )
