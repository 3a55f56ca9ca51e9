"""Weighted sums of floats, in the declared order."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.rows import add_row
from snncc.backends.c.types import CType

GATHER = """\
/* out[o] = (0 + init[o]) + sum over e, in order, of weight[list[e]][o]@TIMES_TEXT@. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t outputs,
    const @L@ *restrict list, size_t count@VALUES_PARAMETER@,
    const @F@ *restrict init, @F@ *restrict out)
{
  size_t o = 0;
#if defined(@U@_VECTOR)
  /* a block of columns stays in registers while the rows pass by */
  for (; o + 8 * @U@_LANES_@S@ <= outputs; o += 8 * @U@_LANES_@S@) {
    @P@_vec_@S@ sum[8];
    for (size_t v = 0; v < 8; ++v) {
      sum[v] = (@P@_vec_@S@){0};
      if (init != NULL) {
        sum[v] += *(const @P@_vec_@S@ *)(const void *)(init + o + v * @U@_LANES_@S@);
      }
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
  for (; o + @U@_LANES_@S@ <= outputs; o += @U@_LANES_@S@) {
    @P@_vec_@S@ sum = (@P@_vec_@S@){0};
    if (init != NULL) {
      sum += *(const @P@_vec_@S@ *)(const void *)(init + o);
    }
    for (size_t e = 0; e < count; ++e) {
      const @F@ *const row = weight + (size_t)list[e] * outputs + o;
@LOAD_VALUE@      sum += *(const @P@_vec_@S@ *)(const void *)row@TIMES@;
    }
    *(@P@_vec_@S@ *)(void *)(out + o) = sum;
  }
#endif
  for (size_t p = o; p < outputs; ++p) {
    out[p] = init != NULL ? @ZERO@ + init[p] : @ZERO@;
  }
  if (o < outputs) {
    for (size_t e = 0; e < count; ++e) {
@LOAD_VALUE@      @ADD_ROW@(
          out + o, weight + (size_t)list[e] * outputs + o, outputs - o@PASS_VALUE@);
    }
  }
}
"""

DENSE = """\
/* out[o] = (0 + init[o]) + sum over i ascending of weight[i][o] * x[i]. */
@U@_INLINE void @NAME@(const @F@ *restrict weight, size_t inputs, size_t outputs,
    const @T@ *restrict x, const @F@ *restrict init, @F@ *restrict out)
{
  for (size_t o = 0; o < outputs; ++o) {
    out[o] = init != NULL ? @ZERO@ + init[o] : @ZERO@;
  }
  for (size_t i = 0; i < inputs; ++i) {
    const @F@ value = (@F@)x[i];
    const @F@ *const row = weight + i * outputs;
    for (size_t o = 0; o < outputs; ++o) {
      out[o] += row[o] * value;
    }
  }
}
"""

SCATTER = """\
/* A convolution from events: every active input adds its taps to the outputs it reaches.
   Inputs and outputs lie channel-last; weight is [channel][row][column][output]. */
@U@_INLINE void @NAME@(const @W@ *restrict weight, const @L@ *restrict list,
    size_t count@VALUES_PARAMETER@, const @F@ *restrict init, @F@ *restrict out,
    int32_t in_height, int32_t in_width, int32_t channels, int32_t out_height,
    int32_t out_width, int32_t outputs, int32_t kernel_height, int32_t kernel_width,
    int32_t stride_y, int32_t stride_x, int32_t top, int32_t left, int32_t dilation_y,
    int32_t dilation_x, int32_t groups@PLANE_PARAMETER@)
{
  const int32_t group_outputs = outputs / groups;
  const int32_t group_channels = channels / groups;
  (void)in_height;
  for (int32_t place = 0; place < out_height * out_width; ++place) {
    @F@ *const target = out + (ptrdiff_t)place * outputs;
    for (int32_t o = 0; o < outputs; ++o) {
      target[o] = init != NULL ? @START@ : @ZERO@;
    }
  }
  for (size_t e = 0; e < count; ++e) {
    const int32_t index = (int32_t)list[e];
    const int32_t channel = index % channels;
    const int32_t column = (index / channels) % in_width;
    const int32_t row = (index / channels) / in_width;
    const int32_t first = channel / group_channels * group_outputs;
@LOAD_VALUE_SCATTER@    /* without dilation every stride-th tap meets an output: from the first */
    const int32_t first_y = dilation_y == 1 ? (row + top) % stride_y : 0;
    const int32_t first_x = dilation_x == 1 ? (column + left) % stride_x : 0;
    for (int32_t ky = first_y; ky < kernel_height; ky += dilation_y == 1 ? stride_y : 1) {
      const int32_t below = row + top - ky * dilation_y;
      if (below < 0) {
        break;
      }
      if (below % stride_y != 0 || below / stride_y >= out_height) {
        continue;
      }
      for (int32_t kx = first_x; kx < kernel_width; kx += dilation_x == 1 ? stride_x : 1) {
        const int32_t right = column + left - kx * dilation_x;
        if (right < 0) {
          break;
        }
        if (right % stride_x != 0 || right / stride_x >= out_width) {
          continue;
        }
        const @W@ *const tap = weight
            + (((ptrdiff_t)channel * kernel_height + ky) * kernel_width + kx) * @ROW_SIZE@;
        @F@ *const target =
            out + ((ptrdiff_t)(below / stride_y) * out_width + right / stride_x) * outputs + first;
        @ADD_ROW@(target, tap, (size_t)group_outputs@PASS_PLANE@@PASS_VALUE@);
      }
    }
  }
}
"""

OF_ELEMENTS = {"PLANE_PARAMETER": "", "ROW_SIZE": "group_outputs", "PASS_PLANE": ""}
"""Of a scatter whose rows have an element for each output."""


def _weighted(
    kernels: Kernels, float_type: CType, listed: CType, values: CType | None
) -> dict[str, str]:
    cast = "" if values is None or values == float_type else f"({float_type.name})"
    load = f"const {float_type.name} value = {cast}values[list[e]];\n"
    return {
        "F": float_type.name,
        "S": float_type.short,
        "ZERO": "0.0f" if float_type.size == 4 else "0.0",
        "L": listed.name,
        "TIMES": "" if values is None else " * value",
        "TIMES_TEXT": "" if values is None else " * values[list[e]]",
        "VALUES_PARAMETER": "" if values is None else f", const {values.name} *restrict values",
        "LOAD_VALUE": "" if values is None else f"      {load}",
        "LOAD_VALUE_SCATTER": "" if values is None else f"    {load}",
        "ADD_ROW": add_row(kernels, float_type, float_type, weighted=values is not None),
        "PASS_VALUE": "" if values is None else ", value",
    }


def gather(kernels: Kernels, float_type: CType, listed: CType, values: CType | None) -> str:
    suffix = f"_{values.short}" if values is not None else ""
    return kernels.add(
        f"gather_{float_type.short}_{listed.short}{suffix}",
        GATHER,
        **_weighted(kernels, float_type, listed, values),
    )


def dense(kernels: Kernels, float_type: CType, source: CType) -> str:
    return kernels.add(
        f"dense_{float_type.short}_{source.short}",
        DENSE,
        F=float_type.name,
        T=source.name,
        ZERO="0.0f" if float_type.size == 4 else "0.0",
    )


def scatter(kernels: Kernels, float_type: CType, listed: CType, values: CType | None) -> str:
    suffix = f"_{values.short}" if values is not None else ""
    return kernels.add(
        f"scatter_{float_type.short}_{listed.short}{suffix}",
        SCATTER,
        W=float_type.name,
        START="@ZERO@ + init[o]",
        **OF_ELEMENTS,
        **_weighted(kernels, float_type, listed, values),
    )
