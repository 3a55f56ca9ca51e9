"""Packed weights: the same sums as of bytes in every build, and what is stored."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.packing import PACKINGS
from snncc.interpreters.network import NetworkInterpreter
from snncc.interpreters.program import ProgramInterpreter
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import compare
from tests.differential.sanitized import run_sanitized
from tests.packed_networks import MAKERS, linear_sums
from tests.tools import require_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")
BUILDS = (
    ("gcc", "-O3", "-march=native"),
    ("clang-19", "-O2", "-mavx2"),
    ("clang-19", "-O1"),
    ("gcc", "-Os", "-DNET_PORTABLE"),
)
OUTPUTS = (3, 130)
MORE_BUILDS = (
    ("gcc", "-O0"),
    ("gcc", "-O2", "-mavx"),
    ("clang-19", "-O3", "-march=native"),
    ("gcc", "-O1"),
    ("clang-19", "-O0"),
    ("gcc", "-O3", "-march=native"),
)
MANY = (1, 2, 5, 8, 17, 31, 64, 129, 200)
"""Columns: rows that end within bytes, words, lanes and vectors."""


@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
@pytest.mark.parametrize("kind", MAKERS)
def test_sums_are_those_of_bytes(kind: str, build: tuple[str, ...]) -> None:
    compiler, *flags = build
    require_tool(compiler)
    net, x = MAKERS[kind](PACKINGS, OUTPUTS)
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    program = snncc.compile(net, pack="always", cc=compiler, cflags=(*flags, *WARNINGS))
    packed = [b for b in program.program.buffers(Role.CONST) if b.packing is not None]
    assert {b.packing.bits for b in packed if b.packing} == set(PACKINGS)
    check = compare(" ".join(build), wanted, program.native.run(x))
    assert check.differing == 0, check.first


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(len(MORE_BUILDS)))
def test_sums_of_many_widths(seed: int) -> None:
    compiler, *flags = MORE_BUILDS[seed]
    require_tool(compiler)
    net, x = linear_sums([(2, 3, 4)[seed % 3]], MANY, seed)
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    program = snncc.compile(net, pack="always", cc=compiler, cflags=flags)
    check = compare(" ".join(flags), wanted, program.native.run(x))
    assert check.differing == 0, check.first


@pytest.mark.parametrize("kind", MAKERS)
def test_the_interpreter_reads_what_is_stored(kind: str) -> None:
    net, x = MAKERS[kind](PACKINGS, (1, 9, 33))
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    for pack in ("never", "always"):
        module = run_pipeline(net.module, context(), PipelineOptions(2, pack=pack))
        (program,) = (op for op in module.ops if op.name == "kernel.program")
        check = compare(pack, wanted, ProgramInterpreter(module, program).run(x))
        assert check.differing == 0, check.first


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_read_behind_the_end(kind: str, tmp_path: Path) -> None:
    require_tool("gcc")
    net, x = MAKERS[kind](PACKINGS, (3, 10, 40))
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    program = snncc.compile(net, pack="always", weights="c")
    for name, found in run_sanitized(program, x, tmp_path, flags=("-O1", "-march=native")).items():
        np.testing.assert_array_equal(found.view(wanted.outputs[name].dtype), wanted.outputs[name])


def test_words_are_aligned_where_rows_are() -> None:
    """A Cortex-M0 reads words at multiples of four alone, whatever section the weights are in."""
    require_tool("gcc")
    net, x = linear_sums((4,), (8, 64))
    program = snncc.compile(net, pack="always", weights="c")
    kernels = program.package.files["src/net_kernels.h"].decode()
    assert "typedef uint32_t net_word_u32 __attribute__((aligned(4), may_alias))" in kernels
    weights = program.package.files["src/net_weights.c"].decode()
    packed = re.findall(r"NET_CONST const _Alignas\(4\) uint8_t (\w+)\[(\d+)\]", weights)
    assert [int(size) for _, size in packed] == [360] * 3 + [2880] * 3
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    flags = ("-O2", "-DNET_CONST=", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    found = snncc.compile(net, pack="always", cc="gcc", cflags=flags).native.run(x)
    assert compare("aligned", wanted, found).differing == 0


@pytest.mark.parametrize("form", ["c", "bin"])
def test_what_is_reported_is_what_is_stored(form: str) -> None:
    net, x = linear_sums((2, 3, 4), (10, 64))
    sizes = {}
    for pack in ("never", "always"):
        program = snncc.compile(net, pack=pack, weights=form, cflags=("-O0",))
        manifest = program.package.manifest
        sizes[pack] = manifest["const_bytes"]
        assert program.report.const_bytes == manifest["const_bytes"]
        assert sum(each["bytes"] for each in manifest["constants"]) == manifest["const_bytes"]
        assert f"#define NET_CONST_BYTES {manifest['const_bytes']}u" in (
            program.package.files["include/net.h"].decode()
        )
    weights = [each for each in manifest["constants"] if each["bits"] < 8]
    assert {each["bits"] for each in weights} == {2, 3, 4}
    stored = [PACKINGS[each["bits"]].size(each["shape"]) for each in weights]
    assert [each["bytes"] for each in weights] == stored
    assert sizes["never"] - sizes["always"] == sum(np.prod(w["shape"]) for w in weights) - sum(
        stored
    )
    wanted = NetworkInterpreter(net.module, net.op).run(x)
    assert compare(form, wanted, program.native.run(x)).differing == 0
