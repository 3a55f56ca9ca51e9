"""Between the IR's attributes and NumPy arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    Float32Type,
    Float64Type,
    IntegerType,
    TensorType,
    f32,
    f64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.fixed import evaluated, is_fixed
from snncc.dialects.snn.fixed import rearranged as rearranged
from snncc.dialects.snn.parameters import ConstantOp, ParameterOp, UseOp
from snncc.dialects.snn.types import Element, Stream

Array = npt.NDArray[Any]


class ContentNotLoaded(ValueError):
    """The content of a blob is asked for, and the text that names it was read alone."""


def dtype_of(element: Attribute) -> np.dtype[Any]:
    """
    The NumPy type that holds an element: f32, f64; `i1` and other integers as the
    narrowest unsigned type, which holds the bits of signed numbers too.
    """
    if isinstance(element, Float32Type):
        return np.dtype(np.float32)
    if isinstance(element, Float64Type):
        return np.dtype(np.float64)
    if isinstance(element, IntegerType):
        for width, dtype in ((8, np.uint8), (16, np.uint16), (32, np.uint32), (64, np.uint64)):
            if element.width.data <= width:
                return np.dtype(dtype)
    raise TypeError(f"no array type for {element}")


def signed_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the signed numbers whose bits an array of `dtype` holds."""
    return np.dtype(f"i{dtype.itemsize}")


def element_of(dtype: np.dtype[Any]) -> Element:
    """The element type of an array: the inverse of `dtype_of` for floats; bool is `i1`."""
    if dtype == np.float32:
        return f32
    if dtype == np.float64:
        return f64
    if dtype == np.bool_:
        return IntegerType(1)
    if dtype.kind in "iu":
        return IntegerType(dtype.itemsize * 8)
    raise TypeError(f"no element type for {dtype}")


def array_of(value: BlobAttr | DenseIntOrFPElementsAttr, type: Stream) -> Array:
    """
    The content of an attribute as an array of the tensor's shape (read-only).

    Raises ContentNotLoaded where a blob's bytes were not loaded, ValueError where they do
    not fit the type.
    """
    shape = type.get_shape()
    dtype = dtype_of(type.element_type)
    if isinstance(value, DenseIntOrFPElementsAttr):
        values = np.array(list(value.get_values()))
        if dtype.kind == "u":
            values = values.astype(np.int64).astype(dtype)
            if isinstance(type.element_type, IntegerType) and type.element_type.width.data < 8:
                values &= (1 << type.element_type.width.data) - 1  # xDSL reads i1 true as -1
        return np.broadcast_to(
            values.astype(dtype).reshape(shape if values.size > 1 else ()), shape
        )
    if value.data.data is None:
        raise ContentNotLoaded(f"the content of digest {value.data.digest} was not loaded")
    return np.frombuffer(value.data.data, dtype.newbyteorder("<")).reshape(shape)


def blob_of(array: Array) -> BlobAttr:
    """An attribute that holds an array's content."""
    dtype = array.dtype.newbyteorder("<")
    return BlobAttr.from_bytes(np.ascontiguousarray(array, dtype).tobytes())


def type_of(array: Array) -> Stream:
    return TensorType(element_of(array.dtype), array.shape)


def dense_of(array: Array) -> DenseIntOrFPElementsAttr:
    """An attribute that holds an array's content in the text: for small arrays."""
    element, shape = element_of(array.dtype), array.shape
    values = array.ravel().tolist()
    if array.size > 1 and all(value == values[0] for value in values) and values[0] == values[0]:
        first = array.ravel()[:1]
        if array.tobytes() == first.tobytes() * array.size:
            values = values[:1]
    if isinstance(element, IntegerType):
        return DenseIntOrFPElementsAttr.from_list(TensorType(element, shape), values)
    return DenseIntOrFPElementsAttr.from_list(TensorType(element, shape), values)


def parameter_array(op: ParameterOp) -> Array:
    return array_of(op.value, op.type)


def constant_of(value: SSAValue, known: dict[SSAValue, Array] | None = None) -> Array | None:
    """
    The array that a value always holds, or None where it depends on the step. What is in
    `known` is not computed again, and what is computed is put there.
    """
    known = {} if known is None else known
    if value in known:
        return known[value]
    owner = value.owner
    if isinstance(owner, UseOp):
        return parameter_array(owner.declaration)
    if isinstance(owner, ConstantOp):
        return array_of(owner.value, owner.result.type)
    if not isinstance(owner, Operation) or not is_fixed(owner):
        return None
    contents = [content for v in owner.operands if (content := constant_of(v, known)) is not None]
    known.update(zip(owner.results, evaluated(owner, contents), strict=True))
    return known[value]


def is_uniform(array: Array) -> bool:
    """Whether all elements have the same bits."""
    return array.size > 0 and array.tobytes() == array.ravel()[:1].tobytes() * array.size


def splat_shape(shape: Sequence[int]) -> int:
    """The number of elements of a shape."""
    count = 1
    for size in shape:
        count *= size
    return count


def batch_norm_factors(
    gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    """(a, b) of `snn.batch_norm`: computed in float64 and rounded once."""
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return scale.astype(gamma.dtype), (beta - mean * scale).astype(gamma.dtype)
