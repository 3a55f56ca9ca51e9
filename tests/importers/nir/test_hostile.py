"""
Damaged and hostile files: an error with a code, in 5 seconds and 500 MB, or a network.

Files are loaded in a process of their own: one that crashes or hangs must not take the
tests with it.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.importers.batch import load_all
from tests.importers.nir.damage import ordinary
from tests.importers.nir.hostile_cases import CASES
from tests.importers.nir.nirfile import write_nir


@pytest.mark.parametrize("group", CASES)
def test_hostile_files(group: str, tmp_path: Path) -> None:
    """Each has the code that names its fault."""
    expected: dict[str, str] = {}
    for name, (code, make) in CASES[group].items():
        make(tmp_path / f"{name}.nir")
        expected[f"{name}.nir"] = code
    assert load_all("nir", tmp_path) == expected


def test_the_ordinary_file_loads(tmp_path: Path) -> None:
    """Or the cases above would show nothing."""
    write_nir(tmp_path / "plain.nir", **ordinary())
    write_nir(tmp_path / "gzip.nir", **ordinary(), compression="gzip")
    assert load_all("nir", tmp_path) == {"plain.nir": "ok", "gzip.nir": "ok"}


def test_files_that_are_cut_short(tmp_path: Path) -> None:
    write_nir(tmp_path / "whole.nir", **ordinary(), compression="gzip")
    data = (tmp_path / "whole.nir").read_bytes()
    for size in np.linspace(0, len(data) - 1, 60).astype(int):
        (tmp_path / f"cut {size}.nir").write_bytes(data[:size])
    results = load_all("nir", tmp_path)
    assert results.pop("whole.nir") == "ok"
    assert len(results) == 60
    assert set(results.values()) == {"SNC-I010"}


def mutant(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed: half of the time near the structures of HDF5."""
    changed = bytearray(data)
    marks = [at for mark in (b"TREE", b"SNOD", b"HEAP", b"GCOL") for at in places(data, mark)]
    near = rng.random() < 0.5
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.choice(marks) + rng.randrange(256) if near else rng.randrange(len(data))
        at = min(at, len(data) - 8)
        if rng.random() < 0.5:
            changed[at] ^= 1 << rng.randrange(8)
        else:
            width = rng.choice([1, 2, 4, 8])
            value = rng.choice([0, 1, 2 ** (8 * width) - 1, rng.randrange(2 ** (8 * width))])
            changed[at : at + width] = value.to_bytes(width, "little")
    return bytes(changed)


def places(data: bytes, mark: bytes) -> list[int]:
    found = [data.find(mark)]
    while found[-1] >= 0:
        found.append(data.find(mark, found[-1] + 1))
    return found[:-1]


@pytest.mark.parametrize("form", ["default", "gzip", "latest"])
def test_mutants(form: str, tmp_path: Path) -> None:
    """Every one loads or is refused; thousands more were run when this was written."""
    path = write_nir(
        tmp_path / "file.nir", **ordinary(), **({"compression": "gzip"} if form == "gzip" else {})
    )
    if form == "latest":
        with h5py.File(path) as source, h5py.File(tmp_path / "new", "w", libver="latest") as target:
            source.copy("node", target)
        (tmp_path / "new").rename(path)
    data = path.read_bytes()
    path.unlink()
    count = 10 if form == "latest" else 75
    for number in range(count):
        rng = random.Random(f"{form} {number}")
        (tmp_path / f"{number}.nir").write_bytes(mutant(data, rng))
    results = load_all("nir", tmp_path)
    assert len(results) == count
    found = Counter(results.values())
    assert all(outcome == "ok" or outcome.startswith("SNC-I") for outcome in found), found
    # both happen, or the mutants would be too mild or too wild to show anything
    assert found["ok"] >= 1
    assert found["SNC-I010"] >= 1
