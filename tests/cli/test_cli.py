"""The commands as users call them: output, exit codes, errors in one or two lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from snncc.cli import main
from tests.tools import REPOSITORY, require_tool

DIGITS = REPOSITORY / "examples" / "digits"
MLP = str(DIGITS / "mlp_lif_digits.nir")
OPTIONS = ["--like", "snntorch", "--dt", "1e-4", "--reset", "subtract", "--reset-timing", "next"]
INPUT = ["--input", str(DIGITS / "digits.npz"), "--steps", "20"]


@pytest.fixture
def snncc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        from snncc.cli import console

        monkeypatch.setattr(sys, "argv", ["snncc", *arguments])
        # the consoles were bound to the streams of an earlier test
        monkeypatch.setattr(console.out, "_file", None)
        monkeypatch.setattr(console.err, "_file", None)
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


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
    assert "compiles" in out


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


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["compile", "no.nir", "-o", "x"], "SNC-I010 no.nir: no such file"),
        (["compile", MLP, "-o", "x"], "SNC-I005 node 'lif1'"),
        (["compile", __file__, "-o", "x"], "not a known kind of file"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--time-block", "0"], "SNC-C003 time_block"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--prefix", "a-b"], "SNC-C003 prefix"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--target", "tpu"], "SNC-C003 target"),
        (["compile", MLP, *OPTIONS, "-o", "x", "--print-after", "no"], "--print-after: expected"),
        (["run", MLP, *OPTIONS, "--input", "no.npz"], "SNC-R001 no.npz: no such file"),
        (["run", MLP, *OPTIONS, "--input", MLP], "SNC-R001 mlp_lif_digits.nir: not a readable"),
        (["run", MLP, *OPTIONS, *INPUT[:2], "--labels", "y"], "SNC-R003 labels 'y': expected 1"),
        (["run", MLP, *OPTIONS, *INPUT, "--labels", "z"], "SNC-R003 labels 'z'"),
        (["run", MLP, "--dt", "-1", *INPUT], "SNC-C003 dt: expected seconds above 0"),
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
    code, _, err = snncc("run", MLP, "--like", "tensorflow", *INPUT)
    assert code == 2
    assert "--like" in err
