"""The C of integer networks: clean under warnings and sanitizers, readable, and vectorized."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.snn.types import stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.runtime.toolchain import EXACT
from snncc.verification import compare
from tests.random_integers import seeded_case
from tests.random_networks import Case
from tests.seeds import is_long
from tests.small_networks import network
from tests.tools import require_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")
SEEDS = range(24)
LEVELS = (("-O2",), ("-O3", "-march=native"), ("-O2", "-DPORTABLE"))
SANITIZED = (("-O1",), ("-O2", "-march=native"))


def in_turn(programs: list[Any], number: int, of: int) -> list[Any]:
    """Of several builds one for each network, so that each is of many; the long run takes all."""
    return programs if is_long() else programs[number::of]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [case for seed in SEEDS if (case := seeded_case(seed)) is not None]


@pytest.fixture(scope="module")
def emitted(
    cases: list[Case], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[snncc.Compiled, Path]]:
    folder = tmp_path_factory.mktemp("emitted")
    programs = [
        snncc.compile(case.network, prefix=f"n{index}", time_block=1 + index % 5)
        for index, case in enumerate(cases)
    ]
    return [(program, program.save(folder / program.prefix)) for program in programs]


def _compile(folder: Path, source: str, out: Path, compiler: str, *flags: str) -> None:
    exact = EXACT if source.endswith(".c") else ()
    includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    command = [compiler, *exact, *flags, *includes, "-c", folder / source, "-o", out]
    subprocess.run(command, check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
@pytest.mark.parametrize("flags", LEVELS, ids=" ".join)
def test_no_warnings(
    emitted: list[tuple[snncc.Compiled, Path]],
    tmp_path: Path,
    compiler: str,
    flags: tuple[str, ...],
) -> None:
    require_tool(compiler)
    for program, folder in in_turn(emitted, LEVELS.index(flags), len(LEVELS)):
        portable = f"-D{program.prefix.upper()}_PORTABLE"
        chosen = [portable if flag == "-DPORTABLE" else flag for flag in flags]
        for source in program.package.sources:
            _compile(folder, source, tmp_path / "x.o", compiler, *WARNINGS, *chosen)


DRIVER = """
#include <stdio.h>
#include "@P@.h"
static @P@_state_t state;
@ARRAYS@
int main(void)
{
  unsigned random = 1u;
  unsigned sum = 0u;
  unsigned char *const bytes = (unsigned char *)x;
  for (size_t i = 0; i < sizeof x; ++i) {
    random = random * 1664525u + 1013904223u;
    bytes[i] = @BYTE@;
  }
  if (@P@_init(&state) != @U@_OK) {
    return 1;
  }
  if (@P@_run(&state, @CALL@) != @U@_OK) {
    return 2;
  }
  if (@P@_step_counts(&state, counts, @OUTPUTS@) != @U@_OK) {
    return 3;
  }
  if (@P@_step_events(&state, events, 3u, @OUTPUTS@) != @U@_OK) {
    return 4;
  }
  @SUM@
  printf("%u\\n", sum);
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("flags", SANITIZED, ids=" ".join)
def test_sanitizers(
    emitted: list[tuple[snncc.Compiled, Path]], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """Every bit pattern of an integer input: nothing is undefined, nothing out of bounds."""
    require_tool("gcc")
    steps = 11
    for program, folder in in_turn(emitted, SANITIZED.index(flags), len(SANITIZED)):
        (given,) = program.package.manifest["inputs"]
        outputs = program.package.manifest["outputs"]
        if given["type"] == "float":
            continue
        size = int(np.prod(given["shape"]))
        arrays = [
            f"static {given['type']} x[{steps * size}];",
            f"static uint8_t counts[{size}] = {{255, 128}};" if size > 1 else "",
            f"static {program.prefix}_address_t events[3] = {{0, {size - 1}, 0}};",
        ]
        sums = []
        for number, output in enumerate(outputs):
            count = steps * int(np.prod(output["shape"]))
            arrays.append(f"static {output['type']} y{number}[{count}];")
            sums.append(f"for (size_t i = 0; i < {count}u; ++i) {{ sum += y{number}[i] != 0; }}")
        ys = ", ".join(f"y{number}" for number in range(len(outputs)))
        (value,) = program.network.op.inputs.values()
        spikes = stream_type(value).element_type.width.data == 1
        text = DRIVER.replace("@P@", program.prefix).replace("@U@", program.prefix.upper())
        text = text.replace("@ARRAYS@", "\n".join(arrays)).replace("@SUM@", "\n  ".join(sums))
        text = text.replace("@BYTE@", f"(unsigned char)(random >> {31 if spikes else 24})")
        text = text.replace("@OUTPUTS@", ys)
        text = text.replace("@CALL@", f"x, {steps}u, {ys}")
        main = tmp_path / "main.c"
        main.write_text(text)
        checks = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
        includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
        sources = [folder / source for source in program.package.sources]
        out = tmp_path / "main"
        command = ["gcc", *EXACT, *flags, *checks, *includes, main, *sources, "-o", out]
        subprocess.run(command, check=True, timeout=300)
        done = subprocess.run([out], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, (program.prefix, done.stderr[-2000:])


LIF = """
snn.parameter @w : tensor<70x40xi8> = dense<WEIGHTS>
snn.parameter @b : tensor<70xi16> = dense<-3>
snn.network @net ("x" %x : tensor<40xi1>) -> ("y" : tensor<70xi1>) {
  %w = snn.use @w : tensor<70x40xi8>
  %b = snn.use @b : tensor<70xi16>
  %zero = snn.constant dense<0> : tensor<i16>
  %i = snn.linear %x, %w bias %b last as "fc"
    : (tensor<40xi1>, tensor<70x40xi8>, tensor<70xi16>) -> tensor<70xi16>
  %y = snn.neuron as "lif" (%x = %i : tensor<70xi16>) state (%v = %zero : tensor<i16>)
      -> (tensor<70xi1>) {
    %m = arith.constant 115 : i32
    %h = arith.constant 64 : i32
    %s = arith.constant 7 : i32
    %th = arith.constant 90 : i32
    %none = arith.constant 0 : i32
    %low = arith.constant -32768 : i32
    %high = arith.constant 32767 : i32
    %v32 = arith.extsi %v : i16 to i32
    %x32 = arith.extsi %x : i16 to i32
    %0 = arith.muli %v32, %m : i32
    %1 = arith.addi %0, %h : i32
    %2 = arith.shrsi %1, %s : i32
    %u = arith.addi %2, %x32 : i32
    %3 = arith.subi %u, %th : i32
    %z = snn.spike ge %3 : i32
    %4 = arith.select %z, %none, %u : i32
    %5 = arith.maxsi %4, %low : i32
    %6 = arith.minsi %5, %high : i32
    %7 = arith.trunci %6 : i32 to i16
    snn.next (%z : i1) state (%7 : i16)
  }
  snn.yield %y : tensor<70xi1>
}
"""


def lif(folder: Path) -> snncc.Network:
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, (70, 40))
    return network(LIF.replace("WEIGHTS", str(weights.tolist())), folder)


def test_weights_and_states_have_their_types(tmp_path: Path) -> None:
    files = snncc.compile(lif(tmp_path), weights="c").package.files
    weights = files["src/net_weights.c"].decode()
    assert "const int8_t net_w[2800] = {" in weights
    assert "const int16_t net_b[70] = {\n  -3, -3," in weights
    assert re.search(r"\n  -?\d+(, -?\d+)+,\n", weights)
    source = files["src/net.c"].decode()
    assert "const int32_t u = (int32_t)((uint32_t)t_3 + (uint32_t)x32);" in source
    assert "net_shift_right_i32(t_2, 7u)" in source


@pytest.mark.parametrize(
    ("compiler", "report", "vectorized"),
    [
        ("gcc", ("-fopt-info-vec",), "loop vectorized using 64 byte vectors"),
        ("clang-19", ("-Rpass=loop-vectorize",), "vectorized loop"),
    ],
)
def test_bodies_become_vector_code(
    compiler: str, report: tuple[str, ...], vectorized: str, tmp_path: Path
) -> None:
    """The loop over the population, which is the only one with a state's name in it."""
    require_tool(compiler)
    folder = snncc.compile(lif(tmp_path)).save(tmp_path / "net")
    source = folder / "src" / "net.c"
    lines = source.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "_update(" in line)
    loop = next(i for i in range(start, len(lines)) if "for (size_t n" in lines[i]) + 1
    flags = ["-O3", "-march=x86-64-v4", "-mprefer-vector-width=512", *report]
    includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    command = [compiler, *EXACT, *flags, *includes, "-c", source, "-o", tmp_path / "x.o"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [line for line in done.stderr.splitlines() if f"net.c:{loop}:" in line]
    assert any(vectorized in line for line in found), done.stderr[-3000:]


@pytest.mark.slow
def test_the_bodies_of_kernels_agree(cases: list[Case]) -> None:
    """Vectors of every width, and none."""
    require_tool("gcc")
    builds = [("-O2", "-DNET_PORTABLE"), ("-O2",), ("-O2", "-mavx"), ("-O2", "-mavx2")]
    builds.append(("-O3", "-march=native"))
    for number, case in enumerate(cases[:6]):
        wanted = NetworkInterpreter(case.network.module, case.network.op).run(case.x)
        # two of the builds for each network, next to each other in turn
        some = builds if is_long() else [builds[(number + k) % len(builds)] for k in (0, 2)]
        for flags in some:
            program = snncc.compile(case.network, prefix="net", cc="gcc", cflags=flags)
            check = compare(" ".join(flags), wanted, program.native.run(case.x))
            assert check.differing == 0, (flags, check.first)
