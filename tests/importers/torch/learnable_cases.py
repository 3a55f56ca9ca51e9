"""Modules whose neurons and weights are computed of learnable parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from tests.importers.torch.live_cases import HIDDEN, INPUTS, Stepped, Whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import norse.torch as norse
    import sinabs.layers
    import snntorch
    from spikingjelly.activation_based import neuron


def leaky(**options: Any) -> nn.Module:
    return Stepped(snntorch.Leaky(beta=0.9, **options), "returned")


class LearnableTau(nn.Module):
    """Norse keeps its parameters in a tuple: the module registers those that it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.tau_mem_inv = nn.Parameter(torch.full((HIDDEN,), 90.0))
        self.v_th = nn.Parameter(torch.tensor(0.4))
        p = norse.LIFParameters(tau_mem_inv=self.tau_mem_inv, v_th=self.v_th)
        self.cell = norse.LIFCell(p=p)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, state = [], None
        for t in range(x.shape[0]):
            z, state = self.cell(self.fc(x[t]), state)
            outputs.append(z)
        return torch.stack(outputs)


class Layered(nn.Module):
    """A layer, in front of neurons that it does not know of."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        self.lif = snntorch.Leaky(beta=0.5, threshold=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, outputs = self.lif.reset_mem(), []
        for t in range(x.shape[0]):
            spikes, mem = self.lif(self.layer(x[t]), mem)
            outputs.append(spikes)
        return torch.stack(outputs)


class Symmetric(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.triu() + x.triu(1).transpose(-1, -2)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", (torch.arange(HIDDEN * INPUTS) % 3 != 0).float().view(5, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.mask


class Tied(nn.Module):
    """One weight for two layers: as it is, and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(INPUTS, HIDDEN)
        self.again = nn.Linear(INPUTS, HIDDEN)
        self.again.weight = self.encoder.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(x) + 0.5 * self.again(torch.relu(x))
        return nn.functional.linear(hidden, self.encoder.weight.t())


class Gates(nn.Module):
    """One weight [3N, M] whose thirds are used apart, and one that is cut by rows."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(3 * HIDDEN, INPUTS) * 0.5)
        self.b = nn.Parameter(torch.randn(3 * HIDDEN) * 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (w1, w2, w3), (b1, b2, b3) = self.w.chunk(3), self.b.chunk(3)
        linear = nn.functional.linear
        return linear(x, w1, b1) + linear(x, w2, b2) * 2 - linear(torch.relu(x), w3, b3)


class Rows(nn.Module):
    """The same map for every row, and a convolution of length three over them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 4)
        self.norm = nn.BatchNorm1d(4)
        self.conv = nn.Conv1d(4, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x.view(*x.shape[:-1], 3, 2))
        return self.conv(self.norm(y.transpose(-1, -2))).flatten(-2)


class InitialState(nn.Module):
    def __init__(self, each: bool) -> None:
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.v0 = nn.Parameter(torch.rand(HIDDEN) if each else torch.tensor(0.25))
        self.decay = nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v, outputs = self.v0.expand(x.shape[1], HIDDEN), []
        for t in range(x.shape[0]):
            v = torch.sigmoid(self.decay) * v + self.fc(x[t])
            z = (v > 1).float()
            v = v - z
            outputs.append(z)
        return torch.stack(outputs)


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = leaky(learn_beta=True)
        self.net.fc.weight.requires_grad_(False)
        self.net.cell.beta.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Neutral(nn.Module):
    """Parameters that happen to change nothing: ones, zeros, equal ones."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        nn.init.zeros_(self.fc.bias)
        self.gain = nn.Parameter(torch.ones(HIDDEN))
        self.shift = nn.Parameter(torch.zeros(HIDDEN))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.fc(x) * self.gain - self.shift) / self.scale


def _normed() -> nn.Module:
    return weight_norm(nn.Linear(INPUTS, HIDDEN))


def _old_normed() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Linear(INPUTS, HIDDEN))


def _parametrized(part: nn.Module, inputs: int, outputs: int) -> nn.Module:
    layer = nn.Linear(inputs, outputs)
    parametrize.register_parametrization(layer, "weight", part)
    return layer


CASES: dict[str, Callable[[], nn.Module]] = {
    "snntorch: Leaky": lambda: leaky(
        learn_beta=True,
        learn_threshold=True,
        graded_spikes_factor=0.5,
        learn_graded_spikes_factor=True,
    ),
    "snntorch: Leaky of vectors": lambda: Stepped(
        snntorch.Leaky(
            beta=torch.full((HIDDEN,), 0.9),
            threshold=torch.ones(HIDDEN),
            learn_beta=True,
            learn_threshold=True,
            reset_mechanism="zero",
        ),
        "returned",
    ),
    "snntorch: Synaptic": lambda: Stepped(
        snntorch.Synaptic(alpha=0.7, beta=0.8, learn_alpha=True, learn_beta=True), "returned"
    ),
    "snntorch: RLeaky": lambda: Stepped(
        snntorch.RLeaky(beta=0.9, linear_features=HIDDEN, learn_beta=True), "with spikes"
    ),
    "spikingjelly: ParametricLIFNode": lambda: Stepped(neuron.ParametricLIFNode(3.0), "hidden"),
    "spikingjelly: ParametricLIFNode m": lambda: Whole(
        neuron.ParametricLIFNode(3.0, step_mode="m", decay_input=False, v_reset=None)
    ),
    "spikingjelly: KLIFNode": lambda: Stepped(neuron.KLIFNode(), "hidden"),
    "norse: LIFCell": LearnableTau,
    "sinabs: LIF": lambda: Whole(sinabs.layers.LIF(tau_mem=5.0, tau_syn=3.0)),
    "sinabs: LIF train_alphas": lambda: Whole(
        sinabs.layers.LIF(tau_mem=5.0, tau_syn=3.0, train_alphas=True)
    ),
    "sinabs: ALIF": lambda: Whole(sinabs.layers.ALIF(tau_mem=5.0, tau_adapt=6.0, norm_input=False)),
    "sinabs: ExpLeak": lambda: Whole(sinabs.layers.ExpLeak(tau_mem=5.0, train_alphas=True)),
    "weight norm": lambda: Layered(_normed()),
    "weight norm by a hook": lambda: Layered(_old_normed()),
    "symmetric": lambda: Layered(_parametrized(Symmetric(), INPUTS, INPUTS)),
    "masked": lambda: Layered(_parametrized(Masked(), INPUTS, HIDDEN)),
    "tied": lambda: Layered(Tied()),
    "gates": lambda: Layered(Gates()),
    "rows": lambda: Layered(Rows()),
    "neutral": lambda: Layered(Neutral()),
    "initial state": lambda: InitialState(each=False),
    "initial states": lambda: InitialState(each=True),
    "frozen": Frozen,
}
