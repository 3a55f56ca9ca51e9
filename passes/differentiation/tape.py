"""
The tape: streams of the forward program that the backward one reads.

A value of the tape is a stream of the network, or a scalar of a neuron's body, such as the
state before a step, which stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import STREAM
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import KNOWN_AS, Stream, known_as, node_name, stream_type

TAPE = "tape."


class Tape:
    """What the backward program asked for: each value is an argument of its block."""

    def __init__(self, network: snn.NetworkOp, block: Block):
        self._inputs = {value: name for name, value in network.inputs.items()}
        self._block = block
        self.arguments: dict[SSAValue, BlockArgument] = {}

    def read(self, value: SSAValue) -> SSAValue:
        """The stream that holds a value of the forward program."""
        if value not in self.arguments:
            place = len(self._block.args)
            self.arguments[value] = self._block.insert_arg(_type_of(value), place)
        return self.arguments[value]

    def holds(self, value: SSAValue) -> bool:
        """Whether it is there anyway: asked for already, or an input of the network."""
        return value in self.arguments or value in self._inputs

    def name(self, value: SSAValue, index: int) -> str:
        return self._inputs.get(value, f"{TAPE}{index}")

    @property
    def recorded(self) -> list[SSAValue]:
        """What the forward program puts out; its inputs are known to who runs it."""
        return [value for value in self.arguments if value not in self._inputs]


def _type_of(value: SSAValue) -> Stream:
    """The type of a stream; a neuron's scalar has the shape of the population."""
    if isinstance(value.type, TensorType):
        return value.type
    neuron = _neuron_of(value)
    return TensorType(value.type, neuron.population)


def _neuron_of(value: SSAValue) -> snn.NeuronOp:
    block = value.owner if isinstance(value.owner, Block) else value.owner.parent_block()
    assert block is not None
    neuron = block.parent_op()
    assert isinstance(neuron, snn.NeuronOp)
    return neuron


def with_tape(
    network: snn.NetworkOp, name: str, values: Sequence[SSAValue], names: Sequence[str]
) -> snn.NetworkOp:
    """A copy of a network that also puts out these values, under these names."""
    mapped: dict[SSAValue, SSAValue] = {}
    copy = network.clone(mapped)
    copies = dict(zip(network.body.block.ops, copy.body.block.ops, strict=True))
    scalars: dict[snn.NeuronOp, list[SSAValue]] = {}
    for value in values:
        if not isinstance(value.type, TensorType):
            scalars.setdefault(_neuron_of(value), []).append(value)
    known = StateNames(network)
    for neuron, held in scalars.items():
        twin = copies[neuron]
        assert isinstance(twin, snn.NeuronOp)
        texts = _texts(known, neuron, held)
        streams = put_out(twin, [mapped[value] for value in held], texts)
        mapped.update(zip(neuron.outputs, streams, strict=False))
        mapped.update(zip(held, streams[len(neuron.outputs) :], strict=True))
    return with_outputs(copy, name, names, [mapped[value] for value in values])


def _texts(names: StateNames, neuron: snn.NeuronOp, values: Sequence[SSAValue]) -> list[str]:
    """The names of scalars of a body: of states "NAME.before", of others "NODE.HINT"."""
    states: dict[SSAValue, str] = {
        port.argument: names.name_of[neuron, i] for i, port in enumerate(neuron.state_ports)
    }
    node = names.node_of.get(neuron, "map")  # what has neither a node nor states has no name
    found: list[str] = []
    for value in values:
        hint = value.name_hint or "value"
        text = f"{states[value]}.before" if value in states else f"{node}.{hint}"
        others = sum(known.split("'")[0] == text for known in found)
        found.append(text + "'" * others)
    return found


def with_outputs(
    network: snn.NetworkOp,
    name: str,
    names: Sequence[str],
    streams: Sequence[SSAValue],
    kind: str = STREAM,
) -> snn.NetworkOp:
    """A network that also puts out these of its streams, of the body of one that is done with."""
    inputs, outputs, kinds, ends = network.inputs, network.outputs, network.kinds, network.yield_op
    Rewriter.replace_op(ends, snn.YieldOp([*ends.streams, *streams]), [])
    return snn.NetworkOp(
        name,
        [(n, stream_type(value)) for n, value in inputs.items()],
        [
            *((n, stream_type(value)) for n, value in outputs.items()),
            *((n, stream_type(value)) for n, value in zip(names, streams, strict=True)),
        ],
        network.detach_region(network.body),
        dict(network.attributes),
        kinds=[*kinds.values(), *(kind for _ in streams)],
        reverse=network.is_reverse,
    )


def put_out(
    neuron: snn.NeuronOp, scalars: Sequence[SSAValue], names: Sequence[str]
) -> Sequence[SSAValue]:
    """
    Replaces a neuron by one that also puts out scalars of its body, such as states as they
    were before the step, under these names; gives all of its outputs.
    """
    ends, ports = neuron.terminator, neuron.state_ports
    Rewriter.replace_op(ends, snn.NextOp([*ends.outputs, *scalars], list(ends.states)), [])
    types: list[Attribute] = [result.type for result in neuron.outputs]
    types += [TensorType(scalar.type, neuron.population) for scalar in scalars]

    def operands(ports: Sequence[Port]) -> list[tuple[str, SSAValue]]:
        return [(port.name, port.operand) for port in ports]

    inputs, parameters = operands(neuron.input_ports), operands(neuron.parameter_ports)
    before = operands(ports)
    region = neuron.detach_region(neuron.body)
    made = snn.NeuronOp(
        inputs,
        before,
        parameters,
        types,
        region,
        node=node_name(neuron),
        kind=None,
    )
    made.attributes = dict(neuron.attributes)
    known = known_as(neuron, len(neuron.outputs) + len(neuron.initial_states))
    if known is not None:
        count = len(neuron.outputs)
        made.attributes[KNOWN_AS] = ArrayAttr(
            [StringAttr(text) for text in (*known[:count], *names, *known[count:])]
        )
    Rewriter.replace_op(neuron, made, made.outputs[: len(neuron.outputs)])
    return made.outputs
