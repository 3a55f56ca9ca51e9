"""
Eligibility: what a trained value has done to a neuron's output, known without looking ahead.

With the Jacobian of a population's step (`coefficients.py`) and x[t], what the value does to
an input of the body at step t (for a weight: the presynaptic activity),

    eps[t] = A[t] eps[t-1] + B[t] x[t]          the eligibility vector, one number for a state
    e[t] = C[t] eps[t-1] + D[t] x[t]            the eligibility trace of the output
    dE/dw = sum over t of L[t] * F(e)[t]        with the learning signal L and a filter F

(Bellec et al. 2020, "A solution to the learning dilemma for recurrent networks of spiking
neurons", Methods; there F is the low-pass filter of a leaky readout). A, B, C, D are computed
once for each neuron; what runs for each synapse reads them as [N, 1], and the presynaptic
activity as [1, M].

Where A and B are the same for all neurons and at every step, the vector is a trace of the
presynaptic activity alone, and is kept for each input: e = pseudo-derivative * trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.linear import ConvolutionOp, WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.passes.differentiation.operations import RULES
from snncc.passes.differentiation.transposition import FixedGradient
from snncc.passes.differentiation.windows import unfolded_places
from snncc.passes.online.coefficients import (
    Coefficient,
    Jacobian,
    Tap,
    is_constant,
    is_uniform,
)
from snncc.passes.online.filters import Filter, Ports, Traces, as_float, filter_of
from snncc.passes.online.same_step import SameStep

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Signal:
    """Learning signals of a population's outputs, and the memory between them and the loss."""

    kind: str
    """`sum` over time, or `last`: only the last step counts."""
    filters: tuple[Filter, ...]
    """From the population to the loss."""
    gradients: Mapping[int, SSAValue]
    """Index of an output -> its learning signal, of the population's shape."""


@dataclass(frozen=True)
class Source:
    """What a trained value does to an argument of a population's body."""

    shape: tuple[int, ...]
    """Of the stream where it acts."""
    places: Places
    """For each element of that: the element of the population that hears it, -1 for none."""
    gain: SSAValue | None
    """What the effect of an element is multiplied with on its way; 1, where there is none."""
    prefix: tuple[Filter, ...]
    """Delays on its way."""
    summed: WeightedSum | None
    """The sum whose weight it is; else the value acts on each element, by `gain`."""
    give: Callable[[FixedGradient], None]
    """Takes its gradient: of the shape of the weight, or of `repeated`."""
    repeated: tuple[int, ...]
    """What the shape is reduced to, where the value acts on several elements."""


class Eligibility:
    """Writes the eligibility of trained values, and what a learning signal makes of it."""

    def __init__(self, t: SameStep, traces: Traces):
        self.t = t
        self.traces = traces

    def of_argument(
        self, jacobian: Jacobian, column: SSAValue, source: Source, signals: Sequence[Signal]
    ) -> None:
        """Of a value that acts on an argument of the body."""
        outputs = sorted({o for signal in signals for o in signal.gradients})
        states = jacobian.memory([column], outputs)
        taps = {o: jacobian.taps(o, states, column) for o in outputs}
        filters = [filter_of(jacobian, column, states, tap) for o in outputs for tap in taps[o]]
        if not any(each.output or each.direct is not None for each in filters):
            return  # the value acts on nothing that reaches the loss
        of_input = source.summed is not None and all(each.is_uniform for each in filters)
        of_input = of_input and is_constant(source.gain)
        rest: list[Signal] = []
        for signal in signals:
            gains = [tap.gain for o in signal.gradients for tap in taps[o]]
            if of_input and (not signal.filters or all(gain is None for gain in gains)):
                self._by_input(jacobian, column, states, taps, source, signal)
            else:
                rest.append(signal)
        if rest:
            initial = [self.t.constant(0.0)] * len(states)
            if of_input:
                self._by_synapse(jacobian, None, states, taps, source, rest, [], column)
            else:
                self._by_synapse(jacobian, column, states, taps, source, rest, initial)

    def of_initial_state(
        self, jacobian: Jacobian, index: int, source: Source, signals: Sequence[Signal]
    ) -> None:
        """Of the first value of a state: its eligibility is 1 before the first step."""
        outputs = sorted({o for signal in signals for o in signal.gradients})
        states = jacobian.memory([jacobian.neuron.state_ports[index].argument], outputs)
        if index not in states:
            return
        taps = {o: jacobian.taps(o, states, None) for o in outputs}
        initial = [self.t.constant(1.0 if state == index else 0.0) for state in states]
        self._by_synapse(jacobian, None, states, taps, source, signals, initial)

    # --- a trace for each input

    def _by_input(
        self,
        jacobian: Jacobian,
        column: SSAValue,
        states: Sequence[int],
        taps: Mapping[int, Sequence[Tap]],
        source: Source,
        signal: Signal,
    ) -> None:
        """Learning signal times pseudo-derivative, and the presynaptic trace: their product."""
        op = source.summed
        assert op is not None
        for output, gradient in signal.gradients.items():
            for tap in taps[output]:
                through = filter_of(jacobian, column, states, tap)
                filters = (*source.prefix, through, *signal.filters)
                trace = self.traces.filtered(op.input, filters)
                layout = _Elements(self.t, source)
                factors = [layout.place(gradient)]
                factors += [] if tap.gain is None else [layout.place(tap.gain)]
                factors += [] if source.gain is None else [source.gain]
                u = self.t.beside({op.weight})
                twin = op.with_operands([trace, op.weight])
                RULES[type(op)](u, twin, self.product(factors, source.shape))
                twin.erase()
                for found in u.fixed[op.weight]:
                    source.give(FixedGradient(found.stream, signal.kind, found.repeated))

    def product(self, factors: Sequence[Coefficient], shape: Sequence[int]) -> SSAValue:
        """The product of streams and fixed values, left to right."""
        if len(factors) == 1 and isinstance(factors[0], SSAValue):
            return factors[0]
        ports = Ports()
        ports.read(factors, fixed=False)

        def equations(b: Body, **scalars: Scalar) -> Outputs:
            ports.enter(b, scalars)
            first, *rest = map(ports.of, factors)
            result = first if isinstance(first, Scalar) else b.constant(first)
            for factor in rest:
                result = result * factor
            return [result], []

        return self._insert(ports, equations, shape)[0]

    # --- an eligibility vector for each synapse, or for each element

    def _by_synapse(
        self,
        jacobian: Jacobian,
        column: SSAValue | None,
        states: Sequence[int],
        taps: Mapping[int, Sequence[Tap]],
        source: Source,
        signals: Sequence[Signal],
        initial: Sequence[SSAValue],
        traced: SSAValue | None = None,
    ) -> None:
        """
        `traced` is the column whose vector is a trace of the inputs: then only the filters
        behind the pseudo-derivative have a state for each synapse.
        """
        layout = _layout(self.t, source)
        by_tap: dict[int, SSAValue] = {}
        x: list[SSAValue] = []
        if traced is not None:
            for tap in (tap for taps_of in taps.values() for tap in taps_of):
                through = filter_of(jacobian, traced, states, tap)
                by_tap[id(tap)] = layout.presynaptic(self.traces, (*source.prefix, through))
            states = []
        elif column is not None and source.summed is not None:
            x.append(layout.presynaptic(self.traces, source.prefix))
        acts = column is not None or traced is not None
        if acts and source.gain is not None:
            if source.summed is None:
                x.append(self.traces.filtered(source.gain, source.prefix))
            else:
                x.append(layout.own(source.gain))

        def placed(coefficient: Coefficient | None) -> Coefficient | None:
            return None if coefficient is None else layout.place(coefficient)

        decay = {(i, j): placed(jacobian.decay(i, j)) for i in states for j in states}
        drive = {i: None if column is None else placed(jacobian.drive(i, column)) for i in states}
        outputs = {
            o: [
                Tap(
                    None if tap.gain is None else _stream(layout.place(tap.gain)),
                    {j: layout.place(c) for j, c in tap.states.items()} if states else {},
                    None if traced is not None else placed(tap.direct),
                )
                for tap in taps_of
            ]
            for o, taps_of in taps.items()
        }
        learning = [
            {o: _stream(layout.place(g)) for o, g in signal.gradients.items()} for signal in signals
        ]
        ports = Ports()
        ports.read(x, fixed=False)
        ports.read(by_tap.values(), fixed=False)
        read: list[Coefficient | None] = [*decay.values(), *drive.values()]
        for tap in (tap for taps_of in outputs.values() for tap in taps_of):
            read += [tap.gain, *tap.states.values(), tap.direct]
        read += [c for signal in signals for each in signal.filters for c in each.coefficients]
        self._read(ports, read)
        ports.read([g for gradients in learning for g in gradients.values()], fixed=False)
        vector = ports.keep(initial)
        zero = self.t.constant(0.0)
        memory = [
            {o: [ports.keep([zero] * each.count) for each in signal.filters] for o in gradients}
            for signal, gradients in zip(signals, learning, strict=True)
        ]
        kinds = list(dict.fromkeys(signal.kind for signal in signals))

        def equations(b: Body, **scalars: Scalar) -> Outputs:
            ports.enter(b, scalars)
            acting = _product(ports, x)
            one = acting or b.constant(1.0)
            eps = [ports.state(name) for name in vector]
            after = [
                ports.sum(
                    [
                        *((decay[i, j], s) for j, s in zip(states, eps, strict=True)),
                        (drive[i], one),
                    ]
                )
                for i in states
            ]
            traces: dict[int, Scalar] = {}
            for o, placed_taps in outputs.items():
                parts: list[Scalar] = []
                for tap, known in zip(placed_taps, taps[o], strict=True):
                    if id(known) in by_tap:
                        q = ports.of(by_tap[id(known)])
                        assert isinstance(q, Scalar)
                        q = q if acting is None else q * acting
                    else:
                        terms = [(tap.states.get(j), s) for j, s in zip(states, eps, strict=True)]
                        q = ports.sum([*terms, (tap.direct, one)])
                    parts.append(q if tap.gain is None else ports.of(tap.gain) * q)
                traces[o] = _total(b, parts)
            results: dict[str, list[Scalar]] = {kind: [] for kind in kinds}
            for signal, gradients, kept in zip(signals, learning, memory, strict=True):
                for o, gradient in gradients.items():
                    q = traces[o]
                    for each, names in zip(signal.filters, kept[o], strict=True):
                        q, moved = each.step(ports, q, [ports.state(name) for name in names])
                        after.extend(moved)
                    results[signal.kind].append(ports.of(gradient) * q)
            return [_total(b, results[kind]) for kind in kinds], after

        streams = self._insert(ports, equations, layout.shape)
        for kind, stream in zip(kinds, streams, strict=True):
            source.give(layout.finished(stream, kind))

    def _read(self, ports: Ports, values: Sequence[Coefficient | None]) -> None:
        for value in values:
            if isinstance(value, SSAValue):
                ports.read([value], fixed=is_constant(value))

    def _insert(
        self, ports: Ports, equations: Callable[..., Outputs], shape: Sequence[int]
    ) -> Sequence[SSAValue]:
        neuron = build_neuron(
            equations,
            inputs=ports.inputs,
            states=ports.states,
            parameters=ports.parameters,
            population=shape,
            float_type=self.t.element,
        )
        self.t.builder.insert(neuron)
        return neuron.outputs


def _product(ports: Ports, values: Sequence[SSAValue]) -> Scalar | None:
    result: Scalar | None = None
    for value in values:
        factor = ports.of(value)
        assert isinstance(factor, Scalar)
        result = factor if result is None else result * factor
    return result


def _total(b: Body, parts: Sequence[Scalar]) -> Scalar:
    if not parts:
        return b.constant(0.0)
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


def _stream(value: Coefficient) -> SSAValue:
    assert isinstance(value, SSAValue)
    return value


# --- where the elements of a source, its synapses and its population stand


class _Elements:
    """A value that acts on each element of a stream."""

    def __init__(self, t: SameStep, source: Source):
        self.t = t
        self.source = source

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the eligibility."""
        return self.source.shape

    def own(self, value: SSAValue) -> SSAValue:
        """A stream of the source's shape, beside the eligibility."""
        return value

    def place(self, value: Coefficient) -> Coefficient:
        """A coefficient or signal of the population, beside the eligibility."""
        if is_uniform(value) or not isinstance(value, SSAValue) or shape_of(value) == ():
            return value
        return self.own(self.t.rearrange(value, self.source.places))

    def presynaptic(self, traces: Traces, filters: Sequence[Filter]) -> SSAValue:
        raise AssertionError("an element has no presynaptic activity")

    def finished(self, stream: SSAValue, kind: str) -> FixedGradient:
        """The elements that share a value are summed within the step."""
        kept = self.source.repeated or (1,)
        if prod(kept) != prod(self.shape):
            stream = self.t.insert(snn.ReduceOp("sum", stream, kept))
        return FixedGradient(stream, kind, shape_of(stream))


class _Linear(_Elements):
    """[N, M]"""

    @property
    def shape(self) -> tuple[int, ...]:
        assert self.source.summed is not None
        return shape_of(self.source.summed.weight)

    def own(self, value: SSAValue) -> SSAValue:
        return self.t.reshape(value, (self.shape[0], 1))

    def presynaptic(self, traces: Traces, filters: Sequence[Filter]) -> SSAValue:
        assert self.source.summed is not None
        stream = traces.filtered(self.source.summed.input, filters)
        return self.t.reshape(stream, (1, self.shape[1]))

    def finished(self, stream: SSAValue, kind: str) -> FixedGradient:
        return FixedGradient(stream, kind, self.shape)


class _Convolution(_Elements):
    """[groups, outputs of a group, windows, inputs of a group * kernel]"""

    def __init__(self, t: SameStep, source: Source):
        super().__init__(t, source)
        assert isinstance(source.summed, ConvolutionOp)
        self.op = source.summed
        self.unfolded = unfolded_places(self.op).swapaxes(1, 2)

    @property
    def shape(self) -> tuple[int, ...]:
        groups, windows, taken = self.unfolded.shape
        return groups, shape_of(self.op.weight)[0] // groups, windows, taken

    def own(self, value: SSAValue) -> SSAValue:
        return self.t.reshape(value, (*self.shape[:3], 1))

    def presynaptic(self, traces: Traces, filters: Sequence[Filter]) -> SSAValue:
        stream = traces.filtered(as_float(self.t, self.op.input), filters)
        groups, _, windows, taken = self.shape
        return self.t.rearrange(stream, self.unfolded.reshape(groups, 1, windows, taken))

    def finished(self, stream: SSAValue, kind: str) -> FixedGradient:
        groups, own, _, taken = self.shape
        reduced = self.t.insert(snn.ReduceOp("sum", stream, (groups, own, 1, taken)))
        return FixedGradient(reduced, kind, shape_of(reduced))


def _layout(t: SameStep, source: Source) -> _Elements:
    match source.summed:
        case None:
            return _Elements(t, source)
        case snn.LinearOp():
            return _Linear(t, source)
        case _:
            return _Convolution(t, source)
