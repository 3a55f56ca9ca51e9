"""Surrogates as users write them."""

from __future__ import annotations

import ast
from math import isfinite

from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import Attribute

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.surrogates import SURROGATES, SurrogateError, surrogate_named
from snncc.dialects.snn.types import node_name
from snncc.errors import Problem, SnnccError, error


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
            if not isinstance(number.value, int | float) or not isfinite(number.value):
                raise _unknown(given)
            options[keyword.arg] = FloatAttr(float(number.value), f64)
        tree = tree.func
    attribute = SurrogateAttr(ast.unparse(tree), options)
    try:
        surrogate_named(attribute)
    except SurrogateError as fault:
        raise error("SNC-C003", str(fault), remedy=_remedy()) from None
    return attribute


def missing_surrogates(network: snn.NetworkOp) -> Problem | None:
    """A warning that names the neurons whose spikes pass no gradient, for want of a surrogate."""
    names = StateNames(network)
    found: list[str] = []
    for op in network.body.block.ops:
        inner = list(op.body.block.ops) if isinstance(op, snn.NeuronOp) else []
        spikes = [spike for spike in inner if isinstance(spike, snn.SpikeOp | snn.CountOp)]
        if spikes and all(spike.surrogate is None for spike in spikes):
            found.append(names.node_of.get(op) or node_name(op) or "neuron")
    if not found:
        return None
    return Problem(
        "SNC-W030",
        f"spikes of {', '.join(found)} have no surrogate, and no gradient passes through them",
        remedy='surrogate="atan(a=2.0)" (--surrogate), or a model that says which it was '
        "trained with",
        severity="warning",
    )


def _unknown(given: object) -> SnnccError:
    return error("SNC-C003", f"surrogate: cannot read {given!r}", remedy=_remedy())


def _remedy() -> str:
    plain = ", ".join(name for name in SURROGATES if "." not in name)
    return f"a name with its options: atan(a=2.0); names: {plain}, and those of libraries"
