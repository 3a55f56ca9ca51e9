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
_UNSIGNED = {
    8: CType("uint8_t", "u8", 1),
    16: CType("uint16_t", "u16", 2),
    32: CType("uint32_t", "u32", 4),
    64: CType("uint64_t", "u64", 8),
}


def c_type(element: Attribute) -> CType:
    """The C type of a stored element. Raises SNC-C001 for one that C has not."""
    if isinstance(element, Float32Type):
        return _FLOAT
    if isinstance(element, Float64Type):
        return _DOUBLE
    if isinstance(element, IntegerType) and element.width.data in _UNSIGNED:
        return _UNSIGNED[element.width.data]
    raise error("SNC-C001", f"C has no type for {element}")
