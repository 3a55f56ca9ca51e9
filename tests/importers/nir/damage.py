"""Ways to damage a file, each of which makes one case."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.importers.nir.nirfile import (
    Fields,
    affine,
    chain,
    cuba_lif,
    graph,
    if_,
    input_node,
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


def virtual() -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(shape=(8, 64), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8, 64))
    return layout
