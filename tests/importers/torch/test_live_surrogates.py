"""The surrogates of live models: named where a library has them, else captured as bodies."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.surrogates import SurrogateError, derivative, differentiated
from snncc.errors import SnnccWarning
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from tests.dialects.bodies import evaluated

STEPS, BATCH, NEURONS = 7, 3, 4

U = np.concatenate([np.linspace(-3, 3, 61), [-1e-3, 1e-3, -0.5, 0.5]]).astype(np.float32)


class Cell(nn.Module):
    """v = .9 v + x, a spike, and a reset by subtraction."""

    def __init__(self, fire: Callable[[torch.Tensor], torch.Tensor], bound: float = 1.0):
        super().__init__()
        self.fire = fire
        self.bound = bound

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v, outputs = torch.zeros_like(x[0]), []
        for t in range(x.shape[0]):
            v = 0.9 * v + x[t]
            s = self.fire(v)
            v = v - s * self.bound
            outputs.append(s)
        return torch.stack(outputs)


def loaded(model: Any, axis: int = 0, *, expect: str | None = None) -> snncc.Network:
    """The network, whose spikes are the model's; with this warning and no other."""
    rng = np.random.default_rng(0)
    shape = [BATCH, NEURONS]
    shape.insert(axis, STEPS)
    x = torch.tensor((rng.integers(-32, 96, shape) / 64).astype(np.float32))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        net = snncc.load(model, x, time_axis=axis)
    texts = [str(w.message) for w in found if issubclass(w.category, SnnccWarning)]
    assert [text[:8] for text in texts] == ([] if expect is None else ["SNC-I004"]), texts
    assert expect is None or expect in texts[0]
    with torch.no_grad():
        wanted = model(x).numpy()
    result = np.moveaxis(net.run(np.moveaxis(x.numpy(), axis, 0))["output"], 0, axis)
    np.testing.assert_array_equal(result, wanted)
    return net


def spikes(net: snncc.Network) -> list[snn.SpikeOp | snn.CountOp]:
    """Those that leave the neurons."""
    return [
        op
        for neuron in net.op.body.block.ops
        if isinstance(neuron, snn.NeuronOp)
        for op in [neuron.terminator.outputs[0].owner]
        if isinstance(op, snn.SpikeOp | snn.CountOp)
    ]


def only(net: snncc.Network) -> snn.SpikeOp | snn.CountOp:
    (spike,) = spikes(net)
    return spike


def surrogate_text(net: snncc.Network) -> str:
    return str(only(net).surrogate)


def slopes(spike: snn.SpikeOp | snn.CountOp, *arguments: Array) -> tuple[Array, ...]:
    return evaluated(lambda b, *scalars: derivative(spike, b, scalars), *arguments)


def autograd(function: Callable[..., torch.Tensor], *arguments: Array) -> list[Array | None]:
    leaves = [torch.tensor(array, requires_grad=True) for array in arguments]
    z = function(*leaves)
    found = torch.autograd.grad(z, leaves, torch.ones_like(z), allow_unused=True)
    return [None if gradient is None else gradient.numpy() for gradient in found]


class Fire(torch.autograd.Function):
    """H(u), with a derivative that each test gives: slope(u, z)."""

    slope: Callable[..., torch.Tensor]

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
        z = (u > 0).float()
        ctx.save_for_backward(u, z)
        return z


def function(slope: Callable[..., torch.Tensor], name: str = "Mine") -> Any:
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        u, z = ctx.saved_tensors
        return gradient * slope(u, z)

    return type(name, (Fire,), {"backward": staticmethod(backward)})


def masked(u: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    slope = torch.ones_like(u)
    slope[u.abs() > 1] = 0.0
    return slope


SLOPES: dict[str, tuple[Callable[..., torch.Tensor], float]] = {
    "clamp": (lambda u, z: torch.clamp(1 - u.abs(), min=0) * 0.3, 0),
    "where": (lambda u, z: torch.where(u < 0.25, 0.5, 1 / (1 + u * u)), 0),
    "result": (lambda u, z: z * 0.75 + (1 - z) * 0.1, 0),
    "mask": (masked, 0),
    "comparison": (lambda u, z: ((u >= -0.5) & (u <= 0.5)).float(), 0),
    "sigmoid": (lambda u, z: torch.sigmoid(4 * u) * (1 - torch.sigmoid(4 * u)) * 4, 1e-6),
    "tanh": (lambda u, z: 1 - torch.tanh(u) ** 2, 1e-6),
    "gauss": (lambda u, z: torch.exp(-(u**2) / 0.5), 1e-6),
    "constant": (lambda u, z: torch.full_like(u, 0.5), 0),
}
"""Derivatives, and how far torch's own functions are from ours."""


@pytest.mark.parametrize("name", SLOPES)
def test_a_backward_becomes_a_body(name: str) -> None:
    slope, tolerance = SLOPES[name]
    mine = function(slope)
    spike = only(loaded(Cell(lambda v: mine.apply(v - 1.0))))
    assert str(spike.surrogate) == "#snn.surrogate<@Mine>"
    assert not spike.surrogate_arguments
    (wanted,) = autograd(mine.apply, U)
    np.testing.assert_allclose(slopes(spike, U)[0], wanted, rtol=0, atol=tolerance)


def test_numbers_of_classes_and_arguments() -> None:
    """Equal derivatives are one; others have a name of their own."""

    class Scaled(torch.autograd.Function):
        scale = 100.0

        @staticmethod
        def forward(ctx: Any, u: torch.Tensor, width: float) -> torch.Tensor:
            ctx.save_for_backward(u)
            ctx.width = width
            return (u >= 0).float()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
            (u,) = ctx.saved_tensors
            return gradient / (Scaled.scale * (u / ctx.width).abs() + 1.0) ** 2, None

    widths = [0.5, 0.25, 0.5]
    net = loaded(nn.Sequential(*(Cell(lambda v, w=w: Scaled.apply(v - 1.0, w)) for w in widths)))
    found = spikes(net)
    assert [str(op.surrogate) for op in found] == [
        "#snn.surrogate<@Scaled>",
        "#snn.surrogate<@Scaled_2>",
        "#snn.surrogate<@Scaled>",
    ]
    assert sum(isinstance(op, snn.SurrogateOp) for op in net.module.ops) == 2
    for spike, width in zip(found, widths, strict=True):
        (wanted,) = autograd(lambda u, w=width: Scaled.apply(u, w), U)
        np.testing.assert_array_equal(slopes(spike, U)[0], wanted)


class Above(torch.autograd.Function):
    """H(v - theta) with gradients of both; the threshold's is summed over what it served."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(v, theta)
        return (v >= theta).float()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v, theta = ctx.saved_tensors
        slope = gradient * torch.clamp(1 - (v - theta).abs() / theta, min=0)
        return slope, -slope.sum(0) if theta.ndim < v.ndim else -slope


def test_thresholds_of_each_neuron() -> None:
    theta = nn.Parameter(torch.tensor([0.5, 0.75, 1.0, 1.25]))
    spike = only(loaded(Cell(lambda v: Above.apply(v, theta))))
    assert len(spike.surrogate_arguments) == 2
    assert spike.argument not in spike.surrogate_arguments
    other = np.full_like(U, 0.75)
    wanted = autograd(Above.apply, U, other)
    for slope, gradient in zip(slopes(spike, U, other), wanted, strict=True):
        np.testing.assert_array_equal(slope, gradient)


def test_arrays_and_parameters_that_the_code_holds() -> None:
    """They are what the derivative is a function of; a parameter may get a gradient."""
    width = torch.tensor([0.5, 1.0, 1.5, 2.0])
    held = function(lambda u, z: 1 / (1 + (u / width).abs()), "Held")
    spike = only(loaded(Cell(lambda v: held.apply(v - 1.0))))
    assert len(spike.surrogate_arguments) == 2
    widths = np.full_like(U, 1.5)
    np.testing.assert_array_equal(slopes(spike, U, widths)[0], 1 / (1 + np.abs(U / widths)))

    class Learned(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, u: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(u, k)
            return (u > 0).float()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            u, k = ctx.saved_tensors
            slope = gradient / (k * u.abs() + 1)
            return slope, (slope * u).sum()

    k = nn.Parameter(torch.tensor(3.0))
    spike = only(loaded(Cell(lambda v: Learned.apply(v - 1.0, k))))
    first, second = slopes(spike, U, np.full_like(U, 3.0))
    np.testing.assert_array_equal(first, 1 / (np.float32(3) * np.abs(U) + 1))
    np.testing.assert_array_equal(second, first * U)


class Linear(Fire):
    """Of its own gradient it makes something else."""

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clamp(-1, 1)


NOT_CAPTURED: dict[str, tuple[Any, str]] = {
    "random": (function(lambda u, z: torch.rand_like(u)), "another result each time"),
    "mixing": (function(lambda u, z: u.abs() / u.abs().sum()), "each element alone"),
    "clipped": (Linear, "not linear"),
    "broken": (function(lambda u, z: u.no_such_thing), "no_such_thing"),
    "unknown": (function(lambda u, z: torch.digamma(u.abs() + 1)), "aten.digamma"),
}


@pytest.mark.parametrize("name", NOT_CAPTURED)
def test_what_no_body_can_hold(name: str) -> None:
    """The network runs; its spikes say that they have a surrogate, and which."""
    mine, reason = NOT_CAPTURED[name]
    before = torch.random.get_rng_state()
    spike = only(loaded(Cell(lambda v: mine.apply(v - 1.0)), expect=reason))
    assert torch.equal(before, torch.random.get_rng_state())
    assert mine.__qualname__ in str(spike.surrogate)
    with pytest.raises(SurrogateError, match="not known"):
        slopes(spike, U)


def test_no_gradient() -> None:
    class Step(Fire):
        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> None:
            return None

    assert only(loaded(Cell(lambda v: Step.apply(v - 1.0)))).surrogate is None


def test_straight_through() -> None:
    """The gradient of what is added and subtracted again."""

    def fire(v: torch.Tensor) -> torch.Tensor:
        soft = torch.sigmoid(4 * (v - 1))
        return ((v - 1 > 0).float() - soft).detach() + soft

    rng = torch.rand(STEPS, BATCH, NEURONS)
    spike = only(snncc.load(Cell(fire), rng, time_axis=0))
    assert str(spike.surrogate) == '#snn.surrogate<"straight_through">'
    (soft,) = differentiated(spike)
    assert soft is not spike.argument
    assert slopes(spike, U)[0].tolist() == [1.0] * len(U)


def test_text_and_phases(tmp_path: Path) -> None:
    """A surrogate of the module's own stays with it, until the schedule needs it no more."""
    theta = torch.tensor([0.5, 0.75, 1.0, 1.25])
    net = loaded(Cell(lambda v: Above.apply(v, theta)))
    net.save(tmp_path / "net.mlir")
    assert snncc.load(tmp_path / "net.mlir").mlir() == net.mlir()
    net.export(tmp_path / "net.onnx")
    text = snncc.load(tmp_path / "net.onnx").mlir()
    assert text.replace(" fixed ", " ") == net.mlir().replace(" fixed ", " ")
    fused = run_pipeline(net.module, context(), PipelineOptions(), until="fuse")
    assert "snn.surrogate @Above" in str(fused)
    assert "surrogate <@Above> of" in str(fused)
    assert "surrogate" not in str(run_pipeline(net.module, context(), PipelineOptions()))


class TestLibraries:
    def test_spikingjelly(self) -> None:
        surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
        for made, text in (
            (surrogate.Sigmoid(), '"spikingjelly.sigmoid", alpha = 4.000000e+00 : f64'),
            (
                surrogate.PiecewiseLeakyReLU(w=0.5, c=0.25),
                '"spikingjelly.piecewise_leaky_relu", w = 5.000000e-01 : f64, '
                "c = 2.500000e-01 : f64",
            ),
        ):
            net = loaded(Cell(lambda v, f=made: f(v - 1.0)))
            assert surrogate_text(net) == f"#snn.surrogate<{text}>"
        count = surrogate.MultiLevelSpikeCount(3)
        spike = only(loaded(Cell(lambda v: count(v))))
        assert isinstance(spike, snn.CountOp)
        (wanted,) = autograd(count, U)
        np.testing.assert_array_equal(slopes(spike, U)[0], wanted)

    def test_norse(self) -> None:
        threshold = pytest.importorskip("norse.torch.functional.threshold").threshold
        net = loaded(Cell(lambda v: threshold(v - 1.0, "triangle", 0.25)))
        assert surrogate_text(net) == '#snn.surrogate<"norse.triangle", alpha = 2.500000e-01 : f64>'
        assert only(loaded(Cell(lambda v: threshold(v - 1.0, "heaviside", 1.0)))).surrogate is None

    def test_snntorch(self) -> None:
        surrogate = pytest.importorskip("snntorch.surrogate")

        def own(u: torch.Tensor, gradient: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            return gradient / (25 * u.abs() + 1.0) ** 2 * (1 - 0.5 * z)

        fire = surrogate.custom_surrogate(own)
        spike = only(loaded(Cell(lambda v: fire(v - 1.0))))
        (wanted,) = autograd(fire, U)
        np.testing.assert_array_equal(slopes(spike, U)[0], wanted)
        net = loaded(Cell(lambda v: surrogate.SSO()(v - 1.0)))
        assert "snntorch.sso" in surrogate_text(net)

    def test_sinabs(self) -> None:
        activation = pytest.importorskip("sinabs.activation")
        layers = pytest.importorskip("sinabs.layers")
        given = {"surrogate_grad_fn": activation.PeriodicExponential(0.25, 2.0)}
        name = (
            '#snn.surrogate<"sinabs.periodic_exponential", grad_width = 2.500000e-01 : f64, '
            "grad_scale = 2.000000e+00 : f64>"
        )
        for fire in (activation.SingleSpike, activation.MultiSpike, activation.MaxSpike(2)):
            theta = torch.tensor([0.5, 0.75, 1.0, 1.25])
            net = loaded(layers.IAF(spike_threshold=theta, spike_fn=fire, **given), 1)
            spike = only(net)
            assert str(spike.surrogate) == name
            assert len(spike.surrogate_arguments) == 2
            assert isinstance(spike, snn.CountOp) == (fire is not activation.SingleSpike)
            thresholds = np.full_like(U, 0.75)
            wanted, none = autograd(
                lambda v, t, f=fire: f.apply(v, t, given["surrogate_grad_fn"]), U, thresholds
            )
            assert none is None
            (got,) = slopes(spike, U, thresholds)
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
        adaptive = layers.ALIF(tau_mem=5.0, tau_adapt=6.0, norm_input=False)
        net = snncc.load(adaptive, torch.rand(BATCH, STEPS, NEURONS), time_axis=1)
        assert "sinabs.single_exponential" in surrogate_text(net)
        assert len(only(net).surrogate_arguments) == 2

    def test_a_subclass_with_another_backward(self) -> None:
        base = pytest.importorskip("snntorch.surrogate").ATan

        class Wider(base):  # type: ignore[misc]
            @staticmethod
            def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
                (u,) = ctx.saved_tensors
                return gradient / (1 + u.abs() * ctx.alpha), None

        spike = only(loaded(Cell(lambda v: Wider.apply(v - 1.0, 0.5))))
        assert str(spike.surrogate) == "#snn.surrogate<@Wider>"
        np.testing.assert_array_equal(slopes(spike, U)[0], 1 / (1 + np.abs(U) * np.float32(0.5)))
