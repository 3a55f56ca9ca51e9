"""The tensors of a graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.grids import Grid

Shape: TypeAlias = tuple[int, ...]
Attributes: TypeAlias = tuple[tuple[str, Any], ...]


@dataclass(eq=False, slots=True)
class Value:
    """
    One tensor of the graph.

    `op` names a method of `Graph`; `attributes` are that operation's, sorted by name.
    `array` is the content of a constant. `name` is the model's name of an input or a
    parameter, `scope` the module that an operation was written in ("net.1").

    `sources` are the names of the learnable parameters that a constant depends on. `made`
    is the operation on other constants that gives it: None for a parameter itself, and
    where no operation of a network could say it (`is_frozen`).

    `grid` is what a constant lies on, where the model rounds it to one.
    """

    op: str
    operands: tuple[Value, ...]
    attributes: Attributes
    shape: Shape
    dtype: np.dtype[Any]
    array: Array | None = None
    name: str | None = None
    scope: str | None = None
    number: int = 0
    sources: frozenset[str] = frozenset()
    made: Value | None = None
    grid: Grid | None = None

    @property
    def is_constant(self) -> bool:
        return self.op == "constant"

    @property
    def is_learnable(self) -> bool:
        """A constant that is other numbers after training."""
        return self.made is not None or self.name in self.sources

    @property
    def is_fixed(self) -> bool:
        """A constant whose numbers may be built in."""
        return self.op == "constant" and not self.is_learnable

    @property
    def is_frozen(self) -> bool:
        """A constant that learnable parameters gave, in a way that is lost."""
        return bool(self.sources) and not self.is_learnable

    @property
    def label(self) -> str | None:
        """Its name; of a constant that was rounded to a grid, that of the parameter it was."""
        if self.name is None and self.grid is not None and len(self.sources) == 1:
            return next(iter(self.sources))
        return self.name

    @property
    def operation(self) -> Value:
        """What gives the value: itself, unless it is a constant that was made."""
        return self.made or self

    def attribute(self, name: str) -> Any:
        return dict(self.attributes)[name]

    @property
    def content(self) -> Array:
        assert self.array is not None, f"{self.op} is not constant"
        return self.array

    def __repr__(self) -> str:
        label = f" {self.name}" if self.name else ""
        return f"<{self.op}{label} %{self.number} {self.dtype}{list(self.shape)}>"


@dataclass(frozen=True)
class Rounding:
    """
    A grid as a model states it: constants of one float type that broadcast to what is
    rounded. `factor` is what a number is multiplied with (or, with `divides`, divided by) to
    count steps of `scale`: frameworks round the reciprocal in their own ways.
    """

    factor: Value
    scale: Value
    zero: Value
    divides: bool
    low: int
    high: int

    def grid(self, rank: int) -> Grid:
        """For numbers of so many axes."""
        return Grid.of(self.scale.content, self.zero.content, self.low, self.high, rank=rank)


def cone(outputs: Iterable[Value]) -> list[Value]:
    """All values that the outputs depend on and they themselves, operands first."""
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[tuple[Value, bool]] = [(value, False) for value in reversed(list(outputs))]
    while stack:
        value, done = stack.pop()
        if done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack.extend((operand, False) for operand in reversed(value.operands))
    return order


def sources_of(values: Iterable[Value]) -> frozenset[str]:
    """The learnable parameters that constants depend on."""
    return frozenset().union(*(v.sources for v in values))


def read_only(array: Array) -> Array:
    if array.flags.writeable or not array.flags.c_contiguous:
        array = array.copy()
        array.flags.writeable = False
    return array
