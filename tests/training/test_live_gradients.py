"""Gradients of live modules equal the library's autograd, for all surrogates but random ones."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")
    for library in ("snntorch", "norse", "spikingjelly", "sinabs"):
        pytest.importorskip(library)

import snntorch
import snntorch.surrogate
import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import nn

import snncc
from snncc.dialects.snn.surrogates import WITHOUT
from snncc.importers.torch.keeping import forget
from snncc.training import MeanSquaredError
from tests.importers.torch.live_cases import CASES, INPUTS, Stepped, Whole
from tests.importers.torch.test_live import QUIET, dyadic

STEPS, BATCH = 12, 3
LIMIT = 1e-5

ROUNDED = ("ILIFNode",)
"""Counts by rounding, whose gradient is that of no spike."""


def gradients_differ(module: nn.Module, axis: int = 0, gain: int = 1) -> dict[str, float]:
    """Largest difference of each gradient to autograd's, by its own largest element."""
    module = module.eval()
    dyadic(module, gain)
    x = ((torch.randn(STEPS, BATCH, INPUTS) * 2 + 0.7) * 64).round() / 64
    given = x.transpose(0, axis).contiguous()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = snncc.load(module, given, time_axis=axis)
    forget(module)
    given.requires_grad_()
    out = module(given)
    out = (out[0] if isinstance(out, tuple) else out).transpose(0, axis)
    target = torch.randn(out.shape)
    loss = 0.5 * ((out - target) ** 2).sum() / BATCH
    loss.backward()
    forget(module)
    output, *_ = net.outputs
    squared = MeanSquaredError(output, "sum")
    value, found = snncc.value_and_grad(net, squared, x.numpy(), target.numpy())
    assert value == pytest.approx(loss.item(), rel=LIMIT)
    assert given.grad is not None
    wanted = {"x": given.grad.transpose(0, axis).numpy()}
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            wanted[name] = parameter.grad.numpy()
    differences: dict[str, float] = {}
    for name, gradient in wanted.items():
        own = found.inputs.get(next(iter(net.inputs))) if name == "x" else found.get(name)
        if own is None:
            own = np.zeros_like(gradient)
        if name.endswith("recurrent_weights"):  # a hook of Norse's clears the diagonal
            own = own * (1 - np.eye(len(own)))
        # exp(25 u) overflows in the library, too: where its gradient is NaN, so is ours
        assert (np.isnan(own) == np.isnan(gradient)).all(), name
        most = np.abs(np.nan_to_num(gradient)).max()
        away = np.abs(np.nan_to_num(own) - np.nan_to_num(gradient)).max()
        differences[name] = float(away / (most if most > 0 else 1.0))
    return differences


@pytest.mark.parametrize("case", sorted(CASES))
def test_modules(case: str) -> None:
    if any(name in case for name in ROUNDED):
        pytest.skip("its gradient is that of a rounding")
    torch.manual_seed(0)
    axis = 1 if case.startswith("sinabs") else 0
    differences = gradients_differ(CASES[case](), axis, QUIET.get(case, 1))
    assert max(differences.values()) <= LIMIT, differences


def snntorch_surrogates() -> Iterator[str]:
    for name, function in vars(snntorch.surrogate).items():
        made = inspect.isfunction(function) and function.__module__ == "snntorch.surrogate"
        if made and name not in ("custom_surrogate", "LSO", "SSO"):  # these two are random
            yield name


@pytest.mark.parametrize("name", sorted(snntorch_surrogates()))
def test_snntorch_surrogates(name: str) -> None:
    function = getattr(snntorch.surrogate, name)
    if any(p.default is p.empty for p in inspect.signature(function).parameters.values()):
        pytest.skip("a building block")
    torch.manual_seed(1)
    for reset in ("subtract", "zero", "none"):
        cell = snntorch.Leaky(
            beta=0.9, threshold=0.6, spike_grad=function(), reset_mechanism=reset, learn_beta=True
        )
        differences = gradients_differ(Stepped(cell, "returned"))
        assert max(differences.values()) <= LIMIT, (reset, differences)


def spikingjelly_surrogates() -> Iterator[str]:
    for name, kind in vars(surrogate).items():
        if inspect.isclass(kind) and issubclass(kind, surrogate.SurrogateFunctionBase):
            if any(
                p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
                for p in list(inspect.signature(kind.__init__).parameters.values())[1:]
            ):
                continue
            if kind is not surrogate.SurrogateFunctionBase:
                yield name


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("name", sorted(spikingjelly_surrogates()))
def test_spikingjelly_surrogates(name: str, detach: bool) -> None:
    if name == "PoissonPass" or any(name in known for known in WITHOUT):
        pytest.skip("random, or without a derivative")
    torch.manual_seed(2)
    for reset in (0.0, None):
        cell = neuron.LIFNode(
            surrogate_function=getattr(surrogate, name)(),
            v_reset=reset,
            v_threshold=0.6,
            detach_reset=detach,
            step_mode="m",
        )
        differences = gradients_differ(Whole(cell))
        assert max(differences.values()) <= LIMIT, (reset, differences)
