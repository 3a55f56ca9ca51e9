"""Networks of float64: as they are, in the interpreter and in C; never beside float32."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.tools import require_module

torch = require_module("torch")
from torch import nn  # noqa: E402

import snncc  # noqa: E402
from snncc.errors import SnnccError  # noqa: E402

STEPS, BATCH = 30, 4


class Boxcar(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g * (u.abs() < 0.3).to(u.dtype) / 0.6


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 5)
        self.beta = nn.Parameter(torch.rand(5))

    def forward(self, x, v):
        u = self.beta * v + self.fc(x) * 1.7
        z = Boxcar.apply(u - 0.3)
        return z, u, u - z * 0.3


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = Step()

    def forward(self, x):
        v, out = torch.zeros(x.shape[1], 5, dtype=x.dtype), []
        for t in range(x.shape[0]):
            z, _, v = self.step(x[t], v)
            out.append(z)
        return torch.stack(out)


@pytest.fixture
def model() -> Step:
    torch.manual_seed(3)
    return Step().double()


def stepped(model: Step, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    v, spikes, membranes = torch.zeros(BATCH, 5, dtype=x.dtype), [], []
    with torch.no_grad():
        for t in range(len(x)):
            z, u, v = model(x[t], v)
            spikes.append(z)
            membranes.append(u)
    return torch.stack(spikes).numpy(), torch.stack(membranes).numpy()


def check(net: snncc.Network, model: Step, *, membrane: bool = True) -> None:
    x = torch.randn(STEPS, BATCH, 3, dtype=torch.float64)
    spikes, membranes = stepped(model, x)
    found = list(net.run(x.numpy()).values())
    np.testing.assert_array_equal(found[0], spikes)
    assert 0.02 < spikes.mean() < 0.9
    if membrane:
        assert found[1].dtype == np.float64
        # the sums are taken in another order
        np.testing.assert_allclose(found[1], membranes, atol=1e-14)
    compiled = list(snncc.compile(net).run(x.numpy()).values())
    for ours, theirs in zip(found, compiled, strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_step(model: Step) -> None:
    example = (torch.zeros(BATCH, 3), torch.zeros(BATCH, 5))  # converted as the model is
    net = snncc.load(model, example, states=["v"])
    assert "f32" not in net.mlir()
    assert "snn.surrogate @Boxcar (%u : f64)" in net.mlir()
    check(net, model)


def test_sequence(model: Step) -> None:
    whole = Sequence().double()
    whole.step = model
    net = snncc.load(whole, torch.randn(12, BATCH, 3), time_axis=0)
    assert "f32" not in net.mlir()
    check(net, model, membrane=False)


def test_function(model: Step) -> None:
    x = torch.zeros(BATCH, 3, dtype=torch.float64)
    net = snncc.load(
        lambda x, v: model(x, v), (x, torch.zeros_like(x[:, :1]).expand(-1, 5)), states=["v"]
    )
    check(net, model)


def test_export(model: Step, tmp_path) -> None:
    example = tuple(torch.zeros(BATCH, n, dtype=torch.float64) for n in (3, 5))
    torch.export.save(torch.export.export(model, example), tmp_path / "step.pt2")
    check(snncc.load(tmp_path / "step.pt2", states=["v"]), model)


def test_onnx(model: Step, tmp_path) -> None:
    pytest.importorskip("onnx")
    example = tuple(torch.zeros(BATCH, n, dtype=torch.float64) for n in (3, 5))
    file = io.BytesIO()
    names = {"input_names": ["x", "v"], "output_names": ["z", "u", "v_out"]}
    torch.onnx.export(model, example, file, dynamo=False, **names)
    (tmp_path / "step.onnx").write_bytes(file.getvalue())
    check(snncc.load(tmp_path / "step.onnx", states=["v"]), model)


def test_both_are_refused() -> None:
    def step(x, v):
        return (x.double() + v > 0.5).float(), v + x

    with pytest.raises(SnnccError, match=r"float64 beside float32|float32 beside float64") as got:
        snncc.load(step, (torch.zeros(2, 3), torch.zeros(2, 3)), states=["v"])
    assert got.value.code == "SNC-I012"
