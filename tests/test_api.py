"""`load`, `run`, `compile`: the forms of inputs and results, and their errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snncc
from tests.small_networks import RECURRENT, TWO_INPUTS, network, stimulus
from tests.tools import require_tool


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> snncc.Network:
    return network(RECURRENT, tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def prog(net: snncc.Network) -> snncc.Compiled:
    require_tool("gcc")
    return snncc.compile(net, time_block=4, cc="gcc", cflags=("-O1",))


def test_batch_axis_follows_the_input(net: snncc.Network, prog: snncc.Compiled) -> None:
    x = stimulus(12, 3, 3)
    for runner in (net, prog):
        batched = runner.run(x)
        assert batched["spikes"].shape == (12, 3, 5)
        assert batched["spikes"].dtype == np.uint8
        assert batched["v"].dtype == np.float32
        single = runner.run(x[:, 1])
        assert single["spikes"].shape == (12, 5)
        np.testing.assert_array_equal(single["v"], batched["v"][:, 1])
    assert batched["spikes"].mean() > 0.05


def test_interpreter_and_c_trace_the_same(net: snncc.Network, prog: snncc.Compiled) -> None:
    x = stimulus(12, 2, 3)
    a, b = net.run(x, trace=True), prog.run(x, trace=True)
    assert set(a) == set(b) == {"spikes", "v", "lif", "lif.out1", "lif.v", "final"}
    assert set(a["final"]) == set(b["final"]) == {"lif.v", "back"}
    assert a["final"]["back"].shape == (2, 3, 5)
    for key in a:
        if key != "final":
            np.testing.assert_array_equal(a[key], b[key])
    for key, value in a["final"].items():
        np.testing.assert_array_equal(value, b["final"][key])


def test_a_run_continues_from_final_states(net: snncc.Network, prog: snncc.Compiled) -> None:
    """Two halves equal the whole: states, delay lines and their order are all there is."""
    x = stimulus(13, 2, 3)
    whole = net.run(x)
    for runner in (net, prog):
        first = runner.run(x[:5], trace=True)
        second = runner.run(x[5:], state0=first["final"])
        joined = np.concatenate([first["spikes"], second["spikes"]])
        np.testing.assert_array_equal(joined, whole["spikes"])
    one = net.run(x[:, 0], state0={"lif.v": np.full(5, 0.5, np.float32)})
    two = prog.run(x[:, 0], state0={"lif.v": np.full(5, 0.5, np.float32)})
    np.testing.assert_array_equal(one["v"], two["v"])
    assert (one["v"][0] != whole["v"][0, 0]).any()


def test_steps_hold_an_input(net: snncc.Network, prog: snncc.Compiled) -> None:
    image = stimulus(2, 3)
    held = np.broadcast_to(image, (6, 2, 3))
    for runner in (net, prog):
        np.testing.assert_array_equal(runner.run(image, steps=6)["v"], runner.run(held)["v"])
        assert runner.run(image[0], steps=6)["v"].shape == (6, 5)


def test_several_inputs(tmp_path: Path) -> None:
    two = network(TWO_INPUTS, tmp_path)
    a, b = stimulus(7, 4), stimulus(7, 4, seed=1)
    wanted = (a + b) - np.float32(0.5) >= 0
    np.testing.assert_array_equal(two.run({"a": a, "b": b})["y"], wanted)
    np.testing.assert_array_equal(snncc.compile(two).run({"b": b, "a": a})["y"], wanted)
    with pytest.raises(snncc.SnnccError, match="SNC-R001 the network has 2 inputs"):
        two.run(a)
    with pytest.raises(snncc.SnnccError, match="expected inputs a, b, got a"):
        two.run({"a": a})
    with pytest.raises(snncc.SnnccError, match="differ in steps"):
        two.run({"a": a, "b": b[:3]})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 4)), r"expected \[T, 3\] or \[T, B, 3\], got \[4, 4\]"),
        (np.zeros(3), "an input without a time axis"),
        (np.full((2, 3), np.nan), "has values that are not finite"),
        (np.full((2, 3), 1e300), "has values that are beyond float32"),
        ([[1, 2, 3], [1]], "expected an array of numbers"),
        (None, "expected numbers, got object"),
        (np.array([["a"] * 3]), "expected numbers"),
        (np.zeros((0, 3)), "at least one step"),
    ],
)
def test_inputs_that_do_not_fit(net: snncc.Network, x: np.ndarray, message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=message) as caught:
        net.run(x)
    assert caught.value.code == "SNC-R001"


def test_states_that_do_not_fit(net: snncc.Network) -> None:
    with pytest.raises(snncc.SnnccError, match=r"SNC-R002 no state is named 'v'(.|\n)*lif.v"):
        net.run(stimulus(3, 3), state0={"v": 0})
    with pytest.raises(snncc.SnnccError, match="expected shape 5 or 1x5"):
        net.run(stimulus(3, 3), state0={"lif.v": np.zeros(4)})
    for given, message in (
        (5, "SNC-R002 state0: expected"),
        ({"lif.v": np.full(5, np.nan)}, "SNC-R002 state 'lif.v': has values that are not finite"),
        ({"lif.v": ["a"] * 5}, "SNC-R002 state 'lif.v': expected numbers"),
        ({"back": np.full((3, 5), 2)}, "SNC-R002 state 'back': expected whole numbers from 0 to 1"),
    ):
        with pytest.raises(snncc.SnnccError, match=message):
            net.run(stimulus(3, 3), state0=given)


@pytest.mark.parametrize("steps", [2.5, 0, True, "3"])
def test_steps_that_are_no_number_of_steps(net: snncc.Network, steps: object) -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-R001 steps: expected a whole number"):
        net.run(stimulus(3), steps=steps)


def test_numbers_of_numpy_are_numbers(net: snncc.Network) -> None:
    x = stimulus(3)
    wanted = net.run(x, steps=4)["v"]
    np.testing.assert_array_equal(net.run(x, steps=np.int64(4))["v"], wanted)
    program = snncc.compile(net, time_block=np.int32(3), cflags="-O1 -DX='a b'")
    np.testing.assert_array_equal(program.run(x, steps=4)["v"], wanted)


def test_inputs_may_be_flat(tmp_path: Path) -> None:
    """One axis in place of the input's own, in C order; the direct form goes first."""
    text = """
    snn.network @sums ("x" %x : tensor<1x2x3xf32>) -> ("y" : tensor<1x2x3xf32>) {
      snn.yield %x : tensor<1x2x3xf32>
    }
    """
    net = network(text, tmp_path)
    x = stimulus(4, 5, 6)
    wanted = x.reshape(4, 5, 1, 2, 3)
    np.testing.assert_array_equal(net.run(x)["y"], wanted)
    np.testing.assert_array_equal(net.run(x[:, 0])["y"], wanted[:, 0])
    np.testing.assert_array_equal(net.run(x[0], steps=2)["y"][1], wanted[0])
    np.testing.assert_array_equal(net.run(x[0, 0], steps=2)["y"][1], wanted[0, 0])
    np.testing.assert_array_equal(snncc.compile(net).run(x)["y"], wanted)
    np.testing.assert_array_equal(net.run(wanted)["y"], wanted)
    with pytest.raises(snncc.SnnccError, match=r"\(or its last 3 axes as one of 6\), got \[5, 5\]"):
        net.run(x[..., :5][0])


def test_time_blocks_give_the_same_bits(net: snncc.Network) -> None:
    x = stimulus(17, 2, 3)
    wanted = net.run(x)["v"]
    for block in (1, 2, 16, 17, 40):
        found = snncc.compile(net, time_block=block, cflags=("-O1",)).run(x)["v"]
        np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


def test_blas_mode_is_near(net: snncc.Network) -> None:
    """Another order of sums: the last places of an analog value may differ, no more."""
    x = stimulus(6, 40, 3)
    np.testing.assert_allclose(net.run(x, blas=True)["v"], net.run(x)["v"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "tpu"}, "target: expected c, "),
        ({"time_block": 0}, "time_block: expected 1 to"),
        ({"prefix": "9lives"}, "prefix: expected lower-case letters"),
        ({"prefix": "netA"}, r"got 'netA'\n  for example neta"),
        ({"prefix": "int"}, r"prefix: 'int' is a word of C or C\+\+\n  for example int_net"),
        ({"prefix": "string"}, r"prefix: string.h would hide the system's header <string.h>"),
        ({"prefix": 1}, "prefix: expected text, got 1"),
        ({"time_block": True}, "time_block: expected 1 to"),
        ({"time_block": 2.0}, "time_block: expected 1 to"),
        ({"cflags": 3}, "cflags: expected text or a list of texts, got 3"),
        ({"cflags": ["-O2", 1]}, "cflags: expected text or a list"),
        ({"cflags": "-D'x"}, "cflags: expected text or a list"),
        ({"fold": "some"}, "fold: expected one of"),
        ({"weights": "xml"}, "weights: expected one of"),
        ({"like": "norse"}, "options of loading"),
    ],
)
def test_options_out_of_their_domain(
    net: snncc.Network, options: dict[str, object], message: str
) -> None:
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.compile(net, **options)


def test_missing_compiler_is_an_error_of_run_only(net: snncc.Network) -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C002 no C compiler found"):
        snncc.compile(net, cc="no-such-compiler")


def test_the_compiler_of_the_environment(
    net: snncc.Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """$CC is taken as it stands, with arguments, or missed; emitting needs none."""
    gcc = require_tool("gcc")
    x = stimulus(4, 3)
    wanted = net.run(x)["v"]
    (tmp_path / "with space").mkdir()
    (tmp_path / "with space" / "cc").symlink_to(gcc)
    for command in ("gcc -DSOME='a thing'", str(tmp_path / "with space" / "cc")):
        monkeypatch.setenv("CC", command)
        program = snncc.compile(net)
        np.testing.assert_array_equal(program.run(x)["v"], wanted)
        assert program.toolchain.command[1:] == (("-DSOME=a thing",) if "SOME" in command else ())
    for command, message in (
        ("nonsense", r"no C compiler found \(CC='nonsense'\)\n  install gcc or clang"),
        ("nonsense -O2", "no C compiler found"),
        ("gcc 'x", "no C compiler found"),
        ("gcc --no-such-flag", "gcc failed: .*no-such-flag"),
        ("true", "wrote no library: is it a C compiler"),
    ):
        monkeypatch.setenv("CC", command)
        program = snncc.compile(net)
        with pytest.raises(snncc.SnnccError, match=f"SNC-C002 .*{message}"):
            program.run(x)
    monkeypatch.setenv("CC", "nonsense")
    np.testing.assert_array_equal(snncc.compile(net, cc="gcc").run(x)["v"], wanted)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(snncc.SnnccError, match=r"\(cc, gcc, clang\)(.|\n)*--engine interpreter"):
        snncc.compile(net).run(x)


def test_failing_compiler(net: snncc.Network) -> None:
    program = snncc.compile(net, cflags=("-fno-such-flag",))
    with pytest.raises(snncc.SnnccError, match="SNC-C002"):
        program.run(stimulus(2, 3))


def test_save_is_all_or_nothing(prog: snncc.Compiled, tmp_path: Path) -> None:
    folder = prog.save(tmp_path / "out")
    first = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    prog.save(folder)  # its own files may be replaced
    again = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert first == again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("precious")
    with pytest.raises(snncc.SnnccError, match="SNC-C004"):
        prog.save(foreign)
    assert (foreign / "thesis.tex").read_text() == "precious"
    (folder / "src" / "main.c").write_text("mine too")  # among files of an earlier save
    with pytest.raises(snncc.SnnccError, match=r"SNC-C004(.|\n)*main.c"):
        prog.save(folder)
    assert (folder / "src" / "main.c").read_text() == "mine too"


def test_save_refuses_folders_that_hold_anything_else(
    prog: snncc.Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder named by mistake may be anyone's: it is not walked through, and stays."""
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "data.json").write_text("[]")
    walked: list[Path] = []
    monkeypatch.setattr(Path, "rglob", lambda path, _: walked.append(path) or [])
    monkeypatch.chdir(tmp_path)
    for folder, reason in (
        ("home", r"home: holds data\.json, which"),
        ("/", "/: is the current folder, or holds it"),
        ("", "is the current folder"),
        (".", "is the current folder"),
        ("..", "is the current folder"),
    ):
        with pytest.raises(snncc.SnnccError, match=f"SNC-C004 .*{reason}"):
            prog.save(folder)
    (home / "data.json").unlink()
    with pytest.raises(snncc.SnnccError, match="holds sub, which"):
        prog.save("home")
    assert walked == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_save_keeps_links_and_folders_of_others(prog: snncc.Compiled, tmp_path: Path) -> None:
    folder = prog.save(tmp_path / "out")
    for name in ("src/link.c", "src/more"):
        path = folder / name
        path.symlink_to(tmp_path) if path.suffix else path.mkdir()
        with pytest.raises(snncc.SnnccError, match=f"holds {name}"):
            prog.save(folder)
        path.unlink() if path.suffix else path.rmdir()
    prog.save(folder)


def test_import_and_load_stay_light(tmp_path: Path, net: snncc.Network) -> None:
    """No torch and no onnx for a network that needs neither."""
    path = tmp_path / "net.mlir"
    net.save(path)
    code = (
        "import sys, snncc\n"
        f"snncc.compile({str(path)!r}).save({str(tmp_path / 'c')!r})\n"
        "assert not {'torch', 'onnx'} & set(sys.modules), 'heavy imports'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
