"""
States that depend on each other through time, cell by cell.

An interval for each state takes every pair of values as possible: the largest current of a
CuBa neuron with the largest membrane that did not fire, which no input gives. Here the range of
the first state is cut into cells, and each cell has intervals of the other states of its own.
They start as wide as they were proved and are narrowed: a step from every cell into every cell
that it reaches says what the other states may be there. What a round leaves is closed under a
step as what it started from was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.bodies import BodyRanges, Finding, Straight, body_ranges
from snncc.passes.ranges.intervals import Interval, Mask

ROUNDS = 100
"""How often the cells are narrowed at most: slow leaks take long to forget."""


class Cells:
    """
    The cells of a population's elements, in one row: those of the first element, then those of
    the second, ...

    `columns`: argument of the body -> interval [elements], of states closed under a step;
    `initial`: state -> its first value. The state `first`, of integers, does not depend on the
    `others`.
    """

    def __init__(
        self,
        op: snn.NeuronOp,
        columns: Mapping[SSAValue, Interval],
        initial: Mapping[SSAValue, Interval],
        first: SSAValue,
        others: Sequence[SSAValue],
        cells: int,
    ):
        self.straight = Straight(op.body.block)
        states = list[SSAValue](port.argument for port in op.state_ports)
        following = dict(zip(states, op.terminator.states, strict=True))
        self.first, self.next_first = first, following[first]
        self.others = {other: following[other] for other in others}
        shape = np.broadcast_shapes((1,), *(c.low.shape for c in columns.values()))
        columns = {value: column.broadcast(shape) for value, column in columns.items()}
        span = columns[first]
        self.low, self.size = span.low, span.high - span.low + 1
        self.width = -(-self.size // cells)
        counts = -(-self.size // self.width)
        self.start = np.cumsum(counts) - counts
        self.element = np.repeat(np.arange(len(counts)), counts)
        """The element that a cell is of."""
        e = self.element
        number = np.arange(len(e)) - self.start[e]
        low = span.low[e] + number * self.width[e]
        self.cell = Interval(low, np.minimum(low + self.width[e] - 1, span.high[e]))
        self.arguments = {v: column.map(lambda ends: ends[e]) for v, column in columns.items()}
        self.arguments[first] = self.cell
        begins = {v: x.broadcast(shape).map(lambda ends: ends[e]) for v, x in initial.items()}
        self.begins: Mask = (begins[first].low <= self.cell.high) & (
            begins[first].high >= self.cell.low
        )
        """The cells that hold the first value."""
        self.initial = {other: begins[other] for other in self.others}
        self.known = {other: self.arguments[other] for other in self.others}
        self.reached: Mask = np.ones(len(e), np.bool_)

    def run(self) -> BodyRanges:
        """The ranges of every value of the body, [elements]."""
        source, target = self._pairs()
        for _ in range(ROUNDS):
            if not self._narrow(source, target):
                break
            inside = self.reached[source]
            source, target = source[inside], target[inside]
        return self._joined()

    def _pairs(self) -> tuple[Array, Array]:
        """(source, target): all cells that a step may lead from and to."""
        body = body_ranges(self.straight, self.arguments)
        after = iv.read_signed(body.values[self.next_first], self.first.type)
        after = after.broadcast(self.element.shape)
        e = self.element
        least = (np.maximum(after.low, self.low[e]) - self.low[e]) // self.width[e]
        most = np.minimum(after.high, self.low[e] + self.size[e] - 1) - self.low[e]
        counts = np.maximum(most // self.width[e] - least + 1, 0)
        source = np.repeat(np.arange(len(e)), counts)
        place = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
        return source, self.start[e[source]] + least[source] + place

    def _narrow(self, source: Array, target: Array) -> bool:
        """One round; whether it changed a cell."""
        arguments = {v: x.map(lambda ends: ends[source]) for v, x in self.arguments.items()}
        for other, known in self.known.items():
            arguments[other] = known.map(lambda ends: ends[source])
        into = self.cell.map(lambda ends: ends[target])
        body = body_ranges(self.straight, arguments, given={self.next_first: into})
        possible = np.broadcast_to(body.possible, source.shape)
        reached = self.begins.copy()
        reached[target[possible]] = True
        changed = bool((reached != self.reached).any())
        self.reached = reached
        for other, following in self.others.items():
            after = iv.read_signed(body.values[following], other.type).broadcast(source.shape)
            initial, before = self.initial[other], self.known[other]
            # a cell that nothing reaches keeps what it had: it takes no part any more
            low = np.where(self.begins, initial.low, np.where(reached, before.high, before.low))
            high = np.where(self.begins, initial.high, np.where(reached, before.low, before.high))
            np.minimum.at(low, target[possible], after.low[possible])
            np.maximum.at(high, target[possible], after.high[possible])
            found = Interval(np.maximum(low, before.low), np.minimum(high, before.high))
            changed = changed or not iv.same(found, before).all()
            self.known[other] = found
        return changed

    def _joined(self) -> BodyRanges:
        inside = np.flatnonzero(self.reached)
        element, count = self.element[inside], len(self.low)
        arguments = {
            value: interval.map(lambda ends: ends[inside])
            for value, interval in (self.arguments | self.known).items()
        }
        body = body_ranges(self.straight, arguments)

        def join(interval: Interval) -> Interval:
            full = interval.broadcast(element.shape)
            first = np.flatnonzero(np.diff(element, prepend=-1))
            return Interval(
                np.minimum.reduceat(full.low, first), np.maximum.reduceat(full.high, first)
            )

        def findings(found: Mapping[Operation, Finding]) -> dict[Operation, Finding]:
            joined: dict[Operation, Finding] = {}
            for op, finding in found.items():
                where = np.zeros(count, np.bool_)
                where[element[np.broadcast_to(finding.elements, element.shape)]] = True
                joined[op] = Finding(finding.low, finding.high, where)
            return joined

        return BodyRanges(
            {value: join(interval) for value, interval in body.values.items()},
            findings(body.wraps),
            findings(body.misreads),
            findings(body.zero_divisors),
            body.cases,
            np.ones(count, np.bool_),
        )
