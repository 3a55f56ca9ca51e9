"""Mappings against known optima."""

import numpy as np
import pytest

from snncc.passes.mapping import Limits, Problem, map_network, sequential_mapping
from snncc.passes.mapping.placement import place

from .problems import blocks, drawn, least


@pytest.mark.parametrize("seed", range(4))
def test_tiny_networks_are_mapped_at_their_optimum(seed):
    rng = np.random.default_rng(seed)
    problem = drawn(
        rng, 6, 1, 14, 3, (3, 1), Limits(neurons=2 + seed % 2),
        ports=[(-1, 0)], port=[0], groups=[[0, 4]] if seed == 3 else [],
    )  # fmt: skip
    assert map_network(problem).packets_hops == least(problem)


@pytest.mark.parametrize(("count", "size", "mesh"), [(6, 8, (3, 2)), (9, 12, (3, 3))])
def test_planted_blocks_are_found_and_placed(count, size, mesh):
    problem, optimum = blocks(np.random.default_rng(count), count, size, mesh)
    found = map_network(problem)
    assert found.packets_hops == pytest.approx(optimum)
    assert found.packets == pytest.approx(optimum)
    assert sequential_mapping(problem).packets_hops > 100 * optimum


def test_a_network_that_fits_one_core_stays_there():
    problem = drawn(np.random.default_rng(0), 40, 0, 300, 4, (2, 2), Limits(neurons=40))
    found = map_network(problem)
    assert (found.used, found.packets) == (1, 0)


def test_packets_count_destinations_and_not_synapses():
    """A broad axon that spikes seldom is cut, though it has more synapses: graphs differ here."""
    broad = np.arange(1, 8)
    # neuron 0 reaches all; 1-3 and 4-7 chatter among themselves
    source, target = [0] * 7, list(broad)
    for block in ([1, 2, 3], [4, 5, 6, 7]):
        for a in block:
            source += [a] * (len(block) - 1)
            target += [b for b in block if b != a]
    rate = np.array([3.0] + [1.0] * 7)
    problem = Problem(8, source, target, rate, 2, (2, 1), Limits(neurons=4))
    assert map_network(problem).packets == 3.0


def test_silent_sources_still_share_axons():
    """Eight neurons on two sets of six silent inputs fit cores of six axons in one way only."""
    rng = np.random.default_rng(0)
    name = rng.permutation(8).reshape(2, 4)
    source = [8 + 6 * side + i for side in range(2) for i in range(6) for _ in name[side]]
    target = [v for side in range(2) for _ in range(6) for v in name[side]]
    problem = Problem(8, source, target, np.zeros(20), 2, (2, 1), Limits(neurons=4, axons=6))
    found = map_network(problem)
    assert all(np.unique(found.core[side]).size == 1 for side in name)


def test_placement_of_a_ring_has_no_long_hops():
    """A ring of 16 cores fits a mesh of 4 x 4 with every hop 1."""
    problem = Problem(0, np.zeros(0, int), np.zeros(0, int), np.zeros(0), 16, (4, 4))
    order = np.random.default_rng(1).permutation(16)
    traffic = np.zeros((17, 16))
    traffic[order, np.roll(order, 1)] = 1.0
    at = place(problem, traffic, np.random.default_rng(0), 0.2)
    hops = problem.distances(problem.places()[at])
    assert (traffic * hops).sum() == 16
