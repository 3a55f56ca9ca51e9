"""Weighted sums of all steps of a block at once, of a weight whose rows are the results."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.fused import fused as fused_scalar
from snncc.backends.c.kernels.fused import fused_vector
from snncc.backends.c.kernels.rows import block_function, vector_type
from snncc.backends.c.types import CType

TILE = """\
#if defined(@U@_VECTOR)
#if !defined(@U@_TILE_ROWS)
/* rows whose sums stay in registers, of which there are 32 or 16; more than eight rows that lie
   4096 bytes apart would drive each other out of a cache of twelve ways */
#if @U@_VECTOR_BYTES == 64 || defined(__aarch64__)
#define @U@_TILE_ROWS 8
#else
#define @U@_TILE_ROWS 6
#endif
#endif
/* sums[i][k] = sum over c ascending, from +0, of weight[i][c] * panel[c][k], for @U@_TILE_ROWS
   rows of the weight (behind the last the first one again) and one or two vectors of steps.@HOW@ */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict panel, size_t vectors, @F@ *restrict sums)
{
  @P@_vec_@S@ sum[@U@_TILE_ROWS][2];
  const @F@ *row[@U@_TILE_ROWS];
  for (size_t i = 0; i < @U@_TILE_ROWS; ++i) {
    row[i] = weight + (i < rows ? i : 0) * columns;
    for (size_t v = 0; v < vectors; ++v) {
      sum[i][v] = (@P@_vec_@S@){0};
    }
  }
  for (size_t c = 0; c < columns; ++c) {
    @P@_vec_@S@ steps[2];
    for (size_t v = 0; v < vectors; ++v) {
      steps[v] = *(const @P@_vec_@S@ *)(const void *)(panel + v * @U@_LANES_@S@);
    }
    for (size_t i = 0; i < @U@_TILE_ROWS; ++i) {
      const @F@ value = row[i][c];
      for (size_t v = 0; v < vectors; ++v) {
        sum[i][v] @ADD_VECTOR@;
      }
    }
    panel += vectors * @U@_LANES_@S@;
  }
  for (size_t i = 0; i < @U@_TILE_ROWS; ++i) {
    for (size_t v = 0; v < vectors; ++v) {
      *(@P@_vec_@S@ *)(void *)(sums + (i * vectors + v) * @U@_LANES_@S@) = sum[i][v];
    }
  }
}
#endif
"""

PROJECT = """\
/* out[k][r] = sum over c ascending, from +0, of weight[r][c] * x[k][c], for each step k of the
   block.@HOW@ A vector holds one element of several steps, so that the weight is read once, as it
   lies. `room` holds x in panels of one or two vectors of steps: panel, column, step. */
@U@_BLOCK void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict x, size_t steps, @F@ *restrict room, @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  const size_t lanes = @U@_LANES_@S@;
  const size_t padded = (steps + lanes - 1) / lanes * lanes;
  for (size_t first = 0; first < padded; first += 2 * lanes) {
    const size_t wide = padded - first < 2 * lanes ? lanes : 2 * lanes;
    @F@ *const panel = room + first * columns;
    for (size_t some = 0; some < columns; some += 16) { /* a cache line of each step */
      const size_t end = columns - some < 16 ? columns : some + 16;
      for (size_t k = 0; k < wide; ++k) {
        for (size_t c = some; c < end; ++c) {
          panel[c * wide + k] = first + k < steps ? x[(first + k) * columns + c] : @ZERO@;
        }
      }
    }
  }
  for (size_t r = 0; r < rows; r += @U@_TILE_ROWS) {
    const size_t taken = rows - r < @U@_TILE_ROWS ? rows - r : @U@_TILE_ROWS;
    for (size_t first = 0; first < padded; first += 2 * lanes) {
      const size_t wide = padded - first < 2 * lanes ? lanes : 2 * lanes;
      @F@ sums[@U@_TILE_ROWS * 2 * @U@_VECTOR_BYTES / @SIZE@u];
      if (wide > lanes) {
        @TILE@(weight + r * columns, taken, columns, room + first * columns, 2, sums);
      } else {
        @TILE@(weight + r * columns, taken, columns, room + first * columns, 1, sums);
      }
      const size_t left = steps - first < wide ? steps - first : wide;
      for (size_t k = 0; k < left; ++k) {
        for (size_t i = 0; i < taken; ++i) {
          out[(first + k) * rows + r + i] = sums[i * wide + k];
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
        sum @ADD@;
      }
      out[k * rows + r] = sum;
    }
  }
#endif
}
"""


def project(kernels: Kernels, float_type: CType, *, fused: bool = False) -> str:
    """`fused`: a product and its addition are rounded once; of floats."""
    vector_type(kernels, float_type)
    block_function(kernels)
    how = "fused_" if fused else ""
    common = {
        "F": float_type.name,
        "S": float_type.short,
        "HOW": "\n   A product and its addition are rounded once." if fused else "",
    }
    add_vector, add = "+= steps[v] * value", "+= weight[r * columns + c] * x[k * columns + c]"
    if fused:
        add_vector = f"= {fused_vector(kernels)}(steps[v], value, sum[i][v])"
        add = f"= {fused_scalar(kernels)}(weight[r * columns + c], x[k * columns + c], sum)"
    tile = kernels.add(
        f"project_{how}tile_{float_type.short}", TILE, ADD_VECTOR=add_vector, **common
    )
    return kernels.add(
        f"project_{how}{float_type.short}",
        PROJECT,
        SIZE=str(float_type.size),
        ZERO="0.0f" if float_type.size == 4 else "0.0",
        TILE=tile,
        ADD=add,
        **common,
    )
