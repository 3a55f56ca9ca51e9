"""
The largest current that a membrane which did not fire can have beside it.

Of two states, of which the second follows the first (the membrane of a CuBa neuron its
current), an interval for each takes every pair of values as possible: the largest current with
the largest membrane below threshold. But a membrane that takes in a large current fires before
the current is at its largest. How large it gets is found from the paths themselves:

Let i' = D(i, x) rise with i and v' = E(v, i') with both, as long as nothing fires. A path that
ends at the current c after n quiet steps has currents of at least c_n = c, c_(t-1) = the least
i with D(i, most) >= c_t, whatever its inputs are: the currents of the steepest rise to c. So its
membranes are at least those that E gives of these, from the least membrane that the path can
start from: that behind a spike, the initial one, or, where the steepest rise begins at the
least current, the least membrane of all. Where such a membrane is above the largest that does
not fire, no path ends at c. The least start that is too steep is found by bisection, for every
n, of all neurons at once; everything is computed by the body's own integers, and a rise is
followed from the current just below it, so that no rounding is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.straight_through import copy_forward, read_forward
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.batch import Batch
from snncc.passes.ranges.bodies import Straight, body_ranges, evaluate
from snncc.passes.ranges.corners import Corners
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.points import plain
from snncc.passes.ranges.whole import Body, Start, largest_current

EACH = 32
"""So many lengths of paths are looked at one by one; longer ones in groups."""

LONGEST = 256
"""Where the steepest path of all is quiet for longer, nothing is proved."""

APART = 12
"""So many steps behind a reset the pairs are told apart, for then few membranes are reached."""

UNITS = 2
"""So many inputs less are looked at where a path's inputs are taken as whole numbers."""

OUTCOMES = (np.zeros(1, np.int64), np.ones(1, np.int64))
"""What a comparison gives."""

CASTS = (arith.TruncIOp, arith.ExtSIOp)
"""What keeps a number that its type holds."""


@dataclass
class Quiet:
    """What is known of pairs of states: `current` is the first of them, `membrane` the second."""

    current: SSAValue
    membrane: SSAValue
    condition: SSAValue
    """The comparison that tells quiet steps (0) from others (1)."""
    largest: Array
    """[elements]: the largest membrane from which, or to which, a quiet step leads."""
    pairs: list[tuple[Array, Array]]
    """
    (membrane, current), each [elements]: a membrane of up to `largest` lies together with its
    current below one of these, except in the step behind one that was not quiet.
    """
    behind_spikes: bool
    """
    Whether the membranes behind a step that was not quiet are an exception: where the same
    step resets. Otherwise these are above `largest`, or like the others.
    """


def quiet(
    op: snn.NeuronOp,
    columns: Mapping[SSAValue, Interval],
    initial: Mapping[SSAValue, Interval],
    current: SSAValue,
    membrane: SSAValue,
) -> Quiet | None:
    """
    The largest current beside a quiet membrane, None for bodies of which nothing is proved:
    those with other than one comparison that the membrane depends on, without an order
    of both states, or with arithmetic that may wrap.

    `columns`: argument of the body -> interval [elements], closed under a step; `initial`:
    state -> its first value.
    """
    try:
        return _Paths(op, columns, initial, current, membrane).found()
    except _NotKnownError:
        return None


class _NotKnownError(Exception):
    """The body is not of the form that the proof needs."""


class _Part:
    """A value of a body as a function of some others, which are known."""

    def __init__(self, op: snn.NeuronOp, result: SSAValue, known: Sequence[SSAValue]):
        body = op.body.block
        sources = [*body.args, *(value for value in known if value not in body.args)]
        block = Block(arg_types=[value.type for value in sources])
        mapped: dict[SSAValue, SSAValue] = dict(zip(sources, block.args, strict=True))
        needed = _cone(result, known)
        self.reads = {v for o in needed for v in read_forward(o) if v in mapped}
        if result in mapped:
            self.reads.add(result)
        for inner in body.ops:
            if inner in needed:
                copy = copy_forward(inner, mapped)
                if copy is not None:
                    block.add_op(copy)
        self.result = mapped[result]
        block.add_op(snn.NextOp([self.result], []))
        self.block = block
        self.straight = Straight(block)
        self.argument = {source: mapped[source] for source in sources}
        self.order = [source for source in sources if source in self.reads]
        """What it reads, in the order in which `at` takes it."""
        self._plain = plain(
            self.straight, self.result, [self.argument[source] for source in self.order]
        )

    def at(self, values: Sequence[Array]) -> Array:
        """The result for known values of everything that it reads, where nothing wraps."""
        if self._plain is not None:
            return self._plain(values)
        nothing = np.zeros(1, np.int64)
        given = dict.fromkeys(self.argument.values(), nothing)
        for source, value in zip(self.order, values, strict=True):
            given[self.argument[source]] = value
        return evaluate(self.straight, given)[self.result]

    def of(
        self, known: Mapping[SSAValue, Array], elements: Array | slice, *varying: SSAValue
    ) -> Callable[..., Array]:
        """
        It as a function of some of what it reads, for some elements: `known` is all else,
        value -> [1] or [all elements].
        """
        values: list[Array] = []
        places: dict[SSAValue, int] = {}
        for source in self.order:
            if source in varying:
                places[source] = len(values)
                values.append(np.zeros(1, np.int64))
            else:
                values.append(known[source] if known[source].size == 1 else known[source][elements])
        at = [places.get(source, -1) for source in varying]

        def run(*arguments: Array) -> Array:
            given = values.copy()
            for place, argument in zip(at, arguments, strict=True):
                if place >= 0:
                    given[place] = argument
            return self.at(given)

        return run

    def slopes(self, intervals: Mapping[SSAValue, Interval]) -> dict[SSAValue, tuple[Array, Array]]:
        """What the result rises by with each value. Raises _NotKnownError where it may wrap."""
        nothing = iv.point(np.zeros(1, np.int64))
        given = {
            argument: intervals[source] if source in self.reads else nothing
            for source, argument in self.argument.items()
        }
        count = max(interval.low.size for interval in given.values())
        with np.errstate(all="ignore"):
            batch = Batch.whole(self.straight, given, count, {})
            if batch.wraps or batch.misreads or batch.is_distorted or batch.zero_divisors:
                raise _NotKnownError
            found = Corners(self.straight, batch.known).slopes(self.result)
        source_of = {argument: source for source, argument in self.argument.items()}
        return {source_of[variable]: slope for variable, slope in found.items()}


def _cone(result: SSAValue, known: Sequence[SSAValue]) -> set[Operation]:
    """The operations that give a value, from known ones on."""
    reached: set[Operation] = set()
    pending = [result]
    while pending:
        value = pending.pop()
        if value in known or not isinstance(value.owner, Operation) or value.owner in reached:
            continue
        reached.add(value.owner)
        pending.extend(read_forward(value.owner))
    return reached


def _compact(values: Array) -> Array:
    """One number where it is the same for all elements."""
    return values[:1] if values.size and (values == values[0]).all() else values


def _filled(values: Array, like: Array) -> Array:
    return values if values.shape == like.shape else np.broadcast_to(values, like.shape)


def _without_casts(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, CASTS) and iv.width_of(value.owner.input.type) > 1:
        value = value.owner.input
    return value


def _is_signed(interval: Interval, value: SSAValue) -> bool:
    """Whether numbers are kept as the signed ones that a state is."""
    return bool(iv.same(interval, iv.read_signed(interval, value.type)).all())


@dataclass
class _Family:
    """Paths that start alike."""

    least: Array
    """The least membrane that the first step starts from, [elements]."""
    largest: Array
    """The largest one."""
    most: Array
    """The largest current of the first step, [elements]."""
    condition: int
    """Whether the first step is the one that is not quiet."""


class _Paths:
    def __init__(
        self,
        op: snn.NeuronOp,
        columns: Mapping[SSAValue, Interval],
        initial: Mapping[SSAValue, Interval],
        current: SSAValue,
        membrane: SSAValue,
    ):
        if any(interval.is_float for interval in columns.values()):
            raise _NotKnownError
        shape = np.broadcast_shapes((1,), *(c.low.shape for c in columns.values()))
        self.count = int(np.prod(shape))
        self.columns = {value: column.broadcast(shape) for value, column in columns.items()}
        self.lows = {value: _compact(column.low) for value, column in self.columns.items()}
        self.initial = {value: x.broadcast(shape) for value, x in initial.items()}
        self.current, self.membrane = current, membrane
        states = list[SSAValue](port.argument for port in op.state_ports)
        following = dict(zip(states, op.terminator.states, strict=True))
        self.after_current = _without_casts(following[current])
        self.after = _without_casts(following[membrane])
        self.drive = _Part(op, self.after_current, [])
        open_ = [
            value
            for value in Straight(op.body.block, [self.after]).conditions
            if value.owner in _cone(self.after, [self.after_current])
        ]
        if len(open_) != 1 or self.after is self.after_current:
            raise _NotKnownError
        self.condition = open_[0]
        self.update = _Part(op, self.after, [self.after_current, self.condition])
        varying = [v for v, c in self.columns.items() if not c.is_point and v is not membrane]
        if any(v in self.update.reads for v in varying):
            raise _NotKnownError  # of the current before the step, or of the input itself
        self.straight = Straight(op.body.block)
        self.op = op

    # what the proof needs

    def found(self) -> Quiet:
        steps = [
            body_ranges(
                self.straight, self.columns, given={self.condition: iv.point(np.array([outcome]))}
            )
            for outcome in (0, 1)
        ]
        calm, other = steps
        if any(step.wraps or step.misreads or step.zero_divisors for step in steps):
            raise _NotKnownError
        for value in (self.after, self.after_current):
            if not all(_is_signed(step.values[value], value) for step in steps):
                raise _NotKnownError
        possible = np.broadcast_to(calm.possible & other.possible, (self.count,))
        self.low, self.high = (self._ends(self.columns[self.current], side) for side in (0, 1))
        from_, to = calm.values[self.membrane], calm.values[self.after]
        largest = np.minimum(self._ends(from_, 1), self._ends(to, 1))
        span = Interval(np.minimum(self._ends(self.columns[self.membrane], 0), largest), largest)
        rises = self._rises(span, 0) & possible
        self.steepest, known = self._steepest()
        self.driving = {value: _compact(ends) for value, ends in self.steepest.items()}
        # paths are followed from the current just below the least, which its type has to hold
        rises &= known & (self.low > iv.type_limits(self.current.type)[0])
        # the least membrane behind a spike, or the least step that the reset is seen in
        next_step = self.after_current not in self._condition_reads() and self._follows(1)
        if next_step:
            above = Interval(*(self._ends(other.values[self.membrane], side) for side in (0, 1)))
            rises &= self._rises(above, 1)
            behind = _Family(above.low, above.high, self.high, 1)
        else:
            reset = other.values[self.after]
            behind = _Family(self._ends(reset, 0), self._ends(reset, 1), self.high, 0)
        span = self.columns[self.membrane]
        least = self._ends(span, 0)
        families = [behind, _Family(least, self._ends(span, 1), self._next(self.low), 0)]
        begins = self.initial[self.membrane], self.initial[self.current]
        if (begins[0].low != behind.least).any() or next_step:
            families.append(_Family(begins[0].low, begins[0].high, self._next(begins[1].high), 0))
        pairs, rest = self._behind(behind, largest, rises)
        rest = np.maximum(rest, begins[1].high)
        for family in families[1:]:
            lengths, longer = self._reached(family, largest, rises)
            rest = np.maximum(rest, np.maximum(lengths.max(0), longer))
        rest = np.where(rises, np.minimum(rest, self.high), self.high)
        starts = [
            Start(f.least, f.most, f.condition, len(pairs) if f is behind else 0)
            for f in (behind, *families[2:])
        ]
        rest = np.maximum(
            self._of_whole_inputs(starts, least, largest, rest, rises), begins[1].high
        )
        pairs.append((largest, np.minimum(rest, self.high)))
        if not (pairs[-1][1] < self.high).any():
            raise _NotKnownError
        return Quiet(self.current, self.membrane, self.condition, largest, pairs, not next_step)

    def _ends(self, interval: Interval, side: int) -> Array:
        return np.broadcast_to((interval.low, interval.high)[side], (self.count,))

    def _condition_reads(self) -> set[SSAValue]:
        needed = _cone(self.condition, [self.after_current])
        return {v for o in needed for v in read_forward(o)}

    def _box(self, membrane: Interval, outcome: int) -> dict[SSAValue, Interval]:
        return {
            **self.columns,
            self.membrane: membrane,
            self.after_current: Interval(self.low, self.high),
            self.condition: iv.point(np.full(self.count, outcome)),
        }

    def _rises(self, membrane: Interval, outcome: int) -> Mask:
        """Where the membrane after a step falls with neither the one before nor the current."""
        slopes = self.update.slopes(self._box(membrane, outcome))
        if not slopes.keys() <= {self.membrane, self.after_current}:
            raise _NotKnownError
        fine: Mask = np.ones(self.count, np.bool_)
        for low, _ in slopes.values():
            fine = fine & (low >= 0)
        return fine

    def _follows(self, outcome: int) -> bool:
        """Whether the membrane after a step depends on the current at all."""
        slopes = self.update.slopes(self._box(self.columns[self.membrane], outcome))
        return self.after_current in slopes

    def _steepest(self) -> tuple[dict[SSAValue, Array], Mask]:
        """The inputs that give the largest currents, and where there are such."""
        slopes = self.drive.slopes(self.columns)
        fine: Mask = np.ones(self.count, np.bool_)
        inputs = {value: self._ends(column, 1) for value, column in self.columns.items()}
        for variable, (low, high) in slopes.items():
            if variable is self.current:
                fine = fine & (low >= 0)
                continue
            if variable is self.membrane:
                raise _NotKnownError
            fine = fine & ((low >= 0) | (high <= 0))
            ends = self.columns[variable]
            inputs[variable] = np.where(low >= 0, ends.high, ends.low)
        return inputs, fine

    # paths

    def _next(self, current: Array, elements: Array | slice = slice(None)) -> Array:
        """The largest current after another, [rows]."""
        after = self.drive.of(self.driving, elements, self.current)(current)
        return np.minimum(_filled(after, current), self.high[elements])

    def _of_whole_inputs(
        self, starts: list[Start], least: Array, largest: Array, known: Array, rises: Mask
    ) -> Array:
        """The largest current at the end of a path whose inputs are whole numbers."""
        varying = [v for v, c in self.columns.items() if not c.is_point and v in self.drive.reads]
        inputs = [v for v in varying if v is not self.current]
        if len(inputs) != 1:
            return known
        (x,) = inputs
        column, most = self.columns[x], self.steepest[x]
        way = np.where(most == column.low, 1, -1)

        def drive(elements: Array) -> Callable[[Array, Array], Array]:
            run = self.drive.of(self.driving, elements, self.current, x)
            end, sign = most[elements], way[elements]
            return lambda current, less: _filled(run(current, end + sign * less), current)

        count = column.high - column.low
        first = drive(np.arange(self.count))
        unit = first(self.high, np.zeros(self.count, np.int64))
        unit = unit - first(self.high, np.minimum(count, 1))
        body = Body(drive, self._step, self.low, self.high, least, largest, count)
        return largest_current(body, starts, known, np.where(rises, UNITS * unit, 0))

    def _step(self, elements: Array | slice) -> Callable[[Array, Array, int], Array]:
        """(membrane, new current, outcome) -> the next membrane, all [rows]."""
        run = self.update.of(self.lows, elements, self.membrane, self.after_current, self.condition)
        high = self.high[elements]

        def step(membrane: Array, current: Array, outcome: int) -> Array:
            after = run(membrane, np.minimum(current, high), OUTCOMES[outcome])
            return _filled(after, current)

        return step

    def _too_steep(
        self, family: _Family, start: Array, elements: Array, largest: Array, lengths: Array
    ) -> Array:
        """
        [rows]: the step at which a path whose first current is above `start` is not quiet any
        more, 0 where it is quiet for `lengths` steps.
        """
        bounds = largest[elements]
        found = np.zeros(len(start), np.int64)
        current = start
        membrane = self._step(elements)(family.least[elements], current + 1, family.condition)
        rows = np.arange(len(start))
        for step in range(1, int(lengths.max(initial=0)) + 1):
            loud = membrane > bounds[rows]
            found[rows[loud]] = step
            keep = ~loud & (lengths[rows] > step)
            rows, current, membrane = rows[keep], current[keep], membrane[keep]
            if not rows.size:
                break
            here = elements[rows]
            current = self._next(current, here)
            membrane = self._step(here)(membrane, current + 1, 0)
        return found

    def _behind(
        self, family: _Family, largest: Array, rises: Mask
    ) -> tuple[list[tuple[Array, Array]], Array]:
        """The largest (membrane, current) of each of the first steps, and the current later."""
        lengths, rest = self._reached(family, largest, rises)
        pairs: list[tuple[Array, Array]] = []
        membrane, outcome = family.largest, family.condition
        step = self._step(slice(None))
        for current in lengths:
            membrane = step(membrane, self.high, outcome)
            membrane, outcome = np.minimum(membrane, largest), 0
            pairs.append((np.where(rises, membrane, largest), current))
        # where nothing bounds the membrane any more, the later steps need no other pair
        while pairs and (pairs[-1][0] >= largest).all():
            rest = np.maximum(rest, pairs.pop()[1])
        return pairs, rest

    def _reached(self, family: _Family, largest: Array, rises: Mask) -> tuple[Array, Array]:
        """
        The largest currents that the quiet paths of a family end at, of `APART` lengths
        ([lengths, elements]) and of all that are longer.
        """
        rest = np.where(rises, self.low, self.high)
        lengths = np.tile(rest, (APART, 1))
        elements = np.flatnonzero(rises)
        if not elements.size:
            return lengths, rest
        start = self.low[elements] - 1
        longest = np.full(len(elements), LONGEST)
        ends = self._too_steep(family, start, elements, largest, longest)
        rest[elements[ends == 0]] = self.high[elements[ends == 0]]
        ends = np.where(ends == 0, APART + 1, ends)
        groups = np.array(_groups(int(ends.max()) - 1), np.int64).reshape(-1, 2)
        which, group = np.nonzero(ends[:, None] > groups[:, 0])
        rows, first, last = elements[which], groups[group, 0], groups[group, 1]
        # the least start that is too steep: `below` is not, `above` is
        below, above = self.low[rows] - 1, family.most[rows]
        while (above - below > 1).any():
            middle = (below + above) >> 1
            bad = self._too_steep(family, middle, rows, largest, first) > 0
            below, above = np.where(bad, below, middle), np.where(bad, middle, above)
        current = above
        for step in range(1, int(last.max(initial=1))):
            current = np.where(last > step, self._next(current, rows), current)
        short = last <= APART
        lengths[last[short] - 1, rows[short]] = current[short]
        np.maximum.at(rest, rows[~short], current[~short])
        return lengths, rest


def _groups(most: int) -> list[tuple[int, int]]:
    """The lengths from 1 to `most`, in groups (first, last)."""
    groups: list[tuple[int, int]] = []
    first = 1
    while first <= most:
        last = first if first <= EACH else min(most, first + first // 4)
        groups.append((first, last))
        first = last + 1
    return groups
