"""
The least intervals that hold an initial value and are closed under a step: found by guessing,
accepted only when one more step proves them.

A step is monotone: wider states give wider next states. From below, iteration is exact and may
take thousands of rounds where a leak is near one. So after a few rounds the ends that still
grow are moved outwards by doubling until a step stays inside (a proof), and then halved back
between what was reached and what is proved; every end that is kept was proved by a step.
Where the steps of an end are at most 1 per unit of the state, as a leak's are, the set of
closed ends has no gaps and halving finds the least one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.intervals import Interval, Mask

PLAIN = 5
"""How many rounds are plain iteration."""

PRECISION = 1e-7
"""How far above the least end an end of floats may be, relative to its magnitude."""

FAR = 2.0**36
"""Floats that need more steps than this have no bound."""

States = list[Interval]
Step = Callable[[States], States]


@dataclass
class Fixpoint:
    """Intervals that a step was seen to stay in."""

    states: States
    unbounded: list[tuple[Mask, Mask]]
    """For each state where its low and its high end met no bound but that of its type."""
    steps: int
    """How often the step was computed."""


def solve(
    initial: Sequence[Interval],
    step: Step,
    limits: Sequence[tuple[Any, Any]],
    *,
    independent: bool = True,
) -> Fixpoint:
    """
    The fixpoint above `initial`. Intervals of one state broadcast to [elements]; where these
    are `independent` of each other, each is proved alone, otherwise all or none. `limits` are
    those of the states' types: a step stays in them.
    """
    search = _Search(step, limits, independent)
    states = list(initial)
    shape = np.broadcast_shapes(*(s.low.shape for s in states))
    states = [state.broadcast(shape) for state in states]
    growth: list[tuple[Array, Array]] = []
    hints: list[tuple[Array, Array]] = []
    for _ in range(PLAIN):
        grown = search.join(states)
        if _all_same(grown, states):
            nowhere = np.zeros(shape, np.bool_)
            return Fixpoint(states, [(nowhere, nowhere) for _ in states], search.steps)
        before = growth
        growth = [_growth(a, b) for a, b in zip(states, grown, strict=True)]
        states = grown
        if before:
            hints = [_reach(*x) for x in zip(before, growth, states, strict=True)]
    above, unbounded = search.bracket(states, hints)
    above = search.halve(states, above, unbounded)
    narrower = [
        iv.hull(first, after) for first, after in zip(initial, search.next(above), strict=True)
    ]
    proved = search.closed(narrower)
    above = [
        Interval(np.where(proved, n.low, a.low), np.where(proved, n.high, a.high))
        for n, a in zip(narrower, above, strict=True)
    ]
    return Fixpoint(search.proved(above), unbounded, search.steps)


def _all_same(a: States, b: States) -> bool:
    return all(bool(np.all(iv.same(x, y))) for x, y in zip(a, b, strict=True))


@dataclass
class _Search:
    step: Step
    limits: Sequence[tuple[Any, Any]]
    independent: bool
    steps: int = 0

    def next(self, states: States) -> States:
        self.steps += 1
        shape = states[0].low.shape
        return [state.broadcast(shape) for state in self.step(states)]

    def join(self, states: States) -> States:
        return [iv.hull(a, b) for a, b in zip(states, self.next(states), strict=True)]

    def closed(self, states: States) -> Mask:
        """Where a step stays inside."""
        after = self.next(states)
        inside: Mask = np.ones(states[0].low.shape, np.bool_)
        for state, following in zip(states, after, strict=True):
            inside = inside & iv.within(following, state)
        return inside if self.independent else np.full_like(inside, inside.all())

    def proved(self, states: States) -> States:
        """All of the types where a step does not stay inside: then there is no proof."""
        inside = self.closed(states)
        if inside.all():
            return states
        return [
            Interval(np.where(inside, s.low, least), np.where(inside, s.high, most))
            for s, (least, most) in zip(states, self.limits, strict=True)
        ]

    def bracket(
        self, below: States, reach: Sequence[tuple[Array, Array]]
    ) -> tuple[States, list[tuple[Mask, Mask]]]:
        """Ends moved outwards, first by `reach` and then ever farther, until a step stays in."""
        states = list(below)
        ways = list(reach)
        far = [(np.maximum(a, 1e-30) * FAR, np.maximum(b, 1e-30) * FAR) for a, b in reach]
        # 100 rounds take an end that moves through every type
        for _ in range(100):
            after = self.next(states)
            moved = False
            for index, (state, following) in enumerate(zip(states, after, strict=True)):
                falls, rises = following.low < state.low, following.high > state.high
                if not (falls.any() or rises.any()):
                    continue
                moved = True
                (down, up), (low_end, high_end) = ways[index], far[index]
                states[index] = Interval(
                    np.where(
                        falls, self._outwards(index, following.low, -down, low_end), state.low
                    ),
                    np.where(
                        rises, self._outwards(index, following.high, up, high_end), state.high
                    ),
                )
                ways[index] = np.where(falls, down * 4, down), np.where(rises, up * 4, up)
            if not moved:
                break
        else:  # no proof: all of the types
            states = [
                Interval(np.full_like(s.low, least), np.full_like(s.high, most))
                for s, (least, most) in zip(states, self.limits, strict=True)
            ]
        unbounded = [
            ((end.low <= least) & (start.low > least), (end.high >= most) & (start.high < most))
            for end, start, (least, most) in zip(states, below, self.limits, strict=True)
        ]
        return states, unbounded

    def _outwards(self, index: int, ends: Array, reach: Array, far: Array) -> Array:
        """Ends that moved by `reach`, within the limits of the state's type."""
        least, most = self.limits[index]
        if ends.dtype.kind == "f":
            return np.where(np.abs(reach) > far, np.where(reach > 0, np.inf, -np.inf), ends + reach)
        # in floats, which only err in how far is jumped, to stay within int64
        moved = np.clip(ends + reach, -(2.0**62), 2.0**62)
        return np.asarray(np.clip(moved.astype(np.int64), least, most))

    def halve(self, below: States, above: States, unbounded: Sequence[tuple[Mask, Mask]]) -> States:
        """
        Ends moved back between `below`, which is not closed, and `above`, which is. All ends
        at once first, which is right where they do not depend on each other; then what is not
        closed starts again from `above`, one end after the other.
        """
        together = self._halve(below, above, unbounded, None)
        good = self.closed(together)
        if good.all():
            return together
        above = [
            Interval(np.where(good, a.low, b.low), np.where(good, a.high, b.high))
            for a, b in zip(together, above, strict=True)
        ]
        for end in range(2 * len(above)):
            above = self._halve(below, above, unbounded, end)
        return above

    def _halve(
        self,
        below: States,
        above: States,
        unbounded: Sequence[tuple[Mask, Mask]],
        only: int | None,
    ) -> States:
        """Halves all ends, or the one numbered `only` (the low and the high end of each state)."""
        inner, outer = _ends(below), _ends(above)
        free = [~mask for masks in unbounded for mask in masks]
        chosen = range(len(outer)) if only is None else (only,)
        for attempt in range(80):
            trial = list(outer)
            for end in chosen:
                trial[end] = _middle(inner[end], outer[end], first=attempt == 0)
            after = _ends(self.next(_states(trial)))
            open_ = False
            for end in chosen:
                rises = end % 2 == 1
                holds = after[end] <= trial[end] if rises else after[end] >= trial[end]
                outer[end] = np.where(holds & free[end], trial[end], outer[end])
                beyond = np.where(holds, inner[end], _beyond(trial[end], rises=rises))
                limit = np.minimum if rises else np.maximum
                inner[end] = np.where(free[end], limit(beyond, outer[end]), outer[end])
                open_ = open_ or bool(_apart(inner[end], outer[end]).any())
            if not open_:
                break
        return _states(outer)


def _ends(states: States) -> list[Array]:
    """The low and the high end of each state."""
    return [end for state in states for end in (state.low, state.high)]


def _states(ends: Sequence[Array]) -> States:
    return [Interval(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]


def _growth(before: Interval, after: Interval) -> tuple[Array, Array]:
    """How far both ends moved."""
    return (before.low - after.low).astype(np.float64), (after.high - before.high).astype(
        np.float64
    )


def _reach(
    before: tuple[Array, Array], now: tuple[Array, Array], state: Interval
) -> tuple[Array, Array]:
    """
    How far ends go on from here, if each round moves them by the same part of the last: what a
    leak does (Aitken, 1926).
    """
    found: list[Array] = []
    for first, second in zip(before, now, strict=True):
        with np.errstate(all="ignore"):
            ratio = np.where(first > 0, np.minimum(second / first, 1 - 1e-6), 0.0)
        rest = np.where(ratio < 0.999, second * ratio / (1 - ratio), second)
        margin = PRECISION / 4 if state.is_float else 1e-3
        found.append(rest * (1 + margin) + np.where(rest > 0, 0, 1e-3))
    return found[0], found[1]


def _middle(inner: Array, outer: Array, *, first: bool) -> Array:
    """Between two ends; at first near the outer one, which was guessed well for a leak."""
    part = 1 / 128 if first else 0.5
    if inner.dtype.kind == "f":
        middle = outer + (inner - outer) * part
        return np.where(np.isfinite(outer), middle, outer)
    # at least one step; states have 32 bits at most, whose differences are exact in floats
    return outer + np.where(
        inner > outer, np.ceil((inner - outer) * part), np.floor((inner - outer) * part)
    ).astype(np.int64)


def _beyond(end: Array, *, rises: bool) -> Array:
    """The next end outwards, that may be closed where this one is not."""
    if end.dtype.kind == "f":
        return end
    return end + (1 if rises else -1)


def _apart(inner: Array, outer: Array) -> Mask:
    if inner.dtype.kind != "f":
        different: Mask = inner != outer
        return different
    scale = np.maximum(np.abs(inner), np.abs(outer))
    apart: Mask = np.isfinite(outer) & (np.abs(outer - inner) > PRECISION * scale)
    return apart
