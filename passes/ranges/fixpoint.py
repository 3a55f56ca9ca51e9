"""
The least intervals that hold an initial value and are closed under a step: found by guessing,
accepted only when one more step proves them.

A step is monotone: wider states give wider next states. From below, iteration is exact and may
take thousands of rounds where a leak is near one. So after a few rounds the ends that still
grow are moved outwards by doubling until a step stays inside (a proof), and then halved back
between what was reached and what is proved; every end that is kept was proved by a step. Of few
elements a step tries several places on the way back at once, in copies of the elements.
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

ABSORBING = 2.0**30
"""How many of its longest steps away an end of floats is looked at twice."""

PLAIN = 5
"""How many rounds are plain iteration."""

PRECISION = 1e-7
"""How far above the least end an end of floats may be, relative to its magnitude."""

FINEST = 1e-9
"""The magnitude that an end near zero has at least, relative to that of its state."""

NEAR = [2.0**-power for power in (24, 21, 18, 15, 13, 11, 9, 7, 6, 5, 4, 3, 2, 1)]
"""Parts of the way back that are tried first: ends are guessed well for a leak."""

ROUNDS = 3
"""How often all ends are moved one after the other at most."""

NARROWINGS = 24
"""How many steps closed states are followed at most."""

MOST_ELEMENTS = 1 << 12
"""How many elements a step takes at once: of fewer, several copies with different ends."""

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
    repeatable: bool = False,
) -> Fixpoint:
    """
    The fixpoint above `initial`. Intervals of one state broadcast to [elements]; where these
    are `independent` of each other, each is proved alone, otherwise all or none. A `repeatable`
    step takes several copies of all elements, one behind the other. `limits` are those of the
    states' types: a step stays in them.
    """
    states = list(initial)
    shape = np.broadcast_shapes(*(s.low.shape for s in states))
    many = MOST_ELEMENTS // max(1, int(np.prod(shape))) if repeatable else 1
    search = _Search(step, limits, independent, max(1, min(len(NEAR), many)))
    states = [state.broadcast(shape) for state in states]
    with np.errstate(invalid="ignore"):  # differences of infinite ends, which nothing uses
        return _solve(search, states, initial)


def _solve(search: _Search, states: States, initial: Sequence[Interval]) -> Fixpoint:
    shape = states[0].low.shape
    growth: list[tuple[Array, Array]] = []
    nothing: Array = np.zeros(shape)
    largest = [(nothing, nothing) for _ in states]
    hints: list[tuple[Array, Array]] = []
    for _ in range(PLAIN):
        grown = search.join(states)
        if _all_same(grown, states):
            nowhere = np.zeros(shape, np.bool_)
            return Fixpoint(states, [(nowhere, nowhere) for _ in states], search.steps)
        before = growth
        growth = [_growth(a, b) for a, b in zip(states, grown, strict=True)]
        largest = [
            (np.maximum(a[0], b[0]), np.maximum(a[1], b[1]))
            for a, b in zip(largest, growth, strict=True)
        ]
        states = grown
        if before:
            hints = [_reach(*x) for x in zip(before, growth, states, strict=True)]
    above, unbounded = search.bracket(states, hints, largest)
    above = search.halve(states, above, unbounded)
    return Fixpoint(search.narrowed(initial, above), unbounded, search.steps)


def _all_same(a: States, b: States) -> bool:
    return all(bool(np.all(iv.same(x, y))) for x, y in zip(a, b, strict=True))


@dataclass
class _Search:
    step: Step
    limits: Sequence[tuple[Any, Any]]
    independent: bool
    copies: int
    steps: int = 0

    def next(self, states: States) -> States:
        self.steps += 1
        shape = states[0].low.shape
        return [state.broadcast(shape) for state in self.step(states)]

    def join(self, states: States) -> States:
        return [iv.hull(a, b) for a, b in zip(states, self.next(states), strict=True)]

    def closed(self, states: States) -> Mask:
        """Where a step stays inside."""
        return self._within(self.next(states), states)

    def _within(self, after: States, states: States) -> Mask:
        inside: Mask = np.ones(states[0].low.shape, np.bool_)
        for state, following in zip(states, after, strict=True):
            inside = inside & iv.within(following, state)
        return inside if self.independent else np.full_like(inside, inside.all())

    def narrowed(self, initial: Sequence[Interval], states: States) -> States:
        """
        What a few steps leave of closed states, each seen to be closed; all of the types where
        nothing is: then there is no proof.
        """
        best = [
            Interval(np.full_like(s.low, least), np.full_like(s.high, most))
            for s, (least, most) in zip(states, self.limits, strict=True)
        ]
        last = False
        for _ in range(NARROWINGS):
            after = self.next(states)
            inside = self._within(after, states)
            best = [_choose(inside, a, b) for a, b in zip(states, best, strict=True)]
            states = [
                _choose(inside, iv.hull(first, following), b)
                for first, following, b in zip(initial, after, best, strict=True)
            ]
            if last or _all_same(best, states):
                break
            last = not any(
                _apart(end, outer, _scale(state)).any()
                for state, other in zip(best, states, strict=True)
                for outer, end in ((state.low, other.low), (state.high, other.high))
            )
        return best

    def bracket(
        self,
        below: States,
        reach: Sequence[tuple[Array, Array]],
        largest: Sequence[tuple[Array, Array]],
    ) -> tuple[States, list[tuple[Mask, Mask]]]:
        """
        Ends moved outwards, first by `reach` and then ever farther, until a step stays in.

        `largest` are the longest ways that the ends went in one step.
        """
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
            if not moved and not self._open_absorbed(states, below, largest):
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

    def _open_absorbed(
        self, states: States, below: States, largest: Sequence[tuple[Array, Array]]
    ) -> bool:
        """
        Takes the bound from ends that floats keep only because a sum absorbs what is added:
        x + d is x where x is 2^53 times d. Such an end stays where it is put, twice as far
        away as well, which nothing that pulls it back does. Whether there were any.
        """
        ends, starts = _ends(states), _ends(below)
        longest = [way for ways in largest for way in ways]
        if not self.independent:
            longest = [np.full_like(way, way.max()) for way in longest]
        suspects = [
            np.isfinite(end) & (np.abs(end - start) > way * ABSORBING)
            if end.dtype.kind == "f"
            else np.zeros(end.shape, np.bool_)
            for end, start, way in zip(ends, starts, longest, strict=True)
        ]
        if not any(suspect.any() for suspect in suspects):
            return False
        moved = [
            np.where(suspect, end + (end - start), end)
            for suspect, end, start in zip(suspects, ends, starts, strict=True)
        ]
        after = _ends(self.next(_states(moved)))
        found = False
        for index, suspect in enumerate(suspects):
            rises = index % 2 == 1
            stays = after[index] >= moved[index] if rises else after[index] <= moved[index]
            absorbed = suspect & stays
            found = found or bool(absorbed.any())
            ends[index] = np.where(absorbed, np.inf if rises else -np.inf, ends[index]).astype(
                ends[index].dtype
            )
        states[:] = _states(ends)
        return found

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
        closed starts again from `above`, one end after the other: each may let those before it go
        on, so that this is done more than once.
        """
        together = self._halve(below, above, unbounded, None)
        good = self.closed(together)
        if good.all():
            return together
        above = [_choose(good, a, b) for a, b in zip(together, above, strict=True)]
        for _ in range(ROUNDS):
            before = above
            for end in range(2 * len(above)):
                above = self._halve(below, above, unbounded, end)
            if _all_same(before, above):
                break
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
        scales = [scale for state in above for scale in [_scale(state)] * 2]
        chosen = range(len(outer)) if only is None else (only,)
        parts = NEAR[-self.copies :] if self.copies > 1 else [2.0**-7]
        for _ in range(80):
            trial = [[end] * len(parts) for end in outer]
            for end in chosen:
                trial[end] = [_between(inner[end], outer[end], part) for part in parts]
            after = _ends(self.next(_states([np.concatenate(tries) for tries in trial])))
            open_ = False
            for end in chosen:
                rises = end % 2 == 1
                # the innermost that is closed, and what lies inside of it
                looking = free[end]
                beyond, kept = inner[end], outer[end]
                found = np.split(after[end], len(parts))
                for tried, end_after in zip(reversed(trial[end]), reversed(found), strict=True):
                    holds = end_after <= tried if rises else end_after >= tried
                    kept = np.where(looking & holds, tried, kept)
                    looking = looking & ~holds
                    beyond = np.where(looking, _beyond(tried, rises=rises), beyond)
                limit = np.minimum if rises else np.maximum
                outer[end] = kept
                inner[end] = np.where(free[end], limit(beyond, kept), kept)
                open_ = open_ or bool(_apart(inner[end], kept, scales[end]).any())
            if not open_:
                break
            parts = [(at + 1) / (self.copies + 1) for at in range(self.copies)]
        return _states(outer)


def _choose(where: Mask, a: Interval, b: Interval) -> Interval:
    return Interval(np.where(where, a.low, b.low), np.where(where, a.high, b.high))


def _ends(states: States) -> list[Array]:
    """The low and the high end of each state."""
    return [end for state in states for end in (state.low, state.high)]


def _states(ends: Sequence[Array]) -> States:
    return [Interval(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]


def _growth(before: Interval, after: Interval) -> tuple[Array, Array]:
    """How far both ends moved; an end that is infinite before and after did not."""
    falls, rises = before.low - after.low, after.high - before.high
    return np.nan_to_num(falls.astype(np.float64), posinf=np.inf), np.nan_to_num(
        rises.astype(np.float64), posinf=np.inf
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
        with np.errstate(all="ignore"):  # no growth before
            ratio = np.where(first > 0, np.minimum(second / first, 1 - 1e-6), 0.0)
        rest = np.where(ratio < 0.999, second * ratio / (1 - ratio), second)
        margin = PRECISION / 4 if state.is_float else 1e-3
        found.append(rest * (1 + margin) + np.where(rest > 0, 0, 1e-3))
    return found[0], found[1]


def _between(inner: Array, outer: Array, part: float) -> Array:
    """A part of the way from the outer end to the inner one."""
    if inner.dtype.kind == "f":
        return np.where(np.isfinite(outer), outer + (inner - outer) * part, outer)
    # at least one step; states have 32 bits at most, whose differences are exact in floats
    return outer + np.where(
        inner > outer, np.ceil((inner - outer) * part), np.floor((inner - outer) * part)
    ).astype(np.int64)


def _beyond(end: Array, *, rises: bool) -> Array:
    """The next end outwards, that may be closed where this one is not."""
    if end.dtype.kind == "f":
        return end
    return end + (1 if rises else -1)


def _scale(state: Interval) -> Array:
    """The magnitude of a state of floats."""
    low, high = (np.where(np.isfinite(end), np.abs(end), 0.0) for end in (state.low, state.high))
    return np.maximum(low, high)


def _apart(inner: Array, outer: Array, scale: Array) -> Mask:
    if inner.dtype.kind != "f":
        different: Mask = inner != outer
        return different
    magnitude = np.maximum(np.maximum(np.abs(inner), np.abs(outer)), FINEST * scale)
    apart: Mask = np.isfinite(outer) & (np.abs(outer - inner) > PRECISION * magnitude)
    return apart
