"""Writes scalar values of a graph as the body of a neuron."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, i1

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.dialects.snn.surrogate import SurrogateOp
from snncc.errors import error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.values import Value

COUNTING = frozenset(
    (
        *("add", "sub", "neg", "maximum", "minimum", "where", "cast", "detach"),
        *("gt", "ge", "lt", "le", "eq", "ne"),
    )
)
"""
What neurons do with whole numbers of 32 or 64 bits, as floats: a refractory period that is
counted down. Floats hold them to 2 ** 24.
"""
MAX_COUNT = 65535
"""Spikes in one step where the model has no limit: what its 16 bits hold."""


def spike_of(value: Value) -> Value:
    """The boolean that a float of 0.0 or 1.0 was made of; else the value itself."""
    while value.op == "cast" and value.operands[0].dtype.kind == "b":
        value = value.operands[0]
    return value


def count_of(value: Value) -> tuple[Value, int] | None:
    """
    (v / threshold, largest number) where a value counts the whole thresholds in v:
    (v > 0) * trunc(v / threshold), perhaps with an upper limit. Sinabs, `MultiSpike`.
    """
    if value.op == "spike_count":
        return value.operands[0], value.attribute("maximum")
    largest = MAX_COUNT
    if value.op == "minimum" and value.operands[1].is_fixed:
        limit = value.operands[1].content
        if limit.size != 1 or not 1 <= limit.item() <= MAX_COUNT or limit.item() % 1:
            return None
        largest = int(limit.item())
        value = value.operands[0]
    if value.op != "mul":
        return None
    for positive, whole in (value.operands, value.operands[::-1]):
        fires = spike_of(positive)
        if whole.op != "trunc" or fires.op != "gt":
            continue
        v, zero = fires.operands
        if not zero.is_fixed or zero.content.any():
            continue
        quotient = whole.operands[0]
        if quotient is v:  # the threshold is 1
            return quotient, largest
        if quotient.op == "div" and quotient.operands[0] is v:
            threshold = quotient.operands[1]
            if threshold.is_constant and (threshold.content > 0).all():
                return quotient, largest
    return None


def broadcast_source(value: Value) -> Value:
    """What gives a learnable constant where a body reads it: operands of bodies broadcast."""
    while value.made is not None:
        inner = value.made.operands[0]
        unmoved = value.made.op == "reshape" and _trailing(value) == _trailing(inner)
        if value.made.op != "expand" and not unmoved:
            break
        value = inner
    return value


def _trailing(value: Value) -> Sequence[int]:
    shape = list(value.shape)
    while shape and shape[0] == 1:
        del shape[0]
    return shape


class BodyWriter:
    """
    The body that gives some outputs and next states.

    `ports` are values that the body gets; `parameters` the constants that it needs as
    ports: arrays, and numbers that have a name in the model. Other numbers stand in it, and
    so does the arithmetic on learnable parameters.
    """

    def __init__(self, outputs: Sequence[Value], states: Sequence[Value], ports: set[Value]):
        self.outputs = outputs
        self.states = states
        self.ports = ports
        self.parameters: list[Value] = []
        self.order: list[Value] = []
        self.surrogates: dict[str, SurrogateOp] = {}
        """Those that the body names, once it is written."""
        self._collect()

    def _collect(self) -> None:
        seen: set[Value] = set()
        stack = [(value, False) for value in reversed([*self.outputs, *self.states])]
        while stack:
            value, done = stack.pop()
            if done:
                self.order.append(value)
                continue
            value = broadcast_source(value)
            if value in seen or value in self.ports or spike_of(value) in self.ports:
                continue
            seen.add(value)
            if value.is_constant and value.operation.op not in ops.ELEMENTWISE:
                if value.content.size > 1 or value.name is not None or value.sources:
                    self.parameters.append(value)
                continue
            stack.append((value, True))
            stack.extend((operand, False) for operand in reversed(self._operands(value)))

    def _operands(self, value: Value) -> Sequence[Value]:
        counted = count_of(value)
        if counted is None or value.op == "spike_count":
            return value.operation.operands
        return [counted[0]]

    def write(self, b: Body, bound: Mapping[Value, Scalar]) -> Outputs:
        """Outputs as they are (spikes, counts, floats), states as the model has them."""
        scalars = dict(bound)

        def get(value: Value) -> Scalar:
            value = broadcast_source(value)
            if value in scalars:
                return scalars[value]
            if value.is_constant:
                scalars[value] = self._literal(b, value)
                return scalars[value]
            return scalars[spike_of(value)]

        def as_float(value: Value) -> Scalar:
            scalar = get(value)
            return scalar if isinstance(scalar.element, AnyFloat) else b.to_float(scalar)

        def operand(value: Value) -> Scalar:
            return get(value) if value.dtype.kind == "b" else as_float(value)

        for value in self.order:
            counted = count_of(value)
            if counted is not None:
                surrogate, of = self._surrogate(value, operand)
                quotient, most = as_float(counted[0]), counted[1]
                scalars[value] = b.count(quotient, most, surrogate=surrogate, of=of)
            elif value.op == "spike":
                surrogate, of = self._surrogate(value, operand)
                comparison = value.attribute("comparison")
                scalars[value] = b.spike(as_float(value.operands[0]), comparison, surrogate, of)
            else:
                scalars[value] = self._operation(b, value.operation, operand)
        return [get(v) for v in self.outputs], [operand(v) for v in self.states]

    def _surrogate(
        self, value: Value, operand: Callable[[Value], Scalar]
    ) -> tuple[SurrogateAttr | None, Sequence[Scalar]]:
        """The surrogate of a spike or a count, and what it is a function of."""
        if value.op not in ("spike", "spike_count"):
            return None, ()
        surrogate = value.attribute("surrogate")
        if isinstance(surrogate, SurrogateOp):
            self.surrogates[surrogate.sym_name.data] = surrogate
            surrogate = SurrogateAttr.of_symbol(surrogate.sym_name.data)
        return surrogate, [operand(v) for v in value.operands[1:]]

    def _literal(self, b: Body, value: Value) -> Scalar:
        number = value.content.reshape(-1)[0].item()
        return b.constant(number, i1 if value.dtype.kind == "b" else None)

    def _operation(self, b: Body, value: Value, operand: Callable[[Value], Scalar]) -> Scalar:
        op = value.op
        types = [value.dtype, *(v.dtype for v in value.operands)]
        counts = op in COUNTING and all(t.kind in "fb" or t in (np.int32, np.int64) for t in types)
        if not counts and any(t.kind not in "fb" for t in types):
            whole = next(t for t in types if t.kind not in "fb")
            raise error(
                "SNC-I025",
                f"{op} of {whole}: neurons compute in floats",
                node=value.scope,
                remedy="compute with floats in the model (x.float()); integers are left as they "
                "are only where they are converted at once",
            )
        if op in _COMPARE and value.operands[0].dtype.kind != "b":
            return _compare(b, value, operand)
        rule = _BOOLEAN.get(op) if value.operands[0].dtype.kind == "b" else None
        rule = rule or _RULES.get(op)
        if rule is None:
            raise error("SNC-I025", f"{op}: no such arithmetic in neurons", node=value.scope)
        return rule(b, value, [operand(v) for v in value.operands])


_COMPARE = {"gt": ("gt", False), "lt": ("gt", True), "ge": ("ge", False), "le": ("ge", True)}
_EQUAL = {"eq": "oeq", "ne": "une"}


def _compare(b: Body, value: Value, operand: Callable[[Value], Scalar]) -> Scalar:
    """a > b is a - b > 0: the sign of a rounded difference is that of the difference."""
    comparison, swap = _COMPARE[value.op]
    left, right = reversed(value.operands) if swap else value.operands
    if right.is_fixed and not right.content.any():
        return b.spike(operand(left), comparison)
    if left.is_fixed and not left.content.any():
        return b.spike(-operand(right), comparison)
    return b.spike(operand(left) - operand(right), comparison)


def _equal(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    return b.insert(arith.CmpfOp(args[0].value, args[1].value, _EQUAL[value.op]))


def _xor(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    return b.insert(arith.XOrIOp(args[0].value, args[1].value))


def _not(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    return b.insert(arith.XOrIOp(args[0].value, b.constant(1, i1).value))


def _cast(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    source = value.operands[0].dtype.kind
    if value.dtype.kind == "i" and source == "f":
        return b.trunc(args[0])
    if value.dtype.kind == "b" and source != "b":
        return b.insert(arith.CmpfOp(args[0].value, b.constant(0.0).value, "une"))
    return args[0]  # a spike stays one until arithmetic needs a float


def _power(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    """Small whole exponents as products, which is what torch does (aten, pow_tensor_scalar)."""
    exponent = value.operands[1]
    if exponent.is_fixed and np.all(exponent.content == 2):
        return args[0] * args[0]
    if exponent.is_fixed and np.all(exponent.content == 3):
        return args[0] * args[0] * args[0]
    if exponent.is_fixed and np.all(exponent.content == 0.5):
        return b.sqrt(args[0])
    return b.power(args[0], args[1])


def _fake_quantize(b: Body, value: Value, args: Sequence[Scalar]) -> Scalar:
    """Rounded to a grid, in the steps of `Graph.fake_quantize`; a zero point of 0 adds nothing."""
    x, factor, scale, zero = args
    shifted = not value.operands[3].is_fixed or value.operands[3].content.any()
    whole = b.round_even(x / factor if value.attribute("divides") else x * factor)
    if shifted:
        whole = whole + zero
    whole = b.maximum(whole, b.constant(value.attribute("low")))
    whole = b.minimum(whole, b.constant(value.attribute("high")))
    return (whole - zero if shifted else whole) * scale


_RULES: dict[str, Callable[[Body, Value, Sequence[Scalar]], Scalar]] = {
    "add": lambda b, v, a: a[0] + a[1],
    "sub": lambda b, v, a: a[0] - a[1],
    "mul": lambda b, v, a: a[0] * a[1],
    "div": lambda b, v, a: a[0] / a[1],
    "pow": _power,
    "maximum": lambda b, v, a: b.maximum(a[0], a[1]),
    "minimum": lambda b, v, a: b.minimum(a[0], a[1]),
    "neg": lambda b, v, a: -a[0],
    "abs": lambda b, v, a: b.absolute(a[0]),
    "exp": lambda b, v, a: b.exp(a[0]),
    "log": lambda b, v, a: b.log(a[0]),
    "sqrt": lambda b, v, a: b.sqrt(a[0]),
    "tanh": lambda b, v, a: b.tanh(a[0]),
    "sigmoid": lambda b, v, a: 1.0 / (1.0 + b.exp(-a[0])),
    "floor": lambda b, v, a: b.floor(a[0]),
    "ceil": lambda b, v, a: b.ceil(a[0]),
    "trunc": lambda b, v, a: b.trunc(a[0]),
    "round": lambda b, v, a: b.round_even(a[0]),
    "where": lambda b, v, a: b.select(a[0], a[1], a[2]),
    "detach": lambda b, v, a: b.detach(a[0]),
    "eq": _equal,
    "ne": _equal,
    "cast": _cast,
    "fake_quantize": _fake_quantize,
}

_BOOLEAN: dict[str, Callable[[Body, Value, Sequence[Scalar]], Scalar]] = {
    "and": lambda b, v, a: a[0] & a[1],
    "or": lambda b, v, a: a[0] | a[1],
    "xor": _xor,
    "ne": _xor,
    "not": _not,
    "eq": lambda b, v, a: _not(b, v, [_xor(b, v, a)]),
}
