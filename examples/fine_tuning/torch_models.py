"""The two networks in PyTorch. Neurons are snnTorch's Leaky: they reset in the next step."""

from __future__ import annotations

import math

import torch
from tasks import SIDE
from torch import nn

CLASSES = 10


class Spike(torch.autograd.Function):
    """A step; its surrogate derivative is 1 / (1 + (pi u)^2), that of snnTorch's atan(2)."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * u) ** 2)


class Leaky(nn.Module):
    """Neurons with a threshold of 1; spikes that reset carry no gradient."""

    def __init__(self, decay: float | torch.Tensor):
        super().__init__()
        self.register_buffer("decay", torch.as_tensor(decay))

    def forward(self, current, state):
        """The next (potential, spikes)."""
        v, z = state
        v = self.decay * v + current - z.detach()
        return v, Spike.apply(v - 1)


def silence(x, count):
    return x.new_zeros(x.shape[1], count), x.new_zeros(x.shape[1], count)


class Mlp(nn.Module):
    """The network of ../digits/mlp_lif_digits.nir."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(SIDE * SIDE, 128), Leaky(0.9)
        self.fc2, self.lif2 = nn.Linear(128, CLASSES), Leaky(0.9)

    def forward(self, x):
        """[T, B, 64] -> spikes [T, B, 10]"""
        first, second, spikes = silence(x, 128), silence(x, CLASSES), []
        for step in x:
            first = self.lif1(self.fc1(step), first)
            second = self.lif2(self.fc2(first[1]), second)
            spikes.append(second[1])
        return torch.stack(spikes)


class Rows(nn.Module):
    """A recurrent layer of neurons that forget at different rates."""

    HIDDEN = 96

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(SIDE, self.HIDDEN)
        self.back = nn.Linear(self.HIDDEN, self.HIDDEN, bias=False)
        self.lif1 = Leaky(torch.linspace(0.6, 0.98, self.HIDDEN))
        self.fc2, self.lif2 = nn.Linear(self.HIDDEN, CLASSES), Leaky(0.95)
        nn.init.normal_(self.fc1.weight, 0, 0.8)
        nn.init.normal_(self.back.weight, 0, 0.5 / self.HIDDEN**0.5)

    def forward(self, x):
        """[T, B, 8] -> spikes [T, B, 10]"""
        first, second, spikes = silence(x, self.HIDDEN), silence(x, CLASSES), []
        for step in x:
            first = self.lif1(self.fc1(step) + self.back(first[1]), first)
            second = self.lif2(self.fc2(first[1]), second)
            spikes.append(second[1])
        return torch.stack(spikes)


MODELS = {"mlp": Mlp, "rows": Rows}


def train(model, stream, images, labels, *, epochs, batch, rate, noise=0.0, seed=0, progress=None):
    """Adam on the cross-entropy of spike counts; the rate falls to nothing along a cosine."""
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    labels = torch.as_tensor(labels)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=order).split(batch):
            x = torch.tensor(stream(images[chosen.numpy()]))
            x = x + noise * torch.randn(x.shape, generator=order)
            loss = nn.functional.cross_entropy(model(x).sum(0), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        if progress is not None:
            progress()


def accuracy(model, stream, images, labels) -> float:
    with torch.no_grad():
        found = model(torch.tensor(stream(images))).sum(0).argmax(1).numpy()
    return float((found == labels).mean())
