"""
Damaged and hostile files: an error with a code, in 5 seconds and 500 MB, or a model.

Files are read in a process of their own: one that crashes or hangs must not take the
tests with it.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import FieldDescriptor
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.importers.batch import load_all
from tests.importers.onnx.build import floats, graph, model, node

HUGE = 10**9
X = floats(2, 3)
Make = Callable[[Path], object]


def ordinary() -> ModelProto:
    """A small model with something of everything."""
    rng = np.random.default_rng(0)
    cell = helper.make_function(
        "ai.snncc",
        "Cell",
        ["v", "x"],
        ["w", "s"],
        [
            helper.make_node("Constant", [], ["beta"]),
            node("Mul", "v beta", "d"),
            node("Add", "d x", "u"),
            node("Greater", "u one", "above"),
            node("Cast", "above", "s", to=TensorProto.FLOAT),
            node("Constant", "", "one", value_float=1.0),
            node("Sub", "u s", "w"),
        ],
        [helper.make_opsetid("", 20)],
        attributes=["decay"],
    )
    cell.node[0].attribute.add(name="value_float", type=1, ref_attr_name="decay")
    cell.node.insert(3, cell.node.pop(5))
    inner = floats(2, 5)
    body = graph(
        [node("Cell", "v xt", "w s", domain="ai.snncc", decay=0.9)],
        {"v": inner, "xt": inner},
        ["w", "s"],
        name="body",
    )
    again = graph(
        [node("Add", "a a", "b"), node("Identity", "cond", "going")],
        {"i": np.array(0), "cond": np.array(True), "a": inner},
        ["going", "b"],
        name="again",
    )
    branch = graph([node("Neg", "last", "n")], {}, ["n"], name="branch")
    tensors = {
        "conv.weight": np.float32(rng.normal(size=(3, 1, 3, 3))),
        "bn": np.float32([1, 2, 3]),
        "fc.weight": rng.integers(-99, 99, (5, 12)).astype(np.int8),
        "scale": np.float32(rng.random(5) + 0.1),
        "fc.bias": np.float32(rng.normal(size=5)),
        "steps": np.array([6, 2, 5]),
        "v0": inner,
        "three": np.array(3),
        "true": np.array(True),
        "zero": np.float32(0),
        "flat": np.array([-1]),
    }
    nodes = [
        node("Conv", "x conv.weight bn", "c", kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4),
        node("BatchNormalization", "c bn bn bn bn", "n", epsilon=1e-5),
        node("AveragePool", "n", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f", axis=1),
        node("DequantizeLinear", "fc.weight scale", "weight", axis=0),
        node("Gemm", "f weight fc.bias", "fc", transB=1),
        node("Reshape", "fc steps", "xs"),
        node("Scan", "v0 xs", "v spikes", body=body, num_scan_inputs=1),
        node("Loop", "three true v", "last", body=again),
        node("If", "true", "y1", then_branch=branch, else_branch=branch),
        node("Greater", "y1 zero", "mask"),
        node("NonZero", "mask", "places"),
        node("Transpose", "places", "at", perm=[1, 0]),
        node("Reshape", "mask flat", "line"),
        node("Cast", "line", "ones", to=TensorProto.INT64),
        node("ReduceSum", "ones", "count", keepdims=1),
        node("Expand", "zero count", "zeros"),
        node("ScatterND", "y1 at zeros", "y"),
        node("Slice", "spikes flat steps", "cut"),
        node("Split", "spikes", "s0 s1", axis=0),
        node("Concat", "s1 s0", "z", axis=0),
    ]
    nodes[0].name = "/net/net.0/Conv"
    nodes[5].metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'fc', 'linear']")
    proto = model(
        nodes[:18] + nodes[19:],
        {"x": floats(12, 1, 4, 4)},
        ["y", "z"],
        tensors,
        opset=20,
        functions=[cell],
        domains=["ai.snncc"],
    )
    proto.metadata_props.add(key="snncc.note", value="nothing")
    return proto


def save(proto: ModelProto) -> Make:
    return lambda path: path.write_bytes(proto.SerializeToString())


def changed(change: Callable[[ModelProto], object]) -> Make:
    """The ordinary model with a change."""
    proto = ordinary()
    change(proto)
    return save(proto)


def tensor(change: Callable[[TensorProto], object], name: str = "conv.weight") -> Make:
    def of(proto: ModelProto) -> None:
        change(next(t for t in proto.graph.initializer if t.name == name))

    return changed(of)


def nodes(*given: NodeProto, x: Any = X, **tensors: Any) -> Make:
    return save(model(given, {"x": x}, tensors=tensors))


def external(location: str, offset: int | None = None, length: int | None = None) -> Make:
    def of(given: TensorProto) -> None:
        given.ClearField("raw_data")
        given.data_location = TensorProto.EXTERNAL
        given.external_data.add(key="location", value=location)
        if offset is not None:
            given.external_data.add(key="offset", value=str(offset))
        if length is not None:
            given.external_data.add(key="length", value=str(length))

    return tensor(of)


def linked(path: Path) -> None:
    os.symlink("/etc/passwd", path.parent / "link")
    external("link")(path)


def chain(op: str, count: int, **attributes: Any) -> list[NodeProto]:
    """Each node takes the one before it twice."""
    names = ["x", *(f"y{k}" for k in range(count - 1)), "y"]
    return [
        node(op, [a, a], [b], name=f"/n{k}", **attributes)
        for k, (a, b) in enumerate(pairwise(names))
    ]


def nested(depth: int) -> NodeProto:
    inner = node("Identity", "x", "y")
    for _ in range(depth):
        branch = graph([inner], {}, ["y"])
        other = graph([node("Neg", "x")])
        inner = node("If", "true", "y", then_branch=branch, else_branch=other)
    return inner


def nested_deeper(depth: int) -> bytes:
    """Groups of bytes that nest deeper than the package would write."""
    data = b""
    for _ in range(depth):
        attribute = b"\x32" + varint(len(data)) + data  # AttributeProto.g
        of_node = b"\x2a" + varint(len(attribute)) + attribute  # NodeProto.attribute
        data = b"\x0a" + varint(len(of_node)) + of_node  # GraphProto.node
    return b"\x08\x08\x3a" + varint(len(data)) + data


def varint(value: int) -> bytes:
    data = bytearray()
    while value >= 128:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def repeated(entry: bytes, count: int, *, in_node: bool = False) -> Make:
    """A field of the graph, or of its only node, many times."""

    def make(path: Path) -> None:
        data = entry * count
        if in_node:
            data = b"\x0a" + varint(len(data)) + data
        path.write_bytes(b"\x08\x08\x3a" + varint(len(data)) + data)

    return make


def writes(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def dims(*sizes: int) -> Callable[[TensorProto], object]:
    def change(given: TensorProto) -> None:
        del given.dims[:]
        given.dims.extend(sizes)

    return change


def shape(*sizes: int) -> Callable[[ModelProto], object]:
    def change(proto: ModelProto) -> None:
        proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes))

    return change


def shape_node(op: str, **tensors: Any) -> Make:
    return nodes(node(op, ["x", *tensors] if op != "ConstantOfShape" else [*tensors]), **tensors)


def window(**attributes: Any) -> Make:
    return nodes(node("MaxPool", "x", **attributes), x=floats(1, 2, 3))


def wide(size: int) -> Any:
    """Declares an input, and takes no memory."""
    return np.broadcast_to(np.float32(0), (size,))


def whole(*values: int) -> Any:
    return np.array(values, np.int64)


def beside_of(path: Path, data: bytes, make: Make) -> None:
    (path.parent / "w").write_bytes(data)
    make(path)


def nan_tensor() -> TensorProto:
    return numpy_helper.from_array(np.float32([1, np.nan]))


def reverse(field: Any) -> None:
    given = list(field)[::-1]
    del field[:]
    field.extend(given)


def casts(count: int) -> list[NodeProto]:
    """To double precision and back, and a reshape of the last."""
    given = [
        node("Cast", f"x{k}" if k else "x", f"x{k + 1}", to=1 if k % 2 else 11)
        for k in range(count)
    ]
    return [*given, node("Reshape", f"x{count} s")]


def exponentials(count: int) -> list[NodeProto]:
    """Of a large constant, each of the one before it."""
    first = node("Expand", "one s", "x0")
    return [first, *(node("Exp", f"x{k}", f"x{k + 1}") for k in range(count))]


CASES: dict[str, dict[str, tuple[str, Make]]] = {
    "file": {
        "empty": ("SNC-I010", writes(b"")),
        "text": ("SNC-I010", writes(b"hello, world\n" * 99)),
        "zeros": ("SNC-I010", writes(bytes(10_000))),
        "ones": ("SNC-I010", writes(b"\xff" * 10_000)),
        "png": ("SNC-I010", writes(b"\x89PNG\r\n\x1a\n" + bytes(99))),
        "folder": ("SNC-I010", lambda path: path.mkdir()),
        "pipe": ("SNC-I010", lambda path: os.mkfifo(path)),
        "no graph": ("SNC-I010", changed(lambda m: m.ClearField("graph"))),
        "no version": ("SNC-I010", changed(lambda m: m.ClearField("ir_version"))),
        "huge, sparse": (
            "SNC-I017",
            lambda path: (path.write_bytes(b"x"), os.truncate(path, 1 << 40)),
        ),
        "deep groups": ("SNC-I010", writes(b"\x08\x08" + b"\xe3\x3f" * 100_000)),
        "deep messages": ("SNC-I010", writes(nested_deeper(5000))),
        "a million nodes": ("SNC-I017", repeated(b"\x0a\x00", 1_000_000)),
        "twenty million nodes": ("SNC-I010", repeated(b"\x0a\x00", 20_000_000)),
        "a million tensors": ("SNC-I011", repeated(b"\x2a\x00", 1_000_000)),
        "a million inputs": ("SNC-I011", repeated(b"\x5a\x00", 1_000_000)),
        "twenty million inputs": ("SNC-I010", repeated(b"\x5a\x00", 20_000_000)),
        "four million notes": ("SNC-I017", repeated(b"\x6a\x00", 4_000_000)),
        "a node of many inputs": (
            "SNC-I017",
            repeated(b"\x0a\x00", 3_000_000, in_node=True),
        ),
        "a node of many attributes": (
            "SNC-I010",
            repeated(b"\x2a\x00", 3_000_000, in_node=True),
        ),
    },
    "structure": {
        "no outputs": ("SNC-I011", changed(lambda m: m.graph.ClearField("output"))),
        "no inputs": ("SNC-I013", changed(lambda m: m.graph.ClearField("input"))),
        "no nodes": ("SNC-I013", changed(lambda m: m.graph.ClearField("node"))),
        "backwards": ("SNC-I013", changed(lambda m: reverse(m.graph.node))),
        "a cycle": ("SNC-I013", nodes(node("Add", "x b", "a"), node("Add", "x a", "b"))),
        "itself": ("SNC-I013", nodes(node("Add", "x y", "y"))),
        "output of nothing": ("SNC-I013", nodes(node("Add", "x x", "z"))),
        "made twice": ("SNC-I011", nodes(node("Neg", "x"), node("Abs", "x"))),
        "made as an input": ("SNC-I011", nodes(node("Neg", "x", "x"))),
        "input twice": ("SNC-I011", changed(lambda m: m.graph.input.append(m.graph.input[0]))),
        "initializer twice": (
            "SNC-I011",
            changed(lambda m: m.graph.initializer.append(m.graph.initializer[0])),
        ),
        "attribute twice": (
            "SNC-I011",
            changed(lambda m: m.graph.node[0].attribute.append(m.graph.node[0].attribute[0])),
        ),
        "function twice": ("SNC-I011", changed(lambda m: m.functions.append(m.functions[0]))),
        "no opset": ("SNC-I012", changed(lambda m: m.ClearField("opset_import"))),
        "opset 6": ("SNC-I012", changed(lambda m: setattr(m.opset_import[0], "version", 6))),
        "opset 10^9": ("SNC-I012", changed(lambda m: setattr(m.opset_import[0], "version", HUGE))),
        "unknown operator": ("SNC-I012", nodes(node("Fancy", "x"))),
        "unknown domain": ("SNC-I012", nodes(node("Neg", "x", domain="com.example"))),
        "no operator": ("SNC-I012", nodes(node("", "x"))),
        "attribute of no type": (
            "SNC-I012",
            changed(lambda m: setattr(m.graph.node[0].attribute[0], "type", 0)),
        ),
        "attribute of another type": (
            "SNC-I011",
            changed(lambda m: setattr(m.graph.node[0].attribute[0], "type", AttributeProto.FLOAT)),
        ),
        "sparse": ("SNC-I012", changed(lambda m: m.graph.sparse_initializer.add())),
        "too few outputs": ("SNC-I011", nodes(node("Neg", "x", "y z"))),
        "too few inputs": ("SNC-I011", nodes(node("Add", "x"))),
        "no inputs to add": ("SNC-I011", nodes(node("Sum", ""))),
        "deep branches": ("SNC-I017", nodes(nested(20), true=np.array(True))),
        "deeper branches": ("SNC-I010", writes(nested_deeper(40))),
        "reference without a function": (
            "SNC-I011",
            changed(lambda m: setattr(m.graph.node[3].attribute[0], "ref_attr_name", "a")),
        ),
    },
    "names": {
        "control": ("SNC-I011", changed(lambda m: setattr(m.graph.output[0], "name", "a\x1b[31m"))),
        "line": ("SNC-I011", changed(lambda m: setattr(m.graph.input[0], "name", "a\nb"))),
        "empty": ("SNC-I011", changed(lambda m: setattr(m.graph.input[0], "name", ""))),
        "long": ("SNC-I011", changed(lambda m: setattr(m.graph.input[0], "name", "x" * 10**6))),
        "a node's": ("SNC-I012", nodes(node("Fancy", "x", name="\x1b[31m" * 10**5))),
        "an operator's": ("SNC-I012", nodes(node("\x1b[31m" * 10**5, "x"))),
        "many slashes": ("ok", nodes(node("Neg", "x", name="/" * 10**6))),
        "modules": ("ok", nodes(*chain("Add", 3000, doc_string="x"))),
        "brackets": (
            "ok",
            changed(lambda m: setattr(m.graph.node[5].metadata_props[0], "value", "[" * 10**6)),
        ),
        "quotes": (
            "ok",
            changed(lambda m: setattr(m.graph.node[5].metadata_props[0], "value", "'" * 10**6)),
        ),
    },
    "tensors": {
        "huge": ("SNC-I017", tensor(dims(HUGE, HUGE))),
        "larger": ("SNC-I011", tensor(dims(3, 1, 3, 300))),
        "smaller": ("SNC-I011", tensor(dims(3, 1, 3, 2))),
        "negative": ("SNC-I011", tensor(dims(-3, -9))),
        "of 10^18": ("SNC-I017", tensor(dims(2**62, 4))),
        "33 axes": ("SNC-I011", tensor(dims(27, *[1] * 32))),
        "a million axes": ("SNC-I011", tensor(dims(27, *[1] * 1_000_000))),
        "zero": ("SNC-I011", tensor(dims(0, HUGE))),
        "type 99": ("SNC-I012", tensor(lambda t: setattr(t, "data_type", 99))),
        "type of text": ("SNC-I012", tensor(lambda t: setattr(t, "data_type", 8))),
        "type of 16 bits": ("SNC-I012", tensor(lambda t: setattr(t, "data_type", 16))),
        "another type": ("SNC-I011", tensor(lambda t: setattr(t, "data_type", 11))),
        "no data": ("SNC-I011", tensor(lambda t: t.ClearField("raw_data"))),
        "segment": ("SNC-I012", tensor(lambda t: t.segment.SetInParent())),
        "nan": ("SNC-I015", tensor(lambda t: setattr(t, "raw_data", b"\xff" * 108))),
        "infinity": (
            "SNC-I015",
            tensor(lambda t: setattr(t, "raw_data", b"\0\0\x80\x7f" * 27)),
        ),
        "nan in a node": ("SNC-I015", nodes(node("Constant", value=nan_tensor()))),
        "nan as an attribute": ("SNC-I015", nodes(node("Constant", value_float=float("nan")))),
    },
    "files beside": {
        "absolute": ("SNC-I020", external("/etc/passwd", 0, 108)),
        "above": ("SNC-I020", external("../../../etc/passwd", 0, 108)),
        "hidden above": ("SNC-I020", external("a/../../b", 0, 108)),
        "a link": ("SNC-I020", linked),
        "no place": ("SNC-I020", external("")),
        "zero byte": ("SNC-I020", external("a\0b")),
        "missing": ("SNC-I010", external("weights.bin", 0, 108)),
        "long": ("SNC-I010", external("x" * 100_000, 0, 108)),
        "a folder": ("SNC-I020", external(".", 0, 108)),
        "short": ("SNC-I011", lambda path: beside_of(path, b"x" * 107, external("w", 0))),
        "negative": ("SNC-I011", lambda path: beside_of(path, bytes(200), external("w", -4))),
        "offset": ("SNC-I011", lambda path: beside_of(path, bytes(200), external("w", 150))),
        "length": ("SNC-I011", lambda path: beside_of(path, bytes(200), external("w", 0, 4))),
        "whole": ("ok", lambda path: beside_of(path, bytes(200), external("w", 64, 108))),
        "pipe": (
            "SNC-I010",
            lambda path: (os.mkfifo(path.parent / "pipe"), external("pipe")(path)),
        ),
    },
    "inputs": {
        "huge": ("SNC-I017", changed(shape(HUGE, 1, 4, 4))),
        "negative": ("SNC-I014", changed(shape(-1, 1, 4, 4))),
        "zero": ("SNC-I014", changed(shape(0, 1, 4, 4))),
        "another": ("SNC-I014", changed(shape(12, 2, 4, 4))),
        "no axes": ("SNC-I014", changed(shape())),
        "40 axes": ("SNC-I017", changed(shape(*[1] * 40))),
        "no shape": (
            "SNC-I014",
            changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
        ),
        "no type": ("SNC-I012", changed(lambda m: m.graph.input[0].ClearField("type"))),
        "sequence": (
            "SNC-I012",
            changed(lambda m: m.graph.input[0].type.sequence_type.SetInParent()),
        ),
    },
    "sizes": {
        "reshape": ("SNC-I014", shape_node("Reshape", s=whole(HUGE, HUGE))),
        "reshape, negative": ("SNC-I014", shape_node("Reshape", s=whole(-2, -3))),
        "reshape, two": ("SNC-I014", shape_node("Reshape", s=whole(-1, -1))),
        "reshape, many axes": ("SNC-I017", shape_node("Reshape", s=whole(6, *[1] * 99))),
        "expand": ("SNC-I014", shape_node("Expand", s=whole(HUGE, 2, 3))),
        "expand, much": ("ok", shape_node("Expand", s=whole(1 << 20, 2, 3))),
        "tile": ("SNC-I017", shape_node("Tile", s=whole(HUGE, HUGE))),
        "tile, zero": ("SNC-I014", shape_node("Tile", s=whole(0, 1))),
        "constant": ("SNC-I017", shape_node("ConstantOfShape", s=whole(HUGE, HUGE))),
        "constant, negative": ("SNC-I014", shape_node("ConstantOfShape", s=whole(-1, HUGE))),
        "range": (
            "SNC-I017",
            nodes(node("Range", "a b c"), a=np.array(0), b=np.array(2**62), c=np.array(1)),
        ),
        "range, tiny": (
            "SNC-I017",
            nodes(
                node("Range", "a b c"),
                a=np.float32(0),
                b=np.float32(1e38),
                c=np.float32(1e-38),
            ),
        ),
        "pad": ("SNC-I017", shape_node("Pad", s=whole(HUGE, 0, 0, HUGE))),
        "pad, negative": ("SNC-I014", shape_node("Pad", s=whole(-HUGE, 0, 0, 0))),
        "unsqueeze": ("SNC-I017", shape_node("Unsqueeze", s=whole(*range(99)))),
        "a shape of a million": ("SNC-I017", shape_node("Reshape", s=np.ones(10**6, np.int64))),
        "indices": ("SNC-I014", shape_node("Gather", i=whole(HUGE))),
        "many indices": ("SNC-I017", shape_node("Gather", i=np.zeros(2_000_000, np.int64))),
        "split": ("SNC-I014", nodes(node("Split", "x s"), s=whole(HUGE))),
        "slice of much": (
            "SNC-I017",
            nodes(
                node("Slice", "x a b"),
                x=np.broadcast_to(np.float32(0), (1 << 25,)),
                a=whole(1),
                b=whole(HUGE),
            ),
        ),
        "window": ("SNC-I014", window(kernel_shape=[HUGE])),
        "window of zero": (
            "SNC-I014",
            window(kernel_shape=[0]),
        ),
        "no window": ("SNC-I014", window()),
        "padding": (
            "SNC-I017",
            window(kernel_shape=[1], pads=[HUGE, HUGE]),
        ),
        "axis": ("SNC-I014", nodes(node("Flatten", "x", axis=-HUGE))),
        "division by zero": (
            "SNC-I015",
            nodes(node("Div", "x z"), x=np.array([1, 2]), z=np.array([1, 0])),
        ),
    },
    "work": {
        "doubling": ("SNC-I017", nodes(*chain("Concat", 40, axis=0))),
        "doubling a constant": (
            "SNC-I017",
            save(model(chain("Concat", 40, axis=0), tensors={"x": X})),
        ),
        "adding": ("ok", nodes(*chain("Add", 20_000))),
        "multiplying a constant": (
            "ok",
            save(model(chain("Mul", 3000), tensors={"x": np.ones((30, 30), np.float32)})),
        ),
        "outer sums": (
            "SNC-I017",
            save(
                model(
                    [node("Transpose", "x", "t"), node("Add", "x t")],
                    tensors={"x": np.ones((1, 100_000), np.float32)},
                )
            ),
        ),
        "outer products": (
            "SNC-I017",
            save(
                model(
                    [node("Transpose", "x", "t"), node("MatMul", "t x")],
                    tensors={"x": np.ones((1, 100_000), np.float32)},
                )
            ),
        ),
        "large products": (
            "SNC-I017",
            save(
                model(
                    [
                        node("Expand", "one s", "x"),
                        *chain("MatMul", 400),
                    ],
                    tensors={"one": np.float32(0), "s": whole(2000, 2000)},
                )
            ),
        ),
        "products of integers": (
            "SNC-I017",
            save(
                model(
                    [node("Expand", "one s", "x"), *chain("MatMul", 4)],
                    tensors={"one": np.array(0), "s": whole(1500, 1500)},
                )
            ),
        ),
        "large constants": (
            "SNC-I017",
            save(
                model(
                    exponentials(4000),
                    outputs=["x4000"],
                    tensors={"one": np.float32(0), "s": whole(4_000_000)},
                )
            ),
        ),
        "large sums": (
            "SNC-I017",
            save(
                model(
                    [
                        node("Expand", "one s", "x"),
                        *(node("ReduceSum", "x", f"r{k}") for k in range(10_000)),
                        node("Identity", "r9"),
                    ],
                    tensors={"one": np.float32(0), "s": whole(4_000_000)},
                )
            ),
        ),
        "many slices": (
            "SNC-I017",
            save(
                model(
                    [node("Slice", f"x s{k % 7} e", f"y{k}") for k in range(5000)],
                    {"x": wide(1 << 20)},
                    ["y9"],
                    {f"s{k}": whole(k + 1) for k in range(7)} | {"e": whole(HUGE)},
                )
            ),
        ),
        "parts of parts": (
            "ok",
            save(
                model(
                    [
                        node("Slice", "x one two", "p"),
                        node("Concat", ["p"] * 60_000, "w", axis=0),
                        *(node("Gather", f"w i{k % 9}", f"y{k}", axis=0) for k in range(10_000)),
                    ],
                    {"x": floats(4, 2)},
                    ["y77"],
                    {f"i{k}": np.array(k * 999) for k in range(9)}
                    | {"one": whole(1), "two": whole(2)},
                )
            ),
        ),
        "reshapes of casts": (
            "SNC-I017",
            save(model(casts(5000), {"x": X}, tensors={"s": whole(6)})),
        ),
        "compared with a constant": (
            "ok",
            save(
                model(
                    [
                        node("Expand", "one s", "c"),
                        *(node("Mul", f"x{k} c" if k else "x c", f"x{k + 1}") for k in range(9000)),
                    ],
                    {"x": wide(4_000_000)},
                    ["x9000"],
                    {"one": np.float32(2), "s": whole(4_000_000)},
                )
            ),
        ),
    },
}


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


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed."""
    mutant = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(mutant))
        if rng.random() < 0.5:
            mutant[at] ^= 1 << rng.randrange(8)
        else:
            width = rng.choice([1, 2, 4, 8])
            value = rng.choice([0, 1, 2 ** (8 * width) - 1, rng.randrange(2 ** (8 * width))])
            mutant[at : at + width] = value.to_bytes(width, "little")
    if rng.random() < 0.2:
        at, size = rng.randrange(len(mutant)), rng.randrange(64)
        mutant[at : at + size] = mutant[rng.randrange(len(mutant)) :][:size]
    return bytes(mutant)


NUMBERS = [0, 1, -1, 2, 3, 7, 31, 255, 2**31 - 1, -(2**31), 2**62, -(2**63), HUGE]


def edited(proto: ModelProto, rng: random.Random) -> ModelProto:
    """A few fields of any message changed, which leaves a file that decodes."""
    mutant = ModelProto()
    mutant.CopyFrom(proto)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        messages = list(all_messages(mutant))
        texts = [v for m in messages for f, v in m.ListFields() if isinstance(v, str)]
        message = rng.choice(messages)
        fields = message.ListFields()
        if not fields:
            continue
        field, value = rng.choice(fields)
        if field.is_repeated:
            edit_list(value, field, messages, rng)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, scalar(field, texts, rng))
    return mutant


def all_messages(message: Any) -> Any:
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                yield from all_messages(inner)


def edit_list(values: Any, field: Any, messages: list[Any], rng: random.Random) -> None:
    action = rng.choice(["remove", "repeat", "swap", "change", "clear"])
    if action == "clear":
        del values[:]
    elif action == "remove":
        del values[rng.randrange(len(values))]
    elif action == "repeat":
        values.append(rng.choice(list(values)))
    elif action == "swap":
        given = list(values)
        rng.shuffle(given)
        del values[:]
        values.extend(given)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        kind = type(values[0])
        others = [message for message in messages if isinstance(message, kind)]
        copy = kind()
        copy.CopyFrom(rng.choice(others))
        values[rng.randrange(len(values))].CopyFrom(copy)
    else:
        values[rng.randrange(len(values))] = scalar(field, [str(v) for v in values], rng)


def scalar(field: Any, texts: list[str], rng: random.Random) -> Any:
    kind = field.type
    if kind == FieldDescriptor.TYPE_STRING:
        return rng.choice([*texts, "", "x", "\x1b", "ä" * 300])
    if kind == FieldDescriptor.TYPE_BYTES:
        return rng.choice([b"", b"\xff" * 9, bytes(108), b"SAME_UPPER"])
    if kind in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice([0.0, -1.0, 1e30, float("nan"), float("inf"), 1e-40])
    if kind == FieldDescriptor.TYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    width = 31 if kind in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32) else 63
    low = 0 if kind in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64) else -(2**width)
    return rng.choice([number for number in NUMBERS if low <= number < 2**width])


def mutants(proto: ModelProto, folder: Path, count: int, seed: str) -> Counter[str]:
    """Half with bytes changed, half with fields. The outcomes of reading them."""
    folder.mkdir(exist_ok=True)
    data = proto.SerializeToString()
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        mutant = flipped(data, rng) if number % 2 else edited(proto, rng).SerializeToString()
        (folder / f"{number:05}.onnx").write_bytes(mutant)
    results = load_all("onnx", folder)
    assert len(results) == count
    found = Counter(results.values())
    bad = {name: text for name, text in results.items() if not text.startswith(("ok", "SNC-I"))}
    assert not bad, bad
    return found


def test_mutants(tmp_path: Path) -> None:
    """Every one is read or refused; many thousands more were run when this was written."""
    found = mutants(ordinary(), tmp_path / "m", 400, "m")
    # both happen, or the mutants would be too mild or too wild to show anything
    assert found["ok"] > 20
    assert len(found) > 5
