"""The reader of HDF5 against the HDF5 library, on forms that files may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.nir.hdf5 import normal
from snncc.importers.nir.hdf5.datasets import Dataset
from snncc.importers.nir.hdf5.file import File, Group
from snncc.importers.nir.hdf5.source import Unfamiliar
from snncc.importers.nir.hdf5.types import Text
from snncc.importers.nir.reader import MAX_BYTES, read_nir
from tests.importers.nir.nirfile import chain, lif, write_nir

Write = Callable[[h5py.File], None]


def read(path: Path) -> dict[str, Any]:
    """Every dataset of a file: path -> array, or list of texts."""
    found: dict[str, Any] = {}
    with path.open("rb") as opened:
        file = File(opened)

        def walk(place: str, group: Group | Dataset) -> None:
            if isinstance(group, Dataset):
                texts = isinstance(group.element, Text)
                found[place] = group.texts() if texts else group.read()
                return
            for name, link in group.items():
                walk(f"{place}/{name}", file.open(link.address))

        walk("", file.root)
    return found


def expected(path: Path) -> dict[str, Any]:
    """The same by h5py."""
    found: dict[str, Any] = {}

    def visit(name: str, member: h5py.Group | h5py.Dataset) -> None:
        if isinstance(member, h5py.Dataset):
            if h5py.check_string_dtype(member.dtype) is not None:
                found[f"/{name}"] = np.atleast_1d(member.asstr()[()]).ravel().tolist()
            else:
                found[f"/{name}"] = member[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def check(path: Path, write: Write, **options: Any) -> None:
    with h5py.File(path, "w", **options) as file:
        write(file)
    a, b = read(path), expected(path)
    assert a.keys() == b.keys()
    assert a
    for name, value in b.items():
        if isinstance(value, list):
            assert a[name] == value
        else:
            value = np.asarray(value)
            if value.ndim == 0:  # h5py gives scalars in the machine's order
                a[name] = a[name].astype(value.dtype)
            assert (a[name].dtype, a[name].shape) == (value.dtype, value.shape), name
            assert a[name].tobytes() == value.tobytes(), name


def random(dtype: str, *shape: int) -> Array:
    rng = np.random.default_rng(sum(shape))
    if dtype == "?":
        return rng.random(shape) < 0.5
    return (rng.normal(0, 50, shape) if "f" in dtype else rng.integers(0, 100, shape)).astype(dtype)


NUMBERS = ["<f2", "<f4", "<f8", ">f4", ">f8", "i1", "<i2", "<i4", "<i8", ">i4", "u1", "<u8", "?"]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers(dtype: str, tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        for shape in ((), (1,), (7,), (3, 4, 5), (0,), (0, 3)):
            file["x".join(map(str, shape)) or "scalar"] = random(dtype, *shape)

    check(tmp_path / "f.h5", write)


STORAGE: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip"},
    "gzip, shuffled": {"compression": "gzip", "compression_opts": 9, "shuffle": True},
    "shuffled": {"shuffle": True},
    "chunks": {"chunks": (3, 2, 5)},
    "gzip, chunks": {"chunks": (2, 3, 4), "compression": "gzip"},
    "may grow": {"maxshape": (None, None, None), "chunks": (4, 4, 4)},
    "chunk beyond the array": {"maxshape": (None, None, None), "chunks": (16, 2, 9)},
}


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("dtype", ["<f4", ">i2", "u1"])
def test_storage(storage: str, dtype: str, tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file.create_dataset("x", data=random(dtype, 7, 5, 9), **STORAGE[storage])

    check(tmp_path / "f.h5", write)


def test_many_chunks(tmp_path: Path) -> None:
    """A tree of two levels."""

    def write(file: h5py.File) -> None:
        file.create_dataset("x", data=random("<f4", 40, 30), chunks=(2, 1), compression="gzip")

    check(tmp_path / "f.h5", write)


@pytest.mark.parametrize("count", [1, 8, 9, 300, 2500])
def test_many_members(count: int, tmp_path: Path) -> None:
    """Groups over one and two levels of a tree."""

    def write(file: h5py.File) -> None:
        for k in range(count):
            file[f"group/member {k}"] = k

    check(tmp_path / "f.h5", write)


def test_texts(tmp_path: Path) -> None:
    texts = ["", "a", "LIF", "a longer text with spaces  ", "ungewöhnlich", "x" * 4000]

    def write(file: h5py.File) -> None:
        file.create_dataset("any", data=texts, dtype=h5py.string_dtype())
        file.create_dataset("one", data="NIRGraph", dtype=h5py.string_dtype())
        file.create_dataset("ascii", data="NIRGraph", dtype=h5py.string_dtype("ascii"))
        file.create_dataset("fixed", data=np.array([b"a", b"abc", b""], dtype="S3"))
        file.create_dataset("fixed utf-8", data="ä".encode(), dtype=h5py.string_dtype(length=6))
        pairs = np.array([["a", "b"], ["c", "d"]] * 40, dtype=object)
        file.create_dataset("pairs", data=pairs, dtype=h5py.string_dtype(), chunks=(7, 2))

    check(tmp_path / "f.h5", write)


def test_attributes_and_unwritten_arrays(tmp_path: Path) -> None:
    """Attributes are no concern; an array that was never written is zero."""

    def write(file: h5py.File) -> None:
        file.attrs["note"] = "text"
        file["x"] = 1.0
        file["x"].attrs.update({f"a{k}": np.arange(50) for k in range(7)})
        file.create_dataset("zero", shape=(5, 3), dtype="<f4")
        file.create_dataset("zero chunks", shape=(5, 3), dtype="<f4", chunks=(2, 2))

    check(tmp_path / "f.h5", write)


def test_links_to_the_same_object(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["a/x"] = np.arange(4)
        file["b"] = file["a"]

    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        write(file)
    found = read(path)
    assert set(found) == {"/a/x", "/b/x"}
    np.testing.assert_array_equal(found["/b/x"], np.arange(4))


def graph_bytes(path: Path, **options: Any) -> Path:
    """A NIR file of a chain, in another form of HDF5."""
    plain = write_nir(path.with_suffix(".plain"), **chain(("n", lif(3)), shape=(3,)))
    with h5py.File(plain) as source, h5py.File(path, "w", **options) as target:
        for name in source:
            source.copy(name, target)
    return path


def fields_of(path: Path) -> dict[str, Any]:
    return read_nir(path).nodes["n"].fields  # pyright: ignore[reportAttributeAccessIssue]


FORMS: dict[str, Callable[[Path], Path]] = {
    "latest": lambda path: graph_bytes(path, libver="latest"),
    "v108": lambda path: graph_bytes(path, libver=("v108", "v108")),
    "user block": lambda path: graph_bytes(path, userblock_size=512),
}


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_go_through_the_library(form: str, tmp_path: Path) -> None:
    path = FORMS[form](tmp_path / "f.nir")
    with pytest.raises(Unfamiliar):
        read(path)
    plain = fields_of(path.with_suffix(".plain"))
    for name, values in fields_of(path).items():
        np.testing.assert_array_equal(values, plain[name])


def test_forms_of_arrays_that_the_library_reads(tmp_path: Path) -> None:
    """Filters, number types and fill values that are not read in Python."""
    path = write_nir(tmp_path / "f.nir", **chain(("n", lif(3)), shape=(3,)))
    values = np.array([1e-3, 2e-3, 3e-3])
    with h5py.File(path, "r+") as file:
        node = file["node/nodes/n"]
        for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            del node[name]
        node.create_dataset("tau", data=values, compression="lzf")
        node.create_dataset("r", data=values, fletcher32=True, chunks=(2,))
        node.create_dataset("v_leak", data=values.astype(np.longdouble))
        node.create_dataset("v_threshold", shape=(3,), dtype="<f4", fillvalue=0.5)
        node.create_dataset("v_reset", data=values, scaleoffset=4, chunks=(3,))
    fields = fields_of(path)
    np.testing.assert_array_equal(fields["tau"], values)
    np.testing.assert_array_equal(fields["r"], values)
    np.testing.assert_array_equal(fields["v_leak"], values)
    np.testing.assert_array_equal(fields["v_threshold"], np.full(3, 0.5))
    # scale-offset keeps four decimals
    np.testing.assert_allclose(fields["v_reset"], values, rtol=0, atol=0.5e-4)


def test_names_that_are_not_ascii(tmp_path: Path) -> None:
    name = "Schicht-ä 層"
    path = write_nir(tmp_path / "f.nir", **chain((name, lif(3)), shape=(3,)))
    assert set(read_nir(path).nodes) == {"input", name, "output"}


@pytest.mark.parametrize(
    ("write", "code", "message"),
    [
        (
            lambda node, folder: node.__setitem__("tau", h5py.ExternalLink("other.h5", "/x")),
            "SNC-I020",
            "'tau' is a link to 'other.h5'",
        ),
        (
            lambda node, folder: node.create_virtual_dataset("tau", layout(folder)),
            "SNC-I020",
            "'tau': the array is stored in another file",
        ),
        (
            lambda node, folder: node.create_dataset("tau", data=np.ones(3, "c8")),
            "SNC-I011",
            "tau: expected numbers, got complex64",
        ),
        (
            lambda node, folder: node.create_dataset(
                "tau", shape=(1 << 40,), dtype="f4", fillvalue=1.0
            ),
            "SNC-I017",
            "'tau': the arrays of the model pass the limit",
        ),
    ],
)
def test_problems_that_the_library_finds(
    write: Callable[[h5py.Group, Path], None], code: str, message: str, tmp_path: Path
) -> None:
    path = write_nir(tmp_path / "f.nir", **chain(("n", lif(3)), shape=(3,)))
    with h5py.File(path, "r+") as file:
        node = file["node/nodes/n"]
        del node["tau"]
        write(node, tmp_path)
    with pytest.raises(SnnccError) as refused:
        read_nir(path)
    (problem,) = refused.value.problems
    assert problem.code == code
    assert message in problem.message
    assert problem.node in ("n", "n.tau")


def layout(folder: Path) -> h5py.VirtualLayout:
    made = h5py.VirtualLayout(shape=(3,), dtype="f4")
    made[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape=(3,))
    return made


def test_a_library_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stood in for by a script: it stops at the limit of CPU time, and by the clock."""
    path = graph_bytes(tmp_path / "f.nir", libver="latest")
    script = tmp_path / "worker.py"
    monkeypatch.setattr(normal, "WORKER", script)
    monkeypatch.setattr(normal, "PATIENCE", 0.5)
    script.write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(SnnccError, match=r"SNC-I010 f.nir: .* does not end"):
        normal.rewrite(path, tmp_path / "out", MAX_BYTES)
    script.write_text("import os\nos.abort()\n")
    with pytest.raises(SnnccError, match=r"SNC-I010 f.nir: .* stops with status -6"):
        normal.rewrite(path, tmp_path / "out", MAX_BYTES)


def test_a_file_that_keeps_the_library_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A heap with an object of 2^64 - 16 bytes, its header added, is its own successor: HDF5
    2.0 follows it for ever. Read in Python the file is refused at once; behind a user
    block it is the library's, which is stopped.
    """
    monkeypatch.setattr(normal, "SECONDS", 1)
    for options in ({}, {"userblock_size": 512}):
        path = graph_bytes(tmp_path / "f.nir", **options)
        data = bytearray(path.read_bytes())
        heap = data.index(b"GCOL")
        data[heap + 24 : heap + 32] = (2**64 - 16).to_bytes(8, "little")
        path.write_bytes(data)
        with pytest.raises(SnnccError) as refused:
            read_nir(path)
        assert refused.value.code == "SNC-I010"
