"""
Learnable parameters of live modules: their names, what they hold, and what they do.

The proof is by change: other numbers in a parameter of the network give what the module
gives with these numbers, imported again.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")
    for library in ("snntorch", "norse", "spikingjelly", "sinabs"):
        pytest.importorskip(library)

import torch
from torch import nn

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, parameter_array
from snncc.dialects.snn.parameters import COMPUTED_FROM
from snncc.network import Network
from snncc.pipelines import PipelineOptions, for_inference, run_pipeline
from snncc.storage import context
from tests.importers.torch.learnable_cases import CASES, HIDDEN, INPUTS, Layered
from tests.importers.torch.test_live import reference

STEPS, BATCH = 10, 3


def imported(case: str, module: nn.Module) -> tuple[Network, torch.Tensor, int]:
    """The network of a case; its input, and where time is."""
    axis = 1 if case.startswith("sinabs") else 0
    torch.manual_seed(1)
    x = torch.randn(STEPS, BATCH, INPUTS) * 2 + 0.5
    given = x.transpose(0, axis).contiguous()
    return snncc.load(module, given, time_axis=axis), given, axis


def parameters_of(net: Network) -> dict[str, snn.ParameterOp]:
    found = [op for op in net.module.ops if isinstance(op, snn.ParameterOp)]
    return {op.sym_name.data: op for op in found}


def outputs(net: Network, x: torch.Tensor, axis: int) -> dict[str, Array]:
    """All that a run gives, with states."""
    result = net.run(x.transpose(0, axis).numpy(), trace=True)
    return {**{k: v for k, v in result.items() if k != "final"}, **result["final"]}


def assert_equal(a: dict[str, Array], b: dict[str, Array]) -> None:
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], err_msg=name)


@pytest.mark.parametrize("case", sorted(CASES))
def test_names_marks_and_values(case: str) -> None:
    torch.manual_seed(0)
    module = CASES[case]().eval()
    net, _, _ = imported(case, module)
    found = parameters_of(net)
    wanted = dict(module.named_parameters())
    learnable = {name for name, op in found.items() if op.is_learnable}
    assert learnable == {name for name, p in wanted.items() if p.requires_grad}
    for name, op in found.items():
        if name in wanted:
            np.testing.assert_array_equal(parameter_array(op), wanted[name].detach().numpy())
        assert op.training is not None
        assert COMPUTED_FROM not in op.attributes


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_change_does_what_it_does_in_the_module(case: str) -> None:
    torch.manual_seed(0)
    module = CASES[case]().eval()
    net, x, axis = imported(case, module)
    before = outputs(net, x, axis)
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        old = parameter.detach().clone()
        spread = torch.linspace(0.7, 0.9, old.numel()).reshape(old.shape)
        with torch.no_grad():
            parameter.copy_(old * spread + 0.0625)
        changed = Network(net.module.clone())
        op = parameters_of(changed)[name]
        op.value = blob_of(np.array(parameter.detach().numpy()))
        got = outputs(changed, x, axis)
        again, _, _ = imported(case, module)
        assert_equal(got, outputs(again, x, axis))
        wanted = np.moveaxis(reference(module, x), axis, 0)
        result = got[next(iter(net.outputs))]
        assert (np.abs(result - wanted) > 1e-4).mean() < 0.01
        assert any(not np.array_equal(before[key], got[key]) for key in before), name
        with torch.no_grad():
            parameter.copy_(old)


@pytest.mark.parametrize("case", sorted(CASES))
def test_folded(case: str) -> None:
    """What is computed of parameters is computed at compile time, to the same bits."""
    torch.manual_seed(0)
    net, x, axis = imported(case, CASES[case]().eval())
    module = run_pipeline(net.module, context(), PipelineOptions(), until="canonicalize")
    folded = Network(module)
    assert not any(op.training for op in parameters_of(folded).values())
    for op in folded.op.body.block.ops:
        assert not isinstance(op, snn.NeuronOp) or op.inputs
    assert_equal(outputs(folded, x, axis), outputs(net, x, axis))


def test_text_comes_back(tmp_path: Any) -> None:
    torch.manual_seed(0)
    net, _, _ = imported("weight norm", CASES["weight norm"]().eval())
    net.save(tmp_path / "net.mlir")
    assert snncc.load(tmp_path / "net.mlir").mlir() == net.mlir()


@pytest.mark.parametrize("case", ["snntorch: Leaky", "sinabs: LIF", "weight norm", "initial state"])
def test_files_of_other_formats_have_what_is_computed(case: str, tmp_path: Any) -> None:
    torch.manual_seed(0)
    net, x, axis = imported(case, CASES[case]().eval())
    net.export(tmp_path / "net.onnx")
    again = snncc.load(tmp_path / "net.onnx")
    assert again.mlir() == Network(for_inference(net.module)).mlir()
    assert_equal(outputs(again, x, axis), outputs(net, x, axis))


@pytest.mark.parametrize(
    "case",
    ["tied", "gates", "frozen", "weight norm", "initial states", "sinabs: LIF train_alphas"],
)
def test_exported_programs_say_what_is_learnable(case: str, tmp_path: Any) -> None:
    torch.manual_seed(0)
    module = CASES[case]().eval()
    axis = 1 if case.startswith("sinabs") else 0
    x = torch.randn(4, BATCH, INPUTS).transpose(0, axis).contiguous()
    live = snncc.load(module, x, time_axis=axis)
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "model.pt2")
    net = snncc.load(tmp_path / "model.pt2", time_axis=axis)
    found = {name for name, op in parameters_of(net).items() if op.is_learnable}
    wanted = {name for name, p in module.named_parameters() if p.requires_grad}
    if case == "tied":  # torch.export knows a shared tensor by the last of its names
        wanted = wanted - {"layer.encoder.weight"} | {"layer.again.weight"}
    assert found == wanted
    np.testing.assert_array_equal(
        outputs(net, x, axis)["output"], outputs(live, x, axis)[next(iter(live.outputs))]
    )


class LowRank(nn.Module):
    """A product of two parameters, which no operation of a network gives."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.randn(HIDDEN, INPUTS) * 0.5)
        self.a = nn.Parameter(torch.randn(2, INPUTS))
        self.b = nn.Parameter(torch.randn(HIDDEN, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.base + self.b @ self.a)


def test_what_cannot_be_said_is_fixed_and_says_so() -> None:
    torch.manual_seed(0)
    net, x, axis = imported("low rank", module := Layered(LowRank()).eval())
    found = parameters_of(net)
    assert {name for name, op in found.items() if op.is_learnable} == {"layer.base"}
    (product,) = [op for op in found.values() if COMPUTED_FROM in op.attributes]
    assert [s.data for s in product.attributes[COMPUTED_FROM]] == ["layer.a", "layer.b"]
    wanted = reference(module, x)
    np.testing.assert_allclose(outputs(net, x, axis)["output"], wanted, atol=1e-6)


def test_one_parameter_for_two_uses() -> None:
    torch.manual_seed(0)
    net, _, _ = imported("tied", CASES["tied"]().eval())
    uses = [op.symbol for op in net.op.body.block.ops if isinstance(op, snn.UseOp)]
    assert uses.count("layer.encoder.weight") == 1
    assert "layer.again.weight" not in uses
