"""
The ranges of one body: straight scalar arithmetic, for all elements of a population at once.

Four things keep the intervals tight, none of which knows a kind of neuron:

- *cases*: the body is analysed for each outcome of its comparisons apart, and the results are
  joined. A case that an element cannot reach does not count for it.
- *refinement*: what a case says of a comparison's operands is taken back through the body
  (constraint propagation: Benhamou et al., Revising hull and box consistency, 1999), so that
  `u - theta > 0` bounds u, and what is computed from u.
- *corners*: where a value depends on a variable more than once, plain intervals lose that it
  is the same variable. Where the slopes prove that it rises or falls with it, the value is
  computed at the ends of the variable instead, exactly.
- *exact integers*: nothing is rounded or wrapped before the type says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.backward import Refined, refinement_of
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.slopes import UNIT, Slopes, slopes_of
from snncc.passes.ranges.transfer import (
    Reading,
    gives_unsigned,
    is_condition,
    reading,
    transfer_of,
)

MAX_SPLITS = 6
"""How many comparisons of one body are told apart: 2^6 cases at most."""


@dataclass
class Finding:
    """Where an operation does not give the integer that its operands say."""

    low: Any
    """The exact result, of all elements concerned."""
    high: Any
    elements: Mask
    """Which elements, of the shape that was analysed."""


@dataclass
class BodyRanges:
    """What is proved of one body."""

    values: dict[SSAValue, Interval]
    """Every scalar, arguments included; a count is an unsigned number."""
    wraps: dict[Operation, Finding]
    """Results that leave their type."""
    misreads: dict[Operation, Finding]
    """Operands that are read as signed and do not fit (a count of 200 in `i8`)."""
    zero_divisors: dict[Operation, Finding]
    cases: int
    """How many cases were told apart."""
    possible: Mask
    """The elements that some case is for: all of them, unless results were given."""


class Instruction:
    """An operation with the rules for it looked up."""

    def __init__(self, op: Operation):
        self.op = op
        self.result = op.results[0]
        self.operands = tuple(op.operands)
        self.transfer: Callable[..., Interval] = transfer_of(op)
        self.refinement: Callable[..., Refined] | None = refinement_of(op)
        self.readings: tuple[Reading | None, ...] = tuple(
            reading(op, index) for index in range(len(self.operands))
        )
        self.reads = any(reading is not None for reading in self.readings)
        self.gives_unsigned = gives_unsigned(op)
        self.divides = isinstance(op, arith.DivSIOp)

    def read(self, raw: Sequence[Interval]) -> Sequence[Interval]:
        """Operands as the operation reads them."""
        if not self.reads:
            return raw
        return [
            interval if how is None else how(interval, operand.type)
            for interval, how, operand in zip(raw, self.readings, self.operands, strict=True)
        ]


class Straight:
    """A block of scalar operations, or what some of its values need of it."""

    def __init__(self, block: Block, needed: Sequence[SSAValue] | None = None):
        terminator = block.last_op
        operations = [op for op in block.ops if op is not terminator]
        if needed is not None:
            cone = cone_of(needed)
            operations = [op for op in operations if op in cone]
        self.arguments = tuple(block.args)
        self.instructions = [Instruction(op) for op in operations]
        self.conditions = [i.result for i in self.instructions if is_condition(i.result)]
        self._cones: dict[SSAValue, list[Instruction]] = {}

    def cone(self, value: SSAValue) -> list[Instruction]:
        """What a value is computed from, in order."""
        if value not in self._cones:
            reached = cone_of([value])
            self._cones[value] = [i for i in self.instructions if i.op in reached]
        return self._cones[value]


def cone_of(values: Sequence[SSAValue]) -> set[Operation]:
    """The operations that some values depend on."""
    reached: set[Operation] = set()
    pending = list(values)
    while pending:
        owner = pending.pop().owner
        if isinstance(owner, Operation) and owner not in reached:
            reached.add(owner)
            pending.extend(owner.operands)
    return reached


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
    union = _Union()
    with np.errstate(all="ignore"):
        pending = [_Case.whole(straight, arguments, given or {})]
        while pending:
            case = pending.pop()
            if not case.alive.any():
                continue
            open_ = next((c for c in straight.conditions if case.is_open(c)), None)
            if open_ is None or len(case.outcome) >= splits:
                union.add(case)
                continue
            pending += [case.where(open_, outcome) for outcome in (0, 1)]
    return union.result()


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


OUTCOMES = tuple(iv.point(np.array([outcome])) for outcome in (0, 1))


class _Case:
    """One combination of outcomes: intervals that hold where it is taken."""

    def __init__(
        self,
        straight: Straight,
        known: dict[SSAValue, Interval],
        outcome: Mapping[SSAValue, int],
        alive: Mask,
    ):
        self.straight = straight
        self.known = known
        self.outcome = outcome
        self.alive = alive
        """The elements that this case may be for."""
        self.wraps: dict[Operation, tuple[Interval, Mask]] = {}
        self.misreads: dict[Operation, tuple[Interval, Mask]] = {}
        self.zero_divisors: dict[Operation, tuple[Interval, Mask]] = {}
        self._slopes: dict[SSAValue, Slopes] = {}
        self._distorted: dict[SSAValue, Mask] = {}

    @staticmethod
    def whole(
        straight: Straight,
        arguments: Mapping[SSAValue, Interval],
        given: Mapping[SSAValue, Interval],
    ) -> _Case:
        """Every outcome."""
        known: dict[SSAValue, Interval] = {a: arguments[a] for a in straight.arguments}
        shape = np.broadcast_shapes((1,), *(x.low.shape for x in known.values()))
        case = _Case(straight, known, {}, np.ones(shape, np.bool_))
        case._forward()
        for value, interval in given.items():
            case.known[value] = case._meet(case.known[value], interval)
        if given and case.alive.any():
            case._backward()
            case._forward()
        return case

    def where(self, condition: SSAValue, outcome: int) -> _Case:
        """This case where a condition comes out as 0 or 1."""
        case = _Case(
            self.straight, dict(self.known), {**self.outcome, condition: outcome}, self.alive
        )
        case.wraps = self.wraps
        case.known[condition] = case._meet(self.known[condition], OUTCOMES[outcome])
        if case.alive.any():
            case._backward()
            case._forward()
        return case

    def is_open(self, condition: SSAValue) -> bool:
        """Whether it may be 0 or 1 for some element that this case is for."""
        known = self.known[condition]
        return bool(np.any((known.low != known.high) & self.alive))

    # forward

    def _forward(self) -> None:
        self.wraps, self.misreads, self.zero_divisors = {}, {}, {}
        self._slopes = {
            argument: {} if self.known[argument].is_point else {argument: UNIT}
            for argument in self.straight.arguments
        }
        self._distorted = {}
        for instruction in self.straight.instructions:
            self._evaluate(instruction)

    def _evaluate(self, instruction: Instruction) -> None:
        op, result = instruction.op, instruction.result
        raw = [self.known[operand] for operand in instruction.operands]
        args = instruction.read(raw)
        exact = instruction.transfer(op, *args)
        distorted = self._distortion(instruction, raw, args)
        if instruction.gives_unsigned:
            found = iv.settle(exact)
        else:
            found, wrapped = iv.fit(exact, result.type)
            if found is not exact and wrapped.any():
                self.wraps[op] = exact, wrapped
                distorted = wrapped if distorted is None else distorted | wrapped
        outcome = self.outcome.get(result)
        if outcome is not None:
            found = self._meet(found, OUTCOMES[outcome])
        before = self.known.get(result)
        if before is not None:
            found = self._meet(found, before)
        if distorted is not None:
            self._distorted[result] = distorted
        slopes = [self._slopes[operand] for operand in instruction.operands]
        self._slopes[result] = (
            {} if not any(slopes) or found.is_point else slopes_of(op, slopes, self._box)
        )
        if self._joins(slopes):
            found = self._at_corners(instruction, found, distorted)
        self.known[result] = found

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
        for operand, before, after in (
            zip(instruction.operands, raw, args, strict=True) if instruction.reads else ()
        ):
            if before is after:
                continue
            differs = ~iv.same(before, after)
            if differs.any():
                distorted = differs if distorted is None else distorted | differs
                if not isinstance(operand.owner, Operation) or gives_unsigned(operand.owner):
                    self._note_misread(op, before, differs)
        if instruction.divides:
            zero = np.asarray((args[1].low <= 0) & (args[1].high >= 0))
            if zero.any():
                self.zero_divisors[op] = args[1], zero
        return distorted

    def _note_misread(self, op: Operation, before: Interval, differs: Mask) -> None:
        # a number that is not negative as it is kept: a count whose top bit is read as a sign
        too_large = differs & (before.low >= 0)
        if too_large.any():
            self.misreads[op] = before, too_large

    def _meet(self, a: Interval, b: Interval) -> Interval:
        """
        What both hold. Where that is nothing, the case is not for this element: it keeps the
        first, whose numbers do not matter any more.
        """
        if a is b:
            return a
        low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
        empty = low > high
        if empty.any():
            self.alive = self.alive & ~empty
            low, high = np.where(empty, a.low, low), np.where(empty, a.high, high)
        return iv.settle(Interval(low, high))

    # corners

    @staticmethod
    def _joins(slopes: Sequence[Slopes]) -> bool:
        """Whether operands share a variable, which plain intervals do not see."""
        seen: set[SSAValue] = set()
        for part in slopes:
            if not seen.isdisjoint(part):
                return True
            seen.update(part)
        return False

    def _box(self, value: SSAValue) -> Interval:
        """The interval over the box of all variables, with no width and nothing refined."""
        return self._recompute(value, {})

    def _recompute(self, value: SSAValue, at: Mapping[SSAValue, Interval]) -> Interval:
        """A value from its arguments, some of them replaced; what is constant stays."""
        if not self._slopes[value]:
            return self.known[value]
        values: dict[SSAValue, Interval] = dict(at)

        def find(operand: SSAValue) -> Interval:
            return values[operand] if operand in values else self.known[operand]

        for step in self.straight.cone(value):
            if self._slopes[step.result]:
                args = [find(operand) for operand in step.operands]
                values[step.result] = step.transfer(step.op, *args)
        return find(value)

    def _at_corners(
        self, instruction: Instruction, found: Interval, distorted: Mask | None
    ) -> Interval:
        """The result where each variable that it rises or falls with stands at an end."""
        result = instruction.result
        corner = self._corner(result)
        if corner is None:
            return found
        if distorted is not None:
            corner = Interval(
                np.where(distorted, found.low, corner.low),
                np.where(distorted, found.high, corner.high),
            )
        found = self._meet(found, corner)
        if found.is_point:
            self._slopes[result] = {}
        return found

    def _corner(self, result: SSAValue) -> Interval | None:
        lowest: dict[SSAValue, Interval] = {}
        highest: dict[SSAValue, Interval] = {}
        for variable, (low, high) in self._slopes[result].items():
            ends = self.known[variable]
            rises, falls = low >= 0, high <= 0
            if not (rises | falls).any():
                continue
            lowest[variable] = Interval(
                np.where(falls & ~rises, ends.high, ends.low),
                np.where(rises, ends.low, ends.high),
            )
            highest[variable] = Interval(
                np.where(rises, ends.high, ends.low),
                np.where(falls & ~rises, ends.low, ends.high),
            )
        if not lowest:
            return None
        return Interval(self._recompute(result, lowest).low, self._recompute(result, highest).high)

    # backward

    def _backward(self) -> None:
        for instruction in reversed(self.straight.instructions):
            if instruction.refinement is None:
                continue
            op, operands = instruction.op, instruction.operands
            raw = [self.known[operand] for operand in operands]
            if all(interval.is_point for interval in raw):
                continue
            args = instruction.read(raw)
            refined = instruction.refinement(op, self.known[instruction.result], *args)
            wrapped = self.wraps.get(op)
            for operand, before, after, part in zip(operands, raw, args, refined, strict=False):
                if part is None or before.is_point:
                    continue
                better = (part.low > before.low) | (part.high < before.high)
                if wrapped is not None:
                    better &= ~wrapped[1]
                if before is not after:
                    better &= iv.same(before, after)
                if not better.any():
                    continue
                self.known[operand] = self._meet(
                    before,
                    Interval(
                        np.where(better, part.low, before.low),
                        np.where(better, part.high, before.high),
                    ),
                )


@dataclass
class _Union:
    """The cases joined, each for the elements that it is for."""

    values: dict[SSAValue, Interval] = field(default_factory=dict[SSAValue, Interval])
    wraps: dict[Operation, Finding] = field(default_factory=dict[Operation, Finding])
    misreads: dict[Operation, Finding] = field(default_factory=dict[Operation, Finding])
    zero_divisors: dict[Operation, Finding] = field(default_factory=dict[Operation, Finding])
    count: int = 0
    possible: Mask = field(default_factory=lambda: np.zeros(1, np.bool_))

    def add(self, case: _Case) -> None:
        self.count += 1
        alive = case.alive
        self.possible = self.possible | alive
        for value, known in case.known.items():
            nothing = _nothing(known)
            inside = known
            if not alive.all():
                inside = Interval(
                    np.where(alive, known.low, nothing[0]), np.where(alive, known.high, nothing[1])
                )
            before = self.values.get(value)
            self.values[value] = inside if before is None else iv.hull(before, inside)
        for into, found in (
            (self.wraps, case.wraps),
            (self.misreads, case.misreads),
            (self.zero_divisors, case.zero_divisors),
        ):
            for op, (exact, where) in found.items():
                _note(into, op, exact, where & alive)

    def result(self) -> BodyRanges:
        for value, known in self.values.items():
            # no case of an element that floats took out of all (NaN): then nothing is known
            lost = known.low > known.high
            if lost.any():
                least, most = iv.type_limits(value.type)
                self.values[value] = Interval(
                    np.where(lost, least, known.low), np.where(lost, most, known.high)
                )
        return BodyRanges(
            self.values,
            self.wraps,
            self.misreads,
            self.zero_divisors,
            self.count,
            self.possible,
        )


def _nothing(like: Interval) -> tuple[Any, Any]:
    """Ends that leave every other interval as it is."""
    return (np.inf, -np.inf) if like.is_float else (iv.INT64[1], iv.INT64[0])


def _note(into: dict[Operation, Finding], op: Operation, exact: Interval, where: Mask) -> None:
    if not where.any():
        return
    low = np.broadcast_to(exact.low, where.shape)[where].min()
    high = np.broadcast_to(exact.high, where.shape)[where].max()
    before = into.get(op)
    if before is None:
        into[op] = Finding(int(low), int(high), where)
        return
    into[op] = Finding(
        min(before.low, int(low)), max(before.high, int(high)), before.elements | where
    )
