"""
Small changes of several drives at once, chosen for what they give together.

The largest membrane before a reset is met from just below the threshold. A sequence that comes
near it is better only if some drives go up by as much as others go down, which blind changes
of one or two of them rarely do. Near a sequence both what is looked for and the membrane that
must not fire change almost in proportion to each drive: so of all changes of up to four drives
those are tried that should bring the most and leave what did not fire below its threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.ranges.reach import Search

PROBE = 6
"""How far a drive is moved to see what it does, in places of the row of all drives."""

REACH = 7
"""How far drives are moved."""

TRIED = 2_048
"""How many changes are tried for each guess of the error that rounding makes."""

ROUNDS = 6

ERRORS = (-4, -1, 0, 2, 5)


@dataclass(frozen=True)
class Sequence:
    """Drives by their places in the row of all of them, from a known state on."""

    score: int
    start: int
    places: Array


@dataclass
class _Run:
    """What sequences [rows] of one length give."""

    score: Array
    """The value at the last step."""
    guard: Array
    """What is compared with the threshold one step before."""
    spikes: Array
    """[rows, steps, conditions]: before the last step."""


class Nudges:
    """Changes of sequences for one value, which is to be large (`sign` 1) or small (-1)."""

    def __init__(self, search: Search, value: SSAValue, sign: int):
        self.search, self.value, self.sign = search, value, sign
        self.conditions = [
            step.op for step in search.straight.instructions if isinstance(step.op, snn.SpikeOp)
        ]

    def best(self, sequence: Sequence, bound: int) -> Sequence:
        """A sequence that is no worse; stops within one of `bound`, which no score passes."""
        if not self.conditions or len(sequence.places) < 2:
            return sequence
        for _ in range(ROUNDS):
            if bound - sequence.score <= 1:
                break
            better = self._round(sequence)
            if better.score <= sequence.score:
                break
            sequence = better
        return sequence

    def _run(self, start: int, places: Array) -> _Run:
        rows, length = places.shape
        spikes = np.zeros((rows, length - 1, len(self.conditions)), np.bool_)
        guard: Array = np.zeros(rows, np.int64)
        score: Array = guard
        steps = self.search.follow(np.full(rows, start), places)
        for step, values in enumerate(steps):
            if step == length - 1:
                score = self.sign * np.broadcast_to(values[self.value], (rows,))
                break
            for index, condition in enumerate(self.conditions):
                spikes[:, step, index] = values[condition.result]
            guard = np.broadcast_to(values[self.conditions[-1].argument], (rows,))
        return _Run(score, guard, spikes)

    def _round(self, sequence: Sequence) -> Sequence:
        places, every = sequence.places, self.search.every
        length, most = len(places), len(every) - 1
        base = self._run(sequence.start, places[None])
        # what each drive does
        probes = np.tile(places, (2 * length, 1))
        at = np.arange(2 * length)
        probes[at, at // 2] = np.clip(places[at // 2] + np.where(at % 2, PROBE, -PROBE), 0, most)
        way = every[probes[at, at // 2]] - every[places[at // 2]]
        run = self._run(sequence.start, probes)
        alike = (way != 0) & (run.spikes == base.spikes).all(axis=(1, 2))
        if not alike.any():
            return sequence
        gains, costs = (
            _slopes((ends - before)[alike], way[alike], at[alike] // 2, length)
            for ends, before in ((run.score, base.score), (run.guard, base.guard))
        )
        # all changes of one drive, and of two
        known = np.bincount(at[alike] // 2, minlength=length) > 0
        drive, by = (
            grid.reshape(-1)
            for grid in np.meshgrid(np.flatnonzero(known), np.arange(-REACH, REACH + 1))
        )
        inside = (places[drive] + by >= 0) & (places[drive] + by <= most)
        drive, by = drive[inside], by[inside]
        moved = every[places[drive] + by] - every[places[drive]]
        one, other = np.triu_indices(len(drive))
        apart = drive[one] != drive[other]
        one, other = one[apart], other[apart]
        if not one.size:
            return sequence
        gain = (gains[drive] * moved)[one] + (gains[drive] * moved)[other]
        cost = (costs[drive] * moved)[one] + (costs[drive] * moved)[other]
        fired = bool(base.guard[0] > 0)
        slack = float(base.guard[0] - 1 if fired else -base.guard[0])
        changes = _matches(gain, -cost if fired else cost, slack)
        tried = np.tile(places, (len(changes), 1))
        rows = np.arange(len(changes))
        for pair in changes.T:
            for single in (one[pair], other[pair]):
                tried[rows, drive[single]] += by[single]
        run = self._run(sequence.start, np.clip(tried, 0, most))
        chosen = int(run.score.argmax())
        return Sequence(int(run.score[chosen]), sequence.start, np.clip(tried[chosen], 0, most))


def _slopes(changes: Array, ways: Array, drives: Array, length: int) -> Array:
    """By drive: the mean change for each unit, of one or two probes."""
    total = np.zeros(length)
    np.add.at(total, drives, changes / ways)
    return total / np.maximum(np.bincount(drives, minlength=length), 1)


def _matches(gain: Array, cost: Array, slack: float) -> Array:
    """[changes, 2]: pairs of changes with the largest gains whose costs stay within a slack."""
    order = np.argsort(cost)
    rising = np.maximum.accumulate(gain[order])
    # the place of the largest gain so far
    first = np.maximum.accumulate(np.where(gain[order] == rising, np.arange(len(order)), 0))
    found: list[Array] = []
    for error in ERRORS:
        last = np.searchsorted(cost[order], slack + error - cost, side="right") - 1
        some = np.flatnonzero(last >= 0)
        mate = order[first[last[some]]]
        total = gain[some] + gain[mate]
        top = np.argsort(-total)[:TRIED]
        found.append(np.stack([some[top], mate[top]], axis=1))
    return np.concatenate(found)
