"""Spiking networks as plain PyTorch modules, and their training by autograd."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.timing import cpu_seconds
from snncc.dialects.arrays import Array

ALPHA, BETA = 0.8, 0.9


class Spike(torch.autograd.Function):
    """A step at 0; backwards 1 / (1 + (pi u)^2), snnTorch's arctangent with alpha = 2."""

    @staticmethod
    def forward(ctx, u):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):  # type: ignore[no-untyped-def]
        (u,) = ctx.saved_tensors
        x = u * math.pi
        return g / (1.0 + x * x)


@dataclass(frozen=True)
class Weights:
    """A fully connected layer: [outputs, inputs], and [outputs, outputs] where it is recurrent."""

    weight: Array
    recurrent: Array | None = None


class Layer(nn.Module):
    """
    Leaky neurons, with a current of their own (i = .8 i + x) where that is asked for:
    v = .9 v + i; s = v >= 1; v = 0 where s. No gradient passes through the reset.
    """

    def __init__(self, weights: Weights, current: bool):
        super().__init__()
        outputs, inputs = weights.weight.shape
        self.fc = nn.Linear(inputs, outputs, bias=False)
        self.fc.weight = nn.Parameter(torch.tensor(weights.weight))
        self.back = None
        if weights.recurrent is not None:
            self.back = nn.Linear(outputs, outputs, bias=False)
            self.back.weight = nn.Parameter(torch.tensor(weights.recurrent))
        self.current = current

    def first(self, like: Tensor) -> list[Tensor]:
        """The states: spikes, membrane, and current where there is one."""
        return [torch.zeros_like(like) for _ in range(2 + self.current)]

    def neurons(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        s, v, *i = states
        if self.back is not None:
            x = x + self.back(s)
        if self.current:
            i = [i[0] * ALPHA + x]
            x = i[0]
        u = v * BETA + x
        s = Spike.apply(u - 1.0)
        return [s, u * (1.0 - s.detach()), *i]


def first_steps(weights: Weights, current: bool, x: Array) -> Array:
    """The spikes [T, outputs] of a layer on its input [T, inputs]."""
    layer = Layer(weights, current)
    with torch.no_grad():
        currents = layer.fc(torch.tensor(x))
        states, out = layer.first(currents[0]), []
        for step in currents:
            states = layer.neurons(step, states)
            out.append(states[0])
        return torch.stack(out).numpy()


class Steps(nn.Module):
    """[T, B, inputs] to spikes [T, B, outputs], step by step through all layers."""

    def __init__(self, layers: list[Weights], current: bool):
        super().__init__()
        self.layers = nn.ModuleList(Layer(weights, current) for weights in layers)

    def forward(self, x: Tensor) -> Tensor:
        states: list[list[Tensor] | None] = [None] * len(self.layers)
        out = []
        for h in x:
            for n, layer in enumerate(self.layers):
                h = layer.fc(h)
                states[n] = layer.neurons(h, states[n] or layer.first(h))
                h = states[n][0]
            out.append(h)
        return torch.stack(out)


class Layers(Steps):
    """The same layer by layer: a weight multiplies all steps at once."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            currents = layer.fc(x)
            states, out = layer.first(currents[0]), []
            for current in currents:
                states = layer.neurons(current, states)
                out.append(states[0])
            x = torch.stack(out)
        return x


class Autograd:
    """Forward, backward and an update of SGD, of the cross-entropy of spike counts."""

    exact = False

    def __init__(self, name: str, module: Steps, x: Array, labels: Array, rate: float):
        torch.set_num_threads(1)
        self.name = name
        self.module = module
        self.x, self.labels = torch.tensor(x), torch.tensor(labels)
        self.optimizer = torch.optim.SGD(module.parameters(), lr=rate)

    def step(self) -> float:
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.module(self.x).sum(0), self.labels)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def gradients(self) -> dict[str, Array]:
        """Of the last step, by name."""
        return {n: np.array(p.grad) for n, p in self.module.named_parameters()}

    def time(self, x: Array, repeats: int) -> float:
        return cpu_seconds(self.step, repeats)
