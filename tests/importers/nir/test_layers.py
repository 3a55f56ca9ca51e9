"""
Stateless nodes against a direct computation in NumPy.

Weights and inputs are dyadic (multiples of 1/16 and 1/8), so that every sum is exact in
float32 whatever its order, and results must be equal to the last bit.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import affine, chain, linear

STEPS, BATCH = 3, 2


def dyadic(seed: int, *shape: int, unit: float = 1 / 16) -> Array:
    return (np.random.default_rng(seed).integers(-12, 13, shape) * unit).astype(np.float32)


def stimulus(*shape: int) -> Array:
    return dyadic(99, STEPS, BATCH, *shape, unit=1 / 8)


def run(load: Load, node: dict[str, Any], *shape: int, **options: Any) -> Array:
    """The output of one node for `stimulus(*shape)`."""
    net = load(chain(("node", node), shape=shape), like="nir-ode", **options)
    return net.run(stimulus(*shape))["output"]


def convolve(
    x: Array,
    weight: Array,
    bias: Array | float,
    stride: tuple[int, ...],
    padding: list[tuple[int, int]],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """Cross-correlation of [T, B, C, ...] by its definition, in float64."""
    rank = weight.ndim - 2
    x = np.pad(x.astype(np.float64), [(0, 0)] * 3 + padding)
    sizes = [
        (x.shape[3 + a] - dilation[a] * (weight.shape[2 + a] - 1) - 1) // stride[a] + 1
        for a in range(rank)
    ]
    y = np.zeros((*x.shape[:2], weight.shape[0], *sizes))
    inputs, outputs = weight.shape[1], weight.shape[0] // groups
    for o, place in product(range(weight.shape[0]), np.ndindex(*sizes)):
        first = o // outputs * inputs
        window = tuple(
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(place, stride, dilation, weight.shape[2:], strict=True)
        )
        patch = x[(slice(None), slice(None), slice(first, first + inputs), *window)]
        y[(slice(None), slice(None), o, *place)] = (patch * weight[o]).sum(
            axis=tuple(range(2, 3 + rank))
        )
    bias = np.broadcast_to(np.asarray(bias, np.float64), weight.shape[:1])
    return (y + bias.reshape(-1, *[1] * rank)).astype(np.float32)


def test_affine_and_linear(load: Load) -> None:
    weight, bias = dyadic(0, 4, 6), dyadic(1, 4)
    x = stimulus(6)
    np.testing.assert_array_equal(run(load, affine(weight, bias), 6), x @ weight.T + bias)
    np.testing.assert_array_equal(run(load, linear(weight), 6), x @ weight.T)


def test_affine_with_a_scalar_bias(load: Load) -> None:
    weight = dyadic(0, 4, 6)
    expected = stimulus(6) @ weight.T + np.float32(0.25)
    np.testing.assert_array_equal(run(load, affine(weight, 0.25), 6), expected)


@pytest.mark.parametrize("leading", [(3,), (2, 3), (1,)])
def test_leading_axes_of_a_weight_are_a_batch_of_maps(leading: tuple[int, ...], load: Load) -> None:
    weight, bias = dyadic(0, *leading, 4, 5), dyadic(1, *leading, 4)
    expected = np.einsum("...oi,tb...i->tb...o", weight, stimulus(*leading, 5))
    np.testing.assert_array_equal(run(load, linear(weight), *leading, 5), expected)
    np.testing.assert_array_equal(run(load, affine(weight, bias), *leading, 5), expected + bias)


@pytest.mark.parametrize("shape", [(), (1,), (6,)])
def test_scale(shape: tuple[int, ...], load: Load) -> None:
    scale = dyadic(0, *shape)
    node = {"type": "Scale", "scale": scale}
    np.testing.assert_array_equal(run(load, node, 6), stimulus(6) * scale)


def test_scale_per_channel(load: Load) -> None:
    scale = dyadic(0, 3, 1, 1)
    node = {"type": "Scale", "scale": scale}
    np.testing.assert_array_equal(run(load, node, 3, 4, 5), stimulus(3, 4, 5) * scale)


@pytest.mark.parametrize("shape", [(), (6,)])
def test_threshold_is_strict(shape: tuple[int, ...], load: Load) -> None:
    threshold = np.broadcast_to(np.float32(0.25), shape)
    y = run(load, {"type": "Threshold", "threshold": threshold}, 6)
    x = stimulus(6)
    assert (x == 0.25).any()
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, x > 0.25)


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    # input, weight, fields
    "defaults": ((2, 6, 7), (3, 2, 3, 3), {}),
    "stride": ((2, 6, 7), (3, 2, 3, 3), {"stride": (2, 3)}),
    "scalar stride and padding": ((2, 6, 7), (3, 2, 3, 3), {"stride": 2, "padding": 1}),
    "padding": ((2, 6, 7), (3, 2, 3, 3), {"padding": (2, 1)}),
    "dilation": ((2, 9, 8), (3, 2, 3, 3), {"dilation": (2, 3)}),
    "not square": ((2, 6, 7), (3, 2, 1, 5), {"padding": (0, 2)}),
    "even kernel": ((2, 6, 7), (3, 2, 2, 4), {"stride": (1, 2)}),
    "groups": ((4, 6, 7), (6, 2, 3, 3), {"groups": 2}),
    "depthwise": ((4, 6, 7), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    "depthwise, two each": ((3, 5, 5), (6, 1, 3, 3), {"groups": 3}),
    "same": ((2, 6, 7), (3, 2, 3, 5), {"padding": "same"}),
    "same, even kernel": ((2, 6, 7), (3, 2, 2, 4), {"padding": "same"}),
    "same, dilated": ((2, 6, 7), (3, 2, 2, 3), {"padding": "same", "dilation": (3, 2)}),
    "valid": ((2, 6, 7), (3, 2, 3, 3), {"padding": "valid"}),
    "one axis": ((2, 9), (3, 2, 3), {}),
    "one axis, all fields": (
        (4, 11),
        (6, 2, 3),
        {"stride": 2, "padding": 2, "dilation": 2, "groups": 2},
    ),
    "one axis, same": ((2, 9), (3, 2, 4), {"padding": "same"}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("bias", ["bias", "no bias"])
def test_convolution(name: str, bias: str, load: Load) -> None:
    shape, weight_shape, fields = CONVOLUTIONS[name]
    rank = len(weight_shape) - 2
    weight = dyadic(0, *weight_shape)
    offset = dyadic(1, weight_shape[0]) if bias == "bias" else None
    node = {"type": f"Conv{rank}d", "weight": weight, "bias": offset, **fields}

    def per_axis(field: str, default: int) -> tuple[int, ...]:
        value = np.atleast_1d(fields.get(field, default))
        return tuple(int(v) for v in np.broadcast_to(value, rank))

    dilation = per_axis("dilation", 1)
    if fields.get("padding") == "same":  # the odd element stands after
        totals = [d * (k - 1) for d, k in zip(dilation, weight_shape[2:], strict=True)]
        padding = [(total // 2, total - total // 2) for total in totals]
    elif fields.get("padding") == "valid":
        padding = [(0, 0)] * rank
    else:
        padding = [(p, p) for p in per_axis("padding", 0)]
    groups = fields.get("groups", 1)
    expected = convolve(
        stimulus(*shape),
        weight,
        0.0 if offset is None else offset,
        per_axis("stride", 1),
        padding,
        dilation,
        groups,
    )
    y = run(load, node, *shape)
    np.testing.assert_array_equal(y, expected)
    if fields.get("padding") == "same":
        assert y.shape[3:] == shape[1:]


def test_convolution_with_a_scalar_bias(load: Load) -> None:
    weight = dyadic(0, 3, 2, 3, 3)
    node = {"type": "Conv2d", "weight": weight, "bias": np.float32(0.5)}
    expected = convolve(stimulus(2, 6, 7), weight, 0.5, (1, 1), [(0, 0), (0, 0)], (1, 1), 1)
    np.testing.assert_array_equal(run(load, node, 2, 6, 7), expected)


def pool(x: Array, kernel: tuple[int, int], stride: tuple[int, int], padding: int) -> Array:
    """Sums over windows of [T, B, C, H, W]."""
    x = np.pad(x, [(0, 0)] * 3 + [(padding, padding)] * 2)
    rows, columns = ((x.shape[3 + a] - kernel[a]) // stride[a] + 1 for a in range(2))
    y = np.zeros((*x.shape[:3], rows, columns), np.float32)
    for r, c in np.ndindex(rows, columns):
        top, left = r * stride[0], c * stride[1]
        y[..., r, c] = x[..., top : top + kernel[0], left : left + kernel[1]].sum(axis=(-2, -1))
    return y


POOLS: dict[str, tuple[Any, Any, Any]] = {
    # kernel, stride, padding; None: left out
    "square": ((2, 2), (2, 2), (0, 0)),
    "scalars": (2, 2, 0),
    "no stride": ((2, 2), None, None),
    "overlapping": ((2, 4), (1, 2), (0, 0)),
    "padded": ((4, 2), (2, 2), (1, 1)),
}


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("type", ["SumPool2d", "AvgPool2d"])
def test_pool(name: str, type: str, load: Load) -> None:
    """Padding counts in an average; a missing stride is the kernel."""
    kernel, stride, padding = POOLS[name]
    node = {"type": type, "kernel_size": kernel, "stride": stride, "padding": padding}
    size = tuple(np.broadcast_to(kernel, 2).tolist())
    step = size if stride is None else tuple(np.broadcast_to(stride, 2).tolist())
    pad = 0 if padding is None else int(np.max(padding))
    expected = pool(stimulus(3, 6, 8), size, step, pad)
    if type == "AvgPool2d":
        expected = expected / np.float32(prod(size))
    np.testing.assert_array_equal(run(load, node, 3, 6, 8), expected)


def test_average_over_a_size_that_is_no_power_of_two_is_divided_once(load: Load) -> None:
    node = {"type": "AvgPool2d", "kernel_size": (3, 3), "stride": (1, 1)}
    expected = pool(stimulus(2, 4, 4), (3, 3), (1, 1), 0) / np.float32(9)
    np.testing.assert_array_equal(run(load, node, 2, 4, 4), expected)


@pytest.mark.parametrize("like", ["snntorch", "norse", "sinabs", "spikingjelly"])
def test_sum_pool_of_the_frameworks_is_a_power_pool(like: str, load: Load) -> None:
    """LPPool2d(1): (sum / k) * k, which rounds for 5 x 5; its padding is dropped."""
    fields = {"kernel_size": (5, 5), "stride": (5, 5), "padding": (1, 1)}
    net = load(chain(("pool", {"type": "SumPool2d", **fields}), shape=(2, 10, 10)), like=like)
    sums = pool(stimulus(2, 10, 10), (5, 5), (5, 5), 0)
    expected = sums / np.float32(25) * np.float32(25)
    assert (expected != sums).any()
    np.testing.assert_array_equal(net.run(stimulus(2, 10, 10))["output"], expected)
    assert [w.code for w in net.warnings] == ["SNC-W001"]
    assert "drops the padding" in net.warnings[0].message


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({}, (24,)),
        ({"start_dim": 0, "end_dim": -1}, (24,)),
        ({"start_dim": 1, "end_dim": -1}, (2, 12)),
        ({"start_dim": 0, "end_dim": 1}, (6, 4)),
        ({"start_dim": -2, "end_dim": -1}, (2, 12)),
        ({"start_dim": 1, "end_dim": 1}, (2, 3, 4)),
    ],
)
def test_flatten(fields: dict[str, int], shape: tuple[int, ...], load: Load) -> None:
    """Dims count without the batch."""
    y = run(load, {"type": "Flatten", **fields}, 2, 3, 4)
    np.testing.assert_array_equal(y, stimulus(2, 3, 4).reshape(STEPS, BATCH, *shape))


@pytest.mark.parametrize(
    ("node", "shape", "message"),
    [
        (linear(dyadic(0, 4, 6)), (5,), "expected an input of shape 6, got 5"),
        (affine(dyadic(0, 4, 6), dyadic(0, 5)), (6,), "bias: expected shape 4, got 5"),
        (linear(dyadic(0, 4)), (4,), "weight: expected at least 2 axes, got shape 4"),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3)},
            (3, 6, 6),
            "expected an input of shape 2x?x?, got 3x6x6",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 7, 3)},
            (2, 6, 6),
            "the window 7x3 is larger than the padded input",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3)},
            (2, 6, 6),
            "weight: expected 4 axes, got shape 3x2x3",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "groups": 2},
            (4, 6, 6),
            "groups: expected a divisor of 3 outputs, got 2",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "groups": (1, 1)},
            (2, 6, 6),
            "groups: expected 1 numbers, got 2",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "padding": "full"},
            (2, 6, 6),
            "padding: expected numbers, 'same' or 'valid', got 'full'",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "padding": "same", "stride": 2},
            (2, 6, 6),
            "padding 'same' is defined for stride 1 only",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "stride": (1, 1, 1)},
            (2, 6, 6),
            "stride: expected 2 numbers, got 3",
        ),
        (
            {"type": "Conv2d", "weight": dyadic(0, 3, 2, 3, 3), "bias": dyadic(0, 2)},
            (2, 6, 6),
            "bias: expected shape 3, got 2",
        ),
        (
            {"type": "SumPool2d", "kernel_size": (2, 2)},
            (6, 6),
            "expected an input of shape ?x?x?, got 6x6",
        ),
        (
            {"type": "SumPool2d", "kernel_size": (2, 2), "stride": (0, 1)},
            (1, 6, 6),
            "stride: expected numbers of at least 1, got [0, 1]",
        ),
        (
            {"type": "SumPool2d", "kernel_size": (2, 2), "padding": -1},
            (1, 6, 6),
            "padding: expected numbers of at least 0, got [-1, -1]",
        ),
        (
            {"type": "AvgPool2d", "kernel_size": (2, 4), "padding": (2, 2)},
            (1, 6, 6),
            "padding: expected at most half of the kernel [2, 4], got [2, 2]",
        ),
        (
            {"type": "Flatten", "start_dim": 3},
            (2, 3, 4),
            "start_dim 3 and end_dim -1 do not fit an input of 2x3x4",
        ),
        (
            {"type": "Scale", "scale": dyadic(0, 5)},
            (6,),
            "parameters of shape 5 do not fit an input of 6",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    node: dict[str, Any], shape: tuple[int, ...], message: str, load: Load
) -> None:
    with pytest.raises(SnnccError) as refused:
        run(load, node, *shape)
    (problem,) = refused.value.problems
    assert (problem.code, problem.node) == ("SNC-I014", "node")
    assert problem.message == f"{node['type']}: {message}"
