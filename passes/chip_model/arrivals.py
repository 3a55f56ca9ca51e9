"""What arrives at a population in a step: weighted sums, or one event after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.dialects.core.convolution import ConvolutionOp
from snncc.dialects.core.description import Arrivals
from snncc.dialects.snn.body import Body, Relation, Scalar
from snncc.dialects.snn.linear import Conv2dOp, LinearOp
from snncc.dialects.snn.neurons.arithmetic import fit
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.neurons.slots import slots
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.shape import RearrangeOp, ReshapeOp
from snncc.dialects.snn.types import integer_width


@dataclass(frozen=True)
class Drive:
    """Spikes of the sources of one edge, in the chip's order, and their weights."""

    name: str
    stream: SSAValue
    """[sources]"""
    weights: Array | ConvolutionOp
    """
    [sources, neurons], of learned ones 1 where there is a synapse; or the convolution that they
    are.
    """
    shift: int
    learned: SSAValue | None = None
    """[neurons, sources]: the weights, where they are no constants."""

    @property
    def table(self) -> Array:
        assert not isinstance(self.weights, ConvolutionOp), "a convolution has no single events"
        return self.weights


@dataclass(frozen=True)
class _Term:
    """A port of weights times counts, or of a sum that is taken already."""

    count: str
    weight: str | None
    shift: int


class Arriving:
    """
    The inputs and parameters that a neuron needs for what arrives at one receptor, and the
    scalars that its body makes of them.
    """

    def __init__(
        self,
        assembly: Assembly,
        rule: Arrivals,
        node: str,
        drives: Sequence[Drive],
        width: int,
        *,
        one_by_one: bool,
        guarded: bool = False,
    ):
        self._a = assembly
        self._rule = rule
        self._node = node
        self._width = width
        self.inputs: dict[str, SSAValue] = {}
        self.parameters: dict[str, SSAValue] = {}
        self.unfitted: SSAValue | None = None
        """What is fitted after the sum: where it needs no fitting, no order shows."""
        self.doubt: Scalar | None = None
        """Of `guarded` sums: whether in some order a register might have been fitted."""
        self._ends: list[tuple[list[_Term], list[_Term]]] = []
        drives = [
            drive
            for drive in drives
            if isinstance(drive.weights, ConvolutionOp) or drive.weights.any()
        ]
        if not one_by_one:
            self._events = [[self._sum(drive) for drive in drives]]
            if guarded and drives:
                above = [self._sum(d, "above") for d in drives if (d.table > 0).any()]
                below = [self._sum(d, "below") for d in drives if (d.table < 0).any()]
                self._ends = [(below, above)]
        elif rule.per == "source":
            self._events = [[term] for drive in drives for term in self._slots(drive)]
        else:
            self._events = self._indices(drives)

    def write(self, b: Body, ports: dict[str, Scalar], x: Scalar) -> Scalar:
        """x after each event was added to it and fitted."""
        for event in self._events:
            if not event:
                continue
            amount = self._amount(b, ports, event[0])
            for term in event[1:]:
                amount = amount + self._amount(b, ports, term)
            if self._rule.per == "index" and len(self._events) > 1:
                amount = fit(amount, self._rule.bits, self._rule.overflow)
            for below, above in self._ends:
                self.doubt = self._doubt(b, ports, x, below, above)
            x = x + amount
            self.unfitted = x.value
            x = fit(x, self._rule.bits, self._rule.overflow)
        return x

    def _amount(self, b: Body, ports: dict[str, Scalar], term: _Term) -> Scalar:
        if term.weight is None:
            amount = extended(b, ports[term.count], self._width)
        else:
            count = ports[term.count]
            wide = b.extend_unsigned(count, self._width)
            amount = wide * b.extend(ports[term.weight], self._width)
        shift = term.shift + self._rule.shift
        return amount << shift if shift else amount

    def _doubt(
        self, b: Body, ports: dict[str, Scalar], x: Scalar, below: list[_Term], above: list[_Term]
    ) -> Scalar:
        """
        Whether x with all that is negative, or with all that is positive, is beyond the register:
        what stands there on the way is in between, in any order.
        """
        half = 1 << (self._rule.bits - 1)
        zero = b.constant(0, IntegerType(self._width))
        no = b.constant(0, IntegerType(1))
        doubt = no
        ends: tuple[tuple[list[_Term], Relation, int], ...] = (
            (below, "lt", -half),
            (above, "gt", half - 1),
        )
        for terms, relation, end in ends:
            total = zero
            for term in terms:
                total = total + self._amount(b, ports, term)
            # amounts of one index are fitted before they are added
            sums = [x + total, total] if self._rule.per == "index" else [x + total]
            for one in sums:
                doubt = b.select(doubt, doubt, b.compare(relation, one, end))
        return doubt

    def _sum(self, drive: Drive, part: str = "sum") -> _Term:
        port = port_name(f"{drive.name}.{part}")
        if isinstance(drive.weights, ConvolutionOp):
            self.inputs[port] = self._convolved(drive, drive.weights)
            return _Term(port, None, drive.shift)
        if drive.learned is not None:
            assert part == "sum", "signs of learned weights are not known"
            total = LinearOp(drive.stream, drive.learned, element=IntegerType(32), node=drive.name)
            self.inputs[port] = self._a.add(total)
            return _Term(port, None, drive.shift)
        weights = {
            "sum": drive.table,
            "above": np.maximum(drive.table, 0),
            "below": np.minimum(drive.table, 0),
        }[part]
        name = drive.name if part == "sum" else f"{drive.name}.{part}"
        weight = self._a.weight(f"{name}.weight", np.ascontiguousarray(weights.T))
        total = LinearOp(drive.stream, weight, element=IntegerType(32), node=name)
        self.inputs[port] = self._a.add(total)
        return _Term(port, None, drive.shift)

    def _convolved(self, drive: Drive, op: ConvolutionOp) -> SSAValue:
        """The sums of a convolution, [neurons]."""
        (before, after), lie = op.shapes, op.windows
        total = Conv2dOp(
            self._a.add(ReshapeOp(drive.stream, before)),
            self._a.weight(f"{drive.name}.kernel", narrowed(op.weight_array)),
            stride=lie.strides,
            padding=[end for ends in lie.paddings for end in ends],
            dilation=lie.dilations,
            groups=lie.groups,
            element=IntegerType(32),
            node=drive.name,
        )
        return self._a.add(ReshapeOp(self._a.add(total), [int(np.prod(after))]))

    def _slots(self, drive: Drive) -> list[_Term]:
        places, weights = slots(drive.table)
        return [
            self._term(drive, f"{drive.name}_{index}", row, w)
            for index, (row, w) in enumerate(zip(places, weights, strict=True))
        ]

    def _indices(self, drives: Sequence[Drive]) -> list[list[_Term]]:
        """Events of equal index of all drives together, ascending."""
        most = max((len(drive.table) for drive in drives), default=0)
        reached = np.zeros((most, drives[0].table.shape[1] if drives else 0), bool)
        for drive in drives:
            reached[: len(drive.table)] |= drive.table != 0
        order = np.argsort(~reached, axis=0, kind="stable")
        events = []
        for index in range(int(reached.sum(axis=0).max(initial=0))):
            event = []
            for drive in drives:
                held = order[index] < len(drive.table)
                row = np.where(held, order[index], 0)
                w = drive.table[row, np.arange(row.size)]
                w = np.where(held & reached[order[index], np.arange(row.size)], w, 0)
                if w.any():
                    places = np.where(w != 0, row, NOWHERE)
                    event.append(self._term(drive, f"{drive.name}_{index}", places, w))
            events.append(event)
        return events

    def _term(self, drive: Drive, name: str, places: Array, weights: Array) -> _Term:
        """One source of each neuron: its count, and its weight."""
        sources = set(places.tolist()) - {NOWHERE}
        if len(sources) == 1:  # the same for all
            (source,) = sources
            port = port_name(f"{drive.name}_from_{source}")
            if port not in self.inputs:
                self.inputs[port] = self._a.element(drive.stream, source)
        else:
            port = port_name(name)
            self.inputs[port] = self._a.add(RearrangeOp(drive.stream, places))
        weight = f"w_{port_name(name)}"
        if drive.learned is None:
            self.parameters[weight] = self._a.parameter(
                f"{name}.weight", weights.astype(drive.table.dtype)
            )
        else:
            sources_of_neuron, neurons = drive.table.shape
            flat = np.arange(neurons) * sources_of_neuron + places
            chosen = np.where(places == NOWHERE, NOWHERE, flat)
            self.parameters[weight] = self._a.add(RearrangeOp(drive.learned, chosen))
        return _Term(port, weight, drive.shift)


def port_name(name: str) -> str:
    """An identifier for what arrives; networks name their layers as they like."""
    return "x_" + re.sub(r"\W", "_", name, flags=re.ASCII)


def narrowed(weights: Array) -> Array:
    """Whole numbers in i8 or i16."""
    low, high = weights.min(initial=0), weights.max(initial=0)
    return weights.astype(np.int8 if low >= -128 and high <= 127 else np.int16)


def extended(b: Body, x: Scalar, width: int) -> Scalar:
    """The same signed number in a type of `width` bits, which it may have already."""
    return x if integer_width(x.element) == width else b.extend(x, width)
