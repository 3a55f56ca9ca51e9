"""A case of every operator: inputs, attributes, and how near the result has to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from snncc.dialects.arrays import Array
from tests.importers.onnx.build import OPSET, floats, truths, whole


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
        shapes = "x".join(
            "-".join(map(str, array_of(i).shape)) for i in self.inputs if i is not None
        )
        return " ".join([f"{self.op}-{self.opset}", shapes, *texts])[:80]


def array_of(given: Any) -> Array:
    return np.asarray(given.array if isinstance(given, Fixed) else given)


def ints(*values: int) -> Fixed:
    return Fixed(np.array(values, np.int64))


def case(op: str, *inputs: Any, error: float = 0.0, opset: int = OPSET, **rest: Any) -> Case:
    outputs = rest.pop("outputs", 1)
    by_runtime = rest.pop("by_runtime", False)
    return Case(op, list(inputs), rest, opset, outputs, error, by_runtime)


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
