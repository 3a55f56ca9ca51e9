"""
Inputs that drive a neuron to its extremes: the other side of a proved range.

A layer is taken alone: the elements of the stream in front of its sum may each be anything in
their proved interval at every step, as the proof takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type
from snncc.passes.ranges import intervals as iv
from snncc.passes.ranges.climb import climb
from snncc.passes.ranges.drives import Drive, Row, row_of
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.network import NetworkRanges
from snncc.passes.ranges.populations import PopulationRanges
from snncc.passes.ranges.reach import Extreme, Reached, Search

STALL = 48
"""After so many steps without a new extreme a search that is not complete ends."""


class NotConstructed(ValueError):
    """Why no worst inputs are constructed for a population."""


@dataclass
class Worst:
    """The extremes of one element of a population, and inputs that lead to them."""

    neuron: snn.NeuronOp
    index: tuple[int, ...]
    source: SSAValue
    """The stream that the inputs are of: in front of the weighted sum, or the neuron's own."""
    proved: dict[SSAValue, tuple[int, int]]
    """Scalar of the body -> its proved range."""
    reached: dict[SSAValue, tuple[int, int]]
    """The least and the largest value that were reached."""
    complete: bool
    """Whether all states were visited: then what was reached is the true range."""
    search: Reached
    drive: Drive
    rest: Array
    """The source's elements that do not matter."""

    def inputs(self, value: SSAValue, *, high: bool) -> Array:
        """[T, *source]: at the last step the scalar has its largest (least) reached value."""
        extreme: Extreme = (self.search.high if high else self.search.low)[value]
        steps = np.repeat(self.rest.reshape(1, -1), len(extreme.drives), axis=0)
        for step, drive in zip(steps, extreme.drives, strict=True):
            step[self.drive.row.places] = self.drive.input_for(drive)
        return steps.reshape(len(steps), *shape_of(self.source))

    def gap(self, value: SSAValue) -> tuple[int, int]:
        """How far below and above the reached range the proof goes."""
        (low, high), (least, most) = self.proved[value], self.reached[value]
        return least - low, high - most


def worst_inputs(
    ranges: NetworkRanges,
    neuron: snn.NeuronOp,
    index: Sequence[int],
    *,
    most_states: int = 4_000,
    most_drives: int = 512,
) -> Worst:
    """
    Extremes of the element `index` of an integer population, with the inputs that reach them.

    Small neurons are searched completely; of others as many states are kept as `most_states`,
    and as many drives, from one end to the other, as `most_drives`.

    Raises NotConstructed for floats, and where not exactly one input changes with time.
    """
    index = tuple(index)
    population = ranges.populations[neuron]
    changing = [port for port in neuron.input_ports if not ranges.values[port.operand].is_point]
    if len(changing) != 1:
        raise NotConstructed(f"{len(changing)} inputs change with time; one is expected")
    for value in neuron.body.block.args:
        if is_float(value.type):
            raise NotConstructed("the body takes floats")
    port = changing[0]
    source, row, rest = _row(ranges, port.operand, index, neuron.population)
    try:
        drive = Drive(row)
    except ValueError as error:
        raise NotConstructed(str(error)) from None
    fixed: dict[SSAValue, int] = {
        argument: int(_at(ranges.values[operand], neuron, index).low)
        for argument, operand in zip(neuron.body.block.args, neuron.operands, strict=True)
        if argument is not port.argument
    }
    try:
        search = Search(neuron, fixed, port.argument, drive.values, most_drives)
    except ValueError as error:
        raise NotConstructed(str(error)) from None
    found = search.run(most_states, STALL, ())
    proved = _proved(population, index, list(found.low))
    if not found.complete and neuron.state_ports:
        _climb(neuron, search, found, proved)
    return Worst(
        neuron,
        index,
        source,
        proved,
        {value: (found.low[value].value, found.high[value].value) for value in found.low},
        found.complete,
        found,
        drive,
        rest,
    )


def _climb(
    neuron: snn.NeuronOp,
    search: Search,
    found: Reached,
    proved: Mapping[SSAValue, tuple[int, int]],
) -> None:
    """Looks closer at the states, and at what fires, where the search stays below the proof."""
    values = [*neuron.terminator.states, *neuron.terminator.outputs]
    values += [op.argument for op in neuron.body.block.ops if isinstance(op, snn.SpikeOp)]
    for value in dict.fromkeys(values):
        if value not in proved or integer_width(value.type) == 1:
            continue
        for extremes, bound, side in (
            (found.low, proved[value][0], 0),
            (found.high, proved[value][1], 1),
        ):
            if abs(bound - extremes[value].value) > 1:
                better = climb(search, value, side == 1, extremes[value], bound)
                if better is not extremes[value]:
                    extremes[value] = better
                    _note(search, found, better)


def _note(search: Search, found: Reached, extreme: Extreme) -> None:
    """What else an extreme is good for: on the way there, and in the step behind it."""
    ends = search.every[[0, -1]]
    drives = np.stack([[*extreme.drives, int(end)] for end in ends])
    places = np.searchsorted(search.every, drives)
    for step, values in enumerate(search.follow(np.zeros(2, np.int64), places)):
        for value, sign in product(found.low, (-1, 1)):
            extremes = found.high if sign > 0 else found.low
            reached = sign * np.broadcast_to(values[value], (2,))
            lane = int(reached.argmax())
            if reached[lane] > sign * extremes[value].value:
                path = [int(drive) for drive in drives[lane, : step + 1]]
                extremes[value] = Extreme(int(sign * reached[lane]), path)


def _at(interval: Interval, neuron: snn.NeuronOp, index: tuple[int, ...]) -> Interval:
    return interval.broadcast(neuron.population).map(lambda ends: ends[index])


def _proved(
    population: PopulationRanges, index: tuple[int, ...], values: Sequence[SSAValue]
) -> dict[SSAValue, tuple[int, int]]:
    found: dict[SSAValue, tuple[int, int]] = {}
    for value in values:
        interval = population.values[value]
        found[value] = int(interval.low[index]), int(interval.high[index])
    return found


def _row(
    ranges: NetworkRanges, stream: SSAValue, index: tuple[int, ...], population: Sequence[int]
) -> tuple[SSAValue, Row, Array]:
    """The free stream behind an input, the sum that one element takes of it, and the rest."""
    producer: Any = stream.owner
    if isinstance(producer, WeightedSum) and shape_of(stream) == tuple(population):
        weight = ranges.values[producer.weight]
        bias = None if producer.bias is None else ranges.values[producer.bias]
        x = _signed(ranges, producer.input)
        if weight.is_point and (bias is None or bias.is_point) and not x.is_float:
            row = row_of(producer, index, x, weight.low, None if bias is None else bias.low)
            return producer.input, row, _idle(x, shape_of(producer.input))
    x = _signed(ranges, stream)
    if x.is_float:
        raise NotConstructed("the input is a float")
    shape = shape_of(stream)
    places = np.arange(int(np.prod(shape))).reshape(shape)
    place = np.broadcast_to(places, tuple(population))[index]
    low, high = (ends.reshape(-1)[[place]] for ends in (x.low, x.high))
    row = Row(np.ones(1, np.int64), np.array([place]), low, high, 0)
    return stream, row, _idle(x, shape)


def _signed(ranges: NetworkRanges, stream: SSAValue) -> Interval:
    return iv.read_signed(ranges.values[stream], stream_type(stream).element_type)


def _idle(x: Interval, shape: Sequence[int]) -> Array:
    """Zero where an element may be zero, else what is nearest to it."""
    full = x.broadcast(shape)
    return np.clip(np.zeros(tuple(shape), np.int64), full.low, full.high)
