"""What an ONNX file says, as plain data: checked for structure, not yet for meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
}
"""TensorProto.DataType -> the type that holds it, for those that are supported."""

NARROW_TYPES: dict[int, np.dtype[Any]] = {21: np.dtype(np.uint8), 22: np.dtype(np.int8)}
"""UINT4 and INT4, two to a byte in the file, one to a byte here."""

TYPE_NAMES = {
    8: "string",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    23: "float4e2m1",
}


@dataclass(frozen=True, eq=False)
class Tensor:
    """
    An array of the file. `name` is the parameter that it holds, where it is one; `bits`
    the width of its elements.
    """

    array: Array
    name: str | None = None
    bits: int = 0


@dataclass(frozen=True)
class Reference:
    """Stands in a function for the value of an attribute of the node that calls it."""

    name: str


Attribute: TypeAlias = "int | float | str | list[int] | list[float] | list[str] | Tensor | Block"


@dataclass
class Node:
    """
    `module` is the module of the exporting program that the node was written in, `metadata`
    what the file notes of the node.
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute | Reference]
    module: str | None = None
    overload: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def cost(self) -> int:
        """What evaluating it takes, in nodes of a few operands."""
        lists = [v for v in self.attributes.values() if isinstance(v, list)]
        return 1 + sum(map(len, (self.inputs, self.outputs, *lists))) // 4


@dataclass
class Terminal:
    """
    An input as declared. A size is a number, the name of a size that is left open, or
    None; `shape` is None where the file does not say how many axes there are.
    """

    name: str
    element_type: int
    shape: tuple[int | str | None, ...] | None


@dataclass
class Block:
    """A graph of the file: the model itself, or the body of a loop or a branch."""

    name: str
    inputs: Sequence[Terminal]
    outputs: Sequence[str]
    tensors: Mapping[str, Tensor]
    nodes: Sequence[Node]


@dataclass
class Function:
    """A model-local function. `defaults` are the attributes that have one."""

    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    defaults: Mapping[str, Attribute | Reference]
    nodes: Sequence[Node]
    opsets: Mapping[str, int]


@dataclass
class Document:
    """
    The file. `opsets` are versions by domain ("" is ai.onnx), `functions` stand by domain,
    name and overload. `unnamed` are tensors that no parameter is known for.
    """

    block: Block
    opsets: Mapping[str, int]
    functions: Mapping[tuple[str, str, str], Function] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    unnamed: Mapping[str, Array] = field(default_factory=dict)
