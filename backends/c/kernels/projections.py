"""Weighted sums of all steps of a block at once, of a weight whose rows are the results."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.fused import fused as fused_scalar
from snncc.backends.c.kernels.fused import fused_vector
from snncc.backends.c.kernels.rows import block_function, vector_type
from snncc.backends.c.types import CType
from snncc.dialects import kernel

TURN = """\
#if defined(@U@_VECTOR)
#if !defined(@U@_SHUFFLE)
#if defined(__clang__) || __GNUC__ >= 12
#define @U@_SHUFFLE(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define @U@_SHUFFLE(type, a, b, ...) __builtin_shuffle(a, b, (type){__VA_ARGS__})
#endif
#endif
typedef @F@ @P@_four_@S@ __attribute__((vector_size(4 * @SIZE@), aligned(@SIZE@), may_alias));
typedef int@BITS@_t @P@_four_places_@S@ __attribute__((vector_size(4 * @SIZE@)));
/* to[j][i] = from[i][j], whose rows lie `apart` and `wide` elements from each other: squares of
   four at a time. */
@U@_INLINE void @NAME@(const @F@ *restrict from, size_t apart, size_t rows, size_t columns,
    @F@ *restrict to, size_t wide)
{
  const size_t fours = rows / 4 * 4, wholes = columns / 4 * 4;
  for (size_t i = 0; i < fours; i += 4) {
    for (size_t j = 0; j < wholes; j += 4) {
      const @F@ *const source = from + i * apart + j;
      @F@ *const target = to + j * wide + i;
      @P@_four_@S@ row[4];
      for (size_t n = 0; n < 4; ++n) {
        row[n] = *(const @P@_four_@S@ *)(const void *)(source + n * apart);
      }
      const @P@_four_@S@ a = @U@_SHUFFLE(@P@_four_places_@S@, row[0], row[1], 0, 4, 1, 5);
      const @P@_four_@S@ b = @U@_SHUFFLE(@P@_four_places_@S@, row[2], row[3], 0, 4, 1, 5);
      const @P@_four_@S@ c = @U@_SHUFFLE(@P@_four_places_@S@, row[0], row[1], 2, 6, 3, 7);
      const @P@_four_@S@ d = @U@_SHUFFLE(@P@_four_places_@S@, row[2], row[3], 2, 6, 3, 7);
      row[0] = @U@_SHUFFLE(@P@_four_places_@S@, a, b, 0, 1, 4, 5);
      row[1] = @U@_SHUFFLE(@P@_four_places_@S@, a, b, 2, 3, 6, 7);
      row[2] = @U@_SHUFFLE(@P@_four_places_@S@, c, d, 0, 1, 4, 5);
      row[3] = @U@_SHUFFLE(@P@_four_places_@S@, c, d, 2, 3, 6, 7);
      for (size_t n = 0; n < 4; ++n) {
        *(@P@_four_@S@ *)(void *)(target + n * wide) = row[n];
      }
    }
    for (size_t j = wholes; j < columns; ++j) {
      for (size_t n = i; n < i + 4; ++n) {
        to[j * wide + n] = from[n * apart + j];
      }
    }
  }
  for (size_t i = fours; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      to[j * wide + i] = from[i * apart + j];
    }
  }
}
#endif
"""

TILE = """\
#if defined(@U@_VECTOR)
#if !defined(@U@_TILE_ROWS)
/* rows, and vectors of steps, whose sums stay in registers, of which there are 32 or 16 */
#if @U@_VECTOR_BYTES == 64 || defined(__aarch64__)
#define @U@_TILE_ROWS 8
#define @U@_TILE_VECTORS 3
#else
#define @U@_TILE_ROWS 6
#define @U@_TILE_VECTORS 2
#endif
#endif
/* sums[i][k] += sum over c ascending of weight[i][c] * panel[c][k], from +0 where it is the
   first, for @U@_TILE_ROWS rows of the weight (behind the last of `rows` the first one again),
   which lie `apart`, their elements `next` from each other, and some vectors of steps.@HOW@ */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t apart, size_t next,
    size_t columns, const @F@ *restrict panel, size_t vectors, int first, @F@ *restrict sums)
{
  @P@_vec_@S@ sum[@U@_TILE_ROWS][@U@_TILE_VECTORS];
  const @F@ *row[@U@_TILE_ROWS];
  for (size_t i = 0; i < @U@_TILE_ROWS; ++i) {
    row[i] = weight + (i < rows ? i : 0) * apart;
    for (size_t v = 0; v < vectors; ++v) {
      sum[i][v] = (@P@_vec_@S@){0};
      if (!first) {
        sum[i][v] =
            *(const @P@_vec_@S@ *)(const void *)(sums + (i * vectors + v) * @U@_LANES_@S@);
      }
    }
  }
  for (size_t c = 0; c < columns; ++c) {
    @P@_vec_@S@ steps[@U@_TILE_VECTORS];
    for (size_t v = 0; v < vectors; ++v) {
      steps[v] = *(const @P@_vec_@S@ *)(const void *)(panel + v * @U@_LANES_@S@);
    }
    for (size_t i = 0; i < @U@_TILE_ROWS; ++i) {
      const @F@ value = row[i][c * next];
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

TILES = """\
#if defined(@U@_VECTOR)
/* Rows of the weight by one panel of `vectors` vectors of steps. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t apart,
    const @F@ *restrict held, size_t columns, const @F@ *restrict panel, size_t vectors,
    size_t padded, int first, @F@ *restrict sums)
{
  for (size_t r = 0; r < rows; r += @U@_TILE_ROWS) {
    if (held != NULL) {
      @TILE@(held + r * columns, @U@_TILE_ROWS, 1, @U@_TILE_ROWS, columns, panel, vectors, first,
          sums + r * padded);
    } else {
      @TILE@(weight + r * apart, rows - r, apart, 1, columns, panel, vectors, first,
          sums + r * padded);
    }
  }
}
#endif
"""

PANELS = """\
#if defined(@U@_VECTOR)
#if !defined(@U@_PANEL)
/* the vectors of the next panel, of so many that are left: one alone would wait for its sums */
#define @U@_PANEL(left) \\
  ((left) <= @U@_TILE_VECTORS ? (left) : (left) == @U@_TILE_VECTORS + 1 ? 2 : @U@_TILE_VECTORS)
#endif
/* The sums of some steps. `room`: their panels (panel, column, step), for all columns; a part of
   the weight (tile, column, row), where several panels need it; and the sums of its rows (tile,
   panel, row, step). A panel's part of so many columns and that of the weight stay near. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict x, size_t steps, @F@ *restrict room, @F@ *restrict out)
{
  const size_t lanes = @U@_LANES_@S@;
  const size_t count = (steps + lanes - 1) / lanes;
  const size_t padded = count * lanes;
  const size_t block = @ROWS@u / @U@_TILE_ROWS * @U@_TILE_ROWS;
  const int packed = count > @U@_TILE_VECTORS; /* several panels need the weight */
  const size_t wide = packed && columns > @COLUMNS@u ? @COLUMNS@u : columns;
  @F@ *const part = room + padded * columns;
  @F@ *const sums = part + (packed ? ((rows < @ROWS@u ? rows : @ROWS@u) + @SPARE@u) * wide : 0);
  for (size_t p = 0, vectors; p < count; p += vectors) {
    vectors = @U@_PANEL(count - p);
    const size_t left = steps - p * lanes;
    const size_t some = left < vectors * lanes ? left : vectors * lanes;
    const size_t empty = vectors * lanes - some;
    const @F@ *const source = x + p * lanes * columns;
    @F@ *panel = room + p * lanes * columns;
    for (size_t c = 0; c < columns; c += 16) { /* a cache line of each step */
      const size_t line = columns - c < 16 ? columns - c : 16;
      @TURN@(source + c, columns, some, line, panel, vectors * lanes);
      for (size_t i = 0; i < line; ++i) {
        memset(panel + some, 0, empty * sizeof *panel);
        panel += vectors * lanes;
      }
    }
  }
  for (size_t r = 0; r < rows; r += block) {
    const size_t taken = rows - r < block ? rows - r : block;
    for (size_t c = 0; c < columns; c += wide) {
      const size_t some = columns - c < wide ? columns - c : wide;
      const @F@ *const origin = weight + r * columns + c;
      const @F@ *held = NULL;
      if (packed) {
        held = part;
        for (size_t i = 0; i < taken; i += @U@_TILE_ROWS) {
          const size_t there = taken - i < @U@_TILE_ROWS ? taken - i : @U@_TILE_ROWS;
          @TURN@(origin + i * columns, columns, there, some, part + i * some, @U@_TILE_ROWS);
        }
      }
      for (size_t p = 0, vectors; p < count; p += vectors) {
        vectors = @U@_PANEL(count - p);
        const @F@ *const panel = room + (p * columns + c * vectors) * lanes;
        @F@ *const total = sums + p * lanes * @U@_TILE_ROWS;
        if (vectors == 1) {
          @TILES@(origin, taken, columns, held, some, panel, 1, padded, c == 0, total);
        } else if (vectors == 2) {
          @TILES@(origin, taken, columns, held, some, panel, 2, padded, c == 0, total);
        } else {
          @TILES@(
              origin, taken, columns, held, some, panel, @U@_TILE_VECTORS, padded, c == 0, total);
        }
      }
    }
    for (size_t p = 0, vectors; p < count; p += vectors) { /* few steps: neighbours join near */
      vectors = @U@_PANEL(count - p);
      const size_t left = steps - p * lanes;
      const size_t some = left < vectors * lanes ? left : vectors * lanes;
      const @F@ *const source = sums + p * lanes * @U@_TILE_ROWS;
      @F@ *const target = out + p * lanes * rows + r;
      for (size_t i = 0; i < taken; i += @U@_TILE_ROWS) {
        const size_t there = taken - i < @U@_TILE_ROWS ? taken - i : @U@_TILE_ROWS;
        @TURN@(source + i * padded, vectors * lanes, there, some, target + i, rows);
      }
    }
  }
}
#endif
"""

FEW = """\
#if defined(@U@_VECTOR)
/* The sums of few columns: vectors of results, of the weight that is turned. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict x, size_t steps, @F@ *restrict room, @F@ *restrict out)
{
  const size_t wide = 4 * @U@_LANES_@S@;
  const size_t whole = rows / wide * wide;
  @TURN@(weight, columns, rows, columns, room, rows);
  for (size_t k = 0; k < steps; ++k) {
    for (size_t r = 0; r < whole; r += wide) {
      @P@_vec_@S@ sum[4] = {{0}};
      for (size_t c = 0; c < columns; ++c) {
        const @F@ value = x[k * columns + c];
        const @F@ *const terms = room + c * rows + r;
        for (size_t v = 0; v < 4; ++v) {
          const @P@_vec_@S@ some =
              *(const @P@_vec_@S@ *)(const void *)(terms + v * @U@_LANES_@S@);
          sum[v] @ADD_FEW@;
        }
      }
      for (size_t v = 0; v < 4; ++v) {
        *(@P@_vec_@S@ *)(void *)(out + k * rows + r + v * @U@_LANES_@S@) = sum[v];
      }
    }
    for (size_t r = whole; r < rows; ++r) {
      @F@ sum = @ZERO@;
      for (size_t c = 0; c < columns; ++c) {
        sum @ADD@;
      }
      out[k * rows + r] = sum;
    }
  }
}
#endif
"""

PROJECT = """\
/* out[k][r] = sum over c ascending, from +0, of weight[r][c] * x[k][c], for each step k of the
   block.@HOW@ A vector holds one element of several steps, so that the weight is read as it
   lies, once for @MOST@ steps. */
@U@_BLOCK void @NAME@(const @F@ *restrict weight, size_t rows, size_t columns,
    const @F@ *restrict x, size_t steps, @F@ *restrict room, @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  if (columns <= @FEW_COLUMNS@u) {
    @FEW@(weight, rows, columns, x, steps, room, out);
    return;
  }
  for (size_t first = 0; first < steps; first += @MOST@u) {
    const size_t some = steps - first < @MOST@u ? steps - first : @MOST@u;
    @PANELS@(weight, rows, columns, x + first * columns, some, room, out + first * rows);
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
        "SIZE": str(float_type.size),
        "HOW": "\n   A product and its addition are rounded once." if fused else "",
    }
    add_few, add_vector = "+= some * value", "+= steps[v] * value"
    add = "+= weight[r * columns + c] * x[k * columns + c]"
    if fused:
        add_few = f"= {fused_vector(kernels)}(some, value, sum[v])"
        add_vector = f"= {fused_vector(kernels)}(steps[v], value, sum[i][v])"
        add = f"= {fused_scalar(kernels)}(weight[r * columns + c], x[k * columns + c], sum)"
    turn = kernels.add(f"turn_{float_type.short}", TURN, BITS=str(8 * float_type.size), **common)
    suffix = f"{how}{{}}_{float_type.short}"
    tile = kernels.add(f"project_{suffix.format('tile')}", TILE, ADD_VECTOR=add_vector, **common)
    tiles = kernels.add(f"project_{suffix.format('tiles')}", TILES, TILE=tile, **common)
    panels = kernels.add(
        f"project_{suffix.format('panels')}",
        PANELS,
        TURN=turn,
        TILES=tiles,
        ROWS=str(kernel.ProjectOp.ROWS),
        SPARE=str(kernel.ProjectOp.SPARE),
        COLUMNS=str(kernel.ProjectOp.COLUMNS),
        **common,
    )
    common |= {"ADD": add, "ZERO": "0.0f" if float_type.size == 4 else "0.0"}
    few = kernels.add(f"project_{suffix.format('few')}", FEW, TURN=turn, ADD_FEW=add_few, **common)
    return kernels.add(
        f"project_{how}{float_type.short}",
        PROJECT,
        MOST=str(kernel.ProjectOp.MOST),
        FEW_COLUMNS=str(kernel.ProjectOp.FEW),
        FEW=few,
        PANELS=panels,
        **common,
    )
