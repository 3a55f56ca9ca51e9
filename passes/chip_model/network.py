"""
A `core.program` as a network of streams, with the chip's own arithmetic.

Inputs are spikes or counts, and whole numbers of what drives a parameter; outputs what the
populations give. A trace has the registers of each
population as POPULATION.STATE (of receptors i0, i1, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, i1, i8
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.convolution import ConvolutionOp
from snncc.dialects.core.description import INPUT, Description, Edge, Parameter
from snncc.dialects.core.placement import cores_of, places_of
from snncc.dialects.core.program import ConnectionsOp, DriveOp, PopulationOp, ProgramOp
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.transposes import ReduceOp
from snncc.dialects.snn.types import Stream, shape_of, stream_type
from snncc.passes.chip_model.arrivals import Arriving, Drive, narrowed
from snncc.passes.chip_model.bodies import (
    BodyWriter,
    output_type,
    signed_bits,
)
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
            bits = signed_bits(self._driven_parameter(drive))
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
        half = 1 << (signed_bits(parameter) - 1)
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
                node = f"{name}.{edge_name}.r{receptor}"  # edges' names may end with a number
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


def dense(op: ConnectionsOp, program: ProgramOp) -> Array:
    """Weights [sources, neurons]."""
    sources, targets, weights = op.table()
    shape = (program.endings[op.source_name].size, program.endings[op.target_name].size)
    small = narrowed(weights)
    found = np.zeros(shape, small.dtype)
    found[sources, targets] = small
    return found


__all__ = ["INPUT", "Accumulate", "model_of"]
