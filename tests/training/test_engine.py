"""Gradients of the compiled programs are those of the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.errors import SnnccError
from tests.small_networks import RECURRENT, network, stimulus
from tests.tools import require_tool

LOSS = "ce_count(output='spikes') + 0.5 * mse(output='v')"


@pytest.mark.parametrize("mode", ["bptt", "eprop"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c_equals_interpreter(mode: str, dtype: str, tmp_path) -> None:
    require_tool("gcc")
    net = network(RECURRENT, tmp_path)
    x = np.stack([stimulus(15, 3, seed=s) for s in range(4)], axis=1) * 2
    rng = np.random.default_rng(1)
    target = {"spikes": rng.integers(0, 5, 4), "v": rng.normal(size=(15, 4, 5))}
    found = [
        snncc.value_and_grad(
            net, LOSS, x, target, surrogate="atan", dtype=dtype, mode=mode, engine=engine
        )
        for engine in ("interpreter", "c")
    ]
    (value, gradients), (in_c, ours) = found
    limit = 1e-12 if dtype == "float64" else 1e-5
    assert in_c == pytest.approx(value, rel=limit)
    assert set(ours) == set(gradients)
    assert {"fc.w", "rec.w", "beta", "lif.v"} <= set(ours)
    for name, gradient in gradients.items():
        assert ours[name].dtype == gradient.dtype == np.dtype(dtype)
        np.testing.assert_allclose(ours[name], gradient, atol=limit * np.abs(gradient).max())


def test_engines(tmp_path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.raises(SnnccError, match="engine: expected one of interpreter, c"):
        snncc.value_and_grad(net, LOSS, stimulus(4, 3), {}, engine="gpu")


def test_compile_for_training(tmp_path) -> None:
    require_tool("gcc")
    net = network(RECURRENT, tmp_path)
    x = np.stack([stimulus(15, 3, seed=s) for s in range(4)], axis=1) * 2
    labels = np.arange(4)
    loss = "ce_count(output='spikes')"
    options = {"train": "bptt", "loss": loss, "steps": 15, "surrogate": "atan"}
    program = snncc.compile(net, optimizer="adam", **options)
    first = program.train_step(x, labels)
    value, gradients = snncc.value_and_grad(net, loss, x, labels, surrogate="atan")
    assert first == pytest.approx(value, rel=1e-5)
    for name, gradient in program.gradients().items():
        wanted = gradients.parameters[name]
        np.testing.assert_allclose(gradient, wanted, atol=1e-5 * np.abs(wanted).max())
    for _ in range(30):
        program.apply(0.05)
        last = program.train_step(x, labels)
    assert last < 0.8 * first
    program.save(tmp_path / "trained")
    assert list((tmp_path / "trained").rglob("net_train*.h"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "bptt"}, "loss and steps not given"),
        ({"train": "bptt", "loss": "ce_count", "steps": 0}, "steps: expected a whole number"),
        ({"loss": "ce_count"}, "loss: options of training"),
    ],
)
def test_options_of_training(options: dict, said: str, tmp_path) -> None:
    with pytest.raises(SnnccError, match=said) as fault:
        snncc.compile(network(RECURRENT, tmp_path), **options)
    assert fault.value.code == "SNC-C003"
