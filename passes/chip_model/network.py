"""
A `core.program` as a network of streams, with the chip's own arithmetic.

Inputs are spikes or counts, and whole numbers of what drives a parameter; outputs what the
populations give. A trace has the registers of each
population as POPULATION.STATE (of receptors i0, i1, ...).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, i1, i8
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.convolution import ConvolutionOp
from snncc.dialects.core.description import INPUT, Description, Edge, Neuron, Parameter
from snncc.dialects.core.equations import Scope, Value, write
from snncc.dialects.core.placement import cores_of, places_of
from snncc.dialects.core.program import ConnectionsOp, DriveOp, PopulationOp, ProgramOp
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.network import DelayOp
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.transposes import ReduceOp
from snncc.dialects.snn.types import Stream, is_spike, shape_of, stream_type
from snncc.passes.chip_model.arrivals import Arriving, Drive, extended, narrowed
from snncc.passes.ranges import network_ranges

Accumulate: TypeAlias = Literal["auto", "sum", "guarded", "events"]
"""
How arrivals are written where the chip fits a register after each source: as weighted `sum`s, as
single `events` in the chip's order, or (`auto`) as a sum where it is proved that no sum has to be
fitted, so that both are the same. `guarded` sums come with outputs POPULATION.doubt, [1] each, that
say whether a register might have been fitted on the way; where none was, the run is the chip's.
"""


def ordered_classes(description: Description) -> frozenset[str]:
    """Classes of neurons for which the order of what arrives may show."""
    return frozenset(
        name
        for name, neuron in description.neurons.items()
        if neuron.arrivals.per != "step" and neuron.arrivals.overflow.startswith("saturate")
    )


def model_of(
    program: ProgramOp, description: Description, accumulate: Accumulate = "auto"
) -> ModuleOp:
    """The chip's model of a program, which `verify`s against the description."""
    ordered = ordered_classes(description)
    if accumulate == "guarded":
        return Model(program, description, frozenset(), guarded=ordered).build()
    if accumulate == "events" or not ordered:
        return Model(program, description, ordered).build()
    model = Model(program, description, frozenset())
    module = model.build()
    if accumulate == "sum":
        return module
    doubtful = model.doubtful(module) & ordered
    if not doubtful:
        return module
    return Model(program, description, doubtful).build()


@dataclass
class Model:
    """Writes the network. Subclasses say what else weights and parameters may be."""

    program: ProgramOp
    description: Description
    one_by_one: frozenset[str]
    """The classes of neurons whose arrivals are single events."""
    guarded: frozenset[str] = frozenset()
    """The classes that say whether their sums might have been fitted on the way."""
    _doubts: dict[str, SSAValue] = field(default_factory=dict)
    _assembly: Assembly = field(init=False)
    _delays: dict[tuple[str, int], DelayOp] = field(default_factory=dict)
    _inputs: dict[str, SSAValue] = field(default_factory=dict)
    _written: list[tuple[str, snn.NeuronOp, list[Arriving]]] = field(default_factory=list)
    _places: dict[str, Array] = field(default_factory=dict)
    """Slots of what lies on a chip of one core."""

    def build(self) -> ModuleOp:
        most = self.description.inputs.most
        element = i1 if most == 1 else i8
        types: dict[str, Stream] = {
            name: TensorType(element, op.shape.get_values())
            for name, op in self.program.inputs.items()
        }
        for name, drive in self.program.drives.items():
            bits = _signed_bits(self._driven_parameter(drive))
            shape = self.program.populations[drive.target_name].shape.get_values()
            types[name] = TensorType(IntegerType(bits), shape)
        a = self._assembly = Assembly(self.program.sym_name.data, types)
        for name in self.program.inputs:
            self._inputs[name] = self._taken(name, a.inputs[name], most)
        if len(cores_of(self.program)) == 1:
            placed = places_of(self.program)
            self._places = {name: slots for name, (_, slots) in placed.items()}
        streams: dict[str, SSAValue] = {}
        for name in self._order():
            op = self.program.populations[name]
            streams[name] = self._population(op, streams)
        for (name, _), delay in self._delays.items():
            if name in streams:
                a.close(delay, streams[name])
        outputs = {}
        for name, output in self.program.outputs.items():
            source = output.source.root_reference.data
            shape = self.program.populations[source].shape.get_values()
            given = self._given(self.program.populations[source], streams[source])
            same = tuple(shape) == shape_of(given)
            outputs[name] = given if same else a.add(snn.ReshapeOp(given, shape))
        return a.finish(outputs | self._doubts)

    def doubtful(self, module: ModuleOp) -> frozenset[str]:
        """The classes for which a sum may have to be fitted."""
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        most = self.description.inputs.most
        # what the user gives is clipped first
        known = dict.fromkeys(self.program.inputs, (0.0, 255.0)) if most > 1 else {}
        ranges = network_ranges(network, known)
        found = set()
        for neuron_class, neuron, arriving in self._written:
            rule = self.description.neurons[neuron_class].arrivals
            half = 1 << (rule.bits - 1)
            values = ranges.populations[neuron].values
            for one in arriving:
                if one.unfitted is None:
                    continue
                interval = values[one.unfitted]
                if (np.asarray(interval.low) < 1 - half).any() or (
                    np.asarray(interval.high) > half - 1
                ).any():
                    found.add(neuron_class)
        return frozenset(found)

    def _taken(self, name: str, stream: SSAValue, most: int) -> SSAValue:
        """An input as the chip takes it: flat, and so many spikes a step at most."""
        stream = self._flat(name, stream)
        if most in (1, 255):
            return stream

        def clipped(b: Body, n: Scalar) -> Outputs:
            return [b.truncate(b.minimum(b.extend_unsigned(n, 16), most), 8)], []

        return self._assembly.add(
            build_neuron(
                clipped,
                inputs={"n": stream},
                states={},
                parameters={},
                population=shape_of(stream),
                node=f"{name}.clip",
            )
        )

    def _flat(self, name: str, stream: SSAValue) -> SSAValue:
        shape = shape_of(stream)
        if len(shape) == 1:
            return stream
        size = int(np.prod(shape, dtype=np.int64))
        return self._assembly.add(snn.ReshapeOp(stream, [size], node=f"{name}.flat"))

    def _driven_parameter(self, drive: DriveOp) -> Parameter:
        op = self.program.populations[drive.target_name]
        return self.description.neurons[op.neuron_class.data].parameters[drive.parameter.data]

    def _driven(self, name: str, drive: DriveOp) -> SSAValue:
        """What drives a parameter, flat, and held at its ends."""
        flat, parameter = (
            self._flat(name, self._assembly.inputs[name]),
            self._driven_parameter(drive),
        )
        half = 1 << (_signed_bits(parameter) - 1)
        if (parameter.low, parameter.high) == (-half, half - 1):
            return flat

        def held(b: Body, x: Scalar) -> Outputs:
            return [b.maximum(b.minimum(x, parameter.high), parameter.low)], []

        return self._assembly.add(
            build_neuron(
                held,
                inputs={"x": flat},
                states={},
                parameters={},
                population=shape_of(flat),
                node=f"{name}.held",
            )
        )

    def _order(self) -> list[str]:
        """Populations, those first whose spikes arrive in the same step."""
        before: dict[str, set[str]] = {name: set() for name in self.program.populations}
        for op in self.program.synapses:
            if op.source_name in before and not self._latency(op):
                before[op.target_name].add(op.source_name)
        ordered: list[str] = []
        while before:
            ready = [name for name, needed in before.items() if not needed - set(ordered)]
            if not ready:
                raise ValueError("populations whose spikes arrive in the same step form a loop")
            ordered.append(ready[0])
            del before[ready[0]]
        return ordered

    def _edge(self, op: ConnectionsOp) -> Edge:
        return self.description.edges[op.edge.data]

    def _latency(self, op: ConnectionsOp) -> int:
        return self._edge(op).latency + int(op.delay.value.data)

    def _population(self, op: PopulationOp, streams: dict[str, SSAValue]) -> SSAValue:
        a, node = self._assembly, op.sym_name.data
        neuron_class = op.neuron_class.data
        neuron = self.description.neurons[neuron_class]
        arriving = [
            Arriving(
                a,
                neuron.arrivals,
                node,
                self._drives(op, receptor, streams),
                neuron.arithmetic,
                one_by_one=neuron_class in self.one_by_one,
                guarded=neuron_class in self.guarded,
            )
            for receptor in range(neuron.receptors)
        ]
        settings = {
            name: self.program.setting.get(name, p.default or 0)
            for name, p in self.description.settings.items()
        }
        driven = {
            drive.parameter.data: self._driven(key, drive)
            for key, drive in self.program.drives.items()
            if drive.target_name == node
        }
        writer = BodyWriter(neuron, arriving, settings, frozenset(driven))
        parameters = self._parameters(op, writer)
        for one in arriving:
            parameters |= one.parameters
        states = {
            name: a.zero(TensorType(IntegerType(bits), [])) for name, bits in writer.states.items()
        }
        built = build_neuron(
            writer.guarded if neuron_class in self.guarded else writer.equations,
            inputs=driven | {name: v for one in arriving for name, v in one.inputs.items()},
            states=states,
            parameters=parameters,
            population=(op.size,),
            node=node,
        )
        self._written.append((neuron_class, built, arriving))
        a.add(built)
        if neuron_class in self.guarded:
            self._doubts[f"{node}.doubt"] = a.add(ReduceOp("max", built.results[1], [1]))
        return built.results[0]

    def _drives(self, op: PopulationOp, receptor: int, streams: dict[str, SSAValue]) -> list[Drive]:
        """By edge in the chip's order; the sources of an edge in the order of their places."""
        drives = []
        name = op.sym_name.data
        ordered = op.neuron_class.data in (self.one_by_one | self.guarded)
        rank = {source: index for index, source in enumerate(self.program.endings)}
        for edge_name, edge in self.description.edges_to(op.neuron_class.data).items():
            found = [
                s
                for s in self.program.synapses
                if s.target_name == name
                and s.edge.data == edge_name
                and s.receptor.value.data == receptor
            ]
            if not found:
                continue
            found.sort(key=lambda s: (rank[s.source_name], s.delay.value.data))
            shift = self.program.setting.get(edge.shift.setting, 0) if edge.shift else 0
            by_number = self.description.neurons[op.neuron_class.data].arrivals.per == "index"
            tables: list[ConnectionsOp] = []
            for connections in found:
                if isinstance(connections, ConvolutionOp) and not ordered:
                    node = f"{name}.{connections.sym_name.data}"
                    stream = self._source(connections, streams)
                    drives.append(Drive(node, stream, connections, shift))
                else:
                    tables.append(connections)
            if tables:
                stream, weights, learned = self._sources(tables, streams, by_number=by_number)
                node = f"{name}.{edge_name}{receptor}"
                drives.append(Drive(node, stream, weights, shift, learned))
        return drives

    def _parameters(self, op: PopulationOp, writer: BodyWriter) -> dict[str, SSAValue]:
        """By the ports of the writer's body."""
        node = op.sym_name.data
        return {
            port: self._configured(f"{node}.{port}", values)
            for port, values in writer.ports(op).items()
        }

    def _configured(self, name: str, values: Array) -> SSAValue:
        """Numbers that neurons are configured with."""
        return self._assembly.parameter(name, values)

    def _weights(self, found: list[ConnectionsOp]) -> tuple[Array, SSAValue | None]:
        """
        The weights of some tables, [sources, neurons]; or where there are synapses, and a stream
        of their weights, [neurons, sources].
        """
        return np.concatenate([dense(synapses, self.program) for synapses in found]), None

    def _given(self, op: PopulationOp, stream: SSAValue) -> SSAValue:
        """What leaves the chip of what a population gives."""
        return stream

    def _sources(
        self, found: list[ConnectionsOp], streams: dict[str, SSAValue], *, by_number: bool
    ) -> tuple[SSAValue, Array, SSAValue | None]:
        """
        The spikes of some sources and their `_weights`, by their slots where they are on one core:
        the chip goes from slot to slot. `by_number`: source n is slot n, which may be empty.
        """
        parts = [self._source(synapses, streams) for synapses in found]
        stream = parts[0]
        if len(parts) > 1:
            stream = self._assembly.add(snn.ConcatOp(parts, 0))
        weights, learned = self._weights(found)
        places = [self._places.get(synapses.source_name) for synapses in found]
        if len({synapses.delay.value.data for synapses in found}) > 1:
            return stream, weights, learned
        taken = [slots for slots in places if slots is not None]
        if len(taken) < len(places):
            return stream, weights, learned
        slots = np.concatenate(taken)
        order = np.argsort(slots)
        if by_number:  # sources of another class are added where their slots are equal
            order = np.full(int(slots.max()) + 1, NOWHERE, np.int64)
            order[slots] = np.arange(len(slots))
        if len(order) == len(slots) and (order == np.arange(len(slots))).all():
            return stream, weights, learned
        placed = np.where(order[:, None] == NOWHERE, 0, weights[order]).astype(weights.dtype)
        if learned is not None:
            rows = len(slots) * np.arange(weights.shape[1])[:, None] + order
            learned = self._assembly.add(
                snn.RearrangeOp(learned, np.where(order == NOWHERE, NOWHERE, rows))
            )
        return self._assembly.add(snn.RearrangeOp(stream, order)), placed, learned

    def _source(self, op: ConnectionsOp, streams: dict[str, SSAValue]) -> SSAValue:
        """The spikes of a source as they arrive, [sources]."""
        name, late = op.source_name, self._latency(op)
        if name in self._inputs:
            now = self._inputs[name]
            if not late:
                return now
            if (name, late) not in self._delays:
                delay = self._delayed(name, late, stream_type(now))
                self._assembly.close(delay, now)
            return self._delays[name, late].result
        if not late:
            return streams[name]
        source = self.program.populations[name]
        if (name, late) not in self._delays:
            self._delayed(name, late, TensorType(self._output_type(source), [source.size]))
        return self._delays[name, late].result

    def _delayed(self, name: str, late: int, type: TensorType) -> DelayOp:
        delay = self._assembly.delayed(type, f"{name}.late{late}", late)
        self._delays[name, late] = delay
        return delay

    def _output_type(self, op: PopulationOp) -> IntegerType:
        neuron = self.description.neurons[op.neuron_class.data]
        return output_type(neuron)


def output_type(neuron: Neuron) -> IntegerType:
    """The elements of what leaves a neuron."""
    if neuron.output != "spikes":
        return IntegerType(stored_bits(neuron.states[neuron.output].bits))
    return i1 if neuron.most == 1 else i8


def stored_bits(bits: int) -> int:
    """The narrowest type that holds a register."""
    return next(width for width in (8, 16, 32) if bits <= width)


def _signed_bits(parameter: Parameter) -> int:
    """Of the type, i16 or i32, that holds what a parameter may be."""
    return 16 if parameter.low >= -(1 << 15) and parameter.high < 1 << 15 else 32


def dense(op: ConnectionsOp, program: ProgramOp) -> Array:
    """Weights [sources, neurons]."""
    sources, targets, weights = op.table()
    shape = (program.endings[op.source_name].size, program.endings[op.target_name].size)
    small = narrowed(weights)
    found = np.zeros(shape, small.dtype)
    found[sources, targets] = small
    return found


UNIT = "unit"
"""The port of what 1 of the network's membrane is on the chip."""


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
            dtype = np.int16 if _signed_bits(parameter) == 16 else np.int32
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


__all__ = ["INPUT", "Accumulate", "model_of"]
