"""
The functions that bodies call: what one operation of a body is where ONNX has no operator
with the same bits.

`Exp` and its kin are computed in float64 and rounded once, as `snncc.dialects.snn.functions`
does; a runtime's float64 function may err in its last place, which all but never shows.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from snncc.exporters.onnx.notes import DOMAIN

if TYPE_CHECKING:
    from onnx import FunctionProto

OPSET = 20
IR_VERSION = 10
"""The first version with metadata of nodes."""

_WIDE = """
    wide = Cast <to = 11> (x)
    result = {0} (wide)
    y = CastLike (result, x)
"""
_UNORDERED = """
    ordered = {0} (a, b)
    y = Not (ordered)
"""
_ZERO = """
    number = Constant <value = float {{0.0}}> ()
    zero = CastLike (number, {0})
"""

FUNCTIONS: dict[str, tuple[str, str]] = {
    "SpikeGt": (
        "<surrogate, surrogate_options> (u) => (z)",
        _ZERO.format("u") + "z = Greater (u, zero)",
    ),
    "SpikeGe": (
        "<surrogate, surrogate_options> (u) => (z)",
        _ZERO.format("u") + "z = GreaterOrEqual (u, zero)",
    ),
    "Count": (
        "<maximum, width, surrogate, surrogate_options> (q) => (n)",
        _ZERO.format("q")
        + """
        whole = Constant <value_int : int = @maximum> ()
        largest = CastLike (whole, q)
        single = Constant <value = float {1.0}> ()
        one = CastLike (single, q)
        fires = GreaterOrEqual (q, one)
        fits = Less (q, largest)
        bounded = Where (fits, q, largest)
        held = Where (fires, bounded, zero)
        n = Cast <to = 7> (held)
        """,
    ),
    "ThresholdGt": (
        "<surrogate, surrogate_options> (x, threshold) => (z)",
        _ZERO.format("x")
        + """
        u = Sub (x, threshold)
        fires = Greater (u, zero)
        z = Cast <to = 1> (fires)
        """,
    ),
    "ThresholdGe": (
        "<surrogate, surrogate_options> (x, threshold) => (z)",
        _ZERO.format("x")
        + """
        u = Sub (x, threshold)
        fires = GreaterOrEqual (u, zero)
        z = Cast <to = 1> (fires)
        """,
    ),
    "Detach": ("(x) => (y)", "y = Identity (x)"),
    # what the surrogate of the spike behind it is a function of, beside what came before
    "Of": ("(x, argument) => (y)", "y = Identity (x)"),
    # +0 is above -0: of two zeros, their sum
    "Maximum": (
        "(a, b) => (y)",
        _ZERO.format("a")
        + """
        first = Equal (a, zero)
        second = Equal (b, zero)
        zeros = And (first, second)
        sum = Add (a, b)
        largest = Max (a, b)
        y = Where (zeros, sum, largest)
        """,
    ),
    "Minimum": (
        "(a, b) => (y)",
        _ZERO.format("a")
        + """
        first = Equal (a, zero)
        second = Equal (b, zero)
        zeros = And (first, second)
        left = Neg (a)
        right = Neg (b)
        opposite = Add (left, right)
        sum = Neg (opposite)
        smallest = Min (a, b)
        y = Where (zeros, sum, smallest)
        """,
    ),
    "Trunc": (
        "(x) => (y)",
        _ZERO.format("x")
        + """
        below = Less (x, zero)
        up = Ceil (x)
        down = Floor (x)
        y = Where (below, up, down)
        """,
    ),
    "Atan": ("(x) => (y)", _WIDE.format("Atan")),
    "Exp": ("(x) => (y)", _WIDE.format("Exp")),
    "Log": ("(x) => (y)", _WIDE.format("Log")),
    "Sin": ("(x) => (y)", _WIDE.format("Sin")),
    "Cos": ("(x) => (y)", _WIDE.format("Cos")),
    "Tanh": ("(x) => (y)", _WIDE.format("Tanh")),
    "Power": (
        "(x, e) => (y)",
        """
        base = Cast <to = 11> (x)
        exponent = Cast <to = 11> (e)
        result = Pow (base, exponent)
        y = CastLike (result, x)
        """,
    ),
    "CompareOne": (
        "(a, b) => (y)",
        """
        below = Less (a, b)
        above = Greater (a, b)
        y = Or (below, above)
        """,
    ),
    "CompareOrd": (
        "(a, b) => (y)",
        """
        left = Equal (a, a)
        right = Equal (b, b)
        y = And (left, right)
        """,
    ),
    "CompareUeq": (
        "(a, b) => (y)",
        """
        below = Less (a, b)
        above = Greater (a, b)
        differ = Or (below, above)
        y = Not (differ)
        """,
    ),
    "CompareUgt": ("(a, b) => (y)", _UNORDERED.format("LessOrEqual")),
    "CompareUge": ("(a, b) => (y)", _UNORDERED.format("Less")),
    "CompareUlt": ("(a, b) => (y)", _UNORDERED.format("GreaterOrEqual")),
    "CompareUle": ("(a, b) => (y)", _UNORDERED.format("Greater")),
    "CompareUne": ("(a, b) => (y)", _UNORDERED.format("Equal")),
    "CompareUno": (
        "(a, b) => (y)",
        """
        left = Equal (a, a)
        right = Equal (b, b)
        both = And (left, right)
        y = Not (both)
        """,
    ),
}
"""Name -> (attributes and ports, nodes), in ONNX's own text."""


@cache
def function_named(name: str) -> FunctionProto:
    """One of `FUNCTIONS` as a message."""
    from onnx import parser

    ports, nodes = FUNCTIONS[name]
    text = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]> {name} {ports} {{ {nodes} }}'
    return parser.parse_function(text)
