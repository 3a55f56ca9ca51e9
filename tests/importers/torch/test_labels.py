"""States that a caller names: against the names that the model has for its outputs."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")
    pytest.importorskip("snntorch")

import torch
from torch import nn

import snncc
from snncc.errors import SnnccError

ZEROS = torch.zeros(2, 4)


def step(x, syn, mem):  # type: ignore[no-untyped-def]
    syn = 0.75 * syn + x
    mem = 0.875 * mem + syn
    spk = (mem > 1).float()
    mem = mem - spk
    return spk, mem, syn


def keyed(x, syn, mem):  # type: ignore[no-untyped-def]
    spk, mem, syn = step(x, syn, mem)
    return {"spk": spk, "mem_out": mem, "next_syn": syn}


class Module(nn.Module):
    def forward(self, x: torch.Tensor, syn: torch.Tensor, mem: torch.Tensor) -> Any:
        return step(x, syn, mem)


def exported(path: Path, names: list[str]) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Module(),
            (ZEROS, ZEROS.clone(), ZEROS.clone()),
            str(path),
            input_names=["x", "syn", "mem"],
            output_names=names,
            opset_version=17,
            dynamo=False,
        )
    return path


def test_names_that_cross(tmp_path: Path) -> None:
    file = exported(tmp_path / "step.onnx", ["spk", "mem_out", "syn_out"])
    example = (ZEROS, ZEROS, ZEROS)
    for model, given in ((step, example), (keyed, example), (file, None)):
        for states in (["syn", "mem"], ["a", "b"]):
            with pytest.raises(SnnccError, match="is another one") as fault:
                snncc.load(model, given, states=states)
            assert fault.value.code == "SNC-I024"


def test_names_that_say_which(tmp_path: Path) -> None:
    file = exported(tmp_path / "step.onnx", ["spk", "mem_out", "syn_out"])
    by_number = {"syn": ("syn", "output2"), "mem": ("mem", "output1")}
    by_name = {"syn": ("syn", "syn_out"), "mem": ("mem", "mem_out")}
    x = (np.random.default_rng(0).integers(0, 32, (20, 3, 4)) / 16).astype(np.float32)
    syn = mem = torch.zeros(3, 4)
    wanted = []
    for part in x:
        spk, mem, syn = step(torch.tensor(part), syn, mem)
        wanted.append(spk.numpy())
    for net in (
        snncc.load(step, (ZEROS, ZEROS, ZEROS), states=by_number),
        snncc.load(file, states=by_name),
    ):
        np.testing.assert_array_equal(next(iter(net.run(x).values())), np.stack(wanted))
    crossed = {"syn": ("syn", "output1"), "mem": ("mem", "output2")}
    net = snncc.load(step, (ZEROS, ZEROS, ZEROS), states=crossed)
    assert [problem.code for problem in net.warnings] == ["SNC-W014"] * 2


class Recurrent(nn.Module):
    """Its spikes are the output, and a state as well."""

    def __init__(self) -> None:
        super().__init__()
        import snntorch

        self.cell = snntorch.RLeaky(beta=0.875, linear_features=4)
        with torch.no_grad():
            for tensor in self.cell.recurrent.parameters():
                tensor.copy_((tensor * 64).round() / 64)

    def forward(self, x: torch.Tensor, spk: torch.Tensor, mem: torch.Tensor) -> Any:
        spk, mem = self.cell(x, spk, mem)
        return spk, mem


def test_an_output_that_is_also_a_state(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Recurrent().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (ZEROS, ZEROS.clone(), ZEROS.clone()))
    torch.export.save(program, tmp_path / "step.pt2")
    x = (torch.randint(0, 32, (20, 3, 4), generator=torch.Generator().manual_seed(0)) / 16).float()
    wanted = []
    spk = mem = torch.zeros(3, 4)
    with torch.no_grad():
        for part in x:
            spk, mem = model(part, spk, mem)
            wanted.append(spk.numpy())
    assert 0.05 < np.mean(wanted) < 0.95
    numbered = {"spk": ("spk", "output0"), "mem": ("mem", "output1")}
    for states in (["spk", "mem"], numbered):
        for net in (
            snncc.load(model, (ZEROS, ZEROS, ZEROS), states=states),
            snncc.load(tmp_path / "step.pt2", states=states),
        ):
            assert list(net.outputs) == ["output"]
            result = net.run(x.numpy(), trace=True)
            np.testing.assert_array_equal(result["output"], np.stack(wanted))
            assert {"spk", "mem"} <= set(result["final"])


def test_an_input_that_is_left_and_looks_like_a_state(tmp_path: Path) -> None:
    model = Recurrent().eval()
    with pytest.raises(SnnccError, match="'spk' is no state") as fault:
        snncc.load(model, (ZEROS, ZEROS, ZEROS), states=["mem"])
    assert fault.value.code == "SNC-I024"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (ZEROS, ZEROS.clone(), ZEROS.clone()))
        net = snncc.load(program, states=["mem"])  # a program has no names for outputs
    assert "SNC-W014" in [problem.code for problem in net.warnings]


def test_a_file_without_its_states_says_which(tmp_path: Path) -> None:
    file = exported(tmp_path / "step.onnx", ["spk", "mem_out", "syn_out"])
    with pytest.raises(SnnccError, match=r"states=\['syn', 'mem'\]"):
        snncc.load(file)
