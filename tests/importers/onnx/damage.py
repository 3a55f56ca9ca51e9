"""Ways to damage a file, each of which makes one case."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

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
