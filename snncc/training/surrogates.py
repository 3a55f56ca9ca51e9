"""Surrogates as users write them."""

from __future__ import annotations

import ast

from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import Attribute

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.surrogates import SURROGATES, SurrogateError, surrogate_named
from snncc.errors import SnnccError, error


def surrogate_of(given: SurrogateAttr | str | None) -> SurrogateAttr | None:
    """
    A surrogate, or one written as text: "atan", "snntorch.fast_sigmoid(slope=10)".

    Raises SNC-C003 for a name or an option that is not known.
    """
    if given is None or isinstance(given, SurrogateAttr):
        return given
    if not isinstance(given, str):
        raise _unknown(given)
    try:
        tree = ast.parse(given.strip(), mode="eval").body
    except SyntaxError:
        raise _unknown(given) from None
    options: dict[str, Attribute] = {}
    if isinstance(tree, ast.Call) and not tree.args:
        for keyword in tree.keywords:
            number = keyword.value
            if keyword.arg is None or not isinstance(number, ast.Constant):
                raise _unknown(given)
            if not isinstance(number.value, int | float):
                raise _unknown(given)
            options[keyword.arg] = FloatAttr(float(number.value), f64)
        tree = tree.func
    attribute = SurrogateAttr(ast.unparse(tree), options)
    try:
        surrogate_named(attribute)
    except SurrogateError as fault:
        raise error("SNC-C003", str(fault), remedy=_remedy()) from None
    return attribute


def _unknown(given: object) -> SnnccError:
    return error("SNC-C003", f"surrogate: cannot read {given!r}", remedy=_remedy())


def _remedy() -> str:
    plain = ", ".join(name for name in SURROGATES if "." not in name)
    return f"a name with its options: atan(a=2.0); names: {plain}, and those of libraries"
