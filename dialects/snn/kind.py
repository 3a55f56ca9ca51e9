"""
What kind of neuron a body is: found from its polynomials, not from its operations.

The kind is for printing, for integer bodies and for chips that have certain neurons in
silicon; numbers always come from the body. A body that is none of these is `custom` and
runs everywhere that runs bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.polynomial import (
    ONE,
    BodyPolynomials,
    Polynomial,
    Symbol,
    body_polynomials,
)

CUSTOM = "custom"
"""The name of every kind that has no name."""

KINDS = {
    "threshold": "no state; z = H(x - theta)",
    "map": "no state; y = a polynomial of x",
    "i": "v' = v + b x; y = v'",
    "li": "v' = a v + b x + c; y = v'",
    "cuba_li": "i' = alpha i + w x; v' = a v + b i; y = v'",
    "if": "v' = v + b x, spike, reset",
    "lif": "v' = a v + b x + c, spike, reset",
    "cuba_lif": "i' = alpha i + w x; v' = a v + b i + c, spike, reset",
}
"""The named kinds and their equations, for the documentation."""

Reset: TypeAlias = Literal["subtract", "value", "none"]
Timing: TypeAlias = Literal["same", "next"]


@dataclass(frozen=True)
class Kind:
    """A neuron's kind, with what its reset does and when."""

    name: str
    reset: Reset | None = None
    timing: Timing | None = None
    counts: bool = False
    """Several spikes a step."""
    floor: bool = False
    """The membrane is held from below."""


_CUSTOM = Kind(CUSTOM)


def kind_of(neuron: NeuronOp) -> Kind:
    """The kind of a neuron's body."""
    body = body_polynomials(neuron)
    if not body.outputs:
        return _CUSTOM
    output = body.outputs[0]
    spike = next(iter(output.symbols), None)
    if spike is not None and spike.kind in ("spike", "count") and output == Polynomial.of(spike):
        return _spiking(body, spike) or _CUSTOM
    if any(symbol.kind in ("spike", "count", "opaque") for symbol in output.symbols):
        return _CUSTOM
    return _graded(body, output) or _CUSTOM


def _graded(body: BodyPolynomials, output: Polynomial) -> Kind | None:
    """Neurons whose output is the membrane."""
    if not body.states:
        return Kind("map")
    membrane = next((i for i, p in enumerate(body.next_states) if p == output), None)
    if membrane is None:
        return None
    return _integrator(body, membrane, output, spiking=False)


def _integrator(
    body: BodyPolynomials, membrane: int, update: Polynomial, *, spiking: bool
) -> Kind | None:
    """The subthreshold dynamics: i, li, cuba_li, or their spiking twins."""
    suffix = "f" if spiking else ""
    parts = update.split(body.states[membrane])
    if parts is None or not parts[0].is_coefficient:
        return None
    decay, drive = parts
    if len(body.states) == 1:
        if not _affine(drive, body.inputs):
            return None
        return Kind(("i" if decay == ONE else "li") + suffix)
    if len(body.states) != 2:
        return None
    current = 1 - membrane
    current_parts = body.next_states[current].split(body.states[current])
    if current_parts is None or not current_parts[0].is_coefficient:
        return None
    if not _affine(current_parts[1], body.inputs):
        return None
    if not _affine(drive, [*body.inputs, body.states[current]]):
        return None
    if body.states[current] not in drive.symbols:
        return None
    return Kind("cuba_li" + suffix)


def _affine(polynomial: Polynomial, symbols: list[Symbol]) -> bool:
    """Whether it is affine in `symbols`, with coefficients of parameters only."""
    for symbol in symbols:
        parts = polynomial.split(symbol)
        if parts is None or not parts[0].is_coefficient:
            return False
        polynomial = parts[1]
    return polynomial.is_coefficient


def _spiking(body: BodyPolynomials, spike: Symbol) -> Kind | None:
    """Neurons whose output is a spike or a count."""
    argument = spike.argument
    if argument is None:
        return None
    counts = spike.kind == "count"
    if not body.states:
        return Kind("threshold", counts=counts) if _affine(argument, body.inputs) else None
    for index, state in enumerate(body.states):
        update, floor = _unbounded(body.next_states[index])
        echo = _echo(update, spike, state)
        compared = argument
        if echo is not None:
            update = update.substitute(echo, Polynomial({}))
            compared = argument.substitute(echo, Polynomial({}))
        events = [s for s in update.symbols if s.kind in ("spike", "count")]
        reset: Reset
        timing: Timing
        if not events:
            before, reset, timing = update, "none", "same"
        elif events == [spike]:
            found = _same_step_reset(update, spike)
            if found is None:
                continue
            (before, reset), timing = found, "same"
        elif len(events) == 1 and events[0].kind == "spike":
            found = _next_step_reset(update, events[0], state)
            if found is None:
                continue
            (before, reset), timing = found, "next"
        else:
            continue
        if not _compares(compared, before if timing == "same" else update, counts):
            continue
        base = _integrator(body, index, before, spiking=True)
        if base is not None:
            return Kind(base.name, reset, timing, counts, floor)
    return None


def _unbounded(update: Polynomial) -> tuple[Polynomial, bool]:
    """The argument of a bound from below that ends the update, where there is one."""
    for symbol in update.symbols:
        if symbol.kind == "opaque" and symbol.argument is not None:
            bound = update - Polynomial.of(symbol)
            if bound.is_coefficient:
                return symbol.argument + bound, True
    return update, False


def _echo(update: Polynomial, spike: Symbol, state: Symbol) -> Symbol | None:
    """
    The event H(v - theta) of the old membrane beside a same-step reset to a value, which
    snnTorch keeps: the reset leaves no membrane above the threshold for it to see.
    """
    for event in sorted(update.symbols - {spike}, key=lambda symbol: symbol.name):
        argument = event.argument
        if event.kind != "spike" or argument is None:
            continue
        if not (argument - Polynomial.of(state)).is_coefficient:
            continue
        silent = update.substitute(event, Polynomial({}))
        found = _same_step_reset(silent, spike) if spike in silent.symbols else None
        if found is not None and found[1] == "value":
            return event
    return None


def _same_step_reset(update: Polynomial, spike: Symbol) -> tuple[Polynomial, Reset] | None:
    before = update.substitute(spike, Polynomial({}))
    after = update.substitute(spike, ONE)
    change = after - before
    if after.is_coefficient and spike.kind == "spike":
        return before, "value"
    if change.is_coefficient:
        return before, "subtract"
    return None


def _next_step_reset(
    update: Polynomial, event: Symbol, state: Symbol
) -> tuple[Polynomial, Reset] | None:
    """The event is recomputed from the old membrane: H(v - theta)."""
    argument = event.argument
    if argument is None or not (argument - Polynomial.of(state)).is_coefficient:
        return None
    before = update.substitute(event, Polynomial({}))
    after = update.substitute(event, ONE)
    if (after - before).is_coefficient:
        return before, "subtract"
    if state not in after.symbols:
        return before, "value"
    return None


def _compares(argument: Polynomial, membrane: Polynomial, counts: bool) -> bool:
    """Whether the spike compares this membrane with a threshold made of parameters."""
    if (argument - membrane).is_coefficient:
        return True
    if not counts:
        return False
    # a count divides: argument = membrane * (1 / theta), theta a number or a parameter
    for monomial, coefficient in membrane.terms.items():
        ratio = Polynomial.constant(argument.terms.get(monomial, 0) / coefficient)
        if argument == membrane * ratio:
            return True
    for symbol in argument.symbols:
        if symbol.kind == "coefficient" and argument == membrane * Polynomial.of(symbol):
            return True
    return False
