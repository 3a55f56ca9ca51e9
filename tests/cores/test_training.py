"""Training on a chip's model: forward is the chip, gradients are those of the float network."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.errors import SnnccError
from snncc.network import Network
from snncc.passes.chip_model import Learning, learning_model
from snncc.training.surrogates import surrogate_of
from tests.cores.networks import OUTPUTS, small, spikes


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return configure(small(), chip_named("xylo"), spikes())


def test_forward_is_the_chip(configuration: Configuration) -> None:
    """Spikes and registers with floats behind the weights, bit for bit."""
    tables = frozenset(op.sym_name.data for op in configuration.program.synapses)
    learning = Learning(surrogate_of("atan"), tables, frozenset({"hidden", "readout"}))
    module = learning_model(configuration.program, configuration.description, learning, "events")
    x = spikes(1).astype(np.uint8)
    wanted, got = configuration.model.run({"x": x}, trace=True), Network(module).run(x, trace=True)
    compared = {name for name in wanted if name.startswith(("hidden", "readout", "y"))} & set(got)
    assert {"hidden", "hidden.v", "readout.v", "readout.i0", "y"} <= compared
    for name in compared:
        np.testing.assert_array_equal(wanted[name], got[name], err_msg=name)


def test_gradients_are_those_of_real_numbers() -> None:
    """
    On weights and decays that the chip has exactly, in the time before anything is rounded away,
    the gradients point where those of the float network point.
    """
    network = small(alpha=0.75)
    c = configure(network, chip_named("xylo"), spikes())
    training = c.trainer("ce_count", surrogate="atan(a=2.0)")
    x, y = spikes(3, samples=32), np.arange(32) % OUTPUTS
    _, wanted = snncc.value_and_grad(network, "ce_count", x, y, surrogate="atan(a=2.0)")
    _, got = snncc.value_and_grad(training.network, "ce_count", x.astype(np.uint8), y)
    for table, name in (
        ("x.to.hidden.0", "fc"),
        ("hidden.to.hidden.1", "rec"),
        ("hidden.to.readout.2", "out"),
    ):
        a, b = got[table].ravel(), wanted[name].ravel()
        assert a @ b > 0.5 * np.linalg.norm(a) * np.linalg.norm(b), name


def test_what_is_trained_is_what_the_chip_does(configuration: Configuration) -> None:
    """The loss falls, and the repacked configuration gives what the trained model gave."""
    x, y = spikes(5, samples=16), np.arange(16) % OUTPUTS
    training = configuration.trainer("ce_count", optimizer="adam")
    losses = []
    for _ in range(15):
        losses.append(training.train_step(x, y))
        training.apply(0.02)
    assert losses[-1] < 0.6 * losses[0]
    tuned = training.configuration()
    assert {line.split(":")[0] for line in tuned.steps[-1].changes} == set(training.shadows)
    again = tuned.trainer("ce_count")
    np.testing.assert_array_equal(again.run(x)["y"], training.run(x)["y"])
    moved = (tuned.run(x)["y"] != training.run(x)["y"]).mean()
    assert moved < 0.02  # sums that are fitted once a step


def test_biases_and_single_tables(configuration: Configuration) -> None:
    x, y = spikes(6), np.arange(12) % OUTPUTS
    training = configuration.trainer("ce_count", trainable=["readout.bias"], optimizer="adam")
    training.train_step(x, y)
    training.apply(0.01)
    found = training.weights()
    assert list(found) == ["readout.bias"]
    assert found["readout.bias"].any()
    bias = training.configuration().program.populations["readout"].numbers("bias")
    np.testing.assert_array_equal(bias, found["readout.bias"])
    with pytest.raises(
        SnnccError, match=r"SNC-C003 trainable: expected some of x.to.hidden.0, .*'fc'"
    ):
        configuration.trainer("ce_count", trainable=["fc"])
    with pytest.raises(SnnccError, match="SNC-N007"):
        training.train_step(x * 0.5, y)
