"""
What an element hears of itself a step later is memory of its own.

    s1 = delay s by 1;  s, ... = neuron(x, s1)        a state that holds s

A delay of a neuron's output that the same neuron reads, element by element, becomes a state of
it: an adaptation that follows the last spike is then part of its eligibility, while what
weights read of the same delay is the activity of others.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import BlockArgument, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import KNOWN_AS, known_as, node_name


def absorb_own_delays(network: snn.NetworkOp) -> None:
    """In place; a delay that nothing else reads stays without a reader."""
    for op in list(network.body.block.ops):
        if not isinstance(op, snn.NeuronOp):
            continue
        neuron, found = op, _own_delay(op)
        while found is not None:
            neuron = _absorbed(neuron, *found)
            found = _own_delay(neuron)


def _own_delay(neuron: snn.NeuronOp) -> tuple[Port, snn.DelayOp] | None:
    for port in neuron.input_ports:
        delay = port.operand.owner
        if (
            isinstance(delay, snn.DelayOp)
            and delay.stream in neuron.outputs
            and len(delay.steps_per_element) == 1
        ):
            return port, delay
    return None


def _absorbed(neuron: snn.NeuronOp, port: Port, delay: snn.DelayOp) -> snn.NeuronOp:
    """The neuron with a state for each step of the delay, the newest first."""
    block, ends, depth = neuron.body.block, neuron.terminator, delay.depth
    groups = (neuron.input_ports, neuron.state_ports, neuron.parameter_ports)
    place = len(neuron.inputs) + len(neuron.initial_states)
    made: list[BlockArgument] = [
        block.insert_arg(port.argument.type, place + index) for index in range(depth)
    ]
    port.argument.replace_all_uses_with(made[-1])
    output = next(
        value
        for value, result in zip(ends.outputs, neuron.outputs, strict=True)
        if result is delay.stream
    )
    after = [*ends.states, output, *made[:-1]]
    Rewriter.replace_op(ends, snn.NextOp(list(ends.outputs), after), [])

    def operands(ports: Sequence[Port]) -> list[tuple[str, SSAValue]]:
        return [(p.name, p.operand) for p in ports if p.name != port.name]

    taken = {p.name for ports in groups for p in ports}
    names: list[str] = []
    for index in range(depth):
        name = f"{port.name}_{index + 1}"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    inputs, states, parameters = map(operands, groups)
    states += [(name, delay.init) for name in names]
    block.erase_arg(port.argument)
    region = neuron.detach_region(neuron.body)
    types = [output.type for output in neuron.outputs]
    result = snn.NeuronOp(
        inputs, states, parameters, types, region, node=node_name(neuron), kind=None
    )
    result.attributes = dict(neuron.attributes)
    count = len(neuron.outputs) + len(neuron.initial_states)
    known = known_as(neuron, count)
    if known is not None:
        texts = [*known, *(f"{known[0]}.{name}" for name in names)]
        result.attributes[KNOWN_AS] = ArrayAttr([StringAttr(text) for text in texts])
    Rewriter.replace_op(neuron, result, list(result.outputs))
    return result
