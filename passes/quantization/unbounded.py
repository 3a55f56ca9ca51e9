"""
Streams that nothing bounds, such as the membrane of an integrator: where other layers compute
with one it saturates, explicitly, by a layer of its own that reports name
(`NODE.saturate`).

The bound is that of formats: so many times what was seen, or what one step may add. The
intervals of what follows are computed again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import i32
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import node_name, shape_of
from snncc.passes.quantization.arithmetic import IntegerBuilder
from snncc.passes.quantization.bodies import Interval
from snncc.passes.quantization.frame import Frame, Stream
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.network import STREAMS
from snncc.passes.ranges.populations import population_ranges

SATURATES = "saturate"
"""The last part of the name of a layer that saturates a stream: `NODE.saturate`."""


class Bounded:
    """Intervals of a float network in which some streams are held within bounds."""

    def __init__(self, intervals: Callable[[SSAValue], Interval]):
        self._intervals = intervals
        self.known: dict[SSAValue, Interval] = {}

    def __call__(self, value: SSAValue) -> Interval:
        if value in self.known:
            return self.known[value]
        found = self._intervals(value)
        owner = value.owner
        rule = STREAMS.get(type(owner)) if isinstance(owner, Operation) else None
        if not isinstance(owner, Operation) or rule is None or _is_finite(found):
            return found
        operands = [iv.Interval(*self(operand)) for operand in owner.operands]
        again = rule(owner, *operands).broadcast(shape_of(value))
        self.known[value] = again.low, again.high
        return self.known[value]


def _is_finite(interval: Interval) -> bool:
    return all(bool(np.isfinite(ends).all()) for ends in interval)


def bound_ports(f: Frame, op: snn.NeuronOp) -> None:
    """The scalars of a body again, where an input that nothing bounded is bounded by now."""
    bounded = _bounded(f)
    before = [bounded(port.argument) for port in op.input_ports]
    given = [bounded(port.operand) for port in op.input_ports]
    again = any(
        not _is_finite(own) and _is_finite(now) for own, now in zip(before, given, strict=True)
    )
    if not again:
        return
    operands = [iv.Interval(*bounded(operand)) for operand in op.operands]
    ranges = population_ranges(op, operands)
    found: Mapping[SSAValue, iv.Interval] = {
        **ranges.values,
        **dict(zip(op.outputs, ranges.outputs, strict=True)),
    }
    for value, interval in found.items():
        bounded.known[value] = (
            np.asarray(interval.low, np.float64),
            np.asarray(interval.high, np.float64),
        )


def saturate(f: Frame, op: snn.NeuronOp, result: SSAValue, largest: Array) -> None:
    """
    Holds an output that nothing bounds within +-`largest` (in the float network's numbers, for
    each element or all) for the layers that read it. The network's own outputs are as they are.
    """
    bounded, stream = _bounded(f), f.streams[result]
    users = [use.operation for use in result.uses]
    if stream.unit is None or _is_finite(bounded(result)):
        return
    if all(isinstance(user, snn.YieldOp) for user in users):
        return
    bound = max(1.0, float(np.floor(np.max(largest / stream.unit))))
    bound = min(bound, 2.0**30 - 1)
    builder = IntegerBuilder([i32])
    (x,) = builder.block.args
    held = builder.insert(arith.MinSIOp(x, builder.constant(int(bound))))
    held = builder.insert(arith.MaxSIOp(held, builder.constant(-int(bound))))
    name = f"{node_name(op) or 'neuron'}.{SATURATES}"
    new = f.map(builder, stream.value, held, name, stream.unit)
    f.streams[result] = Stream(new, stream.unit, bound)
    ends = np.broadcast_to(bound * stream.unit, shape_of(result))
    low, high = bounded(result)
    bounded.known[result] = np.maximum(low, -ends), np.minimum(high, ends)


def _bounded(f: Frame) -> Bounded:
    if not isinstance(f.intervals, Bounded):
        f.intervals = Bounded(f.intervals)
    return f.intervals
