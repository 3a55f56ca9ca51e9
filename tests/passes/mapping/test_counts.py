"""Counts of mappings: against a simulation, and kept up to date by moves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snncc.passes.mapping import Infeasible, Limits, map_network, measure
from snncc.passes.mapping.hypergraph import contract, hypergraph
from snncc.passes.mapping.initial import sequential
from snncc.passes.mapping.state import State

from .problems import drawn, simulated


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    neurons = draw(st.integers(1, 14))
    inputs = draw(st.integers(0, 4))
    cores = draw(st.integers(1, 6))
    limits = Limits(
        neurons=draw(st.none() | st.integers(2, 8)),
        axons=draw(st.none() | st.integers(4, 12)),
        synapses=draw(st.none() | st.integers(8, 40)),
        own_axons=draw(st.booleans()),
    )
    shuffled = rng.permutation(neurons)
    groups = [shuffled[:2], shuffled[2:5]] if draw(st.booleans()) else []
    return drawn(
        rng, neurons, inputs, draw(st.integers(0, 60)), cores, (3, 2), limits,
        groups=groups, ports=[(-1, 0), (1, 1)], port=rng.integers(-1, 2, inputs),
    )  # fmt: skip


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_a_simulation(problem, seed):
    rng = np.random.default_rng(seed)
    core = rng.integers(0, problem.cores, problem.neurons)
    place = problem.places()[rng.permutation(6)[: problem.cores]]
    found = measure(problem, core, place)
    packets, hops, held = simulated(problem, core, place)
    assert (found.packets, found.packets_hops) == (packets, hops)
    assert found.traffic.sum() == packets
    for name, loads in found.utilisation.items():
        assert loads.tolist() == [len(one[name]) for one in held]


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_moves_change_what_they_say(problem, seed):
    """Costs and loads after moves on a contracted graph, and what was said of each move."""
    rng = np.random.default_rng(seed)
    fine = hypergraph(problem)
    label = np.unique(rng.integers(0, fine.n, fine.n), return_inverse=True)[1]
    graph = contract(fine, label)
    place = problem.places()[rng.permutation(6)[: problem.cores]]
    distances = problem.distances(place)
    state = State(graph, distances, problem.limits, rng.integers(0, problem.cores, graph.n))
    for _ in range(12):
        v, b = int(rng.integers(graph.n)), int(rng.integers(problem.cores))
        deltas, prices = state.deltas(v), state.price_changes(v)
        cost, price = state.cost, state.overload().sum()
        state.move(v, b, float(deltas[b]))
        anew = State(graph, distances, problem.limits, state.core)
        assert state.cost == pytest.approx(anew.cost)
        assert anew.cost - cost == pytest.approx(deltas[b])
        assert anew.overload().sum() - price == pytest.approx(prices[b])
        for name in ("loads", "pins", "enter", "row"):
            np.testing.assert_array_equal(getattr(state, name), getattr(anew, name))
    found = measure(problem, state.core[label][problem.vertices()], place)
    assert found.packets_hops == pytest.approx(state.cost)
    np.testing.assert_array_equal(found.traffic, state.traffic())
    for row, (name, loads) in enumerate(found.utilisation.items()):
        if name != "axons" or problem.limits.axons is not None:
            np.testing.assert_array_equal(loads, state.loads[row])


@given(problems())
@settings(max_examples=40, deadline=None)
def test_mappings_hold_the_limits_and_are_not_above_the_sequential_fill(problem):
    fill = sequential(hypergraph(problem), problem.limits, problem.cores)
    try:
        found = map_network(problem, effort=0.2)
    except Infeasible as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert fill is None
        assert all(one.excess > 0 for one in refused.shortages)
        return
    for name, loads in found.utilisation.items():
        limit = getattr(problem.limits, name)
        assert limit is None or loads.max() <= limit
    for group in problem.groups:
        assert np.unique(found.core[group]).size <= 1
    assert np.unique(found.place, axis=0).shape == (problem.cores, 2)
    again = map_network(problem, effort=0.2)
    np.testing.assert_array_equal(found.core, again.core)
    np.testing.assert_array_equal(found.place, again.place)
    if fill is not None:
        places = problem.places()[: problem.cores]
        plain = measure(problem, fill[problem.vertices()], places)
        for name, loads in plain.utilisation.items():
            limit = getattr(problem.limits, name)
            assert limit is None or loads.max() <= limit
        assert found.packets_hops <= plain.packets_hops + 1e-9
