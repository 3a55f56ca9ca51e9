"""
Bodies as polynomials: what a neuron computes, apart from the order in which it rounds.

A scalar of a body is a polynomial in the symbols of its inputs, states, spikes and
coefficients. A spike is 0 or 1, so its powers are itself. An expression of parameters
only is one coefficient symbol, whatever it is; any other operation that is not polynomial
makes a symbol of its own, kept with what it was applied to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Literal, TypeAlias

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType
from xdsl.ir import Operation, SSAValue

from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.spikes import CountOp, DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp

SymbolClass: TypeAlias = Literal["input", "state", "spike", "count", "coefficient", "opaque"]


@dataclass(frozen=True)
class Symbol:
    """
    An indeterminate; `argument` is what a spike, count or opaque operation was applied to, or
    what a coefficient is the inverse of; `operation` computes it, unless it is a port.
    """

    kind: SymbolClass
    name: str
    argument: Polynomial | None = field(default=None, compare=False, repr=False)
    operation: Operation | None = field(default=None, compare=False, repr=False)


Monomial: TypeAlias = tuple[Symbol, ...]


def _normal(symbols: Monomial) -> Monomial:
    """Sorted, with powers of a spike reduced to one."""
    kept: list[Symbol] = []
    for symbol in sorted(symbols, key=lambda s: (s.kind, s.name)):
        if symbol.kind == "spike" and symbol in kept:
            continue
        kept.append(symbol)
    return tuple(kept)


class Polynomial:
    """An immutable polynomial with rational coefficients over symbols."""

    def __init__(self, terms: Mapping[Monomial, Fraction]):
        self.terms: dict[Monomial, Fraction] = {m: c for m, c in terms.items() if c}

    @staticmethod
    def constant(value: float | Fraction) -> Polynomial:
        return Polynomial({(): Fraction(value)})

    @staticmethod
    def of(symbol: Symbol) -> Polynomial:
        return Polynomial({(symbol,): Fraction(1)})

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + coefficient
        return Polynomial(terms)

    def __neg__(self) -> Polynomial:
        return Polynomial({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[Monomial, Fraction] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = _normal(left + right)
                terms[monomial] = terms.get(monomial, Fraction(0)) + a * b
        return Polynomial(terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __repr__(self) -> str:
        if not self.terms:
            return "0"
        return " + ".join(
            "*".join([str(float(c)), *(s.name for s in m)]) for m, c in self.terms.items()
        )

    @property
    def symbols(self) -> set[Symbol]:
        return {symbol for monomial in self.terms for symbol in monomial}

    @property
    def is_coefficient(self) -> bool:
        """Whether it is made of parameters and constants only."""
        return all(symbol.kind == "coefficient" for symbol in self.symbols)

    def substitute(self, symbol: Symbol, value: Polynomial) -> Polynomial:
        result = Polynomial({})
        for monomial, coefficient in self.terms.items():
            term = Polynomial({tuple(s for s in monomial if s != symbol): coefficient})
            for _ in range(monomial.count(symbol)):
                term = term * value
            result = result + term
        return result

    def split(self, symbol: Symbol) -> tuple[Polynomial, Polynomial] | None:
        """(a, b) with self = a * symbol + b, both free of it; None where it is not affine."""
        linear: dict[Monomial, Fraction] = {}
        rest: dict[Monomial, Fraction] = {}
        for monomial, coefficient in self.terms.items():
            power = monomial.count(symbol)
            if power > 1:
                return None
            if power:
                linear[tuple(s for s in monomial if s != symbol)] = coefficient
            else:
                rest[monomial] = coefficient
        return Polynomial(linear), Polynomial(rest)


@dataclass
class BodyPolynomials:
    """The outputs and next states of a neuron as polynomials of its inputs and states."""

    inputs: list[Symbol]
    states: list[Symbol]
    outputs: list[Polynomial]
    next_states: list[Polynomial]


ONE = Polynomial.constant(1)


def body_polynomials(neuron: NeuronOp) -> BodyPolynomials:
    """Evaluates a body over polynomials."""
    values: dict[SSAValue, Polynomial] = {}
    inputs = [Symbol("input", port.name) for port in neuron.input_ports]
    states = [Symbol("state", port.name) for port in neuron.state_ports]
    parameters = [Symbol("coefficient", port.name) for port in neuron.parameter_ports]
    for argument, symbol in zip(
        neuron.body.block.args, (*inputs, *states, *parameters), strict=True
    ):
        values[argument] = Polynomial.of(symbol)
    for op in neuron.body.block.ops:
        if op is neuron.terminator:
            break
        operands = [values[operand] for operand in op.operands]
        values[op.results[0]] = _evaluate(op, operands, len(values))
    return BodyPolynomials(
        inputs,
        states,
        [values[value] for value in neuron.terminator.outputs],
        [values[value] for value in neuron.terminator.states],
    )


def _select(condition: Polynomial, if_one: Polynomial, if_zero: Polynomial) -> Polynomial:
    return condition * if_one + (ONE - condition) * if_zero


_ARITHMETIC: dict[type[Operation], Callable[..., Polynomial]] = {
    arith.AddfOp: lambda a, b: a + b,
    arith.SubfOp: lambda a, b: a - b,
    arith.MulfOp: lambda a, b: a * b,
    arith.AddiOp: lambda a, b: a + b,
    arith.SubiOp: lambda a, b: a - b,
    arith.MuliOp: lambda a, b: a * b,
    arith.NegfOp: lambda a: -a,
    arith.SelectOp: _select,
    arith.UIToFPOp: lambda a: a,
    arith.ExtUIOp: lambda a: a,
    arith.ExtSIOp: lambda a: a,
    DetachOp: lambda a: a,
    StraightThroughOp: lambda value, soft: value,
}

_LOGIC: dict[type[Operation], Callable[[Polynomial, Polynomial], Polynomial]] = {
    arith.AndIOp: lambda a, b: a * b,
    arith.OrIOp: lambda a, b: a + b - a * b,
    arith.XOrIOp: lambda a, b: a + b - Polynomial.constant(2) * a * b,
}


MOST_TERMS, MOST_DEGREE = 1 << 14, 64
"""Of a product: squares of squares grow without bounds, and no neuron is one."""


def _is_too_large(operands: list[Polynomial]) -> bool:
    """Whether a product of the operands would be."""
    terms = prod(max(1, len(p.terms)) for p in operands)
    degree = sum(max((len(m) for m in p.terms), default=0) for p in operands)
    return terms > MOST_TERMS or degree > MOST_DEGREE


def _evaluate(op: Operation, operands: list[Polynomial], index: int) -> Polynomial:
    kind = type(op)
    if isinstance(op, arith.ConstantOp) and isinstance(op.value, FloatAttr | IntegerAttr):
        value = op.value.value.data
        if op.result.type == IntegerType(1):
            value = abs(value)
        if value - value == 0:  # a finite number
            return Polynomial.constant(value)
    if isinstance(op, arith.ExtSIOp) and op.input.type == IntegerType(1):
        return -operands[0]  # every bit is that of the spike
    if _is_too_large(operands):
        return Polynomial.of(Symbol("opaque", f"{op.name}.{index}", None, op))
    if kind in _ARITHMETIC:
        return _ARITHMETIC[kind](*operands)
    if kind in _LOGIC and op.results[0].type == IntegerType(1):
        return _LOGIC[kind](*operands)
    if isinstance(op, SpikeOp):
        return Polynomial.of(Symbol("spike", f"s{index}", operands[0], op))
    if isinstance(op, CountOp):
        return Polynomial.of(Symbol("count", f"n{index}", operands[0], op))
    if isinstance(op, arith.DivfOp) and operands[1].is_coefficient:
        inverse = Symbol("coefficient", f"1/({operands[1]})", operands[1], op)
        if operands[1].terms.keys() == {()}:
            return operands[0] * Polynomial.constant(1 / operands[1].terms[()])
        return operands[0] * Polynomial.of(inverse)
    if operands and all(operand.is_coefficient for operand in operands):
        text = f"{op.name}({', '.join(map(repr, operands))})"
        return Polynomial.of(Symbol("coefficient", text, None, op))
    if isinstance(op, arith.MaximumfOp):
        return _maximum(op, operands, index)
    return Polynomial.of(Symbol("opaque", f"{op.name}.{index}", None, op))


def _maximum(op: Operation, operands: list[Polynomial], index: int) -> Polynomial:
    """max(p, q) with a coefficient q: p held from below, kept with its argument."""
    for bounded, bound in (operands, reversed(operands)):
        if bound.is_coefficient:
            return Polynomial.of(Symbol("opaque", f"max.{index}", bounded - bound, op)) + bound
    return Polynomial.of(Symbol("opaque", f"max.{index}", None, op))
