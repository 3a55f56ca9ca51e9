"""Fake quantization and shifts of torch: the bits of torch's own forward, and the grids."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
import torch.ao.quantization as ao
from torch import nn
from torch.ao.quantization.fx import _decomposed

import snncc
from snncc.dialects import snn
from snncc.dialects.grids import Grid, read_grid
from snncc.errors import SnnccError
from snncc.network import Network

PT2E = torch.ops.quantized_decomposed  # registered by `_decomposed`
assert _decomposed is not None
SCALE, ZERO = 0.0373, 11
CHANNELS = torch.tensor([0.031, 0.5, 1 / 3, 0.0078125])
ZEROS = torch.tensor([3, 0, -7, 100], dtype=torch.int32)


def per_tensor(x: torch.Tensor) -> torch.Tensor:
    return torch.fake_quantize_per_tensor_affine(x, SCALE, ZERO, -128, 127)


def with_tensors(x: torch.Tensor) -> torch.Tensor:
    scale, zero = torch.tensor([SCALE]), torch.tensor([ZERO], dtype=torch.int32)
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 15)


def per_channel(x: torch.Tensor) -> torch.Tensor:
    return torch.fake_quantize_per_channel_affine(x, CHANNELS, ZEROS, 1, -8, 127)


def learned(x: torch.Tensor) -> torch.Tensor:
    scale, zero = torch.tensor([SCALE]), torch.tensor([1.6])
    return torch._fake_quantize_learnable_per_tensor_affine(x, scale, zero, -128, 127, 1.0)


def learned_channels(x: torch.Tensor) -> torch.Tensor:
    zeros = ZEROS + 0.4
    return torch._fake_quantize_learnable_per_channel_affine(x, CHANNELS, zeros, 1, 0, 255, 1.0)


def pt2e(x: torch.Tensor) -> torch.Tensor:
    q = PT2E.quantize_per_tensor(x, SCALE, ZERO, -128, 127, torch.int8)
    return PT2E.dequantize_per_tensor(q, SCALE, ZERO, -128, 127, torch.int8)


def pt2e_moved(x: torch.Tensor) -> torch.Tensor:
    """Views stand between the two."""
    q = PT2E.quantize_per_tensor(x, SCALE, ZERO, 0, 255, torch.uint8)
    q = q.reshape(x.shape[0], -1).flip(1)
    return PT2E.dequantize_per_tensor(q, SCALE, ZERO, 0, 255, torch.uint8)


def pt2e_other_scale(x: torch.Tensor) -> torch.Tensor:
    q = PT2E.quantize_per_tensor(x, SCALE, ZERO, -128, 127, torch.int8)
    return PT2E.dequantize_per_tensor(q, 0.25, 3, -128, 127, torch.int8)


def pt2e_channels(x: torch.Tensor) -> torch.Tensor:
    q = PT2E.quantize_per_channel(x, CHANNELS, ZEROS, 1, -128, 127, torch.int8)
    return PT2E.dequantize_per_channel(q, CHANNELS, ZEROS, 1, -128, 127, torch.int8)


def shifted(x: torch.Tensor) -> torch.Tensor:
    whole = (x * 50).int()
    return (whole - (whole >> 3) + (whole << 1)).float()


def floored(x: torch.Tensor) -> torch.Tensor:
    return x - torch.floor(x * 40 / 2**4)


FUNCTIONS: list[Callable[[torch.Tensor], torch.Tensor]] = [
    per_tensor,
    with_tensors,
    per_channel,
    learned,
    learned_channels,
    pt2e,
    pt2e_moved,
    pt2e_other_scale,
    pt2e_channels,
    shifted,
    floored,
]


def numbers() -> torch.Tensor:
    """Real numbers, halves of every step, and what lies far outside, [steps, batch, 4, 6]."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 3, 4, 6)) * 3
    x[1] = (rng.integers(-20, 20, x[1].shape) + 0.5) * SCALE
    x[2] = (rng.integers(-20, 20, x[2].shape) + 0.5) / 128
    x[3] *= 1e6
    x[4] = 0
    return torch.tensor(x, dtype=torch.float32)


class Applied(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def load(model: Any, *arguments: Any, **options: Any) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return snncc.load(model, *arguments, **options)


def grids(network: Network) -> dict[str, Grid]:
    parameters = [op for op in network.module.ops if isinstance(op, snn.ParameterOp)]
    found = {op.sym_name.data: read_grid(op) for op in parameters}
    return {name: grid for name, grid in found.items() if grid is not None}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("form", ["live", "pt2", "decomposed"])
def test_streams_have_the_bits_of_torch(
    function: Callable[[torch.Tensor], torch.Tensor], form: str, tmp_path: Path
) -> None:
    x = numbers()
    x[3] = x[3].clamp(-1e4, 1e4) if function is shifted else x[3]  # integers below 2^24
    module = Applied(function).eval()
    if form == "live":
        network = load(module, x[0])
    else:
        program = torch.export.export(module, (x[0],))
        program = program.run_decompositions() if form == "decomposed" else program
        torch.export.save(program, tmp_path / "m.pt2")
        network = load(tmp_path / "m.pt2")
    wanted = torch.stack([function(step) for step in x]).numpy()
    np.testing.assert_array_equal(network.run(x.numpy())["output"], wanted)


class Layer(nn.Module):
    """A linear layer whose weight a function rounds, and a neuron."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.fc = nn.Linear(6, 4, bias=False)
        self.function = function

    def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = 0.9 * v + nn.functional.linear(x, self.function(self.fc.weight))
        z = (v > 1).float()
        return z, v - z


def weight_per_channel(w: torch.Tensor) -> torch.Tensor:
    return torch.fake_quantize_per_channel_affine(w, CHANNELS / 8, 0 * ZEROS, 0, -8, 7)


def weight_stored(w: torch.Tensor) -> torch.Tensor:
    """pt2e after folding: integers, and scales of 64 bits."""
    stored = torch.arange(24, dtype=torch.int8).reshape(4, 6) - 12
    zeros = torch.tensor([0, 1, 2, -3])
    scales = CHANNELS.double() / 7
    return PT2E.dequantize_per_channel(stored, scales, zeros, 0, -128, 127, torch.int8)


@pytest.mark.parametrize("function", [per_tensor, weight_per_channel, weight_stored])
@pytest.mark.parametrize("form", ["live", "pt2"])
def test_weights_carry_their_grid(
    function: Callable[[torch.Tensor], torch.Tensor], form: str, tmp_path: Path
) -> None:
    module = Layer(function).eval()
    example = (torch.rand(3, 6), torch.zeros(3, 4))
    if form == "live":
        network = load(module, example, states=["v"])
    else:
        torch.export.save(torch.export.export(module, example), tmp_path / "m.pt2")
        network = load(tmp_path / "m.pt2", states=["v"])
    linear = next(op for op in network.op.body.block.ops if isinstance(op, snn.LinearOp))
    owner = linear.weight.owner
    assert isinstance(owner, snn.UseOp)
    grid = read_grid(owner.declaration)
    assert grid is not None
    assert grid.scale.shape == ((1, 1) if function is per_tensor else (4, 1))
    assert (grid.low, grid.high) == ((-8, 7) if function is weight_per_channel else (-128, 127))
    from snncc.dialects.arrays import parameter_array

    weight = parameter_array(owner.declaration)
    with torch.no_grad():
        np.testing.assert_array_equal(weight, function(module.fc.weight).numpy())
    np.testing.assert_allclose(grid.whole(weight) * grid.scale, weight, rtol=2e-7)
    if function is not weight_stored:
        assert owner.symbol == "fc.weight"
        assert owner.declaration.attributes["computed_from"].data[0].data == "fc.weight"


class Fused(nn.Module):
    """What `prepare_qat` puts into a model today."""

    def __init__(self) -> None:
        super().__init__()
        self.round = ao.FusedMovingAvgObsFakeQuantize(
            observer=ao.MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=torch.quint8
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.round(x)


def test_modules_with_their_observer_off() -> None:
    x = torch.rand(5, 3, 4) * 2 - 0.3
    for module in (Fused(), Applied(ao.FakeQuantize()), Applied(ao.default_fused_act_fake_quant())):
        for step in x:
            module(step)
        module.eval().apply(ao.disable_observer)
        network = load(module, x[0])
        with torch.no_grad():
            wanted = torch.stack([module(step) for step in x]).numpy()
        assert len(np.unique(wanted)) > 10
        np.testing.assert_array_equal(network.run(x.numpy())["output"], wanted)


def test_fused_modules_as_files(tmp_path: Path) -> None:
    module, x = Fused(), torch.rand(4, 3, 5)
    module(x[0])
    module.eval().apply(ao.disable_observer)
    torch.export.save(torch.export.export(module, (x[0],)), tmp_path / "m.pt2")
    with torch.no_grad():
        wanted = torch.stack([module(step) for step in x]).numpy()
    np.testing.assert_array_equal(load(tmp_path / "m.pt2").run(x.numpy())["output"], wanted)


@pytest.mark.parametrize("module", [Fused(), Applied(ao.FakeQuantize())])
def test_observers_that_still_learn_are_refused(module: nn.Module) -> None:
    x = torch.rand(3, 4)
    module(x)
    with pytest.raises(SnnccError) as found:
        load(module.eval(), x)
    assert found.value.code == "SNC-I012"
    assert "disable_observer" in str(found.value)


def test_a_spike_needs_no_rounding() -> None:
    """Of two values before and two after: what gives them is one product, or nothing."""

    class Spiking(nn.Module):
        def __init__(self, scale: float):
            super().__init__()
            self.scale = scale

        def forward(self, x: torch.Tensor, v: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
            v = x if v is None else v + x
            z = (v > 1).float()
            return torch.fake_quantize_per_tensor_affine(z, self.scale, 0, 0, 255), v - z

    x = torch.rand(6, 2, 3)
    for scale, value in ((1 / 128, 1.0), (0.3, 0.9)):
        network = load(Spiking(scale), x[0])
        assert "roundeven" not in str(network.module)
        assert network.run(x.numpy())["output"].max() == pytest.approx(value)


def test_a_scale_that_moves_is_refused() -> None:
    def moving(x: torch.Tensor) -> torch.Tensor:
        return torch.fake_quantize_per_tensor_affine(x, x.max(), torch.tensor(0), 0, 255)

    with pytest.raises(SnnccError, match="SNC-I012"):
        load(Applied(moving), torch.rand(2, 3))
