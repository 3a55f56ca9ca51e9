"""Networks to map: who sends to whom, and how often. Rates are drawn, structure is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snncc.passes.mapping import Limits, Problem

Edges = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Case:
    name: str
    problem: Problem
    optimum: float | None = None
    """The least packets x hops, where it is known."""


def dense(before: int, after: int, start: int, to: int) -> Edges:
    """All of `before` neurons from `start` on to all of `after` from `to` on."""
    source, target = np.meshgrid(start + np.arange(before), to + np.arange(after), indexing="ij")
    return source.ravel(), target.ravel()


def convolution(size: int, before: int, after: int, kernel: int, start: int, to: int) -> Edges:
    """Stride 1, zero padding, channels outermost."""
    source, target = [], []
    y, x = np.mgrid[:size, :size]
    for dy in range(-(kernel // 2), kernel // 2 + 1):
        for dx in range(-(kernel // 2), kernel // 2 + 1):
            inside = (y + dy >= 0) & (y + dy < size) & (x + dx >= 0) & (x + dx < size)
            here = (y * size + x)[inside]
            there = ((y + dy) * size + x + dx)[inside]
            for i in range(before):
                for j in range(after):
                    source.append(start + i * size * size + here)
                    target.append(to + j * size * size + there)
    return np.concatenate(source), np.concatenate(target)


def problem(
    neurons: int, parts: list[Edges], cores: int, width: int, held: int, inputs: int = 0
) -> Problem:
    """Gamma-distributed rates, mean .1 a step; inputs enter at the corner of the mesh."""
    rng = np.random.default_rng(neurons)
    return Problem(
        neurons,
        np.concatenate([source for source, _ in parts]),
        np.concatenate([target for _, target in parts]),
        rng.gamma(2.0, 0.05, neurons + inputs),
        cores,
        (width, cores // width),
        Limits(neurons=held),
        ports=[(-1, 0)],
        port=np.zeros(inputs, np.int64),
    )


def shuffled(given: Problem, seed: int = 0) -> Problem:
    """The same network with its neurons in another order."""
    name = np.random.default_rng(seed).permutation(given.neurons)
    every = np.concatenate([name, np.arange(given.neurons, given.sources)])
    rate = np.empty_like(given.rate)
    rate[every] = given.rate
    return replace(given, source=every[given.source], target=name[given.target], rate=rate)


def layered(inputs: int, sizes: tuple[int, ...], cores: int, width: int, held: int) -> Problem:
    """Inputs at the corner and dense layers."""
    ends = np.cumsum(sizes).tolist()
    parts = [dense(inputs, sizes[0], ends[-1], 0)]
    for i in range(1, len(sizes)):
        parts.append(dense(sizes[i - 1], sizes[i], ends[i - 1] - sizes[i - 1], ends[i - 1]))
    return problem(ends[-1], parts, cores, width, held, inputs)


def convolutional(size: int, channels: int, cores: int, width: int) -> Problem:
    """Three maps with kernels of 5 x 5 between them."""
    map_ = channels * size * size
    parts = [convolution(size, channels, channels, 5, i * map_, (i + 1) * map_) for i in range(2)]
    return problem(3 * map_, parts, cores, width, 256)


def residual(size: int, channels: int, cores: int, width: int) -> Problem:
    """Two blocks of two convolutions of 3 x 3, each beside a skip; a dense head of 10."""
    map_ = channels * size * size
    each = np.arange(map_)
    parts = []
    for block in range(2):
        first = 2 * block * map_
        parts.append(convolution(size, channels, channels, 3, first, first + map_))
        parts.append(convolution(size, channels, channels, 3, first + map_, first + 2 * map_))
        parts.append((first + each, first + 2 * map_ + each))
    parts.append(dense(map_, 10, 4 * map_, 5 * map_))
    return problem(5 * map_ + 10, parts, cores, width, 256)


def recurrent(neurons: int, degree: int, cores: int, width: int) -> Problem:
    """A sheet of neurons that reach each other with a probability that falls with distance."""
    rng = np.random.default_rng(1)
    at = rng.random((neurons, 2))
    source, target = [], []
    for v in range(neurons):
        distance = ((at - at[v]) ** 2).sum(axis=1)
        chance = np.exp(-distance / (2 * 0.08**2))
        chance[v] = 0.0
        to = rng.choice(neurons, degree, replace=False, p=chance / chance.sum())
        source.append(np.full(degree, v))
        target.append(to)
    return problem(neurons, [(np.concatenate(source), np.concatenate(target))], cores, width, 64)


def small_world(neurons: int, degree: int, cores: int, width: int) -> Problem:
    """A ring of neighbours, a tenth of the synapses rewired (Watts and Strogatz, 1998)."""
    rng = np.random.default_rng(2)
    near = np.concatenate([np.arange(-(degree // 2), 0), np.arange(1, degree // 2 + 1)])
    source = np.repeat(np.arange(neurons), near.size)
    target = (source + np.tile(near, neurons)) % neurons
    rewired = rng.random(source.size) < 0.1
    target[rewired] = rng.integers(0, neurons, int(rewired.sum()))
    return problem(neurons, [(source, target)], cores, width, neurons // cores)


def planted(count: int, width: int, size: int) -> tuple[Problem, float]:
    """
    Dense blocks of `size` neurons, one for each core, and an axon of rate .01 from each block to
    its neighbours to the right and below. Its least packets x hops: a block that is cut costs
    at least `size - 1` packets or so, more than all ties; whole blocks cost a hop for each tie.
    """
    grid = np.arange(count).reshape(-1, width)
    parts = [dense(size, size, b * size, b * size) for b in range(count)]
    before = np.concatenate([grid[:, :-1].ravel(), grid[:-1].ravel()])
    after = np.concatenate([grid[:, 1:].ravel(), grid[1:].ravel()])
    used = np.zeros(count, np.int64)
    source = []
    for b in before:  # each tie from a neuron of its own
        source.append(b * size + used[b])
        used[b] += 1
    parts.append((np.array(source), after * size + size - 1))
    neurons = count * size
    rate = np.ones(neurons)
    rate[np.array(source)] = 0.01
    given = Problem(
        neurons,
        np.concatenate([source for source, _ in parts]),
        np.concatenate([target for _, target in parts]),
        rate,
        count,
        (width, count // width),
        Limits(neurons=size),
    )
    return shuffled(given), 0.01 * before.size


def cases() -> list[Case]:
    return [
        Case("layered, 16 cores", layered(256, (512, 512, 256, 10), 16, 4, 128)),
        Case("convolutional in order, 16 cores", convolutional(16, 5, 16, 4)),
        Case("convolutional, 16 cores", shuffled(convolutional(16, 5, 16, 4))),
        Case("convolutional, 64 cores", shuffled(convolutional(32, 5, 64, 8))),
        Case("residual in order, 32 cores", residual(14, 8, 32, 8)),
        Case("residual, 32 cores", shuffled(residual(14, 8, 32, 8))),
        Case("recurrent, 64 cores", recurrent(4096, 40, 64, 8)),
        Case("small world, 16 cores", shuffled(small_world(2048, 40, 16, 4))),
        Case("small world, 64 cores", shuffled(small_world(16384, 60, 64, 8))),
        Case("planted, 16 cores", *planted(16, 4, 64)),
        Case("planted, 64 cores", *planted(64, 8, 64)),
    ]
