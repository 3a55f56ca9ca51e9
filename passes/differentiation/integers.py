"""
The derivatives of integer arithmetic: those of the real functions that it approximates.

A sum of integers is exact; what loses bits (a shift to the right, a division, a truncation) is
taken straight through its rounding, and what wraps as if it did not. What picks bits apart
(`and` with another mask than that of the low bits, `or`, `xor`) stands for no real function and
has no derivative; neither has a truncation of floats (`fptosi`), which is `trunc` of floats.

The gradients are floats by whole numbers: where a whole number is worth `unit`, they are `unit`
times those by the real number. Both modes of differentiation take their rules from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, IntegerAttr
from xdsl.ir import Operation, SSAValue

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.types import integer_width, is_spike

Slope: TypeAlias = "Scalar | float | None"
"""The derivative by an operand: a scalar of the body, a number, or None where there is none."""

Of: TypeAlias = Callable[[SSAValue], Scalar]
"""A scalar of the differentiated body, in the one being written."""

Rule: TypeAlias = Callable[[Body, Any, Of], tuple[Callable[[], Slope], ...]]
"""(body, operation, scalars) -> for each operand what writes the derivative by it."""


def as_number(b: Body, x: Scalar) -> Scalar:
    """A scalar as a float: an integer wider than a spike is a signed number."""
    if isinstance(x.element, AnyFloat):
        return x
    return b.to_float(x) if is_spike(x.element) else b.signed_to_float(x)


def literal(value: SSAValue) -> int | None:
    """The signed number that an integer scalar always is, where it stands in the body."""
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp) or not isinstance(owner.value, IntegerAttr):
        return None
    number: int = owner.value.value.data
    return number


def _none() -> Slope:
    return None


def _one() -> Slope:
    return 1.0


def _minus_one() -> Slope:
    return -1.0


def _value(b: Body, of: Of, value: SSAValue) -> Scalar | float:
    known = literal(value)
    return float(known) if known is not None else as_number(b, of(value))


def _product(b: Body, op: arith.MuliOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    return lambda: _value(b, of, op.rhs), lambda: _value(b, of, op.lhs)


def _quotient(b: Body, op: arith.DivSIOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    """1 / y and -x / y^2; x / 0 is 0 whatever x is."""

    def inverse() -> Scalar | float:
        divisor = literal(op.rhs)
        if divisor is not None:
            return 1.0 / divisor if divisor else 0.0
        is_zero = b.compare("eq", of(op.rhs), 0)
        one, zero = b.constant(1.0), b.constant(0.0)
        safe = b.select(is_zero, one, as_number(b, of(op.rhs)))
        return b.select(is_zero, zero, one / safe)

    def by_divisor() -> Slope:
        inverted = inverse()
        assert isinstance(inverted, Scalar), "a literal has no gradient"
        return -(_value(b, of, op.lhs) * inverted * inverted)

    return inverse, by_divisor


def _shift_left(b: Body, op: arith.ShLIOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    def slope() -> Slope:
        amount, width = literal(op.rhs), integer_width(op.result.type)
        if amount is None:
            return _power(b, of(op.rhs))
        return 2.0**amount if 0 <= amount < width else None

    return slope, _none


def _shift_right(
    b: Body, op: arith.ShRSIOp | arith.ShRUIOp, of: Of
) -> tuple[Callable[[], Slope], ...]:
    """2^-k; what leaves the sign alone is a mask of bits."""

    def slope() -> Slope:
        amount, width = literal(op.rhs), integer_width(op.result.type)
        most = width - isinstance(op, arith.ShRSIOp)
        if amount is not None:
            return 2.0**-amount if 0 <= amount < most else None
        power, zero, one = _power(b, of(op.rhs)), b.constant(0.0), b.constant(1.0)
        outside = b.compare("eq", power, zero)
        return b.select(outside, zero, one / b.select(outside, one, power))

    return slope, _none


def _power(b: Body, amount: Scalar) -> Scalar:
    """2^amount, and 0 from the width on."""
    return b.to_float(b.constant(1, amount.element) << amount)


def _mask(b: Body, op: arith.AndIOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    """The low bits of a number, two or more, are the number modulo a power of two."""

    def slope(mask: SSAValue) -> Slope:
        bits = literal(mask)
        return 1.0 if bits is not None and bits > 1 and bits & (bits + 1) == 0 else None

    return lambda: slope(op.rhs), lambda: slope(op.lhs)


def _sign_extended(b: Body, op: arith.ExtSIOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    """Every bit of it is that of a spike."""
    return (_minus_one if is_spike(op.input.type) else _one,)


def _truncated(b: Body, op: arith.TruncIOp, of: Of) -> tuple[Callable[[], Slope], ...]:
    """One bit alone says whether a number is odd."""
    return (_none if is_spike(op.result.type) else _one,)


SLOPES: dict[type[Operation], Rule] = {
    arith.AddiOp: lambda b, op, of: (_one, _one),
    arith.SubiOp: lambda b, op, of: (_one, _minus_one),
    arith.MuliOp: _product,
    arith.DivSIOp: _quotient,
    arith.ShLIOp: _shift_left,
    arith.ShRSIOp: _shift_right,
    arith.ShRUIOp: _shift_right,
    arith.AndIOp: _mask,
    arith.OrIOp: lambda b, op, of: (_none, _none),
    arith.XOrIOp: lambda b, op, of: (_none, _none),
    arith.ExtUIOp: lambda b, op, of: (_one,),
    arith.ExtSIOp: _sign_extended,
    arith.TruncIOp: _truncated,
    arith.FPToSIOp: lambda b, op, of: (_none,),
    arith.CmpiOp: lambda b, op, of: (_none, _none),
}
"""
Operation -> its derivatives. The logic of spikes, choices, extremes and conversions to floats
have the rules of floats.
"""
