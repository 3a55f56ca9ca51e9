"""
The four networks in PyTorch, each within the limits of its chip, one step at a time.

A network takes (x, *states) and gives (output, *states); `start` makes the states of silence. The
equations are the chip's in real numbers, with thresholds of 1: what is left for the compiler is
to choose whole numbers. `weight` rounds while a network is trained for few bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

CLASSES = 10


class Spike(torch.autograd.Function):
    """u >= 0; the derivative that stands in for its own is 1 / (1 + (pi u)^2)."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * u) ** 2)


class Network(nn.Module):
    """What the four have in common."""

    sizes: Sequence[int]
    """Neurons of each state."""
    names: Sequence[str]
    """Of the states."""
    scales: Mapping[str, float | None]
    """What a whole number of a weight is worth, by matrix. None: the largest weight decides."""
    largest: int
    """The largest weight of the chip, in whole numbers."""
    OUTLIER = 4.0
    """The largest weight where none is given, in standard deviations."""
    rounds = False
    """Whether weights are rounded to these whole numbers: on at the end of a training."""

    def start(self, batch: int) -> list[Tensor]:
        return [torch.zeros(batch, size) for size in self.sizes]

    def weight(self, name: str) -> Tensor:
        """The matrix that is used."""
        w: Tensor = getattr(self, name)
        if not self.rounds:
            return w
        return w + (self.whole(name) * self.scale(name) - w).detach()

    def scale(self, name: str) -> float:
        largest = getattr(self, name).detach().abs().max().item()
        return self.scales[name] or largest / self.largest

    def whole(self, name: str) -> Tensor:
        """The matrix in whole numbers, rounded in the plainest way."""
        w = getattr(self, name).detach() / self.scale(name)
        return torch.round(w).clamp(-self.largest, self.largest)

    def limit(self) -> None:
        """Keeps weights where the chip's numbers suffice: no outlier may spoil a matrix' scale."""
        with torch.no_grad():
            for name, scale in self.scales.items():
                w = getattr(self, name)
                most = self.OUTLIER * w.std() if scale is None else self.largest * scale
                w.clamp_(-most, most)

    def fix(self) -> None:
        """The rounded weights in place of those that they were rounded from."""
        with torch.no_grad():
            for name in self.scales:
                getattr(self, name).copy_(self.whole(name) * self.scale(name))
        self.rounds = False

    def run(self, stream: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
        """[T, B, inputs] -> output [T, B, 10], and the states after each step."""
        states, outputs, trace = self.start(stream.shape[1]), [], []
        for x in stream:
            y, *states = self(x, *states)
            outputs.append(y)
            trace.append(states)
        return torch.stack(outputs), trace


class Xylo(Network):
    """
    Recurrent, 8 inputs that count. Synapses and membranes decay by 1 - 2^-d; spikes of hidden
    neurons arrive a step later.

        i = (i + W x + R z) a        v = b v + i        s = v >= 1        v = v - s
        j = (j + O z) c              u = d u + j        y = u >= 1        u = u - y        z = s

    The chip's hidden neurons spike floor(v) times in a step. `several` is that; half of the
    batches train with it, so that a network of one spike a step comes through as it is.
    """

    several = False
    names = ("i", "v", "z", "j", "u")
    scales = {"input": None, "recurrent": None, "readout": None}
    largest = 127

    def __init__(self, inputs: int = 8, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, hidden, hidden, CLASSES, CLASSES)
        self.input = nn.Parameter(torch.randn(hidden, inputs) * 0.06)
        self.recurrent = nn.Parameter(torch.randn(hidden, hidden) * 0.5 / hidden**0.5)
        self.readout = nn.Parameter(torch.randn(CLASSES, hidden) * 0.5 / hidden**0.5)
        neuron = torch.arange(hidden)
        self.register_buffer("synapse_decay", 1 - 0.5 ** (1 + neuron % 2))
        self.register_buffer("membrane_decay", 1 - 0.5 ** (1 + neuron % 5))
        self.register_buffer("readout_synapse_decay", torch.full((CLASSES,), 1 - 0.5**1))
        self.register_buffer("readout_membrane_decay", torch.full((CLASSES,), 1 - 0.5**4))

    def forward(self, x, i, v, z, j, u):
        current = x @ self.weight("input").T + z @ self.weight("recurrent").T
        i = (i + current) * self.synapse_decay
        v = v * self.membrane_decay + i
        s = Spike.apply(v - 1)
        if self.several:
            s = s + (v.floor().clamp(0, 31) - s).detach()
        v = v - s.detach()
        j = (j + z @ self.weight("readout").T) * self.readout_synapse_decay
        u = u * self.readout_membrane_decay + j
        y = Spike.apply(u - 1)
        u = u - y.detach()
        return y, i, v, s, j, u


class ReckOn(Network):
    """
    Recurrent, binary inputs, ten leaky outputs without spikes. A neuron's spike, z, acts a step
    later: on itself (reset), on other neurons and on the outputs.

        z = u >= 1        u = alpha u - z + W x + R z        o = kappa o + O z
    """

    names = ("u", "z", "o")
    scales = {"input": None, "recurrent": None, "readout": None}
    largest = 127
    ALPHA = 0x7800 / 0x8000
    KAPPA = 120 / 128

    def __init__(self, inputs: int = 48, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, hidden, CLASSES)
        self.input = nn.Parameter(torch.randn(hidden, inputs) * 0.7 / inputs**0.5)
        self.recurrent = nn.Parameter(torch.randn(hidden, hidden) * 0.4 / hidden**0.5)
        self.readout = nn.Parameter(torch.randn(CLASSES, hidden) * 0.5 / hidden**0.5)

    def limit(self) -> None:
        """No neuron is its own source, either."""
        super().limit()
        with torch.no_grad():
            self.recurrent.fill_diagonal_(0)

    def forward(self, x, u, z, o):
        current = x @ self.weight("input").T + z @ self.weight("recurrent").T
        u = self.ALPHA * u - (u >= 1).to(u.dtype) + current
        o = self.KAPPA * o + z @ self.weight("readout").T
        return o, u, Spike.apply(u - 1), o


class TinyODIN(Network):
    """
    Two layers that reset to zero and never forget, for a chip that takes one event after another.

        v = v + W x    z = v >= 1    v = v (1 - z)        u = u + O z    y = u >= 1    u = u (1 - y)
    """

    names = ("v", "u")
    scales = {"input": 1 / 24, "readout": 1 / 32}
    largest = 7

    def __init__(self, inputs: int = 64, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, CLASSES)
        self.input = nn.Parameter(torch.randn(hidden, inputs) * 0.12 + 0.02)
        self.readout = nn.Parameter(torch.randn(CLASSES, hidden) * 0.1)

    def forward(self, x, v, u):
        v = v + x @ self.weight("input").T
        z = Spike.apply(v - 1)
        v = v * (1 - z.detach())
        u = u + z @ self.weight("readout").T
        y = Spike.apply(u - 1)
        u = u * (1 - y.detach())
        return y, v, u


class Ranc(Network):
    """
    Weights of -1, 0 and 1, thresholds that are whole numbers, neurons that never forget. Two
    columns, (a, b) and (c, d), that meet in the output, so that no neuron has more than 120
    sources. Spikes arrive a step later. For each layer with its sources x:

        v = v + W x        s = v >= threshold        v = v - threshold s
    """

    COLUMN = (120, 60)
    THRESHOLDS = {"a": 8.0, "b": 6.0, "y": 6.0}
    names = ("va", "vb", "vc", "vd", "vy", "a", "b", "c", "d")
    scales = dict.fromkeys(("wa", "wb", "wc", "wd", "yb", "yd"), 1.0)
    largest = 1

    def __init__(self, inputs: int = 64) -> None:
        super().__init__()
        first, second = self.COLUMN
        self.sizes = (first, second, first, second, CLASSES, first, second, first, second)
        self.wa, self.wc = self._matrix(first, inputs), self._matrix(first, inputs)
        self.wb, self.wd = self._matrix(second, first), self._matrix(second, first)
        self.yb, self.yd = self._matrix(CLASSES, second), self._matrix(CLASSES, second)
        for name, value in self.THRESHOLDS.items():
            self.register_buffer(f"threshold_{name}", torch.tensor(value))

    @staticmethod
    def _matrix(rows: int, columns: int) -> nn.Parameter:
        return nn.Parameter(torch.rand(rows, columns) * 2 - 1)

    def forward(self, x, va, vb, vc, vd, vy, a, b, c, d):
        def layer(v, current, threshold):
            v = v + current
            s = Spike.apply((v - threshold) / threshold)
            return v - threshold * s.detach(), s

        output = b @ self.weight("yb").T + d @ self.weight("yd").T
        vy, y = layer(vy, output, self.threshold_y)
        vb, b = layer(vb, a @ self.weight("wb").T, self.threshold_b)
        vd, d = layer(vd, c @ self.weight("wd").T, self.threshold_b)
        va, a = layer(va, x @ self.weight("wa").T, self.threshold_a)
        vc, c = layer(vc, x @ self.weight("wc").T, self.threshold_a)
        return y, va, vb, vc, vd, vy, a, b, c, d
