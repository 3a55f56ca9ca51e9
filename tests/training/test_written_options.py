"""Losses, optimisers and training options as text: what they mean, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.training.losses import CrossEntropy, loss_of
from snncc.training.optimizers import SGD, Adam, optimizer_of
from snncc.training.surrogates import surrogate_of
from tests.small_networks import RECURRENT, network


def test_optimizers() -> None:
    assert optimizer_of("sgd") == SGD()
    assert optimizer_of(" adam ( lr=0.5, beta2 = 0.9 )") == Adam(lr=0.5, beta2=0.9)
    assert optimizer_of("sgd(lr=1, momentum=0.9)", lr=0.25) == SGD(lr=0.25, momentum=0.9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lion",
        "sgd(0.1)",
        "sgd(lr=0.1",
        "sgd(lr=-1)",
        "sgd(lr=1e999)",
        "sgd(lr='a')",
        "sgd(lr=True)",
        "sgd(lr=[1])",
        "sgd(rate=1)",
        "sgd(lr=1, lr=2)",
        "adam(beta1=1)",
        "adam(beta2=0.99999999)",
        "adam(eps=0)",
        "sgd(lr=1e-50)",
        "sgd(momentum=1e39)",
        "sgd(lr=open('x'))",
        "(" * 3000,
    ],
)
def test_optimizers_that_are_none(text: str) -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C003 optimizer: ") as refused:
        optimizer_of(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "1e400 * mse",
        "1e39 * mse",
        "ttfs_ce(tau=1e-40)",
        "True * mse",
        "ttfs_ce(tau=1e400)",
        "ttfs_ce(tau='x')",
        "ttfs_ce(tau=1, tau=2)",
        "mse_lowpass(low_pass=[1])",
        "rate(neurons=3)",
        "rate(target=None)",
        "mse + " * 3000 + "mse",
        "(" * 3000,
    ],
)
def test_losses_that_are_none(text: str) -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C003"):
        loss_of(text)


@pytest.mark.parametrize("made", [SGD(lr=-1.0), SGD(momentum=float("nan")), Adam(beta2=1.0)])
def test_optimizers_of_numbers_that_make_no_sense(made: SGD | Adam) -> None:
    with pytest.raises(snncc.SnnccError, match=r"SNC-C003 optimizer: .*: expected "):
        optimizer_of(made)


@pytest.mark.parametrize("text", ["atan(a=1e400)", "atan(a=1, a=2)", "atan(a=1 b=2)"])
def test_surrogates_of_numbers_alone(text: str) -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C003 surrogate"):
        surrogate_of(text)


@pytest.mark.parametrize("surrogate", ["boxcar(w=0)", "atan(a=1e39)", "atan(scale=1e39)"])
def test_surrogates_whose_options_give_no_numbers(surrogate: str, tmp_path: Path) -> None:
    net, x = network(RECURRENT, tmp_path), np.ones((2, 3), np.float32)
    target = np.zeros((2, 5))
    with pytest.raises(snncc.SnnccError, match="its options give no numbers"):
        snncc.value_and_grad(net, "mse(output='spikes')", x, target, surrogate=surrogate)


def test_losses_of_python() -> None:
    for wrong in (lambda: CrossEntropy() * float("nan"), lambda: CrossEntropy() + 1):
        with pytest.raises(snncc.SnnccError, match="SNC-C003 loss"):
            wrong()


@pytest.mark.parametrize("seed", [-1, 1.5, None])
def test_seeds_of_feedback(seed: object, tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    options = {"train": "eprop", "loss": "mse(output='v')", "steps": 2}
    with pytest.raises(snncc.SnnccError, match="SNC-C003 seed: expected a whole number"):
        snncc.compile(net, **options, feedback="random", seed=seed)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"loss": "mse"}, "loss: options of training, and none is asked for"),
        (
            {"trainable": "fc", "train": "bptt"},
            "trainable: expected names of what is trained, got 'fc'",
        ),
        ({"trainable": [], "train": "bptt"}, "trainable: expected names of what is trained"),
        ({"trainable": [3], "train": "bptt"}, "trainable: expected names"),
        ({"fold": "none", "train": "bptt"}, "fold: none is for inference"),
        ({"pack": "never", "train": "bptt"}, "pack: never is for inference"),
        ({"time_block": 0, "train": "bptt"}, "time_block: expected 1 to"),
    ],
)
def test_options_of_compile(options: dict, text: str, tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.raises(snncc.SnnccError, match=f"SNC-C003 {text}"):
        snncc.compile(net, **options)
