"""What weights are fitted to: effects of currents, moments, sums that meet in one neuron."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.quantization.calibration import Data
from snncc.quantization.decisions import Decisions, decisions_of
from snncc.quantization.features import columns_of
from snncc.quantization.model import FloatModel
from snncc.quantization.moments import moments_of, moments_of_rows
from snncc.quantization.response import response_of

STEPS, SAMPLES, INPUTS, OUTPUTS = 7, 40, 5, 3
RNG = np.random.default_rng(5)
X = RNG.random((STEPS, SAMPLES, INPUTS)).astype(np.float32)
DATA = Data({"x": X})
DECAY = 0.75


def to_zero(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * DECAY + x
    z = b.spike(u - 1.0, "gt")
    return [z], [b.select(z, b.constant(0.0), u)]


def by_subtraction(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * DECAY + x
    z = b.spike(u - 1.0, "gt")
    return [z], [u - b.select(z, b.constant(1.0), b.constant(0.0))]


def layer(neuron: object) -> FloatModel:
    writer = NetworkWriter("layer", (INPUTS,))
    weight = np.random.default_rng(2).normal(0.2, 0.4, (OUTPUTS, INPUTS))
    writer.linear("fc", weight.astype(np.float32))
    writer.neuron("lif", neuron, {"v": 0.0}, {})  # type: ignore[arg-type]
    return FloatModel.prepare(writer.finish().module)


def test_a_reset_ends_what_a_current_does() -> None:
    model = layer(to_zero)
    (op,) = model.sums
    weight = model.weight_of(op)
    assert weight is not None
    found = decisions_of(model, op, DATA)
    assert found is not None
    assert found.effects is not None
    v = np.zeros((SAMPLES, OUTPUTS))
    wanted = np.zeros((STEPS, STEPS, SAMPLES, OUTPUTS))
    spikes = 0
    for step in range(STEPS):
        u = v * DECAY + X[step] @ weight.T
        np.testing.assert_allclose(found.distances[step], u - 1, atol=1e-5)
        wanted[step, 0] = 1
        fired = u > 1
        spikes += int(fired.sum())
        if step + 1 < STEPS:
            wanted[step + 1, 1 : step + 2] = wanted[step, : step + 1] * DECAY * ~fired
        v = np.where(fired, 0, u)
    assert spikes > SAMPLES  # else no reset was seen
    np.testing.assert_allclose(found.effects, wanted, atol=1e-3)


@pytest.mark.parametrize("kept", [True, False])
def test_moments_of_rows_are_those_of_all_where_neurons_take_them_alike(kept: bool) -> None:
    model = layer(by_subtraction)
    (op,) = model.sums
    own = X + RNG.normal(0, 0.05, X.shape).astype(np.float32)
    beside = RNG.normal(0, 0.1, (STEPS, SAMPLES, OUTPUTS)).astype(np.float32)
    found = decisions_of(model, op, DATA)
    assert found is not None
    # far from all thresholds, and none nearer than another
    alike = Decisions(np.ones_like(found.distances), found.effects if kept else None)
    response = response_of(model, op, STEPS)
    (wanted,) = moments_of(op, X, own, response, None, beside)
    (given,) = moments_of_rows(op, X, own, response, alike, None, beside)
    for part in ("own", "cross", "mean", "own_mean", "beside"):
        rows = np.broadcast_to(getattr(wanted, part), getattr(given, part).shape)
        np.testing.assert_allclose(getattr(given, part), rows, atol=2e-3, err_msg=part)


def test_moments_of_a_row_weigh_what_is_near() -> None:
    model = layer(to_zero)
    (op,) = model.sums
    found = decisions_of(model, op, DATA)
    assert found is not None
    assert found.effects is not None
    (given,) = moments_of_rows(op, X, X, response_of(model, op, STEPS), found, None)
    near = found.nearness()
    for row in range(OUTPUTS):
        columns = np.zeros((STEPS, SAMPLES, INPUTS))
        for step in range(STEPS):
            for delay in range(step + 1):
                effect = found.effects[step, delay, :, row, None]
                columns[step] += effect * columns_of(op, X[step - delay])[0]
        constant = found.effects[..., row].sum(axis=1)
        held = near[..., row] * constant
        mean = np.einsum("tb,tbc->c", held, columns) / (held * constant).sum()
        left = columns - constant[:, :, None] * mean
        wanted = np.einsum("tb,tbi,tbj->ij", near[..., row], left, left) / (STEPS * SAMPLES)
        np.testing.assert_allclose(given.own[row], wanted, rtol=1e-3, atol=1e-4)
