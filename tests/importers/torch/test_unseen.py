"""Live modules that compute otherwise where the recording did not look: samples, lags, chance."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

from tests.importers.torch.replayed import NEURONS, Cell, X, first, loaded, refused


def test_what_differs_by_sample_is_replayed_from_there() -> None:
    model = Cell()
    model(X[0])
    _, codes = loaded(model)
    assert codes == ["SNC-W009"]


# --- values that leave torch, and randomness


@pytest.mark.parametrize("function", ["apply_", "map_"])
def test_arithmetic_of_python(function: str) -> None:
    class Elsewhere(Cell):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z, v = self.fire(self.v, self.fc(x))
            if function == "apply_":
                self.v = v.clone().apply_(lambda a: a * 0.5)
            else:
                self.v = v.clone().map_(v, lambda a, b: a * 0.5)
            return z

    assert function in refused("SNC-I027", Elsewhere())


@pytest.mark.parametrize("draw", [lambda: np.random.normal(), lambda: random.gauss(0, 1)])
def test_randomness(draw: Callable[[], float]) -> None:
    cell = Cell()

    def sequence(x: torch.Tensor) -> torch.Tensor:
        noise, v, found = draw(), None, []
        for part in x:
            z, v = cell.fire(v, cell.fc(part) + noise)
            found.append(z)
        return torch.stack(found)

    assert "random numbers" in refused("SNC-I027", sequence, X[:8], time_axis=0)


def test_randomness_that_is_rare() -> None:
    class Rare(Cell):
        def current(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) + (1.0 if random.random() < 1e-9 else 0.0)

    assert "random numbers" in refused("SNC-I027", Rare())


def test_randomness_of_a_generator() -> None:
    generator, cell = np.random.default_rng(0), Cell()

    def sequence(x: torch.Tensor) -> torch.Tensor:
        noise, v, found = float(generator.normal()), None, []
        for part in x:
            z, v = cell.fire(v, cell.fc(part) + noise)
            found.append(z)
        return torch.stack(found)

    assert "two results" in refused("SNC-I027", sequence, X[:8], time_axis=0)


# --- sequences


def of(current: Callable[..., torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    cell = Cell()

    def sequence(x: torch.Tensor) -> torch.Tensor:
        v, found = None, list[torch.Tensor]()
        for t in range(len(x)):
            z, v = cell.fire(v, current(cell.fc(x[t]), t, len(x), found))
            found.append(z)
        return torch.stack(found)

    return sequence


@pytest.mark.parametrize("lag", [5, 9, 20])
def test_lags_beyond_the_example(lag: int) -> None:
    sequence = of(lambda c, t, n, past: c - 0.25 * past[t - lag] if t >= lag else c)
    net, codes = loaded(sequence, X[:8], time_axis=0)
    assert not codes
    np.testing.assert_array_equal(first(net), sequence(X).detach().numpy())


@pytest.mark.parametrize(
    ("current", "step"),
    [
        (lambda c, t, n, past: 8 * c / n, 0),
        (lambda c, t, n, past: c if t < 10 else 0.5 * c, 10),
        (lambda c, t, n, past: c if t < 30 else 0.5 * c, 30),
    ],
)
def test_what_depends_on_the_number_of_steps(current: Any, step: int) -> None:
    text = refused("SNC-I027", of(current), X[:8], time_axis=0)
    assert f"part at step {step} " in text or step == 0


@pytest.mark.parametrize("reduce", [lambda y: y.mean(0), lambda y: y.sum(0), lambda y: y[-1]])
@pytest.mark.parametrize("options", [{"T": 10}, {}])
def test_a_loop_inside_that_gives_no_output_for_each_step(
    reduce: Any, options: dict[str, int]
) -> None:
    sequence = of(lambda c, t, n, past: c)
    text = refused("SNC-I003", lambda x: reduce(sequence(x.expand(10, *x.shape))), **options)
    assert "stacked" in text


@pytest.mark.parametrize("options", [{}, {"learnable_vth": True}, {"mpbn": False}])
def test_a_norm_of_the_membrane(options: dict[str, bool]) -> None:
    """Between a state and its next value stands no arithmetic of neurons alone."""
    if not os.environ.get("CI"):
        pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, neuron

    torch.manual_seed(0)
    model = nn.Sequential(Cell().fc, neuron.MPBNLIFNode(out_features=NEURONS, **options)).eval()
    net, codes = loaded(model)
    assert not codes
    with torch.no_grad():
        wanted = np.stack([model(x).numpy() for x in X])
    functional.reset_net(model)
    np.testing.assert_array_equal(first(net), wanted)
