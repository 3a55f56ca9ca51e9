"""
Operators of ATen against NumPy, in the types and the order that torch computes in.

Arguments that are arrays become inputs of the graph, so that nothing is folded; with
`constant` they are constants, and everything is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value, cone
from snncc.importers.torch.aten import NOT_SUPPORTED, OPERATORS
from snncc.importers.torch.registry import call
from tests.importers.graph.evaluate import evaluate

RNG = np.random.default_rng(5)
F = np.float32


def normal(*shape: int) -> Array:
    return np.asarray(3 * RNG.normal(size=shape), F)


X, Y, ROW = normal(4, 7), normal(4, 7), normal(7)
IMAGE, BLOCK = normal(2, 3, 6, 8), normal(2, 3, 4, 5)
SPIKES = X > 0
KEPT = np.float32(0.9)
SCALAR = np.asarray(0.3, np.float64)


def applied(name: str, constant: bool = False, **arguments: Any) -> Any:
    """The operator's results as arrays (None where it gives none), and numbers."""
    graph = Graph()
    arrays: dict[str, Array] = {}

    def given(key: str, value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.dtype):
            array = np.asarray(value)
            if constant:
                return graph.constant(array)
            arrays[key] = array
            return graph.input(key, array.shape, array.dtype)
        if isinstance(value, list):
            return [given(f"{key}.{i}", part) for i, part in enumerate(value)]
        return value

    results = call(graph, f"aten.{name}", {k: given(k, v) for k, v in arguments.items()})
    listed = results if isinstance(results, list) else [results]
    values = [v for v in listed if isinstance(v, Value)]
    assert not constant or all(v.is_constant for v in values)
    found = dict(zip(values, evaluate(values, arrays), strict=True))
    out = [found[v] if isinstance(v, Value) else v for v in listed]
    return out if isinstance(results, list) else out[0]


def same(got: Any, wanted: Any) -> None:
    wanted = np.asarray(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_array_equal(got, wanted)


CASES: list[tuple[str, dict[str, Any], Any]] = [
    # arithmetic; a number takes the tensor's type
    ("add", {"self": X, "other": Y}, X + Y),
    ("add", {"self": X, "other": ROW}, X + ROW),
    ("add", {"self": X, "other": 0.1}, X + F(0.1)),
    ("add", {"self": X, "other": Y, "alpha": 0.7}, X + F(0.7) * Y),
    ("sub", {"self": X, "other": Y, "alpha": 2}, X - F(2) * Y),
    ("rsub", {"self": X, "other": 1}, 1 - X),
    ("rsub", {"self": X, "other": Y, "alpha": 3}, Y - F(3) * X),
    ("mul", {"self": X, "other": 0.9}, X * F(0.9)),
    ("div", {"self": X, "other": 0.3}, X / F(0.3)),
    ("div", {"self": X, "other": Y, "rounding_mode": "trunc"}, np.trunc(X / Y)),
    ("div", {"self": X, "other": 0.5, "rounding_mode": "floor"}, np.floor(X / F(0.5))),
    ("floor_divide", {"self": X, "other": 2.0}, np.floor(X / 2)),
    ("remainder", {"self": X, "other": 2.0}, np.remainder(X, F(2))),
    ("fmod", {"self": X, "other": 0.5}, np.fmod(X, F(0.5))),
    ("reciprocal", {"self": X}, F(1) / X),
    ("rsqrt", {"self": abs(X)}, F(1) / np.sqrt(abs(X))),
    ("square", {"self": X}, X * X),
    ("pow", {"self": X, "exponent": 3}, X * X * X),
    ("pow", {"self": abs(X), "exponent": 0.5}, np.sqrt(abs(X))),
    ("pow", {"self": X, "exponent": -2}, F(1) / (X * X)),
    ("pow", {"self": X, "exponent": -1}, F(1) / X),
    ("pow", {"self": X, "exponent": 0}, np.ones_like(X)),
    ("sign", {"self": np.round(X)}, np.sign(np.round(X))),
    ("frac", {"self": X}, X - np.trunc(X)),
    ("round", {"self": X}, np.rint(X)),
    ("trunc", {"self": X}, np.trunc(X)),
    ("floor", {"self": X}, np.floor(X)),
    ("abs", {"self": X}, abs(X)),
    ("neg", {"self": X}, -X),
    ("maximum", {"self": X, "other": Y}, np.maximum(X, Y)),
    ("clamp", {"self": X, "min": -1, "max": 1.5}, np.minimum(np.maximum(X, F(-1)), F(1.5))),
    ("clamp", {"self": X, "min": Y}, np.maximum(X, Y)),
    ("clamp_max", {"self": X, "max": 0.3}, np.minimum(X, F(0.3))),
    ("hardtanh", {"self": X}, np.clip(X, F(-1), F(1))),
    ("relu", {"self": X}, np.maximum(X, F(0))),
    ("leaky_relu", {"self": X}, np.where(X > 0, X, X * F(0.01))),
    ("threshold", {"self": X, "threshold": 0.1, "value": 20.0}, np.where(F(0.1) >= X, F(20), X)),
    ("lerp", {"self": X, "end": Y, "weight": 0.25}, X + F(0.25) * (Y - X)),
    ("lerp", {"self": X, "end": Y, "weight": 0.75}, Y - (Y - X) * F(0.25)),
    ("addcmul", {"self": X, "tensor1": Y, "tensor2": ROW}, X + Y * ROW),
    ("addcmul", {"self": X, "tensor1": Y, "tensor2": ROW, "value": 0.3}, X + F(0.3) * Y * ROW),
    ("addcdiv", {"self": X, "tensor1": Y, "tensor2": ROW}, X + Y / ROW),
    # types
    ("mul", {"self": SPIKES, "other": 0.5}, SPIKES * F(0.5)),
    ("mul", {"self": SPIKES, "other": Y}, SPIKES * Y),
    ("mul", {"self": SPIKES, "other": Y > 0}, SPIKES & (Y > 0)),
    ("mul", {"self": SPIKES, "other": 2}, SPIKES * np.int64(2)),
    ("add", {"self": SPIKES, "other": Y > 0}, SPIKES | (Y > 0)),
    ("add", {"self": X, "other": SCALAR}, X + F(0.3)),
    ("add", {"self": np.int32([1, 2]), "other": 0.5}, F([1.5, 2.5])),
    ("add", {"self": np.int32([1, 2]), "other": np.int64(3)}, np.int32([4, 5])),
    ("div", {"self": np.int64([1, 2]), "other": 2}, F([0.5, 1])),
    ("maximum", {"self": SPIKES, "other": Y > 0}, SPIKES | (Y > 0)),
    ("gt", {"self": SPIKES, "other": 0}, SPIKES),
    ("exp", {"self": np.int64([0])}, F([1])),
    ("floor", {"self": np.int64([3])}, np.int64([3])),
    # comparisons and choices
    ("gt", {"self": X, "other": 0.5}, F(0.5) < X),
    ("ge", {"self": X, "other": Y}, X >= Y),
    ("lt", {"self": X, "other": 0}, X < 0),
    ("eq", {"self": np.round(X), "other": 1}, np.round(X) == 1),
    ("logical_and", {"self": X, "other": SPIKES}, SPIKES & (X != 0)),
    ("logical_not", {"self": X}, X == 0),
    ("bitwise_not", {"self": SPIKES}, ~SPIKES),
    ("__or__", {"self": SPIKES, "other": Y > 0}, SPIKES | (Y > 0)),
    ("where", {"condition": SPIKES, "self": X, "other": Y}, np.where(SPIKES, X, Y)),
    ("where", {"condition": SPIKES, "self": 1.0, "other": 0.0}, SPIKES.astype(F)),
    ("masked_fill", {"self": X, "mask": SPIKES, "value": 0.5}, np.where(SPIKES, F(0.5), X)),
    ("heaviside", {"self": F([-1, 0, 2]), "values": F(0.5)}, F([0, 0.5, 1])),
    # shapes
    ("view", {"self": BLOCK, "size": [6, -1]}, BLOCK.reshape(6, -1)),
    ("flatten", {"self": BLOCK, "start_dim": 1}, BLOCK.reshape(2, -1)),
    ("flatten", {"self": BLOCK, "start_dim": 1, "end_dim": -2}, BLOCK.reshape(2, 12, 5)),
    ("unflatten", {"self": BLOCK, "dim": 2, "sizes": [2, -1]}, BLOCK.reshape(2, 3, 2, 2, 5)),
    ("unsqueeze", {"self": X, "dim": -1}, X[..., None]),
    ("squeeze", {"self": X[:1, :1], "dim": [0, 1]}, X[0, 0]),
    ("squeeze", {"self": X[:1], "dim": 1}, X[:1]),
    ("permute", {"self": BLOCK, "dims": [3, 0, -2, 1]}, BLOCK.transpose(3, 0, 2, 1)),
    ("transpose", {"self": BLOCK, "dim0": 1, "dim1": -1}, BLOCK.transpose(0, 3, 2, 1)),
    ("t", {"self": X}, X.T),
    (
        "movedim",
        {"self": BLOCK, "source": [0, 1], "destination": [3, 2]},
        BLOCK.transpose(2, 3, 1, 0),
    ),
    ("expand", {"self": ROW, "size": [4, -1]}, np.broadcast_to(ROW, (4, 7))),
    ("select", {"self": BLOCK, "dim": 1, "index": -1}, BLOCK[:, -1]),
    ("slice", {"self": BLOCK, "dim": 3, "start": 1, "end": 2**63 - 1, "step": 2}, BLOCK[..., 1::2]),
    ("narrow", {"self": BLOCK, "dim": 3, "start": -4, "length": 2}, BLOCK[..., 1:3]),
    ("index_select", {"self": BLOCK, "dim": 1, "index": [2, 0]}, BLOCK[:, [2, 0]]),
    ("cat", {"tensors": [X, Y], "dim": -1}, np.concatenate([X, Y], -1)),
    ("cat", {"tensors": [X, SPIKES]}, np.concatenate([X, SPIKES.astype(F)])),
    ("stack", {"tensors": [X, Y], "dim": -1}, np.stack([X, Y], -1)),
    ("repeat", {"self": X, "repeats": [2, 1, 3]}, np.tile(X, (2, 1, 3))),
    ("repeat_interleave", {"self": X, "repeats": 3, "dim": 1}, np.repeat(X, 3, 1)),
    ("roll", {"self": X, "shifts": [1, -2], "dims": [0, 1]}, np.roll(X, (1, -2), (0, 1))),
    ("roll", {"self": X, "shifts": 3}, np.roll(X, 3)),
    ("flip", {"self": X, "dims": [0, 1]}, X[::-1, ::-1]),
    (
        "pad",
        {"self": X, "pad": [1, 2, 3, 0], "value": 0.5},
        np.pad(X, ((3, 0), (1, 2)), constant_values=0.5),
    ),
    ("pad", {"self": X, "pad": [-1, 2]}, np.pad(X[:, 1:], ((0, 0), (0, 2)))),
    (
        "pad",
        {"self": IMAGE, "pad": [1, 2], "mode": "circular"},
        np.pad(IMAGE, [(0, 0)] * 3 + [(1, 2)], "wrap"),
    ),
    (
        "pad",
        {"self": IMAGE, "pad": [1, 2], "mode": "reflect"},
        np.pad(IMAGE, [(0, 0)] * 3 + [(1, 2)], "reflect"),
    ),
    (
        "pad",
        {"self": IMAGE, "pad": [1, 2], "mode": "replicate"},
        np.pad(IMAGE, [(0, 0)] * 3 + [(1, 2)], "edge"),
    ),
    # sums
    ("sum", {"self": X, "dim": [1], "keepdim": True}, X.sum(1, keepdims=True)),
    ("sum", {"self": SPIKES, "dim": 0}, SPIKES.sum(0)),
    ("mean", {"self": BLOCK, "dim": [2, 3]}, BLOCK.mean((2, 3))),
    ("amax", {"self": X}, X.max()),
    ("max", {"self": X}, X.max()),
    ("any", {"self": X > 5, "dim": 1}, (X > 5).any(1)),
    ("all", {"self": X > -5}, (X > -5).all()),
    ("linear", {"input": X, "weight": Y}, X @ Y.T),
    ("linear", {"input": X, "weight": Y, "bias": Y[:, 0]}, X @ Y.T + Y[:, 0]),
    ("mm", {"self": X, "mat2": Y.T.copy()}, X @ Y.T),
    ("mv", {"self": X, "vec": ROW}, X @ ROW),
    ("addmm", {"self": Y[:, 0], "mat1": X, "mat2": Y.T.copy()}, X @ Y.T + Y[:, 0]),
    ("outer", {"self": ROW, "vec2": ROW}, np.outer(ROW, ROW)),
    # made of nothing
    ("zeros_like", {"self": X}, np.zeros_like(X)),
    ("full", {"size": [2, 3], "fill_value": 0.3}, np.full((2, 3), F(0.3))),
    ("full", {"size": [2], "fill_value": 3}, np.full(2, 3, np.int64)),
    ("full", {"size": [2], "fill_value": True}, np.full(2, True)),
    ("new_ones", {"self": SPIKES, "size": [2]}, np.ones(2, bool)),
    ("arange", {"end": 5}, np.arange(5)),
    ("arange", {"start": 1, "end": 2.0, "step": 0.25}, F([1, 1.25, 1.5, 1.75])),
    ("eye", {"n": 2, "m": 3}, np.eye(2, 3, dtype=F)),
    ("scalar_tensor", {"s": 0.1}, F(0.1)),
    # types and copies
    ("to", {"self": SPIKES, "dtype": np.dtype(F)}, SPIKES.astype(F)),
    ("_to_copy", {"self": X, "dtype": np.dtype(np.float64)}, X.astype(np.float64)),
    ("type_as", {"self": SPIKES, "other": X}, SPIKES.astype(F)),
    ("clone", {"self": X, "memory_format": "1"}, X),
    ("dropout", {"input": X, "p": 0.5, "train": False}, X),
]


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_an_operator_is_numpys(name: str, arguments: dict[str, Any], wanted: Any) -> None:
    if "index" in arguments and isinstance(arguments["index"], list):
        arguments = {**arguments, "index": np.asarray(arguments["index"])}
        same(applied(name, constant=True, **arguments), wanted)
        return
    same(applied(name, **arguments), wanted)
    if not any(isinstance(v, np.ndarray) and v.ndim == 4 for v in arguments.values()):
        got = applied(name, constant=True, **arguments)
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
        assert got.dtype == np.asarray(wanted).dtype


def test_lists_of_results() -> None:
    parts = applied("split", self=BLOCK, split_size=2, dim=3)
    for got, wanted in zip(parts, (BLOCK[..., :2], BLOCK[..., 2:4], BLOCK[..., 4:]), strict=True):
        same(got, wanted)
    for got, wanted in zip(applied("unbind", self=X), X, strict=True):
        same(got, wanted)
    sizes = [p.shape[1] for p in applied("split_with_sizes", self=X, split_sizes=[3, 4], dim=1)]
    assert sizes == [3, 4]
    assert [p.shape[1] for p in applied("chunk", self=X, chunks=3, dim=1)] == [3, 3, 1]
    values, places = applied("max", self=X, dim=1)
    same(values, X.max(1))
    assert places is None


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ab,bc->ac", [(2, 3), (3, 4)]),
        ("bi,oi->bo", [(2, 3), (4, 3)]),
        ("tbi,oi->tbo", [(5, 2, 3), (4, 3)]),
        ("bij,bkj->bik", [(2, 3, 4), (2, 5, 4)]),
        ("bchw,oc->bohw", [(2, 3, 4, 5), (6, 3)]),
        ("ij,ij->i", [(3, 4), (3, 4)]),
        ("i,j->ji", [(3,), (4,)]),
        ("ij->ji", [(3, 4)]),
        ("ij,jk", [(3, 4), (4, 2)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ],
)
@pytest.mark.parametrize("constant", [False, True])
def test_einsum(equation: str, shapes: list[tuple[int, ...]], constant: bool) -> None:
    operands = [np.float32(RNG.integers(-8, 8, shape)) for shape in shapes]
    got = applied("einsum", constant=constant, equation=equation, tensors=operands)
    same(got, np.einsum(equation, *operands))


def test_a_constant_matrix_on_either_side_is_linear() -> None:
    for name, arguments in (
        ("mm", {"self": "W", "mat2": "x"}),
        ("mm", {"self": "x", "mat2": "W"}),
        ("einsum", {"equation": "ab,bc->ac", "tensors": ["W", "x"]}),
    ):
        graph = Graph()
        known = {"W": graph.constant(normal(3, 3)), "x": graph.input("x", (3, 3))}
        given = {
            k: [known[p] for p in v] if isinstance(v, list) else known.get(v, v)
            for k, v in arguments.items()
        }
        assert "linear" in [v.op for v in cone([call(graph, f"aten.{name}", given)])]


# --- layers


def windows(x: Array, kernel: int, stride: int, reduced: Callable[..., Array]) -> Array:
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
    return np.asarray(reduced(view[:, :, ::stride, ::stride], axis=(-2, -1)), F)


def test_pools() -> None:
    same(applied("max_pool2d", self=IMAGE, kernel_size=[2, 2]), windows(IMAGE, 2, 2, np.max))
    got, places = applied("max_pool2d_with_indices", self=IMAGE, kernel_size=[3], stride=[2])
    same(got, windows(IMAGE, 3, 2, np.max))
    assert places is None
    near = {"rtol": 1e-6, "atol": 1e-6}
    got = applied("avg_pool2d", self=IMAGE, kernel_size=2)
    np.testing.assert_allclose(got, windows(IMAGE, 2, 2, np.mean), **near)
    got = applied("avg_pool2d", self=IMAGE, kernel_size=2, divisor_override=3)
    np.testing.assert_allclose(got, windows(IMAGE, 2, 2, np.sum) / F(3), **near)
    got = applied("adaptive_avg_pool2d", self=IMAGE, output_size=[3, None])
    np.testing.assert_allclose(got, IMAGE.reshape(2, 3, 3, 2, 8).mean(3), **near)
    got, _ = applied("adaptive_max_pool2d", self=IMAGE, output_size=[1, 1])
    same(got, IMAGE.max((2, 3), keepdims=True))
    single = applied("max_pool1d", self=IMAGE[0, 0], kernel_size=2)
    same(single, IMAGE[0, 0].reshape(6, 4, 2).max(2))


def test_padding_of_convolutions() -> None:
    """'same' keeps the size; of an even kernel the end gets one more."""
    x = np.arange(5, dtype=F).reshape(1, 1, 5)
    kernel = F([1, 10, 100, 1000]).reshape(1, 1, 4)
    got = applied("conv1d", input=x, weight=kernel, padding="same")
    padded = np.pad(x[0, 0], (1, 2))
    same(got, [[[padded[i : i + 4] @ kernel[0, 0] for i in range(5)]]])
    got = applied("conv1d", input=x, weight=kernel, padding="valid")
    assert got.shape == (1, 1, 2)
    alone = applied("conv1d", input=x[0], weight=kernel, stride=[2], padding=[1])
    assert alone.shape == (1, 2)
    arguments = {
        "bias": None,
        "stride": [1],
        "padding": [0],
        "dilation": [1],
        "output_padding": [0],
        "groups": 1,
    }
    plain = applied("convolution", input=x, weight=kernel, transposed=False, **arguments)
    same(plain, got)
    with pytest.raises(SnnccError, match="SNC-I012"):
        applied("convolution", input=x, weight=kernel, transposed=True, **arguments)


def test_batch_norm_in_evaluation() -> None:
    mean, variance = normal(3), abs(normal(3)) + 1
    arguments = {
        "input": IMAGE,
        "weight": None,
        "bias": None,
        "running_mean": mean,
        "running_var": variance,
    }
    wanted = (IMAGE - mean[:, None, None]) / np.sqrt(variance + F(1e-5))[:, None, None]
    got = applied("batch_norm", **arguments, training=False, momentum=0.1, eps=1e-5)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    got, *rest = applied(
        "_native_batch_norm_legit_no_training", **arguments, momentum=0.1, eps=1e-5
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert rest == [None, None]


def test_layer_norm() -> None:
    got = applied("layer_norm", input=X, normalized_shape=[7], weight=ROW, bias=ROW)
    scale = np.sqrt(X.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(got, (X - X.mean(1, keepdims=True)) / scale * ROW + ROW, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dropout", {"input": X, "p": 0.5, "train": True}),
        ("native_dropout", {"input": X, "p": 0.5, "train": True}),
        (
            "batch_norm",
            {
                "input": X,
                "weight": None,
                "bias": None,
                "running_mean": ROW,
                "running_var": ROW,
                "training": True,
                "momentum": 0.1,
                "eps": 1e-5,
            },
        ),
    ],
)
def test_layers_in_training_are_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(SnnccError, match=r"SNC-I015.*\n.*model\.eval\(\)"):
        applied(name, **arguments)


# --- indices


MASK = X > 1


@pytest.mark.parametrize(
    ("indices", "wanted"),
    [
        ([None, [2, 0, 2]], X[:, [2, 0, 2]]),
        ([[[0, 1], [3, -1]]], X[[[0, 1], [3, -1]]]),
        ([[1, 2], [3, 4]], X[[1, 2], [3, 4]]),
        ([None, [True, False] * 3 + [True]], X[:, ::2]),
    ],
)
def test_constant_indices(indices: Sequence[Any], wanted: Array) -> None:
    graph = Graph()
    at = [None if i is None else graph.constant(np.asarray(i)) for i in indices]
    value = call(graph, "aten.index", {"self": graph.input("x", X.shape), "indices": at})
    same(evaluate([value], {"x": X})[0], wanted)


def test_writes_through_indices() -> None:
    graph = Graph()
    x, mask = graph.input("x", X.shape), graph.input("mask", X.shape, bool)
    row, one = graph.input("row", (4, 2)), graph.constant(F(1))
    places = graph.constant(np.int64([5, 1]))

    def put(indices: list[Value | None], values: Value) -> Value:
        arguments = {"self": x, "indices": indices, "values": values}
        return call(graph, "aten.index_put", arguments)  # type: ignore[no-any-return]

    masked, listed = put([mask], one), put([None, places], row)
    arrays = {"x": X, "mask": MASK, "row": Y[:, :2]}
    got = evaluate([masked, listed], arrays)
    same(got[0], np.where(MASK, F(1), X))
    wanted = X.copy()
    wanted[:, [5, 1]] = Y[:, :2]
    same(got[1], wanted)
    with pytest.raises(SnnccError, match="SNC-I012"):
        put([graph.input("at", (2,), np.int64)], one)


# --- what cannot be said exactly


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("floor_divide", {"self": X, "other": 0.3}),
        ("remainder", {"self": X, "other": 0.3}),
        ("div", {"self": np.int64([3]), "other": 2, "rounding_mode": "trunc"}),
        ("round", {"self": X, "decimals": 2}),
        ("bitwise_and", {"self": np.int64([3]), "other": 2}),
        ("item", {"self": F(1)}),
        ("view", {"self": X, "dtype": np.dtype(np.int32)}),
        ("index_put", {"self": X, "indices": [SPIKES], "values": F(1), "accumulate": True}),
    ],
)
def test_another_rounding_is_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(SnnccError, match="SNC-I012"):
        applied(name, **arguments)


def test_numbers_of_constants() -> None:
    assert applied("item", constant=True, self=F(2.5)) == 2.5
    same(applied("floor_divide", constant=True, self=X, other=0.3), np.floor_divide(X, F(0.3)))


def test_operators_have_one_home() -> None:
    assert not OPERATORS.keys() & NOT_SUPPORTED.keys()
