"""Pools."""

from __future__ import annotations

from snncc.backends.c.kernels.arithmetic import extreme
from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.kernels.integers import add_integer_row
from snncc.backends.c.kernels.rows import add_row
from snncc.backends.c.types import CType, is_integer, is_signed

POOL = """\
/* Pools windows of a channel-last input: @WHAT@. */
@U@_INLINE void @NAME@(const @T@ *restrict x, @F@ *restrict out, int32_t in_height,
    int32_t in_width, int32_t channels, int32_t out_height, int32_t out_width,
    int32_t kernel_height, int32_t kernel_width, int32_t stride_y, int32_t stride_x,
    int32_t top, int32_t left)
{
  for (int32_t y = 0; y < out_height; ++y) {
    for (int32_t z = 0; z < out_width; ++z) {
      @F@ *const target = out + ((ptrdiff_t)y * out_width + z) * channels;
@COUNT_START@      for (int32_t c = 0; c < channels; ++c) {
        target[c] = @START@;
      }
      for (int32_t i = 0; i < kernel_height; ++i) {
        const int32_t row = y * stride_y + i - top;
        if (row < 0 || row >= in_height) {
          continue;
        }
        for (int32_t j = 0; j < kernel_width; ++j) {
          const int32_t column = z * stride_x + j - left;
          if (column < 0 || column >= in_width) {
            continue;
          }
          const @T@ *const source = x + ((ptrdiff_t)row * in_width + column) * channels;
@COUNT_STEP@@UPDATE@        }
      }
@END@    }
  }
}
"""


def pool(
    kernels: Kernels, kind: str, source: CType, target: CType, *, exclude_padding: bool
) -> str:
    zero = {"float": "0.0f", "double": "0.0"}.get(target.name, "0")
    scale = f"({target.name})(kernel_height * kernel_width)"
    lines = {"COUNT_START": "", "COUNT_STEP": "", "END": "", "START": zero}
    what = "the sum, rows first"
    if kind == "sum" and is_integer(target):
        what = "the sum"
        update = add_integer_row(kernels, target, source) + "(target, source, (size_t)channels);"
    else:
        update = add_row(kernels, target, source) + "(target, source, (size_t)channels);"
    if kind == "avg":
        what = "the sum, rows first, divided by the size of the window"
        if exclude_padding:
            what = "the sum, rows first, divided by the elements inside"
            lines["COUNT_START"] = "      int32_t inside = 0;\n"
            lines["COUNT_STEP"] = "          ++inside;\n"
            scale = f"({target.name})inside"
        lines["END"] = (
            "      for (int32_t c = 0; c < channels; ++c) {\n"
            f"        target[c] /= {scale};\n      }}\n"
        )
    elif kind == "max":
        what = "the largest element"
        update = "target[c] = source[c] > target[c] ? source[c] : target[c];"
        if is_signed(target):
            lines["START"] = f"INT{8 * target.size}_MIN"
        if target.name in ("float", "double"):
            single = target.size == 4
            lines["START"] = "lowest"
            lines["COUNT_START"] = (
                f"      const {'uint32_t' if single else 'uint64_t'} bits = "
                f"{'0xff800000u' if single else '0xfff0000000000000u'}; /* -infinity */\n"
                f"      {target.name} lowest;\n"
                "      memcpy(&lowest, &bits, sizeof lowest);\n"
            )
            larger = extreme(kernels, "maximum", target)
            update = f"target[c] = {larger}(target[c], source[c]);"
        update = f"for (int32_t c = 0; c < channels; ++c) {{\n            {update}\n          }}"
    suffix = "_inside" if exclude_padding and kind == "avg" else ""
    return kernels.add(
        f"pool_{kind}{suffix}_{source.short}_{target.short}",
        POOL,
        T=source.name,
        F=target.name,
        WHAT=what,
        UPDATE=f"          {update}\n",
        **lines,
    )
