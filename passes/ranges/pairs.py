"""
The ranges of a body whose two states are known to go together only in some pairs (`quiet.py`):
the body is analysed for each kind of pair apart, and the results are joined.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.bodies import BodyRanges, Finding, Straight, body_ranges
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.quiet import Quiet, quiet

ROUNDS = 40
"""How often the membranes are narrowed at most."""


def paired(
    op: snn.NeuronOp,
    columns: Mapping[SSAValue, Interval],
    initial: Mapping[SSAValue, Interval],
    current: SSAValue,
    membrane: SSAValue,
) -> BodyRanges | None:
    """
    The ranges of every value of the body, [elements]; None where nothing is known of pairs.

    Arguments as those of `quiet`: `columns` are closed under a step.
    """
    known = quiet(op, columns, initial, current, membrane)
    if known is None:
        return None
    straight = Straight(op.body.block)
    states = list[SSAValue](port.argument for port in op.state_ports)
    after = op.terminator.states[states.index(membrane)]
    count = len(known.largest)
    held = {value: column.broadcast((count,)) for value, column in columns.items()}
    behind = held[membrane]
    for _ in range(ROUNDS):
        body, behind = _joined(straight, held, known, after, behind)
        stepped = iv.read_signed(body.values[after], membrane.type)
        narrower = iv.hull(initial[membrane], stepped).broadcast((count,))
        before = held[membrane]
        narrower = Interval(
            np.maximum(narrower.low, before.low), np.minimum(narrower.high, before.high)
        )
        if iv.same(narrower, before).all():
            break
        held[membrane] = narrower
    return _joined(straight, held, known, after, behind)[0]


def _joined(
    straight: Straight,
    columns: Mapping[SSAValue, Interval],
    known: Quiet,
    after: SSAValue,
    behind: Interval,
) -> tuple[BodyRanges, Interval]:
    """The body for every pair, and the membranes behind a step that was not quiet."""
    membranes, currents = columns[known.membrane], columns[known.current]
    count = len(known.largest)
    boxes = [
        (
            Interval(membranes.low, np.clip(most, membranes.low, membranes.high)),
            Interval(currents.low, current),
        )
        for most, current in known.pairs
    ]
    # an element without pairs of a kind has others twice
    first, beside = boxes[-1]
    above = membranes.high > known.largest
    if above.any():
        part = Interval(np.maximum(membranes.low, known.largest + 1), membranes.high)
        boxes.append((_where(above, part, first), _where(above, currents, beside)))
    if known.behind_spikes:
        boxes.append((_meet(behind, membranes), currents))
    kinds = len(boxes)
    rows = {
        value: column.map(lambda ends: np.tile(ends, kinds)) for value, column in columns.items()
    }
    rows[known.membrane] = _stacked([pair[0] for pair in boxes])
    rows[known.current] = _stacked([pair[1] for pair in boxes])
    body = body_ranges(straight, rows)

    def join(interval: Interval) -> Interval:
        full = interval.broadcast((kinds * count,))
        return Interval(
            full.low.reshape(kinds, count).min(0), full.high.reshape(kinds, count).max(0)
        )

    def mask(rows: Mask) -> Mask:
        return np.asarray(np.broadcast_to(rows, (kinds * count,)).reshape(kinds, count).any(0))

    def findings(found: Mapping[Operation, Finding]) -> dict[Operation, Finding]:
        return {op: Finding(f.low, f.high, mask(f.elements)) for op, f in found.items()}

    loud = body_ranges(straight, rows, given={known.condition: iv.point(np.ones(1, np.int64))})
    possible = np.broadcast_to(loud.possible, (kinds * count,)).reshape(kinds, count)
    values = loud.values[after].broadcast((kinds * count,))
    least, most = iv.type_limits(after.type)
    low = np.where(possible, values.low.reshape(kinds, count), most).min(0)
    high = np.where(possible, values.high.reshape(kinds, count), least).max(0)
    some = possible.any(0)
    found = Interval(np.where(some, low, behind.low), np.where(some, high, behind.high))
    joined = BodyRanges(
        {value: join(interval) for value, interval in body.values.items()},
        findings(body.wraps),
        findings(body.misreads),
        findings(body.zero_divisors),
        body.cases,
        np.ones(count, np.bool_),
    )
    return joined, _meet(iv.read_signed(found, after.type), behind)


def _where(known: Array, a: Interval, b: Interval) -> Interval:
    return Interval(np.where(known, a.low, b.low), np.where(known, a.high, b.high))


def _meet(a: Interval, b: Interval) -> Interval:
    """What both hold; `b` where they hold nothing together."""
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    return _where(low <= high, Interval(low, high), b)


def _stacked(parts: list[Interval]) -> Interval:
    return Interval(np.concatenate([p.low for p in parts]), np.concatenate([p.high for p in parts]))
