"""The networks of the gradients in `../shared/gradients`, as torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

HIDDEN, OUTPUTS, READOUT = 6, 3, 2
WIDTHS = {"v": HIDDEN, "s1": HIDDEN, "c1": HIDDEN, "v2": OUTPUTS, "s2": OUTPUTS, "c2": OUTPUTS}


class Model(torch.nn.Module):
    """
    One step: x, then the states that the model has, to (spikes, readout, states).

    `options` are those of the index: kind, reset, detach, timing, rec, refrac.
    """

    def __init__(self, options: dict[str, Any], parameters: dict[str, np.ndarray]):
        super().__init__()
        self.options = options
        for name, array in parameters.items():
            setattr(self, name, torch.nn.Parameter(torch.tensor(array, dtype=torch.float32)))
        names = ["v", "v2", "y"]
        follows = options["timing"] == "next"
        names += ["s1"] * (follows or options["rec"] or options["kind"] == "alif")
        names += ["s2"] * follows
        names += ["c1", "c2"] * bool(options["refrac"])
        names += ["extra"] * (options["kind"] != "lif")
        self.states = names

    def zeros(self, batch: int) -> dict[str, torch.Tensor]:
        widths = {**WIDTHS, "y": READOUT, "extra": HIDDEN}
        return {name: torch.zeros(batch, widths[name]) for name in self.states}

    def layer(self, current, v, spike, count, beta, theta):
        options = self.options
        reset = (lambda z: z.detach()) if options["detach"] else (lambda z: z)
        subtract = options["reset"] == "subtract"
        if options["timing"] == "next":
            r = reset(spike)
            free = beta * v + current
            u = free - r * theta if subtract else free * (1 - r)
            return u, (u > theta).to(u.dtype), count
        u = beta * v + current
        z = (u - theta > 0).to(u.dtype)
        if options["refrac"]:
            awake = count <= 0
            u, z = torch.where(awake, u, v), torch.where(awake, z, torch.zeros_like(z))
            rest = torch.full_like(count, float(options["refrac"]))
            count = torch.where(z > 0, rest, torch.clamp(count - 1, min=0))
        r = reset(z)
        return (u - r * theta if subtract else u * (1 - r)), z, count

    def forward(self, x, *states):
        given = dict(zip(self.states, states, strict=True))
        none = torch.zeros(1)
        kind, theta = self.options["kind"], self.thr1
        current = functional.linear(x, self.w1, self.b1)
        if self.options["rec"]:
            current = current + functional.linear(given["s1"], self.v1)
        extra = given.get("extra", none)
        if kind == "cuba":
            extra = current = self.alpha1 * extra + current
        elif kind == "twocomp":
            extra = self.beta_d1 * extra + functional.linear(x, self.wd1)
            current = current + self.g1 * torch.tanh(extra)
        elif kind == "alif":
            extra = self.rho1 * extra + given["s1"]
            theta = theta + self.kappa1 * extra
        v, s1, c1 = self.layer(
            current, given["v"], given.get("s1", none), given.get("c1", none), self.beta1, theta
        )
        current = functional.linear(s1, self.w2, self.b2)
        v2, s2, c2 = self.layer(
            current,
            given["v2"],
            given.get("s2", none),
            given.get("c2", none),
            self.beta2,
            self.thr2,
        )
        y = 0.8 * given["y"] + 0.2 * functional.linear(s1, self.w_ro)
        after = {"v": v, "s1": s1, "c1": c1, "v2": v2, "s2": s2, "c2": c2, "y": y, "extra": extra}
        return (s2, y, *(after[name] for name in self.states))
