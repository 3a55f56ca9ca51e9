"""An axis taken out: joined again, the lanes are the tensor; what mixes samples is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.spread import Spread, Spreader, free_axis
from snncc.importers.graph.values import Value
from tests.importers.graph.evaluate import evaluate

F = np.float32
T, B = 4, 2
RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 3)).astype(F)
K = RNG.normal(size=(2, 3, 3, 3)).astype(F)

Build = Callable[[Graph, Value], Value]


def images(g: Graph, x: Value) -> Value:
    """[T, B, 3] as T * B images of 3 channels."""
    return g.expand(g.reshape(x, (T * B, 3, 1, 1)), (T * B, 3, 4, 4))


CASES: dict[str, Build] = {
    "arithmetic": lambda g, x: g.binary("mul", x, g.constant(F(2))),
    "a constant for each step": lambda g, x: g.binary(
        "add", x, g.constant(np.arange(T, dtype=F).reshape(T, 1, 1))
    ),
    "a constant for each sample and element": lambda g, x: g.binary(
        "add", x, g.constant(RNG.normal(size=(B, 3)).astype(F))
    ),
    "linear": lambda g, x: g.linear(x, g.constant(W)),
    "merged and apart again": lambda g, x: g.reshape(
        g.linear(g.reshape(x, (T * B, 3)), g.constant(W)), (T, B, 5)
    ),
    "a convolution of merged axes": lambda g, x: g.conv(
        images(g, x),
        g.constant(K),
        None,
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=1,
    ),
    "batch first": lambda g, x: g.transpose(x, (1, 0, 2)),
    "batch first, merged": lambda g, x: g.reshape(g.transpose(x, (1, 0, 2)), (B * T, 3)),
    "parts of the features": lambda g, x: g.concat([g.slice(x, 2, 0, 1), g.slice(x, 2, 1, 3)], 2),
    "steps in another order": lambda g, x: g.take(x, 0, (3, 2, 1, 0)),
    "some steps": lambda g, x: g.slice(x, 0, 1, 3),
    "zeros in front": lambda g, x: g.concat(
        [g.constant(np.zeros((1, B, 3), F)), g.slice(x, 0, 0, T - 1)], 0
    ),
    "a sum over time": lambda g, x: g.reduce("sum", x, (0,)),
    "a sum over features": lambda g, x: g.reduce("mean", x, (2,), keep=True),
    "a map over time": lambda g, x: g.matmul(
        g.constant(np.triu(np.ones((T, T), F))), g.reshape(x, (T, B * 3))
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_time_is_taken_out(case: str) -> None:
    g = Graph()
    x = g.input("x", (T, B, 3))
    whole = CASES[case](g, x)
    lanes = [g.input(f"x at {t}", (B, 3)) for t in range(T)]
    spreader = Spreader(g, T, uniform=False)
    (part,) = spreader.evaluate([whole], {x: Spread(tuple(lanes), 0)})
    joined = spreader.joined(part)
    assert joined.shape == whole.shape
    data = RNG.normal(size=(T, B, 3)).astype(F)
    (wanted,) = evaluate([whole], {"x": data})
    (got,) = evaluate([joined], {f"x at {t}": data[t] for t in range(T)})
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "case", ["arithmetic", "linear", "batch first", "parts of the features", "a sum over time"]
)
def test_the_batch_is_freed(case: str) -> None:
    """One lane stands for every sample."""
    g = Graph()
    x = g.input("x", (T, B, 3))
    whole = CASES[case](g, x)
    sample = g.input("sample", (T, 3))
    (part,) = free_axis(g, [whole], {x: Spread((sample,), 1)}, B)
    assert isinstance(part, Spread)
    data = RNG.normal(size=(T, B, 3)).astype(F)
    (wanted,) = evaluate([whole], {"x": data})
    for b in range(B):
        (got,) = evaluate([part.lanes[0]], {"sample": np.ascontiguousarray(data[:, b])})
        np.testing.assert_allclose(got, np.take(wanted, b, part.axis), rtol=1e-6, atol=1e-6)


MIXED: dict[str, Build] = {
    "a mean over samples": lambda g, x: g.binary("sub", x, g.reduce("mean", x, (1,), keep=True)),
    "one sample": lambda g, x: g.select(x, 1, 0),
    "samples in another order": lambda g, x: g.take(x, 1, (1, 0)),
    "a constant for each sample": lambda g, x: g.binary(
        "add", x, g.constant(np.arange(B, dtype=F).reshape(B, 1))
    ),
    "samples as features": lambda g, x: g.linear(
        g.reshape(x, (T, B * 3)), g.constant(np.ones((2, B * 3), F))
    ),
}


@pytest.mark.parametrize("case", MIXED)
def test_what_mixes_samples_is_refused(case: str) -> None:
    g = Graph()
    x = g.input("x", (T, B, 3))
    whole = MIXED[case](g, x)
    with pytest.raises(SnnccError) as refused:
        free_axis(g, [whole], {x: Spread((g.input("sample", (T, 3)),), 1)}, B)
    assert refused.value.code == "SNC-I023"
