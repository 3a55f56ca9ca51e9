"""Neurons that decay by shifts, with whole weights: their integers are those of the model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn
from xdsl.dialects import arith

import snncc
from snncc.dialects import snn

STEPS, BATCH, INPUTS, NEURONS, THRESHOLD = 40, 6, 8, 6, 64

DECAYS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "floor": lambda v: v - torch.floor(v / 2**3),
    "ceil": lambda v: v - torch.ceil(v * 0.125),
    "trunc": lambda v: v - torch.trunc(v / 8),
    "round": lambda v: v - torch.round(v * 0.125),
    "shift": lambda v: v - (v.int() >> 3).float(),
    "integers": lambda v: (v.int() - (v.int() >> 3)).float(),
    "grid": lambda v: torch.fake_quantize_per_tensor_affine(v * 0.75, 0.5, 0, -512, 511),
    "quotient": lambda v: v - v / 8,
    "factor": lambda v: v * 0.875,
}
ROUNDED = [name for name in DECAYS if name not in ("quotient", "factor")]
"""Decays whose membranes are whole steps in the model too."""


class Shifting(nn.Module):
    def __init__(self, decay: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.fc = nn.Linear(INPUTS, NEURONS, bias=False)
        self.decay = decay
        whole = np.random.default_rng(3).integers(-20, 40, (NEURONS, INPUTS))
        self.fc.weight.data = torch.tensor(whole, dtype=torch.float32)

    def forward(self, x: torch.Tensor, v: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        v = torch.zeros(x.shape[0], NEURONS) if v is None else v
        v = self.decay(v) + self.fc(x)
        z = (v - THRESHOLD >= 0).float()
        return z, v - z * THRESHOLD


@pytest.mark.parametrize("decay", DECAYS)
def test_integers_decay_as_the_model_does(decay: str) -> None:
    module = Shifting(DECAYS[decay])
    x = torch.tensor(np.random.default_rng(0).random((STEPS, BATCH, INPUTS)) < 0.3).float()
    v, spikes, membranes = None, [], []
    with torch.no_grad():
        for step in x:
            z, v = module(step, v)
            spikes.append(z.numpy())
            membranes.append(v.numpy())
    wanted = np.stack(spikes)
    assert 0.1 < wanted.mean() < 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = snncc.load(module, x[0])
    np.testing.assert_array_equal(network.run(x.numpy())["output"], wanted)
    quantized = snncc.quantize(network, "int8", calibration=x.numpy())  # the input counts in ones
    neuron = [op for op in quantized.op.body.block.ops if isinstance(op, snn.NeuronOp)][-1]
    if decay != "grid":  # 3/4 is a power of two less than one, its product with steps of 1/2 too
        assert not any(isinstance(op, arith.MuliOp) for op in neuron.body.block.ops)
    run = quantized.run(x.numpy(), trace=True)
    np.testing.assert_array_equal(run["output"], wanted)
    (name,) = (name for name in run if name.rpartition(".")[2] == "v")
    error = np.abs(run[name] * quantized.scales[name] - np.stack(membranes))
    assert error.max() == 0 if decay in ROUNDED else error.max() < 0.5
    compiled = snncc.compile(quantized, prefix="q")
    np.testing.assert_array_equal(compiled.run(x.numpy())["output"], wanted)
