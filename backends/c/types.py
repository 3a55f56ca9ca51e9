"""C types of stored elements."""

from dataclasses import dataclass

from xdsl.dialects.builtin import Float32Type, Float64Type, IntegerType
from xdsl.ir import Attribute

from snncc.errors import error


@dataclass(frozen=True)
class CType:
    """A stored element: its C name, its short name in symbols, its bytes."""

    name: str
    short: str
    size: int


_FLOAT = CType("float", "f32", 4)
_DOUBLE = CType("double", "f64", 8)
_UNSIGNED = {width: CType(f"uint{width}_t", f"u{width}", width // 8) for width in (8, 16, 32, 64)}
_SIGNED = {width: CType(f"int{width}_t", f"i{width}", width // 8) for width in (8, 16, 32, 64)}


def c_type(element: Attribute, *, signed: bool = False) -> CType:
    """
    The C type of a stored element; integers may be `signed`. Raises SNC-C001 for one that
    C has not.
    """
    if isinstance(element, Float32Type):
        return _FLOAT
    if isinstance(element, Float64Type):
        return _DOUBLE
    if isinstance(element, IntegerType) and element.width.data in _UNSIGNED:
        return (_SIGNED if signed else _UNSIGNED)[element.width.data]
    raise error("SNC-C001", f"C has no type for {element}")


def is_signed(type: CType) -> bool:
    return type.short.startswith("i")


def is_integer(type: CType) -> bool:
    return not type.short.startswith("f")


def signed_type(type: CType) -> CType:
    """The signed integer of the same bytes."""
    return _SIGNED[8 * type.size]


def unsigned_type(type: CType) -> CType:
    """The unsigned integer of the same bytes."""
    return _UNSIGNED[8 * type.size]
