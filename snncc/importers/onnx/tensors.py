"""The arrays of an ONNX file: sizes are compared with what is stored before any is made."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError, error
from snncc.importers.onnx.document import ELEMENT_TYPES, NARROW_TYPES, TYPE_NAMES, Tensor
from snncc.importers.onnx.names import shown, text_of

if TYPE_CHECKING:
    from onnx import TensorProto

MAX_AXES = 32
BLOCK = 1 << 20
"""Elements that are looked at at once."""
EXTERNAL = 1
"""TensorProto.DataLocation"""

_FIELDS = {
    "float_data": {1},
    "double_data": {11},
    "int64_data": {7},
    "uint64_data": {12, 13},
    "int32_data": {2, 3, 4, 5, 6, 9, 10, *NARROW_TYPES},
}


class TensorReader:
    """Decodes tensors; counts their bytes against the limit of the whole model."""

    def __init__(self, folder: Path, max_bytes: int):
        self.folder = folder.resolve()
        self.max_bytes = max_bytes
        self.bytes = 0

    def read(self, tensor: TensorProto, label: str, name: str | None = None) -> Tensor:
        """
        `label` is what messages call it. Raises SnnccError: SNC-I011 where sizes do not
        fit, SNC-I012 for an element type that is not supported, SNC-I015 for values that
        are not finite, SNC-I017 over the limit, SNC-I020 for data out of the folder.
        """
        label = shown(label)
        kind = tensor.data_type
        dtype = ELEMENT_TYPES.get(kind, NARROW_TYPES.get(kind))
        if dtype is None:
            raise unsupported(kind, label)
        if len(tensor.dims) > MAX_AXES or any(size < 0 for size in tensor.dims):
            raise error("SNC-I011", f"a tensor of dims {list(tensor.dims)[:8]}", node=label)
        if tensor.HasField("segment"):
            raise error("SNC-I012", "a tensor in segments is not supported", node=label)
        shape = tuple(tensor.dims)
        count = prod(shape)
        narrow = kind in NARROW_TYPES
        size = (count + 1) // 2 if narrow else count * dtype.itemsize
        self.bytes += count * dtype.itemsize
        if self.bytes > self.max_bytes:
            raise error(
                "SNC-I017",
                f"the arrays of the model pass the limit of {self.max_bytes >> 20} MiB",
                node=label,
                remedy="load it from Python: snncc.load(path, max_bytes=...)",
            )
        flat = self._elements(tensor, kind, dtype, size, label)
        if narrow:
            flat = _nibbles(flat, signed=dtype.kind == "i")[:count]
        if flat.size != count:
            raise error(
                "SNC-I011",
                f"the tensor stores {flat.size} elements, its shape {list(shape)} has {count}",
                node=label,
            )
        _expect_finite(flat, label)
        return Tensor(flat.reshape(shape), name, 4 if narrow else dtype.itemsize * 8)

    def _elements(
        self, tensor: TensorProto, kind: int, dtype: np.dtype[Any], size: int, label: str
    ) -> Array:
        """The elements; of a narrow type its bytes."""
        little = dtype.newbyteorder("<")
        if tensor.data_location == EXTERNAL:
            data = self._external(tensor, size, label)
        elif tensor.HasField("raw_data"):
            data = bytes(tensor.raw_data)
        else:
            return _typed(tensor, kind, dtype, size, label)
        if len(data) != size:
            raise error(
                "SNC-I011",
                f"the tensor stores {len(data)} bytes, its shape {list(tensor.dims)} takes {size}",
                node=label,
            )
        if kind in NARROW_TYPES:
            return np.frombuffer(data, np.uint8)
        if kind == 9:
            return np.asarray(np.frombuffer(data, np.uint8) != 0)
        return np.frombuffer(data, little).astype(dtype, copy=False)

    def _external(self, tensor: TensorProto, size: int, label: str) -> bytes:
        """`size` bytes of a file beside the model."""
        if len(tensor.external_data) > MAX_AXES:
            raise error("SNC-I011", "too many lines about where the data is", node=label)
        entries = {text_of(entry.key): text_of(entry.value) for entry in tensor.external_data}
        path = self._beside(entries.get("location", ""), label)
        try:
            offset = int(entries.get("offset", "0")[:20])
            length = int(entries.get("length", str(size))[:20])
        except ValueError:
            raise error("SNC-I011", "offset or length is not a number", node=label) from None
        if length != size or offset < 0 or offset + size > path.stat().st_size:
            raise error(
                "SNC-I011",
                f"takes {size} bytes, the file says {length} from {offset} "
                f"in {path.name!r}, which has {path.stat().st_size}",
                node=label,
            )
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _beside(self, location: str, label: str) -> Path:
        outside = error(
            "SNC-I020",
            f"the array is stored in {shown(location)!r}",
            node=label,
            remedy="only files in the folder of the model, or below it, are read",
        )
        parts = Path(location).parts
        if not parts or ".." in parts or Path(location).is_absolute() or "\0" in location:
            raise outside
        try:
            path = (self.folder / location).resolve()
        except (OSError, RuntimeError):  # a loop of links, a name that is too long
            raise outside from None
        if not path.is_relative_to(self.folder):
            raise outside
        if not os.path.isfile(path):
            raise error("SNC-I010", f"{shown(location)!r}, which holds it, is missing", node=label)
        return path


def _typed(tensor: TensorProto, kind: int, dtype: np.dtype[Any], size: int, label: str) -> Array:
    """From the field for the element type."""
    field = next(name for name, kinds in _FIELDS.items() if kind in kinds)
    stored = getattr(tensor, field)
    count = size if kind in NARROW_TYPES else size // dtype.itemsize
    if len(stored) != count:
        raise error(
            "SNC-I011",
            f"the tensor stores {len(stored)} elements, its shape {list(tensor.dims)} has {count}",
            node=label,
        )
    wide = {"int32_data": np.int32, "int64_data": np.int64, "uint64_data": np.uint64}
    array = np.array(stored, wide.get(field, dtype))
    if kind in NARROW_TYPES:
        return array.astype(np.uint8)
    if kind == 10:  # as bits
        return array.astype(np.uint16).view(np.float16)
    return array.astype(dtype, copy=False)


def _nibbles(data: Array, *, signed: bool) -> Array:
    """The lower four bits stand first."""
    flat = np.stack([data & 15, data >> 4], axis=-1).ravel()
    return ((flat ^ 8).astype(np.int8) - 8).astype(np.int8) if signed else flat


def _expect_finite(flat: Array, label: str) -> None:
    if flat.dtype.kind != "f":
        return
    finite = (np.isfinite(flat[at : at + BLOCK]) for at in range(0, flat.size, BLOCK))
    bad = flat.size - sum(int(block.sum()) for block in finite)
    if bad:
        raise error(
            "SNC-I015",
            f"{bad} of {flat.size} values are not finite",
            node=label,
            remedy="export the model again from a checkpoint without NaN or infinity",
        )


def unsupported(kind: int, label: str) -> SnnccError:
    """An element type that no tensor here has."""
    name = TYPE_NAMES.get(kind, f"number {kind}")
    return error(
        "SNC-I012",
        f"the element type {name} is not supported",
        node=label,
        remedy="export with float32 and integers",
    )
