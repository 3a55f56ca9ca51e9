"""Which neurons share a decay, beside all ways to cut the line; connections that coincide."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from snncc.cores.chips import chip_named
from snncc.cores.configuration import configure
from snncc.dialects.core.placement import places_of
from snncc.passes.legalization.sharing import _cut, _weights
from tests.spiking_graphs import dynamics, graph, network_of


def cost_of(lines, starts) -> float:
    total = 0.0
    for line, first in zip(lines, starts, strict=True):
        for part in np.split(line, np.flatnonzero(first)[1:]):
            w = _weights(part)
            total += float((w * (part - (w * part).sum() / w.sum()) ** 2).sum())
    return total


def all_cuts(lines, size, most):
    """Every way that has groups of at most `size`, and at most `most` of them."""
    values = sum(map(len, lines))
    forced = {0, *np.cumsum([len(line) for line in lines])[:-1].tolist()}
    free = sorted(set(range(values)) - forced)
    for count in range(most - len(forced) + 1):
        for chosen in combinations(free, count):
            starts = np.zeros(values, bool)
            starts[[*forced, *chosen]] = True
            ends = [*np.flatnonzero(starts), values]
            if max(np.diff(ends)) <= size:
                yield np.split(starts, np.cumsum([len(line) for line in lines])[:-1])


@pytest.mark.parametrize("seed", range(6))
def test_no_cut_moves_decays_less(seed):
    draw = np.random.default_rng(seed)
    lines = [np.sort(draw.choice([0.88, 0.9, 0.93, 0.99], n)) for n in draw.integers(1, 6, 2)]
    size = int(draw.integers(2, 4))
    most = sum(-(-len(line) // size) for line in lines) + int(draw.integers(0, 3))
    found = _cut(lines, size, most)
    assert sum(int(first.sum()) for first in found) <= most
    best = min(cost_of(lines, cuts) for cuts in all_cuts(lines, size, most))
    assert cost_of(lines, found) == pytest.approx(best, abs=1e-9)


def test_each_layer_starts_at_a_pair():
    draw = np.random.default_rng(0)
    layers = {
        "a": dynamics(3, 0.9, "subtract", 1.0),
        "b": dynamics(5, 0.95, "subtract", 1.0),
        "y": dynamics(2, 0.9),
    }
    edges = [
        ("x", "a", 0, draw.normal(0.5, 0.3, (3, 4))),
        ("a", "b", 1, draw.normal(0.5, 0.3, (5, 3))),
        ("b", "y", 1, draw.normal(0, 0.3, (2, 5))),
    ]
    network = network_of(graph("two", {"x": 4}, layers, edges))
    x = (draw.random((12, 3, 4)) < 0.5).astype(np.uint8)
    c = configure(network, chip_named("reckon"), x)
    slots = {name: slots.tolist() for name, (_, slots) in places_of(c.program).items()}
    pairs = {name: {slot // 2 for slot in slots[name]} for name in ("a", "b")}
    assert not pairs["a"] & pairs["b"]
    for name in ("a", "b"):
        op = c.program.populations[name]
        for key in ("threshold", "alpha"):
            numbers = op.numbers(key)
            for pair in pairs[name]:
                assert len(set(numbers[np.array(slots[name]) // 2 == pair].tolist())) == 1


def test_connections_that_arrive_together_are_one_synapse():
    # of a loop, on a chip without delays: one connection in time, and one a step early
    layers = {"a": dynamics(3, 0.9375, "subtract", 1.0), "y": dynamics(2, 0.9375)}
    weights = np.array([[0.0, 0.25, 0.0], [0.5, 0.0, 0.25], [0.0, 0.5, 0.0]])
    edges = [
        ("x", "a", 0, np.ones((3, 2))),
        ("a", "a", 1, weights),
        ("a", "a", 2, weights),
        ("a", "y", 1, np.ones((2, 3))),
    ]
    x = (np.random.default_rng(0).random((9, 3, 2)) < 0.5).astype(np.uint8)
    network = network_of(graph("loop", {"x": 2}, layers, edges))
    c = configure(network, chip_named("reckon"), x)
    (loop,) = [s for s in c.program.synapses if s.edge.data == "recurrent"]
    sources, targets, whole = loop.table()
    scale = c.program.populations["a"].numbers("threshold")[targets]
    shift = 2 ** c.program.setting["FP_LOC_WREC"]
    exact = 2 * weights[targets, sources] * scale / shift
    assert np.abs(whole - exact).max() <= 0.5
    assert "a -> a: 1 step early" in next(s for s in c.steps if s.name == "latencies").changes
