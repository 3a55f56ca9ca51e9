"""
The functions that scalar bodies may call: operations of xDSL's `math` dialect.

Each one is defined by a straight-line program of float64 and integer operations
(`program.py`), not by a library: results are the same bits in every interpreter and in every
build of the emitted C, which needs no libm. For f32 the program runs in float64 and rounds
once at its end: the result is the correctly rounded one, but for one case in millions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects.snn.functions import (
    arctangent,
    error_function,
    exponential,
    logarithm,
    power,
    rounding,
    square_root,
    trigonometric,
)
from snncc.dialects.snn.functions.evaluate import Array, evaluate
from snncc.dialects.snn.functions.program import Program, Type, Value, trace


@dataclass(frozen=True)
class Function:
    """A function of bodies."""

    name: str
    """In C: behind the prefix, before the type."""
    arity: int
    write: Callable[..., Value]
    """From arguments of one float type to a result of that type."""
    summary: str
    """How it is computed, in a line."""


FUNCTIONS: dict[type[Operation], Function] = {
    math.AbsFOp: Function("absolute", 1, rounding.absolute, "|x|"),
    math.AtanOp: Function(
        "atan", 1, arctangent.atan, "atan x: one of five angles, and a + t + t^3 P(t^2)"
    ),
    math.CeilOp: Function("ceil", 1, rounding.ceil, "rounded up to an integer"),
    math.CosOp: Function(
        "cos", 1, trigonometric.cos, "cos x: quarter turns by 2/pi, then a polynomial"
    ),
    math.ErfOp: Function(
        "erf", 1, error_function.erf, "erf x: x + x P(x^2), or 1 - e^(-x^2) G of a ratio"
    ),
    math.ExpOp: Function(
        "exp", 1, exponential.exp, "e^x: 2^k (1 + r + r^2 q(r)) with x = k ln 2 + r"
    ),
    math.FloorOp: Function("floor", 1, rounding.floor, "rounded down to an integer"),
    math.LogOp: Function(
        "log", 1, logarithm.log, "ln x: k ln 2 + 2 artanh s with x = 2^k m, s = (m-1)/(m+1)"
    ),
    math.PowFOp: Function("power", 2, power.power, "x^y: e^(y ln x), the exponent as a pair"),
    math.RoundEvenOp: Function(
        "round_even", 1, rounding.round_even, "rounded to the nearest integer, half to even"
    ),
    math.SinOp: Function(
        "sin", 1, trigonometric.sin, "sin x: quarter turns by 2/pi, then a polynomial"
    ),
    math.SqrtOp: Function("sqrt", 1, square_root.sqrt, "square root, correctly rounded"),
    math.TanhOp: Function(
        "tanh", 1, exponential.tanh, "tanh x: (e^2x - 1) / (e^2x + 1), both from one polynomial"
    ),
    math.TruncOp: Function("trunc", 1, rounding.trunc, "rounded towards zero to an integer"),
}
"""By operation."""


def type_of_element(element: Attribute) -> Type:
    """Raises TypeError for what is neither f32 nor f64."""
    if isinstance(element, Float32Type):
        return Type.F32
    if isinstance(element, Float64Type):
        return Type.F64
    raise TypeError(f"functions of bodies take f32 and f64, not {element}")


@cache
def program_of(operation: type[Operation], type: Type) -> Program:
    """The program of an operation on f32 or f64."""
    function = FUNCTIONS[operation]
    return trace(function.write, [type] * function.arity)


def apply(op: Operation, arguments: Sequence[Array]) -> Array:
    """The value of an operation of `FUNCTIONS` on arrays."""
    return evaluate(program_of(type(op), type_of_element(op.results[0].type)), arguments)


def folded(op: Operation, operands: Sequence[SSAValue]) -> FloatAttr | None:
    """
    The value of an operation of `FUNCTIONS` on constants; None where an operand is none, or
    the value is infinite or none, which no text in C could hold.
    """
    element = op.results[0].type
    if not isinstance(element, Float32Type | Float64Type):
        return None
    arguments: list[Array] = []
    for operand in operands:
        owner = operand.owner
        if not isinstance(owner, arith.ConstantOp) or not isinstance(owner.value, FloatAttr):
            return None
        single = isinstance(owner.value.type, Float32Type)
        arguments.append(np.asarray(owner.value.value.data, np.float32 if single else np.float64))
    value = apply(op, arguments)
    return FloatAttr(float(value), element) if np.isfinite(value) else None
