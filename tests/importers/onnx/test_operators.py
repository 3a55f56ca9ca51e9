"""Every operator against the reference implementation of the onnx package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto
from onnx.reference import ReferenceEvaluator

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.onnx.operators import OPERATORS
from tests.importers.onnx.build import model, node, read, run
from tests.importers.onnx.operator_cases import CASES, Case, Fixed, X, array_of


def by_runtime(proto: ModelProto, inputs: dict[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return list(session.run(None, inputs))


def check(given: Case, folder: Path, *, constant: bool) -> None:
    """The node with inputs as inputs, or all as initializers and folded."""
    names = [f"x{k}" if v is not None else "" for k, v in enumerate(given.inputs)]
    inputs, tensors = {}, {}
    for name, value in zip(names, given.inputs, strict=True):
        if value is not None:
            fixed = constant or isinstance(value, Fixed)
            (tensors if fixed else inputs)[name] = array_of(value)
    outputs = [f"y{k}" for k in range(given.outputs)]
    proto = model(
        [node(given.op, names, outputs, **given.attributes)],
        inputs,
        outputs,
        tensors,
        opset=given.opset,
    )
    if given.by_runtime:
        expected = by_runtime(proto, inputs)
    else:
        expected = ReferenceEvaluator(proto).run(None, inputs)
    found = run(proto, folder, inputs)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        b = np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if given.error and a.dtype.kind == "f":
            assert np.abs(a - b).max() <= given.error * np.abs(b).max()
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("constant", [False, True], ids=["", "constant"])
@pytest.mark.parametrize("given", CASES, ids=lambda c: c.label)
def test_operator(given: Case, constant: bool, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):
        check(given, tmp_path, constant=constant)


def test_every_operator_has_a_case() -> None:
    others = {"Scan", "Loop", "If", "QuantizeLinear", "DequantizeLinear", "NonZero", "ScatterND"}
    refused = {"GatherND", "GatherElements", "ScatterElements"}
    assert {c.op for c in CASES} | others | refused == set(OPERATORS)


@pytest.mark.parametrize("form", ["plus minus", "minus plus"])
def test_a_spike_with_a_soft_derivative_is_a_spike(form: str, tmp_path: Path) -> None:
    first, second = ("Add", "Sub") if form == "plus minus" else ("Sub", "Add")
    nodes = [
        node("Greater", "x zero", "above"),
        node("Cast", "above", "hard", to=TensorProto.FLOAT),
        node("Sigmoid", "x", "soft"),
        node(first, "hard soft", "both"),
        node(second, "both soft"),
    ]
    proto = model(nodes, {"x": X}, tensors={"zero": np.float32(0)})
    (found,) = run(proto, tmp_path, {"x": X})
    np.testing.assert_array_equal(found, (X > 0).astype(np.float32))


def test_truncation_is_one_operation(tmp_path: Path) -> None:
    nodes = [
        node("Abs", "x", "a"),
        node("Floor", "a", "f"),
        node("Sign", "x", "s"),
        node("Mul", "f s"),
    ]
    found = read(model(nodes, {"x": X}), tmp_path).outputs["y"]
    assert found.op == "trunc"
    (array,) = run(model(nodes, {"x": X}), tmp_path, {"x": X})
    np.testing.assert_array_equal(array, np.trunc(X))


# --- refusals


REFUSED = {
    "text": (node("Constant", value_string="x"), "text is not supported"),
    "training": (node("Dropout", "x ratio true"), "training"),
    "pad": (node("Pad", "x pads", mode="reflect"), "mode 'reflect'"),
    "norm": (node("LpPool", "x", kernel_shape=[2], p=2), "norm of order 2"),
    "indices": (node("MaxPool", "x", "y places", kernel_shape=[2]), "output beyond the first"),
    "einsum": (node("Einsum", "x", equation="...i->i"), "equation"),
    "mod": (node("Mod", "x third", fmod=1), "power of two"),
    "index": (node("Gather", "x n"), "index that is not constant"),
    "shape": (node("Reshape", "x n"), "shape that is not constant"),
    "attribute": (node("Relu", "x", slope=2), "'slope'"),
    "scatter": (node("ScatterND", "x i x"), "places of a mask"),
}


@pytest.mark.parametrize("label", REFUSED)
def test_refusals(label: str, tmp_path: Path) -> None:
    refused, text = REFUSED[label]
    tensors = {
        "ratio": np.float32(0.5),
        "true": np.array(True),
        "pads": np.array([0, 0, 1, 0, 0, 1]),
        "third": np.float32(1 / 3),
        "i": np.array([[0]]),
    }
    proto = model([refused], {"x": X, "n": np.array([1])}, tensors=tensors)
    with pytest.raises(SnnccError) as found:
        read(proto, tmp_path)
    assert found.value.code == "SNC-I012"
    assert text in str(found.value)
