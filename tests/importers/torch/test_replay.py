"""
Live modules whose networks would spike otherwise in silence: on inputs, in samples or after
steps that the recording has not seen.

Weights and inputs are dyadic: what is accepted must be equal to the last spike.
"""

from __future__ import annotations

import os
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

from tests.importers.torch.replayed import INPUTS, NEURONS, B, Cell, X, equal, loaded, refused

# --- what is handed back


class Box:
    def __init__(self, v: Any):
        self.v = v


class Slotted:
    __slots__ = ("v",)

    def __init__(self, v: Any):
        self.v = v


@pytest.mark.parametrize(
    "boxed",
    [Box, Slotted, lambda v: SimpleNamespace(v=v), lambda v: [Box(v)], lambda v: {"a": Box(v)}],
)
def test_states_in_plain_objects(boxed: Any) -> None:
    cell = Cell()

    def held(state: Any) -> Any:
        state = state[0] if isinstance(state, list) else state
        return state["a"].v if isinstance(state, dict) else state.v

    def step(x, state=None):  # type: ignore[no-untyped-def]
        z, v = cell.fire(None if state is None else held(state), cell.fc(x))
        return z, boxed(v)

    net, codes = loaded(step)
    assert not codes
    state = None

    def fed(x: torch.Tensor) -> torch.Tensor:
        nonlocal state
        z, state = step(x, state)
        return z

    equal(net, fed)


def test_an_object_as_the_default() -> None:
    cell = Cell()

    def step(x, state=Box(0.0)):  # type: ignore[no-untyped-def]  # noqa: B008
        z, v = cell.fire(state.v * torch.ones(NEURONS), cell.fc(x))
        return z, Box(v)

    net, _ = loaded(step)
    assert "neuron" in str(net.op)


def test_an_object_that_cannot_be_read() -> None:
    cell = Cell()

    def step(x, state=None):  # type: ignore[no-untyped-def]
        z, v = cell.fire(None if state is None else state(), cell.fc(x))
        return z, lambda: v

    assert "a function" in refused("SNC-I027", step)


@pytest.mark.parametrize("default", [None, 0.0])
def test_a_current_beside_a_state_that_stays_inside(default: Any) -> None:
    class Modulated(Cell):
        def forward(self, x, top_down=default):  # type: ignore[no-untyped-def]
            c = self.fc(x) + (0.0 if top_down is None else top_down)
            z, self.v = self.fire(self.v, c)
            return z, self.v

    assert "keeps states by itself" in refused("SNC-I001", Modulated())
    model = Modulated()
    net, codes = loaded(lambda x: model(x))
    assert not codes
    equal(net, lambda x: model(x)[0])


@pytest.mark.parametrize("names", ["mem, bias", "noise, mem"])
def test_a_current_beside_a_state_that_is_handed_back(names: str) -> None:
    cell = Cell()

    def step(x: Any, mem: Any, added: Any) -> tuple[torch.Tensor, torch.Tensor]:
        c = cell.fc(x) if added is None else cell.fc(x) + added
        z, out = cell.fire(mem, c)
        return z, out

    def mem_first(x, mem=None, bias=None):  # type: ignore[no-untyped-def]
        z, out = step(x, mem, bias)
        return z, out

    def noise_first(x, noise=None, mem=None):  # type: ignore[no-untyped-def]
        z, out = step(x, mem, noise)
        return z, out

    text = refused("SNC-I001", mem_first if names == "mem, bias" else noise_first)
    assert "in several ways" in text


# --- what grows and counts


@pytest.mark.parametrize("delay", [5, 7, 10])
def test_a_history_that_grows(delay: int) -> None:
    class History(Cell):
        def __init__(self) -> None:
            super().__init__()
            self.past: list[torch.Tensor] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            c = self.fc(x)
            if len(self.past) >= delay:
                c = c - 0.25 * self.past[-delay]
            z, self.v = self.fire(self.v, c)
            self.past.append(z)
            return z

    model = History()
    net, codes = loaded(model)
    assert codes == ["SNC-W013"]
    assert "'past' grows" in net.warnings[0].message
    assert not model.past
    equal(net, model)


class Places:
    count = 0


COUNTED = {"n": 0}
NUMBER = 0


class Counting(Cell):
    """Its current halves after some steps; the steps are counted at many places."""

    def __init__(self, place: str, limit: int):
        super().__init__()
        self.place, self.limit = place, limit
        self.list, self.seen, self.numbers = [], set[int](), np.zeros(1)
        self.iterator = iter(range(10**6))

    def steps(self) -> Any:
        global NUMBER
        match self.place:
            case "a list":
                self.list.append(0)
                return len(self.list)
            case "a set":
                self.seen.add(len(self.seen))
                return len(self.seen)
            case "an array":
                self.numbers += 1
                return self.numbers[0]
            case "an iterator":
                return next(self.iterator) + 1
            case "a class":
                Places.count += 1
                return Places.count
            case "a dictionary of the file":
                COUNTED["n"] += 1
                return COUNTED["n"]
        NUMBER += 1
        return NUMBER

    def current(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * (1.0 if self.steps() <= self.limit else 0.5)


PLACES = ("a list", "a set", "an array", "an iterator", "a class", "a dictionary of the file", "")


@pytest.mark.parametrize("place", PLACES)
def test_counters(place: str) -> None:
    text = refused("SNC-I027", Counting(place, 30))
    assert "part at step 3" in text
    if place != "an iterator":
        assert "the model's '" in text
    refused("SNC-I003", Counting(place, 14))  # the longer recordings have no loop
    assert (Places.count, COUNTED, NUMBER) == (0, {"n": 0}, 0)


def test_a_number_that_comes_again_is_named() -> None:
    class Periodic(Cell):
        t = 0

        def current(self, x: torch.Tensor) -> torch.Tensor:
            self.t = (self.t + 1) % 2
            return self.fc(x) * (1.0 if self.t else 0.5)

    assert "'t'" in refused("SNC-I003", Periodic())


class Shared(Cell):
    kept: Any = None

    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        z, Shared.kept = self.fire(Shared.kept, self.fc(x))
        return z


HELD: dict[str, torch.Tensor] = {}


def test_states_in_a_class_and_in_a_file() -> None:
    def step(x, mask=None):  # type: ignore[no-untyped-def]
        z, HELD["v"] = cell.fire(HELD.get("v"), cell.fc(x))
        return z

    cell = Cell()
    for model in (Shared(), step):
        for example in (torch.ones(B, INPUTS), X[0]):
            net, codes = loaded(model, example)
            assert not codes
            assert Shared.kept is None
            assert not HELD
        equal(net, model)
        Shared.kept = None
        HELD.clear()


def test_a_state_in_a_default() -> None:
    cell = Cell()

    def step(x, states={}):  # type: ignore[no-untyped-def]  # noqa: B006
        z, states["v"] = cell.fire(states.get("v"), cell.fc(x))
        return z

    net, _ = loaded(step)
    equal(net, step)


# --- correct models


class Silent(Cell):
    """It fires only where its input is much larger than the example."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z, self.v = self.fire(self.v, 0.0625 * self.fc(x))
        return z


class Analog(Cell):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, self.v = self.fire(self.v, torch.tanh(self.fc(x)))
        return self.v * 3  # type: ignore[no-any-return]


class Limited(Cell):
    """It takes spikes alone, and ten steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.steps == 30:
            raise ValueError("no more")
        self.steps += 1
        return super().forward(x)


class Large(nn.Module):
    """Random weights: their sums differ with the order of their terms."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(n, 300) for n in (INPUTS, 300, 300))
        self.v = [torch.zeros(1)] * 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for layer, v in zip(self.layers, self.v, strict=True):
            v = 0.9 * v + layer(x)
            x = (v > 0.1).float()
            kept.append(v - 0.1 * x)
        self.v = kept
        return x


@pytest.mark.parametrize("kind", [Cell, Silent, Analog, Large])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_no_false_alarms(kind: type[nn.Module], batch: int) -> None:
    _, codes = loaded(kind(), torch.rand(batch, INPUTS))
    assert not codes


def test_a_model_that_ends() -> None:
    net, codes = loaded(Limited())
    assert codes == ["SNC-W013"]
    assert "after 30 steps" in net.warnings[0].message


def test_a_large_model_is_replayed_for_fewer_steps() -> None:
    model = nn.Sequential(nn.Conv2d(64, 256, 5, padding=2), nn.Conv2d(256, 64, 5, padding=2))
    net, codes = loaded(model, torch.rand(2, 64, 8, 8))
    assert codes == ["SNC-W013"]
    assert "steps only" in net.warnings[0].message


def test_nothing_is_left_behind() -> None:
    model = Counting("an iterator", 10**6)
    state, numbers, noise = random.getstate(), np.random.get_state(), torch.get_rng_state()
    before = dict(vars(model))
    loaded(model)
    assert all(vars(model)[name] is value for name, value in before.items() if name != "iterator")
    assert next(model.iterator) == 0
    assert random.getstate() == state
    assert (np.random.get_state()[1] == numbers[1]).all()
    assert torch.equal(torch.get_rng_state(), noise)
