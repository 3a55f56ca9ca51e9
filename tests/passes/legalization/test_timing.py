"""Latencies: chains are late as a whole; loops and side paths that are not kept are told."""

from __future__ import annotations

import numpy as np

from snncc.cores.chips import chip_named
from snncc.dialects.core.description import Description
from snncc.passes.legalization.classes import classes_of
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import (
    Dynamics,
    Output,
    Population,
    Projection,
    SpikingGraph,
)
from snncc.passes.legalization.sparse import Sparse
from snncc.passes.legalization.timing import Timed, timed


def drawn(edges: list[tuple[str, str, int]], output: str) -> SpikingGraph:
    """Populations of one neuron, "x" the input; edges with their delays."""
    d = Dynamics(np.ones(1), np.zeros(1), threshold=np.ones(1), reset="subtract", amount=np.ones(1))
    names = sorted({name for s, t, _ in edges for name in (s, t)} - {"x"})
    return SpikingGraph(
        "net",
        {"x": (1,)},
        {name: Population(name, (1,), d) for name in names},
        tuple(Projection(s, t, 0, delay, Sparse.identity(1)) for s, t, delay in edges),
        {"y": Output(output)},
    )


def on(chip: str, graph: SpikingGraph) -> Timed:
    description: Description = chip_named(chip)
    faults = Faults()
    classes = classes_of(graph, description, faults)
    assert not faults.found
    return timed(graph, description, classes)


def test_a_chain_is_late_as_a_whole() -> None:
    found = on("xylo", drawn([("x", "a", 0), ("a", "b", 0), ("b", "c", 0)], "c"))
    assert not found.changed
    assert found.lags == {"x": 0, "a": 0, "b": 1, "c": 2}
    assert found.graph.outputs["y"].lag == 2


def test_a_loop_of_one_step_fits() -> None:
    found = on("xylo", drawn([("x", "a", 0), ("a", "a", 1), ("a", "y", 0)], "y"))
    assert not found.changed


def test_a_loop_of_two_populations_takes_two_steps() -> None:
    edges = [("x", "a", 0), ("a", "b", 0), ("b", "a", 1), ("b", "y", 0)]
    found = on("xylo", drawn(edges, "y"))
    assert [str(arrival) for arrival in found.changed] == ["b -> a: 1 step late"]


def test_a_side_path_is_early_unless_the_chip_can_wait() -> None:
    edges = [("x", "a", 0), ("a", "b", 0), ("b", "c", 0), ("a", "c", 0)]
    on_xylo = on("xylo", drawn(edges, "c"))
    assert [str(arrival) for arrival in on_xylo.changed] == ["a -> c: 1 step early"]
    on_ranc = on("ranc", drawn(edges, "c"))
    assert not on_ranc.changed
    assert on_ranc.extra == (0, 0, 0, 1)


def test_delays_of_the_network_pay_for_latencies() -> None:
    found = on("ranc", drawn([("x", "a", 1), ("a", "b", 3), ("b", "a", 2)], "b"))
    assert not found.changed
    assert found.lags == {"x": 0, "a": 0, "b": 0}
    assert found.extra == (1, 2, 1)
    late = on("ranc", drawn([("x", "a", 20), ("a", "y", 0)], "y"))
    assert [str(arrival) for arrival in late.changed] == ["x -> a: 6 steps early"]
