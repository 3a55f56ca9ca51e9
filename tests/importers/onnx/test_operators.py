"""Every operator against the reference implementation of the onnx package."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.onnx.operators import OPERATORS
from tests.importers.onnx.build import (
    OPSET,
    floats,
    graph,
    model,
    node,
    read,
    run,
    truths,
    whole,
)


@dataclass
class Fixed:
    """An input that is an initializer in all forms: shapes, axes, indices."""

    array: Array


@dataclass
class Case:
    """
    `error` is the largest difference, relative to the largest element; 0 asks for the same
    bits. The reference is wrong or fails for some old versions: these are compared with
    onnxruntime.
    """

    op: str
    inputs: list[Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = OPSET
    outputs: int = 1
    error: float = 0.0
    by_runtime: bool = False

    @property
    def label(self) -> str:
        texts = [f"{k}={v}" for k, v in self.attributes.items() if not hasattr(v, "dims")]
        shapes = "x".join("-".join(map(str, _array(i).shape)) for i in self.inputs if i is not None)
        return " ".join([f"{self.op}-{self.opset}", shapes, *texts])[:80]


def _array(given: Any) -> Array:
    return np.asarray(given.array if isinstance(given, Fixed) else given)


def ints(*values: int) -> Fixed:
    return Fixed(np.array(values, np.int64))


def case(op: str, *inputs: Any, error: float = 0.0, opset: int = OPSET, **rest: Any) -> Case:
    outputs = rest.pop("outputs", 1)
    by_runtime = rest.pop("by_runtime", False)
    return Case(op, list(inputs), rest, opset, outputs, error, by_runtime)


def by_runtime(proto: ModelProto, inputs: dict[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return list(session.run(None, inputs))


X = floats(2, 3, 4)
P = np.abs(X) + np.float32(0.1)
NEAR = 4e-7  # a function in double precision, rounded once, and one in single
SUMS = 2e-6  # sums in another order
IMAGE = floats(2, 4, 7, 6)
KERNEL = floats(6, 4, 3, 2, seed=1)
MIXED = whole(3, 4, seed=3)
DIVISORS = np.where(MIXED == 0, 3, MIXED)[::-1].copy()

ELEMENTWISE = [
    *(case(op, X) for op in ("Neg", "Abs", "Floor", "Ceil", "Round", "Sign", "Relu")),
    *(case(op, MIXED) for op in ("Neg", "Abs", "Sign")),
    *(case(op, X, error=NEAR) for op in ("Exp", "Tanh", "Sigmoid")),
    case("Round", np.float32([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997])),
    case("Log", P, error=NEAR),
    case("Sqrt", P),
    case("Reciprocal", P),
    case("LeakyRelu", X, alpha=0.3),
    case("LeakyRelu", X),
    case("HardSigmoid", X, alpha=0.3, beta=0.4),
    case("HardSigmoid", X),
    *(case(op, X, floats(3, 1, seed=1)) for op in ("Add", "Sub", "Mul", "Div")),
    *(case(op, MIXED, DIVISORS) for op in ("Add", "Sub", "Mul")),
    case("Div", np.abs(MIXED), np.abs(DIVISORS)),
    case("Div", MIXED, DIVISORS, by_runtime=True),
    case("Mod", MIXED, DIVISORS),
    case("Mod", MIXED, DIVISORS, fmod=1),
    case("Mod", MIXED.astype(np.uint8), DIVISORS.astype(np.uint8)),
    case("Mod", X, Fixed(np.float32(0.5)), fmod=1),
    case("Mod", X, Fixed(np.float32([-2, 1, 4, 0.25])), fmod=1),
    case("Pow", P, floats(4), error=NEAR),
    case("Pow", X, Fixed(np.float32(2))),
    case("Pow", X, Fixed(np.array(3, np.int64)), error=NEAR),
    case("Pow", MIXED, Fixed(np.array(2, np.int64))),
    *(
        case(op, floats(3, 4), floats(4, seed=0))
        for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
    ),
    *(
        case(op, MIXED, whole(4, seed=1))
        for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
    ),
    case("Greater", Fixed(np.float32(0)), X),
    case("LessOrEqual", Fixed(np.float32(0)), X),
    case("Equal", truths(3, 4), truths(4, seed=1)),
    *(case(op, truths(3, 4), truths(4, seed=1)) for op in ("And", "Or", "Xor")),
    case("Not", truths(3, 4)),
    case("Min", X, floats(4, seed=1), floats(3, 1, seed=2)),
    case("Max", X, floats(4, seed=1), floats(3, 1, seed=2)),
    case("Max", MIXED, whole(4, seed=1)),
    case("Sum", X, floats(4, seed=1), floats(3, 1, seed=2)),
    case("Sum", X),
    case("Mean", X, floats(2, 3, 4, seed=1), floats(2, 3, 4, seed=2), error=NEAR),
    case("Where", truths(3, 4), X, floats(4, seed=1)),
    case("Where", truths(3, 1), MIXED, whole(4, seed=1)),
    case("Where", Fixed(truths(3, 4)), X, floats(4, seed=1)),
    case("Clip", X, Fixed(np.float32(-1)), Fixed(np.float32(1.5))),
    case("Clip", X, None, Fixed(np.float32(1.5))),
    case("Clip", X, Fixed(np.float32(-1))),
    case("Clip", X),
    case("Clip", X, opset=7, min=-1.0, max=0.5),
    case("Clip", MIXED, Fixed(np.array(-1)), Fixed(np.array(2)), opset=13),
    *(
        case("Cast", X, to=kind)
        for kind in (TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.DOUBLE)
    ),
    case("Cast", truths(3, 4), to=TensorProto.FLOAT),
    case("Cast", MIXED, to=TensorProto.FLOAT),
    case("Cast", MIXED, to=TensorProto.INT8),
    case("CastLike", X, np.zeros(1, np.int32), opset=19),
    case("Identity", X),
    case("Dropout", X, opset=7, ratio=0.5),
    case("Dropout", X, Fixed(np.float32(0.5))),
    case("Dropout", X, Fixed(np.float32(0.5)), Fixed(np.array(False)), outputs=2),
]

SHAPES = [
    case("Reshape", X, ints(6, -1)),
    case("Reshape", X, ints(0, -1)),
    case("Reshape", X, ints(4, 0, 2)),
    case("Reshape", X, ints(2, 12), allowzero=1),
    *(case("Flatten", X, axis=axis) for axis in (0, 1, 2, 3, -1)),
    case("Flatten", X),
    case("Squeeze", floats(1, 3, 1), ints(0)),
    case("Squeeze", floats(1, 3, 1), ints(-1, 0)),
    case("Squeeze", floats(1, 3, 1)),
    case("Squeeze", floats(1, 3, 1), opset=11, axes=[0]),
    case("Unsqueeze", X, ints(0, -1)),
    case("Unsqueeze", X, ints(1)),
    case("Unsqueeze", X, opset=11, axes=[1, 3]),
    case("Transpose", X),
    case("Transpose", X, perm=[1, 0, 2]),
    case("Transpose", X, perm=[2, 0, 1]),
    case("Expand", floats(3, 1), ints(2, 1, 4)),
    case("Expand", floats(3, 4), ints(1, 4)),
    case("Expand", floats(1), ints(2, 3)),
    case("Tile", X, ints(2, 1, 3)),
    case("Tile", X, ints(1, 1, 1)),
    case("Slice", X, ints(1), ints(3), ints(1)),
    case("Slice", X, ints(0, -3), ints(99, -1), ints(0, 2)),
    case("Slice", X, ints(-1, 3), ints(-99, 0), ints(1, 2), ints(-1, -2)),
    case("Slice", X, ints(0, 1), ints(1, 2)),
    case("Slice", X, ints(2), ints(-(2**63)), ints(1), ints(-1)),
    case("Slice", X, opset=9, starts=[1, 0], ends=[3, -1], axes=[1, 2]),
    case("Slice", X, opset=9, starts=[1], ends=[2]),
    case("Gather", X, Fixed(np.array(1)), axis=1),
    case("Gather", X, Fixed(np.array(-1)), axis=2),
    case("Gather", X, ints(2, 0, 0), axis=-1),
    case("Gather", X, Fixed(np.array([[0, 1], [2, 0]])), axis=1),
    case("Gather", X, ints(1)),
    case("Split", floats(6, 2), outputs=3),
    case("Split", floats(6, 4), ints(1, 3), axis=1, outputs=2),
    case("Split", floats(6, 2), opset=11, split=[2, 4], outputs=2),
    case("Split", floats(7, 2), opset=18, num_outputs=3, outputs=3),
    case("Concat", X, floats(2, 1, 4), axis=1),
    case("Concat", X, X, floats(2, 3, 2, seed=3), axis=-1),
    case("Concat", ints(2), ints(), ints(3, 4), axis=0),
    case("Pad", X, ints(0, 1, 2, 0, 0, 1)),
    case("Pad", X, ints(0, 1, 2, 0, 0, 1), Fixed(np.float32(1.5))),
    case("Pad", X, ints(0, -1, 2, 0, 0, -2), by_runtime=True),
    case("Pad", X, ints(1, 2), Fixed(np.float32(2)), ints(2), opset=18),
    case("Pad", X, opset=7, pads=[0, 1, 0, 1, 0, 0], value=3.0),
    case("Shape", X),
    case("Shape", X, start=1),
    case("Shape", X, start=-2, end=-1),
    case("Shape", X, opset=13),
    case("Size", X),
    case("Range", Fixed(np.array(1)), Fixed(np.array(9)), Fixed(np.array(3))),
    case("Range", Fixed(np.float32(1)), Fixed(np.float32(-1)), Fixed(np.float32(-0.3)), error=NEAR),
    case("ConstantOfShape", ints(2, 3)),
    case("ConstantOfShape", ints(2, 3), value=helper.make_tensor("v", TensorProto.INT32, [1], [7])),
    case("Constant", value=helper.make_tensor("v", TensorProto.FLOAT, [2], [1, 2])),
    case("Constant", value_float=0.3),
    case("Constant", value_floats=[0.3, 0.5]),
    case("Constant", value_int=3),
    case("Constant", value_ints=[3, 4]),
    case("EyeLike", floats(3, 4)),
    case("EyeLike", floats(3, 4), k=-1, dtype=TensorProto.INT64),
]

WINDOWS = [
    ("", {}),
    ("strides", {"strides": [2, 1]}),
    ("pads", {"pads": [1, 0, 2, 1]}),
    ("dilations", {"dilations": [2, 3], "strides": [1, 2]}),
    ("upper", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("lower", {"auto_pad": "SAME_LOWER", "strides": [1, 2]}),
    ("valid", {"auto_pad": "VALID"}),
]

SUM_CASES = [
    case("Gemm", floats(3, 5), floats(5, 4), floats(4), error=SUMS),
    case("Gemm", floats(3, 5), floats(4, 5), transB=1, error=SUMS),
    case("Gemm", floats(3, 5), Fixed(floats(4, 5)), Fixed(floats(4)), transB=1, error=SUMS),
    case("Gemm", floats(5, 3), Fixed(floats(5, 4)), Fixed(floats(1, 4)), transA=1, error=SUMS),
    case("Gemm", floats(3, 5), Fixed(floats(5, 4)), Fixed(floats(3, 4)), error=SUMS),
    case("Gemm", floats(3, 5), Fixed(floats(5, 4)), Fixed(floats(3, 1)), error=SUMS),
    case("Gemm", floats(3, 5), Fixed(floats(5, 4)), Fixed(floats()), error=SUMS),
    case("Gemm", Fixed(floats(3, 5)), floats(5, 4), Fixed(floats(3, 1)), error=SUMS),
    case(
        "Gemm", floats(3, 5), Fixed(floats(5, 4)), Fixed(floats(4)), alpha=0.3, beta=2.0, error=SUMS
    ),
    case("MatMul", floats(3, 5), floats(5, 4), error=SUMS),
    case("MatMul", floats(2, 3, 5), Fixed(floats(5, 4)), error=SUMS),
    case("MatMul", Fixed(floats(4, 3)), floats(2, 3, 5), error=SUMS),
    case("MatMul", floats(2, 3, 5), floats(2, 5, 4), error=SUMS),
    case("MatMul", floats(5), floats(5, 4), error=SUMS),
    case("MatMul", floats(3, 5), floats(5), error=SUMS),
    case("MatMul", floats(5), floats(5), error=SUMS),
    *(
        case("Einsum", *inputs, equation=equation, error=SUMS)
        for equation, inputs in {
            "ab,bc->ac": [floats(3, 5), Fixed(floats(5, 4))],
            "ab, cb -> ac": [floats(3, 5), floats(4, 5)],
            "tbi,oi->tbo": [floats(2, 3, 5), Fixed(floats(4, 5))],
            "bij,bjk->bik": [floats(2, 3, 5), floats(2, 5, 4)],
            "bij,bjk->kbi": [floats(2, 3, 5), floats(2, 5, 4)],
            "ab,bc": [floats(3, 5), floats(5, 4)],
            "ij->ji": [floats(3, 5)],
            "ijk->ik": [floats(3, 5, 2)],
            "i,j->ij": [floats(3), floats(5)],
            "ij,ij->": [floats(3, 5), floats(3, 5, seed=1)],
            "ijk,j->k": [floats(3, 5, 2), floats(5)],
            "ab,ab->ab": [floats(3, 5), floats(3, 5, seed=1)],
        }.items()
    ),
    *(case("Conv", IMAGE, Fixed(KERNEL), error=SUMS, **given) for _, given in WINDOWS),
    case("Conv", IMAGE, Fixed(KERNEL), Fixed(floats(6)), kernel_shape=[3, 2], error=SUMS),
    case("Conv", IMAGE, KERNEL, floats(6), error=SUMS),
    case("Conv", IMAGE, Fixed(floats(6, 2, 3, 2)), group=2, error=SUMS),
    case("Conv", IMAGE, Fixed(floats(4, 1, 3, 2)), group=4, pads=[1, 1, 1, 1], error=SUMS),
    case("Conv", floats(2, 3, 9), Fixed(floats(5, 3, 4)), pads=[2, 1], error=SUMS),
    case("Conv", floats(1, 2, 4, 5, 4), Fixed(floats(3, 2, 2, 3, 2)), error=SUMS),
    *(
        case("MaxPool", IMAGE, kernel_shape=[3, 2], **given)
        for label, given in WINDOWS
        if label != "pads"
    ),
    case("MaxPool", IMAGE, kernel_shape=[3, 2], pads=[1, 0, 1, 1], by_runtime=True),
    case("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, opset=12),
    *(
        case("AveragePool", IMAGE, kernel_shape=[3, 2], opset=19, error=SUMS, **given)
        for label, given in WINDOWS
        if label not in ("pads",)
    ),
    *(
        case(
            "AveragePool",
            IMAGE,
            kernel_shape=[3, 2],
            pads=[1, 0, 1, 1],
            count_include_pad=count,
            error=SUMS,
        )
        for count in (0, 1)
    ),
    case("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], error=SUMS),
    case("AveragePool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, error=SUMS),
    case("AveragePool", floats(2, 3, 9), kernel_shape=[3], strides=[2], error=SUMS),
    case("LpPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], p=1, opset=18, error=SUMS),
    case("GlobalAveragePool", IMAGE, error=SUMS),
    case("GlobalMaxPool", IMAGE),
    *(
        case(
            "BatchNormalization",
            IMAGE,
            *(Fixed(v) for v in (floats(4), floats(4, seed=1), floats(4, seed=2))),
            Fixed(np.abs(floats(4, seed=3)) + np.float32(0.5)),
            epsilon=1e-3,
            opset=opset,
            error=SUMS,
            by_runtime=opset < 14,
        )
        for opset in (8, 9, 14, 17)
    ),
    *(
        case(op, X, *axes, error=SUMS, opset=opset, **given)
        for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
        for opset, axes, given in (
            (11, [], {"axes": [1]}),
            (11, [], {"axes": [0, -1], "keepdims": 0}),
            (11, [], {}),
            (18, [ints(1)], {}),
            (18, [ints(0, -1)], {"keepdims": 0}),
            (18, [], {"keepdims": 0}),
            (18, [], {"noop_with_empty_axes": 1}),
        )
    ),
    case("ReduceSum", MIXED, ints(0)),
]

CASES = [*ELEMENTWISE, *SHAPES, *SUM_CASES]


def check(given: Case, folder: Path, *, constant: bool) -> None:
    """The node with inputs as inputs, or all as initializers and folded."""
    names = [f"x{k}" if v is not None else "" for k, v in enumerate(given.inputs)]
    inputs, tensors = {}, {}
    for name, value in zip(names, given.inputs, strict=True):
        if value is not None:
            fixed = constant or isinstance(value, Fixed)
            (tensors if fixed else inputs)[name] = _array(value)
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


# --- loops, branches, functions


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


# --- masks


def masked(moves: list[Any], indices: str, *, count: str = "n") -> list[Any]:
    return [
        node("Greater", "x zero", "mask"),
        node("NonZero", "mask", "places"),
        *moves,
        node("Reshape", "mask flat", "line"),
        node("Cast", "line", "ones", to=TensorProto.INT64),
        node("ReduceSum", "ones", "n", keepdims=1),
        node("Expand", ["c", count], "cs"),
        node("ScatterND", ["data", indices, "cs"], "y"),
    ]


MOVES = {
    "transpose": ([node("Transpose", "places", "at", perm=[1, 0])], "at"),
    "gather": (
        [
            node("Gather", "places i0", "r0", axis=0),
            node("Gather", "places i1", "r1", axis=0),
            node("Unsqueeze", "r0 last", "k0"),
            node("Unsqueeze", "r1 last", "k1"),
            node("Concat", "k0 k1", "at", axis=-1),
        ],
        "at",
    ),
    "split": (
        [
            node("Split", "places", "p0 p1", axis=0),
            node("Squeeze", "p0 first", "r0"),
            node("Squeeze", "p1 first", "r1"),
            node("Unsqueeze", "r0 last", "k0"),
            node("Unsqueeze", "r1 last", "k1"),
            node("Concat", "k0 k1", "at", axis=1),
        ],
        "at",
    ),
}
MASK_TENSORS = {
    "zero": np.float32(0),
    "c": np.float32(0.75),
    "flat": np.array([-1]),
    "i0": np.array(0),
    "i1": np.array(1),
    "first": np.array([0]),
    "last": np.array([-1]),
}


@pytest.mark.parametrize("form", MOVES)
def test_masked_assignment(form: str, tmp_path: Path) -> None:
    given = {"x": floats(3, 4), "data": floats(3, 4, seed=1)}
    proto = model(masked(*MOVES[form]), given, tensors=MASK_TENSORS)
    (expected,) = ReferenceEvaluator(proto).run(None, given)
    (found,) = run(proto, tmp_path, given)
    np.testing.assert_array_equal(found, expected)


def test_masked_assignment_with_a_constant_mask(tmp_path: Path) -> None:
    """Also one that is false everywhere: the first step of an unrolled file."""
    for x in (floats(3, 4), -np.abs(floats(3, 4))):
        data = floats(3, 4, seed=1)
        proto = model(masked(*MOVES["transpose"]), {"data": data}, tensors=MASK_TENSORS | {"x": x})
        (found,) = run(proto, tmp_path, {"data": data})
        np.testing.assert_array_equal(found, np.where(x > 0, np.float32(0.75), data))


def test_other_uses_of_places(tmp_path: Path) -> None:
    x = floats(3, 4)
    uses = {
        "transposed twice": masked(
            [node("Transpose", "places", "p"), node("Transpose", "p", "at")], "at"
        ),
        "not moved": masked([], "places"),
        "swapped": masked(
            [
                *MOVES["gather"][0][:4],
                node("Concat", "k1 k0", "at", axis=-1),
            ],
            "at",
        ),
        "read": [node("NonZero", "x", "p"), node("GatherND", "x p", "y")],
        "output": [node("NonZero", "x", "y")],
        "arithmetic": [node("NonZero", "x", "p"), node("Add", "p p", "y")],
        "count of another": masked(
            [
                *MOVES["transpose"][0],
                node("Less", "x zero", "other"),
                node("Cast", "other", "o", to=TensorProto.INT64),
                node("ReduceSum", "o", "m", keepdims=1),
                node("Reshape", "m flat", "m1"),
            ],
            "at",
            count="m1",
        ),
    }
    for label, nodes in uses.items():
        proto = model(nodes, {"x": x, "data": x}, tensors=MASK_TENSORS)
        with pytest.raises(SnnccError) as found:
            read(proto, tmp_path)
        assert found.value.code == "SNC-I012", label


# --- quantization


SCALES = {"tensor": np.float32(0.07), "axis": np.float32([0.1, 0.03, 0.25])}
TYPES = [np.uint8, np.int8, np.uint16, np.int16]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", SCALES)
def test_quantized_activations(kind: str, dtype: Any, tmp_path: Path) -> None:
    scale = SCALES[kind]
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    zero = np.full(scale.shape, (low + high) // 2 + 3, dtype)
    x = floats(4, 3, 50) * 7
    x[0] *= 1e4  # over the range
    proto = model(
        [node("QuantizeLinear", "x s z", "q", axis=1), node("DequantizeLinear", "q s z", axis=1)],
        {"x": x},
        ["q", "y"],
        {"s": scale, "z": zero},
        opset=21,
    )
    for a, b in zip(
        run(proto, tmp_path, {"x": x}), ReferenceEvaluator(proto).run(None, {"x": x}), strict=True
    ):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_halves_are_rounded_to_even(tmp_path: Path) -> None:
    x = np.float32([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300])
    proto = model(
        [node("QuantizeLinear", "x s z")], {"x": x}, tensors={"s": np.float32(1), "z": np.int8(0)}
    )
    (found,) = run(proto, tmp_path, {"x": x})
    assert found.tolist() == [0, 2, 2, 0, -2, 127, -128]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
@pytest.mark.parametrize("kind", SCALES)
def test_quantized_weights(kind: str, dtype: Any, tmp_path: Path) -> None:
    integers = whole(3, 5, low=0 if dtype == np.uint8 else -99, high=100, dtype=dtype)
    scale = SCALES[kind]
    zero = np.full(scale.shape, 0 if dtype == np.int32 else 4, dtype)
    proto = model(
        [
            node("DequantizeLinear", "fc.weight_quantized s z", "w", axis=0),
            node("Transpose", "w", "wt"),
            node("MatMul", "x wt"),
        ],
        {"x": floats(2, 5)},
        ["y", "w"],
        {"fc.weight_quantized": integers, "s": scale, "z": zero},
        opset=21,
    )
    found = read(proto, tmp_path)
    expected = ReferenceEvaluator(proto).run(["w"], {"x": floats(2, 5)})[0]
    weight = found.outputs["w"]
    np.testing.assert_array_equal(weight.content, expected)
    assert weight.name == "fc.weight"
    used = found.outputs["y"].operands[1]
    assert used.name == "fc.weight"
    np.testing.assert_array_equal(used.content, expected)
    assert used.grid is not None
    assert weight.grid is not None
    np.testing.assert_array_equal(used.grid.whole(used.content) + 4 * (dtype != np.int32), integers)
    np.testing.assert_array_equal(weight.grid.scale.ravel(), scale.ravel())
    assert weight.grid.scale.shape == ((3, 1) if kind == "axis" else (1, 1))
    assert (weight.grid.zero_point == zero.ravel()[0]).all()
    assert weight.grid.bits == integers.dtype.itemsize * 8


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
@pytest.mark.parametrize("raw", [False, True])
def test_weights_of_four_bits(kind: int, raw: bool, tmp_path: Path) -> None:
    low = -8 if kind == TensorProto.INT4 else 0
    integers = whole(3, 5, low=low, high=low + 16)
    if raw:
        flat = np.append(integers.reshape(-1), 0).astype(np.uint8) & 15
        data = (flat[::2] | flat[1::2] << 4).tobytes()
        tensor = helper.make_tensor("w", kind, [3, 5], data, raw=True)
    else:
        tensor = helper.make_tensor("w", kind, [3, 5], integers.reshape(-1).tolist())
    proto = model(
        [node("DequantizeLinear", "w s")], tensors={"w": tensor, "s": np.float32(0.5)}, opset=21
    )
    found = read(proto, tmp_path)
    np.testing.assert_array_equal(found.outputs["y"].content, integers * np.float32(0.5))
    grid = found.outputs["y"].grid
    assert grid is not None
    assert grid.bits == 4


def test_activations_of_four_bits(tmp_path: Path) -> None:
    x = np.float32([-100, -8.2, 0.6, 7.4, 100])
    zero = helper.make_tensor("z", TensorProto.INT4, [], [1])
    proto = model(
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z")],
        {"x": x},
        tensors={"s": np.float32(1), "z": zero},
        opset=21,
    )
    (found,) = run(proto, tmp_path, {"x": x})
    assert found.tolist() == [-9, -8, 1, 6, 6]


def test_blocks_of_quantized_weights(tmp_path: Path) -> None:
    integers = whole(3, 6, dtype=np.int8)
    scale = np.abs(floats(3, 2)) + np.float32(0.1)
    proto = model(
        [node("DequantizeLinear", "w s", block_size=3, axis=1)],
        tensors={"w": integers, "s": scale},
        opset=21,
    )
    found = read(proto, tmp_path)
    np.testing.assert_array_equal(found.outputs["y"].content, integers * np.repeat(scale, 3, 1))


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
