"""Constants of learnable parameters: what is kept of how they were made, and what is not."""

from __future__ import annotations

import numpy as np

from snncc.importers.graph.graph import Graph


def test_what_a_parameter_happens_to_hold_is_not_used() -> None:
    g = Graph()
    x = g.input("x", (3,))
    one, zero = (g.constant(np.full((), n, np.float32)) for n in (1, 0))
    gain = g.learnable(np.ones(3, np.float32), "gain")
    other = g.learnable(np.ones(3, np.float32), "other")
    assert gain is not other
    assert g.binary("mul", x, gain).op == "mul"
    assert g.binary("sub", x, g.learnable(np.zeros(3, np.float32), "shift")).op == "sub"
    assert g.binary("mul", gain, one) is gain
    assert g.binary("add", gain, zero) is gain
    assert g.binary("maximum", gain, zero) is not gain
    assert not g.binary("mul", gain, zero).is_learnable


def test_equal_expressions_are_one_value() -> None:
    g = Graph()
    w = g.learnable(np.zeros((), np.float32), "w")
    a, b = g.unary("sigmoid", w), g.unary("sigmoid", w)
    assert a is b
    assert a.made is not None
    assert a.made.op == "sigmoid"
    assert a.content == np.float32(0.5)
    assert a.sources == {"w"}


def test_moved_there_and_back() -> None:
    g = Graph()
    w = g.learnable(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    assert g.transpose(g.transpose(w, (1, 0)), (1, 0)) is w
    assert g.reshape(g.reshape(w, (6,)), (2, 3)) is w
    rows = [g.select(w, 0, i) for i in range(2)]
    assert all(row.is_learnable for row in rows)
    assert g.concat([g.take(w, 0, [0]), g.take(w, 0, [1])], 0) is w
    assert g.select(g.expand(w, (4, 2, 3)), 0, 3) is w


def test_what_no_operation_says_is_frozen() -> None:
    g = Graph()
    a = g.learnable(np.ones((2, 2), np.float32), "a")
    b = g.learnable(np.ones((2, 2), np.float32), "b")
    product = g.matmul(a, b)
    assert product.is_frozen
    assert product.sources == {"a", "b"}
    assert g.binary("add", a, product).is_learnable
    assert g.cast(a, np.float64).is_frozen
