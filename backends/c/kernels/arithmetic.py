"""What bodies call, where an operation is more than one of C."""

from __future__ import annotations

import re

from xdsl.ir import Operation

from snncc.backends.c.functions import BITS, FUNCTION, bit_types, parts_of
from snncc.backends.c.kernels.collection import Kernels
from snncc.backends.c.types import CType
from snncc.dialects.snn.functions import FUNCTIONS

EXTREME = """\
/* IEEE 754-2019 @WHAT@: a NaN stays one, -0 is below +0. */
@U@_INLINE @F@ @NAME@(@F@ a, @F@ b)
{
  if (a == b) {
    @UINT@ x;
    @UINT@ y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x = x @BITS@ y; /* equal numbers differ in the sign of zero only */
    memcpy(&a, &x, sizeof x);
    return a;
  }
  return (a @SIGN@ b || a != a) ? a : b;
}
"""


SHIFT_RIGHT = """\
/* x / 2^by, rounded down; compilers make one shift of it. */
@U@_INLINE @I@ @NAME@(@I@ x, uint32_t by)
{
  const uint32_t some = by < @LAST@u ? by : @LAST@u;
  return x < 0 ? (@I@)~(~x >> some) : x >> some;
}
"""

DIVIDE = """\
/* Rounded towards zero; x / 0 is 0, and what overflows wraps. */
@U@_INLINE @I@ @NAME@(@I@ a, @I@ b)
{
  if (b == 0) {
    return 0;
  }
  return b == -1 ? (@I@)(0u - (@UINT@)a) : a / b;
}
"""

TO_INTEGER = """\
/* Rounded towards zero, the nearest number where it is out of range; 0 for what is none. */
@U@_INLINE @I@ @NAME@(@F@ x)
{
  const int inside = x > @LOW@ && x < @HIGH@;
  const @I@ whole = (@I@)(inside ? x : @FZERO@);
  const @I@ most = x >= @HIGH@ ? @MOST@ : whole;
  return x <= @LOW@ ? @LEAST@ : most;
}
"""


def extreme(kernels: Kernels, which: str, float_type: CType) -> str:
    """`maximum` or `minimum`."""
    largest = which == "maximum"
    return kernels.add(
        f"{which}_{float_type.short}",
        EXTREME,
        WHAT=which,
        F=float_type.name,
        UINT="uint32_t" if float_type.size == 4 else "uint64_t",
        BITS="&" if largest else "|",
        SIGN=">" if largest else "<",
    )


def function(kernels: Kernels, operation: type[Operation], float_type: CType) -> str:
    """A function of bodies, in front of it what it needs."""
    for type in bit_types(operation, float_type):
        kernels.add(
            f"bits_{type.short}",
            BITS,
            S=type.short,
            F=type.name,
            UINT="uint32_t" if type.size == 4 else "uint64_t",
        )
    name = f"{FUNCTIONS[operation].name}_{float_type.short}"
    return kernels.add(name, FUNCTION, **parts_of(operation, float_type))


_INTEGER_HELPERS = {
    "shift_right_i32": SHIFT_RIGHT,
    "shift_right_i64": SHIFT_RIGHT,
    "divide_i32": DIVIDE,
    "divide_i64": DIVIDE,
    **{f"to_i{width}_{short}": TO_INTEGER for width in (8, 16, 32, 64) for short in ("f32", "f64")},
}


def integer_helper(kernels: Kernels, name: str) -> None:
    """A helper of integer bodies by its name; other names are not its concern."""
    if name not in _INTEGER_HELPERS:
        return
    width = int(re.findall(r"_i(\d+)", name)[0])
    double = name.endswith("f64")
    suffix = "" if double else "f"
    kernels.add(
        name,
        _INTEGER_HELPERS[name],
        I=f"int{width}_t",
        UINT=f"uint{width}_t",
        ZERO="INT64_C(0)" if width == 64 else "0",
        LAST=str(width - 1),
        F="double" if double else "float",
        FZERO=f"0.0{suffix}",
        LOW=f"-{float(1 << (width - 1))}{suffix}",
        HIGH=f"{float(1 << (width - 1))}{suffix}",
        LEAST=f"INT{width}_MIN",
        MOST=f"INT{width}_MAX",
    )
