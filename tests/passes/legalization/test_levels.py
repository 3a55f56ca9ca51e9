"""Few weights a neuron: whole numbers that are kept, levels that are near, errors that cancel."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

from snncc.passes.legalization.levels import balanced, distinct, leveled


def drawn(seed: int, rows: int = 6, columns: int = 12, scale: float = 20.0):
    """rows, values, rates: a full matrix."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, scale, rows * columns)
    return np.repeat(np.arange(rows), columns), values, rng.random(rows * columns)


def test_whole_numbers_that_are_few_are_kept() -> None:
    rows = np.array([0] * 40 + [1] * 3)
    # one of a kind among many: no quantile meets it
    values = np.array([1.0] * 39 + [-1.0] + [3.0, -7.0, 100.0])
    found = leveled(rows, values, np.ones(43), 4, -256, 255, 2)
    assert found.tolist() == values.tolist()
    assert balanced(rows, values, found, np.ones(43), np.full(2, 20.0)).tolist() == values.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_no_row_has_more_levels_than_there_are(seed: int) -> None:
    rows, values, rates = drawn(seed)
    found = leveled(rows, values, rates, 4, -30, 30, 6)
    assert (distinct(rows, found, 6) <= 4).all()
    assert np.abs(found).max() <= 30
    near = balanced(rows, values, found, rates, np.full(6, 20.0))
    for row in range(6):
        here = rows == row
        assert set(near[here]) <= {*found[here], 0.0}


def test_levels_are_near_the_best_there_are() -> None:
    ours = best = 0.0
    for seed in range(6):
        rows, values, rates = drawn(seed, 1, 9, 6.0)
        found = leveled(rows, values, rates, 2, -15, 15, 1)
        errors = []
        for levels in combinations_with_replacement(range(-15, 16), 2):
            choices = np.array([0, *levels])
            nearest = choices[np.abs(choices[:, None] - values).argmin(axis=0)]
            errors.append(float((rates * (nearest - values) ** 2).sum()))
        ours += float((rates * (found - values) ** 2).sum())
        best += min(errors)
    # descent ends where no level alone can move: near, and not always at, the best
    assert best <= ours <= 1.3 * best


def test_errors_cancel() -> None:
    horizon = np.array([1.0, 2.0, 5.0, 20.0, 20.0, 20.0])
    drifts = np.zeros((2, 6))
    for seed in range(6):
        rows, values, rates = drawn(seed)
        found = leveled(rows, values, rates, 3, -60, 60, 6)
        near = balanced(rows, values, found, rates, horizon)
        parts = []
        for k, whole in enumerate((found, near)):
            e = whole - values
            drift = np.bincount(rows, rates * e) ** 2
            parts.append(np.bincount(rows, rates * e**2) + horizon * drift)
            drifts[k] += drift
        assert (parts[1] <= parts[0] + 1e-9).all()
    # the longer a membrane remembers, the more
    assert drifts[1, 3:].sum() < 0.15 * drifts[0, 3:].sum()
    assert drifts[1, 0] < drifts[0, 0]
