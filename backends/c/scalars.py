"""Scalar bodies in C: one operation, one statement. The table is the support of the backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    i1,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from snncc.backends.c.names import Scope
from snncc.backends.c.types import CType, c_type
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.errors import error

Rule: TypeAlias = "Callable[[Operation, Sequence[str]], str]"
"""(operation, its operands' texts) -> an expression."""

MAXIMUM, MINIMUM = "maximum", "minimum"
"""Helpers that bodies may call; the kernels' header defines those that are used."""


def scalar_type(type: Attribute) -> str:
    """The C type of a scalar: a spike is an int32_t, which vectorizes where a byte does not."""
    return "int32_t" if type == i1 else c_type(type).name


def float_literal(value: float, type: Attribute) -> str:
    """The shortest decimal that reads back as the same number. Raises SNC-C001 for no number."""
    if not np.isfinite(value):
        raise error("SNC-C001", f"C has no form for the constant {value} of {type}")
    single = isinstance(type, Float32Type)
    text = repr(float(np.float32(value))) if single else repr(float(value))
    if single:
        text = str(np.float32(value))
    if "." not in text and "e" not in text:
        text += ".0"
    return f"{text}f" if single else text


def _constant(op: Operation, _: Sequence[str]) -> str:
    assert isinstance(op, arith.ConstantOp)
    value = op.value
    if isinstance(value, FloatAttr):
        return float_literal(value.value.data, value.type)
    assert isinstance(value, IntegerAttr)
    number = value.value.data
    if isinstance(value.type, IndexType):
        return f"{number}u"
    width = value.type.width.data
    number &= (1 << width) - 1
    return f"{number}" if width == 1 else f"{number}u"


def _infix(symbol: str) -> Rule:
    def rule(op: Operation, args: Sequence[str]) -> str:
        text = f"{args[0]} {symbol} {args[1]}"
        result = op.results[0].type
        if isinstance(result, AnyFloat) or result == i1:
            return text
        return f"({c_type(result).name})({text})"

    return rule


_ORDERED = {1: "==", 2: ">", 3: ">=", 4: "<", 5: "<="}
_UNORDERED = {9: "<=", 10: "<", 11: ">=", 12: ">"}


def _compare_floats(op: Operation, args: Sequence[str]) -> str:
    assert isinstance(op, arith.CmpfOp)
    a, b = args
    predicate = op.predicate.value.data
    if predicate in _ORDERED:
        return f"{a} {_ORDERED[predicate]} {b}"
    if predicate in _UNORDERED:  # the negation of the opposite ordered comparison
        return f"!({a} {_UNORDERED[predicate]} {b})"
    special = {
        0: "0",
        6: f"({a} < {b}) || ({a} > {b})",
        7: f"({a} == {a}) && ({b} == {b})",
        8: f"!(({a} < {b}) || ({a} > {b}))",
        13: f"{a} != {b}",
        14: f"({a} != {a}) || ({b} != {b})",
        15: "1",
    }
    return special[predicate]


def _extreme(helper: str, symbol: str) -> Rule:
    """IEEE 754-2019 maximum or minimum; a constant on the right needs no look at the signs."""

    def rule(op: Operation, args: Sequence[str]) -> str:
        a, b = args
        bound = op.operands[1].owner
        if isinstance(bound, arith.ConstantOp) and isinstance(bound.value, FloatAttr):
            value = bound.value.value.data
            if value != 0 or (helper == MAXIMUM and not np.signbit(value)):
                return f"(({a} {symbol} {b}) | ({a} != {a})) ? {a} : {b}"
        return f"@{helper}_{c_type(op.results[0].type).short}({a}, {b})"

    return rule


def _cast(op: Operation, args: Sequence[str]) -> str:
    return f"({c_type(op.results[0].type).name}){args[0]}"


def _truncate(op: Operation, args: Sequence[str]) -> str:
    if op.results[0].type == i1:
        return f"{args[0]} & 1"
    return _cast(op, args)


def _float_to_unsigned(op: Operation, args: Sequence[str]) -> str:
    result = op.results[0].type
    assert isinstance(result, IntegerType)
    # through a signed type where the range allows: vector units convert to those
    middle = "(int32_t)" if result.width.data < 32 else ""
    return f"({c_type(result).name}){middle}{args[0]}"


def _function(op: Operation, args: Sequence[str]) -> str:
    """A call of the helper that `called_functions` names."""
    name = FUNCTIONS[type(op)].name
    return f"@{name}_{c_type(op.results[0].type).short}({', '.join(args)})"


def called_functions(block: Block) -> list[tuple[type[Operation], CType]]:
    """The functions that a body calls, with the float type of each call."""
    return [(type(op), c_type(op.results[0].type)) for op in block.ops if type(op) in FUNCTIONS]


RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: _infix("+"),
    arith.SubfOp: _infix("-"),
    arith.MulfOp: _infix("*"),
    arith.DivfOp: _infix("/"),
    arith.NegfOp: lambda op, args: f"-{args[0]}",
    arith.MaximumfOp: _extreme(MAXIMUM, ">"),
    arith.MinimumfOp: _extreme(MINIMUM, "<"),
    arith.CmpfOp: _compare_floats,
    arith.SelectOp: lambda op, args: f"{args[0]} ? {args[1]} : {args[2]}",
    arith.UIToFPOp: _cast,
    arith.FPToUIOp: _float_to_unsigned,
    arith.ExtUIOp: _cast,
    arith.TruncIOp: _truncate,
    arith.AndIOp: _infix("&"),
    arith.OrIOp: _infix("|"),
    arith.XOrIOp: _infix("^"),
    **dict.fromkeys(FUNCTIONS, _function),
}
"""Operation -> how it prints."""


def statements(
    block: Block, arguments: Mapping[SSAValue, str], prefix: str, scope: Scope
) -> tuple[list[str], dict[SSAValue, str]]:
    """
    A straight block as C: (statements, the text of every value). `arguments` are the
    names that its arguments have in the scope. Raises SNC-C001 for an operation without a
    rule.
    """
    texts: dict[SSAValue, str] = dict(arguments)
    lines: list[str] = []
    for op in block.ops:
        if op is block.last_op:
            break
        rule = RULES.get(type(op))
        if rule is None:
            raise error(
                "SNC-C001",
                f"{op.name} has no rule in C",
                remedy=f"operations with a rule: {', '.join(sorted(k.name for k in RULES))}",
            )
        result = op.results[0]
        text = rule(op, [texts[operand] for operand in op.operands])
        if isinstance(op, arith.ConstantOp):
            texts[result] = text if not text.startswith("-") else f"({text})"
            continue
        name = scope.fresh(result.name_hint or "t")
        texts[result] = name
        text = text.replace("@", f"{prefix}_")
        lines.append(f"const {scalar_type(result.type)} {name} = {text};")
    return lines, texts
