"""The commands as users call them: output, exit codes, errors in one or two lines."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tools import REPOSITORY, require_tool

DIGITS = REPOSITORY / "examples" / "digits"
MLP = str(DIGITS / "mlp_lif_digits.nir")
OPTIONS = ["--like", "snntorch", "--dt", "1e-4", "--reset", "subtract", "--reset-timing", "next"]
INPUT = ["--input", str(DIGITS / "digits.npz"), "--steps", "20"]


def test_help_is_fast_and_light() -> None:
    code = "import sys; sys.argv = ['snncc', '--help']\nfrom snncc.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "heavy = {'numpy', 'xdsl', 'h5py', 'rich', 'torch', 'onnx'} & set(sys.modules)\n"
    code += "assert not heavy, heavy\n"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 3.0  # 0.1 s here; a loaded machine is no failure
    for command in ("check", "compile", "run", "inspect", "verify"):
        assert command in done.stdout


def test_run_prints_accuracy_and_writes_outputs(snncc, tmp_path: Path) -> None:
    require_tool("gcc")
    target = tmp_path / "y.npz"
    code, out, err = snncc("run", MLP, *OPTIONS, *INPUT, "--labels", "y", "-o", str(target))
    assert code == 0, err
    assert "accuracy 0.970 on 500 samples" in out
    with np.load(target) as file:
        assert file["output"].shape == (20, 500, 10)


def test_engines_agree(snncc, tmp_path: Path) -> None:
    require_tool("gcc")
    small = tmp_path / "x.npz"
    with np.load(DIGITS / "digits.npz") as file:
        np.savez(small, x=file["x"][:5])
    results = []
    for engine in ("c", "interpreter"):
        target = tmp_path / f"{engine}.npz"
        arguments = ["--input", str(small), "--steps", "20", "--engine", engine, "--trace"]
        code, _, err = snncc("run", MLP, *OPTIONS, *arguments, "-o", str(target))
        assert code == 0, err
        with np.load(target) as file:
            results.append({name: file[name] for name in file.files})
    assert results[0].keys() == results[1].keys()
    assert {"output", "lif1", "lif1.v", "final/lif1.v"} <= results[0].keys()
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_events_are_an_input(snncc, tmp_path: Path) -> None:
    require_tool("gcc")
    events = np.array([[0, 5, 1], [0, 5, 2], [3, 63, 1]], np.int32)
    dense = np.zeros((6, 64), np.float32)
    np.add.at(dense, (events[:, 0], events[:, 1]), events[:, 2])
    forms = {"events": {"input.events": events, "T": 6}, "dense": {"input": dense}}
    outputs = []
    for name, arrays in forms.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
        target = tmp_path / f"{name}.out.npz"
        file = str(tmp_path / f"{name}.npz")
        code, _, err = snncc("run", MLP, *OPTIONS, "--input", file, "--trace", "-o", str(target))
        assert code == 0, err
        with np.load(target) as found:
            outputs.append(found["lif1.v"])
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert outputs[0].any()


def test_compile_prints_files_and_phases(snncc, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    code, out, err = snncc(
        "compile",
        MLP,
        *OPTIONS,
        "-o",
        str(folder),
        "--prefix",
        "digits",
        "--time-block",
        "4",
        "--print-after",
        "load",
        "--print-after",
        "schedule",
    )
    assert code == 0, err
    assert "snn.network @mlp_lif_digits" in out
    assert "kernel.program @mlp_lif_digits block 4" in out
    assert (folder / "include" / "digits.h").is_file()
    manifest = json.loads((folder / "digits.json").read_text())
    assert manifest["block_steps"] == 4


def test_inspect(snncc) -> None:
    code, out, _ = snncc("inspect", MLP, *OPTIONS)
    assert code == 0
    assert "lif subtract/next" in out
    assert "events" in out
    code, out, _ = snncc("inspect", MLP, *OPTIONS, "--json")
    report = json.loads(out)
    assert [node["node"] for node in report["nodes"]] == ["fc1", "lif1", "fc2", "lif2"]
    fc1 = report["nodes"][0]
    assert (fc1["fan_in"], fc1["parameter_count"], fc1["bytes"]) == (64, 8320, 33280)


def test_check(snncc) -> None:
    code, out, _ = snncc("check", MLP, "--json")
    report = json.loads(out)
    assert code == 1
    assert not report["compiles"]
    assert [p["node"] for p in report["problems"]] == ["lif1", "lif2"]
    assert {p["code"] for p in report["problems"]} == {"SNC-I005"}
    code, out, _ = snncc("check", MLP, *OPTIONS)
    assert code == 0
    assert out.endswith(f"{MLP}: compiles\n")


@pytest.mark.parametrize(
    ("name", "what"),
    [(".", "is a folder"), ("dir.nir", "is a folder"), ("no.nir", "no such file")],
)
def test_check_of_what_is_no_file(
    snncc, name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir.nir").mkdir()
    code, out, _ = snncc("check", name)
    assert code == 1
    assert f"{name}: {what}" in out
    assert out.endswith(f"{name}: 1 error: cannot be compiled\n")


def test_verify(snncc, tmp_path: Path) -> None:
    require_tool("gcc")
    require_tool("clang-19")
    with np.load(DIGITS / "digits.npz") as file:
        np.savez(tmp_path / "x.npz", x=file["x"][:2])
    arguments = ["--input", str(tmp_path / "x.npz"), "--steps", "6", "--samples", "1"]
    code, out, err = snncc("verify", MLP, *OPTIONS, *arguments)
    assert code == 0, err
    assert "all bits equal" in out
    assert "clang-19 -O3" in out


def _without_compiler(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)


def test_verify_without_a_compiler(snncc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not compared is not equal; the phases alone are compared when asked for."""
    _without_compiler(monkeypatch, tmp_path)
    arguments = [*INPUT[:2], "--steps", "3", "--samples", "1"]
    code, out, err = snncc("verify", MLP, *OPTIONS, *arguments)
    assert code == 1
    assert "SNC-C002 no C compiler found (cc, gcc, clang): C was not compared" in err
    assert "install gcc or clang; --engine interpreter" in err
    assert out == ""
    code, out, err = snncc("verify", MLP, *OPTIONS, *arguments, "--engine", "interpreter")
    assert code == 0, err
    assert out.endswith("all bits equal; C was not compared\n")
    assert "C, " not in out
    monkeypatch.setenv("CC", "nonsense")
    code, _, err = snncc("verify", MLP, *OPTIONS, *arguments)
    assert code == 1
    assert "CC='nonsense'" in err


def test_run_without_a_compiler(snncc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_compiler(monkeypatch, tmp_path)
    code, _, err = snncc("run", MLP, *OPTIONS, *INPUT)
    assert code == 1
    assert "SNC-C002 no C compiler found (cc, gcc, clang)" in err
    assert "install gcc or clang" in err
    assert "--engine interpreter" in err


def test_run_keeps_its_input(snncc, tmp_path: Path) -> None:
    x, labels = tmp_path / "x.npz", tmp_path / "labels.npy"
    np.savez(x, x=np.zeros((2, 64), np.float32))
    np.save(labels, np.zeros(2, np.int64))
    (tmp_path / "link.npz").symlink_to(x)
    before = x.read_bytes()
    for target in (x, tmp_path / "link.npz", tmp_path / ".." / tmp_path.name / "x.npz"):
        code, _, err = snncc(
            "run", MLP, *OPTIONS, "--input", str(x), "--steps", "2", "-o", str(target)
        )
        assert code == 1
        assert "SNC-C004" in err
        assert "is read by this run" in err
    assert x.read_bytes() == before


def _labelled(folder: Path, y: object, *outputs: str) -> list[str]:
    """A network of streams alone, and labels of three samples: the arguments of run."""
    values = ", ".join(f'"{name}" : tensor<{shape}xf32>' for name, _, shape in map(_parts, outputs))
    operations = "".join(
        f"%{name} = snn.reshape %x : tensor<4xf32> -> tensor<{shape}xf32>\n"
        for name, _, shape in map(_parts, outputs)
        if shape != "4"
    )
    names = ", ".join(f"%{n}" if s != "4" else "%x" for n, _, s in map(_parts, outputs))
    types = ", ".join(f"tensor<{shape}xf32>" for _, _, shape in map(_parts, outputs))
    (folder / "net.mlir").write_text(
        f'snn.network @net ("x" %x : tensor<4xf32>) -> ({values}) {{\n'
        f"{operations}snn.yield {names} : {types}\n}}"
    )
    np.savez(folder / "x.npz", x=np.eye(4, dtype=np.float32)[:3], y=y)
    command = ["run", str(folder / "net.mlir"), "--engine", "interpreter"]
    return [*command, "--input", str(folder / "x.npz"), "--steps", "2", "--labels", "y"]


def _parts(output: str) -> tuple[str, str, str]:
    return output.partition(":")


def test_labels_of_one_vector(snncc, tmp_path: Path) -> None:
    code, out, err = snncc(*_labelled(tmp_path, [0, 1, 3], "a:4"))
    assert code == 0, err
    assert "accuracy 0.667 on 3 samples" in out


def test_labels_of_one_of_several_outputs(snncc, tmp_path: Path) -> None:
    arguments = _labelled(tmp_path, [0, 1, 3], "a:4", "b:2x2")
    code, _, err = snncc(*arguments)
    assert code == 1
    assert "SNC-R003 labels: the network has 2 outputs" in err
    assert "--score a|b" in err
    code, out, err = snncc(*arguments, "--score", "a")
    assert code == 0, err
    assert "accuracy 0.667 on 3 samples" in out
    code, _, err = snncc(*arguments, "--score", "b")
    assert code == 1
    assert "SNC-R003 labels: output 'b' has shape 2x2: accuracy takes a vector" in err


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 1, 4], "expected 0 to 3, got 0 to 4"),
        ([-1, 1, 2], "expected 0 to 3, got -1 to 2"),
        ([0.0, 1.0, 2.0], "expected whole numbers, got float64"),
        ([0, 1], "expected 3 numbers, one for each sample, got shape [2]"),
        (np.array([0, "a", 2], object), "holds Python objects, not numbers"),
    ],
)
def test_labels_that_do_not_fit(snncc, labels: object, text: str, tmp_path: Path) -> None:
    code, _, err = snncc(*_labelled(tmp_path, labels, "a:4"))
    assert code == 1
    assert "SNC-R003" in err
    assert text in err


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"input.events": np.zeros((2, 3), np.int32), "T": [1, 2]}, "T: expected one whole number"),
        ({"input.events": np.zeros((2, 3), np.int32), "T": 2.5}, "T: expected one whole number"),
        ({"input.events": np.zeros((2, 3), np.int32), "T": np.nan}, "T: expected one whole"),
        ({"input.events": np.zeros((2, 3), np.int32)}, "events need T, the number of steps"),
        (
            {"input.events": np.zeros((2, 3)), "T": 2},
            "input.events: expected whole numbers of shape [n, 3], columns (step, address, count), "
            "got float64 of shape [2, 3]",
        ),
        ({"input": np.array([{}])}, "'input' is damaged or holds Python objects, not numbers"),
        ({"input": np.full((2, 64), 1e300)}, "input 'input': has values that are beyond float32"),
        ({"z": np.zeros(3)}, "expected input or x (or NAME.events and T), got z"),
    ],
)
def test_inputs_that_do_not_fit(
    snncc, arrays: dict[str, object], text: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    code, _, err = snncc("run", MLP, *OPTIONS, "--input", str(tmp_path / "x.npz"))
    assert code == 1
    assert "SNC-R001" in err
    assert text in err
    assert "allow_pickle" not in err


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short"])
def test_inputs_that_are_no_npz(snncc, content: bytes, tmp_path: Path) -> None:
    for name in ("x.npz", "x.npy"):
        (tmp_path / name).write_bytes(content)
        code, _, err = snncc("run", MLP, *OPTIONS, "--input", str(tmp_path / name))
        assert code == 1
        assert f"{name}: not a readable .npz file\n  numpy.savez(" in err
    np.save(tmp_path / "x.npy", np.zeros((2, 64)))
    code, _, err = snncc("run", MLP, *OPTIONS, "--input", str(tmp_path / "x.npy"))
    assert (code, "not a readable .npz file" in err) == (1, True)


def test_events_and_steps(snncc, tmp_path: Path) -> None:
    """--steps stands for a T that is missing; two that differ are no number of steps."""
    events = {"input.events": np.array([[0, 5, 1]], np.int32)}
    arguments = ["run", MLP, *OPTIONS, "--engine", "interpreter", "--input"]
    np.savez(tmp_path / "x.npz", **events)
    code, out, err = snncc(*arguments, str(tmp_path / "x.npz"), "--steps", "4")
    assert code == 0, err
    assert "1 samples, 4 steps" in out
    np.savez(tmp_path / "x.npz", **events, T=6)
    code, _, err = snncc(*arguments, str(tmp_path / "x.npz"), "--steps", "4")
    assert code == 1
    assert "T is 6, and --steps 4" in err


def test_the_examples_are_run_as_their_page_says(snncc) -> None:
    require_tool("gcc")
    page = (DIGITS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(\S+\.nir)` \|.*\| `(--.*)` \| (\.\d+) \|", page)
    assert len(rows) == 2
    for model, options, accuracy in rows:
        arguments = [str(DIGITS / model), *options.split(), *INPUT[:2], "--labels", "y"]
        code, out, err = snncc("run", *arguments)
        assert code == 0, err
        assert f"accuracy 0{accuracy} on 500 samples" in out


def _in_shell(script: str, *arguments: str, folder: Path = REPOSITORY) -> tuple[int, str]:
    """The command in a process of its own, started by a script that has it as SNNCC."""
    program = [sys.executable, "-c", "from snncc.cli import main; main()"]
    done = subprocess.run(
        script.replace("SNNCC", shlex.join([*program, *arguments])),
        shell=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("shell", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["check", "inspect", "compile", "--help"])
def test_output_that_cannot_be_written(shell: str, command: str, tmp_path: Path) -> None:
    if shell == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    target = ["-o", str(tmp_path / "c")] if command == "compile" else []
    arguments = [command] if command == "--help" else [command, MLP, *OPTIONS, *target]
    code, err = _in_shell(f"SNNCC {shell}", *arguments)
    assert code == 1, err
    (line,) = (line for line in err.splitlines() if not line.startswith("warning"))
    assert line.startswith("error: SNC-X002 ")


def test_names_that_the_output_cannot_spell(tmp_path: Path) -> None:
    script = "PYTHONIOENCODING=ascii SNNCC >out"
    code, err = _in_shell(script, "check", "nö.nir", folder=tmp_path)
    assert (code, err) == (1, "")
    assert "n\\xf6.nir: 1 error: cannot be compiled" in (tmp_path / "out").read_text()


def test_names_are_no_markup(snncc, tmp_path: Path) -> None:
    """Of networks, of their neurons, of files."""
    (tmp_path / "a [red] net.mlir").write_text(
        'snn.network @"a [b] net" ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {\n'
        '%y = snn.neuron as "a [u] b" (%x = %x : tensor<2xf32>) -> (tensor<2xf32>) {\n'
        "%0 = arith.addf %x, %x : f32\nsnn.next (%0 : f32)\n}\n"
        "snn.yield %y : tensor<2xf32>\n}"
    )
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 2)))
    model, x = str(tmp_path / "a [red] net.mlir"), str(tmp_path / "x.npz")
    code, out, err = snncc("run", model, "--input", x, "--engine", "interpreter")
    assert code == 0, err
    assert out.startswith("a [b] net ")
    code, out, _ = snncc("diff", model, "--input", x)
    assert code == 0
    assert out.startswith("a [red] net.mlir / a [red] net.mlir")
    code, out, _ = snncc("inspect", model)
    assert "  a [u] b " in out


def test_bars_are_for_terminals(tmp_path: Path) -> None:
    """Nothing of them goes to a pipe, and on a terminal none to stdout."""
    pty = pytest.importorskip("pty")
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 64)))
    arguments = ["run", MLP, *OPTIONS, "--input", str(tmp_path / "x.npz")]
    code, err = _in_shell("SNNCC >out", *arguments, "--engine", "interpreter", folder=tmp_path)
    assert (code, err) == (0, "")
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", "from snncc.cli import main; main()"]
    done = subprocess.run(
        [*program, *arguments, "--engine", "interpreter"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    assert b"interpreter: mlp_lif_digits" in os.read(ours, 1 << 16)
    os.close(ours)

    def lines(text: str) -> list[str]:
        return [re.sub(r"[\d.]+ us", "us", line) for line in text.splitlines()]

    assert lines(done.stdout.decode()) == lines((tmp_path / "out").read_text())


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    script = "mkdir gone && cd gone && rmdir ../gone && SNNCC"
    code, err = _in_shell(script, "check", MLP, *OPTIONS, folder=tmp_path)
    assert code == 1
    assert err == "error: SNC-X002 the current folder is not there any more\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["compile", "no.nir", "-o", "x"], "SNC-I010 no.nir: no such file"),
        (["compile", "no/m.onnx", "-o", "x"], "SNC-I010 no/m.onnx: no such file"),
        (["compile", "no/m.pt2", "-o", "x"], "SNC-I010 no/m.pt2: no such file"),
        (["diff", MLP, MLP, *OPTIONS, *INPUT, "--b-states", "v"], f"SNC-C003 {MLP}"),
        (["compile", MLP, "-o", "x"], "SNC-I005 node 'lif1'"),
        (["compile", __file__, "-o", "x"], "not a known kind of file"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--time-block", "0"], "SNC-C003 time_block"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--prefix", "a-b"], "SNC-C003 prefix"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--prefix", "stdio"], "hide the system's header"),
        (["compile", MLP, *OPTIONS, "-o", "."], "SNC-C004 .: is the current folder"),
        (["compile", MLP, *OPTIONS, "-o", f"{MLP}/foo"], f"SNC-C004 {MLP}: is a file"),
        (["compile", MLP, *OPTIONS, "-o", "/"], "SNC-C004 /: is the current folder, or holds it"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--target", "tpu"], "SNC-C003 target"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--print-after", "no"], "--print-after: expected"),
        (["run", MLP, *OPTIONS, "--input", "no.npz"], "SNC-R001 no.npz: no such file"),
        (["run", MLP, *OPTIONS, "--input", MLP], f"SNC-R001 {MLP}: not a readable .npz file"),
        (["run", MLP, *OPTIONS, "--input", "."], "SNC-R001 .: is a folder"),
        (["run", MLP, *OPTIONS, *INPUT, "-o", ""], "SNC-C004 .: is a folder"),
        (["run", MLP, *OPTIONS, *INPUT, "-o", "."], "SNC-C004 .: is a folder"),
        (["run", MLP, *OPTIONS, *INPUT, "-o", "y"], "SNC-C004 y: expected a name that ends in"),
        (["run", MLP, *OPTIONS, *INPUT, "-o", "no/y.npz"], "SNC-C004 no/y.npz: there is no folder"),
        (["run", MLP, *OPTIONS, *INPUT, "-o", f"{MLP}/y.npz"], "SNC-C004"),
        (["run", MLP, *OPTIONS, *INPUT, "--trace"], "SNC-C003 --trace: spikes and states"),
        (["run", MLP, *OPTIONS, *INPUT, "--score", "output"], "add --labels Y"),
        (["run", MLP, *OPTIONS, *INPUT, "--labels", "y", "--score", "z"], "expected one of output"),
        (["run", MLP, *OPTIONS, *INPUT, "--labels", "x"], "expected whole numbers, got float"),
        (["run", MLP, *OPTIONS, *INPUT, "--labels", "no.npy"], "SNC-R003 no.npy: no such file"),
        (["verify", MLP, *OPTIONS, *INPUT, "--samples", "0"], "--samples: expected at least 1"),
        (["verify", MLP, *OPTIONS, *INPUT, "--samples", "-1"], "--samples: expected at least 1"),
        (["run", MLP, *OPTIONS, *INPUT[:2], "--labels", "y"], "SNC-R003 labels 'y': expected 1"),
        (["run", MLP, *OPTIONS, *INPUT, "--labels", "z"], "it has x, y; or name a .npy file"),
        (["run", MLP, "--dt", "-1", *INPUT], "SNC-C003 dt: expected seconds above 0"),
        (["run", MLP, *OPTIONS, *INPUT, "--steps", "9" * 20], "steps: expected a whole number"),
        (["run", MLP, *OPTIONS, "--input", "/dev/null"], "SNC-R001 /dev/null: is a pipe or a dev"),
        (["export", MLP, *OPTIONS, "-o", "y.txt"], "ends in .onnx, .nir, .mlir"),
        (["export", MLP, *OPTIONS, "--steps", "3", "-o", "y.mlir"], "is for calibration data"),
    ],
)
def test_errors_are_short_and_coded(
    snncc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = snncc(*arguments)
    assert code == 1
    assert text in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 4
    assert not list(tmp_path.iterdir()), "a partial output was left behind"
    assert out == ""


def test_usage_errors(snncc) -> None:
    code, _, err = snncc("compile", MLP)
    assert code == 2
    assert "Missing option '-o'" in err
    for states in ("", ",", "v,", "v=x:y,v=x:z"):
        code, _, err = snncc("check", "m.pt2", "--states", states)
        assert code == 2
        assert "states" in err
    code, _, err = snncc("run", MLP, "--like", "tensorflow", *INPUT)
    assert code == 2
    assert "--like" in err
