"""Quantized activations and weights, against the reference implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.importers.onnx.build import floats, model, node, read, run, whole

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
