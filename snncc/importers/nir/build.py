"""Assembles the network: streams in the order of one step, delays first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.builder import Builder
from xdsl.dialects.builtin import (
    AnyFloat,
    ModuleOp,
    TensorType,
    f32,
    i1,
)
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar
from snncc.errors import Problem
from snncc.importers.nir.cycles import (
    instantaneous_order,
    is_recurrent_layer,
    recurrent_edges,
)
from snncc.importers.nir.emit import NirEmitter
from snncc.importers.nir.model import IDENTITY, FlatGraph, Node
from snncc.importers.nir.profiles.base import NeuronSpec, Profile
from snncc.importers.nir.shapes import Shape


class NetworkBuilder:
    """Turns a flat graph with known shapes and neurons into a module."""

    def __init__(
        self,
        graph: FlatGraph,
        shapes: Mapping[str, Shape],
        specs: Mapping[str, NeuronSpec],
        delays: Mapping[str, list[int]],
        profile: Profile,
        warnings: list[Problem],
    ):
        self.graph = graph
        self.shapes = shapes
        self.specs = specs
        self.delays = delays
        self.profile = profile
        self.predecessors = graph.predecessors()
        self.successors = graph.successors()
        self.emitter = NirEmitter(profile)
        self.values: dict[str, SSAValue] = {}
        self._elements: dict[str, Attribute] = {}
        self._late: dict[tuple[str, str], snn.DelayOp] = {}

        self.recurrent = set(recurrent_edges(graph, self._is_late, self._delays_at_source))
        for source, target in sorted(self.recurrent):
            warnings.append(
                Problem(
                    "SNC-W005",
                    f"the recurrent edge {source} -> {target} takes one step",
                    source,
                    severity="warning",
                )
            )

    def build(self, name: str, provenance: dict[str, Attribute]) -> ModuleOp:
        nodes = self.graph.nodes
        inputs = [n for n, node in nodes.items() if node.type == "Input"]
        outputs = [n for n, node in nodes.items() if node.type == "Output"]
        network = snn.NetworkOp(
            name or "network",
            [(n, TensorType(f32, self.shapes[n])) for n in inputs],
            [],
            attributes=provenance,
        )
        self.values.update(network.inputs)
        self._place_delays()
        late = {edge for edge in self.graph.edges if self._is_late(*edge)} | self.recurrent
        for current in instantaneous_order(self.graph, late):
            if current not in self.values or self._leaves_late(current):
                self._emit(current, nodes[current])
        self._connect_delays()

        return self.emitter.finish(network, {n: self.values[n] for n in outputs})

    def _delays_at_source(self, loop: Sequence[str]) -> bool:
        if self.profile.recurrent_bias == "in_layers":
            return self._is_layer(loop)
        return self.profile.recurrent_bias != "after_first"

    def _is_layer(self, loop: Sequence[str]) -> bool:
        return is_recurrent_layer(self.graph, self.predecessors, self.successors, loop)

    def _is_late(self, source: str, target: str) -> bool:
        """Whether an edge takes a step by what stands at its ends."""
        if target in self.delays and min(self.delays[target]) > 0:
            return True
        if target in self.specs and self.specs[target].latency == "input":
            return True
        return self._leaves_late(source)

    def _leaves_late(self, name: str) -> bool:
        return name in self.specs and self.specs[name].latency == "output"

    def _free(self, name: str) -> str:
        """A name near to this one that no node of the file has."""
        candidate, number = name, 0
        while candidate in self.graph.nodes:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def _place_delays(self) -> None:
        """Every delay that may look back, before its stream is known."""
        for name, steps in self.delays.items():
            if min(steps) > 0:
                element = self._input_element(name)
                self._late["node", name] = self.emitter.late(
                    TensorType(element, self.shapes[name]), steps, name
                )
                self.values[name] = self._late["node", name].result
        for name, spec in self.specs.items():
            shape = self.shapes[name]
            if spec.latency == "input":
                type = TensorType(self._input_element(name), shape)
                self._late["in", name] = self.emitter.late(type, [1], self._free(f"{name}.in"))
            elif spec.latency == "output":
                type = TensorType(self._element(name), shape)
                self._late["out", name] = self.emitter.late(type, [1], self._free(f"{name}.out"))
                self.values[name] = self._late["out", name].result
        for source in sorted({source for source, _ in self.recurrent}):
            type = TensorType(self._element(source), self.shapes[source])
            self._late["edge", source] = self.emitter.late(type, [1], self._free(f"{source}.delay"))

    def _connect_delays(self) -> None:
        for (kind, name), delay in self._late.items():
            if kind in ("node", "in"):
                stream = self.emitter.sum([self._read(p, name) for p in self.predecessors[name]])
            elif kind == "edge":
                stream = self.values[name]
            else:
                continue  # set with its neuron
            delay.operands[0] = stream

    def _read(self, source: str, target: str) -> SSAValue:
        if (source, target) in self.recurrent:
            return self._late["edge", source].result
        return self.values[source]

    def _emit(self, name: str, node: Node) -> None:
        emitter = self.emitter
        if name in self.specs:
            self._emit_neuron(name, node)
            return
        arguments = [self._read(p, name) for p in self.predecessors[name]]
        x = emitter.sum(arguments)
        if node.type in ("Output", IDENTITY):
            self.values[name] = x
        elif node.type == "Delay":
            steps = self.delays[name]
            self.values[name] = x if max(steps) == 0 else emitter.delayed(x, steps, name)
        else:
            self.values[name] = emitter.stateless(node, x, self.shapes[name])

    def _emit_neuron(self, name: str, node: Node) -> None:
        spec = self.specs[name]
        inputs: dict[str, SSAValue]
        if spec.latency == "input":
            inputs = {"x": self._late["in", name].result}
        else:
            inside = [
                p
                for p in self.predecessors[name]
                if self.profile.has_recurrent_layers and self._is_layer((p, name))
            ]
            outside = [p for p in self.predecessors[name] if p not in inside]
            if not outside:
                inside, outside = [], inside
            inputs = {"x": self.emitter.sum([self._read(p, name) for p in outside])}
            if inside:
                inputs["recurrent"] = self.emitter.sum([self._read(p, name) for p in inside])
        result = self.emitter.neuron(node, spec, inputs, self.shapes[name])
        if spec.latency == "output":
            self._late["out", name].operands[0] = result
        else:
            self.values[name] = result

    def _input_element(self, name: str) -> Attribute:
        sources = self.predecessors[name]
        return self._element(sources[0]) if len(sources) == 1 else f32

    def _element(self, name: str) -> Attribute:
        """The element type of a node's output: spikes, counts or floats."""
        passed: list[str] = []  # nodes that give what they are given
        while name not in self._elements:
            node = self.graph.nodes[name]
            self._elements[name] = f32  # what a loop of delays alone carries
            if name in self.specs:
                self._elements[name] = _output_element(self.specs[name])
            elif node.type == "Threshold":
                self._elements[name] = i1
            elif node.type in ("Delay", "Flatten", "Output", IDENTITY):
                sources = self.predecessors[name]
                if len(sources) == 1:
                    passed.append(name)
                    name = sources[0]
        for earlier in passed:
            self._elements[earlier] = self._elements[name]
        return self._elements[name]


def _output_element(spec: NeuronSpec, float_type: AnyFloat = f32) -> Attribute:
    """What the equations give, found by writing them into a block that is thrown away."""
    ports = ["x", *spec.states, *spec.parameters]
    block = Block(arg_types=[float_type] * len(ports))
    body = Body(Builder(InsertPoint.at_end(block)), float_type)
    scalars = {
        port: Scalar(body, argument) for port, argument in zip(ports, block.args, strict=True)
    }
    outputs, _ = spec.equations(body, **scalars)
    return outputs[0].element
