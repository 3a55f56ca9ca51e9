"""
The adjoint of a neuron is a neuron: its inputs are the gradients of the outputs and the tape,
its states the gradients of the states.

    (o[t], s[t]) = body(x[t], s[t-1], p)
    (dx[t], dp[t], ds[t-1]) = adjoint of the body (do[t], ds[t]; x[t], s[t-1], p)

A gradient of a parameter is that of one step and one element: it is summed over time, and
over the elements that share the parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, IntegerType
from xdsl.ir import Attribute, Block, BlockArgument, Region, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.network import LAST
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import node_name
from snncc.passes.differentiation.bodies import Adjoint
from snncc.passes.differentiation.cut import fewest_bits
from snncc.passes.differentiation.transposition import Transposition


@dataclass(frozen=True)
class _Written:
    """An adjoint body: the ports that it has arguments for, and what it gives."""

    block: Block
    outer: dict[int, BlockArgument]
    """Index of an output -> the argument that holds its gradient."""
    taped: list[tuple[Port, BlockArgument]]
    again: dict[SSAValue, SSAValue]
    """What is computed again and could be saved -> the scalar of the neuron that it is."""
    adjoints: list[tuple[Port, BlockArgument]]
    """States whose gradients are states here."""
    parameters: list[tuple[Port, BlockArgument]]
    gradients: dict[Port, Scalar]


def transpose_neuron(
    t: Transposition,
    op: snn.NeuronOp,
    gradients: Sequence[SSAValue | None],
    before: Sequence[SSAValue],
    wanted_states: Sequence[bool],
    *,
    runs: bool = True,
) -> list[SSAValue | None]:
    """
    Gives the inputs and parameters of a neuron their gradients. `before` are its states
    before the step, as values of the forward program; the result is the stream of the
    gradients of those in `wanted_states`, whose last value is that of the initial states.
    What stands for another operation does not run (`runs`): nobody sees its scalars.
    """
    reached = [index for index, gradient in enumerate(gradients) if gradient is not None]
    states: list[Port] = []
    while True:
        written = _write(t, op, reached, states, runs)
        # from the outputs back: what only feeds itself, such as a counter, stays 0
        found = [port for port in op.state_ports if port in written.gradients]
        if found == states:
            break
        states = found
    return _insert(t, op, written, gradients, before, wanted_states)


def _write(
    t: Transposition,
    op: snn.NeuronOp,
    reached: Sequence[int],
    states: Sequence[Port],
    runs: bool,
) -> _Written:
    """The adjoint body with an argument for everything that it might read."""
    ports = (*op.input_ports, *op.state_ports)
    block = Block()
    body = Body(Builder(InsertPoint.at_end(block)), t.element)

    def argument(type: Attribute, name: str) -> BlockArgument:
        made = block.insert_arg(type, len(block.args))
        made.name_hint = name
        return made

    outer = {index: argument(t.element, f"d_out{index}") for index in reached}
    taped = [(port, argument(port.argument.type, port.name)) for port in ports]
    adjoints = [(port, argument(t.element, f"d_{port.name}")) for port in states]
    parameters = [(port, argument(port.argument.type, port.name)) for port in op.parameter_ports]
    values: dict[SSAValue, Scalar] = {
        port.argument: Scalar(body, made) for port, made in (*taped, *parameters)
    }
    adjoint = Adjoint(op.body.block, body, values, t.surrogate)
    adjoint.forward()
    again = {adjoint.values[v].value: v for v in adjoint.values if runs and v not in values}
    for index, made in outer.items():
        adjoint.seed(op.terminator.outputs[index], Scalar(body, made))
    after = dict(zip(op.state_ports, op.terminator.states, strict=True))
    for port, made in adjoints:
        adjoint.seed(after[port], Scalar(body, made))
    wanted = [port for port in (*op.input_ports, *op.parameter_ports) if t.is_active(port.operand)]
    asked = (*wanted, *op.state_ports)
    found = adjoint.backward({port.argument for port in asked})
    gradients = {port: found[port.argument] for port in asked if port.argument in found}
    return _Written(block, outer, taped, again, adjoints, parameters, gradients)


def _insert(
    t: Transposition,
    op: snn.NeuronOp,
    written: _Written,
    gradients: Sequence[SSAValue | None],
    before: Sequence[SSAValue],
    wanted_states: Sequence[bool],
) -> list[SSAValue | None]:
    block = written.block
    of_states: list[SSAValue | None] = [None] * len(op.initial_states)
    given = [p for p in written.gradients if p not in op.state_ports]
    kept = [p for p, _ in written.adjoints]
    asked = [p for p, wanted in zip(op.state_ports, wanted_states, strict=True) if wanted]
    outputs = [*given, *(port for port in kept if port in asked)]
    if not outputs:
        return of_states
    block.add_op(
        snn.NextOp(
            [written.gradients[port].value for port in outputs],
            [written.gradients[port].value for port in kept],
        )
    )
    _forget_unread(block)
    inputs: list[tuple[str, SSAValue]] = []
    for index, made in written.outer.items():
        gradient = gradients[index]
        if gradient is not None and _is_read(block, made):
            inputs.append((f"d_out{index}", gradient))
    inputs += _saved(t, op, written, before)
    zero = t.constant(0.0)
    states = [(f"d_{port.name}", zero) for port, _ in written.adjoints]
    parameters: list[tuple[str, SSAValue]] = []
    for port, made in written.parameters:
        if _is_read(block, made):
            parameters.append((port.name, t.value(port.operand)))
    name = node_name(op)
    inputs, states, parameters = _with_unique_names(inputs, states, parameters)
    neuron = snn.NeuronOp(
        inputs,
        states,
        parameters,
        [t.type(op.population) for _ in outputs],
        Region(block),
        node=None if name is None else f"d.{name}",
    )
    t.insert(neuron)
    for port, result in zip(outputs, neuron.outputs, strict=True):
        if port in kept:
            of_states[op.state_ports.index(port)] = result
        else:
            t.give(port.operand, partial(_same, result))
    for port, gradient in zip(op.state_ports, of_states, strict=True):
        if gradient is not None:
            t.give(port.operand, partial(_same, gradient), LAST)
    return of_states


def _saved(
    t: Transposition, op: snn.NeuronOp, written: _Written, before: Sequence[SSAValue]
) -> Operands:
    """What the adjoint body reads of the forward program: of all that would do, the least."""
    block, states = written.block, dict(zip(op.state_ports, before, strict=True))
    ports: dict[SSAValue, Port] = {made: port for port, made in written.taped}
    streams: dict[SSAValue, SSAValue] = {
        made: states.get(port, port.operand) for made, port in ports.items()
    }
    outputs = dict(zip(op.terminator.outputs, op.outputs, strict=True))
    again = {made: v for made, v in written.again.items() if made not in ports}
    for made, scalar in again.items():
        streams[made] = outputs.get(scalar, scalar)

    def bits(value: SSAValue) -> int:
        assert isinstance(value.type, IntegerType | AnyFloat)
        return 0 if t.is_held(streams[value]) else value.type.bitwidth

    computed = [inner for inner in block.ops if again.keys() & set(inner.results)]
    place = len(block.args) - len(written.adjoints) - len(written.parameters)
    found: Operands = []
    for value in fewest_bits(list(ports), computed, bits):
        made = value
        if value not in ports:  # behind these
            made = block.insert_arg(value.type, place)
            made.name_hint = value.name_hint or "value"
            place += 1
            value.replace_all_uses_with(made)
        found.append((ports[value].name if value in ports else "value", t.value(streams[value])))
    _forget_unread(block)
    for _, argument in written.taped:
        _is_read(block, argument)
    return found


def _same(value: SSAValue) -> SSAValue:
    return value


def _forget_unread(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if op is not block.last_op and all(result.first_use is None for result in op.results):
            block.erase_op(op)


def _is_read(block: Block, argument: BlockArgument) -> bool:
    """Whether a body reads an argument; one that it does not read goes."""
    if argument.first_use is not None:
        return True
    block.erase_arg(argument)
    return False


Operands = list[tuple[str, SSAValue]]


def _with_unique_names(*groups: Operands) -> list[Operands]:
    taken: set[str] = set()

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    return [[(free(name), value) for name, value in group] for group in groups]
