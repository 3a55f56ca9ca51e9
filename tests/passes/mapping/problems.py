"""Problems for the tests, and their counts by other means."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from snncc.passes.mapping import Limits, Problem


def drawn(
    rng: np.random.Generator,
    neurons: int,
    inputs: int = 0,
    synapses: int = 0,
    cores: int = 4,
    mesh: tuple[int, int] = (2, 2),
    limits: Limits | None = None,
    **others: object,
) -> Problem:
    """Random synapses, some of them double and onto the neuron itself, and random counts."""
    return Problem(
        neurons,
        rng.integers(0, neurons + inputs, synapses),
        rng.integers(0, neurons, synapses),
        rng.integers(0, 6, neurons + inputs),
        cores,
        mesh,
        limits or Limits(),
        **others,  # type: ignore[arg-type]
    )


def blocks(
    rng: np.random.Generator, count: int, size: int, mesh: tuple[int, int]
) -> tuple[Problem, float]:
    """
    A planted network: `count` blocks of `size` neurons that are dense inside, in a shuffled
    order, and one axon from each block to the next in a snake over the mesh. Cores hold one
    block; the second result is the least packets x hops.

    A block that is cut costs at least `size - 1` packets of rate 1, the ring all in all
    (count - 1) / 100, each over one hop, which no mapping of whole blocks can be below.
    """
    neurons = count * size
    name = rng.permutation(neurons).reshape(count, size)
    source, target = [], []
    for block in name:
        for a, b in itertools.permutations(block, 2):
            source.append(a)
            target.append(b)
    rate = np.ones(neurons + count - 1)
    rate[name[:, 0]] = 0.01
    for k in range(count - 1):
        source.append(name[k, 0])
        target.append(name[k + 1, 1])
    return (
        Problem(
            neurons,
            np.array(source),
            np.array(target),
            rate[:neurons],
            count,
            mesh,
            Limits(neurons=size),
        ),
        (count - 1) * 0.01,
    )


def simulated(
    problem: Problem, core: np.ndarray, place: np.ndarray
) -> tuple[int, int, list[dict[str, set[object]]]]:
    """Packets, packets x hops and what each core holds, spike by spike; rates are counts."""
    packets = hops = 0
    held: list[dict[str, set[object]]] = [
        {"neurons": set(), "axons": set(), "synapses": set()} for _ in range(problem.cores)
    ]
    for neuron, at in enumerate(core):
        held[at]["neurons"].add(neuron)
    assert problem.port is not None
    for source in range(problem.sources):
        targets = [
            (e, int(t))
            for e, (s, t) in enumerate(zip(problem.source, problem.target, strict=True))
            if s == source
        ]
        cores = {int(core[t]) for _, t in targets}
        own = int(core[source]) if source < problem.neurons else None
        for e, t in targets:
            held[core[t]]["synapses"].add(e)
            if core[t] != own or problem.limits.own_axons:
                held[core[t]]["axons"].add(source)
        for _ in range(int(problem.rate[source])):
            for to in cores - {own}:
                packets += 1
                port = -1 if own is not None else int(problem.port[source - problem.neurons])
                if own is None and port < 0:
                    hops += 1
                    continue
                start = place[own] if own is not None else problem.ports[port]
                hops += abs(start[0] - place[to][0]) + abs(start[1] - place[to][1])
    return packets, hops, held


def least(problem: Problem) -> float:
    """The least packets x hops over all mappings that hold the limits, by trying all."""
    best = np.inf
    label = problem.vertices()
    places = problem.places()
    permutations: Sequence[tuple[int, ...]] = list(
        itertools.permutations(range(len(places)), problem.cores)
    )
    for cores in itertools.product(range(problem.cores), repeat=int(label.max()) + 1):
        if cores[0] != 0:  # which core is the first does not matter: its place does
            continue
        core = np.array(cores)[label]
        _, _, held = simulated(problem, core, places)
        full = any(
            limit is not None and len(one[name]) > limit
            for one in held
            for name, limit in vars(problem.limits).items()
            if name != "own_axons"
        )
        if full:
            continue
        for at in permutations:
            best = min(best, simulated(problem, core, places[list(at)])[1])
    return best
