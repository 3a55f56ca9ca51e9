"""Reading HDF5: the forms that files have, and the process in which the library works."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError
from snncc.importers.hdf5 import reader
from snncc.importers.hdf5.transport import pack_graph, pack_problems, unpack
from snncc.importers.isolated import IsolationFailure, run_isolated
from snncc.importers.nir.model import Graph, Node
from snncc.importers.nir.reader import read_nir
from tests.importers.nir.nirfile import (
    affine,
    chain,
    graph,
    input_node,
    lif,
    output_node,
    subgraph,
    write_nir,
)


def node_of(graph: Graph, name: str) -> Node:
    node = graph.nodes[name]
    assert isinstance(node, Node)
    return node


def scale_of(path: Path, write: Callable[[h5py.Group], object]) -> Array:
    """What is read of a field that `write` stores."""
    write_nir(path, **chain(("n", {"type": "Scale"}), shape=(3,)))
    with h5py.File(path, "r+") as file:
        write(file["node/nodes/n"])
    return np.asarray(node_of(read_nir(path), "n").fields["scale"])


def random(dtype: str, *shape: int) -> Array:
    rng = np.random.default_rng(sum(shape))
    if dtype == "?":
        return rng.random(shape) < 0.5
    drawn = (
        rng.normal(0, 50, shape) if "f" in dtype or dtype == "g" else rng.integers(0, 100, shape)
    )
    return drawn.astype(dtype)


NUMBERS = [
    "<f2",
    "<f4",
    "<f8",
    ">f4",
    ">f8",
    "g",
    "i1",
    "<i2",
    "<i4",
    "<i8",
    ">i4",
    "u1",
    "<u8",
    "?",
]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4, 5)])
def test_numbers(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Their own type in the machine's order; half floats as float32, long ones as float64."""
    values = random(dtype, *shape)
    found = scale_of(tmp_path / "f.nir", lambda g: g.create_dataset("scale", data=values))
    wanted = {"<f2": np.dtype("f4"), "g": np.dtype("f8")}.get(
        dtype, np.dtype(dtype).newbyteorder("=")
    )
    assert (found.dtype, found.shape) == (wanted, shape)
    np.testing.assert_array_equal(found, values)


STORAGE: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip"},
    "gzip, shuffled": {"compression": "gzip", "compression_opts": 9, "shuffle": True},
    "lzf": {"compression": "lzf"},
    "checksums": {"fletcher32": True},
    "chunks": {"chunks": (3, 2, 5)},
    "may grow": {"maxshape": (None, None, None), "chunks": (4, 4, 4)},
}


@pytest.mark.parametrize("storage", STORAGE)
def test_storage(storage: str, tmp_path: Path) -> None:
    values = random("<f4", 7, 5, 9)
    found = scale_of(
        tmp_path / "f.nir",
        lambda g: g.create_dataset("scale", data=values, **STORAGE[storage]),
    )
    np.testing.assert_array_equal(found, values)


def test_an_array_that_was_never_written_has_its_fill_value(tmp_path: Path) -> None:
    for value in (0.0, 0.5):
        found = scale_of(
            tmp_path / "f.nir",
            lambda g, v=value: g.create_dataset("scale", shape=(5,), dtype="f4", fillvalue=v),
        )
        np.testing.assert_array_equal(found, np.full(5, value, np.float32))


@pytest.mark.parametrize("dtype", [h5py.string_dtype(), h5py.string_dtype("ascii"), "S20"])
def test_texts(dtype: Any, tmp_path: Path) -> None:
    """Of any length, and of a fixed one."""
    path = write_nir(tmp_path / "f.nir", **chain(("n", lif(3)), shape=(3,)))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/n/type"], file["node/edges"]
        file["node/nodes/n"].create_dataset("type", data=np.array("LIF", dtype))
        pairs = np.array([["input", "n"], ["n", "output"]], dtype)
        file["node"].create_dataset("edges", data=pairs)
    found = read_nir(path)
    assert node_of(found, "n").type == "LIF"
    assert found.edges == [("input", "n"), ("n", "output")]


FORMS: dict[str, dict[str, Any]] = {
    "earliest": {"libver": "earliest"},
    "latest": {"libver": "latest"},
    "user block": {"userblock_size": 512},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_forms_of_hdf5(form: str, compression: str | None, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inner = subgraph({"i": input_node(3), "n": lif(3), "o": output_node()}, "i > n", "n > o")
    given = graph(
        {
            "x": input_node(4),
            "fc": affine(rng.normal(size=(3, 4)), rng.normal(size=3)),
            "Schicht-ä 層": inner,
            "y": output_node(3),
        },
        "x > fc",
        "fc > Schicht-ä 層",
        "Schicht-ä 層 > y",
    )
    plain = write_nir(tmp_path / "plain.nir", **given, compression=compression)
    path = tmp_path / "form.nir"
    with h5py.File(plain) as source, h5py.File(path, "w", **FORMS[form]) as target:
        source.copy("node", target)
    found = read_nir(path)
    assert found.edges == given["edges"]
    assert set(found.nodes) == set(given["nodes"])
    np.testing.assert_array_equal(
        node_of(found, "fc").fields["weight"], given["nodes"]["fc"]["weight"]
    )
    nested = found.nodes["Schicht-ä 層"]
    assert isinstance(nested, Graph)
    assert nested.edges == inner["edges"]
    assert node_of(nested, "n").name == "Schicht-ä 層.n"


def test_a_graph_travels_unchanged() -> None:
    """Types, shapes and bytes of every kind of field; names; the order of nodes and edges."""
    fields: dict[str, Any] = {
        "scalar": np.float64(0.1).reshape(()),
        "matrix": random("<f4", 3, 5),
        "transposed": random("<f4", 3, 5).T,
        "flags": np.array([True, False, True]),
        "count": np.array([2**64 - 1], np.uint64),
        "padding": "same",
    }
    sub = Graph("b", {"inner": Node("b.inner", "LIF", dict(fields))}, [("x", "y")])
    sent = Graph("", {"b": sub, "a": Node("a", "Scale", dict(fields))}, [("b", "a"), ("a", "é")])
    found = unpack(b"".join(pack_graph(sent)))
    assert list(found.nodes) == ["b", "a"]
    assert found.edges == sent.edges
    nested = found.nodes["b"]
    assert isinstance(nested, Graph)
    assert (nested.name, nested.edges) == ("b", [("x", "y")])
    for node, name, type in (
        (nested.nodes["inner"], "b.inner", "LIF"),
        (found.nodes["a"], "a", "Scale"),
    ):
        assert isinstance(node, Node)
        assert (node.name, node.type, list(node.fields)) == (name, type, list(fields))
        for field, value in fields.items():
            received = node.fields[field]
            if isinstance(value, str):
                assert received == value
                continue
            assert isinstance(received, np.ndarray)
            assert (received.dtype, received.shape) == (value.dtype, value.shape)
            assert received.tobytes() == value.tobytes()


def test_problems_travel_unchanged() -> None:
    problems = [
        Problem("SNC-I011", "something", "a.b", "do this"),
        Problem("SNC-I017", "é\ud800", severity="error"),
    ]
    with pytest.raises(SnnccError) as found:
        unpack(b"".join(pack_problems(problems)))
    assert list(found.value.problems) == problems


class TestIsolation:
    MEMORY = 200 << 20

    def run(self, work: Callable[[], Any], seconds: float = 20) -> bytes:
        return bytes(run_isolated(work, seconds=seconds, memory=self.MEMORY))

    def test_parts_are_joined(self) -> None:
        large = random("<f8", 500, 1000)
        assert self.run(lambda: [b"head", large.ravel().data]) == b"head" + large.tobytes()
        assert self.run(list) == b""

    def test_the_parent_sees_nothing_of_the_work(self) -> None:
        seen: list[int] = []
        assert self.run(lambda: [str(seen.append(1)).encode()]) == b"None"
        assert seen == []

    def test_a_crash(self) -> None:
        with pytest.raises(IsolationFailure, match="brings the library that reads it down"):
            self.run(os.abort)

    def test_an_exit_in_the_middle(self) -> None:
        def work() -> Any:
            yield b"the first part"
            os._exit(3)

        with pytest.raises(IsolationFailure):
            self.run(work)

    def test_a_loop_is_stopped_in_time(self) -> None:
        def work() -> Any:
            while True:
                pass

        start = time.monotonic()
        with pytest.raises(IsolationFailure, match="takes more than 1 s"):
            self.run(work, seconds=0.6)
        assert time.monotonic() - start < 10

    def test_memory_is_limited(self) -> None:
        with pytest.raises(IsolationFailure, match="more memory than the limit"):
            self.run(lambda: [bytes(2 * self.MEMORY)])

    def test_without_fork_the_work_is_done_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(os, "fork")
        seen: list[int] = []
        assert self.run(lambda: [str(seen.append(1)).encode()]) == b"None"
        assert seen == [1]

    def test_nothing_is_left_behind(self) -> None:
        """Neither descriptors nor children, also where the work fails."""
        before = os.listdir("/proc/self/fd")
        self.run(lambda: [b"x"])
        with pytest.raises(IsolationFailure):
            self.run(os.abort)
        assert os.listdir("/proc/self/fd") == before
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_many_open_files(self) -> None:
        """Descriptors beyond 1024, which select() does not take."""
        import resource

        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
            pytest.skip("this process may not open so many files")
        opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
        try:
            assert self.run(lambda: [b"x"]) == b"x"
        finally:
            for descriptor in opened:
                os.close(descriptor)


def test_a_file_that_keeps_the_library_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A heap with an object of 2^64 - 16 bytes, its header added, is its own successor: HDF5
    2.0 follows it for ever.
    """
    monkeypatch.setattr(reader, "_patience", lambda size: 1.0)
    path = write_nir(tmp_path / "f.nir", **chain(("n", lif(3)), shape=(3,)))
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 24 : heap + 32] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(SnnccError, match="SNC-I010"):
        read_nir(path)


def test_arrays_up_to_the_limit(tmp_path: Path) -> None:
    """The limit counts arrays as they stand in memory; copies on the way have room."""
    path = write_nir(
        tmp_path / "f.nir",
        **chain(("n", {"type": "Linear", "weight": np.zeros((1000, 5000))}), shape=(5000,)),
        compression="gzip",
        chunks=None,
    )
    size = 8 * (1000 * 5000 + 1)
    found = node_of(read_nir(path, max_bytes=size + 100), "n").fields["weight"]
    assert np.shape(found) == (1000, 5000)
    with pytest.raises(SnnccError) as refused:
        read_nir(path, max_bytes=size - 100)
    assert refused.value.code == "SNC-I017"
    assert refused.value.problems[0].remedy == "load it with a larger max_bytes"
