"""
Inputs made better by small changes, where a search over states stays below what is proved.

The largest membrane before a reset is met from exactly one below the threshold, with a current
that rose in just the right steps: states on the way there are extreme in no direction. So some
sequences of drives are followed from states that the search found, the best are kept, and
changed in a few places: which drive, when, and from where.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges.nudges import Nudges, Sequence
from snncc.passes.ranges.reach import Extreme, Search

LENGTH = 24
"""How many drives a sequence has."""

TURNS = 96
"""How many drives stand between two extreme ones."""

POPULATION = 2_048
KEPT = 96

ROUNDS = 200
"""How often the best are changed at most."""

NUDGED = 24
"""Of how many of the best sequences several drives are changed together (`nudges.py`)."""

PATIENCE = 40
"""So many rounds without a better one end the climb."""


def climb(search: Search, value: SSAValue, high: bool, found: Extreme, bound: int) -> Extreme:
    """
    A sequence that leads to a larger (with `high` off: smaller) value, or what was found. It
    stops within one of `bound`.
    """
    sign = 1 if high else -1
    for turns in (True, False):  # each finds what the other does not
        found = _climbed(_Climb(search, value, sign, turns), found, bound)
        if sign * (bound - found.value) <= 1:
            break
    return found


def _climbed(climber: _Climb, found: Extreme, bound: int) -> Extreme:
    sign = climber.sign
    best, idle = climber.best(), 0
    for _ in range(ROUNDS):
        if idle >= PATIENCE or sign * bound - best[0] <= 1:
            break
        climber.change()
        after = climber.best()
        idle = 0 if after[0] > best[0] else idle + 1
        best = max(best, after)
    best = max(best, climber.nudged(sign * bound))
    if best[0] <= sign * found.value:
        return found
    return Extreme(sign * best[0], best[1])


class _Climb:
    def __init__(self, search: Search, value: SSAValue, sign: int, turns: bool):
        self.search, self.value, self.sign = search, value, sign
        self.random = np.random.default_rng(0)
        self.score: Array
        self.step: Array
        self.starts = self.random.integers(0, len(search.known), POPULATION)
        ends = search.extremes(search.known, 16)
        self.starts[: POPULATION * 3 // 4] = self.random.choice(ends, POPULATION * 3 // 4)
        most = len(search.every) - 1
        shape = POPULATION, LENGTH
        # one drive for most of the time, as an extreme is met; which one differs
        steady = self.random.choice([0, most], (POPULATION, 1))
        other = self.random.integers(0, most + 1, shape)
        loose = self.random.random(shape) < self.random.choice([0.0, 0.05, 0.3], (POPULATION, 1))
        self.drives = np.where(loose, other, steady)
        self._follow()
        if turns:
            self._begin_with_turns()

    def _begin_with_turns(self) -> None:
        """
        Sequences that hold one extreme drive and then the other, with one between the two: near
        such a one a membrane is met whose way to its threshold is as short as can be.
        """
        most = len(self.search.every) - 1
        between = np.unique(np.linspace(0, most, TURNS).astype(np.int64))
        shapes: list[Array] = []
        for first, second in ((0, most), (most, 0)):
            for turn in range(1, LENGTH):
                places = np.full((len(between), LENGTH), second)
                places[:, :turn] = first
                places[:, turn] = between
                shapes.append(places)
        drives = np.concatenate(shapes)
        best: list[tuple[Array, Array]] = []
        kept = (self.starts, self.drives, self.score, self.step)
        for start in self.search.held:
            self.starts, self.drives = np.full(len(drives), start), drives
            self._follow()
            top = np.argsort(-self.score, kind="stable")[: POPULATION // 32]
            best.append((self.starts[top], drives[top]))
        self.starts, self.drives, self.score, self.step = kept
        count = sum(len(starts) for starts, _ in best)
        self.starts[-count:] = np.concatenate([starts for starts, _ in best])
        self.drives[-count:] = np.concatenate([drives for _, drives in best])
        self._follow()

    def _follow(self) -> None:
        """The best value of each sequence, and the step at which it is met."""
        self.score = np.full(len(self.starts), np.iinfo(np.int64).min)
        self.step = np.zeros(len(self.starts), np.int64)
        for step, values in enumerate(self.search.follow(self.starts, self.drives)):
            score = self.sign * values[self.value]
            better = score > self.score
            self.score = np.where(better, score, self.score)
            self.step = np.where(better, step, self.step)

    def best(self) -> tuple[int, list[int]]:
        """(the value times the sign, the drives that lead to it)."""
        at = int(self.score.argmax())
        drives = self.search.every[self.drives[at, : self.step[at] + 1]]
        path = [*self.search.path(int(self.starts[at])), *(int(drive) for drive in drives)]
        return int(self.score[at]), path

    def nudged(self, bound: int) -> tuple[int, list[int]]:
        """The best that small changes make of the best sequences, as `best` gives it."""
        nudges = Nudges(self.search, self.value, self.sign)
        order = np.argsort(-self.score, kind="stable")
        _, first = np.unique(self.score[order], return_index=True)
        found: Sequence | None = None
        for at in order[np.sort(first)][:NUDGED]:
            places = self.drives[at, : self.step[at] + 1]
            sequence = Sequence(int(self.score[at]), int(self.starts[at]), places)
            sequence = nudges.best(sequence, bound)
            if found is None or sequence.score > found.score:
                found = sequence
            if bound - found.score <= 1:
                break
        assert found is not None
        drives = [int(drive) for drive in self.search.every[found.places]]
        return found.score, [*self.search.path(found.start), *drives]

    def change(self) -> None:
        """The best sequences, and changes of them."""
        random, most = self.random, len(self.search.every) - 1
        order = np.argsort(-self.score, kind="stable")
        # each value once: many changes do nothing
        _, first = np.unique(self.score[order], return_index=True)
        ranks = np.concatenate([order[np.sort(first)], order])[:KEPT]
        parents = ranks[np.minimum(random.geometric(0.05, POPULATION) - 1, KEPT - 1)]
        parents[:KEPT] = ranks
        drives, starts = self.drives[parents], self.starts[parents]
        rows = np.arange(KEPT, POPULATION)
        step = self.step[parents][rows]
        for _ in range(2):
            # behind the best step nothing matters
            place = (random.random(len(rows)) * (step + 1)).astype(np.int64)
            reach = np.array([1, 4, 32, most])[random.integers(0, 4, len(rows))]
            moved = drives[rows, place] + random.integers(-reach, reach + 1)
            chosen = random.random(len(rows)) < 0.7
            drives[rows[chosen], place[chosen]] = np.clip(moved, 0, most)[chosen]
        later = rows[random.random(len(rows)) < 0.1]
        drives[later, 1:] = drives[later, :-1]
        earlier = rows[random.random(len(rows)) < 0.1]
        drives[earlier, :-1] = drives[earlier, 1:]
        elsewhere = rows[random.random(len(rows)) < 0.2]
        starts[elsewhere] = random.integers(0, len(self.search.known), len(elsewhere))
        self.drives, self.starts = drives, starts
        self._follow()
