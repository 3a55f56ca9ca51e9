"""
Fields of the JSON in an archive, which may hold anything: a field that is not there or is
something else is SNC-I011 with its place.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from snncc.errors import SnnccError, error

Record: TypeAlias = dict[str, Any]

DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.int8),
    3: np.dtype(np.int16),
    4: np.dtype(np.int32),
    5: np.dtype(np.int64),
    7: np.dtype(np.float32),
    8: np.dtype(np.float64),
    12: np.dtype(np.bool_),
    28: np.dtype(np.uint16),
    34: np.dtype(np.uint32),
    35: np.dtype(np.uint64),
}
"""Types by their numbers in the schema."""

OTHER_DTYPES = {
    6: "float16",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    13: "bfloat16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
}


def record(value: Any, place: str) -> Record:
    if not isinstance(value, dict):
        raise wrong(place, "a record", value)
    return value


def field(of: Record, name: str, place: str) -> Any:
    if name not in of:
        raise error("SNC-I011", f"{place} has no field {name!r}")
    return of[name]


def listed(of: Record, name: str, place: str = "") -> list[Any]:
    value = field(of, name, place or "a record")
    if not isinstance(value, list):
        raise wrong(name, "a list", value)
    return value


def text_of(of: Record, name: str, place: str = "") -> str:
    value = field(of, name, place or "a record")
    if not isinstance(value, str) or not value.isprintable() or len(value) > 1000:
        raise wrong(name, "a name", value)
    return value


def integer(of: Record, name: str) -> int:
    value = field(of, name, "a record")
    if type(value) is not int:
        raise wrong(name, "a whole number", value)
    return value


def union(value: Any, place: str) -> tuple[str, Any]:
    """The kind and the content of a record that has one field: {"as_int": 1}."""
    present = record(value, place)
    if len(present) > 1:  # older writers have a null for each field that is not meant
        present = {k: v for k, v in present.items() if v is not None}
    if len(present) != 1:
        raise wrong(place, "a record of one field", value)
    return next(iter(present.items()))


def wrong(place: str, expected: str, value: Any) -> SnnccError:
    return error("SNC-I011", f"{place}: expected {expected}, got {str(value)[:60]!r}")


def dtype_of(number: Any, place: str) -> np.dtype[Any]:
    """The type of a number of the schema. SNC-I012 for a type that is not supported."""
    if type(number) is not int:
        raise wrong(place, "the number of a type", number)
    if number in DTYPES:
        return DTYPES[number]
    raise error(
        "SNC-I012",
        f"{place}: the type {OTHER_DTYPES.get(number, number)} is not supported",
        remedy="export the model in float32: model.float()",
    )
