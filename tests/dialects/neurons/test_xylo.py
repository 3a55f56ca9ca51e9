"""The bodies of Xylo give every current, membrane and spike of the vendor's simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from snncc.compiled import compile
from snncc.dialects.snn.neurons.slots import slots
from snncc.dialects.snn.neurons.xylo_aliases import rounds
from snncc.dialects.snn.neurons.xylo_configuration import Configuration, Matrix, Population
from snncc.dialects.snn.neurons.xylo_network import build_network
from snncc.dialects.snn.places import NOWHERE
from snncc.network import Network
from tests.seeds import is_long
from tests.xylo_networks import LARGEST, Simulated, draw_alive, simulate

SEEDS = range(20)
STEPS = 200


def expect_equal(trace: dict[str, Any], wanted: Simulated, configuration: Configuration) -> None:
    aliased = len(rounds(configuration.aliases))
    spikes = trace[f"alias{aliased - 1}" if aliased else "hidden"]
    membrane = trace["reset" if "reset" in trace else "hidden.v"]
    for k, current in enumerate(wanted.hidden_currents):
        np.testing.assert_array_equal(trace[f"hidden.i{k}"], current)
    np.testing.assert_array_equal(membrane, wanted.hidden_membrane)
    np.testing.assert_array_equal(spikes, wanted.hidden_spikes)
    for k, current in enumerate(wanted.readout_currents):
        np.testing.assert_array_equal(trace[f"readout.i{k}"], current)
    np.testing.assert_array_equal(trace["readout.v"], wanted.readout_membrane)
    np.testing.assert_array_equal(trace["y"], wanted.readout_spikes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS if is_long() else SEEDS[:12])
def test_interpreter_equals_simulator(seed: int) -> None:
    """Twelve have every combination of synapses, recurrence and biases; C runs all twenty."""
    configuration, x = draw_alive(seed, STEPS)
    trace = Network(build_network(configuration)).run(x, trace=True)
    expect_equal(trace, simulate(configuration, x), configuration)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_c_equals_simulator(seed: int) -> None:
    configuration, x = draw_alive(seed, STEPS)
    program = compile(Network(build_network(configuration)), cflags=("-O1",))
    wanted = simulate(configuration, x)
    expect_equal(program.run(x, trace=True), wanted, configuration)
    np.testing.assert_array_equal(program.run(x)["y"], wanted.readout_spikes)


def test_what_the_drawn_networks_reach() -> None:
    """Both ends of the registers, several spikes a step, the 31, inputs above 15."""
    drawn = [draw_alive(seed, STEPS) for seed in SEEDS]
    results = [simulate(configuration, x) for configuration, x in drawn]
    # currents are recorded after their decay, here by at least 1 in 2^9
    assert max(r.hidden_currents.max() for r in results) == LARGEST - (LARGEST >> 9)
    assert min(r.hidden_currents.min() for r in results) == -(LARGEST + 1) + (1 << 6)
    assert min(r.hidden_membrane.min() for r in results) == -LARGEST - 1
    assert min(r.readout_membrane.min() for r in results) == -LARGEST - 1
    assert max(r.hidden_spikes.max() for r in results) == 31
    assert sum((r.hidden_spikes > 1).sum() for r in results) > 1000
    assert max(x.max() for _, x in drawn) > 15
    forward = [s < t for configuration, _ in drawn for s, t in configuration.aliases]
    assert any(forward)
    assert not all(forward)
    assert {len(c.hidden.dash_syn) for c, _ in drawn} == {1, 2}
    assert {bool(c.recurrent.weights.any()) for c, _ in drawn} == {False, True}
    assert {c.hidden.bias is None for c, _ in drawn} == {False, True}


def small(
    weights: Sequence[int],
    *,
    shift: int = 0,
    dash: int = 31,
    threshold: int = LARGEST,
    bias: int = 0,
) -> Configuration:
    """One hidden neuron, two synapses, the weights on the first one."""
    sources = len(weights)
    w = np.zeros((2, sources, 1), np.int64)
    w[0, :, 0] = weights
    return Configuration(
        input=Matrix(w, shift),
        recurrent=Matrix(np.zeros((2, 1, 1), np.int64)),
        output=Matrix(np.ones((1, 1, 1), np.int64)),
        hidden=Population(
            np.array([threshold]), np.array([dash]), np.full((2, 1), dash), np.array([bias])
        ),
        readout=Population(np.array([1]), np.array([1]), np.array([[1]]), np.array([0])),
    )


@pytest.mark.parametrize(
    ("weights", "current"),
    [([127, 127, -127], 2286), ([127, -127, 127], 30479), ([-127, 127, 127], 30479)],
)
def test_currents_saturate_after_each_source(weights: list[int], current: int) -> None:
    """15 * (127 << 4) = 30480 twice is above 32767; a decay by 31 bits takes 1."""
    configuration, x = small(weights, shift=4), np.full((1, 3), 15)
    wanted = simulate(configuration, x)
    assert wanted.hidden_currents[0, 0, 0] == current
    trace = Network(build_network(configuration)).run(x, trace=True)
    expect_equal(trace, wanted, configuration)


def test_sums_are_the_same_where_no_current_saturates_within_a_step() -> None:
    """The fast form of the same network."""
    for seed in range(5):
        configuration, x = draw_alive(5 * seed + 3, 60)
        weak = Configuration(
            input=Matrix(configuration.input.weights // 16),
            recurrent=Matrix(configuration.recurrent.weights // 16),
            output=Matrix(configuration.output.weights // 16),
            hidden=configuration.hidden,
            readout=configuration.readout,
            aliases=configuration.aliases,
        )
        wanted = simulate(weak, x)
        assert np.abs(wanted.hidden_currents).max() < LARGEST // 2
        trace = Network(build_network(weak, accumulate="step")).run(x, trace=True)
        expect_equal(trace, wanted, weak)


def test_slots_hold_the_sources_of_each_neuron_in_their_order() -> None:
    weights = np.array([[0, 5, 0], [-3, 0, 0], [4, 6, 0], [0, 7, 0]], np.int8)
    places, used = slots(weights)
    assert places.tolist() == [[1, 0, NOWHERE], [2, 2, NOWHERE], [NOWHERE, 3, NOWHERE]]
    assert used.tolist() == [[-3, 5, 0], [4, 6, 0], [0, 7, 0]]


@pytest.mark.parametrize("dash", [0, 1, 7, 15, 16, 31])
def test_decays_of_every_length(dash: int) -> None:
    for weight in (100, -100):
        x = np.array([[10], [0], [0], [15], [0], [0], [0]])
        configuration = small([weight], dash=dash, threshold=500)
        trace = Network(build_network(configuration)).run(x, trace=True)
        expect_equal(trace, simulate(configuration, x), configuration)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_extremes(seed: int) -> None:
    """Random currents, leaks and biases of the whole range, which no threshold keeps small."""
    rng = np.random.default_rng(seed)
    neurons, steps = 16, 100

    def anything(*shape: int) -> Any:
        return rng.integers(-128, 128, shape)

    configuration = Configuration(
        input=Matrix(anything(2, 4, neurons), 4 + seed),
        recurrent=Matrix(np.zeros((2, neurons, neurons), np.int64)),
        output=Matrix(anything(1, neurons, 2), 8),
        hidden=Population(
            np.full(neurons, LARGEST),
            rng.integers(0, 5, neurons) * rng.integers(0, 2, neurons),
            rng.integers(0, 4, (2, neurons)),
            rng.integers(-32768, 32768, neurons),
        ),
        readout=Population(
            np.array([LARGEST, 1]), np.array([0, 3]), np.array([[2, 0]]), np.array([-30000, 0])
        ),
    )
    x = rng.integers(0, 256, (steps, 4)) * (rng.random((steps, 4)) < 0.5)
    wanted = simulate(configuration, x)
    assert wanted.hidden_membrane.min() == -32768
    assert wanted.hidden_membrane.max() > 30000
    trace = Network(build_network(configuration)).run(x, trace=True)
    expect_equal(trace, wanted, configuration)


def alias_case(aliases: list[tuple[int, int]], drive: list[int]) -> tuple[Configuration, Any]:
    zero = np.zeros((2, 3, 3), np.int64)
    w = np.zeros((2, 1, 3), np.int64)
    w[0, 0] = drive
    configuration = Configuration(
        input=Matrix(w),
        recurrent=Matrix(zero),
        output=Matrix(np.ones((1, 3, 1), np.int64)),
        hidden=Population(np.full(3, 20), np.full(3, 1), np.full((2, 3), 1)),
        readout=Population(np.array([50]), np.array([2]), np.array([[2]])),
        aliases=aliases,
    )
    return configuration, np.full((4, 1), 15)


@pytest.mark.parametrize(
    "aliases",
    [
        [(0, 1)],
        [(1, 0)],
        [(0, 1), (1, 2)],
        [(1, 0), (2, 1)],
        [(0, 2), (1, 2)],
        [(0, 1), (0, 2)],
        [(0, 1), (1, 0)],
        [(1, 2), (2, 0)],
        [(0, 2), (2, 1)],
    ],
)
@pytest.mark.parametrize("drive", [[50, 50, 50], [120, 30, 20], [30, 120, 20], [20, 30, 120]])
def test_aliases(aliases: list[tuple[int, int]], drive: list[int]) -> None:
    """Chains, loops, several sources; below the 31 spikes of a step and at them."""
    configuration, x = alias_case(aliases, drive)
    trace = Network(build_network(configuration)).run(x, trace=True)
    expect_equal(trace, simulate(configuration, x), configuration)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: Matrix(np.array([[[128]]])), "weights: expected -128 to 127"),
        (lambda: Matrix(np.array([[[1]]]), 9), "shift: expected 0 to 8, got 9"),
        (lambda: small([1], threshold=0), "threshold: expected 1 to 32767"),
        (lambda: small([1], dash=32), "dash_mem: expected 0 to 31"),
        (lambda: small([1], bias=40000), "bias: expected -32768 to 32767"),
        (lambda: alias_case([(0, 3)], [1, 1, 1]), "alias: expected two of 3 neurons, got 0, 3"),
        (lambda: alias_case([(1, 1)], [1, 1, 1]), "alias: expected two of 3 neurons, got 1, 1"),
    ],
)
def test_what_the_chip_cannot_hold(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change()
