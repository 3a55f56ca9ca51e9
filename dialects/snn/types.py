"""Shapes and element types of streams, and the checks that several operations share."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    Float32Type,
    Float64Type,
    IntegerType,
    StringAttr,
    TensorType,
    f32,
    f64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

Stream: TypeAlias = TensorType[Attribute]
"""The type of a stream's value at one time step; the time axis is not part of it."""


Element: TypeAlias = Float32Type | Float64Type | IntegerType
"""The element types that arrays may have."""

ELEMENTS = (f32, f64, *(IntegerType(width) for width in (1, 8, 16, 32)))
"""The element types of streams."""

SCALARS = (*ELEMENTS, IntegerType(64))
"""The types of the scalars in bodies: a product of 32-bit numbers has 64."""


def stream_type(value: SSAValue) -> Stream:
    """The tensor type of a value; the operations' constraints guarantee that it is one."""
    # plain `isinstance`: `isa` with a type's parameters builds a constraint each time
    assert isinstance(value.type, TensorType), f"expected a stream, got {value.type}"
    return value.type


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a stream at one time step."""
    return stream_type(value).get_shape()


def is_float(element: Attribute) -> bool:
    return isinstance(element, AnyFloat)


def integer_width(element: Attribute) -> int:
    """The width of an integer type; element types that are no floats are integers."""
    assert isinstance(element, IntegerType), f"expected an integer type, got {element}"
    width: int = element.width.data
    return width


def is_spike(element: Attribute) -> bool:
    """`i1`: zero or one event a step."""
    return isinstance(element, IntegerType) and element.width.data == 1


def expect_element(what: str, element: Attribute) -> None:
    if element not in ELEMENTS:
        *known, last = map(str, ELEMENTS)
        raise VerifyException(
            f"{what}: expected elements of {', '.join(known)} or {last}, got {element}"
        )


def shape_text(shape: Sequence[int]) -> str:
    """A shape as the IR prints it: 2x34x34, or `scalar`."""
    return "x".join(map(str, shape)) or "scalar"


def broadcasts_to(shape: Sequence[int], target: Sequence[int]) -> bool:
    """Whether `shape` broadcasts to `target` (NumPy's rule, trailing axes aligned)."""
    if len(shape) > len(target):
        return False
    tail = target[len(target) - len(shape) :]
    return all(size in (1, wanted) for size, wanted in zip(shape, tail, strict=True))


def expect_static(op: Operation) -> None:
    """Every operand and result is a tensor of known, positive sizes and a scalar type."""
    for role, values in (("operand", op.operands), ("result", op.results)):
        for index, value in enumerate(values):
            if not isinstance(value.type, TensorType):
                raise VerifyException(f"{role} {index}: expected a tensor, got {value.type}")
            if any(size < 1 for size in value.type.get_shape()):
                raise VerifyException(
                    f"{role} {index}: expected sizes of at least 1, got {value.type}"
                )
            expect_element(f"{role} {index}", value.type.element_type)


def expect_shape(what: str, value: SSAValue, expected: Sequence[int]) -> None:
    if shape_of(value) != tuple(expected):
        raise VerifyException(
            f"{what}: expected shape {shape_text(expected)}, got {shape_text(shape_of(value))}"
        )


def expect_broadcast(what: str, value: SSAValue, target: Sequence[int]) -> None:
    if not broadcasts_to(shape_of(value), target):
        raise VerifyException(
            f"{what}: expected a shape that broadcasts to {shape_text(target)}, "
            f"got {shape_text(shape_of(value))}"
        )


def expect_float_result(op: Operation) -> None:
    """The result is a float; inputs may be spikes, counts or floats."""
    element = stream_type(op.results[0]).element_type
    if not is_float(element):
        raise VerifyException(f"result: expected elements of f32 or f64, got {element}")


def expect_summands(values: Iterable[SSAValue], element: Attribute) -> None:
    """
    In a sum of floats spikes and counts become floats; floats have the sum's type, so that
    none is rounded. A sum of integers takes spikes and integers.
    """
    for index, value in enumerate(values):
        given = stream_type(value).element_type
        if is_float(given) and given != element:
            expected = f"elements of {element}" if is_float(element) else "spikes or integers"
            raise VerifyException(f"operand {index}: expected {expected}, got {given}")


def expect_number(what: str, element: Attribute) -> None:
    """What a sum gives: floats or integers, not spikes."""
    if is_spike(element):
        raise VerifyException(f"{what}: expected numbers, got spikes (i1)")


def expect_same_element(what: str, values: Iterable[SSAValue], element: Attribute) -> None:
    for value in values:
        if stream_type(value).element_type != element:
            raise VerifyException(
                f"{what}: expected elements of {element}, got {stream_type(value).element_type}"
            )


KNOWN_AS = "known_as"
"""The attribute that holds the names by which users know an operation's outputs and states."""


def known_as(op: Operation, count: int) -> tuple[str, ...] | None:
    """The recorded names of an operation (`names.py`). Raises VerifyException for another form."""
    names = op.attributes.get(KNOWN_AS)
    if names is None:
        return None
    texts = (
        [name.data for name in names if isinstance(name, StringAttr)]
        if isinstance(names, ArrayAttr)
        else []
    )
    if len(texts) != count or len(set(texts)) != count:
        raise VerifyException(f"{KNOWN_AS}: expected {count} different names, got {names}")
    return tuple(texts)


def node_name(op: Operation) -> str | None:
    """The name of the model's node that an operation came from, if it has one."""
    node = op.properties.get("node")
    return node.data if isinstance(node, StringAttr) else None


def describe(op: Operation) -> str:
    """How messages name an operation: by its node where it has one."""
    name = node_name(op)
    return f'{op.name} "{name}"' if name is not None else op.name
