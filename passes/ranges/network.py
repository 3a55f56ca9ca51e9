"""
The ranges of a network: every stream and every state, from what its inputs may be.

Components are taken sources first. A recurrent one is a fixpoint of what its delays give: it
starts from their initial values, and the populations inside are fixpoints of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, batch_norm_factors, constant_of
from snncc.dialects.snn.attributes import Comparison, Pool
from snncc.dialects.snn.fixed import learnable_sources
from snncc.dialects.snn.graph import Component, components
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import describe, is_float, shape_of, stream_type
from snncc.passes.ranges import fixpoint, sums
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.bodies import Finding
from snncc.passes.ranges.intervals import Interval, Mask
from snncc.passes.ranges.populations import PopulationRanges, population_ranges
from snncc.passes.ranges.transfer import compare

Declared: TypeAlias = tuple[Any, Any]
"""(low, high): numbers, or arrays that broadcast to the input's shape."""


@dataclass(frozen=True)
class Doubt:
    """A place where an integer operation may not give the number that it says."""

    place: str
    """The node or operation of the network, as messages name it."""
    operation: Operation
    """The operation itself: of the network, or of a body."""
    problem: str
    """`wraps`, `reads a count as negative` or `divides by zero`."""
    low: Any
    high: Any
    """The exact range of the result (of the operand, for the other two)."""
    type: Attribute
    """The type that does not hold it."""
    elements: int
    """How many elements it concerns."""
    where: Mask
    """Which ones."""

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.operation.name} {self.problem}: {self.low} to {self.high} "
            f"in {self.type} ({self.elements} element{'s' * (self.elements != 1)})"
        )


@dataclass
class NetworkRanges:
    """What is proved of a network."""

    network: snn.NetworkOp
    names: StateNames
    values: dict[SSAValue, Interval] = field(default_factory=dict[SSAValue, Interval])
    """Stream -> interval of its shape; a stream of counts holds unsigned numbers."""
    states: dict[tuple[Operation, int], Interval] = field(
        default_factory=dict[tuple[Operation, int], Interval]
    )
    """As `StateNames` has them: (neuron, index of the state), (delay, 0)."""
    populations: dict[snn.NeuronOp, PopulationRanges] = field(
        default_factory=dict[snn.NeuronOp, PopulationRanges]
    )
    """Every value of every body."""
    doubts: list[Doubt] = field(default_factory=list[Doubt])

    def unbounded(self, key: tuple[Operation, int]) -> tuple[Mask, Mask]:
        """Which elements of a state have no bound below, and above."""
        op, index = key
        if isinstance(op, snn.NeuronOp):
            return self.populations[op].unbounded[index]
        state = self.states[key]
        least, most = iv.type_limits(stream_type(op.results[0]).element_type)
        if not state.is_float:
            nowhere = np.zeros(state.low.shape, np.bool_)
            return nowhere, nowhere
        return state.low <= least, state.high >= most

    @property
    def is_proved(self) -> bool:
        """Whether no integer operation wraps."""
        return not self.doubts


def network_ranges(
    network: snn.NetworkOp,
    inputs: Mapping[str, Declared] | None = None,
    *,
    cells: int = 0,
    trained: bool = False,
) -> NetworkRanges:
    """
    The ranges of every stream, state and scalar of a network. With `trained` its learnable
    parameters may be anything of their type.

    `inputs`: input name -> (low, high), numbers or arrays that broadcast to its shape. What
    is not given may be anything of its type: 0 or 1 for spikes, no bound for floats.
    `cells` tightens populations with several states, and takes longer: into how many parts
    the range of the first state is cut (`cells.py`).
    """
    given = inputs or {}
    unknown = sorted(set(given) - set(network.inputs))
    if unknown:
        raise KeyError(f"no input is named {', '.join(unknown)}")
    ranges = NetworkRanges(network, StateNames(network))
    for name, argument in network.inputs.items():
        element = stream_type(argument).element_type
        low, high = given.get(name, iv.type_limits(element))
        ranges.values[argument] = iv.between(low, high, element).broadcast(shape_of(argument))
    for op in network.body.block.ops:
        if trained and learnable_sources(op):
            _fixed(ranges, op)
            continue
        for result in op.results:
            value = constant_of(result)
            if value is not None:
                ranges.values[result] = _constant(value, stream_type(result).element_type)
    for component in components(network):
        _Component(ranges, component, cells).run()
    return ranges


def _fixed(ranges: NetworkRanges, op: Operation) -> None:
    """What follows from learnable parameters, whatever these are."""
    values = ranges.values
    operands = [values[operand] for operand in op.operands]
    if isinstance(op, snn.UseOp):
        element = stream_type(op.result).element_type
        found = [iv.between(*iv.type_limits(element), element)]
    elif isinstance(op, snn.NeuronOp):
        found = list(population_ranges(op, operands).outputs)
    else:
        found = [STREAMS[type(op)](op, *operands)]
    for result, interval in zip(op.results, found, strict=True):
        values[result] = interval.broadcast(shape_of(result))


def _constant(value: Array, element: Attribute) -> Interval:
    """An array as the streams' intervals have it: integers wider than `i1` are signed."""
    if isinstance(element, AnyFloat):
        return iv.point(value, element)
    return iv.fit(iv.point(value.astype(np.int64), element), element)[0]


class _Component:
    """One strongly connected component."""

    def __init__(self, ranges: NetworkRanges, component: Component, cells: int):
        self.ranges = ranges
        self.component = component
        self.cells = cells
        self._last: dict[snn.NeuronOp, tuple[Sequence[Interval], int, PopulationRanges]] = {}

    def run(self) -> None:
        if self.component.recurrent:
            self._close()
        for op in self.component.operations:
            self._evaluate(op, record=True)

    def _close(self) -> None:
        """The streams behind the delays as a fixpoint, element by element over all of them."""
        delays = [op for op in self.component.operations if isinstance(op, snn.DelayOp)]
        values = self.ranges.values
        # elements of different delays act on each other: the search moves all of them at once,
        # so they stand in one row
        longest = max(int(np.prod(shape_of(op.result))) for op in delays)

        def row(op: snn.DelayOp, interval: Interval) -> Interval:
            flat = interval.broadcast(shape_of(op.result)).map(lambda ends: ends.reshape(-1))
            return flat.map(lambda ends: np.pad(ends, (0, longest - len(ends)), mode="edge"))

        def stream(delay: snn.DelayOp, row: Interval) -> Interval:
            shape = shape_of(delay.result)
            return row.map(lambda ends: ends[: int(np.prod(shape))].reshape(shape))

        def step(states: Sequence[Interval]) -> list[Interval]:
            for delay, state in zip(delays, states, strict=True):
                values[delay.result] = stream(delay, state)
            for op in self.component.operations:
                if not isinstance(op, snn.DelayOp) or op.is_instantaneous:
                    self._evaluate(op, record=False)
            return [row(op, sums.delayed(op, values[op.stream], values[op.init])) for op in delays]

        found = fixpoint.solve(
            [row(op, values[op.init]) for op in delays],
            step,
            [iv.type_limits(stream_type(op.result).element_type) for op in delays],
            independent=False,
        )
        step(found.states)
        for op in delays:
            values[op.result] = sums.delayed(op, values[op.stream], values[op.init])

    def _evaluate(self, op: Operation, *, record: bool) -> None:
        values = self.ranges.values
        if isinstance(op, snn.DelayOp):
            if op.stream in values:
                values[op.result] = sums.delayed(op, values[op.stream], values[op.init])
            if record:
                self.ranges.states[op, 0] = iv.hull(values[op.stream], values[op.init])
            return
        operands = [values[operand] for operand in op.operands]
        if isinstance(op, snn.NeuronOp):
            found = self._population(op, operands, self.cells if record else 0)
            values.update(zip(op.outputs, found.outputs, strict=True))
            if record:
                self._record_population(found)
            return
        read = _read(op, operands)
        exact = STREAMS[type(op)](op, *read)
        element = stream_type(op.results[0]).element_type
        exact = exact.broadcast(shape_of(op.results[0]))
        fitted, wrapped = (
            iv.fit(exact, element) if isinstance(op, SUMS) else (exact, np.zeros(1, np.bool_))
        )
        values[op.results[0]] = fitted
        if not record:
            return
        if wrapped.any():
            self._doubt(op, op, "wraps", exact, wrapped)
        for operand, before, after in zip(op.operands, operands, read, strict=True):
            if before is not after and isinstance(op, SUMS) and not iv.same(before, after).all():
                self._doubt(
                    op,
                    op,
                    READS,
                    before,
                    ~iv.same(before, after),
                    stream_type(operand).element_type,
                )

    def _population(
        self, op: snn.NeuronOp, operands: Sequence[Interval], cells: int
    ) -> PopulationRanges:
        """As `population_ranges`; what a recurrent component asks again is not found again."""
        last = self._last.get(op)
        if last is not None:
            before, cells_before, found = last
            if cells == cells_before and all(
                a is b or bool(iv.same(a, b).all()) for a, b in zip(before, operands, strict=True)
            ):
                return found
        found = population_ranges(op, operands, cells=cells)
        self._last[op] = operands, cells, found
        return found

    def _record_population(self, found: PopulationRanges) -> None:
        self.ranges.populations[found.op] = found
        for index, state in enumerate(found.states):
            self.ranges.states[found.op, index] = state
        for problem, findings in (
            ("wraps", found.wraps),
            (READS, found.misreads),
            ("divides by zero", found.zero_divisors),
        ):
            for inner, finding in findings.items():
                self._add(found.op, inner, problem, finding, inner.results[0].type)

    def _doubt(
        self,
        op: Operation,
        inner: Operation,
        problem: str,
        exact: Interval,
        where: Mask,
        type: Attribute | None = None,
    ) -> None:
        low, high = (
            exact.broadcast(where.shape).low[where],
            exact.broadcast(where.shape).high[where],
        )
        finding = Finding(int(low.min()), int(high.max()), where)
        self._add(op, inner, problem, finding, type or stream_type(inner.results[0]).element_type)

    def _add(
        self, op: Operation, inner: Operation, problem: str, found: Finding, type: Attribute
    ) -> None:
        name = self.ranges.names.node_of.get(op)
        place = describe(op) if name is None else f'{op.name} "{name}"'
        where = found.elements
        if isinstance(op, snn.NeuronOp):
            where = np.broadcast_to(where, op.population)
        self.ranges.doubts.append(
            Doubt(
                place,
                inner,
                problem,
                found.low,
                found.high,
                type,
                int(np.count_nonzero(where)),
                where,
            )
        )


READS = "reads a count as negative"

SUMS = (WeightedSum, snn.Pool2dOp)
"""The operations of streams that add integers up."""


def _read(op: Operation, operands: Sequence[Interval]) -> list[Interval]:
    """Integers in the reading of an operation: signed, in sums of floats as counts."""
    if isinstance(op, snn.ReshapeOp | snn.RearrangeOp | snn.ConcatOp):
        return list(operands)
    to_float = is_float(stream_type(op.results[0]).element_type)
    keeps = isinstance(op, snn.Pool2dOp) and op.pool.data is Pool.MAX
    read: list[Interval] = []
    for operand, interval in zip(op.operands, operands, strict=True):
        element = stream_type(operand).element_type
        if is_float(element):
            read.append(interval)
        elif to_float:
            counts = iv.read_unsigned(interval, element)
            read.append(counts.map(lambda ends: ends.astype(np.float64)))
        elif keeps:
            read.append(interval)
        else:
            read.append(iv.read_signed(interval, element))
    return read


def _weighted(op: WeightedSum, x: Interval, weight: Interval, *bias: Interval) -> Interval:
    return sums.weighted(op, x, weight, bias[0] if bias else None)


def _added(op: snn.AddOp, *parts: Interval) -> Interval:
    total = parts[0]
    for part in parts[1:]:
        total = iv.add(total, part)
    return total


def _normalised(op: snn.BatchNormOp, x: Interval, *statistics: Interval) -> Interval:
    gamma, beta, mean, variance = (s.low for s in statistics)
    factor, shift = batch_norm_factors(gamma, beta, mean, variance, op.epsilon.value.data)
    channels = (-1,) + (1,) * (len(shape_of(op.input)) - 1)
    scaled = iv.multiply(x, iv.point(factor.reshape(channels)))
    return iv.add(scaled, iv.point(shift.reshape(channels)))


def _thresholded(op: snn.ThresholdOp, x: Interval, threshold: Interval) -> Interval:
    return compare("gt" if op.comparison.data is Comparison.GT else "ge", x, threshold)


STREAMS: dict[type[Operation], Callable[..., Interval]] = {
    snn.LinearOp: _weighted,
    snn.Conv1dOp: _weighted,
    snn.Conv2dOp: _weighted,
    snn.Pool2dOp: sums.pooled,
    snn.ReshapeOp: lambda op, x: x.map(lambda ends: ends.reshape(shape_of(op.result))),
    snn.RearrangeOp: sums.rearranged,
    snn.ConcatOp: lambda op, *parts: sums.concatenated(op, parts),
    snn.AddOp: _added,
    snn.ScaleOp: lambda op, x, factor: iv.multiply(x, factor),
    snn.BatchNormOp: _normalised,
    snn.ThresholdOp: _thresholded,
}
"""The operations of streams without state."""
