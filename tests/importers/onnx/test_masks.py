"""Assignments through a mask: the forms that exporters give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from snncc.errors import SnnccError
from tests.importers.onnx.build import floats, model, node, read, run


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
