"""
What a state can be modulo a power of two: without a leak a membrane is a sum of shifted inputs,
and only few numbers below its threshold are such sums.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.bodies import Straight
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.straight import Instruction

MAX_BITS = 8
"""Of the power of two."""

PLAIN = 6
"""After so many steps all multiples of what residues differ by are taken as possible."""


class Residues:
    """
    The residues of every value of a body, in every state that it comes into.

    `columns`: argument -> interval [elements], of states closed under a step; `initial`:
    state -> its first value; `following`: state -> the value that it is next. Where a sum
    wraps its residue stays.
    """

    def __init__(
        self,
        straight: Straight,
        columns: Mapping[SSAValue, Interval],
        initial: Mapping[SSAValue, Interval],
        following: Mapping[SSAValue, SSAValue],
    ):
        self.shape = np.broadcast_shapes((1,), *(c.low.shape for c in columns.values()))
        shifts = [
            int(straight.constants[step.operands[1]].most)
            for step in straight.instructions
            if isinstance(step.op, arith.ShLIOp) and step.operands[1] in straight.constants
        ]
        bits = min(shifts, default=0)
        self.size = 1 << bits if 0 < bits <= MAX_BITS else 1
        self.known: dict[SSAValue, Mask] = {}
        """Value -> [elements, size]: what it can be modulo the size; empty for nothing known."""
        if self.size > 1:
            self._close(straight, columns, initial, following)

    def _close(
        self,
        straight: Straight,
        columns: Mapping[SSAValue, Interval],
        initial: Mapping[SSAValue, Interval],
        following: Mapping[SSAValue, SSAValue],
    ) -> None:
        size = self.size
        known: dict[SSAValue, Mask] = {
            a: _of(columns[a].broadcast(self.shape), size) for a in straight.arguments
        }
        known.update((v, _of(x.broadcast(self.shape), size)) for v, x in straight.constants.items())
        known.update(
            (state, _of(initial[state].broadcast(self.shape), size)) for state in following
        )
        for at in range(PLAIN + 4 * MAX_BITS):
            for step in straight.instructions:
                if step.result not in straight.constants:
                    known[step.result] = _step(step, known, straight.constants, size)
            grown = {state: known[state] | known[after] for state, after in following.items()}
            if all((grown[state] == known[state]).all() for state in following):
                self.known = known
                return
            if at >= PLAIN:
                grown = {state: _coset(mask) for state, mask in grown.items()}
            known.update(grown)

    def moved(self, value: SSAValue, interval: Interval) -> Interval:
        """The interval of a value, its ends moved inwards to numbers that it can be."""
        found = self.known.get(value)
        if found is None or interval.is_float or iv.width_of(value.type) == 1 or found.all():
            return interval
        size = self.size
        low, high = (np.broadcast_to(e, self.shape) for e in (interval.low, interval.high))
        # no number of an interval below its residues' first one; none is so where all are possible
        places = np.arange(size)
        rows = np.arange(len(low))[:, None]
        up = found[rows, (low[:, None] + places) % size].argmax(axis=1)
        down = found[rows, (high[:, None] - places) % size].argmax(axis=1)
        fine = low + up <= high - down
        return Interval(np.where(fine, low + up, low), np.where(fine, high - down, high))


def _of(interval: Interval, size: int) -> Mask:
    """[elements, size]: the residues of known numbers; all where a number is not known."""
    if interval.is_float:
        return np.ones((len(interval.low), size), np.bool_)
    one = (interval.low % size)[:, None] == np.arange(size)
    few = (interval.low >= 0) & (interval.high <= 1)
    bit: Array = np.arange(size) <= 1
    known = interval.low == interval.high
    return np.asarray(np.where(known[:, None], one, np.where(few[:, None], bit, True)), np.bool_)


def _step(
    step: Instruction,
    known: Mapping[SSAValue, Mask],
    constants: Mapping[SSAValue, Interval],
    size: int,
) -> Mask:
    operands = [known[operand] for operand in step.operands]
    full = np.ones_like(operands[0])
    match step.op:
        case arith.AddiOp():
            return _added(*operands)
        case arith.SubiOp():
            return _added(operands[0], _times(operands[1], size - 1))
        case arith.ShLIOp():
            amount = constants.get(step.operands[1])
            return full if amount is None else _times(operands[0], 1 << int(amount.most))
        case arith.MuliOp():
            for one, other in (operands, operands[::-1]):
                if not one[:, 2:].any():  # of 0 or 1
                    zero = _of(iv.point(np.zeros(len(one), np.int64)), size)
                    return np.asarray((other & one[:, 1:2]) | (zero & one[:, :1]), np.bool_)
            return full
        case arith.SelectOp():
            return operands[1] | operands[2]
        case arith.MinSIOp() | arith.MaxSIOp():
            return operands[0] | operands[1]
        case arith.TruncIOp() | arith.ExtSIOp() | arith.ExtUIOp():
            widths = [iv.width_of(v.type) for v in (step.operands[0], step.result)]
            if min(widths) > 8 or (widths[0] == 1 and isinstance(step.op, arith.ExtUIOp)):
                return operands[0]
            return operands[0] if widths[0] == 8 and isinstance(step.op, arith.ExtSIOp) else full
    if iv.width_of(step.result.type) == 1:
        return np.broadcast_to(np.arange(size) <= 1, full.shape)
    return full


def _added(a: Mask, b: Mask) -> Mask:
    if a.all() or b.all():
        return np.ones_like(a)
    if a.sum(axis=1).max() < b.sum(axis=1).max():
        a, b = b, a
    # the rows of a turned by the first residue of b, then by the second, ...
    size, counts = a.shape[1], b.sum(axis=1)
    places = np.argsort(~b, axis=1, kind="stable")
    found = np.zeros_like(a)
    for which in range(int(counts.max())):
        turned = (np.arange(size) - places[:, which : which + 1]) % size
        found |= np.take_along_axis(a, turned, axis=1) & (counts > which)[:, None]
    return found


def _coset(mask: Mask) -> Mask:
    """All residues that differ by a multiple of the largest power of two that the known do."""
    size = mask.shape[1]
    apart = (np.arange(size) - mask.argmax(axis=1)[:, None]) % size
    bits = np.bitwise_or.reduce(np.where(mask, apart, 0), axis=1)
    unit = np.where(bits == 0, size, bits & -bits)
    return np.asarray(apart % unit[:, None] == 0, np.bool_)


def _times(a: Mask, factor: int) -> Mask:
    found = np.zeros_like(a)
    for residue in np.flatnonzero(a.any(axis=0)):
        found[:, residue * factor % a.shape[1]] |= a[:, residue]
    return found
