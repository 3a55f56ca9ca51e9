"""Fixpoints of steps written by hand: what has no bound, and what infinities leave alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from snncc.passes.ranges.fixpoint import Fixpoint, States, solve
from snncc.passes.ranges.intervals import Interval

FLOATS = (-np.inf, np.inf)


def interval(low: float, high: float) -> Interval:
    return Interval(np.array([low]), np.array([high]))


def solved(step, *initial: Interval) -> Fixpoint:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return solve(initial, step, [FLOATS] * len(initial), repeatable=True)


def test_a_sum_that_absorbs_is_no_bound() -> None:
    """The end falls by a million at first, and by one ever after: near -2e16 x - 1 is x."""

    def step(states: States) -> States:
        (x,) = states
        return [Interval(x.low - np.where(x.low > -1e7, 1e6, 1.0), x.high)]

    found = solved(step, interval(0.0, 0.0))
    assert found.states[0].low[0] == -np.inf
    assert found.states[0].high[0] == 0
    assert [bool(end[0]) for end in found.unbounded[0]] == [True, False]


def test_far_bounds_that_something_pulls_back_stay() -> None:
    def step(states: States) -> States:
        (x,) = states
        return [Interval(x.low * (1 - 1e-9) - 1.0, x.high)]

    found = solved(step, interval(0.0, 0.0))
    assert not found.unbounded[0][0].any()
    assert found.states[0].low[0] == pytest.approx(-1e9, rel=1e-3)


def test_infinite_ends_of_one_state_leave_the_other() -> None:
    def step(states: States) -> States:
        x, y = states
        return [Interval(x.low - 1, x.high), Interval(y.low * 0.5, y.high * 0.5 + 1)]

    found = solved(step, interval(0.0, np.inf), interval(0.0, 0.0))
    assert found.states[0].low[0] == -np.inf
    assert found.states[1].high[0] == pytest.approx(2, rel=1e-6)
    assert found.states[1].high[0] >= 2


def test_an_end_that_is_reached_does_not_move() -> None:
    """An end at zero stays exactly there while the other one is searched."""

    def step(states: States) -> States:
        (x,) = states
        return [Interval(np.minimum(x.low * 0.9, 0.0), x.high * 0.9 + 1)]

    found = solved(step, interval(0.0, 0.0))
    assert found.states[0].low[0] == 0
    assert found.states[0].high[0] == pytest.approx(10, rel=1e-6)
