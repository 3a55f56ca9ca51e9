"""What the function for an operator gets to see of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.onnx.document import ELEMENT_TYPES, Attribute, Block, Tensor
from snncc.importers.onnx.tensors import unsupported

if TYPE_CHECKING:
    from snncc.importers.onnx.inline import Inliner, Names


@dataclass(frozen=True)
class Places:
    """
    Where a mask holds: indices along some of its axes, for n places that are known at run
    time only. Shape [coordinates, n] for `axis` 0, [n, coordinates] for 1, [n] for None.
    """

    mask: Value
    coordinates: tuple[int, ...]
    axis: int | None


@dataclass(frozen=True)
class Repeated:
    """One element (a value of size 1) for every place of a mask."""

    element: Value
    mask: Value


Operand: TypeAlias = "Value | Places | Repeated"

NUMBERS = "fiu"
MAX_WHOLE = 64
"""Numbers in a shape, or in what is given for each axis."""


@dataclass
class Call:
    """
    A node with its operands.

    `inputs` are None where the node leaves them out. `bits` are the widths of elements of
    inputs that are narrower than their arrays. The methods raise SnnccError where an
    operand or an attribute is not as the operator takes it.
    """

    graph: Graph
    op: str
    name: str
    inputs: Sequence[Operand | None]
    bits: Sequence[int]
    attributes: Mapping[str, Attribute]
    outputs: Sequence[str]
    opset: int
    inliner: Inliner
    names: Names

    # --- operands

    def value(self, index: int, kinds: str | None = None) -> Value:
        """An input that must be there; `kinds` are the NumPy kinds of type it may have."""
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise error("SNC-I011", f"{self.op} has no input {index}")
        if not isinstance(found, Value):
            raise self.unsupported("a tensor whose size is known at run time only")
        if kinds is not None and found.dtype.kind not in kinds:
            raise error("SNC-I014", f"{self.op} of {found.dtype}")
        return found

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def optional(self, index: int, kinds: str | None = None) -> Value | None:
        return self.value(index, kinds) if self.has(index) else None

    def values(self, kinds: str | None = None) -> list[Value]:
        """All inputs of an operator that takes any number, at least one."""
        return [self.value(index, kinds) for index in range(max(len(self.inputs), 1))]

    def array(self, index: int, what: str) -> Array:
        """The content of an input that must be constant."""
        value = self.value(index)
        if not value.is_constant:
            raise self.unsupported(f"{what} that is not constant")
        return value.content

    def whole(self, index: int, what: str, most: int = MAX_WHOLE) -> list[int]:
        """A constant input of at most so many whole numbers, on one axis or none."""
        array = self.array(index, what)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise error("SNC-I014", f"{what}: {array.dtype} of shape {list(array.shape)}")
        if array.size > most:
            raise error("SNC-I017", f"{what}: {array.size} numbers")
        return [int(number) for number in array.reshape(-1)]

    def scalar(self, index: int, what: str) -> Any:
        """A constant input of one element."""
        array = self.array(index, what)
        if array.size != 1:
            raise error("SNC-I014", f"{what}: expected one number, got {list(array.shape)}")
        return array.reshape(())[()]

    # --- attributes

    def integer(self, name: str, default: int | None = None) -> int:
        value = self._attribute(name, default)
        if not isinstance(value, int):
            raise self._mistyped(name, "a whole number")
        return value

    def flag(self, name: str, default: int = 0) -> bool:
        return self.integer(name, default) != 0

    def integers(self, name: str) -> list[int] | None:
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise self._mistyped(name, "whole numbers")
        return [int(item) for item in value]

    def number(self, name: str, default: float | None = None) -> float:
        value = self._attribute(name, default)
        if not isinstance(value, float) or not isfinite(value):
            raise self._mistyped(name, "a finite number")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self._attribute(name, default)
        if not isinstance(value, str):
            raise self._mistyped(name, "text")
        return value

    def tensor(self, name: str) -> Tensor:
        value = self._attribute(name, None)
        if not isinstance(value, Tensor):
            raise self._mistyped(name, "a tensor")
        return value

    def block(self, name: str) -> Block:
        value = self._attribute(name, None)
        if not isinstance(value, Block):
            raise self._mistyped(name, "a graph")
        return value

    def element_type(self, name: str, default: int | None = None) -> np.dtype[Any]:
        kind = self.integer(name, default)
        if kind not in ELEMENT_TYPES:
            raise unsupported(kind, self.name)
        return ELEMENT_TYPES[kind]

    def _attribute(self, name: str, default: Any) -> Any:
        value = self.attributes.get(name, default)
        if value is None:
            raise error("SNC-I011", f"{self.op} has no attribute {name!r}")
        return value

    def _mistyped(self, name: str, expected: str) -> SnnccError:
        return error("SNC-I011", f"{self.op}: expected the attribute {name!r} to be {expected}")

    # --- helpers

    def axes(self, index: int, since: int, rank: int) -> list[int] | None:
        """Axes from the attribute, or from an input from version `since` on."""
        if self.opset < since:
            found = self.integers("axes")
        else:
            found = self.whole(index, "axes") if self.has(index) else None
        return None if found is None else [self.axis(axis, rank) for axis in found]

    def axis(self, axis: int, rank: int) -> int:
        if not -rank <= axis < rank:
            raise error("SNC-I014", f"{self.op}: axis {axis} of a tensor of {rank} axes")
        return axis % rank

    def like(self, x: Value, number: float) -> Value:
        """A number in the type of `x`."""
        return self.graph.constant(np.asarray(number, x.dtype))

    def wants(self, output: int) -> bool:
        """Whether the node names this output."""
        return output < len(self.outputs) and self.outputs[output] != ""

    def only_output(self, count: int = 1) -> None:
        """Refuses a node that names more than its first outputs."""
        if any(self.wants(index) for index in range(count, len(self.outputs))):
            raise self.unsupported(f"an output beyond the first {count}")

    def unsupported(self, what: str, remedy: str | None = None) -> SnnccError:
        return error("SNC-I012", f"{self.op}: {what} is not supported", remedy=remedy)
