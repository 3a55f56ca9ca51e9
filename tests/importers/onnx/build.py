"""Small ONNX models of tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from snncc.dialects.arrays import Array
from snncc.importers.graph.model import Model
from snncc.importers.onnx.importer import read_onnx
from tests.importers.graph.evaluate import evaluate

OPSET = 17


def node(
    op: str, inputs: str | Sequence[str] = "", outputs: str | Sequence[str] = "y", **attributes: Any
) -> NodeProto:
    """Names may stand in one text: `node("Add", "a b", "y")`."""
    inputs = inputs.split() if isinstance(inputs, str) else inputs
    outputs = outputs.split() if isinstance(outputs, str) else outputs
    return helper.make_node(op, inputs, outputs, **attributes)


def info(name: str, array: Array | None = None, shape: Any = None) -> onnx.ValueInfoProto:
    if array is None:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)


def graph(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Array] = {},
    outputs: Sequence[str] = ("y",),
    tensors: Mapping[str, Array | TensorProto] = {},
    name: str = "graph",
) -> GraphProto:
    """Inputs are given by arrays of their types and shapes."""
    return helper.make_graph(
        list(nodes),
        name,
        [info(key, array) for key, array in inputs.items()],
        [helper.make_empty_tensor_value_info(key) for key in outputs],
        [
            array if isinstance(array, TensorProto) else numpy_helper.from_array(array, key)
            for key, array in tensors.items()
        ],
    )


def model(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Array] = {},
    outputs: Sequence[str] = ("y",),
    tensors: Mapping[str, Array | TensorProto] = {},
    *,
    opset: int = OPSET,
    functions: Sequence[onnx.FunctionProto] = (),
    domains: Sequence[str] = (),
) -> ModelProto:
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(
        graph(nodes, inputs, outputs, tensors),
        opset_imports=opsets,
        functions=list(functions),
        ir_version=8 if opset <= 17 else 10,
    )


def read(proto: ModelProto, folder: Path, **options: Any) -> Model:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return read_onnx(path, **options)


def run(proto: ModelProto, folder: Path, inputs: Mapping[str, Array] = {}) -> list[Array]:
    return evaluate(list(read(proto, folder).outputs.values()), inputs)


def floats(*shape: int, seed: int = 0) -> Array:
    """Of both signs, some of them equal, some of them whole."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape) * 2
    return np.where(rng.random(shape) < 0.3, np.round(values), values).astype(np.float32)


def whole(*shape: int, low: int = -5, high: int = 6, seed: int = 0, dtype: Any = np.int64) -> Array:
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def truths(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(shape) < 0.5
