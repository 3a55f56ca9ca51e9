"""A cell that is recorded and replayed, and what came of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snncc
from snncc.errors import SnnccError

B, T, INPUTS, NEURONS = 3, 40, 6, 8


def spikes(*shape: int) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()


X = spikes(T, B, INPUTS)


class Cell(nn.Module):
    """Its membrane is an attribute; what else there is, the cases add."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(INPUTS, NEURONS)
        with torch.no_grad():
            for tensor in self.parameters():
                tensor.copy_((tensor * 64).round() / 64)
        self.v: Any = None

    def fire(self, v: Any, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = (torch.zeros_like(c) if v is None else v) * 0.875 + c
        z = (v > 0.5).float()
        return z, v - 0.5 * z

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z, self.v = self.fire(self.v, self.current(x))
        return z

    def current(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)  # type: ignore[no-any-return]


def loaded(model: Any, example: Any = None, **options: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = snncc.load(model, X[0] if example is None else example, **options)
    return net, [problem.code for problem in net.warnings]


def refused(code: str, model: Any, example: Any = None, **options: Any) -> str:
    with pytest.raises(SnnccError) as fault:
        loaded(model, example, **options)
    assert fault.value.code == code, str(fault.value)
    return str(fault.value)


def first(net: Any, x: torch.Tensor = X) -> np.ndarray[Any, Any]:
    return np.asarray(next(iter(net.run(x.numpy()).values())))


def equal(net: Any, step: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with torch.no_grad():
        wanted = np.stack([step(x).numpy() for x in X])
    np.testing.assert_array_equal(first(net), wanted)
    assert 0.02 < wanted.mean() < 0.98
