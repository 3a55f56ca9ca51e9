"""
Populations: the eligibility of what is trained in them and in front of them, and learning
signals on their way through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import prod

from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.network import LAST, SUM
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import describe, shape_of
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.differentiation.transposition import FixedGradient
from snncc.passes.online.chains import Chain, Flow
from snncc.passes.online.coefficients import (
    Coefficient,
    Jacobian,
    Tap,
    has_spikes,
    is_fixed_value,
)
from snncc.passes.online.eligibility import Signal, Source
from snncc.passes.online.filters import Filter, filter_of
from snncc.passes.online.paths import Path, Paths, own_places
from snncc.passes.online.state import Online


@dataclass(frozen=True)
class _Memory:
    """The states of a population that an argument reaches, and what they do to its outputs."""

    states: list[int]
    taps: list[tuple[int, Tap]]
    """(index of an output, part of its derivative)."""
    filters: list[Filter]
    """One for each."""

    @property
    def is_filter(self) -> bool:
        return all(each.is_uniform for each in self.filters)


class Populations:
    """
    `jacobians` are those of the populations that are differentiated, `wanted_states` the names
    of the states whose first values are.
    """

    def __init__(
        self,
        online: Online,
        jacobians: Mapping[Operation, Jacobian],
        wanted_states: Mapping[tuple[Operation, int], str],
    ):
        self._o = online
        self.jacobians = jacobians
        self.wanted_states = wanted_states
        self.states: dict[str, tuple[str, ...]] = {}
        """State -> the outputs whose sum is the gradient of its first value."""
        self._filters: dict[object, Filter] = {}

    def transpose(self, op: snn.NeuronOp, cycle: set[SSAValue]) -> None:
        """`cycle` are the results of the delays of the population's component."""
        by_chain: dict[Chain, dict[int, SSAValue]] = {}
        for index, result in enumerate(op.outputs):
            for chain, signal in self._o.chains.given(result):
                by_chain.setdefault(chain, {})[index] = signal
        if not by_chain or op not in self.jacobians:
            return
        jacobian = self.jacobians[op]
        signals = [Signal(c.kind, c.filters, given) for c, given in by_chain.items()]
        for port in (*op.input_ports, *op.parameter_ports):
            if port.operand not in self._o.active:
                continue
            if is_fixed_value(port.operand):
                source = self._own_source(op, port.operand)
                self._o.eligibility.of_argument(jacobian, port.argument, source, signals)
            else:
                self._input(jacobian, port, signals, by_chain, cycle)
        for index, port in enumerate(op.state_ports):
            if port.operand in self._o.active:
                source = self._own_source(op, port.operand)
                self._o.eligibility.of_initial_state(jacobian, index, source, signals)
            if (op, index) in self.wanted_states:
                source = self._state_source(op, self.wanted_states[op, index])
                self._o.eligibility.of_initial_state(jacobian, index, source, signals)

    def _own_source(self, op: snn.NeuronOp, value: SSAValue) -> Source:
        """A fixed value that a population itself reads."""
        shape = op.population
        repeated = shape if prod(shape_of(value)) == prod(shape) else shape_of(value)
        give = partial(self._o.give, value)
        return Source(shape, own_places(shape), None, (), None, give, repeated)

    def _state_source(self, op: snn.NeuronOp, name: str) -> Source:
        def give(gradient: FixedGradient) -> None:
            output = self._o.put_out(f"{GRADIENT}{name}", gradient.kind, gradient.stream)
            self.states[name] = (*self.states.get(name, ()), output)

        shape = op.population
        return Source(shape, own_places(shape), None, (), None, give, shape)

    def _input(
        self,
        jacobian: Jacobian,
        port: Port,
        signals: Sequence[Signal],
        by_chain: dict[Chain, dict[int, SSAValue]],
        cycle: set[SSAValue],
    ) -> None:
        shape, value = jacobian.neuron.population, port.operand

        def source(found: Source) -> None:
            self._o.eligibility.of_argument(jacobian, port.argument, found, signals)

        @cache
        def flows() -> list[Flow]:
            found: list[Flow] = []
            for chain, gradients in by_chain.items():
                found += self._through(jacobian, port.argument, chain, gradients)
            if prod(shape_of(value)) != prod(shape):  # give() sums what is heard by several
                return found
            return [(chain, self._o.t.reshape(s, shape_of(value))) for chain, s in found]

        paths = Paths(self._o.t, self._o.chains, self._o.feedback, cycle, source, self._o.give)
        if prod(shape_of(value)) != prod(shape):  # each of its elements is heard by several
            for chain, signal in flows():
                chain.t.give(value, partial(_same, signal))
            return
        places = own_places(shape).reshape(shape_of(value))
        paths.follow(Path(value, places, None, (), frozenset(), False, flows))

    def _through(
        self, jacobian: Jacobian, column: SSAValue, chain: Chain, gradients: dict[int, SSAValue]
    ) -> list[Flow]:
        """The learning signal behind a population, and the memory that the population adds."""
        op = jacobian.neuron
        outputs = list(gradients)
        spikes = has_spikes(op)
        exact = self._memory(jacobian, column, outputs, quiet=False)
        if not spikes and exact.states and not exact.is_filter:
            # a readout in integers, whose state is held at the ends of its type
            exact = self._memory(jacobian, column, outputs, quiet=True)
        if not spikes and exact.states and not exact.is_filter:
            raise NoDerivative(
                f"{describe(op)}: its memory is no filter (a linear one, with a constant that "
                "is the same for all), and lies on the way to the loss"
            )
        found = [exact]
        if spikes:
            chain = self._so_far(chain)
            quiet = self._memory(jacobian, column, outputs, quiet=True)
            found = [exact, quiet] if self._counts_memory(chain) else []
        for memory in found:
            if memory.states and memory.is_filter:
                return [
                    (self._o.chains.behind(chain, each), self._gained(gradients[o], tap))
                    for (o, tap), each in zip(memory.taps, memory.filters, strict=True)
                ]
        taps = exact.taps
        parts: list[tuple[Sequence[Coefficient], SSAValue]] = []
        for o, tap in taps:
            if tap.direct is not None:
                gain = [] if tap.gain is None else [tap.gain]
                parts.append(([*gain, tap.direct], gradients[o]))
        if not parts:
            return []
        totals = [
            self._o.eligibility.product([g, *(f for f in factors if f != 1.0)], op.population)
            for factors, g in parts
        ]
        total = totals[0]
        if len(totals) > 1:
            total = self._o.t.insert(snn.AddOp(totals, self._o.t.element))
        return [(chain, total)]

    def _so_far(self, chain: Chain) -> Chain:
        """
        What depends on a sum over all steps, at its end, depends on the sum so far at every
        step: a pseudo-derivative is not kept until the end.
        """
        if chain.kind == LAST and chain.filters and all(f.is_sum for f in chain.filters):
            return self._o.chains.of(SUM)
        return chain

    def _counts_memory(self, chain: Chain) -> bool:
        """Whether a spiking population may add to the memory that is known."""
        return self._o.options.layers == "memory" and not chain.filters

    def _gained(self, gradient: SSAValue, tap: Tap) -> SSAValue:
        if tap.gain is None:
            return gradient
        return self._o.eligibility.product([gradient, tap.gain], shape_of(gradient))

    def _memory(
        self, jacobian: Jacobian, column: SSAValue, outputs: list[int], *, quiet: bool
    ) -> _Memory:
        """
        What a population remembers of an argument; filters are made once, for chains are
        compared by them.
        """
        states = jacobian.memory([column], outputs, quiet)
        taps = [(o, tap) for o in outputs for tap in jacobian.taps(o, states, column)]
        filters: list[Filter] = []
        for output, tap in taps:
            key = (jacobian, column, output, tap.gain, tuple(states), quiet)
            if key not in self._filters:
                self._filters[key] = filter_of(jacobian, column, states, tap, quiet)
            filters.append(self._filters[key])
        return _Memory(states, taps, filters)


def _same(value: SSAValue) -> SSAValue:
    return value
