"""
Damaged and hostile files: an error with a code, in 5 seconds and 500 MB, or a network.

Files are loaded in a process of their own: one that crashes or hangs must not take the
tests with it.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.importers.batch import load_all
from tests.importers.nir.nirfile import (
    Fields,
    affine,
    chain,
    cuba_lif,
    graph,
    if_,
    input_node,
    lif,
    linear,
    output_node,
    subgraph,
    write_nir,
)

HUGE = 10**9
STRING = h5py.string_dtype()
Make = Callable[[Path], object]


def ordinary() -> dict[str, Any]:
    """A small network of many kinds of node, nested and recurrent."""
    rng = np.random.default_rng(0)
    inner = subgraph(
        {
            "input": input_node(8),
            "lif": cuba_lif(8),
            "w_rec": affine(rng.normal(size=(8, 8)), rng.normal(size=8)),
            "output": output_node(8),
        },
        "input > lif",
        "lif > w_rec",
        "w_rec > lif",
        "lif > output",
    )
    nodes = {
        "input": input_node(2, 8, 8),
        "conv": {
            "type": "Conv2d",
            "weight": np.float32(rng.normal(size=(4, 2, 3, 3))),
            "padding": "same",
        },
        "if": if_(v_threshold=np.full((4, 8, 8), 0.5), r=np.ones((4, 8, 8)), v_reset=None),
        "pool": {"type": "SumPool2d", "kernel_size": (2, 2), "stride": (2, 2)},
        "flat": {"type": "Flatten", "start_dim": 0, "end_dim": -1},
        "fc": affine(rng.normal(size=(8, 64)), rng.normal(size=8)),
        "rec": inner,
        "delay": {"type": "Delay", "delay": np.full(8, 3e-4)},
        "out": linear(rng.normal(size=(3, 8))),
        "output": output_node(3),
    }
    names = list(nodes)
    return graph(nodes, *(f"{a} > {b}" for a, b in pairwise(names)))


def one(node: Fields, *shape: int) -> Make:
    """A file with one node between its terminals."""
    return lambda path: write_nir(path, **chain(("n", node), shape=shape))


def patched(change: Callable[[h5py.File], object]) -> Make:
    """An ordinary file, changed through h5py."""

    def make(path: Path) -> None:
        write_nir(path, **ordinary(), compression="gzip")
        with h5py.File(path, "r+") as file:
            change(file)

    return make


def replaced(place: str, change: Callable[[h5py.Group, str], object]) -> Make:
    """An ordinary file in which the member at `place` is made again."""

    def apply(file: h5py.File) -> None:
        del file[place]
        parent, _, name = place.rpartition("/")
        change(file[parent or "/"], name)

    return patched(apply)


def data_at(place: str, data: Any, **options: Any) -> Make:
    return replaced(place, lambda group, name: group.create_dataset(name, data=data, **options))


def renamed(new: bytes) -> Make:
    """The node `delay` gets a name that the library would not write."""

    def make(path: Path) -> None:
        write_nir(path, **ordinary())
        data = path.read_bytes()
        assert len(new) == len(b"delay")
        # in the group's heap only: in the edges it stands without a NUL before it
        assert data.count(b"\0delay\0") >= 1
        path.write_bytes(data.replace(b"\0delay\0", b"\0" + new + b"\0"))

    return make


def raw(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def claim(group: h5py.Group, name: str) -> None:
    """Ten billion elements that were never written."""
    group.create_dataset(name, shape=(100_000, 100_000), dtype="f4")


def bomb(group: h5py.Group, name: str) -> None:
    """10^9 elements in 954 chunks that share no byte but compress well."""
    made = group.create_dataset(
        name, shape=(1000, 1_000_000), dtype="f4", chunks=(1, 1_000_000), compression="gzip"
    )
    chunk = zlib.compress(bytes(4_000_000), 9)
    for row in range(1000):
        made.id.write_direct_chunk((row, 0), chunk)


def long_stream(group: h5py.Group, name: str) -> None:
    """A chunk of 32 bytes whose compressed stream gives 600 MB."""
    made = group.create_dataset(name, shape=(8,), dtype="f4", chunks=(8,), compression="gzip")
    stream = zlib.compressobj(1)
    parts = [stream.compress(bytes(10_000_000)) for _ in range(60)]
    made.id.write_direct_chunk((0,), b"".join([*parts, stream.flush()]))


def large_chunk(group: h5py.Group, name: str) -> None:
    """Eight elements in a chunk of 10^9, which the library would allocate."""
    made = group.create_dataset(
        name, shape=(8,), dtype="f4", chunks=(HUGE,), maxshape=(None,), compression="gzip"
    )
    made.id.write_direct_chunk((0,), zlib.compress(bytes(32)))


def single_chunks(group: h5py.Group, name: str) -> None:
    """One chunk for each of 10^8 elements; the file holds none."""
    group.create_dataset(name, shape=(10**8,), dtype="f4", chunks=(1,))


def shared_name(path: Path) -> None:
    """Ten thousand edges whose ends are all the same text of a megabyte: 20 GB in memory."""
    count = 10_000
    write_nir(path, **ordinary())
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        made = file["node"].create_dataset("edges", data=[["a", "b"]] * count, dtype=STRING)
        text = file.create_dataset("text", data=["x" * 1_000_000], dtype=STRING)
        at, reference = made.id.get_offset(), text.id.get_offset()
    data = bytearray(path.read_bytes())
    data[at : at + 32 * count] = data[reference : reference + 16] * (2 * count)
    path.write_bytes(data)


def many_links(group: h5py.Group) -> None:
    node = group["flat"]
    for index in range(100_000):
        group.id.links.create_hard(f"n{index}".encode(), node.id, b".")


def deep(depth: int) -> dict[str, Any]:
    made = graph({"input": input_node(1), "output": output_node()}, "input > output")
    for _ in range(depth):
        nodes = {
            "input": input_node(1),
            "sub": {"type": "NIRGraph", **made},
            "output": output_node(),
        }
        made = graph(nodes, "input > sub", "sub > output")
    return made


def edges(data: Any, **options: Any) -> Make:
    return data_at("node/edges", data, **options)


def conv(**fields: Any) -> Make:
    return one({"type": "Conv2d", "weight": np.ones((2, 1, 3, 3), np.float32), **fields}, 1, 8, 8)


def pool(**fields: Any) -> Make:
    return one({"type": "AvgPool2d", "kernel_size": (2, 2), **fields}, 1, 8, 8)


def delay(steps: Any, *shape: int) -> Make:
    return one({"type": "Delay", "delay": np.asarray(steps) * 1e-4}, *shape)


def loop_of_scales(count: int) -> dict[str, Any]:
    names = [f"s{index}" for index in range(count)]
    nodes = {name: {"type": "Scale", "scale": np.ones(1)} for name in names}
    pairs = [f"{a} > {b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    nodes = {"input": input_node(1), **nodes, "output": output_node()}
    return graph(nodes, "input > s0", "s0 > output", *pairs)


WEIGHT = "node/nodes/fc/weight"

CASES: Mapping[str, Mapping[str, tuple[str, Make]]] = {
    "no HDF5": {
        "empty": ("SNC-I010", raw(b"")),
        "text": ("SNC-I010", raw(b"not a model\n" * 1000)),
        "random": ("SNC-I010", raw(random.Random(0).randbytes(5000))),
        "signature": ("SNC-I010", raw(b"\x89HDF\r\n\x1a\n")),
        "signature and zeros": ("SNC-I010", raw(b"\x89HDF\r\n\x1a\n" + bytes(5000))),
        "signature and ones": ("SNC-I010", raw(b"\x89HDF\r\n\x1a\n" + b"\xff" * 5000)),
        "a folder": ("SNC-I010", lambda path: path.mkdir()),
        "a link to itself": ("SNC-I010", lambda path: path.symlink_to(path)),
    },
    "no graph": {
        "an HDF5 file": ("SNC-I011", lambda path: h5py.File(path, "w").close()),
        "no node": ("SNC-I011", patched(lambda f: f.__delitem__("node"))),
        "node is data": ("SNC-I011", data_at("node", 1.0)),
        "no nodes": ("SNC-I011", patched(lambda f: f.__delitem__("node/nodes"))),
        "nodes is data": ("SNC-I011", data_at("node/nodes", [1.0])),
        "no edges": ("SNC-I011", patched(lambda f: f.__delitem__("node/edges"))),
        "edges is a group": (
            "SNC-I011",
            replaced("node/edges", lambda group, name: group.create_group(name)),
        ),
        "another type": ("SNC-I011", data_at("node/type", "LIF", dtype=STRING)),
        "empty graph": ("SNC-I019", lambda path: write_nir(path, {}, [])),
    },
    "edges": {
        "numbers": ("SNC-I011", edges(np.zeros((3, 2)))),
        "triples": ("SNC-I011", edges([["a", "b", "c"]], dtype=STRING)),
        "flat": ("SNC-I011", edges(["a", "b"], dtype=STRING)),
        "scalar": ("SNC-I011", edges("ab", dtype=STRING)),
        "null": ("SNC-I011", edges(h5py.Empty("f4"))),
        "a million": (
            "SNC-I017",
            edges(
                np.broadcast_to(np.array(["fc", "out"], "S3"), (1_000_000, 2)), compression="gzip"
            ),
        ),
        "the same one": (
            "ok",
            edges(
                [[a.encode(), b.encode()] for a, b in ordinary()["edges"]]
                + [[b"fc", b"rec"]] * 50_000
            ),
        ),
        "a long name": ("SNC-I011", edges([["input", "x" * 1_000_000]], dtype=STRING)),
        "long fixed names": ("SNC-I011", edges(np.array([["input", "x" * 100_000]], "S"))),
        "one long name, many times": ("SNC-I010", shared_name),
        "not UTF-8": ("SNC-I010", edges(np.array([[b"input", b"\xff\xfe"]], "S"))),
        "thousands of ghosts": (
            "SNC-I013",
            edges(np.array([[f"g{k}", "fc"] for k in range(50_000)], "S")),
        ),
        "ghosts with dots": (
            "SNC-I013",
            edges(np.array([["rec" + ".rec" * 60 + f"{k}", "fc"] for k in range(20_000)], "S")),
        ),
        "to itself": (
            "SNC-I014",
            edges([[a, b] for a, b in [*ordinary()["edges"], ("fc", "fc")]], dtype=STRING),
        ),
        "into an input": (
            "SNC-I011",
            edges([[a, b] for a, b in [*ordinary()["edges"], ("fc", "input")]], dtype=STRING),
        ),
    },
    "arrays": {
        "claim": ("SNC-I017", replaced(WEIGHT, claim)),
        "bomb": ("SNC-I017", replaced(WEIGHT, bomb)),
        "long stream": ("SNC-I010", replaced("node/nodes/fc/bias", long_stream)),
        "large chunk": ("SNC-I017", replaced("node/nodes/fc/bias", large_chunk)),
        "single chunks": ("SNC-I017", replaced("node/nodes/fc/bias", single_chunks)),
        "NaN": ("SNC-I015", data_at(WEIGHT, np.full((8, 64), np.nan))),
        "infinite": ("SNC-I015", data_at(WEIGHT, np.full((8, 64), np.inf))),
        "too large for float32": ("SNC-I015", data_at(WEIGHT, np.full((8, 64), 1e300))),
        "one NaN": ("SNC-I015", data_at("node/nodes/rec/nodes/lif/tau_mem", [1e-3] * 7 + [np.nan])),
        "text": ("SNC-I011", data_at(WEIGHT, "weights", dtype=STRING)),
        "texts": ("SNC-I011", data_at(WEIGHT, ["a"] * 8, dtype=STRING)),
        "complex": ("SNC-I011", data_at(WEIGHT, np.ones((8, 64), "c8"))),
        "compound": ("SNC-I011", data_at(WEIGHT, np.zeros(8, [("a", "f4"), ("b", "i4")]))),
        "opaque": ("SNC-I011", data_at(WEIGHT, np.zeros(8, "V16"))),
        "references": ("SNC-I011", data_at(WEIGHT, [h5py.Reference()] * 8, dtype=h5py.ref_dtype)),
        "sequences": (
            "SNC-I011",
            replaced(
                WEIGHT, lambda g, n: g.create_dataset(n, shape=(2,), dtype=h5py.vlen_dtype("f4"))
            ),
        ),
        "null": ("SNC-I011", data_at(WEIGHT, h5py.Empty("f4"))),
        "empty": ("SNC-I011", data_at(WEIGHT, np.zeros((0, 64)))),
        "scalar": ("SNC-I014", data_at(WEIGHT, 1.0)),
        "another shape": ("SNC-I014", data_at(WEIGHT, np.ones((8, 63)))),
        "32 axes": ("SNC-I014", data_at(WEIGHT, np.ones((1,) * 32))),
        "a group": ("SNC-I011", replaced(WEIGHT, lambda group, name: group.create_group(name))),
        "missing": ("SNC-I011", patched(lambda f: f.__delitem__(WEIGHT))),
        "over the limit": (
            "SNC-I017",
            data_at(WEIGHT, np.zeros((8300, 8300)), compression="gzip", chunks=(830, 8300)),
        ),
        "large and of another shape": (
            "SNC-I014",
            data_at(WEIGHT, np.zeros((8000, 8000), "f4"), compression="gzip", chunks=(800, 8000)),
        ),
    },
    "nodes": {
        "unknown type": ("SNC-I012", data_at("node/nodes/fc/type", "Dense", dtype=STRING)),
        "type is a number": ("SNC-I011", data_at("node/nodes/fc/type", 1.0)),
        "type is empty": ("SNC-I012", data_at("node/nodes/fc/type", "", dtype=STRING)),
        "type of a megabyte": (
            "SNC-I011",
            data_at("node/nodes/fc/type", "x" * 1_000_000, dtype=STRING),
        ),
        "type of a fixed gigabyte": (
            "SNC-I017",
            replaced(
                "node/nodes/fc/type",
                lambda g, n: g.create_dataset(n, shape=(), dtype=h5py.string_dtype(length=HUGE)),
            ),
        ),
        "no type": ("SNC-I011", patched(lambda f: f.__delitem__("node/nodes/fc/type"))),
        "type is a graph": ("SNC-I011", data_at("node/nodes/fc/type", "NIRGraph", dtype=STRING)),
        "is data": ("SNC-I011", data_at("node/nodes/fc", 1.0)),
        "hundred thousand": ("SNC-I017", patched(lambda f: many_links(f["node/nodes"]))),
        "over the limit": (
            "SNC-I017",
            lambda path: write_nir(
                path, {f"n{k}": {"type": "Flatten"} for k in range(4100)}, [("n0", "n1")]
            ),
        ),
        "deep": ("SNC-I017", lambda path: write_nir(path, **deep(40))),
        "a large loop": ("SNC-I016", lambda path: write_nir(path, **loop_of_scales(1500))),
    },
    "names": {
        "slash": ("SNC-I011", renamed(b"a/b/c")),
        "empty": ("SNC-I010", renamed(b"\0elay")),
        "a dot": ("SNC-I011", renamed(b".\0lay")),
        "dots": ("SNC-I011", renamed(b"..\0ay")),
        "not UTF-8": ("SNC-I011", renamed(b"\xff\xfe\xfd\xfc\xfb")),
        "line break": ("SNC-I011", renamed(b"a\nb\rc")),
        "escape": ("SNC-I011", renamed(b"\x1b[31m")),
        "twice": ("SNC-I014", renamed(b"fc\0ay")),
        "a megabyte": (
            "SNC-I011",
            patched(lambda f: f["node/nodes"].move("fc", "x" * 1_000_000)),
        ),
        "60 KB": ("SNC-I011", patched(lambda f: f["node/nodes"].move("fc", "x" * 60_000))),
    },
    "links": {
        "soft": (
            "SNC-I020",
            replaced(
                WEIGHT, lambda g, n: g.__setitem__(n, h5py.SoftLink("/node/nodes/out/weight"))
            ),
        ),
        "soft, to nothing": (
            "SNC-I020",
            replaced(WEIGHT, lambda g, n: g.__setitem__(n, h5py.SoftLink("/nothing"))),
        ),
        "soft, to itself": (
            "SNC-I020",
            replaced("node/nodes", lambda g, n: g.__setitem__(n, h5py.SoftLink("/node/nodes"))),
        ),
        "external": (
            "SNC-I020",
            replaced(WEIGHT, lambda g, n: g.__setitem__(n, h5py.ExternalLink("x.h5", "/w"))),
        ),
        "external storage": (
            "SNC-I020",
            replaced(
                WEIGHT,
                lambda g, n: g.create_dataset(
                    n, shape=(8, 64), dtype="f4", external=[("/etc/passwd", 0, 2048)]
                ),
            ),
        ),
        "virtual": (
            "SNC-I020",
            replaced(WEIGHT, lambda g, n: g.create_virtual_dataset(n, virtual())),
        ),
        "a graph in itself": (
            "SNC-I017",
            patched(lambda f: f["node/nodes"].__setitem__("self", f["node"])),
        ),
        "ten graphs in itself": (
            "SNC-I017",
            patched(lambda f: [f["node/nodes"].__setitem__(f"s{k}", f["node"]) for k in range(10)]),
        ),
        "node is its own nodes": (
            "SNC-I017",
            replaced("node/nodes", lambda g, n: g.__setitem__(n, g)),
        ),
    },
    "terminals": {
        "huge": ("SNC-I017", one(if_(), HUGE)),
        "huge axes": ("SNC-I017", one(if_(), HUGE, HUGE, HUGE)),
        "negative": ("SNC-I014", one(if_(), -1)),
        "zero": ("SNC-I014", one(if_(), 4, 0)),
        "nine axes": ("SNC-I014", one({"type": "Flatten"}, *[1] * 9)),
        "33 axes": ("SNC-I011", one({"type": "Flatten"}, *[2] * 33)),
        "a million axes": ("SNC-I011", one({"type": "Flatten"}, *[2] * 1_000_000)),
        "fractions": (
            "SNC-I015",
            data_at("node/nodes/input/shape", np.array([2.0, 8.5, 8.0])),
        ),
    },
    "windows": {
        "padding": ("SNC-I014", conv(padding=(HUGE, HUGE))),
        "padding of a thousand": ("SNC-I017", conv(padding=(10_000, 10_000))),
        "padding, negative": ("SNC-I014", conv(padding=(-1, 0))),
        "padding of 10^18": ("SNC-I014", conv(padding=(10**18, 10**18))),
        "padding of 10^300": ("SNC-I014", conv(padding=np.float64(1e300))),
        "padding, a fraction": ("SNC-I015", conv(padding=np.float64(0.5))),
        "padding, a word": ("SNC-I014", conv(padding="reflect")),
        "padding of many": ("SNC-I011", conv(padding=np.zeros(100_000, np.int64))),
        "stride": ("SNC-I014", conv(stride=(HUGE, HUGE))),
        "stride of zero": ("SNC-I014", conv(stride=0)),
        "stride, negative": ("SNC-I014", conv(stride=-HUGE)),
        "stride is text": ("SNC-I011", conv(stride="two")),
        "dilation": ("SNC-I014", conv(dilation=(HUGE, 1))),
        "dilation, same": ("SNC-I014", conv(dilation=(HUGE, 1), padding="same")),
        "dilation of zero": ("SNC-I014", conv(dilation=0)),
        "groups": ("SNC-I014", conv(groups=HUGE)),
        "groups of zero": ("SNC-I014", conv(groups=0)),
        "groups, negative": ("SNC-I014", conv(groups=-1)),
        "groups are text": ("SNC-I011", conv(groups="one")),
        "input shape": ("SNC-I014", conv(input_shape=(HUGE, HUGE))),
        "kernel": (
            "SNC-I017",
            replaced(
                "node/nodes/conv/weight",
                lambda g, n: g.create_dataset(n, shape=(1, 1, HUGE, HUGE), dtype="f4"),
            ),
        ),
        "pool": ("SNC-I014", pool(kernel_size=(HUGE, HUGE))),
        "pool of zero": ("SNC-I014", pool(kernel_size=(0, 2))),
        "pool, negative": ("SNC-I014", pool(kernel_size=(2, -2))),
        "pool of text": ("SNC-I011", pool(kernel_size="two")),
        "pool stride": ("SNC-I014", pool(stride=(0, 0))),
        "pool padding": ("SNC-I014", pool(padding=(HUGE, 0))),
        "pool padding is text": ("SNC-I011", pool(padding="same")),
        "flatten": ("SNC-I014", one({"type": "Flatten", "start_dim": HUGE}, 2, 3)),
        "flatten, negative": ("SNC-I014", one({"type": "Flatten", "end_dim": -HUGE}, 2, 3)),
        "flatten, text": ("SNC-I011", one({"type": "Flatten", "end_dim": "last"}, 2, 3)),
        "flatten's input": ("SNC-I014", one({"type": "Flatten", "input_type": (HUGE, 2)}, 2, 3)),
    },
    "delays": {
        "steps": ("SNC-I017", delay(HUGE, 1)),
        "steps of each": ("SNC-I017", delay([1, HUGE], 2)),
        "of a large stream": ("SNC-I017", delay(2, 1 << 26)),
        "of one step of a large stream": ("ok", delay(1, 1 << 26)),
        "for each of many": ("SNC-I017", delay(np.arange(2_000_000) % 2, 2_000_000)),
        "negative": ("SNC-I015", delay(-1, 1)),
        "infinite": ("SNC-I015", delay(np.inf, 1)),
        "nearly infinite": ("SNC-I017", delay(1e300, 1)),
    },
    "populations": {
        "outer product": (
            "SNC-I017",
            one(lif(tau=np.ones((20_000, 1)), r=np.ones((1, 20_000))), 20_000, 20_000),
        ),
        "do not broadcast": ("SNC-I014", one(lif(tau=np.ones(3), r=np.ones(4)), 3)),
        "another rank": ("SNC-I014", one(lif(tau=np.ones((2, 3))), 3)),
        "time constant of zero": ("SNC-I015", one(lif(tau=np.zeros(1)), 1)),
        "time constant below zero": ("SNC-I015", one(lif(tau=-np.ones(1)), 1)),
        "tiny time constant": ("SNC-I015", one(lif(tau=np.full(1, 5e-324)), 1)),
        "threshold of text": ("SNC-I011", one(lif(v_threshold="high"), 1)),
        "scale of the wrong shape": ("SNC-I014", one({"type": "Scale", "scale": np.ones(5)}, 4)),
    },
}


def virtual() -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(shape=(8, 64), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8, 64))
    return layout


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
