"""Networks of integers for callers without floats: the same bits, and no float is linked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
from benchmarks.integers import lif
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from tests.tools import require_tool
from tests.whole_numbers import expect_same_in_whole_numbers, float_symbols, symbols

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")
CPUS = {"cortex-m0": (), "cortex-m4": ("-mfloat-abi=soft",)}


def integrator(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.9 + x
    return [u], [u]


@pytest.fixture(scope="module")
def w5() -> snncc.Network:
    """W5 with numbers as input and the membranes of a leaky integrator as output, in bytes."""
    rng = np.random.default_rng(0)
    writer = NetworkWriter("w5", (16,))
    for number, (inputs, outputs) in enumerate([(16, 64), (64, 64), (64, 4)], 1):
        weight = rng.normal(0.1, 2 * inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc{number}", weight)
        writer.neuron(f"n{number}", integrator if number == 3 else lif, {"v": 0.0}, {})
    return snncc.quantize(writer.finish(), "int8", method="max", input_ranges={"x": (-1.0, 1.0)})


def images() -> snncc.Network:
    """Axes that C stores in another order: channels of an image, in and out."""
    rng = np.random.default_rng(0)
    writer = NetworkWriter("images", (2, 5, 4))
    for number, (inputs, outputs) in enumerate([(2, 3), (3, 2)], 1):
        weight = rng.normal(0.1, 0.3, (outputs, inputs, 3, 3)).astype(np.float32)
        writer.conv2d(f"conv{number}", weight, padding=1)
        writer.neuron(f"n{number}", integrator if number == 2 else lif, {"v": 0.0}, {})
    return snncc.quantize(writer.finish(), "int8", method="max", input_ranges={"x": (-1.0, 1.0)})


@pytest.mark.parametrize("cpu", CPUS)
def test_no_float_is_linked(w5: snncc.Network, cpu: str, tmp_path: Path) -> None:
    """The library as a whole is given to the linker, which takes what is called."""
    compiler = require_tool("arm-none-eabi-gcc")
    archiver = require_tool("arm-none-eabi-ar")
    folder = snncc.compile(w5, prefix="w5").save(tmp_path / "w5")
    flags = ["-Os", f"-mcpu={cpu}", "-mthumb", *CPUS[cpu], *WARNINGS]
    includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    made = []
    for source in sorted((folder / "src").glob("*.c")):
        made.append(tmp_path / f"{source.stem}.o")
        subprocess.run([compiler, *flags, *includes, "-c", source, "-o", made[-1]], check=True)
    needed = {each.stem: float_symbols(each) for each in made}
    assert {name for name, symbols in needed.items() if symbols} == {"w5_float"}
    assert {"__aeabi_fmul", "__aeabi_i2f"} <= needed["w5_float"]
    library = tmp_path / "libw5.a"
    subprocess.run([archiver, "rcs", library, *made], check=True)
    for form, element in (("step_q", "int8_t"), ("step_f32", "float")):
        given = "int32_t" if form == "step_q" else "float"
        main = tmp_path / "main.c"
        main.write_text(
            f'#include "w5.h"\nstatic w5_state_t s;\nstatic {element} x[W5_X_SIZE];\n'
            f"static {given} y[W5_Y_SIZE];\nint main(void);\nint main(void)\n"
            f"{{\n  return w5_init(&s) == W5_OK ? (int)w5_{form}(&s, x, y) : 1;\n}}\n"
        )
        program = tmp_path / form
        command = [compiler, *flags, *includes, main, library, "-nostartfiles", "-Wl,-emain"]
        subprocess.run([*command, "-o", program], check=True, timeout=60)
        assert bool(float_symbols(program)) == (form == "step_f32")
        assert ("w5_run" in symbols(program)) == (form == "step_f32")


@pytest.mark.parametrize("build", [("gcc", "-O3", "-march=native"), ("clang-19", "-O1")])
def test_whole_numbers_give_the_same(w5: snncc.Network, build: tuple[str, ...]) -> None:
    compiler, *flags = build
    require_tool(compiler)
    for network in (w5, images()):
        shape = network.inputs["x"]
        program = snncc.compile(network, time_block=4, cc=compiler, cflags=(*flags, *WARNINGS))
        x = {"x": np.zeros((9, 2, *shape), np.float32)}
        assert expect_same_in_whole_numbers(program, x) == {"x", "y"}


def test_whole_numbers_are_held_at_their_ends(w5: snncc.Network) -> None:
    """Numbers that no float gives are as the nearest that one does."""
    program = snncc.compile(w5, cflags=("-O1",))
    (given,) = program.package.manifest["inputs"]
    low, high = given["whole"]["low"], given["whole"]["high"]
    assert -128 < low < high <= 127
    header = program.package.files["include/w5.h"].decode()
    assert f"#define W5_X_LOW ({low})\n#define W5_X_HIGH {high}\n" in header
    x = np.array([[-128, 127] * 8, [low, high] * 8], np.int8).reshape(1, 2, 16)
    beyond = program.native.run({"x": x}, whole=True).outputs["y"]
    np.testing.assert_array_equal(beyond[:, 0], beyond[:, 1])
    assert beyond.any()
