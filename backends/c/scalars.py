"""Scalar bodies in C: one operation, one statement. The table is the support of the backend."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    i1,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from snncc.backends.c.names import Scope
from snncc.backends.c.types import CType, c_type, is_integer, is_signed, signed_type, unsigned_type
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.types import integer_width
from snncc.errors import error


@dataclass(frozen=True)
class Expression:
    """A scalar in C: an expression and its type. Integers are unsigned where they are counts."""

    text: str
    type: CType

    def __str__(self) -> str:
        return self.text


Rule: TypeAlias = "Callable[[Operation, Sequence[Expression]], Expression]"
"""(operation, its operands) -> its result."""

MAXIMUM, MINIMUM = "maximum", "minimum"
"""Helpers that bodies may call; the kernels' header defines those that are used."""

SPIKE = CType("int32_t", "i1", 4)
"""A spike in a body is an int32_t, which vectorizes where a byte does not."""


def number_type(type: Attribute) -> CType:
    """The C type of an integer that is a spike or a signed number."""
    return SPIKE if type == i1 else c_type(type, signed=True)


def float_literal(value: float, type: Attribute) -> str:
    """
    The shortest decimal that reads back as the same number; an infinity as a quotient, which
    needs no header. Raises SNC-C001 for what is no number.
    """
    if np.isnan(value):
        raise error("SNC-C001", f"C has no form for the constant {value} of {type}")
    single = isinstance(type, Float32Type)
    if np.isinf(value):
        one, zero = ("1.0f", "0.0f") if single else ("1.0", "0.0")
        return f"({'-' if value < 0 else ''}{one} / {zero})"
    text = repr(float(np.float32(value))) if single else repr(float(value))
    if single:
        text = str(np.float32(value))
    if "." not in text and "e" not in text:
        text += ".0"
    return f"{text}f" if single else text


def integer_literal(bits: int, type: CType) -> str:
    """The number that some bits are in an integer type."""
    width = 8 * type.size
    number = bits & ((1 << width) - 1)
    if not is_signed(type):
        return f"{number}u"
    number -= (number >> (width - 1)) << width
    if number == -(1 << (width - 1)):
        return f"INT{width}_MIN"
    return f"INT64_C({number})" if width == 64 else f"{number}"


# how an operand is read


def _signed(value: Expression) -> str:
    """As a signed number."""
    if value.type == SPIKE or is_signed(value.type):
        return value.text
    return f"({signed_type(value.type).name}){value}"


def _unsigned(value: Expression) -> str:
    """The bits as a number of the same width."""
    if value.type == SPIKE or not is_signed(value.type):
        return value.text
    return f"({unsigned_type(value.type).name}){value}"


def _wide(value: Expression) -> str:
    """For arithmetic that wraps: as an unsigned number of at least 32 bits, sign extended."""
    word = "uint64_t" if value.type.size == 8 else "uint32_t"
    if value.type.name == word:
        return value.text
    if re.fullmatch(r"\d+", value.text):
        return f"{value}u"
    return f"({word}){_signed(value)}"


# the rules


def _constant(op: Operation, _: Sequence[Expression]) -> Expression:
    assert isinstance(op, arith.ConstantOp)
    value = op.value
    if isinstance(value, FloatAttr):
        return Expression(float_literal(value.value.data, value.type), c_type(value.type))
    assert isinstance(value, IntegerAttr)
    number = value.value.data
    if isinstance(value.type, IndexType):
        return Expression(f"{number}u", CType("size_t", "index", 4))
    if value.type == i1:
        return Expression(f"{number & 1}", SPIKE)
    type = number_type(value.type)
    return Expression(integer_literal(number, type), type)


def _float_infix(symbol: str) -> Rule:
    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        return Expression(f"{args[0]} {symbol} {args[1]}", c_type(op.results[0].type))

    return rule


def _wrapping(symbol: str) -> Rule:
    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        type = number_type(op.results[0].type)
        a, b = map(_wide, args)
        return Expression(f"({type.name})({a} {symbol} {b})", type)

    return rule


def _bitwise(symbol: str) -> Rule:
    """Counts stay counts; the operands of other integers are read alike."""

    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        type = _common(args)
        a, b = (_as(arg, type) for arg in args)
        text = f"{a} {symbol} {b}"
        return Expression(text if type == SPIKE else f"({type.name})({text})", type)

    return rule


def _common(args: Sequence[Expression]) -> CType:
    """The type of one operand or another: signed, where they differ."""
    first, other = (arg.type for arg in args)
    return first if first == other else signed_type(first)


def _as(value: Expression, type: CType) -> str:
    """An operand as one of two types of the same width."""
    return value.text if value.type == type else f"({type.name}){value}"


_ORDERED = {1: "==", 2: ">", 3: ">=", 4: "<", 5: "<="}
_UNORDERED = {9: "<=", 10: "<", 11: ">=", 12: ">"}


def _compare_floats(op: Operation, args: Sequence[Expression]) -> Expression:
    assert isinstance(op, arith.CmpfOp)
    a, b = args
    predicate = op.predicate.value.data
    if predicate in _ORDERED:
        return Expression(f"{a} {_ORDERED[predicate]} {b}", SPIKE)
    if predicate in _UNORDERED:  # the negation of the opposite ordered comparison
        return Expression(f"!({a} {_UNORDERED[predicate]} {b})", SPIKE)
    special = {
        0: "0",
        6: f"({a} < {b}) || ({a} > {b})",
        7: f"({a} == {a}) && ({b} == {b})",
        8: f"!(({a} < {b}) || ({a} > {b}))",
        13: f"{a} != {b}",
        14: f"({a} != {a}) || ({b} != {b})",
        15: "1",
    }
    return Expression(special[predicate], SPIKE)


_RELATIONS = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")
"""By MLIR's number of the predicate: from 6 on unsigned."""


def _compare_integers(op: Operation, args: Sequence[Expression]) -> Expression:
    assert isinstance(op, arith.CmpiOp)
    predicate = op.predicate.value.data
    a, b = map(_signed if predicate < 6 else _unsigned, args)
    return Expression(f"{a} {_RELATIONS[predicate]} {b}", SPIKE)


def _extreme(helper: str, symbol: str) -> Rule:
    """IEEE 754-2019 maximum or minimum; a constant on the right needs no look at the signs."""

    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        a, b = args
        bound = op.operands[1].owner
        type = c_type(op.results[0].type)
        if isinstance(bound, arith.ConstantOp) and isinstance(bound.value, FloatAttr):
            value = bound.value.value.data
            if value != 0 or (helper == MAXIMUM and not np.signbit(value)):
                return Expression(f"(({a} {symbol} {b}) | ({a} != {a})) ? {a} : {b}", type)
        return Expression(f"@{helper}_{type.short}({a}, {b})", type)

    return rule


def _integer_extreme(symbol: str) -> Rule:
    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        a, b = map(_signed, args)
        return Expression(f"{a} {symbol} {b} ? {a} : {b}", number_type(op.results[0].type))

    return rule


def _select(op: Operation, args: Sequence[Expression]) -> Expression:
    condition, *either = args
    type = either[0].type if isinstance(op.results[0].type, AnyFloat) else _common(either)
    if_one, if_zero = (_as(arg, type) for arg in either)
    return Expression(f"{condition} ? {if_one} : {if_zero}", type)


# shifts and division: an operand that is a constant needs no guard


def _number(value: SSAValue) -> int | None:
    """A constant operand, as an unsigned number of its width."""
    op = value.owner
    if not isinstance(op, arith.ConstantOp) or not isinstance(op.value, IntegerAttr):
        return None
    number: int = op.value.value.data
    return number & ((1 << integer_width(value.type)) - 1)


def _shift(symbol: str, read: Callable[[Expression], str]) -> Rule:
    """0 where the amount is the width or more."""

    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        type = number_type(op.results[0].type)
        width, amount = 8 * type.size, _number(op.operands[1])
        x = read(args[0])
        if amount is not None:
            text = f"{x} {symbol} {amount}" if amount < width else "0"
        else:
            by = _unsigned(args[1])
            text = f"{by} < {width}u ? {x} {symbol} {by} : 0u"
        return Expression(f"({type.name})({text})", type)

    return rule


def _as_word(value: Expression) -> str:
    """The bits as an unsigned number of at least 32 bits."""
    word = "uint64_t" if value.type.size == 8 else "uint32_t"
    bits = _unsigned(value)
    return bits if unsigned_type(value.type).name == word else f"({word}){bits}"


def _shift_right(op: Operation, args: Sequence[Expression]) -> Expression:
    """By the width or more: every bit the sign; the helper sees to it."""
    type = number_type(op.results[0].type)
    word, amount = "i64" if type.size == 8 else "i32", _number(op.operands[1])
    by = _as_word(args[1]) if amount is None else f"{min(amount, 8 * type.size - 1)}u"
    if type.size == 8 and amount is None:
        by = f"(uint32_t)({by} < 63u ? {by} : 63u)"
    text = f"@shift_right_{word}({_signed(args[0])}, {by})"
    return Expression(text if type.size >= 4 else f"({type.name}){text}", type)


def _divide(op: Operation, args: Sequence[Expression]) -> Expression:
    type = number_type(op.results[0].type)
    a, b = map(_signed, args)
    minus_one = (1 << (8 * type.size)) - 1
    if _number(op.operands[1]) not in (None, 0, minus_one):
        return Expression(f"({type.name})({a} / {b})", type)
    text = f"@divide_{'i64' if type.size == 8 else 'i32'}({a}, {b})"
    return Expression(text if type.size >= 4 else f"({type.name}){text}", type)


# conversions


def _to_float(read: Callable[[Expression], str]) -> Rule:
    def rule(op: Operation, args: Sequence[Expression]) -> Expression:
        type = c_type(op.results[0].type)
        return Expression(f"({type.name}){read(args[0])}", type)

    return rule


def _float_to_unsigned(op: Operation, args: Sequence[Expression]) -> Expression:
    type = c_type(op.results[0].type)
    # through a signed type where the range allows: vector units convert to those
    middle = "(int32_t)" if type.size < 4 else ""
    return Expression(f"({type.name}){middle}{args[0]}", type)


def _float_to_signed(op: Operation, args: Sequence[Expression]) -> Expression:
    type = number_type(op.results[0].type)
    return Expression(f"@to_{type.short}_{args[0].type.short}({args[0]})", type)


def _extend_unsigned(op: Operation, args: Sequence[Expression]) -> Expression:
    """A byte of a spike is stored so."""
    type = c_type(op.results[0].type)
    return Expression(f"({type.name}){_unsigned(args[0])}", type)


def _extend_signed(op: Operation, args: Sequence[Expression]) -> Expression:
    type = number_type(op.results[0].type)
    minus = "-" if args[0].type == SPIKE else ""
    return Expression(f"({type.name}){minus}{_signed(args[0])}", type)


def _truncate(op: Operation, args: Sequence[Expression]) -> Expression:
    if op.results[0].type == i1:
        cast = "(int32_t)" if args[0].type.size == 8 else ""
        text = f"{args[0]} & 1"
        return Expression(f"{cast}({text})" if cast else text, SPIKE)
    type = c_type(op.results[0].type, signed=is_signed(args[0].type))
    return Expression(f"({type.name}){args[0]}", type)


def _function(op: Operation, args: Sequence[Expression]) -> Expression:
    """A call of the helper that `called_functions` names."""
    function, result = FUNCTIONS[type(op)], c_type(op.results[0].type)
    return Expression(f"@{function.name}_{result.short}({', '.join(map(str, args))})", result)


def called_functions(block: Block) -> list[tuple[type[Operation], CType]]:
    """The functions that a body calls, with the float type of each call."""
    return [(type(op), c_type(op.results[0].type)) for op in block.ops if type(op) in FUNCTIONS]


RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: _float_infix("+"),
    arith.SubfOp: _float_infix("-"),
    arith.MulfOp: _float_infix("*"),
    arith.DivfOp: _float_infix("/"),
    arith.NegfOp: lambda op, args: Expression(f"-{args[0]}", args[0].type),
    arith.MaximumfOp: _extreme(MAXIMUM, ">"),
    arith.MinimumfOp: _extreme(MINIMUM, "<"),
    arith.CmpfOp: _compare_floats,
    arith.SelectOp: _select,
    arith.AddiOp: _wrapping("+"),
    arith.SubiOp: _wrapping("-"),
    arith.MuliOp: _wrapping("*"),
    arith.DivSIOp: _divide,
    arith.MaxSIOp: _integer_extreme(">"),
    arith.MinSIOp: _integer_extreme("<"),
    arith.CmpiOp: _compare_integers,
    arith.ShLIOp: _shift("<<", _wide),
    arith.ShRUIOp: _shift(">>", _as_word),
    arith.ShRSIOp: _shift_right,
    arith.AndIOp: _bitwise("&"),
    arith.OrIOp: _bitwise("|"),
    arith.XOrIOp: _bitwise("^"),
    arith.UIToFPOp: _to_float(_unsigned),
    arith.SIToFPOp: _to_float(_signed),
    arith.FPToUIOp: _float_to_unsigned,
    arith.FPToSIOp: _float_to_signed,
    arith.ExtUIOp: _extend_unsigned,
    arith.ExtSIOp: _extend_signed,
    arith.TruncIOp: _truncate,
    arith.IndexCastOp: lambda op, args: Expression(
        f"({number_type(op.results[0].type).name}){args[0]}", number_type(op.results[0].type)
    ),
    **dict.fromkeys(FUNCTIONS, _function),
}
"""Operation -> how it prints."""


def statements(
    block: Block, arguments: Mapping[SSAValue, Expression], prefix: str, scope: Scope
) -> tuple[list[str], dict[SSAValue, Expression], set[str]]:
    """
    A straight block as C: (statements, every value, the names of the helpers that they
    call). `arguments` are what its arguments are called in the scope, and what else is known
    there. Raises SNC-C001 for an
    operation without a rule.
    """
    values: dict[SSAValue, Expression] = dict(arguments)
    lines: list[str] = []
    helpers: set[str] = set()
    for op in block.ops:
        if op is block.last_op:
            break
        if op.results and op.results[0] in values:  # known where the block stands
            continue
        rule = RULES.get(type(op))
        if rule is None:
            raise error(
                "SNC-C001",
                f"{op.name} has no rule in C",
                remedy=f"operations with a rule: {', '.join(sorted(k.name for k in RULES))}",
            )
        result = op.results[0]
        found = rule(op, [values[operand] for operand in op.operands])
        if isinstance(op, arith.ConstantOp):
            negative = found.text.startswith("-")
            values[result] = Expression(f"({found})" if negative else found.text, found.type)
            continue
        name = scope.fresh(result.name_hint or "t")
        values[result] = Expression(name, found.type)
        helpers.update(re.findall(r"@(\w+)\(", found.text))
        text = found.text.replace("@", f"{prefix}_")
        lines.append(f"const {found.type.name} {name} = {text};")
    return lines, values, helpers


def converted(value: Expression, type: CType) -> str:
    """A scalar as an element that is stored: an integer of the same width may be the other."""
    if value.type == type or not is_integer(type) or value.type == SPIKE:
        return value.text
    return f"({type.name}){value}"
