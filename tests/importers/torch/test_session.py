"""Live models: what may be given, what is put back, and what running does not show."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

import snncc
from snncc.errors import SnnccError


class Neuron(nn.Module):
    """Its membrane is an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.v: Any = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.v = 0.5 * self.v + x
        z = (self.v > 1).float()
        self.v = self.v - z
        return z


def loaded(model: Any, example: Any = None, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return snncc.load(model, torch.rand(2, 4) if example is None else example, **options)


def refused(code: str, model: Any, example: Any = None, **options: Any) -> str:
    with pytest.raises(SnnccError) as fault:
        loaded(model, example, **options)
    assert fault.value.code == code, str(fault.value)
    return str(fault.value)


def equal(net: Any, model: Any, x: torch.Tensor) -> None:
    wanted = [model(part).detach().numpy() for part in x]
    np.testing.assert_array_equal(next(iter(net.run(x.numpy()).values())), np.stack(wanted))
    assert np.any(wanted)


class TestWhatMayBeGiven:
    def test_other_callables(self) -> None:
        class Callable:
            def __init__(self) -> None:
                self.inner = Neuron()

            def __call__(self, x: torch.Tensor) -> torch.Tensor:
                return self.inner(x)  # type: ignore[no-any-return]

        neuron = Neuron()
        x = torch.rand(9, 3, 4) * 2
        for model in (
            Callable(),
            functools.partial(lambda _, x: neuron(x), None),
            lambda x: neuron(x),
            Neuron().forward,
        ):
            neuron.v = 0.0
            equal(loaded(model), model, x)

    def test_no_model(self) -> None:
        assert "instance" in refused("SNC-C003", Neuron)
        refused("SNC-C003", 5)

    @pytest.mark.parametrize("example", ["text", {"x": 1}, ((torch.ones(1),),), ()])
    def test_no_example(self, example: Any) -> None:
        refused("SNC-C003", Neuron(), example)

    def test_modules_without_values(self) -> None:
        refused("SNC-C003", nn.LazyLinear(3))
        refused("SNC-C003", nn.Linear(4, 3, device="meta"))
        refused("SNC-C003", torch.jit.trace(nn.ReLU(), torch.ones(2, 4)))

    def test_options_of_files(self) -> None:
        refused("SNC-C003", Neuron(), like="norse")
        refused("SNC-C003", Neuron(), states=["v"], time_axis=0)
        refused("SNC-C003", Neuron(), states={"v": "v"})
        refused("SNC-C003", Neuron(), states=[""])
        refused("SNC-C003", Neuron(), time_axis=7)

    def test_what_the_model_raises(self) -> None:
        def step(x: torch.Tensor) -> torch.Tensor:
            raise ValueError("no, not this one")

        assert "ValueError: no, not this one" in refused("SNC-I026", step)
        with pytest.raises(SnnccError) as fault:
            loaded(step)
        assert isinstance(fault.value.__cause__, ValueError)
        refused("SNC-I026", lambda x: None)

    def test_double_precision(self) -> None:
        def step(x: torch.Tensor) -> torch.Tensor:
            return (x.double() * 0.7 > 0.5).float()

        assert "float64" in refused("SNC-I012", step)

    def test_integers_that_become_floats(self) -> None:
        net = loaded(lambda x: x.float() / 4, torch.ones(2, 4, dtype=torch.int64))
        x = np.arange(-4, 4).reshape(2, 1, 4)
        np.testing.assert_array_equal(net.run(x)["output"], x / 4)


class TestWhatIsPutBack:
    def test_objects_behind_the_model(self) -> None:
        class Holder:
            v: Any = 0.0

        class Held(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.holder, self.lists = Holder(), [[0.0]]
                self.holder.v = 0.0

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.holder.v = 0.5 * self.holder.v + x
                self.lists[0][0] = 0.5 * self.lists[0][0] + self.holder.v
                return (self.lists[0][0] > 1).float()

        model = Held().train()
        net = loaded(model)
        assert model.holder.v == 0.0
        assert model.lists == [[0.0]]
        assert model.training
        equal(net, model, torch.rand(9, 3, 4) * 2)

    def test_training_mode_is_told(self) -> None:
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        assert [p.code for p in loaded(model).warnings] == ["SNC-W015"]
        assert not loaded(model.eval()).warnings
        assert not loaded(nn.Sequential(nn.Linear(4, 4))).warnings


class TestWhatRunningDoesNotShow:
    def test_values_that_leave_torch(self) -> None:
        def through_numpy(x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(np.tanh(x.numpy()))

        def through_a_list(x: torch.Tensor) -> torch.Tensor:
            return torch.tensor(x.tolist()) + x

        assert "numpy()" in refused("SNC-I027", through_numpy)
        assert "tolist()" in refused("SNC-I027", through_a_list)
        refused("SNC-I027", lambda x: torch.ones(2, 4))

    def test_a_state_that_is_replaced(self) -> None:
        class Data(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("v", torch.zeros(1, 4))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                v = 0.5 * self.v.data + x
                z = (v > 1).float()
                self.v.data = (v - z).data
                return z

        model = Data()
        net = loaded(model)
        assert tuple(model.v.shape) == (1, 4)
        equal(net, model, torch.rand(9, 3, 4) * 2)

    def test_counters(self) -> None:
        class Counting(Neuron):
            def __init__(self, limit: int):
                super().__init__()
                self.count, self.limit = 0, limit

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.count += 1
                return super().forward(x * (2.0 if self.count > self.limit else 1.0))

        refused("SNC-I003", Counting(8))
        net = loaded(Counting(100))
        assert [p.code for p in net.warnings] == ["SNC-W013"]
        assert "'count'" in net.warnings[0].message

        class Buffered(Neuron):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("n", torch.zeros(1))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.n += 1
                return super().forward(torch.where(self.n > 90, 2 * x, x))

        assert "'n'" in refused("SNC-I027", Buffered())

    def test_states_of_another_batch(self) -> None:
        class Queue(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.last = torch.zeros(1, 4)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                before, self.last = self.last, x
                return before

        refused("SNC-I014", Queue())

    @pytest.mark.parametrize("delay", [1, 4, 9])
    def test_long_delays(self, delay: int) -> None:
        class Late(Neuron):
            def __init__(self) -> None:
                super().__init__()
                self.line: list[torch.Tensor] = []

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.line.append(x)
                self.line = self.line[-1 - delay :]
                return super().forward(
                    self.line[0] if len(self.line) > delay else torch.zeros_like(x)
                )

        model = Late()
        equal(loaded(model), model, torch.rand(20, 3, 4) * 2)


class TestSequences:
    def test_one_step_with_a_time_axis(self) -> None:
        def step(x, v=None):  # type: ignore[no-untyped-def]
            v = (0.0 if v is None else v) * 0.5 + x
            return (v > 1).float(), v

        assert "without time_axis" in refused("SNC-I001", Neuron(), time_axis=0)
        refused("SNC-I001", step, time_axis=0)
        loaded(lambda x: (x > 0.5).float(), time_axis=0)  # it keeps nothing: a threshold

    def run(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v, spikes = torch.zeros(x.shape[1:]), []
        for part in x:
            v = 0.5 * v + part
            z = (v > 1).float()
            v = v - z
            spikes.append(z)
        return torch.stack(spikes), v

    def test_the_last_state_in_the_shape_of_a_step(self) -> None:
        net = loaded(self.run, torch.rand(3, 3, 4), time_axis=0)  # as many steps as samples
        assert "sequence" not in net.op.attributes
        x = torch.rand(9, 5, 4) * 2
        np.testing.assert_array_equal(
            next(iter(net.run(x.numpy()).values())), self.run(x)[0].numpy()
        )

    @pytest.mark.parametrize("options", [{"T": 6}, {"T": 6, "time_axis": 0}, {}])
    def test_an_input_that_is_held(self, options: dict[str, int]) -> None:
        def encoded(x: torch.Tensor) -> torch.Tensor:
            return self.run(x.expand(6, *x.shape))[0]

        def repeated(x: torch.Tensor) -> torch.Tensor:
            return self.run(2 * x.unsqueeze(0).repeat(6, 1, 1))[0]

        x = torch.rand(3, 4)
        for model in (encoded, repeated):
            net = loaded(model, torch.rand(2, 4), **options)
            got = next(iter(net.run(x.numpy(), steps=6).values()))
            np.testing.assert_array_equal(got, model(x).numpy())

    def test_a_reduction_is_named(self) -> None:
        net = loaded(lambda x: self.run(x)[0].mean(0), torch.rand(4, 2, 4), time_axis=0)
        assert "reduce_mean" in net.warnings[0].message

    def test_weights_are_transposed_once(self) -> None:
        """Each step's product would count against the limit of work."""
        torch.manual_seed(0)
        layer = nn.Linear(784, 1000)

        def model(x: torch.Tensor) -> torch.Tensor:
            return self.run(torch.stack([layer(part) for part in x]))[0]

        assert loaded(model, torch.rand(60, 2, 784), time_axis=0).outputs == {"output": (1000,)}

    def test_a_batch_of_one(self) -> None:
        class Merged(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(1, 2, 3)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                y = self.conv(x.flatten(0, 1))
                v, spikes = torch.zeros(1), []
                for part in y.reshape(x.shape[0], x.shape[1], *y.shape[1:]):
                    v = 0.5 * v + part
                    spikes.append((v > 0.1).float())
                return torch.stack(spikes)

        net = loaded(Merged(), torch.rand(4, 1, 1, 5, 5), time_axis=0)
        assert net.inputs == {"x": (1, 5, 5)}
        assert "sequence" not in net.op.attributes
