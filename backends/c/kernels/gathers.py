"""Weighted sums of active inputs, for all steps of a block at once."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.compress import compress
from snncc.backends.c.kernels.outer_rows import listed_sums
from snncc.backends.c.kernels.rows import add_row, all_ones, block_function
from snncc.backends.c.types import CType
from snncc.dialects import kernel
from snncc.dialects.kernel.blocks import PANEL_ROWS

ADD_ROWS = """\
/* out[o] += weight[list[e]][o]@TIMES_TEXT@ for each e, in order. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t outputs,
    const uint16_t *restrict list, size_t count@VALUES_PARAMETER@, @F@ *restrict out)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  /* a block of columns stays in registers while the rows pass by */
  for (; o + 8 * @U@_LANES_@S@ <= outputs; o += 8 * @U@_LANES_@S@) {
    @P@_vec_@S@ sum[8];
    for (size_t v = 0; v < 8; ++v) {
      sum[v] = *(const @P@_vec_@S@ *)(const void *)(out + o + v * @U@_LANES_@S@);
    }
    for (size_t e = 0; e < count; ++e) {
      const @F@ *const row = weight + (size_t)list[e] * outputs + o;
@LOAD_VALUE@      for (size_t v = 0; v < 8; ++v) {
        sum[v] += *(const @P@_vec_@S@ *)(const void *)(row + v * @U@_LANES_@S@)@TIMES@;
      }
    }
    for (size_t v = 0; v < 8; ++v) {
      *(@P@_vec_@S@ *)(void *)(out + o + v * @U@_LANES_@S@) = sum[v];
    }
  }
#endif
  if (o < outputs) {
    for (size_t e = 0; e < count; ++e) {
@LOAD_VALUE@      @ADD_ROW@(
          out + o, weight + (size_t)list[e] * outputs + o, outputs - o@PASS_VALUE@);
    }
  }
}
"""

GATHER_STEPS = """\
/* out[k][o] = (0 + init[o]) + sum over i ascending of weight[i][o] * x[k][i], for each step k of
   the block. Parts of the weight pass by, each small enough to stay near while all steps take
   from it what they need; zeros are left out. */
@U@_BLOCK void @NAME@(const @F@ *restrict weight, size_t inputs, size_t outputs,
    const @T@ *restrict x, size_t steps, uint16_t *restrict list, const @F@ *restrict init,
    @F@ *restrict out)
{
  const size_t fitting = 131072u / outputs;
  const size_t part = fitting < 16 ? 16 : fitting > @PART@ ? @PART@ : fitting;
  for (size_t k = 0; k < steps; ++k) {
    for (size_t o = 0; o < outputs; ++o) {
      out[k * outputs + o] = init != NULL ? @ZERO@ + init[o] : @ZERO@;
    }
  }
@FIND@  for (size_t start = 0; start < steps; start += @MOST@) { /* whose sums are near too */
    const size_t end = steps - start < @MOST@ ? steps : start + @MOST@;
    for (size_t first = 0; first < inputs; first += part) {
      const size_t some = inputs - first < part ? inputs - first : part;
      for (size_t k = start; k < end; ++k) {
        const @T@ *const given = x + k * inputs + first;
        const size_t count = @COMPRESS@(given, some, list);
@ADD@      }
    }
  }
}
"""

GATHER_PANELS = """\
/* The same, for many steps: some columns of a part of the weight are copied to the panel, which
   stays near while the sums of all steps pass by. What is not 0 or 1 is gathered as above. */
@U@_BLOCK void @NAME@(const @F@ *restrict weight, size_t inputs, size_t outputs,
    const @T@ *restrict x, size_t steps, uint16_t *restrict list, const @F@ *restrict init,
    @F@ *restrict panel, @F@ *restrict out)
{
#if defined(@U@_VECTOR)
  if (@ONES@) {
    for (size_t k = 0; k < steps; ++k) {
      for (size_t o = 0; o < outputs; ++o) {
        out[k * outputs + o] = init != NULL ? @ZERO@ + init[o] : @ZERO@;
      }
    }
    for (size_t start = 0; start < steps; start += @MOST@) {
      const size_t block = steps - start < @MOST@ ? steps - start : @MOST@;
      for (size_t first = 0; first < inputs; first += @ROWS@) {
        const size_t some = inputs - first < @ROWS@ ? inputs - first : @ROWS@;
        size_t listed = block; /* behind how many there are of each step */
        for (size_t k = 0; k < block; ++k) {
          const size_t count = @COMPRESS@(
              x + (start + k) * inputs + first, some, list + listed);
          list[k] = (uint16_t)count;
          listed += count;
        }
        @LISTED@(
            weight + first * outputs, some, outputs, block, list, list + block, panel,
            out + start * outputs);
      }
    }
    return;
  }
#endif
  (void)panel;
  @PARTS@(weight, inputs, outputs, x, steps, list, init, out);
}
"""

ADD = """\
        @ROWS@(weight + first * outputs, outputs, list, count, out + k * outputs);
"""

ADD_EITHER = """\
        if (ones) {
          @ROWS@(weight + first * outputs, outputs, list, count, out + k * outputs);
        } else {
          @WEIGHTED@(
              weight + first * outputs, outputs, list, count, given, out + k * outputs);
        }
"""

LISTED = CType("uint16_t", "u16", 2)


def gather_steps(kernels: Kernels, float_type: CType, source: CType, *, spikes: bool) -> str:
    """`spikes`: inputs are 0 or 1; else that is looked at, for it saves all products."""
    block_function(kernels)
    rows = _add_rows(kernels, float_type, None)
    add, find = ADD.replace("@ROWS@", rows), ""
    if not spikes:
        find = f"  const int ones = {all_ones(kernels, source)}(x, steps, inputs);\n"
        weighted = _add_rows(kernels, float_type, source)
        add = ADD_EITHER.replace("@ROWS@", rows).replace("@WEIGHTED@", weighted)
    return kernels.add(
        f"gather_steps_{float_type.short}_{'spikes' if spikes else source.short}",
        GATHER_STEPS,
        F=float_type.name,
        T=source.name,
        ZERO="0.0f" if float_type.size == 4 else "0.0",
        PART=f"{kernel.GatherStepsOp.PART}u",
        MOST=f"{kernel.GatherStepsOp.MOST}u",
        COMPRESS=compress(kernels, source, LISTED),
        FIND=find,
        ADD=add,
    )


def gather_panels(kernels: Kernels, float_type: CType, source: CType, *, spikes: bool) -> str:
    """`gather_steps` with a panel."""
    parts = gather_steps(kernels, float_type, source, spikes=spikes)
    return kernels.add(
        f"gather_panels_{float_type.short}_{'spikes' if spikes else source.short}",
        GATHER_PANELS,
        F=float_type.name,
        T=source.name,
        ZERO="0.0f" if float_type.size == 4 else "0.0",
        ONES="1" if spikes else f"{all_ones(kernels, source)}(x, steps, inputs)",
        MOST=f"{kernel.GatherStepsOp.MOST}u",
        ROWS=f"{PANEL_ROWS}u",
        COMPRESS=compress(kernels, source, LISTED),
        LISTED=listed_sums(kernels, float_type, None),
        PARTS=parts,
    )


def _add_rows(kernels: Kernels, float_type: CType, values: CType | None) -> str:
    """Adds listed rows, times `values` where they have some."""
    cast = "" if values is None or values == float_type else f"({float_type.name})"
    load = f"      const {float_type.name} value = {cast}values[list[e]];\n"
    return kernels.add(
        f"add_rows_{float_type.short}_{'spikes' if values is None else values.short}",
        ADD_ROWS,
        F=float_type.name,
        S=float_type.short,
        TIMES="" if values is None else " * value",
        TIMES_TEXT="" if values is None else " * values[list[e]]",
        VALUES_PARAMETER="" if values is None else f", const {values.name} *restrict values",
        LOAD_VALUE="" if values is None else load,
        ADD_ROW=add_row(kernels, float_type, float_type, weighted=values is not None),
        PASS_VALUE="" if values is None else ", value",
    )
