"""Modules of the libraries, one for each neuron that they have, on a small layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

INPUTS, HIDDEN = 6, 5

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import norse.torch as norse
    import sinabs.activation
    import sinabs.layers
    import snntorch
    import snntorch.surrogate
    from spikingjelly.activation_based import layer, neuron, surrogate

Make = Callable[[], nn.Module]


class Stepped(nn.Module):
    """x[t] -> fc -> cell, whose states go from call to call as its library has it."""

    def __init__(self, cell: nn.Module, states: str):
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.cell = cell
        self.states = states

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, kept = [], ()
        for t in range(x.shape[0]):
            current = self.fc(x[t])
            if self.states == "hidden":
                outputs.append(self.cell(current))
                continue
            if self.states == "norse":
                spikes, kept = self.cell(current, kept or None)
            elif self.states == "with spikes":  # RLeaky: the spikes are a state too
                kept = self.cell(current, *kept)
                spikes = kept[0]
            else:
                spikes, *kept = self.cell(current, *kept)
            outputs.append(spikes)
        return torch.stack(outputs)


class Whole(nn.Module):
    """fc -> a layer that takes the whole sequence."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.layer = layer

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(self.fc(x))


def snntorch_cases() -> Iterator[tuple[str, Make]]:
    def stepped(name: str, make: Make, states: str = "returned") -> tuple[str, Make]:
        return name, lambda: Stepped(make(), states)

    for reset in ("subtract", "zero", "none"):
        for delay in (True, False):
            options: dict[str, Any] = {"reset_mechanism": reset, "reset_delay": delay}
            timing = "next" if delay else "same"
            yield stepped(
                f"Leaky {reset} {timing}", lambda o=options: snntorch.Leaky(beta=0.9, **o)
            )
            yield stepped(
                f"Synaptic {reset} {timing}",
                lambda o=options: snntorch.Synaptic(alpha=0.7, beta=0.8, **o),
            )
        given: dict[str, Any] = {"reset_mechanism": reset}
        yield stepped(
            f"Lapicque {reset}", lambda o=given: snntorch.Lapicque(R=2, C=3, threshold=0.3, **o)
        )
        yield stepped(
            f"Alpha {reset}",
            lambda o=given: snntorch.Alpha(alpha=0.9, beta=0.8, threshold=0.3, **o),
        )
        yield stepped(
            f"RLeaky {reset}",
            lambda o=given: snntorch.RLeaky(beta=0.9, linear_features=HIDDEN, **o),
            "with spikes",
        )
        yield stepped(
            f"RLeaky one to one {reset}",
            lambda o=given: snntorch.RLeaky(beta=0.9, all_to_all=False, V=0.5, **o),
            "with spikes",
        )
        yield stepped(
            f"RSynaptic {reset}",
            lambda o=given: snntorch.RSynaptic(alpha=0.7, beta=0.8, linear_features=HIDDEN, **o),
            "with spikes",
        )
    yield stepped(
        "Leaky of vectors",
        lambda: snntorch.Leaky(
            beta=torch.rand(HIDDEN), threshold=torch.rand(HIDDEN) + 0.5, learn_beta=True
        ),
    )
    yield stepped("Leaky graded", lambda: snntorch.Leaky(beta=0.9, graded_spikes_factor=0.5))
    for name in ("fast_sigmoid", "sigmoid", "straight_through_estimator", "triangular", "SFS"):
        function = getattr(snntorch.surrogate, name)
        yield stepped(f"Leaky {name}", lambda f=function: snntorch.Leaky(beta=0.9, spike_grad=f()))
    yield (
        "init_hidden",
        lambda: Stepped(
            nn.Sequential(
                snntorch.Leaky(beta=0.9, init_hidden=True),
                nn.Linear(HIDDEN, 4),
                snntorch.Leaky(beta=0.8, init_hidden=True),
            ),
            "hidden",
        ),
    )


def norse_cases() -> Iterator[tuple[str, Make]]:
    for name in (
        "LIFCell",
        "LIFBoxCell",
        "LIFRefracCell",
        "LIFAdExCell",
        "LSNNCell",
        "LICell",
        "IAFCell",
        "LIFExCell",
    ):
        yield name, lambda n=name: Stepped(getattr(norse, n)(), "norse")
    for name in (
        "LIFRecurrentCell",
        "LSNNRecurrentCell",
        "LIFAdExRecurrentCell",
        "LIFRefracRecurrentCell",
        "LIFMCRecurrentCell",
    ):
        yield name, lambda n=name: Stepped(getattr(norse, n)(HIDDEN, HIDDEN), "norse")
    for name in ("LIF", "LI", "IAF", "LSNN"):
        yield name, lambda n=name: Whole(getattr(norse, n)())
    yield "LIFRecurrent", lambda: Whole(norse.LIFRecurrent(HIDDEN, HIDDEN))


def spikingjelly_cases() -> Iterator[tuple[str, Make]]:
    nodes: list[tuple[str, dict[str, Any]]] = [
        ("IFNode", {}),
        ("IFNode", {"v_reset": None}),
        ("LIFNode", {}),
        ("LIFNode", {"v_reset": None}),
        ("LIFNode", {"decay_input": False}),
        ("LIFNode", {"v_reset": -0.25}),
        ("LIFNode", {"surrogate_function": surrogate.S2NN()}),
        ("LIFNode", {"detach_reset": True}),
        ("ParametricLIFNode", {}),
        ("QIFNode", {}),
        ("EIFNode", {}),
        ("IzhikevichNode", {}),
        ("KLIFNode", {}),
        ("CUBALIFNode", {}),
        ("ILIFNode", {}),
    ]

    def make(name: str, options: dict[str, Any], mode: str) -> nn.Module:
        cell = getattr(neuron, name)(**options)
        cell.step_mode = mode
        return Stepped(cell, "hidden") if mode == "s" else Whole(cell)

    for name, options in nodes:
        for mode in ("s", "m"):
            text = ", ".join(f"{k}={v}" for k, v in options.items())
            yield (
                f"{name}({text}) {mode}",
                lambda n=name, o=options, m=mode: make(n, o, m),
            )

    def convolutional() -> nn.Module:
        net = nn.Sequential(
            layer.Conv2d(1, 4, 3, padding=1, step_mode="m"),
            layer.BatchNorm2d(4, step_mode="m"),
            neuron.IFNode(step_mode="m"),
            layer.MaxPool2d(2, step_mode="m"),
            layer.Flatten(step_mode="m"),
            layer.Linear(4 * 9, 3, step_mode="m"),
            neuron.LIFNode(step_mode="m"),
        )
        return Images(net)

    yield "convolutional", convolutional


class Images(nn.Module):
    """The inputs as images of 6 x 6, by an outer product."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.unsqueeze(2).unsqueeze(4) * x.unsqueeze(2).unsqueeze(3))


def sinabs_cases() -> Iterator[tuple[str, Make]]:
    single = {
        "spike_fn": sinabs.activation.SingleSpike,
        "reset_fn": sinabs.activation.MembraneReset(),
    }
    layers = sinabs.layers
    yield "LIF", lambda: Whole(layers.LIF(tau_mem=5.0))
    yield "LIF with a synapse", lambda: Whole(layers.LIF(tau_mem=5.0, tau_syn=3.0))
    yield "LIF not normalised", lambda: Whole(layers.LIF(tau_mem=5.0, norm_input=False))
    yield "LIF clamped", lambda: Whole(layers.LIF(tau_mem=5.0, min_v_mem=-0.5, norm_input=False))
    yield "LIF single", lambda: Whole(layers.LIF(tau_mem=5.0, norm_input=False, **single))
    yield "IAF", lambda: Whole(layers.IAF())
    yield "IAF at most 2", lambda: Whole(layers.IAF(spike_fn=sinabs.activation.MaxSpike(2)))
    yield "ALIF", lambda: Whole(layers.ALIF(tau_mem=5.0, tau_adapt=6.0, norm_input=False))
    yield "ExpLeak", lambda: Whole(layers.ExpLeak(tau_mem=5.0))
    yield (
        "IAFRecurrent",
        lambda: Whole(layers.IAFRecurrent(rec_connect=nn.Linear(HIDDEN, HIDDEN))),
    )
    yield (
        "LIFRecurrent",
        lambda: Whole(layers.LIFRecurrent(tau_mem=5.0, rec_connect=nn.Linear(HIDDEN, HIDDEN))),
    )


CASES = {
    f"{library}: {name}": make
    for library, cases in (
        ("snntorch", snntorch_cases),
        ("norse", norse_cases),
        ("spikingjelly", spikingjelly_cases),
        ("sinabs", sinabs_cases),
    )
    for name, make in cases()
}
