"""Surrogates as text, as users and options of passes write them."""

from __future__ import annotations

import ast
from math import isfinite

from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import Attribute

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.surrogates.registry import SurrogateError, surrogate_named


def surrogate_written(text: str) -> SurrogateAttr:
    """
    The surrogate that a text names: "atan", "snntorch.fast_sigmoid(slope=10)". Raises
    SurrogateError for what is no name with its options, and for names and options that are
    not known.
    """
    unreadable = SurrogateError(f"surrogate: cannot read {text!r}; write atan(a=2.0)")
    options: dict[str, Attribute] = {}
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):  # ValueError: a null byte
        raise unreadable from None
    if isinstance(tree, ast.Call) and not tree.args:
        for keyword in tree.keywords:
            number = keyword.value
            if keyword.arg is None or not isinstance(number, ast.Constant):
                raise unreadable
            if not isinstance(number.value, int | float) or not isfinite(number.value):
                raise unreadable
            if keyword.arg in options:
                raise SurrogateError(f"surrogate: {keyword.arg} stands twice: {text!r}")
            options[keyword.arg] = FloatAttr(float(number.value), f64)
        tree = tree.func
    attribute = SurrogateAttr(ast.unparse(tree), options)
    surrogate_named(attribute)
    return attribute
