"""
The derivatives of surrogates against the libraries' own backward functions, and against the
antiderivatives by central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import DictionaryAttr, FloatAttr, StringAttr, f32, f64
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import (
    SURROGATES,
    WITHOUT,
    SurrogateError,
    derivative,
    integral,
    surrogate_named,
)
from tests.dialects.bodies import evaluated
from tests.tools import shared_file


def attribute(name: str, **options: float) -> snn.SurrogateAttr:
    return snn.SurrogateAttr(name, {key: FloatAttr(value, f64) for key, value in options.items()})


def spike_with(surrogate: snn.SurrogateAttr | None) -> snn.SpikeOp:
    return snn.SpikeOp("gt", create_ssa_value(f32), surrogate)


def derivatives(surrogate: snn.SurrogateAttr, *arguments: Array) -> Array:
    spike = spike_with(surrogate)
    (found,) = evaluated(lambda b, *scalars: derivative(spike, b, scalars), *arguments)
    return found


def gradients(surrogate: snn.SurrogateAttr, gradient: Array, *arguments: Array) -> Array:
    spike = spike_with(surrogate)
    (found,) = evaluated(
        lambda b, g, *scalars: derivative(spike, b, scalars, g), gradient, *arguments
    )
    return found


def integrals(surrogate: snn.SurrogateAttr, *arguments: Array) -> Array:
    spike = spike_with(surrogate)
    (found,) = evaluated(lambda b, *scalars: integral(spike, b, scalars), *arguments)
    return found


POINTS = np.sort(
    np.concatenate(
        [
            np.linspace(-3, 3, 41),
            [-1.0, -0.5, -0.25, -1 / 3, 1 / 3, 0.25, 0.5, 1.0],
            [-50.0, -10.0, 10.0, 50.0, -1e-6, 1e-6, -0.1, 0.1, -0.02, 0.02],
            np.random.default_rng(0).normal(size=60),
        ]
    )
).astype(np.float32)


@dataclass
class Case:
    """A function of a library: `run` is given what the surrogate is a function of."""

    name: str
    run: Callable[..., Any]
    options: dict[str, float] = field(default_factory=dict)
    threshold: float | None = None
    rough: float = 0.0
    """Places of the largest part in which torch's own functions may differ; 0: no bit does."""

    def __str__(self) -> str:
        numbers = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}({numbers})"


def snntorch_cases() -> list[Case]:
    from snntorch import surrogate as s

    return [
        Case("snntorch.atan", s.atan()),
        Case("snntorch.atan", s.atan(alpha=3.7), {"alpha": 3.7}),
        Case("snntorch.fast_sigmoid", s.fast_sigmoid()),
        Case("snntorch.fast_sigmoid", s.fast_sigmoid(slope=9.3), {"slope": 9.3}),
        Case("snntorch.sigmoid", s.sigmoid(), rough=4),
        Case("snntorch.sigmoid", s.sigmoid(slope=3.1), {"slope": 3.1}, rough=4),
        Case("snntorch.straight_through_estimator", s.straight_through_estimator()),
        Case("snntorch.triangular", s.triangular()),
        Case("snntorch.triangular", s.triangular(threshold=0.7), {"threshold": 0.7}),
        Case("snntorch.heaviside", s.heaviside()),
        Case("snntorch.spike_rate_escape", s.spike_rate_escape(), rough=2),
        Case(
            "snntorch.spike_rate_escape",
            s.spike_rate_escape(beta=2.3, slope=3.3),
            {"beta": 2.3, "slope": 3.3},
            rough=2,
        ),
        Case("snntorch.sfs", s.SFS()),
        Case("snntorch.sfs", s.SFS(slope=3.3, B=0.3), {"slope": 3.3, "B": 0.3}),
    ]


def norse_cases() -> list[Case]:
    from norse.torch.functional.threshold import threshold

    def of(method: str, alpha: float) -> Callable[..., Any]:
        return lambda u: threshold(u, method, alpha)

    return [
        Case("norse.super", of("super", 100.0)),
        Case("norse.super", of("super", 3.0), {"alpha": 3.0}),
        Case("norse.tanh", of("tanh", 100.0), rough=2),
        Case("norse.tanh", of("tanh", 1.7), {"k": 1.7}, rough=2),
        Case("norse.triangle", of("triangle", 0.3)),
        Case("norse.triangle", of("triangle", 1.7), {"alpha": 1.7}),
        Case("norse.circ", of("circ", 100.0), rough=4),
        Case("norse.circ", of("circ", 0.7), {"alpha": 0.7}, rough=4),
        Case("norse.heavi_erfc", of("heavi_erfc", 100.0), rough=2),
        Case("norse.heavi_erfc", of("heavi_erfc", 1.3), {"k": 1.3}, rough=2),
    ]


def spikingjelly_cases() -> list[Case]:
    from spikingjelly.activation_based import surrogate as s

    def of(name: str, made: Any, rough: float = 0.0, **options: float) -> Case:
        return Case(f"spikingjelly.{name}", made, options, rough=rough)

    return [
        of("sigmoid", s.Sigmoid(), rough=2),
        of("sigmoid", s.Sigmoid(alpha=2.3), rough=2, alpha=2.3),
        of("atan", s.ATan()),
        of("atan", s.ATan(alpha=3.3), alpha=3.3),
        of("piecewise_quadratic", s.PiecewiseQuadratic()),
        of("piecewise_quadratic", s.PiecewiseQuadratic(alpha=1.7), alpha=1.7),
        of("piecewise_exp", s.PiecewiseExp(), rough=2),
        of("piecewise_exp", s.PiecewiseExp(alpha=2.7), rough=2, alpha=2.7),
        of("soft_sign", s.SoftSign()),
        of("soft_sign", s.SoftSign(alpha=3.3), alpha=3.3),
        of("super_spike", s.SuperSpike()),
        of("super_spike", s.SuperSpike(alpha=1.3), alpha=1.3),
        of("nonzero_sign_log_abs", s.NonzeroSignLogAbs()),
        of("nonzero_sign_log_abs", s.NonzeroSignLogAbs(alpha=3.1), alpha=3.1),
        of("erf", s.Erf(), rough=2),
        of("erf", s.Erf(alpha=1.1), rough=2, alpha=1.1),
        of("piecewise_leaky_relu", s.PiecewiseLeakyReLU()),
        of("piecewise_leaky_relu", s.PiecewiseLeakyReLU(w=0.7, c=0.1), w=0.7, c=0.1),
        of("squarewave_fourier_series", s.SquarewaveFourierSeries(), rough=2),
        of(
            "squarewave_fourier_series",
            s.SquarewaveFourierSeries(n=5, T_period=6.3),
            rough=8,
            n=5.0,
            T_period=6.3,
        ),
        of("s2nn", s.S2NN(), rough=2),
        of("s2nn", s.S2NN(alpha=2.1, beta=0.7), rough=2, alpha=2.1, beta=0.7),
        of("q_pseudo_spike", s.QPseudoSpike()),
        of("q_pseudo_spike", s.QPseudoSpike(alpha=2.6), rough=4, alpha=2.6),
        of("leaky_k_relu", s.LeakyKReLU()),
        of("leaky_k_relu", s.LeakyKReLU(leak=0.1, k=0.7), leak=0.1, k=0.7),
        of("fake_numerical_gradient", s.FakeNumericalGradient()),
        of("fake_numerical_gradient", s.FakeNumericalGradient(alpha=0.9), alpha=0.9),
        of("log_tailed_relu", s.LogTailedReLU()),
        of("log_tailed_relu", s.LogTailedReLU(alpha=0.1), alpha=0.1),
        of("deterministic_pass", s.DeterministicPass()),
        of("rect", s.Rect()),
        of("rect", s.Rect(alpha=1.3), alpha=1.3),
        of(
            "multi_level_spike_count",
            s.MultiLevelSpikeCount(3, grad_window=(-0.5, 2.5)),
            max_spike_count=3.0,
            grad_min=-0.5,
            grad_max=2.5,
        ),
    ]


def sinabs_cases() -> list[Case]:
    import sinabs.activation as s
    import torch

    def of(name: str, made: Any, threshold: float, rough: float = 0.0, **options: float) -> Case:
        theta = torch.tensor(threshold)

        def run(v: Any) -> Any:
            return s.MultiSpike.apply(v, theta, made)

        return Case(f"sinabs.{name}", run, options, threshold, rough)

    return [
        of("single_exponential", s.SingleExponential(), 1.0, 2),
        of(
            "single_exponential",
            s.SingleExponential(0.3, 1.7),
            0.7,
            2,
            grad_width=0.3,
            grad_scale=1.7,
        ),
        of("periodic_exponential", s.PeriodicExponential(), 1.0, 2),
        of(
            "periodic_exponential",
            s.PeriodicExponential(0.3, 1.7),
            0.7,
            2,
            grad_width=0.3,
            grad_scale=1.7,
        ),
        of("heaviside", s.Heaviside(), 1.0),
        of("heaviside", s.Heaviside(0.31), 0.7, window=0.31),
        of("gaussian", s.Gaussian(), 1.0, 2),
        of("gaussian", s.Gaussian(0.1, 0.3, 1.7), 0.7, 2, mu=0.1, sigma=0.3, grad_scale=1.7),
        of("multi_gaussian", s.MultiGaussian(), 1.0, 4),
        of(
            "multi_gaussian",
            s.MultiGaussian(0.1, 0.3, 0.2, 5.0, 1.7),
            0.7,
            4,
            mu=0.1,
            sigma=0.3,
            h=0.2,
            s=5.0,
            grad_scale=1.7,
        ),
    ]


LIBRARIES = {
    "snntorch": snntorch_cases,
    "norse": norse_cases,
    "spikingjelly": spikingjelly_cases,
    "sinabs": sinabs_cases,
}


def given(case: Case, dtype: type) -> tuple[Array, ...]:
    points = POINTS.astype(dtype)
    if case.threshold is None:
        return (points,)
    # the library's threshold is a tensor of float32
    threshold = np.float32(case.threshold).astype(dtype)
    return (points + threshold, np.full_like(points, threshold))


@pytest.mark.parametrize("library", LIBRARIES)
def test_gradients_of_the_library(library: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip(library)
    rng = np.random.default_rng(1)
    for case in LIBRARIES[library]():
        named = attribute(case.name, **case.options)
        for dtype in (np.float32, np.float64):
            arguments = given(case, dtype)
            for gradient in (None, rng.normal(size=POINTS.shape).astype(dtype)):
                x = torch.tensor(arguments[0], requires_grad=True)
                z = case.run(x)
                grad = torch.ones_like(z) if gradient is None else torch.tensor(gradient).to(z)
                (wanted,) = torch.autograd.grad(z, x, grad)
                if gradient is None:
                    got = derivatives(named, *arguments)
                else:
                    got = gradients(named, gradient, *arguments)
                if z.dtype is x.dtype:
                    expect_near(case, got, wanted.numpy(), dtype)
                else:  # snnTorch's and Sinabs' spikes, and their gradients, are always float32
                    largest = np.nanmax(np.abs(wanted.numpy()))
                    np.testing.assert_allclose(got, wanted, 1e-6, 1e-6 * largest, True, str(case))


def expect_near(case: Case, got: Array, wanted: Array, dtype: type) -> None:
    """
    Bit for bit where torch rounds each operation correctly. Its exp, tanh, sigmoid, cos and
    powers do not: the places are counted at the largest value, since 1 - s and 1 - t * t
    cancel where the function saturates.
    """
    assert got.dtype == dtype
    if not case.rough:
        np.testing.assert_array_equal(got, wanted.astype(dtype), str(case))
        return
    nan = np.isnan(wanted)
    np.testing.assert_array_equal(np.isnan(got), nan, str(case))
    place = np.spacing(np.abs(wanted[~nan]).max().astype(dtype))
    error = np.abs(got[~nan] - wanted[~nan]).max() / place
    assert error <= case.rough, f"{case}: {error} places"


def test_every_name_is_compared() -> None:
    for library, cases in LIBRARIES.items():
        pytest.importorskip(library)
        named = {name for name in SURROGATES if name.startswith(f"{library}.")}
        assert {case.name for case in cases()} | {"snntorch.lso"} >= named


CORPUS = {
    "sn.atan": ("snntorch.atan", {}),
    "sn.fast_sigmoid": ("snntorch.fast_sigmoid", {}),
    "sn.sigmoid": ("snntorch.sigmoid", {}),
    "sn.ste": ("snntorch.straight_through_estimator", {}),
    "sn.triangular": ("snntorch.triangular", {}),
    "sn.heaviside": ("snntorch.heaviside", {}),
    "sn.spike_rate_escape": ("snntorch.spike_rate_escape", {}),
    "sn.SFS": ("snntorch.sfs", {}),
    "no.super(alpha=100)": ("norse.super", {"alpha": 100.0}),
    "no.tanh(5)": ("norse.tanh", {"k": 5.0}),
    "no.triangle(.3)": ("norse.triangle", {"alpha": 0.3}),
    "no.circ(.7)": ("norse.circ", {"alpha": 0.7}),
    "no.heavi_erfc(2)": ("norse.heavi_erfc", {"k": 2.0}),
    "sj.PiecewiseQuadratic": ("spikingjelly.piecewise_quadratic", {}),
    "sj.PiecewiseExp": ("spikingjelly.piecewise_exp", {}),
    "sj.Sigmoid": ("spikingjelly.sigmoid", {}),
    "sj.SoftSign": ("spikingjelly.soft_sign", {}),
    "sj.SuperSpike": ("spikingjelly.super_spike", {}),
    "sj.ATan": ("spikingjelly.atan", {}),
    "sj.NonzeroSignLogAbs": ("spikingjelly.nonzero_sign_log_abs", {}),
    "sj.Erf": ("spikingjelly.erf", {}),
    "sj.PiecewiseLeakyReLU": ("spikingjelly.piecewise_leaky_relu", {}),
    "sj.SquarewaveFourier": ("spikingjelly.squarewave_fourier_series", {}),
    "sj.S2NN": ("spikingjelly.s2nn", {}),
    "sj.QPseudoSpike": ("spikingjelly.q_pseudo_spike", {}),
    "sj.LeakyKReLU": ("spikingjelly.leaky_k_relu", {}),
    "sj.FakeNumericalGradient": ("spikingjelly.fake_numerical_gradient", {}),
    "sj.LogTailedReLU": ("spikingjelly.log_tailed_relu", {}),
    "sj.DeterministicPass": ("spikingjelly.deterministic_pass", {}),
    "sj.Rect": ("spikingjelly.rect", {}),
    "sb.SingleExponential": ("sinabs.single_exponential", {}),
    "sb.Heaviside": ("sinabs.heaviside", {}),
    "sb.Gaussian": ("sinabs.gaussian", {}),
    "sb.MultiGaussian": ("sinabs.multi_gaussian", {}),
    "sb.PeriodicExponential(MultiSpike)": ("sinabs.periodic_exponential", {}),
}
"""Recorded gradients by their key: the surrogate, defaults where none are given."""


def test_recorded_gradients() -> None:
    with np.load(shared_file("corpus/surrogates.npz")) as file:
        assert {*file} - {"u"} == {*CORPUS}
        u = file["u"].astype(np.float32)
        for key, (name, options) in CORPUS.items():
            arguments = [u]
            if SURROGATES[name].arguments == ("v", "threshold"):
                arguments = [u + np.float32(1.0), np.ones_like(u)]
            got, wanted = derivatives(attribute(name, **options), *arguments), file[key]
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=5e-7 * scale, err_msg=key)


SMOOTH = [
    *((name, {}) for name in SURROGATES),
    ("snntorch.sfs", {"slope": 2.0, "B": -0.3}),
    ("snntorch.spike_rate_escape", {"beta": 1.7, "slope": 0.6}),
    ("norse.circ", {"alpha": 0.7}),
    ("norse.tanh", {"k": 1.3}),
    ("norse.heavi_erfc", {"k": 1.3}),
    ("spikingjelly.q_pseudo_spike", {"alpha": 2.6}),
    ("spikingjelly.squarewave_fourier_series", {"n": 4.0, "T_period": 6.0}),
    ("spikingjelly.piecewise_leaky_relu", {"w": 0.7, "c": 0.2}),
    ("spikingjelly.rect", {"alpha": 1.7}),
    ("spikingjelly.s2nn", {"alpha": 2.0, "beta": 0.7}),
    ("sinabs.multi_gaussian", {"mu": 0.2, "sigma": 0.4, "h": 0.3, "s": 3.0, "grad_scale": 1.5}),
    ("sinabs.heaviside", {"window": 0.4}),
    ("sinabs.periodic_exponential", {"grad_width": 0.3, "grad_scale": 1.7}),
    ("sinabs.single_exponential", {"grad_width": 0.3, "grad_scale": 1.7}),
]


@pytest.mark.parametrize(("name", "options"), SMOOTH)
def test_the_integral_has_the_derivative(name: str, options: dict[str, float]) -> None:
    """By central differences in float64; kinks and jumps lie between the points."""
    named, step = attribute(name, **options), 1e-6
    u = np.linspace(-2.9, 2.9, 211) + 1.234e-3
    rest: list[Array] = []
    if SURROGATES[name].arguments == ("v", "threshold"):
        u, rest = u + 0.8, [np.full_like(u, 0.8)]
    slope = (integrals(named, u + step, *rest) - integrals(named, u - step, *rest)) / (2 * step)
    wanted = derivatives(named, u, *rest)
    np.testing.assert_allclose(slope, wanted, rtol=1e-6, atol=1e-8 * max(1, np.abs(wanted).max()))
    if SURROGATES[name].arguments != ("q",):
        decided = np.array([0.8 if rest else 0.0])
        at = integrals(named, decided, *(np.array([0.8]) for _ in rest))
        np.testing.assert_allclose(at, 0.5, atol=1e-15)


def test_generic_surrogates() -> None:
    """The formulas of the smoothed networks."""
    x = POINTS.astype(np.float64)
    size, s = np.abs(x), 1 / (1 + np.exp(-4 * x))
    wanted = {
        "sigmoid": 4 * s * (1 - s),
        "boxcar": 1.0 * (size < 0.5),
        "triangle": np.maximum(0, 1 - size),
        "exponential": 1.5 * np.exp(-3 * size),
        "superspike": 1 / (1 + 5 * size) ** 2,
        "fast_sigmoid_norm": 2.5 / (1 + 5 * size) ** 2,
        "atan": 1 / (1 + (np.pi * x) ** 2),
        "straight_through": np.ones_like(x),
    }
    assert {*wanted} == {name for name in SURROGATES if "." not in name}
    for name, expected in wanted.items():
        np.testing.assert_allclose(derivatives(attribute(name), x), expected, 1e-12, 1e-15, name)


def test_lso() -> None:
    """What its backward says; torch refuses to run it, for it returns one gradient too few."""
    got = derivatives(attribute("snntorch.lso", slope=0.2), POINTS)
    np.testing.assert_array_equal(got, np.where(POINTS > 0, 1, np.float32(0.2)))


class TestRefusals:
    def refused(self, surrogate: snn.SurrogateAttr | None, count: int = 1) -> str:
        spike = spike_with(surrogate)

        def write(b: Body, *scalars: Scalar) -> list[Scalar]:
            return derivative(spike, b, scalars)

        with pytest.raises(SurrogateError) as fault:
            evaluated(write, *[np.zeros(1)] * count)
        return str(fault.value)

    def test_unknown_names(self) -> None:
        text = self.refused(attribute("norse.supper"))
        assert "norse.super" in text
        assert "snntorch" not in text
        assert "superspike" in self.refused(attribute("mine"))

    def test_unknown_options(self) -> None:
        assert "no option 'slope'; it takes alpha" in self.refused(
            attribute("snntorch.atan", slope=1.0)
        )
        assert "it takes none" in self.refused(attribute("snntorch.heaviside", slope=1.0))
        text = snn.SurrogateAttr("snntorch.atan", DictionaryAttr({"alpha": StringAttr("2")}))
        assert "expected a number" in self.refused(text)

    def test_random_ones(self) -> None:
        for name in WITHOUT:
            assert "random" in self.refused(attribute(name))
            with pytest.raises(SurrogateError):
                surrogate_named(attribute(name))

    def test_no_surrogate(self) -> None:
        assert "0 everywhere" in self.refused(None)

    def test_other_arguments(self) -> None:
        assert "(v, threshold), got 1" in self.refused(attribute("sinabs.gaussian"))
        assert "(u), got 2" in self.refused(attribute("snntorch.atan"), 2)
