"""What moves elements: rearrangements and delay lines."""

from __future__ import annotations

from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType

REARRANGE = """\
/* Runs of neighbours from the places where they start@WHAT@. */
@U@_INLINE void @NAME@(
    const @T@ *restrict x@SIZE_PARAMETER@, const @L@ *restrict places, size_t count, size_t run,
    @T@ *restrict out)
{
  for (size_t i = 0; i < count; ++i) {
@COPY@  }
}
"""

REARRANGE_COPY = "memcpy(out + i * run, x + places[i], run * sizeof(@T@));\n"

DELAY_READ = """\
/* What was written `steps` steps ago; `position` is the row that is written next. */
@U@_INLINE void @NAME@(const @T@ *restrict line, uint32_t position, uint32_t depth, size_t size,
    uint32_t steps, @T@ *restrict out)
{
  const uint32_t row = position + depth - steps;
  memcpy(out, line + (size_t)(row < depth ? row : row - depth) * size, size * sizeof(@T@));
}
"""

DELAY_READ_EACH = """\
/* The same with a number of steps for each element; 0 takes the value of this step. */
@U@_INLINE void @NAME@(const @T@ *restrict line, uint32_t position, uint32_t depth, size_t size,
    const uint32_t *restrict steps, const @T@ *restrict now, @T@ *restrict out)
{
  for (size_t i = 0; i < size; ++i) {
    if (steps[i] == 0) {
      out[i] = now[i];
    } else {
      const uint32_t row = position + depth - steps[i];
      out[i] = line[(size_t)(row < depth ? row : row - depth) * size + i];
    }
  }
}
"""

DELAY_WRITE = """\
/* Writes this step's row over the oldest, and moves on. */
@U@_INLINE void @NAME@(const @T@ *restrict x, @T@ *restrict line, uint32_t *restrict position,
    uint32_t depth, size_t size)
{
  memcpy(line + (size_t)*position * size, x, size * sizeof(@T@));
  *position = *position + 1 < depth ? *position + 1 : 0;
}
"""


def rearrange(kernels: Kernels, element: CType, places: CType, *, zeros: bool) -> str:
    """`run` is a number in the call: a run of one element is a load and a store."""
    copy = f"    {REARRANGE_COPY}"
    if zeros:
        copy = (
            f"    if (places[i] < size) {{\n      {REARRANGE_COPY}    }} else {{\n"
            "      memset(out + i * run, 0, run * sizeof(@T@)); /* +0 is all bits zero */\n"
            "    }\n"
        )
    return kernels.add(
        f"rearrange{'_zeros' if zeros else ''}_{element.short}_{places.short}",
        REARRANGE.replace("@COPY@", copy),
        WHAT="; a place behind the end is zeros" if zeros else "",
        SIZE_PARAMETER=", size_t size" if zeros else "",
        T=element.name,
        L=places.name,
    )


def delay_read(kernels: Kernels, element: CType, *, each: bool) -> str:
    name = f"delay_read{'_each' if each else ''}_{element.short}"
    return kernels.add(name, DELAY_READ_EACH if each else DELAY_READ, T=element.name)


def delay_write(kernels: Kernels, element: CType) -> str:
    return kernels.add(f"delay_write_{element.short}", DELAY_WRITE, T=element.name)
