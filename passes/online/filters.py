"""
Linear memory with constant coefficients, as a filter that can be applied to any stream.

    q = sum over j of output[j] * s[j] + direct * x
    s'[i] = sum over j of decay[i, j] * s[j] + drive[i] * x

A leaky readout, a synapse, a delay and a membrane without its spikes are such filters. They
commute with weighted sums: what a readout does to the sums of spikes can be done to the
eligibility of each synapse, or to a presynaptic trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import is_float, is_spike, shape_of, stream_type
from snncc.passes.differentiation.transposition import Transposition
from snncc.passes.online.coefficients import Coefficient, Jacobian, Tap, is_uniform


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter with `count` states, from +0; what is not in a mapping is 0."""

    count: int
    decay: Mapping[tuple[int, int], Coefficient]
    drive: Mapping[int, Coefficient]
    output: Mapping[int, Coefficient]
    direct: Coefficient | None

    @property
    def coefficients(self) -> list[Coefficient]:
        direct = [] if self.direct is None else [self.direct]
        maps = (self.decay, self.drive, self.output)
        return [*(c for values in maps for c in values.values()), *direct]

    @property
    def is_uniform(self) -> bool:
        """Whether it is a filter at all: one for all elements, the same at every step."""
        return all(map(is_uniform, self.coefficients))

    @property
    def is_sum(self) -> bool:
        """Whether it gives the sum of all steps so far."""
        parts = (self.decay.get((0, 0)), self.drive.get(0), self.output.get(0), self.direct)
        return self.count == 1 and all(part == 1.0 for part in parts)

    def step(
        self, ports: Ports, x: Scalar, states: Sequence[Scalar]
    ) -> tuple[Scalar, list[Scalar]]:
        """(q, next states), written into the body of a neuron that reads the coefficients."""
        after = [
            ports.sum(
                [
                    *((self.decay.get((i, j)), s) for j, s in enumerate(states)),
                    (self.drive.get(i), x),
                ]
            )
            for i in range(self.count)
        ]
        result = ports.sum(
            [*((self.output.get(j), s) for j, s in enumerate(states)), (self.direct, x)]
        )
        return result, after


def filter_of(
    jacobian: Jacobian, column: SSAValue, states: Sequence[int], tap: Tap, quiet: bool = False
) -> Filter:
    """What an argument of a body does to a tap of its output, through these states."""
    decay: dict[tuple[int, int], Coefficient] = {}
    drive: dict[int, Coefficient] = {}
    output: dict[int, Coefficient] = {}
    for i, state in enumerate(states):
        for j, other in enumerate(states):
            found = jacobian.decay(state, other, quiet)
            if found is not None:
                decay[i, j] = found
        found = jacobian.drive(state, column, quiet)
        if found is not None:
            drive[i] = found
        if state in tap.states:
            output[i] = tap.states[state]
    return Filter(len(states), decay, drive, output, tap.direct)


def delay_filter(steps: int) -> Filter:
    """The value some steps ago."""
    moves = {(i + 1, i): 1.0 for i in range(steps - 1)}
    return Filter(steps, moves, {0: 1.0}, {steps - 1: 1.0}, None)


@dataclass
class Ports:
    """
    The operands of a neuron that is being put together, each read under one name; then, in
    its body, the scalars.
    """

    inputs: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    parameters: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    states: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    _names: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    _signed: set[str] = field(default_factory=set[str])
    _scalars: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    _sums: dict[object, Scalar] = field(default_factory=dict[object, Scalar])
    _body: Body | None = None

    def read(self, values: Iterable[Coefficient | None], fixed: bool = True) -> None:
        """Values that the body will ask for; `fixed` ones are parameters of the neuron."""
        for value in values:
            if isinstance(value, SSAValue) and value not in self._names:
                group, letter = (self.parameters, "p") if fixed else (self.inputs, "x")
                self._names[value] = f"{letter}{len(group)}"
                group[self._names[value]] = value
                if _is_signed(value):
                    self._signed.add(self._names[value])

    def keep(self, initial: Sequence[SSAValue]) -> list[str]:
        """States, by name."""
        names = [f"s{len(self.states) + index}" for index in range(len(initial))]
        self.states.update(zip(names, initial, strict=True))
        return names

    def enter(self, body: Body, scalars: Mapping[str, Scalar]) -> None:
        """The body begins; spikes, counts and signed integers are read as numbers."""
        self._body = body
        for name, s in scalars.items():
            number = body.signed_to_float if name in self._signed else body.to_float
            self._scalars[name] = s if is_float(s.element) else number(s)

    def state(self, name: str) -> Scalar:
        return self._scalars[name]

    def of(self, value: Coefficient) -> Scalar | float:
        return value if isinstance(value, float) else self._scalars[self._names[value]]

    def times(self, coefficient: Coefficient | None, x: Scalar) -> Scalar | None:
        """coefficient * x; None for 0."""
        if coefficient is None or coefficient == 0.0:
            return None
        factor = self.of(coefficient)
        if isinstance(factor, float):
            return x if factor == 1.0 else x * factor
        return factor * x

    def sum(self, terms: Sequence[tuple[Coefficient | None, Scalar]]) -> Scalar:
        """The sum of coefficients times scalars, left to right; an equal one is written once."""
        key = tuple((c, x.value) for c, x in terms if c is not None)
        if key not in self._sums:
            self._sums[key] = self._sum(terms)
        return self._sums[key]

    def _sum(self, terms: Sequence[tuple[Coefficient | None, Scalar]]) -> Scalar:
        result: Scalar | None = None
        for coefficient, x in terms:
            part = self.times(coefficient, x)
            if part is not None:
                result = part if result is None else result + part
        if result is None:
            assert self._body is not None
            return self._body.constant(0.0)
        return result


def _is_signed(value: SSAValue) -> bool:
    """Whether a stream is of signed integers: inputs of networks of integers are."""
    element = stream_type(value).element_type
    if is_float(element) or is_spike(element):
        return False
    owner = value.owner
    network = owner.parent_op()
    return isinstance(network, snn.NetworkOp) and Signs(network).is_signed(value)


class Traces:
    """Streams through filters: a stream that several synapses read is filtered once."""

    def __init__(self, t: Transposition):
        self._t = t
        self._known: dict[tuple[SSAValue, int], tuple[SSAValue, Filter]] = {}

    def filtered(self, stream: SSAValue, filters: Sequence[Filter]) -> SSAValue:
        """A stream through filters, the first one first."""
        for each in filters:
            key = (stream, id(each))
            if key not in self._known:
                self._known[key] = (self._trace(stream, each, self._t.element), each)
            stream = self._known[key][0]
        return stream

    def _trace(self, stream: SSAValue, each: Filter, element: AnyFloat) -> SSAValue:
        ports = Ports()
        ports.read([stream], fixed=False)
        ports.read(each.coefficients)
        zero = self._t.constant(0.0)
        names = ports.keep([zero] * each.count)

        def equations(b: Body, **scalars: Scalar) -> Outputs:
            ports.enter(b, scalars)
            x = ports.of(stream)
            assert isinstance(x, Scalar)
            q, after = each.step(ports, x, [ports.state(name) for name in names])
            return [q], after

        neuron = build_neuron(
            equations,
            inputs=ports.inputs,
            states=ports.states,
            parameters=ports.parameters,
            population=shape_of(stream),
            float_type=element,
        )
        return self._t.insert(neuron)


def as_float(t: Transposition, stream: SSAValue) -> SSAValue:
    """Spikes and counts as numbers."""
    if is_float(stream_type(stream).element_type):
        return stream
    return t.insert(snn.AddOp([stream], t.element))
