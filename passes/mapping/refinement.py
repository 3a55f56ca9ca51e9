"""
Better assignments by moves of single vertices and exchanges of two.

Changes of the cost are exact for the assignment of the moment. Load above a limit has a price:
a low one while vertices are clusters that need not pack, in the end one that no gain can pay.
"""

from __future__ import annotations

import numpy as np

from snncc.passes.mapping.problem import Floats, Integers
from snncc.passes.mapping.state import State

ENOUGH = 0.001
"""A round that gains less than this part of the cost is the last."""

TRIALS = 3
"""Cores and partners that are tried for an exchange."""

HARD = 1e9
"""The price in units of a core's cost that keeps every limit."""


def unit(state: State) -> float:
    """The mean cost of a core in use: what prices and temperatures are multiples of."""
    used = max(1, int((state.loads[0] > 0).sum()))
    return state.cost / used or float(state.graph.rate.sum()) / used or 1.0


def worth(state: State, price: float) -> float:
    """The cost with what is above limits at its price."""
    return state.cost + price * float(state.overload().sum())


def improve(state: State, price: float, rounds: int, rng: np.random.Generator) -> None:
    """
    Each vertex in turn goes to its best core, or changes places with a vertex there. `worth`
    falls with each step; a hard price keeps all limits that hold before.
    """
    slack = 1e-9 * unit(state)
    table = np.zeros((state.graph.n, state.k))
    """[n, K] changes as they were when last computed: they propose partners"""
    for turn in range(rounds):
        before = worth(state, price)
        order = rng.permutation(state.graph.n)
        for v in order[state.touched[order]] if turn > 1 else order:
            delta = state.deltas(v)
            table[v] = delta
            state.touched[v] = False
            total = delta
            if state.limited.any():
                if delta.min() >= -slack and not state.over_at(int(state.core[v])):
                    continue
                total = delta + price * state.price_changes(v)
            b = int(np.argmin(total))
            if total[b] < -slack:
                state.move(v, b, float(delta[b]))
            elif turn:
                for b in np.argsort(delta, kind="stable")[:TRIALS]:
                    if delta[b] >= -slack or _exchange(
                        state, v, int(b), float(delta[b]), price, table, slack
                    ):
                        break
        if turn and worth(state, price) > before - ENOUGH * abs(before):
            break


def _exchange(
    state: State, v: int, b: int, delta: float, price: float, table: Floats, slack: float
) -> bool:
    """Whether some vertex of core b takes the place of v, which takes its place."""
    a = int(state.core[v])
    members = np.flatnonzero(state.core == b)
    guess = table[members, a] + delta
    if state.limited.any():
        guess = guess + price * _weighing(state, v, members, a, b)
    likely = np.flatnonzero(guess < -slack)
    if not likely.size:
        return False
    best = likely[np.argsort(guess[likely], kind="stable")[:TRIALS]]
    before = price * float(state.overload().sum())
    state.move(v, b, delta)
    for u in members[best]:
        row = state.deltas(u)
        table[u] = row
        if delta + row[a] >= -slack:
            continue
        state.move(u, a, float(row[a]))
        if delta + row[a] + price * float(state.overload().sum()) - before < -slack:
            return True
        state.move(u, b, -float(row[a]))
    state.move(v, a, -delta)
    return False


def _weighing(state: State, v: int, members: Integers, a: int, b: int) -> Floats:
    """[members] the change of overload of neurons and synapses if v went to b and one to a."""
    change = np.zeros(members.size)
    for row, weight in ((0, state.graph.neurons), (2, state.graph.synapses)):
        if state.limited[row]:
            room = state.capacity[row, 0]
            lighter = weight[members] - weight[v]
            if not lighter.any():
                continue
            for load in (state.loads[row, a] + lighter, state.loads[row, b] - lighter):
                change += np.maximum(load / room - 1.0, 0.0)
            change -= np.maximum(state.loads[row, [a, b]] / room - 1.0, 0.0).sum()
    return change


def anneal(
    state: State, price: float, hot: float, cold: float, rounds: int, rng: np.random.Generator
) -> None:
    """
    Heat-bath annealing: each vertex in turn draws its core with exp(-change / temperature),
    which falls from `hot` to `cold`.
    """
    for temperature in np.geomspace(hot, cold, rounds):
        for v in rng.permutation(state.graph.n):
            delta = state.deltas(v)
            total = delta + price * state.price_changes(v) if state.limited.any() else delta
            odds = np.exp((total.min() - total) / temperature)
            ends = np.cumsum(odds)
            b = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
            b = min(b, state.k - 1)
            if b != state.core[v]:
                state.move(v, b, float(delta[b]))


def repair(state: State, rounds: int = 12) -> bool:
    """Moves out of overloaded cores at the least cost; whether all limits hold then."""
    for _ in range(rounds):
        if not state.over.any():
            return True
        before = float(state.overload().sum())
        for a in np.flatnonzero(state.over):
            _unload(state, int(a))
        if float(state.overload().sum()) > before * (1.0 - 1e-9):
            return False
    return not state.over.any()


def _unload(state: State, a: int) -> None:
    members = np.flatnonzero(state.core == a)
    keys = []
    for v in members.tolist():
        delta, change = state.deltas(v), state.price_changes(v)
        helps = change < -1e-12
        keys.append(float((delta[helps] / -change[helps]).min()) if helps.any() else np.inf)
    for i in np.argsort(keys, kind="stable").tolist():
        if not np.isfinite(keys[i]) or not state.over[a]:
            return
        v = int(members[i])
        delta, change = state.deltas(v), state.price_changes(v)
        useful = np.flatnonzero(change < -1e-12)
        # first what takes most overload away, then what costs least
        useful = useful[change[useful] <= 0.999 * float(change[useful].min(initial=0.0))]
        if useful.size:
            b = int(useful[np.argmin(delta[useful])])
            state.move(v, b, float(delta[b]))
