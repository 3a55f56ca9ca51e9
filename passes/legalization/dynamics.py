"""
The normal form of a neuron, read off its body's polynomials: decays, gains, threshold, reset.

A chip has one neuron in silicon; a body that is this neuron in other words, in another order or
with scales of its own, is found to be the same. What has no such form is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.attributes import Comparison
from snncc.dialects.snn.fixed import scalars_of
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.polynomial import (
    ONE,
    BodyPolynomials,
    Polynomial,
    Symbol,
    body_polynomials,
)
from snncc.dialects.snn.spikes import CountOp, SpikeOp
from snncc.passes.legalization.graph import Dynamics, Reset

ZERO = Polynomial({})
NOT_MEMBRANE = "what is compared with the threshold is not the membrane"
SAME = 1e-5
"""Two float32 coefficients that are one number, apart from the order they were computed in."""


class NoNormalForm(ValueError):
    """Why a body is no neuron that a chip could have."""


@dataclass(frozen=True)
class Gain:
    """How an input port reaches a receptor: [n] numbers, and steps until it does."""

    port: str
    receptor: int
    factor: Array
    delay: int = 0


@dataclass(frozen=True)
class Normal:
    dynamics: Dynamics
    gains: tuple[Gain, ...]


def normal_form(neuron: NeuronOp) -> Normal:
    """Raises NoNormalForm."""
    return _Reader(neuron).read()


class _Reader:
    def __init__(self, neuron: NeuronOp):
        self.neuron = neuron
        self.size = int(np.prod(neuron.population, dtype=np.int64))
        self.body: BodyPolynomials = body_polynomials(neuron)
        self._ports: dict[str, Array] = {}
        known: dict[SSAValue, Array] = {}
        for port in neuron.parameter_ports:
            content = constant_of(port.operand)
            if content is None:
                raise NoNormalForm(f"{port.name} changes from step to step")
            self._ports[port.name] = content
            known[port.argument] = content
        self._scalars = scalars_of(neuron.body.block, known)
        self._starts: dict[Symbol, Polynomial] = {}
        for port, symbol in zip(neuron.state_ports, self.body.states, strict=True):
            element = port.argument.type
            if isinstance(element, IntegerType) and element.width.data > 1:
                raise NoNormalForm(
                    f"{port.name} is a whole number already ({element}), not a float"
                )
            initial = constant_of(port.operand)
            if initial is None:
                raise NoNormalForm(f"{port.name} starts at values that change")
            if np.any(initial):
                start = Symbol("coefficient", f"start of {port.name}")
                self._ports[start.name] = initial
                self._starts[symbol] = Polynomial.of(start)
        self._count_from_starts()

    def _count_from_starts(self) -> None:
        """States that start at c become v - c: chips start at 0 (and reset to it)."""
        body = self.body
        body.outputs = [self._moved(p) for p in body.outputs]
        body.next_states = [
            self._moved(p) - self._starts.get(state, ZERO)
            for state, p in zip(body.states, body.next_states, strict=True)
        ]

    def _moved(self, polynomial: Polynomial) -> Polynomial:
        for state, start in self._starts.items():
            polynomial = polynomial.substitute(state, Polynomial.of(state) + start)
        return polynomial

    def _argument(self, symbol: Symbol) -> Polynomial | None:
        """What a spike or another symbol was applied to."""
        return None if symbol.argument is None else self._moved(symbol.argument)

    def read(self) -> Normal:
        body = self.body
        if len(body.outputs) != 1:
            raise NoNormalForm(f"{len(body.outputs)} outputs, where a chip's neuron has one")
        output = body.outputs[0]
        spike = next(iter(output.symbols), None)
        if (
            spike is not None
            and spike.kind in ("spike", "count")
            and output == Polynomial.of(spike)
        ):
            return self._spiking(spike)
        if any(symbol.kind in ("spike", "count", "opaque") for symbol in output.symbols):
            raise NoNormalForm("the output is neither a spike nor a membrane")
        return self._graded(output)

    # --- the membrane

    def _graded(self, output: Polynomial) -> Normal:
        if self._starts:
            raise NoNormalForm("a membrane that is read out starts at other values than 0")
        if not body_has_states(self.body):
            return self._integrated(None, output)
        for index, update in enumerate(self.body.next_states):
            if update == output:
                return self._integrated(index, output)
        raise NoNormalForm("the output is a function of the membrane, not the membrane")

    def _spiking(self, spike: Symbol) -> Normal:
        argument = self._argument(spike)
        assert argument is not None
        candidates: list[int | None] = list(range(len(self.body.states))) or [None]
        reasons: list[str] = []
        for index in reversed(candidates):
            try:
                return self._with_membrane(index, spike, argument)
            except NoNormalForm as fault:
                reasons.append(str(fault))
        raise NoNormalForm(reasons[0])

    def _with_membrane(self, index: int | None, spike: Symbol, argument: Polynomial) -> Normal:
        if index is None:
            before, reset, amount, late = self._argument_alone(argument), "zero", None, False
        else:
            before, reset, amount, late = self._reset(index, spike)
            for echo in self._echoes(index, spike) if not late else ():
                argument = argument.substitute(echo, ZERO)
        normal = self._integrated(index, before)
        threshold, reaches, most = self._threshold(spike, argument, before, index, late, amount)
        if (threshold <= 0).any():
            raise NoNormalForm("a threshold that is not above 0")
        dynamics = normal.dynamics
        taken = None
        if reset == "subtract":
            assert amount is not None
            taken = self.number(amount)
            if late:  # taken after one more decay
                with np.errstate(divide="ignore"):
                    taken = np.where(dynamics.decay != 0, taken / dynamics.decay, taken)
            if (taken <= 0).any():
                raise NoNormalForm("a reset that raises the membrane")
        found: Reset = reset  # type: ignore[assignment]
        return Normal(
            dynamics.changed(
                threshold=threshold, reaches=reaches, reset=found, amount=taken, most=most
            ),
            normal.gains,
        )

    def _argument_alone(self, argument: Polynomial) -> Polynomial:
        """Without a state what is compared is the drive, but for a constant."""
        constant = Polynomial(
            {m: c for m, c in argument.terms.items() if all(s.kind == "coefficient" for s in m)}
        )
        return argument - constant

    def _reset(self, index: int, spike: Symbol) -> tuple[Polynomial, str, Polynomial | None, bool]:
        """(the membrane before it, its kind, the amount, whether it comes one step later)."""
        state = self.body.states[index]
        update = self.body.next_states[index]
        for symbol in [s for s in update.symbols if s.kind == "opaque"]:
            if symbol.argument is None:
                raise NoNormalForm(_named(symbol))
            raise NoNormalForm("a membrane that is held from below")
        events = sorted(
            (s for s in update.symbols if s.kind in ("spike", "count")), key=lambda s: s.name
        )
        echoes = self._echoes(index, spike)
        if spike in events:
            for echo in echoes:
                update = update.substitute(echo, ZERO)
            events = [e for e in events if e not in echoes]
        if not events:
            return update, "none", None, False
        if len(events) > 1:
            raise NoNormalForm("spikes of several kinds change the membrane")
        event = events[0]
        if event != spike and event not in echoes:
            raise NoNormalForm("something else than the neuron's own spike resets the membrane")
        before, after = update.substitute(event, ZERO), update.substitute(event, ONE)
        change = before - after
        late = event != spike
        if change.is_coefficient and not (after.is_coefficient and not before.is_coefficient):
            return before, "subtract", change, late
        if late:
            if state in after.symbols:
                raise NoNormalForm("a reset to something that depends on the membrane")
            rest = before.split(state)
            if rest is None or after != rest[1]:
                raise NoNormalForm("a reset that drops what arrives in the step after a spike")
            return before, "zero", None, True
        if not after.is_coefficient or np.any(self.number(after)):
            if state in self._starts:
                raise NoNormalForm(
                    "a reset to another value than that at which the membrane starts (a file may "
                    "have what a run left in it)"
                )
            raise NoNormalForm("a reset to other values than 0")
        return before, "zero", None, False

    def _echoes(self, index: int, spike: Symbol) -> list[Symbol]:
        """
        Events H(v - theta) of the membrane that the step before left, which snnTorch keeps beside
        a reset in the same step: that leaves nothing above the threshold for them to see, but
        where a membrane was above twice the threshold (which `legalize` measures).
        """
        state, update = self.body.states[index], self.body.next_states[index]
        argument = self._argument(spike)
        symbols = update.symbols | (argument.symbols if argument else set())
        events = {s for s in symbols if s.kind in ("spike", "count")}
        return sorted(
            (e for e in events - {spike} if self._is_of_old(e, state)), key=lambda s: s.name
        )

    def _is_of_old(self, event: Symbol, state: Symbol) -> bool:
        """H(v - theta) of the membrane that the step before left."""
        argument = self._argument(event)
        return argument is not None and (argument - Polynomial.of(state)).is_coefficient

    def _threshold(
        self,
        spike: Symbol,
        argument: Polynomial,
        before: Polynomial,
        index: int | None,
        late: bool,
        amount: Polynomial | None,
    ) -> tuple[Array, bool, int]:
        op = spike.operation
        if isinstance(op, CountOp):  # a count of thresholds: argument = membrane / theta
            factor, constant = self._multiple(argument, before)
            if np.any(np.abs(constant) > SAME):
                raise NoNormalForm("what is counted is not the membrane over a threshold")
            return 1.0 / factor, True, op.maximum.value.data
        assert isinstance(op, SpikeOp)
        reaches = op.comparison.data is Comparison.GE
        compared = before
        if late and index is not None:  # what is compared holds the reset of the step before
            compared = self.body.next_states[index]
        factor, constant = self._multiple(argument, compared)
        return -constant / factor, reaches, 1

    def _multiple(self, argument: Polynomial, membrane: Polynomial) -> tuple[Array, Array]:
        """(factor, constant), [n], with argument = factor * membrane + constant, factor > 0."""
        rest = argument - membrane
        if rest.is_coefficient:
            return np.ones(self.size), self.number(rest)
        symbols = sorted(
            (s for s in membrane.symbols | argument.symbols if s.kind != "coefficient"),
            key=lambda s: (s.kind, s.name),
        )
        constant, own = argument, membrane
        factor: Array | None = None
        for symbol in symbols:
            mine, given = own.split(symbol), constant.split(symbol)
            if mine is None or given is None:
                raise NoNormalForm(NOT_MEMBRANE)
            own, constant = mine[1], given[1]
            if not (mine[0].is_coefficient and given[0].is_coefficient):
                raise NoNormalForm(NOT_MEMBRANE)
            below, above = self.number(mine[0]), self.number(given[0])
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(below != 0, above / below, np.nan)
            if np.isnan(ratio).any() or (factor is not None and not _same(ratio, factor)):
                raise NoNormalForm(NOT_MEMBRANE)
            factor = ratio
        if factor is None or (factor <= 0).any():
            raise NoNormalForm(NOT_MEMBRANE)
        return factor, self.number(constant) - factor * self.number(own)

    # --- the dynamics below the threshold

    def _integrated(self, index: int | None, update: Polynomial) -> Normal:
        """update = decay v + sum of gains of currents and inputs + bias."""
        decay, rest = np.zeros(self.size), update
        if index is not None:
            parts = update.split(self.body.states[index])
            if parts is None or not parts[0].is_coefficient:
                raise NoNormalForm("the membrane acts on itself otherwise than by a decay")
            decay, rest = self.number(parts[0]), parts[1]
        currents: list[Array] = []
        biases: list[Array] = []
        new_currents: list[bool] = []
        gains: list[Gain] = []
        left = {symbol: self._factor(rest, symbol) for symbol in self.body.inputs}
        for place, state in enumerate(self.body.states):
            if place == index:
                continue
            weight = self._factor(rest, state)
            update = self.body.next_states[place]
            parts = update.split(state)
            if parts is None or not parts[0].is_coefficient:
                raise NoNormalForm(f"{state.name} acts on itself otherwise than by a decay")
            alpha, drive = self.number(parts[0]), parts[1]
            if not np.any(weight):
                raise NoNormalForm(f"{state.name} does not reach the membrane")
            into = {symbol: self._factor(drive, symbol) for symbol in self.body.inputs}
            receptor = len(currents)
            currents.append(alpha)
            biases.append(self.number(self._rest(drive, list(into))))
            with np.errstate(divide="ignore", invalid="ignore"):
                new = np.where(alpha != 0, weight / alpha, 0.0)  # b of v' = ... + b i'
            is_new = any(
                _same(left[symbol], new * factor) and np.any(left[symbol])
                for symbol, factor in into.items()
                if np.any(factor)
            )
            biases[-1] = biases[-1] * (new if is_new else weight)
            new_currents.append(is_new)
            for symbol, factor in into.items():
                if not np.any(factor):
                    continue
                if is_new:
                    gains.append(Gain(symbol.name, receptor, new * factor))
                    left[symbol] = left[symbol] - new * factor
                else:
                    gains.append(Gain(symbol.name, receptor, weight * factor, delay=1))
        direct = {
            symbol: factor
            for symbol, factor in left.items()
            if np.abs(factor).max(initial=0) > SAME * self._largest(gains)
        }
        if direct and currents:
            currents.append(np.zeros(self.size))
            biases.append(np.zeros(self.size))
        gains += [Gain(s.name, max(0, len(currents) - 1), f) for s, f in direct.items()]
        states = [s for place, s in enumerate(self.body.states) if place != index]
        bias = self.number(self._rest(rest, [*left, *states]))
        for current, is_new in zip(biases, new_currents, strict=False):
            bias = bias - current if is_new else bias  # it reaches the membrane in the same step
        return Normal(Dynamics(decay, bias, tuple(currents), tuple(biases)), tuple(gains))

    def _largest(self, gains: list[Gain]) -> float:
        return max((float(np.abs(g.factor).max(initial=0)) for g in gains), default=0.0)

    def _factor(self, polynomial: Polynomial, symbol: Symbol) -> Array:
        parts = polynomial.split(symbol)
        if parts is None or not parts[0].is_coefficient:
            raise NoNormalForm(f"{symbol.name} reaches the neuron otherwise than by a factor")
        return self.number(parts[0])

    def _rest(self, polynomial: Polynomial, symbols: list[Symbol]) -> Polynomial:
        for symbol in symbols:
            polynomial = polynomial.substitute(symbol, ZERO)
        if not polynomial.is_coefficient:
            raise NoNormalForm("something else than inputs and states changes the neuron")
        return polynomial

    # --- numbers

    def number(self, polynomial: Polynomial) -> Array:
        """The coefficient's values, [n], in float64."""
        total = np.zeros(self.size)
        for monomial, coefficient in polynomial.terms.items():
            term: Array = np.full(self.size, float(coefficient))
            for symbol in monomial:
                term = term * self._wide(self._value(symbol))
            total = total + term
        return total

    def _value(self, symbol: Symbol) -> Array:
        if symbol.name in self._ports and symbol.operation is None:
            return self._ports[symbol.name].astype(np.float64)
        if isinstance(symbol.operation, arith.DivfOp) and symbol.argument is not None:
            return 1.0 / self.number(symbol.argument)
        assert symbol.operation is not None
        value = self._scalars.get(symbol.operation.results[0])
        if value is None:
            raise NoNormalForm(f"{symbol.name.split('(')[0]} of parameters")
        return value.astype(np.float64)

    def _wide(self, value: Array) -> Array:
        if value.size == self.size and value.ndim <= 1:
            return value.reshape(-1)
        return np.broadcast_to(value, self.neuron.population).reshape(-1)


def _named(symbol: Symbol) -> str:
    """What an operation that is no part of a neuron's form does to the membrane."""
    operation = symbol.name.rsplit(".", 1)[0]
    if operation in ("arith.cmpf", "arith.cmpi"):
        return "a comparison with the membrane that is no spike"
    if operation.startswith("arith.") and operation.endswith("i"):
        return "a membrane of whole numbers: the network is in integers already"
    return f"{operation.split('.')[-1]} of the membrane"


def _is_event(output: Polynomial, spike: Symbol) -> bool:
    return spike.kind in ("spike", "count") and output == Polynomial.of(spike)


def body_has_states(body: BodyPolynomials) -> bool:
    return bool(body.states)


def _same(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) <= SAME * np.maximum(np.abs(a), np.abs(b))))


def gains_of(gains: tuple[Gain, ...]) -> Mapping[str, list[Gain]]:
    """Port -> its gains."""
    found: dict[str, list[Gain]] = {}
    for gain in gains:
        found.setdefault(gain.port, []).append(gain)
    return found
