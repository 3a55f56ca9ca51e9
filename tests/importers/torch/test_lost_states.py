"""
Exports that lose a state without a word: each must be refused, with what can be done; and
the same models, exported so that the state is there, must not.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    for library in ("torch", "snntorch", "spikingjelly"):
        pytest.importorskip(library)

import torch
from torch import nn

import snncc
from snncc.errors import SnnccError


class Buffer(nn.Module):
    """Its state is a buffer, assigned anew or written in place."""

    def __init__(self, in_place: bool):
        super().__init__()
        self.register_buffer("v", torch.zeros(2, 4))
        self.in_place = in_place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = 0.9 * self.v + x
        s = (v > 1).float()
        if self.in_place:
            self.v.copy_(v - s)
        else:
            self.v = v - s
        return s


class Attribute(nn.Module):
    """Its state is a tensor that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.v = torch.zeros(2, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = 0.9 * self.v + x
        s = (v > 1).float()
        self.v = v - s
        return s


class Memory(nn.Module):
    """Its state is in a container, as SpikingJelly's memories are."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = {"v": torch.zeros(2, 4)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = 0.9 * self.kept["v"] + x
        s = (v > 1).float()
        self.kept["v"] = v - s
        return s


def snntorch_hidden() -> nn.Module:
    import snntorch

    lif = snntorch.Leaky(beta=0.9, init_hidden=True)
    lif(torch.zeros(2, 4))  # the membrane has its shape now
    return lif


def spikingjelly_memory() -> nn.Module:
    from spikingjelly.activation_based import neuron, surrogate

    return neuron.LIFNode(surrogate_function=surrogate.S2NN(), detach_reset=True)


def inside(cell: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), cell).eval()


X = torch.rand(2, 3)

LOST = {
    "a buffer assigned in a nested module": lambda: inside(Buffer(in_place=False)),
    "an attribute": lambda: inside(Attribute()),
    "a memory": lambda: inside(Memory()),
    "snnTorch's init_hidden in a parent": lambda: inside(snntorch_hidden()),
    "SpikingJelly's memory": lambda: inside(spikingjelly_memory()),
}


def exported(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (X,), strict=False), path)
    return path


def as_onnx(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (X,), str(path), dynamo=False)
    return path


def expect_refusal(path: Path) -> None:
    with pytest.raises(SnnccError) as refused:
        snncc.load(path)
    (problem,) = refused.value.problems
    assert problem.code in ("SNC-I001", "SNC-I002")
    assert problem.remedy is not None
    assert "live module" in problem.remedy
    assert "states=[...]" in problem.remedy


@pytest.mark.parametrize("case", LOST)
def test_lost_by_torch_export(case: str, tmp_path: Path) -> None:
    expect_refusal(exported(LOST[case](), tmp_path / "step.pt2"))


@pytest.mark.parametrize("case", [*LOST, "a buffer written in place"])
def test_lost_by_onnx(case: str, tmp_path: Path) -> None:
    make = LOST.get(case, lambda: inside(Buffer(in_place=True)))
    expect_refusal(as_onnx(make(), tmp_path / "step.onnx"))


@pytest.mark.parametrize("case", LOST)
def test_the_live_module_has_it(case: str) -> None:
    module = LOST[case]()
    net = snncc.load(module, X)
    steps = [0.5 * torch.rand(2, 3) for _ in range(10)]
    got = net.run(np.stack([x.numpy() for x in steps]))
    fresh = LOST[case]()
    reset = getattr(fresh[1], "reset_mem", getattr(fresh[1], "reset", None))
    if reset is not None:
        reset()
    with torch.no_grad():
        wanted: Any = np.stack([fresh(x).numpy() for x in steps])
    np.testing.assert_array_equal(next(iter(got.values())), wanted)


def test_a_buffer_written_in_place_is_kept(tmp_path: Path) -> None:
    path = exported(inside(Buffer(in_place=True)), tmp_path / "step.pt2")
    net = snncc.load(path)
    assert "final" in net.run(np.ones((3, 3)), trace=True)
    program = torch.export.load(path).run_decompositions()
    torch.export.save(program, tmp_path / "decomposed.pt2")
    again = snncc.load(tmp_path / "decomposed.pt2")
    x = np.random.default_rng(0).uniform(0, 2, (9, 2, 3)).astype(np.float32)
    for a, b in zip(net.run(x).values(), again.run(x).values(), strict=True):
        np.testing.assert_array_equal(a, b)


class Layers(nn.Module):
    """Two neurons; the export loses the state of the first, and keeps that of the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.weights, self.second = Buffer(False), nn.Linear(4, 4), Buffer(True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.weights(self.first(x)))  # type: ignore[no-any-return]


def test_a_state_beside_others_that_are_kept(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Layers(), (torch.rand(2, 4),), strict=False)
    torch.export.save(program, tmp_path / "step.pt2")
    with pytest.raises(SnnccError, match=r"first\.v.* is read but never written") as refused:
        snncc.load(tmp_path / "step.pt2")
    assert refused.value.code == "SNC-I001"


class Partly(nn.Module):
    """Its second neuron keeps what nobody sees in the export."""

    def __init__(self) -> None:
        super().__init__()
        self.weights, self.hidden = nn.Linear(4, 4), None

    def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = 0.5 * v + x
        s = (v > 1).float()
        u = 0.5 * (torch.zeros(1) if self.hidden is None else self.hidden) + self.weights(s)
        return (u > 0.5).float(), v - s


def test_spikes_without_a_state_beside_others(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Partly(), (torch.rand(2, 4), torch.rand(2, 4)))
        net = snncc.load(program, states=["v"])
    assert [problem.code for problem in net.warnings] == ["SNC-W016"]


def test_a_batch_that_is_taken_for_time(tmp_path: Path) -> None:
    class Step(nn.Module):
        def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            v = 0.5 * v + x
            return (v > 1).float(), v

    program = torch.export.export(Step(), (torch.rand(2, 4), torch.rand(2, 4)))
    with pytest.raises(SnnccError) as refused:
        snncc.load(program, time_axis=0)
    assert refused.value.code == "SNC-I001"


def test_floats_of_another_size(tmp_path: Path) -> None:
    class Half(nn.Module):
        def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            v = v * 0.5 + x
            return (v > 0.5).float(), v

    for name, dtype in (("float16", torch.float16), ("float64", torch.float64)):
        example = (torch.ones(2, 3, dtype=dtype), torch.zeros(2, 3, dtype=dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(Half(), example, str(tmp_path / "step.onnx"), dynamo=False)
        with pytest.raises(SnnccError, match=name) as refused:
            snncc.load(tmp_path / "step.onnx", states=["v"])
        assert refused.value.code == "SNC-I012"


def test_the_corpus_names_them(tmp_path: Path) -> None:
    """The remedy for pickled models: torch.save is no export."""
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(SnnccError) as refused:
        snncc.load(tmp_path / "model.pt")
    assert refused.value.code == "SNC-I010"
    assert "torch.export.save" in (refused.value.problems[0].remedy or "")
