"""QuantizeLinear and DequantizeLinear in networks, against onnxruntime; grids of weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")

from onnx import ModelProto, TensorProto, helper

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.grids import Grid, read_grid
from snncc.network import Network
from tests.exporters.onnx.runtime import Session
from tests.importers.onnx.build import floats, model, node, whole

STEPS, BATCH = 9, 3
SHAPE = (4, 6)


def load(proto: ModelProto, folder: Path, **options: Any) -> Network:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return snncc.load(path, **options)


def stream(scale: float) -> Array:
    """Halves of steps, what lies between them and what lies far outside."""
    x = floats(STEPS, BATCH, *SHAPE) * np.float32(9 * scale)
    x[1] = (whole(BATCH, *SHAPE, low=-99, high=99) + np.float32(0.5)) * np.float32(scale)
    x[2] *= 1e5
    return x


def zeros(dtype: Any, *, four: bool, channels: bool) -> Array | TensorProto:
    numbers = [3, 0, 7, 1] if channels else [5]
    if not four:
        return np.array(numbers if channels else 5, dtype)
    kind = TensorProto.INT4 if np.dtype(dtype).kind == "i" else TensorProto.UINT4
    return helper.make_tensor("z", kind, [4] if channels else [], numbers)


@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int4", "uint4"], ids=lambda name: name
)
def test_streams_have_the_bits_of_onnxruntime(dtype: str, channels: bool, tmp_path: Path) -> None:
    four = dtype.endswith("int4")
    base = dtype.replace("int4", "int8")
    scale = np.float32([0.07, 0.5, 1 / 3, 0.01]) if channels else np.float32(0.07)
    proto = model(
        [
            node("QuantizeLinear", "x s z", "q", axis=1),
            node("DequantizeLinear", "q s z", "y", axis=1),
        ],
        {"x": np.zeros((BATCH, *SHAPE), np.float32)},
        tensors={"s": scale, "z": zeros(base, four=four, channels=channels)},
        opset=21,
    )
    x = stream(0.07)
    network = load(proto, tmp_path)
    session = Session(proto)
    wanted = np.stack([session({"x": step})["y"] for step in x])
    np.testing.assert_array_equal(network.run(x)["y"], wanted)


def test_pools_between_the_two(tmp_path: Path) -> None:
    proto = model(
        [
            node("QuantizeLinear", "x s z", "q"),
            node("Reshape", "q shape", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1]),
            node("DequantizeLinear", "t s z", "y"),
        ],
        {"x": np.zeros((BATCH, *SHAPE), np.float32)},
        tensors={"s": np.float32(0.3), "z": np.uint8(9), "shape": np.int64([-1, 3, 8])},
        opset=21,
    )
    x, session = stream(0.3), Session(proto)
    wanted = np.stack([session({"x": step})["y"] for step in x])
    np.testing.assert_array_equal(load(proto, tmp_path).run(x)["y"], wanted)


# --- weights


INPUTS, OUTPUTS = 10, 4
KINDS = {
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int4": TensorProto.INT4,
    "uint4": TensorProto.UINT4,
}


def layer(dtype: str, *, channels: bool, zero: int, transposed: bool = False) -> ModelProto:
    """One step of x -> W x -> an integrate-and-fire neuron; W is stored as integers."""
    bits = int(dtype[-1])
    low = -(1 << (bits - 1)) if dtype[0] == "i" else 0
    shape = (INPUTS, OUTPUTS) if transposed else (OUTPUTS, INPUTS)
    integers = whole(*shape, low=low, high=low + (1 << bits), seed=1)
    scale = np.float32([0.1, 0.03, 0.25, 0.07]) * (16 / 2**bits) if channels else np.float32(0.03)
    count = [OUTPUTS] if channels else []
    tensors = {
        "w": helper.make_tensor("w", KINDS[dtype], shape, integers.reshape(-1).tolist()),
        "s": scale,
        "z": helper.make_tensor("z", KINDS[dtype], count, [zero] * (OUTPUTS if channels else 1)),
        "threshold": np.float32(1.7),
    }
    turn = [] if transposed else [node("Transpose", "wf", "wt")]
    return model(
        [
            node("DequantizeLinear", "w s z", "wf", axis=1 if transposed else 0),
            *turn,
            node("MatMul", "x wf" if transposed else "x wt", "i"),
            node("Add", "v i", "u"),
            node("Greater", "u threshold", "fires"),
            node("Cast", "fires", "y", to=TensorProto.FLOAT),
            node("Mul", "y threshold", "taken"),
            node("Sub", "u taken", "after"),
        ],
        {
            "x": np.zeros((BATCH, INPUTS), np.float32),
            "v": np.zeros((BATCH, OUTPUTS), np.float32),
        },
        ["y", "after"],
        tensors,
        opset=21,
    )


def weight_of(network: Network) -> tuple[Array, Grid]:
    op = next(op for op in network.op.body.block.ops if isinstance(op, snn.LinearOp))
    assert isinstance(op.weight.owner, snn.UseOp)
    grid = read_grid(op.weight.owner.declaration)
    assert grid is not None
    return parameter_array(op.weight.owner.declaration), grid


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize(
    ("dtype", "zero"), [("int8", 0), ("int4", 0), ("uint8", 128), ("uint4", 8)]
)
def test_stored_integers_are_the_weights(
    dtype: str, zero: int, channels: bool, transposed: bool, tmp_path: Path
) -> None:
    proto = layer(dtype, channels=channels, zero=zero, transposed=transposed)
    network = load(proto, tmp_path, states=["v"])
    weight, grid = weight_of(network)
    assert grid.bits == int(dtype[-1])
    (stored,) = (t for t in proto.graph.initializer if t.name == "w")
    from onnx import numpy_helper

    integers = numpy_helper.to_array(stored).astype(np.int64)
    integers = integers.T if transposed else integers
    np.testing.assert_array_equal(grid.whole(weight) + zero, integers)
    assert grid.scale.shape == ((OUTPUTS, 1) if channels else (1, 1))
    quantized = snncc.quantize(network, "qat", input_ranges={"x": (0.0, 1.0)})
    op = next(op for op in quantized.op.body.block.ops if isinstance(op, snn.LinearOp))
    assert isinstance(op.weight.owner, snn.UseOp)
    chosen = parameter_array(op.weight.owner.declaration).view(np.int8)
    np.testing.assert_array_equal(chosen, integers - zero)
    assert quantized.report.layers[0].bits == int(dtype[-1])
    assert quantized.report.layers[0].chosen == "as given"
    x = (np.random.default_rng(0).random((30, BATCH, INPUTS)) < 0.4).astype(np.float32)
    wanted, given = network.run(x)["y"], quantized.run(x)["y"]
    assert 0 < wanted.mean() < 0.98
    assert (wanted != given).mean() < 0.02  # currents are exact; thresholds are rounded
    np.testing.assert_array_equal(snncc.compile(quantized, prefix="q").run(x)["y"], given)


def test_what_eight_bits_do_not_hold_is_refused(tmp_path: Path) -> None:
    """A zero point moves the whole numbers out of their bytes."""
    network = load(layer("uint8", channels=False, zero=3), tmp_path, states=["v"])
    for weights in ("qat", "int8"):
        with pytest.raises(snncc.SnnccError) as found:
            snncc.quantize(network, weights, input_ranges={"x": (0.0, 1.0)})
        assert [problem.code for problem in found.value.problems] == ["SNC-Q006"]
        assert "9 bits" in str(found.value)
    name = found.value.problems[0].node
    assert name is not None
    with pytest.warns(snncc.SnnccWarning, match="SNC-W022"):
        again = snncc.quantize(
            network, "int8", layers={name: "int8"}, input_ranges={"x": (0.0, 1.0)}
        )
    assert again.report.layers[0].chosen != "as given"
