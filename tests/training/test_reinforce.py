"""The gradient of an expected loss: by enumeration, by differences, and by samples."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.network import Network
from snncc.training import CrossEntropy, MeanSquaredError, RateRegularization
from snncc.training.reinforce import expectation, reinforce
from tests.training.test_smoothed import LIF, network_of, surrogate

SIGMOID = 'surrogate <"sigmoid", k = 4.0 : f64>'
X = np.linspace(-0.4, 1.1, 12).reshape(3, 2, 2)
TARGET = np.full((3, 2, 2), 0.3)


def lif(text: str = SIGMOID) -> Network:
    """Two neurons that inhibit nobody, but hold their membranes a step after a spike."""
    return network_of(LIF.format(declared="", surrogate=text))


def of_input(estimate) -> np.ndarray:
    return estimate[1].inputs["x"]


def test_the_expectation_has_the_gradient_of_its_value() -> None:
    """Through spikes that decide, too: they are drawn, and what they decide follows."""
    value, found = expectation(lif(), MeanSquaredError(), X, TARGET)
    assert value > 0
    step = 1e-5
    rng = np.random.default_rng(0)
    way = rng.normal(size=X.shape)
    ends = [expectation(lif(), MeanSquaredError(), X + s * way, TARGET)[0] for s in (step, -step)]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert (found.inputs["x"] * way).sum() == pytest.approx(slope, rel=1e-7)
    starts = [
        expectation(lif(), MeanSquaredError(), X, TARGET, state0={"lif.v": np.full(2, 0.1 + s)})[0]
        for s in (step, -step)
    ]
    assert found.states["lif.v"].sum() == pytest.approx(
        (starts[0] - starts[1]) / (2 * step), rel=1e-7
    )


@pytest.mark.parametrize("baseline", ["others", "none"])
def test_samples_approach_the_exact_gradient(baseline) -> None:
    exact = of_input(expectation(lif(), MeanSquaredError(), X, TARGET))
    found = [
        of_input(
            reinforce(
                lif(), MeanSquaredError(), X, TARGET, samples=500, baseline=baseline, seed=seed
            )
        )
        for seed in range(8)
    ]
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert np.abs(np.mean(found, axis=0) - exact).max() < 5 * error.max()


def test_a_baseline_lowers_the_variance() -> None:
    spread = {
        baseline: np.std(
            [
                of_input(
                    reinforce(
                        lif(), MeanSquaredError(), X, TARGET, samples=50, baseline=baseline, seed=s
                    )
                )
                for s in range(8)
            ],
            axis=0,
        ).mean()
        for baseline in ("others", "none")
    }
    assert spread["others"] < 0.5 * spread["none"]


def test_a_seed_says_what_is_drawn() -> None:
    runs = [reinforce(lif(), "mse", X, TARGET, samples=4, seed=s)[0] for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_refusals() -> None:
    def code(function, *arguments, **options) -> str:
        with pytest.raises(SnnccError) as caught:
            function(*arguments, **options)
        return caught.value.code

    # from .3 to .7; a slope without ends
    for name in ("superspike", "straight_through"):
        net = lif(f'surrogate <"{name}">')
        assert code(reinforce, net, "mse", X, TARGET) == "SNC-C003"
    assert code(reinforce, lif(), "mse", X, TARGET, samples=0) == "SNC-C003"
    assert code(reinforce, lif(), "mse", X, TARGET, baseline="mean") == "SNC-C003"
    rate = MeanSquaredError() + RateRegularization(neurons=("lif",))
    assert code(reinforce, lif(), rate, X, TARGET) == "SNC-C003"
    long = np.zeros((9, 1, 2))
    assert code(expectation, lif(), CrossEntropy(), long, np.array([0])) == "SNC-C003"
    declared = "snn.surrogate @Own (%u : f32) -> f32 {\n snn.derivative %u : f32\n }"
    net = network_of(LIF.format(declared=declared, surrogate="surrogate <@Own>"))
    assert code(reinforce, net, "mse", X, TARGET) == "SNC-T002"


def test_a_given_surrogate_and_its_scale() -> None:
    """A factor that training gives to a derivative is none of the probability's."""
    plain = expectation(lif(""), "mse", X, TARGET, surrogate=surrogate("sigmoid", {"k": 4.0}))
    scaled = expectation(
        lif(""), "mse", X, TARGET, surrogate=surrogate("sigmoid", {"k": 4.0, "scale": 3.0})
    )
    assert plain[0] == scaled[0]
    np.testing.assert_array_equal(of_input(plain), of_input(scaled))
