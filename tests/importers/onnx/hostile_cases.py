"""Damaged and hostile files, and the code of the error that each gives."""

from __future__ import annotations

import os

import numpy as np
from onnx import AttributeProto

from tests.importers.onnx.build import floats, model, node
from tests.importers.onnx.damage import (
    HUGE,
    Make,
    X,
    beside_of,
    casts,
    chain,
    changed,
    dims,
    exponentials,
    external,
    linked,
    nan_tensor,
    nested,
    nested_deeper,
    nodes,
    repeated,
    reverse,
    save,
    shape,
    shape_node,
    tensor,
    whole,
    wide,
    window,
    writes,
)

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
