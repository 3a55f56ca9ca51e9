"""The functions of bodies in C: the bits of the interpreter, from every build, without libm."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import math
from xdsl.ir import Operation

from snncc.backends.c.kernels import Kernels, arithmetic
from snncc.backends.c.types import CType
from snncc.dialects.arrays import Array
from snncc.dialects.snn.functions import FUNCTIONS, Type, evaluate, program_of
from snncc.runtime.toolchain import EXACT
from tests.seeds import is_long
from tests.tools import require_tool

FLOATS = {Type.F32: CType("float", "f32", 4), Type.F64: CType("double", "f64", 8)}
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")
COUNT = 500_000 if is_long() else 100_000
"""Of random bit patterns, and of numbers where most functions are neither 0 nor infinite."""

Call = tuple[type[Operation], Type]
CALLS: list[Call] = [(operation, type) for operation in FUNCTIONS for type in FLOATS]


def source() -> str:
    """A loop over arrays for each function and type, as elementwise stages have them."""
    kernels = Kernels("t", "T")
    loops: list[str] = []
    for operation, type in CALLS:
        name, function, float_name = (
            arithmetic.function(kernels, operation, FLOATS[type]),
            FUNCTIONS[operation],
            FLOATS[type].name,
        )
        names = ("x", "y")[: function.arity]
        parameters = "".join(f"const {float_name} *restrict {n}, " for n in names)
        arguments = ", ".join(f"{n}[i]" for n in names)
        head = f"void loop_{name}({parameters}{float_name} *restrict out, size_t n)"
        loops.append(
            f"{head};\n{head}\n{{\n  for (size_t i = 0; i < n; ++i) {{\n"
            f"    out[i] = {name}({arguments});\n  }}\n}}\n"
        )
    includes = "".join(f"#include <{name}.h>\n" for name in ("stddef", "stdint", "string"))
    return f"{includes}{kernels.text()}\n{''.join(loops)}"


def arguments(operation: type[Operation], type: Type) -> list[Array]:
    dtype, bits = (np.float32, np.uint32) if type is Type.F32 else (np.float64, np.uint64)
    rng = np.random.default_rng(1)
    info = np.finfo(dtype)
    special = np.array([0, 1, 0.5, 2, 3, np.inf, np.nan, info.max, info.tiny, info.eps], dtype)
    special = np.concatenate([special, -special, special.view(bits)[:1].view(dtype)])
    special = np.concatenate([special, np.arange(-40, 40).astype(dtype) / 4])
    found = []
    for _ in range(FUNCTIONS[operation].arity):
        anything = rng.integers(0, 2 ** (8 * info.dtype.itemsize), COUNT, dtype=np.uint64)
        usual = rng.normal(size=COUNT) * 10.0 ** rng.uniform(-3, 2, COUNT)
        found.append([special, anything.astype(bits).view(dtype), usual.astype(dtype)])
    if len(found) == 2:  # every special value with every other
        size = special.size
        found[0][0], found[1][0] = np.repeat(special, size), np.tile(special, size)
    return [np.concatenate(parts) for parts in found]


@pytest.fixture(scope="module")
def expected() -> dict[Call, tuple[list[Array], Array]]:
    """The arguments, and what the interpreter makes of them."""
    found = {}
    for operation, type in CALLS:
        given = arguments(operation, type)
        found[operation, type] = (given, evaluate(program_of(operation, type), given))
    return found


def library(folder: Path, compiler: str, *flags: str) -> ctypes.CDLL:
    """Built without a warning; asks for no library, even where flags let a root set errno."""
    require_tool(compiler)
    nm = require_tool("nm")
    code, unit, out = (folder / f"functions.{end}" for end in ("c", "o", "so"))
    code.write_text(source(), encoding="utf-8")
    command = [compiler, *EXACT, *flags, *WARNINGS, "-fPIC", "-c", str(code), "-o", str(unit)]
    subprocess.run(command, check=True, timeout=300)
    listing = subprocess.run([nm, "-P", "-u", unit], check=True, capture_output=True, text=True)
    asked = {line.split()[0] for line in listing.stdout.splitlines()}
    assert asked <= {"memcpy", "_GLOBAL_OFFSET_TABLE_"}
    subprocess.run([compiler, "-shared", str(unit), "-o", str(out)], check=True, timeout=300)
    return ctypes.CDLL(str(out))


def run(functions: ctypes.CDLL, call: Call, given: list[Array]) -> Array:
    operation, type = call
    out = np.empty_like(given[0])
    loop: Any = getattr(functions, f"loop_t_{FUNCTIONS[operation].name}_{type.value}")
    loop.restype = None
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*given, out)]
    loop(*pointers, ctypes.c_size_t(out.size))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
@pytest.mark.parametrize(
    "flags",
    [
        ("-O0",),
        ("-O2", "-fmath-errno"),
        ("-O3", "-march=native"),
        ("-O3", "-march=native", "-DT_PORTABLE"),
    ],
    ids=" ".join,
)
def test_bits_of_the_interpreter(
    expected: dict[Call, tuple[list[Array], Array]],
    tmp_path: Path,
    compiler: str,
    flags: tuple[str, ...],
) -> None:
    functions = library(tmp_path, compiler, *flags)
    for call, (given, wanted) in expected.items():
        got = run(functions, call, given)
        bits = f"u{got.itemsize}"
        different = np.flatnonzero(got.view(bits) != wanted.view(bits))
        where = [(*(a[i] for a in given), got[i], wanted[i]) for i in different[:3]]
        assert not where, (call[0].name, call[1].value, where)


def test_behaviour_is_defined(tmp_path: Path) -> None:
    """Every special value and many others under the undefined-behaviour sanitizer."""
    require_tool("gcc")
    text = [source(), "#include <stdio.h>\nint main(void)\n{\n"]
    for operation, type in CALLS:
        name = FLOATS[type].name
        samples = arguments(operation, type)
        picked = [np.concatenate([a[:9000], a[-500:]]) for a in samples]
        bits = "uint32_t" if type is Type.F32 else "uint64_t"
        pointers = []
        text.append("  {\n")
        for number, array in enumerate(picked):
            literals = ",".join(f"{v}u" for v in array.view(f"u{array.itemsize}").tolist())
            text.append(f"    static const {bits} bits{number}[] = {{{literals}}};\n")
            text.append(f"    static {name} a{number}[{array.size}];\n")
            text.append(f"    memcpy(a{number}, bits{number}, sizeof a{number});\n")
            pointers.append(f"a{number}, ")
        size = picked[0].size
        text.append(f"    static {name} out[{size}];\n    loop_t_")
        text.append(f"{FUNCTIONS[operation].name}_{type.value}({''.join(pointers)}out, {size});\n")
        text.append("  }\n")
    text.append("  return 0;\n}\n")
    code, out = tmp_path / "main.c", tmp_path / "main"
    code.write_text("".join(text), encoding="utf-8")
    checks = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    command = ["gcc", *EXACT, "-O1", "-g0", *checks, str(code), "-o", str(out)]
    subprocess.run(command, check=True, timeout=300)
    subprocess.run([str(out)], check=True, timeout=60)


def helpers(*operations: type[Operation]) -> Iterator[str]:
    kernels = Kernels("t", "T")
    for operation in operations:
        arithmetic.function(kernels, operation, FLOATS[Type.F32])
    for line in kernels.text().splitlines():
        if line.startswith("T_INLINE"):
            yield line.split("(")[0].split()[-1]


def test_only_what_is_called_is_emitted() -> None:
    assert list(helpers()) == []
    assert list(helpers(math.FloorOp)) == ["t_bits_f32", "t_from_bits_f32", "t_floor_f32"]
    both = list(helpers(math.ExpOp, math.FloorOp, math.ExpOp))
    assert sorted(both) == sorted({*both})
    assert {"t_exp_f32", "t_floor_f32"} <= {*both}


def test_text_is_deterministic() -> None:
    assert source() == source()
