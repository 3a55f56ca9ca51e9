"""
The contenders run the network they are given: the dense C loops and onnxruntime's Scan
against the interpreter.

Weights are multiples of 1/32, so that sums of spikes and counts are exact and the order
in which a contender adds cannot change a spike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.dialects import math

from benchmarks.dense_source import DenseSource, LoopOrder
from benchmarks.networks import bernoulli, cuba, cuba_lif
from benchmarks.writer import NetworkWriter
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar
from snncc.network import Network

STEPS = 20


def weights(rng: np.random.Generator, *shape: int) -> Array:
    return (rng.integers(-16, 17, shape) / 32).astype(np.float32)


def counting_if(b: Body, x: Scalar, v: Scalar, theta: Scalar, floor: Scalar):
    """v = v + x; n = whole part of v / theta; v = max(v - n theta - floor, 0) + floor"""
    u = v + x
    n = b.count(u / theta, 65535)
    after = u - b.to_float(n) * theta
    return [n], [b.maximum(after - floor, b.constant(0.0)) + floor]


def lif(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """v = beta v + x; z = v > theta; v = v - z theta"""
    u = beta * v + x
    z = b.spike(u - theta, "gt")
    return [z], [u - b.detach(b.to_float(z)) * theta]


def convolutional(seed: int) -> Network:
    """Stride, padding, dilation, groups, both places of a bias, pools with a border."""
    rng = np.random.default_rng(seed)
    writer = NetworkWriter("convolutional", (2, 11, 10))
    writer.conv2d("conv1", weights(rng, 4, 2, 3, 3), weights(rng, 4), stride=2, padding=1)
    writer.neuron("if1", counting_if, {"v": 0.0}, {"theta": 1.0, "floor": -1.0})
    writer.conv2d("conv2", weights(rng, 6, 2, 2, 3), padding=2, dilation=2, groups=2)
    per_channel = 1 + np.abs(weights(rng, 6, 1, 1))
    writer.neuron("if2", counting_if, {"v": 0.25}, {"theta": per_channel, "floor": -0.5})
    writer.sum_pool("pool", 2, padding=1)
    writer.reshape("flatten", (6 * 5 * 3,))
    writer.linear("fc", weights(rng, 9, 90), weights(rng, 9), position="first")
    writer.neuron("if3", counting_if, {"v": 0.0}, {"theta": 0.75, "floor": -1.0})
    return writer.finish()


def fully_connected(seed: int) -> Network:
    """Spikes, current-based and per-neuron parameters, states that do not start at zero."""
    rng = np.random.default_rng(seed)
    writer = NetworkWriter("fully_connected", (12,))
    writer.linear("fc1", weights(rng, 17, 12))
    rates = {"alpha": 0.8, "beta": rng.uniform(0.7, 0.95, 17), "theta": 1.0}
    writer.neuron("cuba", cuba_lif, {"i": 0.0, "v": weights(rng, 17)}, rates)
    writer.linear("fc2", weights(rng, 5, 17), weights(rng, 5))
    writer.neuron("lif", lif, {"v": 0.0}, {"beta": 0.9, "theta": np.linspace(0.5, 1.5, 5)})
    return writer.finish()


NETWORKS: list[Callable[[int], Network]] = [convolutional, fully_connected]


def input_of(network: Network) -> Array:
    (shape,) = network.inputs.values()
    return bernoulli(shape, 0.3, STEPS)


def expected(network: Network, x: Array) -> Array:
    y = network.run(x)["y"].astype(np.float32)
    assert 0 < np.count_nonzero(y) < y.size
    return y


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("order", ["dot", "plane"])
@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_dense_c(make: Callable[[int], Network], seed: int, order: LoopOrder):
    from benchmarks.dense_c import DenseC

    network = make(seed)
    x = input_of(network)
    contender = DenseC(network, order)
    np.testing.assert_array_equal(contender.run(x), expected(network, x))
    # a second run starts at the initial states again
    np.testing.assert_array_equal(contender.run(x), expected(network, x))


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_onnxruntime_scan(make: Callable[[int], Network], seed: int):
    from benchmarks.ort_scan import OrtScan

    network = make(seed)
    x = input_of(network)
    np.testing.assert_array_equal(OrtScan(network).run(x), expected(network, x))


def test_contenders_name_what_they_lack():
    """An operation without a rule is refused, not left out."""

    def exponential(b: Body, x: Scalar, v: Scalar):
        return [b.spike(b.insert(math.ExpOp(x.value)) + v, "gt")], [v]

    writer = NetworkWriter("custom", (3,))
    writer.neuron("exp", exponential, {"v": 0.0}, {})
    with pytest.raises(NotImplementedError, match=r"math\.exp"):
        DenseSource(writer.finish().op, "dot").text()


def test_gains_give_the_rates():
    case = cuba((30, 40, 30), steps=100)
    trace = case.network.run(case.x, trace=True)
    for layer in ("lif1", "lif2"):
        assert 0.05 <= trace[layer].mean() <= 0.15
