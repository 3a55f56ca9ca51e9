"""
The cases of all elements of a population at once: rows, each one combination of outcomes for
one element.

Where a comparison is open in a row, the row becomes two: one for each outcome. All rows take
their next comparison in the same round, so that there are as many rounds as comparisons in a
row, not as there are cases. A round takes what the outcomes say back through the body, and
computes again what depends on anything that this made narrower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.corners import Corners
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.straight import Instruction, Straight, gathered
from snncc.passes.ranges.transfer import gives_unsigned

Found = dict[Operation, tuple[Interval, Mask]]
"""Operation -> the exact interval, and the rows in which it is not what the operation gives."""


class Batch:
    """Rows with the intervals that hold in them. Ends are [rows], or [1] where all are alike."""

    def __init__(self, straight: Straight, rows: int):
        self.straight = straight
        self.rows = rows
        self.element: Array | None = None
        """The element that each row is of; None: its own number."""
        self.alive: Mask = np.ones(rows, np.bool_)
        """The rows that may be."""
        self.depth: Array = np.zeros(rows, np.int64)
        """How many comparisons were told apart."""
        self.known: dict[SSAValue, Interval] = {}
        self.wraps: Found = {}
        self.misreads: Found = {}
        self.zero_divisors: Found = {}
        self._distorted: dict[SSAValue, Mask] = {}
        count = len(straight.instructions)
        self._stale = [step.result not in straight.constants for step in straight.instructions]
        """The instructions that may give something else than when they were last computed."""
        self._pending = [True] * count
        """The instructions that may say more of their operands than when they last did."""

    @staticmethod
    def whole(
        straight: Straight,
        arguments: Mapping[SSAValue, Interval],
        rows: int,
        given: Mapping[SSAValue, Interval],
    ) -> Batch:
        """Every outcome, in one row for each element."""
        batch = Batch(straight, rows)
        batch.known.update(straight.constants)
        batch.known.update((a, _flat(arguments[a], rows)) for a in straight.arguments)
        batch._forward()
        for value, interval in given.items():
            batch._narrow(value, _as_kept(_flat(interval, rows), batch.known[value], value.type))
        if given and batch.alive.any():
            batch._backward()
            batch._forward()
        return batch

    def again(self, arguments: Mapping[SSAValue, Interval]) -> Batch:
        """The same with other intervals of some arguments; `self` is fresh from `whole`."""
        batch = Batch(self.straight, self.rows)
        dependent = self.straight.dependents(arguments)
        outdated = {
            step.result
            for step, depends in zip(self.straight.instructions, dependent, strict=True)
            if depends
        }
        batch.known = {v: known for v, known in self.known.items() if v not in outdated}
        batch.known.update((a, _flat(interval, self.rows)) for a, interval in arguments.items())
        batch._distorted = {v: m for v, m in self._distorted.items() if v not in outdated}
        for found, old in zip(batch._findings(), self._findings(), strict=True):
            found.update((op, x) for op, x in old.items() if op.results[0] not in outdated)
        batch._stale = list(dependent)
        batch._forward()
        return batch

    def _findings(self) -> tuple[Found, Found, Found]:
        return self.wraps, self.misreads, self.zero_divisors

    # cases

    def split(self, most: int) -> bool:
        """Two rows for each that has an open comparison, and what that says; whether any has."""
        straight = self.straight
        choice = np.full(self.rows, -1)
        for index, condition in reversed(list(enumerate(straight.conditions))):
            known = self.known[condition]
            if not known.is_point:
                choice[np.broadcast_to(known.low != known.high, choice.shape)] = index
        choice[(self.depth >= most) | ~self.alive] = -1
        open_ = np.flatnonzero(choice >= 0)
        if not open_.size:
            return False
        closed = np.flatnonzero((choice < 0) & self.alive)
        choice = choice[open_]
        self._take(np.concatenate([closed, open_, open_]))
        self.depth[len(closed) :] += 1
        outcome = np.repeat(np.array([0, 1]), len(open_))
        for index in np.unique(choice):
            chosen = np.tile(choice == index, 2)
            places = len(closed) + np.flatnonzero(chosen)
            known = self.known[straight.conditions[index]].broadcast((self.rows,))
            low, high = known.low.copy(), known.high.copy()
            low[places] = high[places] = outcome[chosen]
            self._changed(straight.conditions[index], Interval(low, high))
        self._backward()
        if self.alive.any():
            self._forward()
        return True

    def _take(self, rows: Array) -> None:
        """The batch of some of its rows; a row may come more than once."""

        def masked(mask: Mask) -> Mask:
            return mask if mask.size == 1 else mask[rows]

        self.known = {value: gathered(known, rows) for value, known in self.known.items()}
        self._distorted = {value: masked(mask) for value, mask in self._distorted.items()}
        self.wraps, self.misreads, self.zero_divisors = (
            {op: (gathered(exact, rows), masked(where)) for op, (exact, where) in found.items()}
            for found in self._findings()
        )
        self.element = rows if self.element is None else self.element[rows]
        self.alive, self.depth = self.alive[rows], self.depth[rows]
        self.rows = len(rows)

    def settle(self) -> None:
        """Without the rows that cannot be."""
        if not self.alive.all():
            self._take(np.flatnonzero(self.alive))

    @property
    def is_distorted(self) -> bool:
        """Whether some value may not be what its expression says in unbounded integers."""
        return bool(self._distorted)

    @property
    def cases(self) -> int:
        """How many combinations of outcomes there are."""
        code: Array = np.zeros(1, np.int64)
        for condition in self.straight.conditions:
            known = self.known[condition]
            code = code * 3 + known.low + known.high
        return len(np.unique(code))

    # narrower

    def _narrow(self, value: SSAValue, interval: Interval) -> None:
        """What else is known of a value; rows in which it cannot be are not alive."""
        before = self.known[value]
        found = self._meet(before, interval)
        if found is not before:
            self._changed(value, found)

    def _meet(self, before: Interval, other: Interval) -> Interval:
        """What both hold: `before` itself where that is no less, or nothing at all."""
        narrower = (other.low > before.low) | (other.high < before.high)
        if not narrower.any():
            return before
        low, high = np.maximum(before.low, other.low), np.minimum(before.high, other.high)
        empty = low > high
        if empty.any():
            self.alive = self.alive & ~empty
            low, high = np.where(empty, before.low, low), np.where(empty, before.high, high)
        return iv.settle(Interval(low, high))

    def _changed(self, value: SSAValue, interval: Interval) -> None:
        self.known[value] = interval
        self._affected(value)
        for index in self.straight.touching.get(value, ()):
            self._pending[index] = True

    def _affected(self, value: SSAValue) -> None:
        for index in self.straight.affects.get(value, ()):
            self._stale[index] = True

    # forward

    def _forward(self) -> None:
        corners: Corners | None = None
        stale = self._stale
        for index, instruction in enumerate(self.straight.instructions):
            if not stale[index]:
                continue
            stale[index] = False
            if instruction.joins and corners is None:
                corners = Corners(self.straight, self.known)
            self._evaluate(instruction, corners)

    def _evaluate(self, instruction: Instruction, corners: Corners | None) -> None:
        op, result, known = instruction.op, instruction.result, self.known
        raw = [known[operand] for operand in instruction.operands]
        args = instruction.read(raw)
        exact = instruction.transfer(op, *args)
        distorted = self._distortion(instruction, raw, args)
        found = exact
        if instruction.gives_unsigned:
            found = iv.settle(exact)
        elif not instruction.is_float:
            found, wrapped = iv.fit(exact, result.type)
            self.wraps.pop(op, None)
            if found is not exact and wrapped.any():
                self.wraps[op] = exact, wrapped
                distorted = wrapped if distorted is None else distorted | wrapped
        if distorted is not None or result in self._distorted:
            self._distort(result, distorted)
        before = known.get(result)
        known[result] = found if before is None else self._meet(before, found)
        if corners is not None and instruction.joins:
            corner = corners.of(instruction)
            if corner is not None:
                if distorted is not None:
                    corner = Interval(
                        np.where(distorted, found.low, corner.low),
                        np.where(distorted, found.high, corner.high),
                    )
                known[result] = self._meet(known[result], corner)
        if known[result] is not before:
            self._changed(result, known[result])

    def _distort(self, value: SSAValue, distorted: Mask | None) -> None:
        """Notes where a value may not be what its expression says."""
        before = self._distorted.get(value)
        if distorted is None:
            del self._distorted[value]
        else:
            self._distorted[value] = distorted
            if before is not None and np.array_equal(before, distorted):
                return
        self._affected(value)

    def _distortion(
        self, instruction: Instruction, raw: Sequence[Interval], args: Sequence[Interval]
    ) -> Mask | None:
        """Where a value may not be what its expression says in unbounded integers."""
        op = instruction.op
        distorted: Mask | None = None
        for operand in instruction.operands if self._distorted else ():
            inherited = self._distorted.get(operand)
            if inherited is not None:
                distorted = inherited if distorted is None else distorted | inherited
        if instruction.reads:
            self.misreads.pop(op, None)
            for operand, before, after in zip(instruction.operands, raw, args, strict=True):
                if before is after:
                    continue
                differs = ~iv.same(before, after)
                if differs.any():
                    distorted = differs if distorted is None else distorted | differs
                    if not isinstance(operand.owner, Operation) or gives_unsigned(operand.owner):
                        self._note_misread(op, before, differs)
        if instruction.divides:
            self.zero_divisors.pop(op, None)
            zero = np.asarray((args[1].low <= 0) & (args[1].high >= 0))
            if zero.any():
                self.zero_divisors[op] = args[1], zero
        return distorted

    def _note_misread(self, op: Operation, before: Interval, differs: Mask) -> None:
        # a number that is not negative as it is kept: a count whose top bit is read as a sign
        too_large = differs & (before.low >= 0)
        if too_large.any():
            self.misreads[op] = before, too_large

    # backward

    def _backward(self) -> None:
        pending = self._pending
        for index in range(len(pending) - 1, -1, -1):
            if pending[index]:
                pending[index] = False
                self._refine(self.straight.instructions[index])

    def _refine(self, instruction: Instruction) -> None:
        if instruction.refinement is None:
            return
        op, operands, known = instruction.op, instruction.operands, self.known
        raw = [known[operand] for operand in operands]
        if all(interval.is_point for interval in raw):
            return
        args = instruction.read(raw)
        refined = instruction.refinement(op, known[instruction.result], *args)
        wrapped = self.wraps.get(op)
        for operand, before, after, part in zip(operands, raw, args, refined, strict=False):
            if part is None or before.is_point:
                continue
            better = (part.low > before.low) | (part.high < before.high)
            if wrapped is not None:
                better = better & ~wrapped[1]
            if before is not after:
                better = better & iv.same(before, after)
            if not better.any():
                continue
            if not better.all():
                part = Interval(
                    np.where(better, part.low, before.low),
                    np.where(better, part.high, before.high),
                )
            # the same value may stand on both sides: what is known of it by now
            self._narrow(operand, part)


def _as_kept(signed: Interval, kept: Interval, type: Attribute) -> Interval:
    """
    Signed numbers as a value is kept: one that is kept as an unsigned number (a count, a
    logical shift) has other numbers for the same bits.
    """
    if kept.is_float:
        return signed
    read = iv.read_signed(kept, type)
    if read is kept:
        return signed
    alike = iv.same(read, kept)
    unsigned = iv.read_unsigned(signed, type)
    known = kept.low >= 0  # numbers that are neither reading say nothing
    return Interval(
        np.where(alike, signed.low, np.where(known, unsigned.low, kept.low)),
        np.where(alike, signed.high, np.where(known, unsigned.high, kept.high)),
    )


def _flat(interval: Interval, rows: int) -> Interval:
    """Ends as [rows] or [1]."""
    if interval.low.ndim == interval.high.ndim == 1:
        return interval
    return interval.map(lambda ends: np.broadcast_to(ends, (rows,)) if ends.ndim else ends[None])
