"""What of a step's result goes to the next step: found by trying, or refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")

import torch
from torch import nn

import snncc
from snncc.errors import SnnccError, SnnccWarning

B, T = 3, 20


class Cell(nn.Module):
    """A current and a membrane; how they come and go is what the cases differ in."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 4)
        with torch.no_grad():
            for tensor in self.parameters():
                tensor.copy_((tensor * 64).round() / 64)

    def step(self, x: torch.Tensor, v: Any, i: Any) -> tuple[torch.Tensor, ...]:
        v = 0.0 if v is None else v
        i = 0.0 if i is None else i
        i = 0.5 * i + self.fc(x)
        v = 0.75 * v + i
        z = (v > 0.5).float()
        return z, v - 0.5 * z, i


class Given(NamedTuple):
    spikes: torch.Tensor
    state: list[torch.Tensor]


def _cases() -> dict[str, tuple[type[Cell], Callable[..., Any]]]:
    """A module, and how its caller feeds it: (module, x, what came last) -> (z, what comes)."""

    class Order(Cell):
        def forward(self, x, v=None, i=None):  # type: ignore[no-untyped-def]
            return self.step(x, v, i)

    class Swapped(Cell):
        def forward(self, x, v=None, i=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, v, i)
            return z, i + 0, v + 0

    class Numbers(Cell):
        def forward(self, x, v=0.0, i=0.0):  # type: ignore[no-untyped-def]
            return self.step(x, v, i)

    class Nested(Cell):
        def forward(self, x, v=None, i=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, v, i)
            return z, (v, i)

    class Pair(Cell):
        def forward(self, x, states=(None, None)):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *states)
            return z, (v, i)

    class Lists(Cell):
        def forward(self, x, state=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(state or (None, None)))
            return [z, [v, i]]

    class Keyed(Cell):
        def forward(self, x, state=None):  # type: ignore[no-untyped-def]
            state = state or {"v": None, "i": None}
            z, v, i = self.step(x, state["v"], state["i"])
            return {"spikes": z, "state": {"v": v, "i": i}}

    class Named(Cell):
        def forward(self, x, state=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(state or (None, None)))
            return Given(z, [v, i])

    class Keyword(Cell):
        def forward(self, x, *, state=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(state or (None, None)))
            return z, [v, i]

    class Rest(Cell):
        def forward(self, x, *args):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(args[0] if args else (None, None)))
            return z, [v, i]

    class First(Cell):
        def forward(self, x, state=None):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(state or (None, None)))
            return [v, i], z

    class Options(Cell):
        def forward(self, x, context=None, state=None, training=False):  # type: ignore[no-untyped-def]
            z, v, i = self.step(x, *(state or (None, None)))
            return z, [v, i]

    def one_by_one(m: Any, x: Any, last: Any) -> Any:
        return m(x, *(last or ())), slice(1, None)

    def swapped(m: Any, x: Any, last: Any) -> Any:
        z, i, v = m(x, *(last or ()))
        return z, (v, i)

    def nested(m: Any, x: Any, last: Any) -> Any:
        return m(x, *(last or ()))

    def state(m: Any, x: Any, last: Any) -> Any:
        result = m(x, state=last)
        return tuple(result.values()) if isinstance(result, dict) else result

    return {
        "in order": (Order, lambda m, x, s: (lambda r: (r[0], r[1:]))(m(x, *(s or ())))),
        "another order": (Swapped, swapped),
        "numbers": (Numbers, lambda m, x, s: (lambda r: (r[0], r[1:]))(m(x, *(s or ())))),
        "nested": (Nested, nested),
        "a pair": (Pair, lambda m, x, s: m(x, *([s] if s else []))),
        "lists": (Lists, state),
        "a dictionary": (Keyed, state),
        "a named tuple": (Named, state),
        "by keyword": (Keyword, state),
        "the rest": (Rest, lambda m, x, s: m(x, *([s] if s else []))),
        "states first": (First, lambda m, x, s: m(x, s)[::-1]),
        "beside options": (Options, state),
    }


CASES = _cases()


@pytest.mark.parametrize("case", sorted(CASES))
def test_states_go_where_the_model_takes_them(case: str) -> None:
    torch.manual_seed(0)
    kind, call = CASES[case]
    model = kind()
    with warnings.catch_warnings():
        warnings.simplefilter("error", SnnccWarning)
        net = snncc.load(model, torch.rand(2, 6))
    x = (torch.rand(T, B, 6) * 128).round() / 64
    last, wanted = None, []
    with torch.no_grad():
        for part in x:
            z, last = call(model, part, last)
            wanted.append(z.numpy())
    got = net.run(x.numpy())
    assert len(got) == 1
    np.testing.assert_array_equal(next(iter(got.values())), np.stack(wanted))
    assert 0.05 < np.mean(wanted) < 0.95


def loaded(model: Any, *example: torch.Tensor, **options: Any) -> tuple[Any, list[str]]:
    """A network, and the codes of its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = snncc.load(model, example or torch.rand(2, 4), **options)
    return net, [problem.code for problem in net.warnings]


def test_what_could_be_fed_back_in_two_ways_is_refused() -> None:
    def step(x, state=None):  # type: ignore[no-untyped-def]
        v = (0.0 if state is None else state) * 0.5 + x
        z = (v > 1).float()
        return z, v.tanh(), v - z

    with pytest.raises(SnnccError) as refused:
        loaded(step)
    assert refused.value.code == "SNC-I001"
    assert "result[1] is the next 'state'; or result[2]" in str(refused.value)


def test_the_order_decides_with_a_warning() -> None:
    def step(x, a=None, b=None):  # type: ignore[no-untyped-def]
        a, b = (0.0 if a is None else a), (0.0 if b is None else b)
        u, w = 0.5 * a + 0.25 * b + x, 0.5 * b + 0.25 * a + x
        z = (u + w > 2).float()
        return z, u - z, w - z

    net, codes = loaded(step)
    assert codes == ["SNC-W014"]
    assert "result[1] is the next 'a'" in net.warnings[0].message


def test_names_of_the_source_decide() -> None:
    def step(x, a=None, b=None):  # type: ignore[no-untyped-def]
        a, b = (0.0 if a is None else a), (0.0 if b is None else b)
        a, b = 0.5 * a + 0.25 * b + x, 0.5 * b + 0.25 * a + 2 * x
        z = (a - 0.5 * b > 1).float()
        return z, b, a

    net, codes = loaded(step)
    assert not codes
    x = np.random.default_rng(0).integers(0, 3, (9, 2, 4)).astype(np.float32)
    a = b = None
    for given, got in zip(x, net.run(x)["output"], strict=True):
        z, b, a = step(torch.tensor(given), a, b)
        np.testing.assert_array_equal(got, z.numpy())


def test_a_mask_is_no_state() -> None:
    class Masked(nn.Module):
        v: Any = 0.0

        def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
            x = x if mask is None else x * mask
            self.v = 0.5 * self.v + x
            z = (self.v > 1).float()
            self.v = self.v - z
            return z, self.v * 0.5

    net, codes = loaded(Masked())
    assert codes == ["SNC-W014"]
    assert len(net.outputs) == 2


def test_the_only_result_is_fed_back_by_its_name_alone() -> None:
    def leak(x, v=None):  # type: ignore[no-untyped-def]
        v = x if v is None else 0.5 * v + x
        return v  # noqa: RET504 (its name is what is tested)

    def skip(x, other=None):  # type: ignore[no-untyped-def]
        y = x if other is None else x + other
        return y * 2

    net, codes = loaded(leak)
    assert not codes
    ones = np.ones((3, 2, 4), np.float32)
    np.testing.assert_array_equal(net.run(ones)["output"][:, 0, 0], [1, 1.5, 1.75])
    net, codes = loaded(skip)
    assert codes == ["SNC-W014"]
    assert (net.run(ones)["output"] == 2).all()


def test_an_input_that_the_next_step_would_need_is_refused() -> None:
    def step(x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = 0.5 * v + x
        return (v > 1).float(), v

    with pytest.raises(SnnccError) as refused:
        loaded(step, torch.rand(2, 4), torch.rand(2, 4))
    assert refused.value.code == "SNC-I001"
    assert "states=['v']" in str(refused.value)


def test_an_argument_that_must_be_there() -> None:
    def step(x, state):  # type: ignore[no-untyped-def]
        return x, state

    with pytest.raises(SnnccError, match="needs state as well") as refused:
        loaded(step)
    assert refused.value.code == "SNC-C003"


class Both(nn.Module):
    """One state that is handed over, and one that stays inside."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: Any = 0.0

    def forward(self, x: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = 0.5 * v + x
        z = (v > 1).float()
        self.kept = 0.5 * self.kept + z
        y = (self.kept > 1.2).float()
        return y, v - z


def test_named_states_beside_those_that_stay_inside() -> None:
    model = Both()
    net, _ = loaded(model, torch.rand(2, 4), torch.rand(2, 4), states=["v"])
    x = np.random.default_rng(0).uniform(0, 2, (12, 3, 4)).astype(np.float32)
    result = net.run(x, trace=True)
    assert "v" in result["final"]
    v = torch.zeros(3, 4)
    for given, got in zip(x, result["output"], strict=True):
        y, v = model(torch.tensor(given), v)
        np.testing.assert_array_equal(got, y.numpy())
    assert result["output"].any()
