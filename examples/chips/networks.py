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
    """
    u >= 0; the derivative that stands in for its own is 1 / (w + (pi u)^2 / w), that of snnTorch's
    atan(2 / w), for a width w.
    """

    @staticmethod
    def forward(ctx, u, width=1.0):
        ctx.save_for_backward(u)
        ctx.width = width
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        return gradient / (ctx.width + (math.pi * u) ** 2 / ctx.width), None


class CurrentBased(nn.Module):
    """
    Synapse and membrane decay, spikes subtract the threshold:

        i = (i + x) a        v = b v + i        s = v >= 1        v = v - s

    With `several` it spikes floor(v) times in a step, up to 31, as Xylo's hidden neurons do.
    """

    several = False

    def __init__(self, synapse_decay: Tensor, membrane_decay: Tensor) -> None:
        super().__init__()
        self.register_buffer("synapse_decay", synapse_decay)
        self.register_buffer("membrane_decay", membrane_decay)

    def forward(self, x, i, v):
        i = (i + x) * self.synapse_decay
        v = v * self.membrane_decay + i
        s = Spike.apply(v - 1)
        if self.several:
            s = s + (v.floor().clamp(0, 31) - s).detach()
        return s, i, v - s.detach()


class Leaky(nn.Module):
    """The reset is part of the next step: u = alpha u - (u >= 1) + x. Spikes where u >= 1."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x, u):
        u = self.alpha * u - (u >= 1).to(u.dtype) + x
        return Spike.apply(u - 1), u


class Integrator(nn.Module):
    """o = kappa o + x, which is also the output."""

    def __init__(self, kappa: float) -> None:
        super().__init__()
        self.kappa = kappa

    def forward(self, x, o):
        o = self.kappa * o + x
        return o, o


class ResetToZero(nn.Module):
    """v = v + x        s = v >= 1        v = v (1 - s)"""

    def forward(self, x, v):
        v = v + x
        s = Spike.apply(v - 1)
        return s, v * (1 - s.detach())


class Counting(nn.Module):
    """v = v + x        s = v >= threshold        v = v - threshold s"""

    WIDTH = 8.0

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.tensor(threshold))

    def forward(self, x, v):
        v = v + x
        s = Spike.apply(v - self.threshold, self.WIDTH)
        return s, v - self.threshold * s.detach()


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
        return torch.round(w).clamp(-self.largest, self.largest) + 0.0  # no -0

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
    neurons, z, arrive a step later. States: hidden i and v, z, readout j and u.

    The chip's hidden neurons spike several times in a step. Half of the batches train with that,
    so that a network of one spike a step comes through as it is.
    """

    names = ("i", "v", "z", "j", "u")
    scales = {"w_in": None, "w_rec": None, "w_out": None}
    largest = 127

    def __init__(self, inputs: int = 8, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, hidden, hidden, CLASSES, CLASSES)
        self.w_in = nn.Parameter(torch.randn(hidden, inputs) * 0.06)
        self.w_rec = nn.Parameter(torch.randn(hidden, hidden) * 0.5 / hidden**0.5)
        self.w_out = nn.Parameter(torch.randn(CLASSES, hidden) * 0.5 / hidden**0.5)
        neuron, output = torch.arange(hidden), torch.ones(CLASSES)
        self.hidden = CurrentBased(1 - 0.5 ** (1 + neuron % 2), 1 - 0.5 ** (1 + neuron % 5))
        self.readout = CurrentBased((1 - 0.5**1) * output, (1 - 0.5**4) * output)

    def forward(self, x, i, v, z, j, u):
        current = x @ self.weight("w_in").T + z @ self.weight("w_rec").T
        s, i, v = self.hidden(current, i, v)
        y, j, u = self.readout(z @ self.weight("w_out").T, j, u)
        return y, i, v, s, j, u


class ReckOn(Network):
    """
    Recurrent, binary inputs, ten leaky outputs without spikes. A neuron's spike, z, acts a step
    later: on itself (reset), on other neurons and on the outputs. States: u, z, outputs o.
    """

    names = ("u", "z", "o")
    scales = {"w_in": None, "w_rec": None, "w_out": None}
    largest = 127
    ALPHA = 0x7800 / 0x8000
    KAPPA = 120 / 128

    def __init__(self, inputs: int = 48, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, hidden, CLASSES)
        self.w_in = nn.Parameter(torch.randn(hidden, inputs) * 0.7 / inputs**0.5)
        self.w_rec = nn.Parameter(torch.randn(hidden, hidden) * 0.4 / hidden**0.5)
        self.w_out = nn.Parameter(torch.randn(CLASSES, hidden) * 0.5 / hidden**0.5)
        self.hidden, self.readout = Leaky(self.ALPHA), Integrator(self.KAPPA)

    def limit(self) -> None:
        """No neuron is its own source, either."""
        super().limit()
        with torch.no_grad():
            self.w_rec.fill_diagonal_(0)

    def forward(self, x, u, z, o):
        current = x @ self.weight("w_in").T + z @ self.weight("w_rec").T
        y, o = self.readout(z @ self.weight("w_out").T, o)
        z, u = self.hidden(current, u)
        return y, u, z, o


class TinyODIN(Network):
    """
    Two layers that reset to zero and never forget, for a chip that takes one event after another.
    States: hidden v, output u.
    """

    names = ("v", "u")
    scales = {"w_in": 1 / 24, "w_out": 1 / 32}
    largest = 7

    def __init__(self, inputs: int = 64, hidden: int = 160) -> None:
        super().__init__()
        self.sizes = (hidden, CLASSES)
        self.w_in = nn.Parameter(torch.randn(hidden, inputs) * 0.12 + 0.02)
        self.w_out = nn.Parameter(torch.randn(CLASSES, hidden) * 0.1)
        self.hidden, self.readout = ResetToZero(), ResetToZero()

    def forward(self, x, v, u):
        z, v = self.hidden(x @ self.weight("w_in").T, v)
        y, u = self.readout(z @ self.weight("w_out").T, u)
        return y, v, u


class Ranc(Network):
    """
    Weights of -1, 0 and 1, thresholds that are whole numbers, neurons that never forget. Two
    columns, (a, b) and (c, d), that meet in the output, so that no neuron has more than 120
    sources. Spikes arrive a step later. States: the membranes of all five, the spikes of four.
    """

    COLUMN = (120, 60)
    THRESHOLDS = {"a": 8.0, "b": 6.0, "c": 8.0, "d": 6.0, "y": 6.0}
    names = ("va", "vb", "vc", "vd", "vy", "sa", "sb", "sc", "sd")
    scales = dict.fromkeys(("wa", "wb", "wc", "wd", "yb", "yd"), 1.0)
    largest = 1

    def __init__(self, inputs: int = 64) -> None:
        super().__init__()
        first, second = self.COLUMN
        self.sizes = (first, second, first, second, CLASSES, first, second, first, second)
        self.wa, self.wc = self._matrix(first, inputs), self._matrix(first, inputs)
        self.wb, self.wd = self._matrix(second, first), self._matrix(second, first)
        self.yb, self.yd = self._matrix(CLASSES, second), self._matrix(CLASSES, second)
        self.a, self.b, self.c, self.d, self.readout = map(Counting, self.THRESHOLDS.values())

    @staticmethod
    def _matrix(rows: int, columns: int) -> nn.Parameter:
        return nn.Parameter(torch.rand(rows, columns) * 2 - 1)

    def forward(self, x, va, vb, vc, vd, vy, sa, sb, sc, sd):
        both = sb @ self.weight("yb").T + sd @ self.weight("yd").T
        y, vy = self.readout(both, vy)
        sb, vb = self.b(sa @ self.weight("wb").T, vb)
        sd, vd = self.d(sc @ self.weight("wd").T, vd)
        sa, va = self.a(x @ self.weight("wa").T, va)
        sc, vc = self.c(x @ self.weight("wc").T, vc)
        return y, va, vb, vc, vd, vy, sa, sb, sc, sd
