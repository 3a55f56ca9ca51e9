"""
Live modules against their own forward, on whole sequences.

Weights and inputs are multiples of 1/64, so that every order of a sum gives the same sum,
and the neurons' arithmetic is what is compared: spikes must be equal.
"""

from __future__ import annotations

import os
import warnings
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
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.torch.keeping import forget
from snncc.importers.torch.libraries import CHECKED
from tests.importers.torch.live_cases import CASES, INPUTS, Stepped

STEPS, BATCH = 12, 5
SEEDS = 4
"""Of weights; each with BATCH samples of inputs, so that twenty sequences are compared."""

ANALOG = ("LICell", "norse: LI", "ExpLeak")
TRANSCENDENTAL = ("EIF", "LIFEx", "LIFAdEx", "Alpha")
"""Their exponential is ours, correctly rounded; torch's differs in the last place."""


QUIET = {"norse: LIFBoxCell": 8, "spikingjelly: convolutional": 4}
"""Layers that need larger weights to fire."""


def dyadic(module: nn.Module, gain: int = 1) -> None:
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                for tensor in part.parameters():
                    tensor.copy_((tensor * gain * 64).round() / 64)
        for name, tensor in module.named_parameters():
            if name.endswith("_weights"):  # Norse's recurrent cells
                tensor.copy_((tensor * 64).round() / 64)


def reference(module: nn.Module, x: torch.Tensor) -> Array:
    forget(module)
    with torch.no_grad():
        result = module(x)
    forget(module)
    return (result[0] if isinstance(result, tuple) else result).numpy()


@pytest.mark.parametrize("case", sorted(CASES))
def test_modules(case: str) -> None:
    axis = 1 if case.startswith("sinabs") else 0
    fired = 0.0
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        module = CASES[case]().eval()
        dyadic(module, QUIET.get(case, 1))
        x = ((torch.randn(STEPS, BATCH, INPUTS) * 2 + 0.7) * 64).round() / 64
        given = x.transpose(0, axis).contiguous()
        net = snncc.load(module, given, time_axis=axis)
        assert "sequence" not in net.op.attributes, "no loop was found"
        wanted = np.moveaxis(reference(module, given), axis, 0)
        got = next(iter(net.run(x.numpy()).values()))
        fired += float((wanted != 0).mean()) / SEEDS
        if any(name in case for name in ANALOG):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(got, wanted)
    assert fired > 0.0005


def test_what_the_documentation_lists_is_compared() -> None:
    names = {case.partition("(")[0].split(" ")[1] for case in CASES if ": " in case}
    for library, classes in CHECKED.items():
        for name in classes:
            assert name in names, f"{library}.{name}"


@pytest.mark.parametrize(("inputs", "neurons", "what"), [(0, 3, "input x"), (4, 0, "fc.weight")])
def test_layers_without_elements(inputs: int, neurons: int, what: str) -> None:
    class Empty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.fc = nn.Linear(inputs, neurons)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            v = torch.zeros(x.shape[1], neurons)
            spikes = []
            for step in x:
                v = 0.9 * v + self.fc(step)
                spikes.append((v > 1).float())
                v = v - spikes[-1]
            return torch.stack(spikes)

    with pytest.raises(SnnccError, match=f"SNC-I014 {what}: has no elements"):
        snncc.load(Empty().eval(), torch.zeros(5, 1, inputs), time_axis=0)


def test_the_module_is_as_it_was() -> None:
    torch.manual_seed(0)
    module = CASES["spikingjelly: LIFNode() s"]().train()
    x = torch.rand(4, 2, INPUTS)
    module(x)
    before = dict(module.cell._memories)
    content = [p.detach().clone() for p in module.parameters()]
    snncc.load(module, x, time_axis=0)
    assert module.training
    assert all(module.cell._memories[name] is value for name, value in before.items())
    for old, new in zip(content, module.parameters(), strict=True):
        assert torch.equal(old, new)


class Mixed(nn.Module):
    """Layers over all steps at once around neurons that mix the steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        from spikingjelly.activation_based import layer, neuron

        self.features = layer.SeqToANNContainer(
            nn.Conv2d(2, 3, 3, stride=(2, 1), padding=(1, 2), dilation=(2, 1)), nn.BatchNorm2d(3)
        )
        self.mix = neuron.PSN(T=steps)
        self.pool = layer.SeqToANNContainer(nn.AvgPool2d(2))
        self.readout = nn.Linear(12, 4)
        self.slide = neuron.SlidingPSN(k=2, step_mode="m")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spikes = self.mix(self.features(x) * 3 + 1)
        return self.slide(self.readout(self.pool(spikes).flatten(2)) * 5 + 1)


def test_neurons_that_mix_the_steps() -> None:
    """The network takes the whole sequence as one step, and so does its C."""
    torch.manual_seed(0)
    module = Mixed(STEPS).eval()
    x = torch.randn(STEPS, BATCH, 2, 7, 6) * 2
    with pytest.warns(snncc.SnnccWarning, match="SNC-I003"):
        net = snncc.load(module, x, time_axis=0)
    wanted = reference(module, x)
    got = next(iter(net.run(x.numpy()).values()))
    assert 0.02 < wanted.mean() < 0.9
    np.testing.assert_array_equal(got, wanted)
    native = next(iter(snncc.compile(net).run(x.numpy()).values()))
    np.testing.assert_array_equal(native, got)


class TestSteps:
    """Models of one step: what they keep, or hand back, goes to the next one."""

    def check(self, step: Any, module: nn.Module, x: torch.Tensor, **options: Any) -> Any:
        net = snncc.load(step, x[0], **options)
        got = next(iter(net.run(x.numpy()).values()))
        np.testing.assert_array_equal(got, reference(module, x))
        return net

    def test_a_bare_neuron(self) -> None:
        import snntorch

        lif = snntorch.Leaky(beta=0.9)
        x = torch.rand(8, 3, 4) * 2

        def forward(x: torch.Tensor) -> torch.Tensor:
            mem, spikes = lif.reset_mem(), []
            for t in range(x.shape[0]):
                spk, mem = lif(x[t], mem)
                spikes.append(spk)
            return torch.stack(spikes)

        net = snncc.load(lif, x[0])
        (neuron,) = [op for op in net.op.body.block.ops if isinstance(op, snn.NeuronOp)]
        assert neuron.kind is not None
        assert neuron.kind.data == "lif"
        with torch.no_grad():
            wanted = forward(x).numpy()
        result = net.run(x.numpy(), trace=True)
        np.testing.assert_array_equal(next(iter(result.values())), wanted)
        assert set(result["final"]) == {"mem"}

    def test_hidden_states(self) -> None:
        torch.manual_seed(0)
        module = CASES["snntorch: init_hidden"]().eval()
        dyadic(module)
        assert isinstance(module, Stepped)
        x = (torch.randn(8, 3, INPUTS) * 128).round() / 64
        step = nn.Sequential(module.fc, module.cell)
        net = self.check(step, module, x)
        names = set(net.run(x.numpy(), trace=True)["final"])
        assert names == {"1.0.mem", "1.2.mem"}

    def test_a_function_with_its_states(self) -> None:
        def step(x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            v = 0.5 * v + x
            spikes = (v >= 1).float()
            return spikes, v - spikes

        net = snncc.load(step, (torch.zeros(2, 3), torch.zeros(2, 3)), states=["v"])
        x = np.random.default_rng(0).uniform(0, 1, (10, 2, 3)).astype(np.float32)
        result = net.run(x, state0={"v": np.full((2, 3), 0.25)}, trace=True)
        v = np.full((2, 3), 0.25, np.float32)
        for t in range(10):
            s, v = (part.numpy() for part in step(torch.tensor(x[t]), torch.tensor(v)))
            np.testing.assert_array_equal(result["output"][t], s)
        np.testing.assert_array_equal(result["final"]["v"], v)

    def test_states_that_start_elsewhere(self) -> None:
        """Thresholds that adapt start at the threshold, in more layers than one."""
        import norse.torch as norse

        for layers in (
            [nn.Linear(INPUTS, 5), norse.LSNNCell(), nn.Linear(5, 4), norse.LICell()],
            [norse.LSNNCell(), nn.Linear(INPUTS, 5), norse.LSNNCell()],
        ):
            torch.manual_seed(0)
            model = norse.SequentialState(*layers)
            dyadic(model, 16)
            x = (torch.rand(12, 3, INPUTS) * 640).round() / 64
            net = snncc.load(model, x[0])
            assert "sequence" not in net.op.attributes
            state, wanted = None, []
            with torch.no_grad():
                for part in x:
                    y, state = model(part, state)
                    wanted.append(y.numpy())
            got = net.run(x.numpy())["output"]
            np.testing.assert_allclose(got, np.stack(wanted), rtol=0, atol=1e-5)
            assert np.any(wanted)

    def test_states_that_no_output_reads(self) -> None:
        def trace(x: torch.Tensor, v: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, ...]:
            v = 0.5 * v + x
            z = (v > 1).float()
            return z, v - z, 0.5 * w + z

        def only(x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return 2 * x, 0.5 * v

        def scalar(x: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (x - g > 0.5).float(), 0.5 * g + 0.25

        x = np.random.default_rng(0).uniform(0, 2, (9, 3, 4)).astype(np.float32)
        for step, names in ((trace, ["v", "w"]), (only, ["v"]), (scalar, ["g"])):
            shape = () if step is scalar else (2, 4)
            example = (torch.rand(2, 4), *(torch.rand(shape) for _ in names))
            net = snncc.load(step, example, states=names)
            states = [torch.zeros(shape and (3, 4)) for _ in names]
            got = net.run(x, trace=True)
            for part, y in zip(x, got["output"], strict=True):
                wanted, *states = step(torch.tensor(part), *states)
                np.testing.assert_array_equal(y, wanted.numpy())
            assert set(got["final"]) == set(names)
            np.testing.assert_array_equal(snncc.compile(net).run(x)["output"], got["output"])

    def test_names_of_states(self) -> None:
        def step(x, v1, v2):  # type: ignore[no-untyped-def]
            return x + v1 + v2, v1 + x, v2 + x

        example = (torch.rand(2, 3), torch.rand(2, 3), torch.rand(2, 3))
        for states in (["v1"], {"a": ("v1", "output1"), "b": ("v1", "output2")}):
            with pytest.raises(SnnccError) as refused:
                snncc.load(step, example, states=states)
            assert refused.value.code == "SNC-I024"

    def test_an_exported_program(self) -> None:
        class Step(nn.Module):
            def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
                v = 0.9 * v + x
                s = (v > 1).float()
                return s, v * (1 - s)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(Step(), (torch.zeros(2, 3), torch.ones(2, 3)))
        net = snncc.load(program, states=["v"])
        assert net.inputs == {"x": (3,)}
        assert "final" in net.run(np.ones((4, 3)), trace=True)


class TestSurrogates:
    def surrogates(self, module: nn.Module) -> set[str]:
        x = torch.rand(4, 2, INPUTS)
        net = snncc.load(module, x, time_axis=0)
        return {
            str(op.surrogate)
            for op in net.module.walk()
            if isinstance(op, snn.SpikeOp) and op.surrogate is not None
        }

    def test_names_and_options(self) -> None:
        import snntorch
        from snntorch import surrogate

        lif = snntorch.Leaky(beta=0.9, spike_grad=surrogate.fast_sigmoid(slope=10))
        (text,) = self.surrogates(Stepped(lif, "returned"))
        assert text == '#snn.surrogate<"snntorch.fast_sigmoid", slope = 1.000000e+01 : f64>'


class TestRefusals:
    def test_no_example(self) -> None:
        with pytest.raises(SnnccError) as refused:
            snncc.load(nn.Linear(2, 2))
        assert refused.value.code == "SNC-C003"

    def test_a_branch_on_the_input(self) -> None:
        class Branch(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x if float(x.sum()) > 0 else -x

        with pytest.raises(SnnccError) as refused:
            snncc.load(Branch(), torch.ones(2, 3))
        assert refused.value.code == "SNC-I012"

    def test_a_spike_without_a_state(self) -> None:
        def step(x: torch.Tensor) -> torch.Tensor:
            return (x > 0.5).float()

        net = snncc.load(step, torch.rand(2, 3))  # run in a row, it keeps nothing: a threshold
        assert net.run(np.ones((2, 3)))["output"].all()
