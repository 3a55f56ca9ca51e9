"""`snncc export` as users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import snncc
from tests.tools import REPOSITORY

MLP = REPOSITORY / "examples" / "digits" / "mlp_lif_digits.nir"
COMMAND = "from snncc.cli import main; main()"
CHOICES = ["--like", "snntorch", "--dt", "1e-4"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_from_nir_to_onnx_and_back(tmp_path: Path) -> None:
    """The choices belong to the NIR file, on whichever side it stands."""
    net = snncc.load(MLP, like="snntorch", dt=1e-4)
    for name, options in (("step.onnx", []), ("scan.onnx", ["--scan"])):
        done = run(MLP, *CHOICES, "-o", tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout
        assert snncc.load(tmp_path / name).mlir() == net.mlir()
    back = tmp_path / MLP.name
    done = run(tmp_path / "scan.onnx", "-o", back)
    assert done.returncode == 0, done.stderr
    assert snncc.load(back, like="snntorch", dt=1e-4).mlir() == net.mlir()
    assert sorted(os.listdir(tmp_path)) == [MLP.name, "scan.onnx", "step.onnx"]


def test_choices_for_a_network_without_any(tmp_path: Path) -> None:
    net = snncc.load(MLP, like="snntorch", dt=1e-4)
    for name in ("like", "dt"):
        del net.op.attributes[name]
    net.save(tmp_path / "net.mlir")
    done = run(tmp_path / "net.mlir", "-o", tmp_path / "out.nir")
    assert done.returncode == 1
    assert "SNC-E001" in done.stderr
    done = run(tmp_path / "net.mlir", *CHOICES, "-o", tmp_path / "out.nir")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "out.txt"], "SNC-C003"),
        (["-o", "out.nir", "--scan"], "SNC-C003"),
        (["-o", "missing/out.onnx"], "SNC-C004"),
        (["-o", "folder.onnx"], "SNC-C004"),
        (["-o", "pipe.onnx"], "SNC-C004"),
    ],
)
def test_places_that_cannot_be_written(arguments: list[str], code: str, tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    os.mkfifo(tmp_path / "pipe.onnx")
    before = sorted(os.listdir(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "export", str(MLP), *CHOICES, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 1
    assert code in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_what_was_there_stays_where_the_export_fails(tmp_path: Path) -> None:
    net = snncc.load(MLP, like="snntorch", dt=1e-4)
    net.save(tmp_path / "net.mlir")
    (tmp_path / "out.nir").write_bytes(b"before")
    done = run(tmp_path / "net.mlir", "--like", "norse", "-o", tmp_path / "out.nir")
    assert done.returncode == 1
    assert "SNC-E001" in done.stderr
    assert (tmp_path / "out.nir").read_bytes() == b"before"
