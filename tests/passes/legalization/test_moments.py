"""Errors of weights: what they do to a membrane, and that they are made to cancel."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.passes.legalization import moments
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.descent import Columns, descended, error_of
from snncc.passes.legalization.graph import Dynamics, Population, Projection
from snncc.passes.legalization.moments import Moments, moments_of
from snncc.passes.legalization.sparse import Sparse


def test_moments_are_what_errors_do_to_a_membrane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two leaks, a current, a delay: the mean square of a membrane that gets errors as weights."""
    monkeypatch.setattr(moments, "RIDGE", 0.0)
    rng = np.random.default_rng(0)
    decay, alpha = np.array([0.5, 0.9, 0.5]), np.array([0.75, 0.25, 0.75])
    population = Population("y", (3,), Dynamics(decay, np.zeros(3), currents=(alpha,)))
    spikes = {
        name: (rng.random((12, 5, n)) < 0.4).astype(np.int8) for name, n in (("a", 4), ("b", 2))
    }
    off = {name: rng.normal(0, 1, (3, x.shape[2])) for name, x in spikes.items()}
    arriving = [
        (Projection("a", "y", 0, 0, Sparse.of_dense(off["a"])), 0),
        (Projection("b", "y", 0, 3, Sparse.of_dense(off["b"])), 3),
    ]
    found = moments_of(population, arriving, Activity(spikes=spikes))
    assert found is not None
    assert sorted(len(kind.members) for kind in found) == [1, 2]
    late = np.concatenate([np.zeros((3, 5, 2)), spikes["b"][:-3]])
    current, membrane, squares = np.zeros((5, 3)), np.zeros((5, 3)), []
    for a, b in zip(spikes["a"], late, strict=True):
        current = alpha * current + a @ off["a"].T + b @ off["b"].T
        membrane = decay * membrane + current
        squares.append((membrane**2).mean(axis=0))
    errors = np.concatenate([off["a"], off["b"]], axis=1)
    none = np.zeros((3, 6))
    columns = Columns(errors, errors != 0, np.ones((3, 6)), none[0], none[0])
    np.testing.assert_allclose(error_of(columns, none, found), np.mean(squares, axis=0), rtol=1e-12)


@pytest.mark.parametrize("few", [False, True])
def test_no_single_number_is_better(few: bool) -> None:
    """Of those that may stand there, beside the others; and where no synapse is, none comes."""
    rng = np.random.default_rng(1)
    n, size = 4, 9
    x = rng.random((50, size)) + rng.random((50, 1))
    there = rng.random((n, size)) < 0.8
    weights = np.where(there, rng.normal(0, 2, (n, size)), 0)
    tables = np.tile(np.array([0.0, -3, -1, 1, 4]), (n, 1)) if few else None
    ends = np.full(size, 3.0)
    columns = Columns(weights, there, np.full((n, size), 0.5), -ends, ends, tables)
    start = np.where(
        there,
        [[columns.snapped(j, 2 * weights[:, j])[i] for j in range(size)] for i in range(n)],
        0,
    )
    kinds = [
        Moments(np.array(m), x.T @ x / 50 + s * np.eye(size)) for m, s in (([0, 2], 0), ([1, 3], 1))
    ]
    found = descended(columns, start, kinds)
    least = error_of(columns, found, kinds)
    assert (least < error_of(columns, start, kinds)).any()
    assert not found[~there].any()
    for i, j in zip(*np.nonzero(there), strict=True):
        allowed = np.arange(-3, 4) if tables is None else tables[i]
        for number in allowed[(allowed != 0) | few]:
            other = found.copy()
            other[i, j] = number
            assert error_of(columns, other, kinds)[i] >= least[i] - 1e-12
