"""Rate regularisation where samples are trained one by one."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.network import Network
from snncc.training import (
    CrossEntropy,
    OnlineProgram,
    Projection,
    RateRegularization,
    TrainProgram,
    value_and_grad,
)
from tests.text_networks import parse
from tests.tools import require_tool

STEPS, SAMPLES, WEIGHT, TARGET = 12, 4, 0.7, 0.2

TEXT = """
snn.parameter learnable @k : tensor<2x1x2x2xf32> = dense<[[[[0.9, -0.4], [0.5, 0.3]]],
  [[[-0.6, 0.8], [0.7, -0.2]]]]>
snn.parameter learnable @w : tensor<2x8xf32> = dense<W>
snn.network @net ("x" %x : tensor<1x3x3xf32>) -> ("y" : tensor<2xf32>, "s" : tensor<2x2x2xi1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %k = snn.use @k : tensor<2x1x2x2xf32>
  %w = snn.use @w : tensor<2x8xf32>
  %i = snn.conv2d %x, %k stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] groups 1
       : (tensor<1x3x3xf32>, tensor<2x1x2x2xf32>) -> tensor<2x2x2xf32>
  %s = snn.neuron as "lif" (%x = %i : tensor<2x2x2xf32>) state (%v = %zero : tensor<f32>)
       -> (tensor<2x2x2xi1>) {
    %beta = arith.constant 0.8 : f32
    %one = arith.constant 1.0 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %one : f32
    %z = snn.spike gt %2 surrogate <"snntorch.atan", alpha = 2.0> : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.subf %1, %f : f32
    snn.next (%z : i1) state (%3 : f32)
  }
  %flat = snn.reshape %s : tensor<2x2x2xi1> -> tensor<8xi1>
  %y = snn.linear %flat, %w : (tensor<8xi1>, tensor<2x8xf32>) -> tensor<2xf32>
  snn.yield %y, %s : tensor<2xf32>, tensor<2x2x2xi1>
}
"""
CE = CrossEntropy("y", "step")


@pytest.fixture(scope="module")
def net() -> Network:
    weights = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    return Network(parse(TEXT.replace("<W>", f"<{weights.tolist()}>")))


@pytest.fixture(scope="module")
def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    return rng.random((STEPS, SAMPLES, 1, 3, 3), np.float32) * 2, np.arange(SAMPLES) % 2


def regularized(**options: object) -> snncc.training.Loss:
    return CE + WEIGHT * RateRegularization(TARGET, ("lif",), **options)  # type: ignore[arg-type]


def program(kind: type[TrainProgram], net: Network, loss: object, **options) -> TrainProgram:
    require_tool("gcc")
    return kind(net, loss, steps=STEPS, cc="gcc", cflags=("-O1",), **options)  # type: ignore


def expect_same(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert set(found) == set(wanted) == {"k", "w"}
    for name, array in wanted.items():
        assert abs(found[name] - array).max() <= 2e-5 * abs(array).max(), name


@pytest.mark.parametrize(
    ("kind", "options"),
    [(TrainProgram, {"tape_steps": 5, "time_block": 2}), (OnlineProgram, {})],
)
def test_average_over_samples(
    net: Network, data: tuple[Array, Array], kind: type[TrainProgram], options: dict[str, int]
) -> None:
    """Loss and gradient of each sample are those of the equations in the docstring."""
    x, labels = data
    most = 3
    trained = program(kind, net, regularized(average=most), **options)
    rates = net.run(x)["s"].mean(axis=0, dtype=np.float64)
    r = np.zeros(rates.shape[1:])
    for n in range(SAMPLES):
        before, r = r, r + (rates[n] - r) / min(n + 1, most)
        seen = r if kind is TrainProgram else before
        seed = 2 * WEIGHT * (seen - TARGET) / STEPS
        if kind is OnlineProgram and n == 0:
            seed = np.zeros(r.shape)
        linear = np.broadcast_to(seed.astype(np.float32), (STEPS, 1, *seed.shape))
        target = {"y": labels[n : n + 1], "s": linear}
        _, wanted = value_and_grad(
            net, CE + Projection("s"), x[:, n : n + 1], target, mode=kind.mode
        )
        entropy, _ = value_and_grad(net, CE, x[:, n : n + 1], labels[n : n + 1])
        value = trained.train_step(x[:, n], labels[n])
        assert value == pytest.approx(entropy + WEIGHT * ((r - TARGET) ** 2).sum(), rel=1e-5)
        expect_same(trained.gradients(), wanted.parameters)
        trained.apply(0.0)


def test_the_first_sample_is_a_batch_of_one(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    for average in (1, 5):
        trained = program(TrainProgram, net, regularized(average=average))
        loss = regularized(average=average)
        value, wanted = value_and_grad(net, loss, x[:, :1], labels[:1])
        assert trained.train_step(x[:, :1], labels[:1]) == pytest.approx(value, rel=1e-5)
        expect_same(trained.gradients(), wanted.parameters)


def test_rates_of_each_sample(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    loss = regularized(per="sample")
    value, wanted = value_and_grad(net, loss, x, labels)
    rates = net.run(x)["s"].mean(axis=0)
    entropy, _ = value_and_grad(net, CE, x, labels)
    distances = WEIGHT * ((rates - TARGET) ** 2).sum() / SAMPLES
    assert value == pytest.approx(entropy + distances, rel=1e-5)
    for kind in (TrainProgram, OnlineProgram):
        trained = program(kind, net, loss)
        assert trained.train_step(x, labels) == pytest.approx(value, rel=1e-5)
        if kind is OnlineProgram:  # of the rates so far
            _, wanted = value_and_grad(net, loss, x, labels, mode="eprop")
        expect_same(trained.gradients(), wanted.parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate(average=0)", "average: expected a whole number from 1 on, got 0"),
        ("rate(per='step')", "per: expected one of batch, sample"),
        ("rate(per='sample', average=4)", "average: the rates of each sample are not averaged"),
    ],
)
def test_wrong_options(text: str, message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=f"SNC-C003 {message}"):
        snncc.training.losses.loss_of(text)
