"""Damaged and hostile files, and the code of the error that each gives."""

from __future__ import annotations

import random
from collections.abc import Mapping

import h5py
import numpy as np

from tests.importers.nir.damage import (
    HUGE,
    STRING,
    Make,
    bomb,
    claim,
    conv,
    data_at,
    deep,
    delay,
    edges,
    large_chunk,
    long_stream,
    loop_of_scales,
    many_links,
    one,
    ordinary,
    patched,
    pool,
    raw,
    renamed,
    replaced,
    shared_name,
    single_chunks,
    virtual,
)
from tests.importers.nir.nirfile import if_, lif, write_nir

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
