"""From one step of a graph, without its batch, to a network of the `snn` dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import (
    AnyFloat,
    DictionaryAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    f32,
    i1,
)
from xdsl.dialects.builtin import TensorType as Tensor
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dtype_of
from snncc.dialects.snn.parameters import FIXED
from snncc.importers.emitter import uniform
from snncc.importers.graph.bodies import count_of, spike_of
from snncc.importers.graph.learned import LearnedEmitter
from snncc.importers.graph.model import State
from snncc.importers.graph.neurons import Ports, write_neuron
from snncc.importers.graph.populations import Parts, Population, is_scalar, take_apart
from snncc.importers.graph.streams import emit_stream
from snncc.importers.graph.values import Value, cone

Unit: TypeAlias = "Population | _Map | _Single"


@dataclass(eq=False)
class _Map:
    """Arithmetic without states: one value, and what only it uses."""

    root: Value
    body: list[Value]
    inputs: list[Value]


@dataclass(eq=False)
class _Single:
    """One operation that is no arithmetic."""

    value: Value


def build_network(
    name: str,
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
    states: Sequence[State],
    attributes: dict[str, Attribute],
    *,
    says_training: bool = False,
    element: AnyFloat = f32,
) -> ModuleOp:
    """
    The module of a network with these streams.

    Values have no batch axis. States keep their names: `StateNames` gives them back.
    `says_training`: constants that are not learnable are known to be fixed; `element` is the
    type of the network's floats. Raises SNC-I025 for what the dialect cannot say.
    """
    training = FIXED if says_training else None
    return _Builder(inputs, outputs, states, training, element).build(name, attributes)


class _Builder:
    def __init__(
        self,
        inputs: Mapping[str, Value],
        outputs: Mapping[str, Value],
        states: Sequence[State],
        training: str | None,
        element: AnyFloat,
    ):
        self.inputs = inputs
        self.outputs = outputs
        self.states = states
        self.parts: Parts = take_apart(list(outputs.values()), states)
        self.emitter = LearnedEmitter(training, self._learnable(), element)
        self.names = _Names()
        self.aliases: dict[str, Attribute] = {}
        self.owner = {v: p for p in self.parts.populations for v in p.body}
        self.delay_of = {state.before: state for state in self.parts.delays}

    def build(self, name: str, attributes: dict[str, Attribute]) -> ModuleOp:
        network = snn.NetworkOp(
            name,
            [
                (key, Tensor(self._element(value), value.shape))
                for key, value in self.inputs.items()
            ],
            [],
            attributes=attributes,
        )
        e = self.emitter
        for key, argument in network.inputs.items():
            e.streams[self.inputs[key]] = argument
        delays = [(state, self._delay(state)) for state in self.parts.delays]
        for unit in self._units_in_order():
            if isinstance(unit, Population):
                self._population(unit)
            elif isinstance(unit, _Map):
                self._map(unit)
            else:
                emit_stream(e, unit.value, self._node(unit.value))
        for state, delay in delays:
            delay.operands[0] = e.typed(e.stream(state.after), delay.result.type)
        streams = {key: e.stream(value) for key, value in self.outputs.items()}
        if self.aliases:
            network.attributes["state_names"] = DictionaryAttr(self.aliases)
        return e.finish(network, streams)

    def _dtype(self, value: Value) -> np.dtype[Any]:
        return np.dtype(np.bool_) if value.dtype.kind == "b" else self.emitter.dtype

    def _element(self, value: Value) -> Attribute:
        return i1 if value.dtype.kind == "b" else self.emitter.element

    def _learnable(self) -> set[str]:
        """The names of the learnable parameters: theirs first."""
        ends = [*self.outputs.values(), *(state.after for state in self.states)]
        starts = (state.learned for state in self.states if state.learned is not None)
        values = (value for value in (*cone(ends), *starts) if not value.is_frozen)
        return {name for value in values for name in value.sources}

    # --- order

    def _units_in_order(self) -> Iterator[Unit]:
        units = self._units()
        unit_of: dict[Value, Unit] = {}
        for unit in units:
            for value in _gives(unit):
                unit_of[value] = unit
        done: set[int] = set()
        for first in units:
            stack: list[tuple[Unit, bool]] = [(first, False)]
            while stack:
                unit, ready = stack.pop()
                if id(unit) in done:
                    continue
                if ready:
                    done.add(id(unit))
                    yield unit
                    continue
                stack.append((unit, True))
                for value in _needs(unit):
                    source = unit_of.get(spike_of(value))
                    if source is not None and source is not unit:
                        stack.append((source, False))

    def _units(self) -> list[Unit]:
        """Populations, operations that are no arithmetic, and arithmetic in between."""
        rest = set(self.parts.rest)
        users: Counter[Value] = Counter()
        roots: set[Value] = set()
        for value in self.parts.rest:
            for operand in value.operands:
                users[operand] += 1
                if not is_scalar(value):
                    roots.add(spike_of(operand))
        for population in self.parts.populations:
            roots.update(spike_of(v) for v in population.inputs)
        roots.update(spike_of(v) for v in self.outputs.values())
        roots.update(spike_of(s.after) for s in self.states)
        units: list[Unit] = list(self.parts.populations)
        for value in self.parts.rest:
            if not is_scalar(value):
                units.append(_Single(value))
            elif value in roots or (users[value] > 1 and spike_of(value) is value):
                roots.add(value)
        for value in self.parts.rest:
            if is_scalar(value) and value in roots:
                units.append(_map_of(value, roots, rest))
        return units

    # --- units

    def _delay(self, state: State) -> snn.DelayOp:
        element = self._element_of(state.after)
        dtype = np.dtype(np.bool_) if element == i1 else dtype_of(element)
        init = self._initial(state, dtype)
        label = self.names.free(state.name or state.after.scope or "delay")
        delay = self.emitter.late(Tensor(element, state.before.shape), [1], label)
        delay.operands[1] = init
        self.emitter.streams[state.before] = delay.result
        self._alias(state, label)
        return delay

    def _initial(self, state: State, dtype: np.dtype[Any]) -> SSAValue:
        if state.learned is not None and dtype.kind == "f":
            rank = len(state.before.shape)
            return self.emitter.fixed_value(state.learned, "initial", None, rank)
        array = np.zeros((), dtype) if state.initial is None else np.asarray(state.initial)
        return self.emitter.constant(uniform(array.astype(dtype)))

    def _alias(self, state: State, place: str) -> None:
        """Users find a state under the model's name for it."""
        if state.name is not None and state.name != place:
            self.aliases[state.name] = StringAttr(place)

    def _element_of(self, value: Value) -> Attribute:
        """The element type that the stream of a value will have."""
        seen: set[Value] = set()
        while value not in seen:
            seen.add(value)
            value = spike_of(value)
            if value in self.delay_of:
                value = self.delay_of[value].after
            elif value.op in ("reshape", "take", "transpose"):
                value = value.operands[0]
            elif value.dtype.kind == "b":
                return i1
            elif is_scalar(value) and count_of(value) is not None:
                return IntegerType(16)
            else:
                break
        return self.emitter.element

    def _population(self, population: Population) -> None:
        shape = np.broadcast_shapes(
            *(state.before.shape for state in population.states),
            *(value.shape for value in population.body),
        )
        node = self.names.node(population.body, "neuron")
        read = population.outputs or _seen(population)
        outputs = list(dict.fromkeys(spike_of(value) for value in read))
        states = {state.before: state for state in population.states}
        ports = Ports()
        labels = [
            ports.free((state.name or "state").rpartition(".")[2]) for state in population.states
        ]
        for state, port in zip(population.states, labels, strict=True):
            self._alias(state, f"{node}.{port}")
        initial = {
            port: self._initial(s, self._dtype(s.before))
            for port, s in zip(labels, population.states, strict=True)
        }
        results = write_neuron(
            self.emitter,
            node,
            shape,
            ports,
            population.inputs,
            dict(zip(states, labels, strict=True)),
            initial,
            outputs,
            [state.after for state in population.states],
        )
        for value, result in zip(outputs, results, strict=True):
            self.emitter.streams[value] = result

    def _map(self, unit: _Map) -> None:
        simple = self._simple(unit)
        if simple is not None:
            self.emitter.streams[unit.root] = simple
            return
        (result,) = write_neuron(
            self.emitter, None, unit.root.shape, Ports(), unit.inputs, {}, {}, [unit.root], []
        )
        self.emitter.streams[unit.root] = result

    def _simple(self, unit: _Map) -> SSAValue | None:
        """A sum of streams or a product with a constant, which have their own operations."""
        root, e = unit.root, self.emitter
        if unit.body != [root] or root.dtype.kind != "f":
            return None
        if root.op == "add" and all(
            not v.is_constant and v.shape == root.shape for v in root.operands
        ):
            return e.add(snn.AddOp([e.stream(v) for v in root.operands], e.element))
        if root.op == "mul":
            for x, factor in (root.operands, root.operands[::-1]):
                if factor.is_constant and not x.is_constant and x.shape == root.shape:
                    s = e.fixed_value(factor, "scale", self._node(root))
                    return e.add(snn.ScaleOp(e.stream(x), s))
        return None

    def _node(self, value: Value) -> str | None:
        """The node's name of a stateless operation: its module, or its weight's."""
        for operand in value.operands[1:]:
            if operand.is_constant and operand.label and "." in operand.label:
                return operand.label.rpartition(".")[0]
        return value.scope


def _seen(population: Population) -> list[Value]:
    """What a neuron gives that nothing reads, for a neuron gives something: its last state."""
    after = [state.after for state in population.states if state.after in population.body]
    return after[-1:] or population.body[-1:]


def _gives(unit: Unit) -> Iterable[Value]:
    if isinstance(unit, Population):
        return [spike_of(value) for value in unit.outputs]
    return [unit.root if isinstance(unit, _Map) else unit.value]


def _needs(unit: Unit) -> Iterable[Value]:
    if isinstance(unit, _Single):
        return unit.value.operands
    return unit.inputs


def _map_of(root: Value, roots: set[Value], rest: set[Value]) -> _Map:
    body: list[Value] = []
    inputs: list[Value] = []
    stack, seen = [root], {root}
    while stack:
        value = stack.pop()
        body.append(value)
        for operand in value.operands:
            if operand.is_constant or operand in seen:
                continue
            seen.add(operand)
            inner = operand in rest and is_scalar(operand) and operand not in roots
            if inner:
                stack.append(operand)
            else:
                inputs.append(operand)
    return _Map(root, body, inputs)


class _Names:
    """Names of nodes, each once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def free(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.taken:
            name = f"{wanted}_{number}"
            number += 1
        self.taken.add(name)
        return name

    def node(self, body: Sequence[Value], otherwise: str) -> str:
        scopes = Counter(value.scope for value in body if value.scope)
        return self.free(scopes.most_common(1)[0][0] if scopes else otherwise)
