"""A network that torch trains on grids: imported, quantized and run with the grids it has."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")

import torch
import torch.ao.quantization as ao
from torch import nn

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.network import Network

INPUTS, HIDDEN, CLASSES = 16, 24, 4
STEPS, SAMPLES = 10, 96
FORMS = ["live", "pt2", "onnx"]


def observer(kind: type[nn.Module], **options: Any) -> nn.Module:
    return ao.FusedMovingAvgObsFakeQuantize(observer=kind, **options)


class Qat(nn.Module):
    """
    Input and currents on grids of eight bits, weights on grids for each output (the first
    layer) and for all (the second). One step, its states handed through.
    """

    def __init__(self) -> None:
        super().__init__()
        channels, tensor = ao.MovingAveragePerChannelMinMaxObserver, ao.MovingAverageMinMaxObserver
        signed = {"quant_min": -128, "quant_max": 127, "dtype": torch.qint8}
        self.fc1 = nn.Linear(INPUTS, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, CLASSES, bias=False)
        self.weight1 = observer(channels, qscheme=torch.per_channel_symmetric, ch_axis=0, **signed)
        self.weight2 = observer(tensor, qscheme=torch.per_tensor_symmetric, **signed)
        self.input = observer(tensor, quant_min=0, quant_max=255, dtype=torch.quint8)
        self.current = observer(tensor, **signed)

    def forward(self, x: torch.Tensor, v1: torch.Tensor, v2: torch.Tensor) -> Any:
        x = self.input(x)
        current = nn.functional.linear(x, self.weight1(self.fc1.weight), self.fc1.bias)
        z1, v1 = self.fire(v1 * 0.875 + self.current(current))
        z2, v2 = self.fire(v2 * 0.9 + nn.functional.linear(z1, self.weight2(self.fc2.weight)))
        return z2, v1, v2

    def fire(self, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = (u - 1.0 > 0).float()
        if self.training:
            soft = torch.sigmoid(4 * (u - 1))
            z = z + soft - soft.detach()
        return z, u - z


@dataclass(frozen=True)
class Trained:
    module: Qat
    x: torch.Tensor
    spikes: Array
    """Of torch, [steps, samples, classes]."""


def states(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(samples, HIDDEN), torch.zeros(samples, CLASSES)


def run(module: Qat, x: torch.Tensor) -> torch.Tensor:
    v1, v2 = states(x.shape[1])
    outputs = []
    for step in x:
        z, v1, v2 = module(step, v1, v2)
        outputs.append(z)
    return torch.stack(outputs)


@pytest.fixture(scope="module")
def trained() -> Trained:
    torch.manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    patterns = torch.rand(CLASSES, INPUTS)
    x = (patterns[labels] + 0.2 * torch.randn(STEPS, SAMPLES, INPUTS)).clamp(0, 1.5)
    module = Qat()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(run(module, x).sum(0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    module.eval().apply(ao.disable_observer)
    with torch.no_grad():
        spikes = run(module, x)
    assert (spikes.sum(0).argmax(1) == labels).float().mean() > 0.9
    return Trained(module, x, spikes.numpy())


def load(trained: Trained, form: str, folder: Path) -> Network:
    module, example = trained.module, (trained.x[0], *states(SAMPLES))
    path = folder / f"m.{form}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "live":
            return snncc.load(module, example, states=["v1", "v2"])
        if form == "pt2":
            torch.export.save(torch.export.export(module, example), path)
        else:
            torch.onnx.export(
                Plain(module).eval(), example, path, dynamo=False, opset_version=17,
                input_names=["x", "v1", "v2"], output_names=["z", "v1.next", "v2.next"],
            )  # fmt: skip
        return snncc.load(path, states=["v1", "v2"])


class Plain(nn.Module):
    """The same step in the operators that the exporter of ONNX has."""

    def __init__(self, module: Qat):
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor, v1: torch.Tensor, v2: torch.Tensor) -> Any:
        m = self.module
        x = self.of(m.input, x)
        weight = torch.fake_quantize_per_channel_affine(
            m.fc1.weight, m.weight1.scale, m.weight1.zero_point, 0, -128, 127
        )
        current = self.of(m.current, nn.functional.linear(x, weight, m.fc1.bias))
        z1, v1 = m.fire(v1 * 0.875 + current)
        weight = self.of(m.weight2, m.fc2.weight)
        z2, v2 = m.fire(v2 * 0.9 + nn.functional.linear(z1, weight))
        return z2, v1, v2

    def of(self, part: Any, x: torch.Tensor) -> torch.Tensor:
        ends = part.activation_post_process
        return torch.fake_quantize_per_tensor_affine(
            x, float(part.scale), int(part.zero_point), ends.quant_min, ends.quant_max
        )


def spikes_of(network: Any, x: Array) -> Array:
    return next(iter(network.run(x).values()))


def stored(module: Qat) -> list[Array]:
    """The integers that torch rounds its weights to."""
    found = []
    for layer, part in ((module.fc1, module.weight1), (module.fc2, module.weight2)):
        scale = part.scale.reshape(-1, 1)
        whole = torch.round(layer.weight * (1.0 / scale)).clamp(-128, 127)
        found.append(whole.detach().numpy().astype(np.int8))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_form_spikes_as_torch_does(trained: Trained, form: str, tmp_path: Path) -> None:
    network = load(trained, form, tmp_path)
    np.testing.assert_array_equal(spikes_of(network, trained.x.numpy()), trained.spikes)


@pytest.mark.parametrize(
    ("form", "weights", "calibrated"),
    [("live", "qat", False), ("live", "int8", True), ("pt2", "int8", False), ("onnx", "qat", True)],
)
def test_integers_have_the_grids_of_training(
    trained: Trained, form: str, weights: str, calibrated: bool, tmp_path: Path
) -> None:
    network = load(trained, form, tmp_path)
    x = trained.x.numpy()
    quantized = snncc.quantize(network, weights, calibration=x if calibrated else None)
    sums = [op for op in quantized.op.body.block.ops if isinstance(op, snn.LinearOp)]
    for op, integers in zip(sums, stored(trained.module), strict=True):
        assert isinstance(op.weight.owner, snn.UseOp)
        chosen = parameter_array(op.weight.owner.declaration).view(np.int8)
        np.testing.assert_array_equal(chosen, integers)
    assert [layer.chosen for layer in quantized.report.layers] == ["as given"] * 2
    given = spikes_of(quantized, x)
    differing = int((given != trained.spikes).sum())
    print(f"{form} {weights} calibrated={calibrated}: {differing} of {given.size} spikes differ")
    assert differing <= 0.005 * given.size  # states and thresholds are rounded, too
    compiled = snncc.compile(quantized, prefix="q")
    np.testing.assert_array_equal(spikes_of(compiled, x), given)


def test_the_input_is_read_on_its_own_grid(trained: Trained, tmp_path: Path) -> None:
    """No range need be given; the first whole numbers are those of torch's input."""
    quantized = snncc.quantize(load(trained, "live", tmp_path), "qat")
    first = next(op for op in quantized.op.body.block.ops if isinstance(op, snn.NeuronOp))
    part = trained.module.input
    assert first.attributes["scales"].data["x.whole"].value.data == float(part.scale)


def test_a_narrower_width_is_a_conflict(trained: Trained, tmp_path: Path) -> None:
    network = load(trained, "live", tmp_path)
    with pytest.raises(snncc.SnnccError) as found:
        snncc.quantize(network, "int4")
    problems = found.value.problems
    assert [(p.code, p.node) for p in problems] == [("SNC-Q006", "fc1"), ("SNC-Q006", "fc2")]
    assert all(p.remedy is not None and "qat" in p.remedy for p in problems)
    with pytest.raises(snncc.SnnccError, match="SNC-Q006"):
        snncc.quantize(network, "int8", per_channel=False)
    with pytest.raises(snncc.SnnccError, match="SNC-Q006"):
        snncc.quantize(network, "qat", power_of_two=True)


def test_a_layer_may_be_rounded_again(trained: Trained, tmp_path: Path) -> None:
    network = load(trained, "live", tmp_path)
    with pytest.warns(snncc.SnnccWarning, match="SNC-W022.*fc2"):
        quantized = snncc.quantize(
            network, "qat", layers={"fc2": "int4"}, calibration=trained.x.numpy()
        )
    first, second = quantized.report.layers
    assert (first.bits, first.chosen) == (8, "as given")
    assert second.bits == 4
    assert second.chosen != "as given"


def test_qat_needs_a_grid_for_every_layer() -> None:
    from tests.quantization.test_quantize import small

    with pytest.raises(snncc.SnnccError) as found:
        snncc.quantize(small(), "qat", input_ranges={"x": (0.0, 1.0)})
    assert [p.code for p in found.value.problems] == ["SNC-Q006"] * 2
    mixed = {"fc1": "int8", "fc2": "int4"}
    made = snncc.quantize(small(), "qat", input_ranges={"x": (0.0, 1.0)}, layers=mixed)
    assert [layer.bits for layer in made.report.layers] == [8, 4]


def test_the_grid_is_kept_in_files(trained: Trained, tmp_path: Path) -> None:
    network = load(trained, "live", tmp_path)
    network.save(tmp_path / "net.mlir")
    again = snncc.load(tmp_path / "net.mlir")
    assert str(again.module) == str(network.module)
    assert snncc.quantize(again, "qat").report.layers[0].chosen == "as given"
