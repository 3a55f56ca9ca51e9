"""Sums over time of products of two streams: the gradients of weights."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.compress import compress
from snncc.backends.c.kernels.rows import block_function, vector_type
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


ROWS_TILE = """\
#if defined(@U@_VECTOR)
/* Some vectors of columns, from n on, of a sum of rows: the panel holds them for all steps. */
@U@_INLINE void @NAME@(const @F@ *restrict left, const @T@ *restrict right, size_t steps,
    size_t columns, size_t rows, const uint32_t *restrict active, size_t n, size_t vectors,
    @F@ *restrict panel, @F@ *restrict out)
{
  const size_t wide = vectors * @U@_LANES_@S@;
  for (size_t k = 0; k < steps; ++k) {
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_vec_@S@ *)(void *)(panel + k * wide + v * @U@_LANES_@S@) =
          *(const @P@_vec_@S@ *)(const void *)(left + k * columns + n + v * @U@_LANES_@S@);
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    @F@ *const row = out + r * columns + n;
    const @F@ *const ahead = r + 4 < rows ? row + 4 * columns : row; /* from afar */
    @P@_vec_@S@ total[8];
    for (size_t v = 0; v < vectors; ++v) {
      __builtin_prefetch(ahead + v * @U@_LANES_@S@);
      total[v] = *(const @P@_vec_@S@ *)(const void *)(row + v * @U@_LANES_@S@);
    }
    for (size_t k = 0; k < steps; k += 32) {
      for (uint32_t bits = active[k / 32 * rows + r]; bits != 0; bits &= bits - 1) {
        const size_t step = k + (size_t)__builtin_ctz(bits);
        const @F@ *const terms = panel + step * wide;
@VALUE@        for (size_t v = 0; v < vectors; ++v) {
          total[v] += *(const @P@_vec_@S@ *)(const void *)(terms + v * @U@_LANES_@S@)@TIMES@;
        }
      }
    }
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_vec_@S@ *)(void *)(row + v * @U@_LANES_@S@) = total[v];
    }
  }
}
#endif
"""

OUTER_ROWS = """\
/* out[m][n] += left[k][n]@TIMES_TEXT@ for each step k of the block at which right[k][m] is not
   zero. Some columns of all steps stay near while the rows of the sum pass by, each once: the
   steps that a row takes are bits of `active`. Short rows are near by themselves. */
@U@_BLOCK void @NAME@(const @F@ *restrict left, const @T@ *restrict right, size_t steps,
    size_t columns, size_t rows, uint32_t *restrict active, @F@ *restrict panel,
    @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  if (columns >= 2 * @U@_LANES_@S@) {
    for (size_t first = 0; first < steps; first += 32) {
      const size_t some = steps - first < 32 ? steps - first : 32;
      uint32_t *const words = active + first / 32 * rows;
      memset(words, 0, rows * sizeof *words);
      for (size_t k = 0; k < some; ++k) {
        const @T@ *const x = right + (first + k) * rows;
        for (size_t r = 0; r < rows; ++r) {
          words[r] |= (uint32_t)(x[r] != 0) << k;
        }
      }
    }
    size_t n = 0;
    for (; n + 8 * @U@_LANES_@S@ <= columns; n += 8 * @U@_LANES_@S@) {
      @TILE@(left, right, steps, columns, rows, active, n, 8, panel, out);
    }
    for (; n + 2 * @U@_LANES_@S@ <= columns; n += 2 * @U@_LANES_@S@) {
      @TILE@(left, right, steps, columns, rows, active, n, 2, panel, out);
    }
    for (size_t r = 0; n < columns && r < rows; ++r) {
      for (size_t k = 0; k < steps; k += 32) {
        for (uint32_t bits = active[k / 32 * rows + r]; bits != 0; bits &= bits - 1) {
          const size_t step = k + (size_t)__builtin_ctz(bits);
@VALUE_2@          for (size_t c = n; c < columns; ++c) {
            out[r * columns + c] += left[step * columns + c]@TIMES@;
          }
        }
      }
    }
    return;
  }
#endif
  (void)panel;
  for (size_t step = 0; step < steps; ++step) {
    const size_t count = @COMPRESS@(right + step * rows, rows, active);
    for (size_t e = 0; e < count; ++e) {
      const size_t r = active[e];
@VALUE_3@      for (size_t c = 0; c < columns; ++c) {
        out[r * columns + c] += left[step * columns + c]@TIMES@;
      }
    }
  }
}
"""


def outer_rows(kernels: Kernels, float_type: CType, right: CType, *, spikes: bool) -> str:
    """`spikes`: elements of `right` are 0 or 1."""
    vector_type(kernels, float_type)
    block_function(kernels)
    cast = "" if right == float_type else f"({float_type.name})"
    load = f"const {float_type.name} value = {cast}right[step * rows + r];\n"
    suffix = f"{float_type.short}_{'spikes' if spikes else right.short}"
    common = {
        "F": float_type.name,
        "S": float_type.short,
        "T": right.name,
        "TIMES": "" if spikes else " * value",
    }
    tile = ROWS_TILE.replace("@VALUE@", "" if spikes else f"        {load}")
    if spikes:  # nothing but the bits of `right` is needed
        tile = tile.replace("const @T@ *restrict right, ", "")
    template = OUTER_ROWS
    for place, pad in (("@VALUE_2@", " " * 10), ("@VALUE_3@", " " * 6)):
        template = template.replace(place, "" if spikes else f"{pad}{load}")
    if spikes:
        template = template.replace("@TILE@(left, right, ", "@TILE@(left, ")
    return kernels.add(
        f"outer_rows_{suffix}",
        template,
        TIMES_TEXT="" if spikes else " * right[k][m]",
        COMPRESS=compress(kernels, right, LISTED),
        TILE=kernels.add(f"outer_tile_{suffix}", tile, **common),
        **common,
    )


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
