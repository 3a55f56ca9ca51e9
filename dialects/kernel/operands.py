"""What kernels ask of their operands and properties."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerType, MemRefType, i64
from xdsl.ir import SSAValue

from snncc.dialects.kernel.buffers import MemRef


def memref_type(value: SSAValue) -> MemRef:
    assert isinstance(value.type, MemRefType), f"expected a memref, got {value.type}"
    return value.type


def memref_shape(value: SSAValue) -> tuple[int, ...]:
    return memref_type(value).get_shape()


def element_count(value: SSAValue) -> int:
    count = 1
    for size in memref_shape(value):
        count *= size
    return count


def int_array(values: Sequence[int]) -> DenseArrayBase[IntegerType]:
    return DenseArrayBase.from_list(i64, list(values))


def ints_of(attribute: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    return attribute.get_values()
