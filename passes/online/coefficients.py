"""
The Jacobian of a neuron's step as values of the network around it.

    s'[i] = sum over j of A[i, j] s[j] + B[i] x        z = sum over j of C[j] s[j] + D x

are the tangents of a body. What of them changes with the neuron's activity is put out by the
neuron itself, computed once for each element; what follows from parameters alone is a fixed
value, and what follows from nothing is a number. The derivatives of an output are factored
into taps: a gain that changes (the pseudo-derivative of a spike) times coefficients that do
not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, StringAttr, TensorType
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import array_of, dense_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.fixed import is_fixed, scalars_of
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import KNOWN_AS, known_as, node_name, shape_of, stream_type
from snncc.passes.online.tangents import Row, Tangent, Tangents, product, total
from snncc.passes.quantization.attributes import read_held

Coefficient: TypeAlias = "float | SSAValue"
"""A number, a fixed value (a scalar, or of the population's shape) or a stream of that shape."""


@dataclass(frozen=True)
class Tap:
    """A part of an output's derivative: gain * (sum over j of states[j] * s[j] + direct * x)."""

    gain: SSAValue | None
    """A stream of the population's shape; 1, where there is none."""
    states: Mapping[int, Coefficient]
    direct: Coefficient | None


@dataclass(frozen=True)
class _Factored:
    """A derivative: the factor that changes, as a scalar of the body, times one that does not."""

    gain: SSAValue | None
    rest: Tangent


def has_spikes(neuron: snn.NeuronOp) -> bool:
    return any(isinstance(op, snn.SpikeOp | snn.CountOp) for op in neuron.body.block.ops)


def held_ends(neuron: snn.NeuronOp) -> list[Operation]:
    """
    The operations by which quantization holds states within their types (`held`): no part of
    what the neuron computes.
    """
    names, found = read_held(neuron), list[Operation]()
    for port, value in zip(neuron.state_ports, neuron.terminator.states, strict=True):
        op = value.owner
        while port.name in names and isinstance(op, arith.TruncIOp | arith.MinSIOp | arith.MaxSIOp):
            if not isinstance(op, arith.TruncIOp):
                found.append(op)
            op = op.operands[0].owner
    return found


class Jacobian:
    """
    The derivatives of a neuron's outputs and next states by its states and by `columns`,
    other arguments of its body. `neuron` is the neuron that also puts out what changes.

    Raises NoDerivative, which names the operation.
    """

    def __init__(
        self,
        neuron: snn.NeuronOp,
        columns: Sequence[Port],
        element: AnyFloat,
        builder: Builder,
        surrogate: SurrogateAttr | None,
    ):
        self._element = element
        self._builder = builder
        self._population = neuron.population
        self._own_outputs = len(neuron.outputs)
        block, ends = neuron.body.block, neuron.terminator
        self._own_operations = set(block.ops)
        states = [port.argument for port in neuron.state_ports]
        asked: list[SSAValue] = [*states, *(port.argument for port in columns)]
        rows = list(dict.fromkeys((*ends.outputs, *ends.states)))
        tangents = Tangents(block, element, asked, rows, surrogate)
        self._body = tangents.body
        self._ports = (*neuron.input_ports, *neuron.parameter_ports)
        self._fixed_arguments = {
            p.argument: p.operand for p in self._ports if is_fixed_value(p.operand)
        }
        self._constant: dict[SSAValue, bool] = {}
        self._next: list[Row] = [tangents.row(value) for value in ends.states]
        held = [] if has_spikes(neuron) else held_ends(neuron)
        quiet = Tangents(block, element, asked, rows, surrogate, spikes=False, straight=held)
        self._quiet: list[Row] = [quiet.row(value) for value in ends.states]
        outputs = [tangents.row(value) for value in ends.outputs]
        self._outputs = [
            {column: self._factored(tangent) for column, tangent in row.items()} for row in outputs
        ]
        self._states: list[BlockArgument] = [port.argument for port in neuron.state_ports]
        self._values: dict[SSAValue, Coefficient] = {}
        self.neuron = self._insert(neuron)

    # --- what is asked for

    def decay(self, i: int, j: int, quiet: bool = False) -> Coefficient | None:
        """
        A[i, j]: the derivative of next state i by state j. Of a `quiet` neuron it is what it
        would be without spikes: no reset has a part in it. One that never spikes is quiet while
        none of its states is held at an end of its type.
        """
        return self._coefficient(self._rows(quiet)[i].get(self._states[j]))

    def drive(self, i: int, column: SSAValue, quiet: bool = False) -> Coefficient | None:
        """B[i]: the derivative of next state i by an argument."""
        return self._coefficient(self._rows(quiet)[i].get(column))

    def memory(
        self, sources: Sequence[SSAValue], outputs: Sequence[int], quiet: bool = False
    ) -> list[int]:
        """The states through which these arguments reach these outputs, later on."""
        count, after = len(self._states), self._rows(quiet)
        reads = {i: {j for j in range(count) if self._states[j] in after[i]} for i in range(count)}
        reached = {
            i
            for i in range(count)
            if self._states[i] in sources or any(s in after[i] for s in sources)
        }
        seen = {j for o in outputs for j in range(count) if self._states[j] in self._outputs[o]}
        for _ in range(count):
            reached |= {i for i in range(count) if reads[i] & reached}
            seen |= {j for i in seen for j in reads[i]}
        return sorted(reached & seen)

    def taps(self, output: int, states: Sequence[int], column: SSAValue | None) -> list[Tap]:
        """The derivative of an output by some states and an argument."""
        row = self._outputs[output]
        gains: dict[SSAValue | None, None] = {}
        by_state = {j: row[self._states[j]] for j in states if self._states[j] in row}
        direct = None if column is None else row.get(column)
        for part in (*by_state.values(), *([] if direct is None else [direct])):
            gains[part.gain] = None
        taps: list[Tap] = []
        for gain in gains:
            of_states = {
                j: coefficient
                for j, part in by_state.items()
                if part.gain is gain and (coefficient := self._coefficient(part.rest)) is not None
            }
            own = direct.rest if direct is not None and direct.gain is gain else None
            stream = None if gain is None else self._coefficient(Scalar(self._body, gain))
            assert not isinstance(stream, float)
            taps.append(Tap(stream, of_states, self._coefficient(own)))
        return taps

    # --- how it is found

    def _rows(self, quiet: bool) -> list[Row]:
        return self._quiet if quiet else self._next

    def _coefficient(self, tangent: Tangent | None) -> Coefficient | None:
        if tangent is None:
            return None
        if isinstance(tangent, float):
            return tangent or None
        return self._values[tangent.value]

    def _is_constant(self, value: SSAValue) -> bool:
        """Whether a scalar of the body follows from fixed values alone."""
        if value not in self._constant:
            owner = value.owner
            self._constant[value] = (
                all(map(self._is_constant, owner.operands))
                if isinstance(owner, Operation)
                else value in self._fixed_arguments
            )
        return self._constant[value]

    def _factored(self, tangent: Tangent) -> _Factored:
        if isinstance(tangent, float) or self._is_constant(tangent.value):
            return _Factored(None, tangent)
        op = tangent.value.owner
        parts = (
            [self._factored(Scalar(self._body, v)) for v in op.operands]
            if (isinstance(op, arith.MulfOp | arith.NegfOp | arith.AddfOp))
            else []
        )
        gains = [part.gain for part in parts if part.gain is not None]
        if isinstance(op, arith.NegfOp):
            return _Factored(gains[0], product(-1.0, parts[0].rest))
        if isinstance(op, arith.MulfOp) and len(gains) == 1:
            return _Factored(gains[0], product(parts[0].rest, parts[1].rest))
        if isinstance(op, arith.AddfOp) and parts[0].gain is parts[1].gain:
            return _Factored(gains[0], total(parts[0].rest, parts[1].rest))
        return _Factored(tangent.value, 1.0)

    def _insert(self, neuron: snn.NeuronOp) -> snn.NeuronOp:
        """The neuron with what changes among its outputs; the fixed values beside it."""
        found: dict[SSAValue, None] = {}
        for tangent in (t for row in (*self._next, *self._quiet) for t in row.values()):
            if isinstance(tangent, Scalar):
                found[tangent.value] = None
        for part in (p for row in self._outputs for p in row.values()):
            if part.gain is not None:
                found[part.gain] = None
            if isinstance(part.rest, Scalar):
                found[part.rest.value] = None
        changing = [value for value in found if not self._is_constant(value)]
        constant = [value for value in found if self._is_constant(value)]
        numbers = scalars_of(neuron.body.block, {})
        for value in constant:
            if value in numbers:
                self._values[value] = float(numbers[value])
        self._insert_fixed([value for value in constant if value not in numbers])
        made = with_outputs(neuron, range(self._own_outputs), changing)
        self._values.update(zip(changing, made.outputs[self._own_outputs :], strict=True))
        return made

    def forget_unread(self) -> None:
        """Takes from the neuron what nobody asked for, at the end."""
        outputs = self.neuron.outputs
        kept = [
            index
            for index, output in enumerate(outputs)
            if index < self._own_outputs or output.first_use is not None
        ]
        self.neuron = with_outputs(self.neuron, kept, [])
        block = self.neuron.body.block
        for op in reversed(list(block.ops)):
            is_ours = op not in self._own_operations and op is not block.last_op
            if is_ours and all(result.first_use is None for result in op.results):
                block.erase_op(op)

    def _insert_fixed(self, values: Sequence[SSAValue]) -> None:
        """Coefficients as neurons without inputs and states: scalars where all that is read is."""
        for value in values:
            operands = {
                f"p{index}": self._narrowed(self._fixed_arguments[argument])
                for index, argument in enumerate(_arguments_of(value))
            }
            uniform = all(shape_of(operand) == () for operand in operands.values())
            if uniform and isinstance(value, BlockArgument) and value.type == self._element:
                self._values[value] = operands["p0"]
                continue

            def write(b: Body, value: SSAValue = value, **p: Scalar) -> Outputs:
                known: dict[SSAValue, SSAValue] = dict(
                    zip(_arguments_of(value), (s.value for s in p.values()), strict=True)
                )
                return [Scalar(b, _copied(value, known, b))], []

            fixed = build_neuron(
                write,
                inputs={},
                states={},
                parameters=operands,
                population=() if uniform else self._population,
                float_type=self._element,
            )
            fixed.kind = None
            self._builder.insert(fixed)
            self._values[value] = fixed.outputs[0]

    def _narrowed(self, operand: SSAValue) -> SSAValue:
        """A fixed value that is the same for all elements, as a scalar."""
        op = operand.owner
        if shape_of(operand) == ():
            return operand
        if isinstance(op, snn.ConstantOp) and op.value.is_splat():
            array = array_of(op.value, stream_type(operand)).ravel()[0]
            return self._inserted(snn.ConstantOp(dense_of(np.asarray(array))))
        if int(np.prod(shape_of(operand))) == 1:
            return self._inserted(snn.ReshapeOp(operand, ()))
        return operand

    def _inserted(self, op: Operation) -> SSAValue:
        self._builder.insert(op)
        return op.results[0]


def is_constant(coefficient: Coefficient | None) -> bool:
    """Whether a coefficient is the same at every step."""
    return coefficient is None or isinstance(coefficient, float) or is_fixed_value(coefficient)


def is_uniform(coefficient: Coefficient | None) -> bool:
    """Whether it is the same at every step and for all elements."""
    if coefficient is None or isinstance(coefficient, float):
        return True
    return is_fixed_value(coefficient) and shape_of(coefficient) == ()


def is_fixed_value(value: SSAValue) -> bool:
    return isinstance(value.owner, Operation) and is_fixed(value.owner)


def _arguments_of(value: SSAValue) -> list[BlockArgument]:
    """The arguments of the body that a scalar follows from."""
    found: dict[BlockArgument, None] = {}
    stack, seen = [value], set[SSAValue]()
    while stack:
        top = stack.pop()
        if top in seen:
            continue
        seen.add(top)
        if isinstance(top, BlockArgument):
            found[top] = None
        else:
            assert isinstance(top.owner, Operation)
            stack.extend(top.owner.operands)
    return list(found)


def _copied(value: SSAValue, known: Mapping[SSAValue, SSAValue], body: Body) -> SSAValue:
    """A scalar with all that it follows from, written into another body."""
    values = dict(known)

    def copy(wanted: SSAValue) -> SSAValue:
        if wanted not in values:
            op = wanted.owner
            assert isinstance(op, Operation)
            for operand in op.operands:
                copy(operand)
            body.insert(op.clone(values))
        return values[wanted]

    return copy(value)


def with_outputs(
    neuron: snn.NeuronOp, kept: Sequence[int], added: Sequence[SSAValue]
) -> snn.NeuronOp:
    """
    A neuron in place of the given one that puts out some of its outputs, by index, and then
    more scalars of its body. Outputs that are not kept have no users.
    """
    ends = neuron.terminator
    outputs = [*(ends.outputs[index] for index in kept), *added]
    inputs, states, parameters = (
        [(port.name, port.operand) for port in ports]
        for ports in (neuron.input_ports, neuron.state_ports, neuron.parameter_ports)
    )
    count = len(neuron.outputs)
    known = known_as(neuron, count + len(neuron.initial_states))
    Rewriter.replace_op(ends, snn.NextOp(outputs, list(ends.states)), [])
    types: list[Attribute] = [TensorType(v.type, neuron.population) for v in outputs]
    region = neuron.detach_region(neuron.body)
    made = snn.NeuronOp(inputs, states, parameters, types, region, node=node_name(neuron))
    made.attributes = dict(neuron.attributes)
    if known is not None:
        fresh = [f"{known[0]}.d{index}" for index in range(len(added))]
        texts = [*(known[index] for index in kept), *fresh, *known[count:]]
        made.attributes[KNOWN_AS] = ArrayAttr([StringAttr(text) for text in texts])
    Rewriter.insert_op(made, InsertPoint.before(neuron))
    for place, index in enumerate(kept):
        neuron.outputs[index].replace_all_uses_with(made.outputs[place])
    Rewriter.erase_op(neuron)
    return made
