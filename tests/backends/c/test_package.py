"""What firmware people ask of the emitted C: warnings, symbols, bytes, refusals."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.backends.c.names import prefix_fault, prefix_of
from snncc.runtime.toolchain import EXACT
from tests.random_networks import draw_case
from tests.small_networks import RECURRENT, TWO_INPUTS, network, stimulus
from tests.tools import require_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")
ALLOWED = {"memcpy", "memset", "memcmp", "memmove"}


def _case(seed: int) -> snncc.Network | None:
    rng = np.random.default_rng(seed)
    case = draw_case(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )
    return None if case is None else case.network


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[snncc.Compiled, Path]]:
    """Several networks, between them with every kernel."""
    folder = tmp_path_factory.mktemp("emitted")
    networks = [network(RECURRENT, folder), network(TWO_INPUTS, folder)]
    networks += [net for seed in range(8) if (net := _case(seed)) is not None]
    found = []
    for index, net in enumerate(networks):
        weights = ("c", "bin")[index % 2]
        program = snncc.compile(net, prefix=f"n{index}", time_block=1 + index, weights=weights)
        found.append((program, program.save(folder / f"n{index}")))
    return found


def _compile(folder: Path, source: str, out: Path, compiler: str, *flags: str) -> None:
    subprocess.run(
        [
            compiler,
            *(EXACT if source.endswith(".c") else ()),
            *flags,
            f"-I{folder / 'include'}",
            f"-I{folder / 'src'}",
            "-c",
            str(folder / source),
            "-o",
            str(out),
        ],
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
@pytest.mark.parametrize("flags", [("-O2",), ("-O3", "-march=native"), ("-O2", "-DPORTABLE")])
def test_no_warnings(
    emitted: list[tuple[snncc.Compiled, Path]],
    tmp_path: Path,
    compiler: str,
    flags: tuple[str, ...],
) -> None:
    require_tool(compiler)
    for program, folder in emitted:
        portable = f"-D{program.prefix.upper()}_PORTABLE"
        chosen = [portable if flag == "-DPORTABLE" else flag for flag in flags]
        for source in program.package.sources:
            _compile(folder, source, tmp_path / "x.o", compiler, *WARNINGS, *chosen)


def test_symbols(emitted: list[tuple[snncc.Compiled, Path]], tmp_path: Path) -> None:
    """Every symbol has the prefix, nothing mutable is global, only memory functions are asked."""
    require_tool("gcc")
    nm = require_tool("nm")
    for program, folder in emitted:
        for source in program.package.sources:
            _compile(folder, source, tmp_path / "x.o", "gcc", "-O2", "-fno-builtin")
            listing = subprocess.run(
                [nm, "-P", tmp_path / "x.o"], check=True, capture_output=True, text=True
            ).stdout
            for line in listing.splitlines():
                name, kind, *_ = line.split()
                if name.startswith("."):
                    continue  # the compiler's own labels
                if kind == "U":
                    assert name in ALLOWED or name.startswith(f"{program.prefix}_"), name
                else:
                    assert name.startswith(f"{program.prefix}_"), name
                    assert kind.lower() in "tr", f"{name} is mutable or common ({kind})"


def test_same_network_same_bytes(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    first, second = (snncc.compile(net, prefix="same").package.files for _ in range(2))
    assert first == second
    for name, data in first.items():
        assert str(tmp_path).encode() not in data, name


def test_weights_as_c_and_as_binary_are_the_same(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    x = stimulus(9, 2, 3)
    runs = [snncc.compile(net, weights=form).run(x)["v"] for form in ("c", "bin")]
    np.testing.assert_array_equal(runs[0].view(np.uint32), runs[1].view(np.uint32))
    assert "src/net_weights.S" in snncc.compile(net, weights="bin").package.files


def test_portable_bodies_give_the_same_bits(emitted: list[tuple[snncc.Compiled, Path]]) -> None:
    rng = np.random.default_rng(0)
    for program, _ in emitted:
        x = {
            name: ((rng.random((9, *shape)) < 0.5) * rng.normal(size=(9, *shape))).astype(
                np.float32
            )
            for name, shape in program.network.inputs.items()
        }
        portable = snncc.compile(
            program.network,
            prefix=program.prefix,
            cflags=("-O2", f"-D{program.prefix.upper()}_PORTABLE"),
        )
        vector = snncc.compile(
            program.network, prefix=program.prefix, cflags=("-O3", "-march=native")
        )
        a, b = portable.run(x), vector.run(x)
        for name, values in a.items():
            np.testing.assert_array_equal(
                values.view(f"u{values.itemsize}"), b[name].view(f"u{values.itemsize}")
            )


@pytest.mark.parametrize(
    ("compiler", "flag"),
    [
        ("gcc", "-ffast-math"),
        ("gcc", "-Ofast"),
        ("gcc", "-funsafe-math-optimizations"),
        ("gcc", "-ffinite-math-only"),
        ("gcc", "-fno-signed-zeros"),
        ("gcc", "-freciprocal-math"),
        ("clang-19", "-ffast-math"),
        ("clang-19", "-Ofast"),
    ],
)
def test_other_arithmetic_is_refused(compiler: str, flag: str, tmp_path: Path) -> None:
    require_tool(compiler)
    net = network(TWO_INPUTS, tmp_path)
    program = snncc.compile(net, cc=compiler, cflags=("-O2", flag))
    with pytest.raises(snncc.SnnccError, match=r"SNC-C002 .*leave them out"):
        program.run({"a": stimulus(2, 4), "b": stimulus(2, 4)})


@pytest.mark.parametrize(
    ("weights", "sources"), [("c", "`src/*.c`"), ("bin", "`src/*.c` and `src/*.S`")]
)
def test_the_readme_says_how_to_build(weights: str, sources: str, tmp_path: Path) -> None:
    require_tool("gcc")
    program = snncc.compile(network(RECURRENT, tmp_path), weights=weights)
    folder = program.save(tmp_path / "c")
    assert f"Build {sources} with `include`" in (folder / "README.md").read_text()
    files = sources.replace("`", "").replace(" and ", " ")
    subprocess.run(f"gcc -Iinclude -Isrc -c {files}", shell=True, cwd=folder, check=True)
    built = {path.stem for path in folder.glob("*.o")}
    assert built == {Path(name).stem for name in program.package.sources}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("digits", "digits"),
        ("netA", "neta"),
        ("my net-1.5", "my_net_1_5"),
        ("2layers", "n2layers"),
        ("string", "string_net"),
        ("Math", "math_net"),
        ("poll", "poll_net"),
        ("int", "int_net"),
        ("__", "n"),
        ("übung", "bung"),
    ],
)
def test_a_name_gives_a_prefix_that_can_be_one(name: str, prefix: str) -> None:
    assert prefix_of(name) == prefix
    assert prefix_fault(prefix) is None


def test_names_that_differ_in_case_have_macros_of_their_own(tmp_path: Path) -> None:
    text = TWO_INPUTS.replace('"b" %b', '"A" %b')
    files = snncc.compile(network(text, tmp_path)).package.files
    macros = re.findall(r"#define (\w+)", files["include/two.h"].decode())
    assert {"TWO_A_SIZE", "TWO_A_2_SIZE"} <= set(macros)
    assert len(set(macros) - {"TWO_ALIGNED"}) == len(macros) - 2  # in C++ and in C


def test_sanitizers(emitted: list[tuple[snncc.Compiled, Path]], tmp_path: Path) -> None:
    """A driver that steps, runs and refuses, under the address and undefined sanitizers."""
    require_tool("gcc")
    for program, folder in emitted:
        main = tmp_path / "main.c"
        main.write_text(_driver(program))
        binary = tmp_path / "main"
        sources = [str(folder / name) for name in program.package.sources]
        subprocess.run(
            [
                "gcc",
                "-std=c11",
                "-g",
                "-O1",
                "-march=native",
                "-ffp-contract=off",
                "-fsanitize=address,undefined",
                "-fno-sanitize-recover=all",
                f"-I{folder / 'include'}",
                f"-I{folder / 'src'}",
                str(main),
                *sources,
                "-o",
                str(binary),
            ],
            check=True,
            timeout=120,
        )
        subprocess.run([str(binary)], check=True, timeout=60)


def _driver(program: snncc.Compiled) -> str:
    p, u = program.prefix, program.prefix.upper()
    manifest = program.package.manifest
    ins, outs = manifest["inputs"], manifest["outputs"]
    steps = 2 * manifest["block_steps"] + 1
    lines = [f'#include "{p}.h"', "#include <stdlib.h>", f"static {p}_state_t s;"]
    for t in ins:
        size = int(np.prod(t["shape"]))
        lines.append(f"static float {t['symbol']}[{steps * size}];")
        lines.append(f"static uint8_t {t['symbol']}_n[{size}];")
        lines.append(f"static {p}_address_t {t['symbol']}_e[3] = {{0, {size - 1}, {size // 2}}};")
    for t in outs:
        lines.append(f"static {t['type']} {t['symbol']}[{steps * int(np.prod(t['shape']))}];")
    lines.append("int main(void) {")
    for t in ins:
        size = int(np.prod(t["shape"]))
        lines.append(f"  for (int i = 0; i < {steps * size}; ++i)")
        lines.append(f"    {t['symbol']}[i] = (float)((i * 7) % 5 - 2) * 0.5f;")
        lines.append(f"  for (int i = 0; i < {size}; ++i) {t['symbol']}_n[i] = (uint8_t)(i % 3);")
    o = ", ".join(t["symbol"] for t in outs)
    dense = ", ".join(t["symbol"] for t in ins)
    counts = ", ".join(f"{t['symbol']}_n" for t in ins)
    events = ", ".join(f"{t['symbol']}_e, 3" for t in ins)
    lines += [
        f"  if ({p}_step_f32(&s, {dense}, {o}) != {u}_ERR_STATE) return 1;",
        f"  if ({p}_init(&s) != {u}_OK) return 2;",
        f"  if ({p}_step_f32(&s, {dense}, {o}) != {u}_OK) return 3;",
        f"  if ({p}_step_counts(&s, {counts}, {o}) != {u}_OK) return 4;",
        f"  if ({p}_step_events(&s, {events}, {o}) != {u}_OK) return 5;",
        f"  if ({p}_run(&s, {dense}, {steps}, {o}) != {u}_OK) return 6;",
        f"  if ({p}_run(&s, {dense}, 0, {o}) != {u}_OK) return 7;",
        f"  if ({p}_reset(&s) != {u}_OK) return 8;",
        f"  if ({p}_reset(NULL) != {u}_ERR_ARG) return 9;",
        f"  return {p}_status_text({u}_ERR_RANGE)[0] == 0;",
        "}",
    ]
    return "\n".join(lines) + "\n"


IGNORES_AN_INPUT = """
snn.network @net ("x" %x : tensor<3xf32>, "unused" %u : tensor<2xi1>) -> ("y" : tensor<3xi1>) {
  %th = snn.constant dense<0.5> : tensor<f32>
  %y = snn.threshold ge %x, %th as "th" : (tensor<3xf32>, tensor<f32>) -> tensor<3xi1>
  snn.yield %y : tensor<3xi1>
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_no_warning_of_an_input_that_nothing_reads(compiler: str, tmp_path: Path) -> None:
    require_tool(compiler)
    program = snncc.compile(network(IGNORES_AN_INPUT, tmp_path), prefix="net")
    folder = program.save(tmp_path / "c")
    for source in program.package.sources:
        _compile(folder, source, tmp_path / "x.o", compiler, *WARNINGS)


SMALL_DOUBLES = """
snn.network @net ("x" %x : tensor<3xf64>, "c" %c : tensor<1xi8>) -> ("y" : tensor<3xf64>) {
  %zero = snn.constant dense<0.5> : tensor<f64>
  %off = snn.constant dense<1> : tensor<i8>
  %y = snn.neuron as "b" (%x = %x : tensor<3xf64>, %c = %c : tensor<1xi8>)
      state (%k = %off : tensor<i8>, %v = %zero : tensor<f64>) -> (tensor<3xf64>) {
    %n = arith.uitofp %k : i8 to f64
    %0 = arith.addf %v, %x : f64
    %1 = arith.addf %0, %n : f64
    snn.next (%1 : f64) state (%c : i8, %1 : f64)
  }
  snn.yield %y : tensor<3xf64>
}
"""
"""Doubles in arrays too small for an alignment of their own, behind bytes."""


@pytest.mark.parametrize("flags", ["gcc", "gcc -m32 -msse2 -mfpmath=sse", "arm-none-eabi-gcc"])
def test_every_abi_lays_the_state_out_alike(flags: str, tmp_path: Path) -> None:
    """i386 aligns doubles to 4 inside of a struct; the sources assert size and alignment."""
    compiler, *options = flags.split()
    require_tool(compiler)
    probe = tmp_path / "probe.c"
    probe.write_text("#include <string.h>\n#include <stdint.h>\n")
    if subprocess.run([compiler, *options, "-fsyntax-only", probe], capture_output=True).returncode:
        pytest.skip(f"no headers for {flags}")
    program = snncc.compile(network(SMALL_DOUBLES, tmp_path), prefix="net")
    assert program.package.manifest["state_alignment"] == 8
    folder = program.save(tmp_path / "c")
    for source in program.package.sources:
        _compile(folder, source, tmp_path / "x.o", compiler, *options, *WARNINGS)


def test_header_is_cpp(emitted: list[tuple[snncc.Compiled, Path]], tmp_path: Path) -> None:
    compiler = require_tool("g++")
    for program, folder in emitted:
        source = tmp_path / "use.cpp"
        source.write_text(
            f'#include "{program.prefix}.h"\n'
            f"{program.prefix}_state_t s;\n"
            f"int main() {{ return {program.prefix}_init(&s); }}\n"
        )
        subprocess.run(
            [
                compiler,
                "-std=c++17",
                "-Wall",
                "-Wextra",
                "-Werror",
                f"-I{folder / 'include'}",
                "-c",
                str(source),
                "-o",
                str(tmp_path / "use.o"),
            ],
            check=True,
        )


def test_cmake_builds_it(emitted: list[tuple[snncc.Compiled, Path]], tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    for index in (0, 1):  # weights in C, weights in a binary file
        program, folder = emitted[index]
        build = tmp_path / program.prefix
        for command in (
            [cmake, "-S", str(folder), "-B", str(build)],
            [cmake, "--build", str(build)],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        assert (build / f"lib{program.prefix}.a").is_file()
