"""The benchmark of mappings on small networks: what must hold of the three, and the table."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import mapping
from benchmarks import mapping_networks as networks
from benchmarks.graph_cut import CutState, graph, graph_cut
from snncc.passes.mapping import map_network, sequential_mapping

PROBLEMS = {
    "layered": (lambda: networks.layered(32, (64, 64, 32, 10), 9, 3, 24), 1.0),
    "convolutional": (lambda: networks.shuffled(networks.convolutional(12, 2, 4, 2)), 0.8),
    "residual": (lambda: networks.residual(8, 4, 8, 4), 1.0),
    "recurrent": (lambda: networks.recurrent(512, 16, 8, 4), 1.0),
    "small world": (lambda: networks.shuffled(networks.small_world(512, 16, 8, 4)), 0.8),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_ours_is_never_above_the_baselines(name: str) -> None:
    make, share = PROBLEMS[name]
    problem = make()
    ours, cut = map_network(problem), graph_cut(problem)
    assert ours.packets_hops <= share * sequential_mapping(problem).packets_hops
    assert ours.packets_hops <= cut.packets_hops
    limit = problem.limits.neurons
    assert limit is not None
    assert max(found.utilisation["neurons"].max() for found in (ours, cut)) <= limit


def test_a_planted_optimum_is_in_the_table() -> None:
    found = mapping.row(networks.Case("planted", *networks.planted(9, 3, 12)))
    assert found["ours"] == pytest.approx(found["optimum"], rel=0.05)
    assert "| planted | 108 | 1308 | 0.12 |" in mapping.line(found)


def test_the_cut_is_counted_by_synapses() -> None:
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 20, (2, 80))
    rate = rng.random(80)
    both = np.concatenate([ends, ends[::-1]], axis=1)
    given = graph(np.ones(20, np.int64), both[0], both[1], np.tile(rate, 2))
    state = CutState(given, 3, 20, rng.integers(0, 3, 20))
    for v in rng.permutation(20).tolist():
        b = int(rng.integers(3))
        state.move(v, b, float(state.deltas(v)[b]))
        cut = rate[state.core[ends[0]] != state.core[ends[1]]].sum()
        assert state.cost == pytest.approx(cut)
