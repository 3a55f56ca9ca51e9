"""
Currents that only a fraction of an input would lead to.

`quiet.py` takes a path's first current as any number. But drives are whole numbers of a coarse
unit: behind the least current stands one of few, and a current between two of them came from
one that was above the least already, beside a membrane that was so too. Here the paths to a
current are followed backwards, input by input: the step to a current of at least c with the
input x comes from a current of at least the least i with D(i, x) >= c. Larger inputs than the
first that leads there from the least current say no more; smaller ones need larger currents
before, and soon so large ones that the membrane would have fired. Where every branch ends so, no
path leads to c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.ranges.intervals import Mask

MOST_ROWS = 1 << 13
"""So many open branches of all elements together at most; beyond nothing is refuted."""

DEEPEST = 40
"""How many steps paths are followed backwards."""

EACH = 8
"""So many inputs are looked at together, from the largest that matters on."""

MOST = 48
"""So many at most."""


@dataclass
class Body:
    """
    One step of two states. Arrays are [rows]; `drive` and `step` are asked for the steps of
    the elements that the rows are of, which are then taken many times.
    """

    drive: Callable[[Array], Callable[[Array, Array], Array]]
    """elements -> ((current, how far below the input that drives most) -> next current)."""
    step: Callable[[Array], Callable[[Array, Array, int], Array]]
    """elements -> ((membrane, next current, condition) -> next membrane)."""
    low: Array
    """[elements]: the least and the largest current."""
    high: Array
    least: Array
    """[elements]: the least membrane."""
    largest: Array
    """[elements]: the largest membrane that a quiet step leads to."""
    inputs: Array
    """[elements]: how many inputs there are but the one that drives most."""


@dataclass
class Start:
    """Where paths begin."""

    membrane: Array
    """[elements]: the least one."""
    most: Array
    """[elements]: the largest current of the first step."""
    condition: int
    """Whether the first step is the one that is not quiet."""
    longer: int
    """Only paths of more quiet steps than this."""


def largest_current(body: Body, starts: list[Start], known: Array, apart: Array) -> Array:
    """
    [elements]: the largest current that a quiet path ends at: `known`, or up to `apart` less
    where that is refuted. The next current and membrane fall with nothing but smaller inputs.
    """
    below, above = np.maximum(known - apart, body.low), known + 1
    some = (body.low < known) & (apart > 0)
    elements = np.flatnonzero(some)
    if elements.size:  # most are met as they are
        some[elements] = _refuted(body, starts, known[elements], elements)
        above = np.where(some, known, above)
    # what is above `above` is refuted; `below` is not looked at
    while True:
        elements = np.flatnonzero(some & (above - below > 1))
        if not elements.size:
            break
        middle = (below + above) >> 1
        gone = np.zeros(len(known), np.bool_)
        gone[elements] = _refuted(body, starts, middle[elements], elements)
        open_ = np.zeros(len(known), np.bool_)
        open_[elements] = True
        above = np.where(open_ & gone, middle, above)
        below = np.where(open_ & ~gone, middle, below)
    return np.asarray(above - 1)


def _refuted(body: Body, starts: list[Start], current: Array, elements: Array) -> Mask:
    """[rows]: whether no quiet path ends at a current of at least `current`."""
    open_: Mask = np.zeros(len(elements), np.bool_)
    row = np.arange(len(elements))
    path = current[:, None]  # the least currents of the steps, first to last
    less = np.zeros((len(current), 0), np.int64)  # the inputs between them
    for _ in range(DEEPEST):
        step = body.step(elements[row])
        open_[row[_is_begun(body, starts, step, path, elements[row])]] = True
        keep = ~open_[row]
        row, path, less = row[keep], path[keep], less[keep]
        if not row.size:
            return ~open_
        row, path, less, from_least = _before(body, starts, row, path, less, elements)
        open_[row[from_least]] = True  # these were seen to be quiet
        keep = ~open_[row]
        row, path, less = row[keep], path[keep], less[keep]
        if not row.size:
            return ~open_
        if len(row) > MOST_ROWS:
            break
    open_[row] = True
    return ~open_


def _before(
    body: Body, starts: list[Start], row: Array, path: Array, less: Array, elements: Array
) -> tuple[Array, Array, Array, Mask]:
    """
    (rows, paths, inputs, from the least current) one step longer: those that some path leads to.
    """
    e = elements[row]
    # the smallest input that leads there from the least current: `far` below the largest
    far, none = np.full(len(row), -1), body.inputs[e] + 1
    drive, low = body.drive(e), body.low[e]
    while (none - far > 1).any():
        middle = (far + none) >> 1
        enough = drive(low, np.maximum(middle, 0)) >= path[:, 0]
        moving = none - far > 1
        far = np.where(moving & enough, middle, far)
        none = np.where(moving & ~enough, middle, none)
    rows: list[Array] = []
    paths: list[Array] = []
    inputs: list[Array] = []
    leasts: list[Mask] = []
    alive = np.arange(len(row))
    for first in range(0, MOST, EACH):
        some = far[alive][:, None] + np.arange(first, first + EACH)
        there = (some >= 0) & (some <= body.inputs[e[alive]][:, None])
        at, column = np.nonzero(there)
        if not at.size:
            break
        places, by = alive[at], some[at, column]
        here, needed = e[places], path[places, 0]
        before = _least_current(body, needed, by, here)
        possible = before <= body.high[here]
        before = np.minimum(before, body.high[here])
        longer = np.concatenate([before[:, None], path[places]], axis=1)
        # without what rounding adds to the step, for that does not rise with the input
        goes_on = possible & _is_met(body, starts, longer, here)
        steps = np.concatenate([by[:, None], less[places]], axis=1)
        drive = body.drive(here)
        for step in range(steps.shape[1]):
            after = drive(longer[:, step], steps[:, step])
            longer[:, step + 1] = np.maximum(longer[:, step + 1], after)
        met = goes_on.copy()
        met[goes_on] = _is_met(body, starts, longer[goes_on], here[goes_on])
        rows.append(row[places[met]])
        paths.append(longer[met])
        inputs.append(steps[met])
        leasts.append((before <= body.low[here])[met])
        # smaller inputs need larger currents before
        alive = places[goes_on & (column == EACH - 1)]
        if not alive.size:
            break
    else:  # too many: as if all of them led there
        rows.append(row[alive])
        paths.append(np.concatenate([path[alive][:, :1], path[alive]], axis=1))
        inputs.append(np.concatenate([far[alive][:, None], less[alive]], axis=1))
        leasts.append(np.ones(len(alive), np.bool_))
    if not rows:
        nothing = np.zeros((0, path.shape[1]), np.int64)
        return row[:0], nothing, nothing, np.zeros(0, np.bool_)
    return (
        np.concatenate(rows),
        np.concatenate(paths),
        np.concatenate(inputs),
        np.concatenate(leasts),
    )


def _is_met(body: Body, starts: list[Start], path: Array, elements: Array) -> Mask:
    """
    [rows]: whether inputs that need not be whole lead to paths: from the currents of the
    steepest rise before them.
    """
    met: Mask = np.zeros(len(path), np.bool_)
    rows = np.arange(len(path))
    step = body.step(elements)
    # whether the path is quiet from the least membrane of all
    calm = _is_quiet(body, body.least, 0, step, path, elements)
    for _ in range(DEEPEST):
        here = elements[rows]
        found = (path[:, 0] <= body.low[here]) & calm
        found |= _is_begun(body, starts, step, path, here)
        met[rows[found]] = True
        rows, path = rows[~found], path[~found]
        if not rows.size:
            return met
        here = elements[rows]
        before = _least_current(body, path[:, 0], np.zeros(len(rows), np.int64), here)
        keep = before <= body.high[here]
        rows, here = rows[keep], here[keep]
        path = np.concatenate([before[keep][:, None], path[keep]], axis=1)
        if not rows.size:
            return met
        keep = _is_quiet(body, body.least, 0, body.step(here), path, here)
        rows, path, calm = rows[keep], path[keep], keep[keep]
        if not rows.size:
            return met
        step = body.step(elements[rows])
    met[rows] = True
    return met


def _least_current(body: Body, needed: Array, less: Array, elements: Array) -> Array:
    """[rows]: the least current that inputs lead on to `needed`; above the largest for none."""
    least, largest = body.low[elements], body.high[elements]
    low, high = least - 1, largest + 1
    drive = body.drive(elements)
    while (high - low > 1).any():
        middle = np.minimum(np.maximum((low + high) >> 1, least), largest)
        enough = drive(middle, less) >= needed
        moving = high - low > 1
        high = np.where(moving & enough, middle, high)
        low = np.where(moving & ~enough, middle, low)
    return high


def _is_begun(
    body: Body,
    starts: list[Start],
    step: Callable[[Array, Array, int], Array],
    path: Array,
    elements: Array,
) -> Mask:
    """[rows]: whether one of the starts leads to a path that is quiet."""
    found: Mask = np.zeros(len(path), np.bool_)
    for start in starts:
        if path.shape[1] <= start.longer:
            continue
        begun = path[:, 0] <= start.most[elements]
        if begun.any():
            quiet = _is_quiet(body, start.membrane, start.condition, step, path, elements)
            found |= begun & quiet
    return found


def _is_quiet(
    body: Body,
    membrane: Array,
    condition: int,
    step: Callable[[Array, Array, int], Array],
    path: Array,
    elements: Array,
) -> Mask:
    """Whether the least membranes of paths stay where nothing fires."""
    quiet: Mask = np.ones(len(path), np.bool_)
    value, bound = membrane[elements], body.largest[elements]
    for at in range(path.shape[1] if len(path) else 0):
        value = step(value, path[:, at], 0 if at else condition)
        quiet &= value <= bound
        if not quiet.any():
            break
        value = np.minimum(value, bound)
    return quiet
