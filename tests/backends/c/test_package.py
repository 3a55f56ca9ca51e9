"""What firmware people ask of the emitted C: warnings, symbols, bytes, refusals."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[ctypes.CDLL, snncc.Compiled]:
    require_tool("gcc")
    folder = tmp_path_factory.mktemp("library")
    program = snncc.compile(network(RECURRENT, folder), prefix="net")
    root = program.save(folder / "c")
    out = folder / "libnet.so"
    sources = [str(root / name) for name in program.package.sources]
    subprocess.run(
        [
            "gcc",
            *EXACT,
            "-O2",
            "-shared",
            "-fPIC",
            f"-I{root / 'include'}",
            f"-I{root / 'src'}",
            *sources,
            "-o",
            str(out),
        ],
        check=True,
    )
    return ctypes.CDLL(str(out)), program


def _aligned(size: int) -> np.ndarray:
    raw = np.zeros(size + 64, np.uint8)
    return raw[-raw.ctypes.data % 64 :][:size]


def test_events_counts_and_floats_are_one_input(
    library: tuple[ctypes.CDLL, snncc.Compiled],
) -> None:
    """The same spikes in three forms, events in any order and doubled, give the same bits."""
    lib, program = library
    rng = np.random.default_rng(3)
    size = program.package.manifest["state_bytes"]
    states = [_aligned(size) for _ in range(3)]
    pointers = [ctypes.c_void_p(s.ctypes.data) for s in states]
    for pointer in pointers:
        assert lib.net_init(pointer) == 0
    for _ in range(20):
        counts = rng.integers(0, 3, 3).astype(np.uint8)
        addresses = rng.permutation(np.repeat(np.arange(3), counts)).astype(np.uint16)
        dense = counts.astype(np.float32)
        results = [(np.zeros(5, np.uint8), np.zeros(5, np.float32)) for _ in range(3)]
        outs = [tuple(ctypes.c_void_p(a.ctypes.data) for a in pair) for pair in results]
        assert lib.net_step_f32(pointers[0], ctypes.c_void_p(dense.ctypes.data), *outs[0]) == 0
        assert lib.net_step_counts(pointers[1], ctypes.c_void_p(counts.ctypes.data), *outs[1]) == 0
        assert (
            lib.net_step_events(
                pointers[2],
                ctypes.c_void_p(addresses.ctypes.data),
                ctypes.c_size_t(len(addresses)),
                *outs[2],
            )
            == 0
        )
        for spikes, v in results[1:]:
            np.testing.assert_array_equal(spikes, results[0][0])
            np.testing.assert_array_equal(v.view(np.uint32), results[0][1].view(np.uint32))


def test_bad_address_changes_nothing(library: tuple[ctypes.CDLL, snncc.Compiled]) -> None:
    lib, program = library
    state = _aligned(program.package.manifest["state_bytes"])
    pointer = ctypes.c_void_p(state.ctypes.data)
    outs = (np.full(5, 9, np.uint8), np.full(5, 9, np.float32))
    arguments = [ctypes.c_void_p(a.ctypes.data) for a in outs]
    lib.net_init(pointer)
    before = state.copy()
    events = np.array([0, 3], np.uint16)
    status = lib.net_step_events(
        pointer, ctypes.c_void_p(events.ctypes.data), ctypes.c_size_t(2), *arguments
    )
    assert status == -2
    np.testing.assert_array_equal(state, before)
    assert (outs[0] == 9).all()
    assert (outs[1] == 9).all()
    assert lib.net_step_events(None, None, ctypes.c_size_t(0), *arguments) == -1
    assert lib.net_step_events(pointer, None, ctypes.c_size_t(0), *arguments) == 0


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
