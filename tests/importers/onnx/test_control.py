"""Scans, loops, branches and functions, against the reference implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from snncc.errors import SnnccError
from tests.importers.onnx.build import OPSET, floats, graph, model, node, read, run
from tests.importers.onnx.operator_cases import X
from tests.importers.onnx.test_operators import by_runtime


def leaky(*names: str) -> list[Any]:
    """v' = 0.5 v + x; s = v' > 1; v'' = v' - s"""
    v, x = names
    return [
        node("Mul", [v, "half"], "decayed"),
        node("Add", ["decayed", x], "u"),
        node("Greater", "u one", "above"),
        node("Cast", "above", "s", to=TensorProto.FLOAT),
        node("Sub", "u s", "v_out"),
    ]


CONSTANTS = {"half": np.float32(0.5), "one": np.float32(1)}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scan_input_directions": [1]},
        {"scan_output_directions": [1]},
        {"scan_input_axes": [1], "scan_output_axes": [-1]},
    ],
    ids=str,
)
@pytest.mark.parametrize("opset", [9, 16, 21])
def test_scan(options: dict[str, Any], opset: int, tmp_path: Path) -> None:
    x = floats(2, 2, 3) if "scan_input_axes" in options else floats(5, 2, 3)
    inner = floats(2, 3)
    body = graph(leaky("v", "xt"), {"v": inner, "xt": inner}, ["v_out", "s"], name="body")
    scan = node("Scan", "v0 x", "v spikes", body=body, num_scan_inputs=1, **options)
    proto = model([scan], {"x": x, "v0": inner}, ["v", "spikes"], CONSTANTS, opset=opset)
    given = {"x": x, "v0": floats(2, 3, seed=4)}
    steps = np.moveaxis(x, options.get("scan_input_axes", [0])[0], 0)
    if options.get("scan_input_directions"):
        steps = steps[::-1]
    v, spikes = given["v0"], []
    for step in steps:
        u = np.float32(0.5) * v + step
        spikes.append((u > 1).astype(np.float32))
        v = u - spikes[-1]
    if options.get("scan_output_directions"):
        spikes = spikes[::-1]
    expected = np.stack(spikes, options.get("scan_output_axes", [0])[0])
    found = run(proto, tmp_path, given)
    np.testing.assert_array_equal(found[0], v)
    np.testing.assert_array_equal(found[1], expected)


def loop(stop: int | None, trips: int | None) -> Any:
    """Leaves the loop where its counter reaches `stop`."""
    inner = floats(2, 3)
    body = graph(
        [
            *leaky("v", "x"),
            node("Add", "i first", "next"),
            node("Less", "next stop", "going"),
        ],
        {"i": np.array(0), "cond": np.array(True), "v": inner},
        ["going", "v_out", "s"],
        name="body",
    )
    names = ["trips" if trips is not None else "", "true", "v0"]
    tensors = CONSTANTS | {"true": np.array(True), "first": np.array(1)}
    tensors["stop"] = np.array(99 if stop is None else stop)
    if trips is not None:
        tensors["trips"] = np.array(trips)
    return model(
        [node("Loop", names, "v spikes", body=body)],
        {"x": inner, "v0": inner},
        ["v", "spikes"],
        tensors,
    )


@pytest.mark.parametrize(("stop", "trips"), [(None, 4), (3, 10), (3, None)])
def test_loop(stop: int | None, trips: int | None, tmp_path: Path) -> None:
    proto = loop(stop, trips)
    given = {"x": floats(2, 3), "v0": floats(2, 3, seed=4)}
    for a, b in zip(run(proto, tmp_path, given), by_runtime(proto, given), strict=True):
        np.testing.assert_array_equal(a, b)


def test_loops_that_are_refused(tmp_path: Path) -> None:
    endless = loop(None, None)
    endless.graph.initializer[3].CopyFrom(endless.graph.initializer[3])
    del endless.graph.node[0].attribute[0].g.node[-1]
    endless.graph.node[0].attribute[0].g.output[0].name = "true"
    with pytest.raises(SnnccError, match="SNC-I017"):
        read(endless, tmp_path)
    huge = loop(1 << 40, 1 << 40)
    with pytest.raises(SnnccError, match="SNC-I017"):
        read(huge, tmp_path)
    body = graph(leaky("v", "x"), {"i": np.array(0), "c": np.array(True), "v": X}, ["c", "v_out"])
    proto = model(
        [node("Loop", ["trips", "", "x"], "y", body=body)],
        {"x": X, "trips": np.array(3)},
        tensors=CONSTANTS,
    )
    with pytest.raises(SnnccError, match=r"(?s)SNC-I012.*trip count that is not constant"):
        read(proto, tmp_path)


@pytest.mark.parametrize("condition", [False, True])
def test_branch(condition: bool, tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": graph([node(op, "x x", "z")], {}, ["z"], name=name)
        for name, op in (("then", "Add"), ("else", "Mul"))
    }
    nodes = [node("If", "c", "y", **branches)]
    proto = model(nodes, {"x": X}, tensors={"c": np.array(condition)})
    (found,) = run(proto, tmp_path, {"x": X})
    np.testing.assert_array_equal(found, X + X if condition else X * X)
    proto = model(nodes, {"x": X, "c": np.array(True)})
    with pytest.raises(SnnccError, match="condition that is not constant"):
        read(proto, tmp_path)


def function(name: str, inputs: str, nodes: list[Any], outputs: str = "y", **rest: Any) -> Any:
    return helper.make_function(
        "ai.snncc",
        name,
        inputs.split(),
        outputs.split(),
        nodes,
        [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.snncc", 1)],
        **rest,
    )


def referring(op: str, name: str, to: str, **kind: Any) -> Any:
    """A Constant whose value is the caller's attribute `to`."""
    constant = helper.make_node(op, [], [name])
    constant.attribute.add(name="value_float", type=1, ref_attr_name=to)
    return constant


def test_functions(tmp_path: Path) -> None:
    """Nested, with an attribute given, one by default, one handed on and one for the importer."""
    inner = function(
        "Leak",
        "v",
        [referring("Constant", "k", "decay"), node("Mul", "v k")],
        attributes=["decay"],
    )
    call = node("Leak", "v", "u", domain="ai.snncc")
    call.attribute.add(name="decay", type=1, ref_attr_name="beta")
    outer = function(
        "Cell",
        "x v",
        [
            call,
            referring("Constant", "t", "threshold"),
            node("Add", "u x", "w"),
            node("Sub", "w t"),
        ],
        attributes=["beta", "surrogate"],
        attribute_protos=[helper.make_attribute("threshold", 1.5)],
    )
    nodes = [
        node("Cell", "x v", "a", domain="ai.snncc", beta=0.5, surrogate="atan"),
        node("Cell", "x a", "y", domain="ai.snncc", beta=0.25, threshold=2.0),
    ]
    v = floats(2, 3, 4, seed=5)
    proto = model(nodes, {"x": X, "v": v}, functions=[inner, outer], domains=["ai.snncc"])
    (found,) = run(proto, tmp_path, {"x": X, "v": v})
    a = v * np.float32(0.5) + X - np.float32(1.5)
    np.testing.assert_array_equal(found, a * np.float32(0.25) + X - np.float32(2))


def test_function_in_a_scan(tmp_path: Path) -> None:
    cell = function(
        "Cell",
        "v x",
        [referring("Constant", "k", "beta"), node("Mul", "v k", "d"), node("Add", "d x")],
        attributes=["beta"],
    )
    inner = floats(2, 3)
    body = graph(
        [node("Cell", "v xt", "w", domain="ai.snncc", beta=0.5), node("Identity", "w", "out")],
        {"v": inner, "xt": inner},
        ["w", "out"],
    )
    proto = model(
        [node("Scan", "v0 x", "v y", body=body, num_scan_inputs=1)],
        {"x": floats(4, 2, 3), "v0": inner},
        functions=[cell],
        domains=["ai.snncc"],
    )
    given = {"x": floats(4, 2, 3), "v0": inner}
    (found,) = run(proto, tmp_path, given)
    v = inner
    for step, expected in enumerate(found):
        v = v * np.float32(0.5) + given["x"][step]
        np.testing.assert_array_equal(expected, v)


def test_recursive_functions(tmp_path: Path) -> None:
    itself = function("F", "x", [node("F", "x", "y", domain="ai.snncc")])
    proto = model(
        [node("F", "x", "y", domain="ai.snncc")], {"x": X}, functions=[itself], domains=["ai.snncc"]
    )
    with pytest.raises(SnnccError, match="SNC-I017"):
        read(proto, tmp_path)


def test_functions_that_grow(tmp_path: Path) -> None:
    """Each calls the one before it ten times."""
    functions = [function("F0", "x", [node("Neg", "x")])]
    for k in range(1, 12):
        nodes = [
            node(f"F{k - 1}", f"x{i}" if i else "x", f"x{i + 1}", domain="ai.snncc")
            for i in range(10)
        ]
        functions.append(function(f"F{k}", "x", nodes, "x10"))
    proto = model(
        [node("F11", "x", "y", domain="ai.snncc")],
        {"x": X},
        functions=functions,
        domains=["ai.snncc"],
    )
    with pytest.raises(SnnccError, match="SNC-I017"):
        read(proto, tmp_path)
