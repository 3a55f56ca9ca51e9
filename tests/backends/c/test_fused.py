"""Products that are not rounded, in C: by the processor, or computed."""

from __future__ import annotations

import ctypes
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from snncc.backends.c.kernels import Kernels
from snncc.backends.c.kernels.fused import fused
from snncc.dialects.arrays import Array
from snncc.interpreters import sums
from tests.tools import require_tool

CALLER = """
void each(const float *a, const float *b, const float *c, float *out, size_t count)
{
  for (size_t i = 0; i < count; ++i) {
    out[i] = @FUSED@(a[i], b[i], c[i]);
  }
}
"""


def operands() -> tuple[Array, ...]:
    """Random ones of all sizes; halves of two floats with something far below; cancellation."""
    rng = np.random.default_rng(0)

    def drawn(count: int) -> Array:
        numbers = np.ldexp(rng.integers(1 << 23, 1 << 24, count), rng.integers(-95, 20, count))
        return (numbers * rng.choice([-1, 1], count)).astype(np.float32)

    def odd(bits: int) -> Array:
        high = 1 << (bits - 1)
        return (rng.integers(high // 2, high, 300) * 2 + 1).astype(np.float32)

    a, b = np.concatenate([drawn(500), odd(13)]), np.concatenate([drawn(500), odd(12)])
    tiny = (rng.choice([-1, 0, 1], 300) * 2.0**-60).astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        c = np.concatenate([np.float32(-a[:500] * b[:500] * rng.choice([0.5, 1], 500)), tiny])
        c[::5] = drawn(len(c[::5]))
    least = np.float32(2.0**-149)
    a, b, c = (np.append(v, w) for v, w in ((a, least), (b, 0.5), (c, least)))
    return tuple(np.ascontiguousarray(v, np.float32) for v in (a, b, c))


def rounded(exact: Fraction) -> float:
    """The nearest float32, of two as near the even one; as a float64."""
    if exact == 0:
        return 0.0
    size = abs(exact)
    exponent = max(size.numerator.bit_length() - size.denominator.bit_length(), -126)
    exponent -= size < Fraction(2) ** exponent and exponent > -126
    unit = Fraction(2) ** (exponent - 23)
    found = round(size / unit) * unit
    return float(found) * (1 if exact > 0 else -1)


@pytest.mark.parametrize("flags", [["-O2"], ["-O0"], ["-O2", "-mfma"]])
def test_a_product_and_its_addition_are_rounded_once(flags: list[str], tmp_path: Path) -> None:
    gcc = require_tool("gcc")
    kernels = Kernels("net", "NET")
    source = CALLER.replace("@FUSED@", fused(kernels))
    includes = "".join(f"#include <{name}.h>\n" for name in ("stddef", "stdint", "string"))
    (tmp_path / "each.c").write_text(includes + kernels.text() + source, encoding="utf-8")
    library = tmp_path / "each.so"
    command = [gcc, "-std=c11", "-ffp-contract=off", *flags, "-shared", "-fPIC", "each.c"]
    done = subprocess.run([*command, "-o", library], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode != 0 and "-mfma" in flags:
        pytest.skip("the processor has no such flag")
    assert done.returncode == 0, done.stderr
    a, b, c = operands()
    found = np.empty_like(a)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (a, b, c, found)]
    ctypes.CDLL(str(library)).each(*pointers, ctypes.c_size_t(a.size))
    exact = [
        Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        for x, y, z in zip(a, b, c, strict=True)
    ]
    wanted = np.array([rounded(value) for value in exact])
    np.testing.assert_array_equal(found.astype(np.float64), wanted)
    np.testing.assert_array_equal(sums.fused(a, b, c), found)
    twice = (a.astype(np.float64) * b + c).astype(np.float32)
    assert (twice != found).any(), "some must show a second rounding"
