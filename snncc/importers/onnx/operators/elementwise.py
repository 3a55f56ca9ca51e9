"""Operators that work element by element."""

from __future__ import annotations

from functools import reduce

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.importers.graph.values import Value
from snncc.importers.onnx.call import NUMBERS, Call
from snncc.importers.onnx.operators.registry import Handler, operator

_UNARY = {
    "Neg": ("neg", "fi"),
    "Abs": ("abs", NUMBERS),
    "Exp": ("exp", "f"),
    "Log": ("log", "f"),
    "Sqrt": ("sqrt", "f"),
    "Sigmoid": ("sigmoid", "f"),
    "Tanh": ("tanh", "f"),
    "Floor": ("floor", "f"),
    "Ceil": ("ceil", "f"),
    "Round": ("round", "f"),
    "Not": ("not", "b"),
}

_BINARY = {
    "Greater": ("gt", NUMBERS),
    "GreaterOrEqual": ("ge", NUMBERS),
    "Less": ("lt", NUMBERS),
    "LessOrEqual": ("le", NUMBERS),
    "Equal": ("eq", NUMBERS + "b"),
    "And": ("and", "b"),
    "Or": ("or", "b"),
    "Xor": ("xor", "b"),
}

_VARIADIC = {"Sum": "add", "Max": "maximum", "Min": "minimum"}


def _unary(op: str, kinds: str) -> Handler:
    return lambda call: [call.graph.unary(op, call.value(0, kinds))]


def _binary(op: str, kinds: str) -> Handler:
    return lambda call: [call.graph.binary(op, call.value(0, kinds), call.value(1, kinds))]


def _variadic(op: str) -> Handler:
    return lambda call: [_fold(call, op)]


def _fold(call: Call, op: str) -> Value:
    return reduce(lambda a, b: call.graph.binary(op, a, b), call.values(NUMBERS))


for _name, (_op, _kinds) in _UNARY.items():
    operator(_name)(_unary(_op, _kinds))
for _name, (_op, _kinds) in _BINARY.items():
    operator(_name)(_binary(_op, _kinds))
for _name, _op in _VARIADIC.items():
    operator(_name)(_variadic(_op))


@operator("Add")
def add(call: Call) -> list[Value]:
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    for hard_less_soft, soft in ((a, b), (b, a)):
        if hard_less_soft.op == "sub" and hard_less_soft.operands[1] is soft:
            hard = hard_less_soft.operands[0]
            if _is_spike(hard, a):
                return [hard]
    return [call.graph.binary("add", a, b)]


@operator("Sub")
def sub(call: Call) -> list[Value]:
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    if a.op == "add" and b in a.operands:
        hard = a.operands[0] if a.operands[1] is b else a.operands[1]
        if _is_spike(hard, a):
            return [hard]
    return [call.graph.binary("sub", a, b)]


def _is_spike(hard: Value, whole: Value) -> bool:
    """
    Of `hard + soft - soft`, which gives a spike the derivative of something soft. The file
    does not say that one of the soft ones was detached; rounded, a spike is 0.99999994.
    """
    return hard.op == "cast" and hard.operands[0].dtype == bool and hard.shape == whole.shape


@operator("Mul")
def mul(call: Call) -> list[Value]:
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    for floor, sign in ((a, b), (b, a)):
        if floor.op == "floor" and floor.operands[0].op == "abs":
            x = floor.operands[0].operands[0]
            if _sign(call, x) is sign:
                return [call.graph.unary("trunc", x)]  # as exporters write it
    return [call.graph.binary("mul", a, b)]


@operator("Mean")
def mean(call: Call) -> list[Value]:
    total = _fold(call, "add")
    return [call.graph.binary("div", total, call.like(total, len(call.inputs)))]


@operator("Div")
def div(call: Call) -> list[Value]:
    """Of integers it rounds toward zero."""
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    return [quotient(call, a, b)]


def quotient(call: Call, a: Value, b: Value) -> Value:
    graph = call.graph
    if b.is_constant and b.dtype.kind in "iu" and not _counted(call, b).all():
        raise error("SNC-I015", f"{call.op}: an integer is divided by zero")
    if a.dtype.kind != "i":
        return graph.binary("div", a, b)
    magnitude = graph.binary("div", graph.unary("abs", a), graph.unary("abs", b))
    negative = graph.binary(
        "xor",
        graph.binary("lt", a, call.like(a, 0)),
        graph.binary("lt", b, call.like(b, 0)),
    )
    return graph.where(negative, graph.unary("neg", magnitude), magnitude)


def _counted(call: Call, constant: Value) -> Array:
    """The content for a computation that counts as folding."""
    call.graph.charge(constant.content.nbytes)
    return constant.content


@operator("Mod", attributes="fmod", since=10)
def mod(call: Call) -> list[Value]:
    """The remainder has the sign of the divisor, with `fmod` that of the dividend."""
    graph = call.graph
    a, b = call.value(0, NUMBERS), call.value(1, NUMBERS)
    like_c = call.flag("fmod")
    if a.dtype.kind == "f":
        if not like_c:
            raise error("SNC-I011", "Mod of floats takes fmod=1")
        if a.is_constant and b.is_constant:
            return [graph.constant(np.fmod(_counted(call, a), _counted(call, b)))]
        if not b.is_constant or np.any(np.abs(np.frexp(_counted(call, b))[0]) != 0.5):
            # only then is a - trunc(a / b) * b exact
            raise call.unsupported("a divisor that is not a power of two")
    whole = quotient(call, a, b)
    if a.dtype.kind == "f":
        whole = graph.unary("trunc", whole)
    rest = graph.binary("sub", a, graph.binary("mul", whole, b))
    if like_c or a.dtype.kind == "u":
        return [rest]
    zero = call.like(a, 0)
    differs = graph.binary("xor", graph.binary("lt", rest, zero), graph.binary("lt", b, zero))
    moved = graph.binary("and", differs, graph.binary("ne", rest, zero))
    return [graph.where(moved, graph.binary("add", rest, b), rest)]


@operator("Pow")
def power(call: Call) -> list[Value]:
    """The exponent may have another type; the result has that of the base."""
    base, exponent = call.value(0, NUMBERS), call.value(1, NUMBERS)
    if base.dtype.kind in "iu" and exponent.dtype.kind == "f":
        raise call.unsupported("an integer with an exponent that is a float")
    return [call.graph.binary("pow", base, call.graph.cast(exponent, base.dtype))]


@operator("Reciprocal")
def reciprocal(call: Call) -> list[Value]:
    x = call.value(0, "f")
    return [call.graph.binary("div", call.like(x, 1), x)]


@operator("Relu")
def relu(call: Call) -> list[Value]:
    x = call.value(0, "fi")
    return [call.graph.binary("maximum", x, call.like(x, 0))]


@operator("LeakyRelu", attributes="alpha")
def leaky_relu(call: Call) -> list[Value]:
    x = call.value(0, "f")
    slope = call.graph.binary("mul", x, call.like(x, call.number("alpha", 0.01)))
    return [call.graph.where(call.graph.binary("lt", x, call.like(x, 0)), slope, x)]


@operator("HardSigmoid", attributes="alpha beta")
def hard_sigmoid(call: Call) -> list[Value]:
    graph, x = call.graph, call.value(0, "f")
    line = graph.binary("mul", x, call.like(x, call.number("alpha", 0.2)))
    line = graph.binary("add", line, call.like(x, call.number("beta", 0.5)))
    return [clamped(call, line, call.like(x, 0), call.like(x, 1))]


def clamped(call: Call, x: Value, low: Value | None, high: Value | None) -> Value:
    """Where the bounds cross, the upper one holds."""
    if low is not None:
        x = call.graph.binary("maximum", x, low)
    if high is not None:
        x = call.graph.binary("minimum", x, high)
    return x


@operator("Clip", attributes="min max")
def clip(call: Call) -> list[Value]:
    x = call.value(0, NUMBERS)
    if call.opset >= 11:
        return [clamped(call, x, call.optional(1), call.optional(2))]
    bounds = [
        call.like(x, call.number(n)) if n in call.attributes else None for n in ("min", "max")
    ]
    return [clamped(call, x, *bounds)]


@operator("Sign", since=9)
def sign(call: Call) -> list[Value]:
    return [_sign(call, call.value(0, NUMBERS))]


def _sign(call: Call, x: Value) -> Value:
    graph, zero = call.graph, call.like(x, 0)
    above = graph.cast(graph.binary("gt", x, zero), x.dtype)
    if x.dtype.kind == "u":
        return above
    return graph.binary("sub", above, graph.cast(graph.binary("lt", x, zero), x.dtype))


@operator("Where", since=9)
def where(call: Call) -> list[Value]:
    return [call.graph.where(call.value(0, "b"), call.value(1), call.value(2))]


@operator("Cast", attributes="to saturate round_mode")
def cast(call: Call) -> list[Value]:
    """`saturate` and `round_mode` are about types of eight bits, which are not supported."""
    return [call.graph.cast(call.value(0), call.element_type("to"))]


@operator("CastLike", attributes="saturate round_mode", since=15)
def cast_like(call: Call) -> list[Value]:
    return [call.graph.cast(call.value(0), call.value(1).dtype)]


@operator("Identity")
def identity(call: Call) -> list[Value]:
    return [call.value(0)]


@operator("Dropout", attributes="ratio seed")
def dropout(call: Call) -> list[Value]:
    """As in inference: nothing is dropped."""
    x = call.value(0, "f")
    if call.opset >= 12 and call.has(2) and call.scalar(2, "training_mode"):
        raise call.unsupported("training", "export the model in eval mode")
    kept = call.graph.constant(np.ones((), bool))
    return [x, call.graph.expand(kept, x.shape)] if call.wants(1) else [x]
