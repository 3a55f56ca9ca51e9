"""
The ranges of a population: its states as a fixpoint of its body, and every value of the body.

Elements with the same parameters and the same input ranges are analysed once: most of a
convolution's are alike. States that do not act on each other are found one after the other,
sources first (the current of a CuBa neuron before its membrane).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.straight_through import read_forward
from snncc.passes.ranges import fixpoint
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.bodies import (
    Finding,
    Repeated,
    Straight,
    body_ranges,
    cone_of,
)
from snncc.passes.ranges.cells import Cells
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.pairs import paired
from snncc.passes.ranges.residues import Residues

Ends: TypeAlias = tuple[Mask, Mask]


@dataclass
class PopulationRanges:
    """What is proved of a `snn.neuron`; intervals and masks have the population's shape."""

    op: snn.NeuronOp
    values: dict[SSAValue, Interval]
    """Every scalar of the body, its arguments included."""
    states: tuple[Interval, ...]
    """Every value that a state has, the initial one included."""
    outputs: tuple[Interval, ...]
    unbounded: tuple[Ends, ...]
    """For each state which elements met no bound below and above but that of the type."""
    wraps: dict[Operation, Finding]
    misreads: dict[Operation, Finding]
    zero_divisors: dict[Operation, Finding]
    cases: int
    steps: int
    """How often the body was computed to find the states."""


def population_ranges(
    op: snn.NeuronOp, operands: Sequence[Interval], *, cells: int = 0
) -> PopulationRanges:
    """
    The ranges of a population from those of its operands: one interval each, that broadcasts
    to the population (of an initial state: its first value).

    Of two states, the second of which follows the first, pairs that no path leads to are left
    out (`quiet.py`). With `cells` states that go together are told apart from those that do
    not in any body, less sharply (`cells.py`).
    """
    alike = _Alike(op.population, operands)
    first = len(op.inputs)
    columns: dict[SSAValue, Interval] = dict(zip(op.body.block.args, alike.columns, strict=True))
    states = list[SSAValue](op.body.block.args[first : first + len(op.initial_states)])
    initial = {state: iv.read_signed(columns[state], state.type) for state in states}
    steps = 0
    unbounded: dict[SSAValue, Ends] = {}
    strata = _strata(op, states)
    for group in strata:
        targets = [op.terminator.states[states.index(state)] for state in group]
        found = _group(Straight(op.body.block, targets), columns, group, targets)
        steps += found.steps
        columns.update(zip(group, found.states, strict=True))
        unbounded.update(zip(group, found.unbounded, strict=True))
    straight = Straight(op.body.block)
    following = dict(zip(states, op.terminator.states, strict=True))
    residues = Residues(straight, columns, initial, following)
    body = body_ranges(straight, {v: residues.moved(v, column) for v, column in columns.items()})
    if cells and len(strata) > 1 and len(strata[0]) == 1 and not columns[strata[0][0]].is_float:
        others = [state for group in strata[1:] for state in group]
        body = Cells(op, columns, initial, strata[0][0], others, cells).run()
    elif [len(group) for group in strata] == [1, 1]:
        body = paired(op, columns, initial, strata[0][0], strata[1][0]) or body
    body.values = {value: residues.moved(value, known) for value, known in body.values.items()}
    for state, after in following.items():
        # what a state is next it is: where its type reads the same numbers
        if not columns[state].is_float and after in body.values and after is not state:
            body.values[after] = _meet(body.values[after], body.values[state], after.type)
    spread = alike.spread
    values = {value: spread(interval) for value, interval in body.values.items()}
    return PopulationRanges(
        op,
        values,
        tuple(values[state] for state in states),
        tuple(values[output] for output in op.terminator.outputs),
        tuple((alike.mask(unbounded[s][0]), alike.mask(unbounded[s][1])) for s in states),
        alike.findings(body.wraps),
        alike.findings(body.misreads),
        alike.findings(body.zero_divisors),
        body.cases,
        steps,
    )


def _meet(a: Interval, b: Interval, type: Attribute) -> Interval:
    """What both hold, of signed numbers `b`; `a` where that is kept as unsigned numbers."""
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    some = (low <= high) & iv.same(a, iv.read_signed(a, type))
    return Interval(np.where(some, low, a.low), np.where(some, high, a.high))


def _group(
    straight: Straight,
    columns: Mapping[SSAValue, Interval],
    group: Sequence[SSAValue],
    targets: Sequence[SSAValue],
) -> fixpoint.Fixpoint:
    """The fixpoint of states that depend on each other."""

    repeated = Repeated(straight, columns, targets)

    def step(states: Sequence[Interval]) -> list[Interval]:
        arguments = dict(zip(group, states, strict=True))
        copies = states[0].low.size // size
        found = {**arguments, **repeated.run(arguments, copies)}
        return [iv.read_signed(found[t] if t in found else columns[t], t.type) for t in targets]

    initial = [iv.read_signed(columns[state], state.type) for state in group]
    shape = np.broadcast_shapes((1,), *(x.low.shape for x in columns.values()))
    size = int(np.prod(shape))
    return fixpoint.solve(
        [state.broadcast(shape) for state in initial],
        step,
        [iv.type_limits(state.type) for state in group],
        repeatable=True,
    )


def _strata(op: snn.NeuronOp, states: Sequence[SSAValue]) -> list[list[SSAValue]]:
    """The states in groups that depend on each other, sources first."""
    reads: dict[SSAValue, set[SSAValue]] = {}
    for state, following in zip(states, op.terminator.states, strict=True):
        used = {v for o in cone_of([following]) for v in read_forward(o)} | {following}
        reads[state] = {v for v in used if isinstance(v, BlockArgument) and v in states}
    reach = {state: set(read) for state, read in reads.items()}
    for _ in states:
        for state in states:
            reach[state] |= {far for near in reach[state] for far in reach[near]}
    groups: list[list[SSAValue]] = []
    placed: set[SSAValue] = set()
    while len(placed) < len(states):
        for state in states:
            group = [s for s in states if s is state or (s in reach[state] and state in reach[s])]
            if state not in placed and reach[state] <= placed | set(group):
                groups.append(group)
                placed.update(group)
    return groups


class _Alike:
    """The elements of a population, each different one once."""

    def __init__(self, population: Sequence[int], operands: Sequence[Interval]):
        self.population = tuple(population)
        self.size = int(np.prod(self.population))
        rows: list[Array] = []
        for operand in operands:
            if operand.low.size > 1 or operand.high.size > 1:
                full = operand.broadcast(self.population)
                rows += [_bits(full.low), _bits(full.high)]
        self.inverse: Array | None = None
        chosen: Array = np.zeros(1, np.intp)
        if rows:
            table = np.ascontiguousarray(np.stack(rows, axis=1))
            keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1])))[:, 0]
            _, chosen, self.inverse = np.unique(keys, return_index=True, return_inverse=True)
        self.columns = [
            operand.map(lambda ends: ends.reshape(1))
            if operand.low.size == 1 and operand.high.size == 1
            else operand.broadcast(self.population).map(lambda ends: ends.reshape(-1)[chosen])
            for operand in operands
        ]

    def spread(self, interval: Interval) -> Interval:
        """From the different elements to the population."""
        return interval.map(self._spread)

    def mask(self, mask: Mask) -> Mask:
        return self._spread(mask)

    def findings(self, found: Mapping[Operation, Finding]) -> dict[Operation, Finding]:
        return {op: Finding(f.low, f.high, self.mask(f.elements)) for op, f in found.items()}

    def _spread(self, values: Array) -> Array:
        if values.size == 1 or self.inverse is None:
            return np.broadcast_to(values.reshape(-1)[:1], (self.size,)).reshape(self.population)
        return values[self.inverse].reshape(self.population)


def _bits(values: Array) -> Array:
    """Numbers as what tells them apart."""
    return np.ascontiguousarray(values).reshape(-1).view(np.int64)
