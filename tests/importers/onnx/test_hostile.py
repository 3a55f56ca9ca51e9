"""
Damaged and hostile files: an error with a code, in 5 seconds and 500 MB, or a model.

Files are read in a process of their own: one that crashes or hangs must not take the
tests with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.importers.batch import load_all
from tests.importers.onnx.damage import ordinary, save
from tests.importers.onnx.hostile_cases import CASES


@pytest.mark.parametrize("group", CASES)
def test_hostile_files(group: str, tmp_path: Path) -> None:
    """Each has the code that names its fault."""
    expected: dict[str, str] = {}
    found: dict[str, str] = {}
    for number, (name, (code, make)) in enumerate(CASES[group].items()):
        folder = tmp_path / str(number) if group == "files beside" else tmp_path
        folder.mkdir(exist_ok=True)
        make(folder / f"{name}.onnx")
        expected[f"{name}.onnx"] = code
        if folder != tmp_path:
            found |= load_all("onnx", folder)
    found |= load_all("onnx", tmp_path)
    assert found == expected


def test_the_ordinary_file_is_read(tmp_path: Path) -> None:
    """Or the cases above would show nothing."""
    save(ordinary())(tmp_path / "plain.onnx")
    assert load_all("onnx", tmp_path) == {"plain.onnx": "ok"}


def test_files_that_are_cut_short(tmp_path: Path) -> None:
    data = ordinary().SerializeToString()
    for size in np.linspace(0, len(data) - 1, 60).astype(int):
        (tmp_path / f"cut {size}.onnx").write_bytes(data[:size])
    results = load_all("onnx", tmp_path)
    assert len(results) == 60
    assert all(outcome.startswith("SNC-I") for outcome in results.values()), results
