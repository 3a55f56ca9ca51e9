"""Losses, optimisers and training options as text: what they mean, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import snncc
from snncc.training.losses import loss_of
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
    with pytest.raises(snncc.SnnccError, match=r"SNC-C003 optimizer: .* expected a number from 0"):
        optimizer_of(made)


def test_surrogates_of_numbers_alone() -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C003 surrogate"):
        surrogate_of("atan(a=1e400)")


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
