"""
The operators that are known, by name: "aten.linear", without the overload.

A handler takes the graph and the operator's arguments under the names and with the defaults
of its schema. It gives a value, a number, or a list of these with None for a result that
cannot be used. It is independent of where the call was read: tensors are values of the
graph, types are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value

Number: TypeAlias = bool | int | float
Operand: TypeAlias = "Value | Number"
Handler: TypeAlias = Callable[..., Any]
Function = TypeVar("Function", bound=Handler)

OPERATORS: dict[str, Handler] = {}

WITHOUT_VALUE = {
    "device",
    "generator",
    "layout",
    "memory_format",
    "non_blocking",
    "pin_memory",
    "requires_grad",
}
"""Arguments of any operator that change where a tensor lies, not what it holds."""


def operator(*names: str) -> Callable[[Function], Function]:
    """Makes a function the handler of operators."""

    def register(handler: Function) -> Function:
        for name in names:
            assert name not in OPERATORS, name
            OPERATORS[name] = handler
        return handler

    return register


def call(graph: Graph, target: str, arguments: Mapping[str, Any]) -> Any:
    """What an operator of `OPERATORS` gives for arguments by the names of its schema."""
    return OPERATORS[target](graph, **with_value(arguments))


def with_value(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a result depends on."""
    return {name: value for name, value in arguments.items() if name not in WITHOUT_VALUE}
