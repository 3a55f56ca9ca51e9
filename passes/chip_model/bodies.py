"""The bodies of a chip's neurons: registers and parameters by the names of the description."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import IntegerType, i1, i8

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Neuron, Parameter
from snncc.dialects.core.equations import Scope, Value, write
from snncc.dialects.core.program import PopulationOp
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.dialects.snn.types import is_spike
from snncc.passes.chip_model.arrivals import Arriving, extended

UNIT = "unit"
"""The port of what 1 of the network's membrane is on the chip."""


def output_type(neuron: Neuron) -> IntegerType:
    """The elements of what leaves a neuron."""
    if neuron.output != "spikes":
        return IntegerType(stored_bits(neuron.states[neuron.output].bits))
    return i1 if neuron.most == 1 else i8


def stored_bits(bits: int) -> int:
    """The narrowest type that holds a register."""
    return next(width for width in (8, 16, 32) if bits <= width)


def signed_bits(parameter: Parameter) -> int:
    """Of the type, i16 or i32, that holds what a parameter may be."""
    return 16 if parameter.low >= -(1 << 15) and parameter.high < 1 << 15 else 32


class BodyWriter:
    """The body of a population: registers and parameters by the names of the description."""

    def __init__(
        self,
        neuron: Neuron,
        arriving: list[Arriving],
        settings: Mapping[str, int],
        driven: frozenset[str] = frozenset(),
    ):
        self.neuron = neuron
        self.driven = driven
        self.settings = settings
        self.arriving = arriving
        self.surrogate: SurrogateAttr | None = None
        """Reads the port `unit`."""
        self.states = {
            port: stored_bits(state.bits)
            for name, state in neuron.states.items()
            for port in self._ports(name, state.per)
        }

    def _ports(self, name: str, per: str) -> list[str]:
        if per != "receptor":
            return [name]
        return [f"{name}{k}" for k in range(self.neuron.receptors)]

    def ports(self, op: PopulationOp) -> dict[str, Array]:
        """The parameters' arrays by port; what is not given has its default."""
        found: dict[str, Array] = {}
        for name, parameter in self.neuron.parameters.items():
            if name in self.driven:
                continue
            dtype = np.int16 if signed_bits(parameter) == 16 else np.int32
            if name in op.parameters.data:
                values = op.numbers(name)
            elif parameter.default is not None:
                values = np.full(op.size, parameter.default)
            else:
                raise ValueError(f"{op.sym_name.data}: {name} is not configured")
            if parameter.per == "receptor":
                rows = np.broadcast_to(values, (self.neuron.receptors, op.size))
                for k, row in enumerate(rows):
                    found[f"{name}{k}"] = row.astype(dtype)
            else:
                found[name] = values.astype(dtype)
        return found

    def equations(self, b: Body, **ports: Scalar) -> Outputs:
        return self.given(b, self.run(b, self.neuron.tree, ports))

    def guarded(self, b: Body, **ports: Scalar) -> Outputs:
        """The same, and whether the order in which sources are added might show."""
        outputs, states = self.equations(b, **ports)
        doubt = b.constant(0, i1)
        for one in self.arriving:
            if one.doubt is not None:
                doubt = b.select(doubt, doubt, one.doubt)
        return [*outputs, doubt], states

    def run(self, b: Body, tree: ast.Module, ports: dict[str, Scalar]) -> Mapping[str, Value]:
        """What the names of the equations hold after them."""
        neuron, width = self.neuron, self.neuron.arithmetic

        def wide(port: str) -> Scalar:
            return extended(b, ports[port], width)

        values: dict[str, Value] = {}
        for name, per in (
            *((name, state.per) for name, state in neuron.states.items()),
            *((name, p.per) for name, p in neuron.parameters.items()),
        ):
            found = [wide(port) for port in self._ports(name, per)]
            values[name] = found if per == "receptor" else found[0]

        for name, number in self.settings.items():
            values[name] = b.constant(number, IntegerType(width))

        def arrive(x: Scalar, receptor: int) -> Scalar:
            return self.arriving[receptor].write(b, ports, x)

        unit = None if self.surrogate is None else ports[UNIT]
        scope = Scope(values, neuron.receptors, arrive, self.surrogate, unit, width=width)
        return write(tree, b, scope)

    def given(self, b: Body, after: Mapping[str, Value]) -> Outputs:
        """The output and the next states, in the types in which they are kept."""
        neuron, width = self.neuron, self.neuron.arithmetic
        states: list[Scalar] = []
        for name, state in neuron.states.items():
            held = after[name]
            kept = stored_bits(state.bits)
            for value in held if isinstance(held, list) else [held]:
                states.append(b.truncate(value, kept) if kept < width else value)
        output = after[neuron.output]
        assert isinstance(output, Scalar)
        bits = output_type(neuron).width.data
        if not is_spike(output.element) and bits < width:
            output = b.truncate(output, bits)
        return [output], states
