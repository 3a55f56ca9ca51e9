"""The proofs as a table for people: one row for each sum, state and widest scalar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import node_name, stream_type
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.network import NetworkRanges
from snncc.passes.ranges.populations import PopulationRanges
from snncc.passes.ranges.widths import narrowest_width


@dataclass(frozen=True)
class Row:
    """One proved value."""

    place: str
    """The node of the network."""
    value: str
    """`sum`, the name of a state, or the operation that makes a body's widest scalar."""
    low: float
    high: float
    """Over all elements; whole numbers for integers."""
    type: str
    width: int | None
    """The narrowest of 8, 16, 32 and 64 bits; None without a bound."""
    reason: str
    """What the proof rests on."""


def proof_rows(ranges: NetworkRanges) -> list[Row]:
    """The rows of all layers, in the order of the text."""
    rows: list[Row] = []
    for op in stream_operations(ranges.network):
        if isinstance(op, WeightedSum | snn.Pool2dOp):
            rows.append(_sum_row(ranges, op))
        elif isinstance(op, snn.NeuronOp):
            rows += _population_rows(ranges, ranges.populations[op])
        elif isinstance(op, snn.DelayOp):
            state = ranges.states[op, 0]
            reason = "the stream's range and the initial value"
            rows.append(_row(ranges.names.node_of[op], "delay", state, str(_element(op)), reason))
    return rows


def _element(op: Operation) -> object:
    return stream_type(op.results[0]).element_type


def _row(place: str, value: str, interval: Interval, type: str, reason: str) -> Row:
    width = narrowest_width(interval, (8, 16, 32, 64))
    return Row(place, value, interval.least, interval.most, type, width, reason)


def _sum_row(ranges: NetworkRanges, op: Operation) -> Row:
    total = ranges.values[op.results[0]]
    x = ranges.values[op.operands[0]]
    place = node_name(op) or op.name
    if isinstance(op, WeightedSum):
        reason = f"positive and negative weights apart, inputs {_span(x)}"
    else:
        reason = f"the window's elements {_span(x)}"
    return _row(place, "sum", total, str(_element(op)), reason)


def _span(interval: Interval) -> str:
    return f"in [{interval.least:g}, {interval.most:g}]"


def _population_rows(ranges: NetworkRanges, found: PopulationRanges) -> Iterator[Row]:
    op = found.op
    place = ranges.names.node_of.get(op) or op.name
    cases = f"{found.cases} case{'s' * (found.cases != 1)}"
    for port, state, (below, above) in zip(
        op.state_ports, found.states, found.unbounded, strict=True
    ):
        count = int(np.count_nonzero(below | above))
        reason = f"closed under the body ({cases})"
        if count:
            reason = f"no bound for {count} of {below.size} elements"
        yield _row(place, port.name, state, str(port.argument.type), reason)
    scalars = [o for o in op.body.block.ops if o.results and not isinstance(o, arith.ConstantOp)]
    wide = [o for o in scalars if not found.values[o.results[0]].is_float]
    if wide:
        widest = max(wide, key=lambda o: found.values[o.results[0]].magnitude)
        interval, reason = found.values[widest.results[0]], f"operands' ranges ({cases})"
        if widest in found.wraps:
            wrap = found.wraps[widest]
            reason = f"wraps: {wrap.low} to {wrap.high} leaves the type"
        yield _row(place, widest.name, interval, str(widest.results[0].type), reason)


def proof_text(ranges: NetworkRanges) -> str:
    """The rows as text, and where integers may wrap."""
    lines = [("layer", "value", "range", "type", "bits", "proved by")]
    for row in proof_rows(ranges):
        span = f"{row.low:.6g} to {row.high:.6g}"
        if isinstance(row.low, int):
            span = f"{row.low} to {row.high}"
        bits = "-" if row.width is None else str(row.width)
        lines.append((row.place, row.value, span, row.type, bits, row.reason))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    text = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(line[:5], widths, strict=True)), line[5]])
        for line in lines
    ]
    return "\n".join([*text, *(f"! {doubt}" for doubt in ranges.doubts)]) + "\n"
