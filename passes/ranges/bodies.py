"""
The ranges of one body: straight scalar arithmetic, for all elements of a population at once.

Four things keep the intervals tight, none of which knows a kind of neuron:

- *cases*: the body is analysed for each outcome of its comparisons apart, and the results are
  joined (`batch.py`). A case that an element cannot reach does not count for it.
- *refinement*: what a case says of a comparison's operands is taken back through the body
  (constraint propagation: Benhamou et al., Revising hull and box consistency, 1999), so that
  `u - theta > 0` bounds u, and what is computed from u.
- *corners*: where a value depends on a variable more than once, plain intervals lose that it
  is the same variable. Where the slopes prove that it rises or falls with it, the value is
  computed at the ends of the variable instead, exactly (`corners.py`).
- *exact integers*: nothing is rounded or wrapped before the type says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.batch import Batch
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.straight import Straight, cone_of
from snncc.passes.ranges.union import BodyRanges, Finding, concatenated, united

__all__ = [
    "BodyRanges",
    "Finding",
    "Repeated",
    "Straight",
    "body_ranges",
    "cone_of",
    "evaluate",
]

MAX_SPLITS = 6
"""How many comparisons of one body are told apart: 2^6 cases at most."""

CHUNK = 1 << 13
"""How many elements are analysed at once: their cases stay in the cache."""


def body_ranges(
    straight: Straight,
    arguments: Mapping[SSAValue, Interval],
    *,
    given: Mapping[SSAValue, Interval] | None = None,
    splits: int = MAX_SPLITS,
) -> BodyRanges:
    """
    The ranges of every value from those of the block's arguments; with `given`, of those runs
    of the body alone in which some values lie in these intervals.

    All intervals broadcast to one shape [elements]; elements are independent of each other.
    """
    given = given or {}
    used = [*(arguments[a] for a in straight.arguments), *given.values()]
    count = _count(used)
    parts: list[BodyRanges] = []
    places = _chunks(count)
    with np.errstate(all="ignore"):
        for place in places:
            batch = Batch.whole(
                straight,
                {a: _part(arguments[a], place, count) for a in straight.arguments},
                place.stop - place.start,
                {value: _part(interval, place, count) for value, interval in given.items()},
            )
            while batch.split(splits):
                pass
            parts.append(united(batch, place.stop - place.start, None))
    if len(parts) == 1:
        return parts[0]
    return concatenated(parts, [place.stop - place.start for place in places])


class Repeated:
    """
    The ranges of some values of a body for ever other intervals of some arguments: what does
    not depend on those is computed once.
    """

    def __init__(
        self,
        straight: Straight,
        arguments: Mapping[SSAValue, Interval],
        wanted: Sequence[SSAValue],
    ):
        self.straight = straight
        self.arguments = arguments
        self.wanted = wanted
        self._fresh: dict[tuple[int, int, int], Batch] = {}

    def run(
        self, varying: Mapping[SSAValue, Interval], copies: int = 1
    ) -> dict[SSAValue, Interval]:
        """
        The wanted values. With `copies` the intervals that vary have that many rows of
        elements, one behind the other.
        """
        count = _count(varying.values())
        parts: list[BodyRanges] = []
        places = _chunks(count)
        with np.errstate(all="ignore"):
            for place in places:
                size = place.stop - place.start
                here = {a: _part(x, place, count) for a, x in varying.items()}
                key = copies, place.start, place.stop
                if key in self._fresh:
                    batch = self._fresh[key].again(here)
                else:
                    rest = {
                        a: _part(_copied(x, copies), place, count)
                        for a, x in self.arguments.items()
                        if a not in varying
                    }
                    batch = Batch.whole(self.straight, {**rest, **here}, size, {})
                    self._fresh[key] = batch.again({})
                while batch.split(MAX_SPLITS):
                    pass
                parts.append(united(batch, size, self.wanted))
        found = (
            parts[0]
            if len(parts) == 1
            else concatenated(parts, [place.stop - place.start for place in places])
        )
        return found.values


def _count(intervals: Iterable[Interval]) -> int:
    shapes = [end.shape for x in intervals for end in (x.low, x.high)]
    return int(np.prod(np.broadcast_shapes((1,), *shapes)))


def _chunks(count: int) -> list[slice]:
    return [slice(at, min(at + CHUNK, count)) for at in range(0, count, CHUNK)]


def _part(interval: Interval, place: slice, count: int) -> Interval:
    if place.stop - place.start == count:
        return interval
    return interval.map(lambda ends: ends if ends.size == 1 else ends[place])


def _copied(interval: Interval, copies: int) -> Interval:
    if copies == 1:
        return interval
    return interval.map(lambda ends: ends if ends.size == 1 else np.tile(ends, copies))


def evaluate(straight: Straight, arguments: Mapping[SSAValue, Array]) -> dict[SSAValue, Array]:
    """
    Every value of a body for known arguments [elements]: the arithmetic of the analysis at
    single points, which is that of the interpreter for integers.
    """
    known = {argument: iv.point(values) for argument, values in arguments.items()}
    with np.errstate(all="ignore"):
        for step in straight.instructions:
            args = step.read([known[operand] for operand in step.operands])
            exact = step.transfer(step.op, *args)
            known[step.result] = (
                exact if step.gives_unsigned else iv.fit(exact, step.result.type)[0]
            )
    return {value: interval.low for value, interval in known.items()}
