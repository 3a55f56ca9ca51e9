"""Gradients of weights of layers that are fully connected."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.compress import compress
from snncc.backends.c.kernels.rows import all_ones, block_function, vector_type
from snncc.backends.c.types import CType
from snncc.dialects import kernel
from snncc.dialects.kernel.blocks import PANEL

LISTED = CType("uint32_t", "u32", 4)

LIST_ACTIVE = """\
#if defined(@U@_VECTOR)
/* The steps at which each column of x is not zero, ascending, one column behind the other;
   `counts` says how many each has. `words` holds a bit for each element. */
@U@_INLINE void @NAME@(const @T@ *restrict x, size_t steps, size_t columns,
    uint32_t *restrict words, uint16_t *restrict counts, uint16_t *restrict list)
{
  const size_t rows = (steps + 31) / 32;
  for (size_t w = 0; w < rows; ++w) {
    const size_t some = steps - w * 32 < 32 ? steps - w * 32 : 32;
    uint32_t *const row = words + w * columns;
    memset(row, 0, columns * sizeof *row);
    for (size_t k = 0; k < some; ++k) {
      const @T@ *const values = x + (w * 32 + k) * columns;
      for (size_t c = 0; c < columns; ++c) {
        row[c] |= (uint32_t)(values[c] != 0) << k;
      }
    }
  }
  for (size_t c = 0; c < columns; ++c) {
    size_t count = 0;
    for (size_t w = 0; w < rows; ++w) {
      for (uint32_t bits = words[w * columns + c]; bits != 0; bits &= bits - 1) {
        list[count++] = (uint16_t)(w * 32 + (size_t)__builtin_ctz(bits));
      }
    }
    counts[c] = (uint16_t)count;
    list += count;
  }
}
#endif
"""

TILE = """\
#if defined(@U@_VECTOR)
/* Some vectors of columns, from n on, of a sum of rows: the panel holds them for all steps. */
@U@_INLINE void @NAME@(const @F@ *restrict left@RIGHT@, size_t steps,
    size_t columns, size_t rows, const uint16_t *restrict counts, const uint16_t *restrict list,
    size_t n, size_t vectors, @F@ *restrict panel, @F@ *restrict out)
{
  const size_t wide = vectors * @U@_LANES_@S@;
  for (size_t k = 0; k < steps; ++k) {
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_vec_@S@ *)(void *)(panel + k * wide + v * @U@_LANES_@S@) =
          *(const @P@_vec_@S@ *)(const void *)(left + k * columns + n + v * @U@_LANES_@S@);
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    const size_t count = counts[r];
    if (count == 0) {
      continue;
    }
    @F@ *const row = out + r * columns + n;
    const @F@ *const ahead = r + 4 < rows ? row + 4 * columns : row; /* from afar */
    @P@_vec_@S@ total[8];
    for (size_t v = 0; v < vectors; ++v) {
      __builtin_prefetch(ahead + v * @U@_LANES_@S@);
      total[v] = *(const @P@_vec_@S@ *)(const void *)(row + v * @U@_LANES_@S@);
    }
    for (size_t e = 0; e < count; ++e) {
      const size_t step = list[e];
      const @F@ *const terms = panel + step * wide;
@VALUE@      for (size_t v = 0; v < vectors; ++v) {
        total[v] += *(const @P@_vec_@S@ *)(const void *)(terms + v * @U@_LANES_@S@)@TIMES@;
      }
    }
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_vec_@S@ *)(void *)(row + v * @U@_LANES_@S@) = total[v];
    }
    list += count;
  }
}
#endif
"""

SOME = """\
#if defined(@U@_VECTOR)
/* All columns of a sum of rows, for the steps that are listed. */
@U@_INLINE void @NAME@(const @F@ *restrict left@RIGHT@, size_t steps, size_t columns,
    size_t rows, const uint16_t *restrict counts, const uint16_t *restrict list,
    @F@ *restrict panel, @F@ *restrict out)
{
  size_t n = 0;
  const size_t fitting = @PANEL@u / steps;
  for (; 8 * @U@_LANES_@S@ <= fitting && n + 8 * @U@_LANES_@S@ <= columns; n += 8 * @U@_LANES_@S@) {
    @TILE@(left@GIVEN@, steps, columns, rows, counts, list, n, 8, panel, out);
  }
  for (; n + 4 * @U@_LANES_@S@ <= columns; n += 4 * @U@_LANES_@S@) {
    @TILE@(left@GIVEN@, steps, columns, rows, counts, list, n, 4, panel, out);
  }
  for (; n + 2 * @U@_LANES_@S@ <= columns; n += 2 * @U@_LANES_@S@) {
    @TILE@(left@GIVEN@, steps, columns, rows, counts, list, n, 2, panel, out);
  }
  for (size_t r = 0; n < columns && r < rows; ++r) {
    for (size_t e = 0; e < counts[r]; ++e) {
      const size_t step = *list++;
@VALUE@      for (size_t c = n; c < columns; ++c) {
        out[r * columns + c] += left[step * columns + c]@TIMES@;
      }
    }
  }
}
#endif
"""

OUTER_ROWS = """\
/* out[m][n] += left[k][n]@TIMES_TEXT@ for each step k of the block at which right[k][m] is not
   zero. Some columns of all steps stay near while the rows of the sum pass by, each once for
   @MOST@ steps, of which it takes those that are listed. Short rows are near by themselves. */
@U@_BLOCK void @NAME@(const @F@ *restrict left, const @T@ *restrict right, size_t steps,
    size_t columns, size_t rows, uint32_t *restrict active, uint16_t *restrict list,
    @F@ *restrict panel, @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  if (columns >= 2 * @U@_LANES_@S@) {
@FIND@    for (size_t first = 0; first < steps; first += @MOST@u) {
      const size_t some = steps - first < @MOST@u ? steps - first : @MOST@u;
      const @F@ *const terms = left + first * columns;
      const @T@ *const factors = right + first * rows;
      @LIST@(factors, some, rows, active, list, list + rows);
@ADD@    }
    return;
  }
#endif
  (void)list;
  (void)panel;
  for (size_t step = 0; step < steps; ++step) {
    const size_t count = @COMPRESS@(right + step * rows, rows, active);
    for (size_t e = 0; e < count; ++e) {
      const size_t r = active[e];
@VALUE@      for (size_t c = 0; c < columns; ++c) {
        out[r * columns + c] += left[step * columns + c]@TIMES@;
      }
    }
  }
}
"""

ADD = """\
      @SELECTED@(terms, some, columns, rows, list, list + rows, panel, out);
"""

ADD_EITHER = """\
      if (ones) {
        @SELECTED@(terms, some, columns, rows, list, list + rows, panel, out);
      } else {
        @WEIGHTED@(terms, factors, some, columns, rows, list, list + rows, panel, out);
      }
"""


def outer_rows(kernels: Kernels, float_type: CType, right: CType, *, spikes: bool) -> str:
    """`spikes`: elements of `right` are 0 or 1; else that is looked at."""
    vector_type(kernels, float_type)
    block_function(kernels)
    parts = _parts(float_type, None if spikes else right)
    add, find = ADD, ""
    if not spikes:
        add = ADD_EITHER.replace("@WEIGHTED@", listed_sums(kernels, float_type, right))
        find = f"    const int ones = {all_ones(kernels, right)}(right, steps, rows);\n"
    return kernels.add(
        f"outer_rows_{float_type.short}_{'spikes' if spikes else right.short}",
        OUTER_ROWS,
        FIND=find,
        ADD=add.replace("@SELECTED@", listed_sums(kernels, float_type, None)),
        LIST=kernels.add(f"list_active_{right.short}", LIST_ACTIVE, T=right.name),
        COMPRESS=compress(kernels, right, LISTED),
        MOST=str(kernel.OuterRowsOp.MOST),
        TIMES_TEXT="" if spikes else " * right[k][m]",
        T=right.name,
        **parts,
    )


def listed_sums(kernels: Kernels, float_type: CType, factors: CType | None) -> str:
    """The sum over listed steps, of products with `factors` where they are given."""
    parts = _parts(float_type, factors)
    suffix = f"{float_type.short}_{'spikes' if factors is None else factors.short}"
    parts["RIGHT"] = "" if factors is None else f", const {factors.name} *restrict right"
    parts["GIVEN"] = "" if factors is None else ", right"
    tile = kernels.add(f"outer_tile_{suffix}", TILE, **parts)
    return kernels.add(f"outer_listed_{suffix}", SOME, TILE=tile, **parts)


def _parts(float_type: CType, factors: CType | None) -> dict[str, str]:
    cast = "" if factors == float_type else f"({float_type.name})"
    load = f"      const {float_type.name} value = {cast}right[step * rows + r];\n"
    return {
        "F": float_type.name,
        "S": float_type.short,
        "PANEL": str(PANEL),
        "VALUE": "" if factors is None else load,
        "TIMES": "" if factors is None else " * value",
    }
