"""Whole numbers as states: refractory periods that are counted down."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

import snncc
from snncc.errors import SnnccError


class Refractory(nn.Module):
    def __init__(self, kind: torch.dtype, way: str):
        super().__init__()
        self.v: Any = None
        self.rest: Any = None
        self.kind, self.way = kind, way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.v is None:
            self.v, self.rest = torch.zeros_like(x), torch.zeros_like(x, dtype=self.kind)
        rest = self.rest
        if self.way == "where":
            v = torch.where(rest > 0, self.v, 0.75 * self.v + x)
            z = (v > 0.5) & (rest == 0)
            self.rest = torch.where(z, torch.full_like(rest, 3), (rest - 1).clamp(min=0))
        elif self.way == "mask":
            v = self.v + 0.25 * (x - self.v) * (rest == 0)
            z = (v > 0.5) & ~(rest > 0)
            self.rest = (rest.masked_fill(z, 4) - 1).clamp(min=0)
        else:
            v = (0.75 * self.v + x) * (rest <= 0)
            z = v > 0.5
            self.rest = torch.maximum(rest - 1, torch.zeros_like(rest)) + (z * 2.5).to(self.kind)
        self.v = v.masked_fill(z, 0.0)
        return z.float()


@pytest.mark.parametrize("kind", [torch.int32, torch.int64])
@pytest.mark.parametrize("way", ["where", "mask", "cast"])
def test_a_refractory_period(kind: torch.dtype, way: str) -> None:
    model = Refractory(kind, way)
    net = snncc.load(model, torch.rand(2, 4))
    x = torch.randint(0, 64, (30, 3, 4), generator=torch.Generator().manual_seed(0)) / 32
    wanted = np.stack([model(part).numpy() for part in x])
    assert 0.1 < wanted.mean() < 0.6
    np.testing.assert_array_equal(net.run(x.numpy())["output"], wanted)
    np.testing.assert_array_equal(snncc.compile(net).run(x.numpy())["output"], wanted)


def test_small_integers_are_refused() -> None:
    """They wrap around, and floats do not."""
    with pytest.raises(SnnccError, match="int8") as fault:
        snncc.load(Refractory(torch.int8, "where"), torch.rand(2, 4))
    assert fault.value.code == "SNC-I025"
