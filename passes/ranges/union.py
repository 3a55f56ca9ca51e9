"""The rows of a batch joined: what holds of an element in all of its cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.batch import Batch, Found
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.straight import gathered


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


def united(batch: Batch, count: int, only: Iterable[SSAValue] | None) -> BodyRanges:
    """The cases of `count` elements joined; of `only` some values, without what is found."""
    batch.settle()
    values = batch.known if only is None else {v: batch.known[v] for v in only if v in batch.known}
    possible: Mask = np.ones(count, np.bool_)
    joined = dict(values)
    if batch.element is not None:
        element = batch.element
        possible = np.zeros(count, np.bool_)
        possible[element] = True
        order = np.argsort(element, kind="stable")
        first = np.flatnonzero(np.diff(element[order], prepend=-1))
        everywhere = len(first) == count
        there = element[order][first]
        for value, known in values.items():
            if known.low.size == known.high.size == 1 and everywhere:
                continue
            full = gathered(known, order).broadcast((batch.rows,))
            least, most = iv.type_limits(value.type)
            joined[value] = (
                Interval(
                    np.minimum.reduceat(full.low, first), np.maximum.reduceat(full.high, first)
                )
                if everywhere
                # of an element that no case is for nothing is known
                else Interval(
                    _spread(full.low, np.minimum, first, there, count, least),
                    _spread(full.high, np.maximum, first, there, count, most),
                )
            )
    if only is not None:
        return BodyRanges(joined, {}, {}, {}, 0, possible)
    return BodyRanges(
        joined,
        _findings(batch, batch.wraps, count),
        _findings(batch, batch.misreads, count),
        _findings(batch, batch.zero_divisors, count),
        batch.cases,
        possible,
    )


def _spread(
    ends: Array, reduction: np.ufunc, first: Array, there: Array, count: int, outside: Any
) -> Array:
    if not first.size:
        return np.full(count, outside, ends.dtype)
    found = np.full(count, outside, ends.dtype)
    found[there] = reduction.reduceat(ends, first)
    return found


def _findings(batch: Batch, found: Found, count: int) -> dict[Operation, Finding]:
    noted: dict[Operation, Finding] = {}
    for op, (exact, where) in found.items():
        rows = np.flatnonzero(np.broadcast_to(where, (batch.rows,)))
        if not rows.size:
            continue
        elements = np.zeros(count, np.bool_)
        elements[rows if batch.element is None else batch.element[rows]] = True
        part = gathered(exact, rows)
        noted[op] = Finding(int(part.least), int(part.most), elements)
    return noted


def concatenated(parts: Sequence[BodyRanges], sizes: Sequence[int]) -> BodyRanges:
    """The elements of all parts in one row."""

    def joined(value: SSAValue) -> Interval:
        ranges = [
            part.values[value].broadcast((size,)) for part, size in zip(parts, sizes, strict=True)
        ]
        return Interval(
            np.concatenate([x.low for x in ranges]), np.concatenate([x.high for x in ranges])
        )

    def findings(each: Sequence[dict[Operation, Finding]]) -> dict[Operation, Finding]:
        found: dict[Operation, Finding] = {}
        for op in dict.fromkeys(op for part in each for op in part):
            there = [part[op] for part in each if op in part]
            elements = [
                part[op].elements if op in part else np.zeros(size, np.bool_)
                for part, size in zip(each, sizes, strict=True)
            ]
            found[op] = Finding(
                min(f.low for f in there), max(f.high for f in there), np.concatenate(elements)
            )
        return found

    return BodyRanges(
        {value: joined(value) for value in parts[0].values},
        findings([part.wraps for part in parts]),
        findings([part.misreads for part in parts]),
        findings([part.zero_divisors for part in parts]),
        max(part.cases for part in parts),
        np.concatenate([part.possible for part in parts]),
    )
