"""
The backward program of a network: its transpose, run from the last step to the first.

Three networks come of one:

    forward    the network, which also puts out its tape: the streams that the transpose reads
    backward   in reverse: from the gradients of the outputs and the tape to the gradients of
               inputs (streams), initial states (last values) and fixed values (sums over time)
    finish     one step: from the sums of the fixed values to the gradients of the parameters
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerAttr
from xdsl.ir import Block, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import LAST, STREAM
from snncc.dialects.snn.types import Stream, describe, shape_of, stream_type
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.lines import line_gradients
from snncc.passes.differentiation.neurons import transpose_neuron
from snncc.passes.differentiation.operations import RULES
from snncc.passes.differentiation.parameters import GRADIENT, finish_parameters
from snncc.passes.differentiation.tape import Tape, with_tape
from snncc.passes.differentiation.transposition import (
    FixedGradient,
    Transposition,
    float_element,
)
from snncc.passes.differentiation.wanted import Wanted


@dataclass
class Gradients:
    """The three networks, and who is who among their streams."""

    forward: snn.NetworkOp
    backward: snn.NetworkOp
    finish: snn.NetworkOp | None
    """None where no parameter is reached."""
    tape: tuple[str, ...]
    """Outputs of `forward` and inputs of `backward`."""
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    """Input of the network -> output of `backward`."""
    states: dict[str, str] = field(default_factory=dict[str, str])
    """State of the network -> output of `backward`."""
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    """Parameter -> output of `finish`."""


def differentiate(
    network: snn.NetworkOp, wanted: Wanted, surrogate: SurrogateAttr | None = None
) -> Gradients:
    """
    Differentiates a network, which stands in a module with its parameters.

    `backward` takes for each wanted output "d.NAME", its gradient: a stream; of a last value
    or a sum over time the same at every step. `surrogate` stands in for spikes without one.
    What no gradient reaches is not in the result. The networks are not inserted.

    Raises NoDerivative, which names the operation.
    """
    return _Differentiation(network, wanted, surrogate).run()


class _Differentiation:
    def __init__(self, network: snn.NetworkOp, wanted: Wanted, surrogate: SurrogateAttr | None):
        self.network = network
        self.wanted = wanted
        self.element: AnyFloat = float_element(network)
        self.names = StateNames(network)
        self.operations = stream_operations(network)
        self.fixed = [op for op in network.body.block.ops if is_fixed(op)]
        self.states = {
            key for key, name in self.names.name_of.items() if name in set(wanted.states)
        }
        self.active = self._active()
        self.reached = self._reached()
        self.block = Block()
        self.tape = Tape(network, self.block)
        self.t = Transposition(
            self.block,
            self.element,
            self.active,
            self.tape.read,
            surrogate,
            _is_fixed_value,
            self.tape.holds,
        )
        self.outputs: list[tuple[str, str, SSAValue]] = []
        """(name, kind, stream) of the backward network."""
        self.state_outputs: dict[str, str] = {}

    # --- what depends on what

    def _active(self) -> set[SSAValue]:
        """What depends on something that a gradient is wanted of."""
        active = {
            value for name, value in self.network.inputs.items() if name in self.wanted.inputs
        }
        for op in self.fixed:
            wanted = isinstance(op, snn.UseOp) and op.symbol in self.wanted.parameters
            if wanted or active.intersection(op.operands):
                active.update(op.results)
        stateful = {op for op, _ in self.states}
        size = -1
        while len(active) != size:  # delays read what stands below them
            size = len(active)
            for op in self.operations:
                if op in stateful or active.intersection(op.operands):
                    active.update(op.results)
        return active

    def _reached(self) -> set[SSAValue]:
        """What the gradients of the wanted outputs flow back to."""
        reached = {self.network.outputs[name] for name in self.wanted.outputs}
        size = -1
        while len(reached) != size:
            size = len(reached)
            for op in reversed(self.operations):
                if reached.intersection(op.results):
                    reached.update(v for v in op.operands if v in self.active)
        return reached

    # --- the backward network

    def run(self) -> Gradients:
        seeds = self._seed()
        delays = self._delays()
        for op in reversed(self.operations):
            if isinstance(op, snn.DelayOp):
                self._delay(op, delays.get(op))
                continue
            gradients = [self.t.total(result) for result in op.results]
            if all(gradient is None for gradient in gradients):
                continue
            if isinstance(op, snn.NeuronOp):
                self._neuron(op, gradients)
            elif type(op) in RULES:
                (gradient,) = gradients
                assert gradient is not None
                RULES[type(op)](self.t, op, gradient)
            else:
                raise NoDerivative(f"{describe(op)} has no derivative")
        inputs: dict[str, str] = {}
        for name, value in self.network.inputs.items():
            total = self.t.total(value) if name in self.wanted.inputs else None
            if total is not None:
                inputs[name] = self._put_out(f"{GRADIENT}{name}", STREAM, total)
        sums = self._sums()
        name = self.network.sym_name.data
        index_of = {value: index for index, value in enumerate(self.tape.arguments)}
        recorded = self.tape.recorded
        taped = [self.tape.name(value, index_of[value]) for value in recorded]
        backward = self._backward(f"{name}.backward", seeds, index_of)
        forward = with_tape(self.network, f"{name}.forward", recorded, taped)
        finish = finish_parameters(
            f"{name}.finish", self.fixed, sums, self.wanted.parameters, self.t
        )
        found = {} if finish is None else finish.outputs
        named = {parameter: f"{GRADIENT}{parameter}" for parameter in self.wanted.parameters}
        parameters = {p: output for p, output in named.items() if output in found}
        return Gradients(
            forward, backward, finish, tuple(taped), inputs, self.state_outputs, parameters
        )

    def _put_out(self, name: str, kind: str, stream: SSAValue) -> str:
        self.outputs.append((name, kind, stream))
        return name

    def _seed(self) -> list[tuple[str, Stream]]:
        """The gradients of the outputs come in; that of a last value counts at the last step."""
        seeds: list[tuple[str, Stream]] = []
        for name in self.wanted.outputs:
            value = self.network.outputs[name]
            type = self.t.type(shape_of(value))
            seeds.append((f"{GRADIENT}{name}", type))
            gradient: SSAValue = self.block.insert_arg(type, len(self.block.args))
            if self.network.kinds[name] == LAST:
                gradient = self._at_first_step(gradient)
            self.t.seed(value, gradient)
        return seeds

    def _at_first_step(self, stream: SSAValue) -> SSAValue:
        """A stream at the first step that is run, and 0 at every other."""
        flags = [
            self.t.insert(snn.ConstantOp(dense_of(np.array(flag, np.bool_))))
            for flag in (False, True)
        ]
        first = self.t.insert(snn.DelayOp(flags[0], 1, flags[1]))

        def chosen(b: Body, x: Scalar, first: Scalar) -> Outputs:
            return [b.select(first, x, b.constant(0.0))], []

        neuron = build_neuron(
            chosen,
            inputs={"x": stream, "first": first},
            states={},
            parameters={},
            population=shape_of(stream),
            float_type=self.element,
        )
        return self.t.insert(neuron)

    def _delays(self) -> dict[snn.DelayOp, snn.DelayOp]:
        """
        A delay transposes to a delay of the reversed stream. They stand first: what they give
        may be read above what they read. The operand is set when that is known.
        """
        made: dict[snn.DelayOp, snn.DelayOp] = {}
        for op in self.operations:
            if not isinstance(op, snn.DelayOp) or op.is_instantaneous:
                continue
            if op.result in self.reached and op.stream in self.active:
                made[op] = self._transposed(op, self.t.constant(np.zeros(shape_of(op.stream))))
                self.t.seed(op.stream, made[op].result)
        return made

    def _transposed(self, op: snn.DelayOp, stream: SSAValue) -> snn.DelayOp:
        steps = op.depth if isinstance(op.steps, IntegerAttr) else op.steps
        delay = snn.DelayOp(stream, steps, self.t.constant(0.0))
        self.t.insert(delay)
        return delay

    def _delay(self, op: snn.DelayOp, transposed: snn.DelayOp | None) -> None:
        gradient = self.t.total(op.result)
        if gradient is None:
            return
        if transposed is not None:
            transposed.operands[0] = gradient
        elif op.stream in self.active:
            delay = self._transposed(op, gradient)
            self.t.give(op.stream, lambda: delay.result)
        wanted = (op, 0) in self.states
        if wanted or op.init in self.active:
            lines = line_gradients(self.t, op, gradient)
            self.t.give(op.init, lambda: lines, LAST)
            if wanted:
                name = self.names.name_of[op, 0]
                self.state_outputs[name] = self._put_out(f"{GRADIENT}{name}", LAST, lines)

    def _neuron(self, op: snn.NeuronOp, gradients: list[SSAValue | None]) -> None:
        count = len(op.initial_states)
        wanted = [(op, index) in self.states for index in range(count)]
        asked = [w or v in self.active for w, v in zip(wanted, op.initial_states, strict=True)]
        before = [port.argument for port in op.state_ports]
        found = transpose_neuron(self.t, op, gradients, before, asked)
        for index, stream in enumerate(found):
            if wanted[index] and stream is not None:
                name = self.names.name_of[op, index]
                self.state_outputs[name] = self._put_out(f"{GRADIENT}{name}", LAST, stream)

    def _sums(self) -> list[tuple[str, SSAValue, FixedGradient]]:
        """What reaches fixed values leaves the backward network as it is, to be finished."""
        sums: list[tuple[str, SSAValue, FixedGradient]] = []
        for value, gradients in self.t.fixed.items():
            for gradient in gradients:
                name = self._put_out(f"sum.{len(sums)}", gradient.kind, gradient.stream)
                sums.append((name, value, gradient))
        return sums

    def _backward(
        self, name: str, seeds: list[tuple[str, Stream]], index_of: dict[SSAValue, int]
    ) -> snn.NetworkOp:
        self.t.insert_last(snn.YieldOp([stream for _, _, stream in self.outputs]))
        taped = [
            (self.tape.name(value, index), stream_type(self.tape.arguments[value]))
            for value, index in index_of.items()
        ]
        return snn.NetworkOp(
            name,
            [*seeds, *taped],
            [(name, stream_type(stream)) for name, _, stream in self.outputs],
            Region(self.block),
            kinds=[kind for _, kind, _ in self.outputs],
            reverse=not self.network.is_reverse,
        )


def _is_fixed_value(value: SSAValue) -> bool:
    return isinstance(value.owner, Operation) and is_fixed(value.owner)
