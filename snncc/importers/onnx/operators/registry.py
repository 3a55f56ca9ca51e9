"""The table of operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from snncc.importers.onnx.call import Call, Operand

Handler: TypeAlias = Callable[[Call], Sequence[Operand]]

FIRST_OPSET = 7
LAST_OPSET = 23


@dataclass(frozen=True)
class Operator:
    """`attributes` are all that the operator knows, whether they matter or not."""

    handler: Handler
    attributes: frozenset[str]
    since: int


OPERATORS: dict[str, Operator] = {}
"""Operators of the domain ai.onnx."""


def operator(
    *names: str, attributes: str = "", since: int = FIRST_OPSET
) -> Callable[[Handler], Handler]:
    """Registers the function for operators whose meaning is the same from `since` on."""

    def register(handler: Handler) -> Handler:
        for name in names:
            OPERATORS[name] = Operator(handler, frozenset(attributes.split()), since)
        return handler

    return register
