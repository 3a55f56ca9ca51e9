"""
Placement of cores on the mesh: a quadratic assignment problem, searched by tabu.

The change of every exchange of two places is kept for all pairs and renewed after each step
(Taillard, "Robust taboo search for the quadratic assignment problem", 1991).
"""

from __future__ import annotations

import numpy as np

from snncc.passes.mapping.problem import Floats, Integers, Problem

OPERATIONS = 3e8
"""Work of one search at effort 1, in additions; a step takes about 4 places^2."""


def _exchanges(flow: Floats, linear: Floats, hops: Floats, at: Integers) -> Floats:
    """[P, P] the change of the cost if two entries of `at` were exchanged."""
    between = hops[np.ix_(at, at)]
    moved = flow @ between
    alone = linear[:, at]
    total = moved + alone
    stay = np.diagonal(total)
    change = total - stay[:, None]
    return np.asarray(change + change.T + 2.0 * flow * between)


def _renew(change: Floats, flow: Floats, linear: Floats, hops: Floats, at: Integers,
           r: int, s: int) -> Floats:  # fmt: skip
    """`_exchanges` after entries r and s were exchanged (`at` is new, `change` of before)."""
    between_r, between_s = hops[at[r]][at], hops[at[s]][at]
    # before: r stood where s stands now
    flows = flow[:, r] - flow[:, s]
    gaps = between_r - between_s
    # sum over k of the two terms that a pair (i, j) has with r and s
    outer = (flows[:, None] - flows[None]) * (gaps[None] - gaps[:, None])
    new: Floats = change + outer
    exact = _rows(flow, linear, hops, at, (r, s))
    for row, values in zip((r, s), exact, strict=True):
        new[row] = values
        new[:, row] = values
    return new


def _rows(
    flow: Floats, linear: Floats, hops: Floats, at: Integers, rows: tuple[int, ...]
) -> list[Floats]:
    between = hops[np.ix_(at, at)]
    stay = (flow * between).sum(axis=1) + linear[np.arange(at.size), at]
    return [
        flow[i] @ between
        + linear[i, at]
        - stay[i]
        + flow @ between[i]
        + linear[:, at[i]]
        - stay
        + 2.0 * flow[i] * between[i]
        for i in rows
    ]


def _cost(flow: Floats, linear: Floats, hops: Floats, at: Integers) -> float:
    inside = 0.5 * (flow * hops[np.ix_(at, at)]).sum()
    return float(inside + linear[np.arange(at.size), at].sum())


def starts(problem: Problem) -> list[Integers]:
    """Orders of the places in which neighbours in number lie near: rows, a snake, halves."""
    width, height = problem.mesh
    rows = np.arange(width * height)
    grid = rows.reshape(height, width)
    snake = grid.copy()
    snake[1::2] = snake[1::2, ::-1]

    def halves(block: Integers) -> list[int]:
        h, w = block.shape
        if h * w <= 1:
            return [int(x) for x in block.ravel()]
        if w >= h:
            return halves(block[:, : w // 2]) + halves(block[:, w // 2 :])
        return halves(block[: h // 2]) + halves(block[h // 2 :])

    return [rows, snake.ravel(), np.array(halves(grid))]


def place(
    problem: Problem,
    traffic: Floats,
    rng: np.random.Generator,
    effort: float = 1.0,
    current: Integers | None = None,
) -> Integers:
    """
    [cores] the number of each core's place, row-major, such that packets x hops is small.
    `traffic` [cores + ports + 1, cores] packets; the result is not above that of `current`
    [cores] nor above row-major.
    """
    places = problem.places()
    count, cores = places.shape[0], problem.cores
    hops = np.abs(places[:, None] - places[None]).sum(axis=2).astype(np.float64)
    flow = np.zeros((count, count))
    flow[:cores, :cores] = traffic[:cores] + traffic[:cores].T
    np.fill_diagonal(flow, 0.0)
    linear = np.zeros((count, count))
    if problem.ports:
        ports = np.asarray(problem.ports, np.int64)
        from_port = np.abs(ports[:, None] - places[None]).sum(axis=2).astype(np.float64)
        linear[:cores] = traffic[cores:-1].T @ from_port
    candidates = starts(problem)
    if current is not None:
        rest = np.setdiff1d(np.arange(count), current)
        candidates.append(np.concatenate([current, rest]))
    if count == 1:
        return candidates[0][:cores]
    steps = int(effort * min(OPERATIONS / (4.0 * count**2 + 40_000), 16 * count**2))
    best, least = candidates[0], _cost(flow, linear, hops, candidates[0])
    found: list[tuple[float, int, Integers]] = []
    for start in candidates:
        at = _descend(flow, linear, hops, start.copy())
        found.append((_cost(flow, linear, hops, at), len(found), at))
    for cost, _, at in sorted(found, key=lambda item: item[:2])[:2]:
        cost, at = _tabu(flow, linear, hops, at, steps // 2, rng)
        if cost < least - 1e-9 * abs(least):
            best, least = at, cost
    return best[:cores]


def _descend(flow: Floats, linear: Floats, hops: Floats, at: Integers) -> Integers:
    """The best exchange until none helps."""
    scale = 1e-9 * max(1e-30, abs(_cost(flow, linear, hops, at)))
    for _ in range(20 * at.size):
        change = _exchanges(flow, linear, hops, at)
        r, s = divmod(int(np.argmin(change)), at.size)
        if change[r, s] >= -scale:
            break
        at[r], at[s] = at[s], at[r]
    return at


def _tabu(
    flow: Floats, linear: Floats, hops: Floats, at: Integers, steps: int, rng: np.random.Generator
) -> tuple[float, Integers]:
    size = at.size
    cost = _cost(flow, linear, hops, at)
    best, least = at.copy(), cost
    until = np.zeros((size, size), np.int64)
    """[entry, place] the step up to which it may not go back there"""
    entry = np.arange(size)
    lower = np.tri(size, dtype=bool)
    change = _exchanges(flow, linear, hops, at)
    for step in range(steps):
        back = until[:, at]
        barred = (back > step) & (step < back.T)
        better = cost + change < least - 1e-9 * abs(least)
        open_ = np.where((barred & ~better) | lower, np.inf, change)
        r, s = divmod(int(np.argmin(open_)), size)
        if not np.isfinite(open_[r, s]):
            continue
        cost += change[r, s]
        tenure = rng.integers(int(0.9 * size), int(1.1 * size) + 4, 2)
        until[entry[r], at[r]] = step + tenure[0]
        until[entry[s], at[s]] = step + tenure[1]
        at[r], at[s] = at[s], at[r]
        change = _renew(change, flow, linear, hops, at, r, s)
        if cost < least - 1e-9 * abs(least):
            best, least = at.copy(), cost
    return _cost(flow, linear, hops, best), best
