"""
A body as the analysis walks it: its instructions with the rules for them looked up, and which
of them depend on which values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects.snn.straight_through import read_forward
from snncc.passes.ranges import choices, slopes
from snncc.passes.ranges.backward import Refined, refinement_of
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.transfer import (
    Reading,
    gives_unsigned,
    is_condition,
    reading,
    transfer_of,
)


class Instruction:
    """An operation with the rules for it."""

    def __init__(self, op: Operation):
        self.op = op
        self.result = op.results[0]
        self.operands = tuple(read_forward(op))
        self.transfer: Callable[..., Interval] = transfer_of(op)
        self.refinement: Callable[..., Refined] | None = refinement_of(op)
        self.slopes: slopes.Rule = slopes.rule_of(op)
        self.sources = self.operands
        """The operands whose slopes matter."""
        chosen = choices.rules_of(op)
        if chosen is not None:
            self.transfer, self.refinement, self.slopes = chosen
            self.sources = self.operands[1:]
        self.readings: tuple[Reading | None, ...] = tuple(
            reading(op, index) for index in range(len(self.operands))
        )
        self.reads = any(how is not None for how in self.readings)
        self.gives_unsigned = gives_unsigned(op)
        self.is_float = isinstance(self.result.type, AnyFloat)
        self.divides = isinstance(op, arith.DivSIOp)
        self.joins = False
        """Whether two operands may depend on one variable, which plain intervals do not see."""

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
        self.conditions = [
            i.result
            for i in self.instructions
            if is_condition(i.result) and not choices.only_chooses(i.result)
        ]
        """The comparisons whose outcomes are told apart."""
        self.constants: dict[SSAValue, Interval] = {
            i.result: i.transfer(i.op)
            for i in self.instructions
            if isinstance(i.op, arith.ConstantOp)
        }
        self._cones: dict[SSAValue, list[Instruction]] = {}
        self._dependents: dict[frozenset[SSAValue], list[bool]] = {}
        self.affects: dict[SSAValue, list[int]] = {}
        """Value -> the instructions that give something else where it changes."""
        self.touching: dict[SSAValue, list[int]] = {}
        """Value -> the instructions that may say more of the others where it is narrower."""
        self._connect()

    def _connect(self) -> None:
        variables: dict[SSAValue, set[SSAValue]] = {a: {a} for a in self.arguments}
        upstream: dict[SSAValue, set[SSAValue]] = {a: {a} for a in self.arguments}
        nothing: set[SSAValue] = set()
        for index, step in enumerate(self.instructions):
            reached: set[SSAValue] = set()
            for source in step.sources:
                met = variables.get(source, nothing)
                step.joins = step.joins or not reached.isdisjoint(met)
                reached |= met
            for operand in step.operands:
                reached = reached | variables.get(operand, nothing)
            variables[step.result] = reached
            above = {step.result}.union(*(upstream.get(o, nothing) for o in step.operands))
            upstream[step.result] = above
            # the corners of a value depend on all that it is computed from
            concerned = above - {step.result} if step.joins else set(step.operands)
            for value in concerned:
                self.affects.setdefault(value, []).append(index)
            if step.refinement is not None:
                for value in {step.result, *step.operands}:
                    self.touching.setdefault(value, []).append(index)

    def cone(self, value: SSAValue) -> list[Instruction]:
        """What a value is computed from, in order."""
        if value not in self._cones:
            reached = cone_of([value])
            self._cones[value] = [i for i in self.instructions if i.op in reached]
        return self._cones[value]

    def dependents(self, changed: Iterable[SSAValue]) -> list[bool]:
        """Which instructions depend on some values."""
        key = frozenset(changed)
        if key not in self._dependents:
            reached = set(key)
            found: list[bool] = []
            for step in self.instructions:
                found.append(not reached.isdisjoint(step.operands))
                if found[-1]:
                    reached.add(step.result)
            self._dependents[key] = found
        return self._dependents[key]


def cone_of(values: Sequence[SSAValue]) -> set[Operation]:
    """The operations that some values depend on."""
    reached: set[Operation] = set()
    pending = list(values)
    while pending:
        owner = pending.pop().owner
        if isinstance(owner, Operation) and owner not in reached:
            reached.add(owner)
            pending.extend(read_forward(owner))
    return reached


def gathered(interval: Interval, rows: np.ndarray) -> Interval:
    """Some rows, in any order; what is alike for all stays as it is."""
    if interval.low.size == 1 and interval.high.size == 1:
        return interval
    if interval.low is interval.high:
        ends = interval.low[rows]
        return Interval(ends, ends)
    return Interval(
        interval.low if interval.low.size == 1 else interval.low[rows],
        interval.high if interval.high.size == 1 else interval.high[rows],
    )
