"""
Values at the ends of the variables that they depend on: exact where a value depends on one
more than once, which plain intervals lose.

Only values with two operands that share a variable need this, and only they have slopes
computed, when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.ir import SSAValue

from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.slopes import UNIT, Slopes, slopes_of
from snncc.passes.ranges.straight import Instruction, Straight


class Corners:
    """The corners of the values `known`, as they are in one pass through the body."""

    def __init__(self, straight: Straight, known: Mapping[SSAValue, Interval]):
        self.straight = straight
        self.known = known
        self._slopes: dict[SSAValue, Slopes] = {}
        self._fixed: dict[SSAValue, Mask | None] = {}
        self._boxes: dict[SSAValue, Interval] = {}
        for argument in straight.arguments:
            interval = known[argument]
            if interval.is_point:
                self._slopes[argument] = {}
                continue
            fixed = self._fixed_rows(argument)
            self._slopes[argument] = {argument: UNIT if fixed is None else _cleared(UNIT, fixed)}

    def of(self, instruction: Instruction) -> Interval | None:
        """
        The result where each variable that it rises or falls with stands at an end, None where
        plain intervals lose nothing.
        """
        seen: set[SSAValue] = set()
        joins = False
        for source in instruction.sources:
            part = self.slopes(source)
            joins = joins or not seen.isdisjoint(part)
            seen.update(part)
        if not joins:
            return None
        corner = self._corner(instruction.result)
        # the result is about to change
        for memo in (self._slopes, self._fixed, self._boxes):
            memo.pop(instruction.result, None)
        return corner

    def slopes(self, value: SSAValue) -> Slopes:
        """Of each variable that matters; none where the value is known."""
        if value not in self._slopes:
            for step in self.straight.cone(value):
                if step.result not in self._slopes:
                    self._slopes[step.result] = self._slopes_of(step)
        return self._slopes[value]

    def _slopes_of(self, step: Instruction) -> Slopes:
        known = [self._slopes[operand] for operand in step.operands]
        if not any(known) or self.known[step.result].is_point:
            return {}
        found = slopes_of(step.slopes, step.op, known, self._box)
        fixed = self._fixed_rows(step.result)
        if fixed is None:
            return found
        return {variable: _cleared(slope, fixed) for variable, slope in found.items()}

    def _fixed_rows(self, value: SSAValue) -> Mask | None:
        """The rows in which a value is known, None for no row."""
        if value not in self._fixed:
            interval = self.known[value]
            fixed: Mask = interval.low == interval.high
            self._fixed[value] = fixed if fixed.any() else None
        return self._fixed[value]

    def _box(self, value: SSAValue) -> Interval:
        """The interval over the box of all variables, with no width and nothing refined."""
        return self._recompute(value, self._boxes)

    def _recompute(self, value: SSAValue, values: dict[SSAValue, Interval]) -> Interval:
        """A value from its arguments, some of them replaced; what is constant stays."""
        if value in values:
            return values[value]
        if not self.slopes(value):
            return self.known[value]
        known = self.known
        for step in self.straight.cone(value):
            result = step.result
            if result in values or not self.slopes(result):
                continue
            args = [values[o] if o in values else known[o] for o in step.operands]
            found = step.transfer(step.op, *args)
            fixed = self._fixed_rows(result)
            if fixed is not None:
                own = known[result]
                found = Interval(
                    np.where(fixed, own.low, found.low), np.where(fixed, own.high, found.high)
                )
            values[result] = found
        return values[value] if value in values else known[value]

    def _corner(self, result: SSAValue) -> Interval | None:
        lowest: dict[SSAValue, Interval] = {}
        highest: dict[SSAValue, Interval] = {}
        for variable, (low, high) in self.slopes(result).items():
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


def _cleared(slope: Sequence[np.ndarray], rows: Mask) -> tuple[np.ndarray, np.ndarray]:
    """No change in some rows."""
    return np.where(rows, 0.0, slope[0]), np.where(rows, 0.0, slope[1])
