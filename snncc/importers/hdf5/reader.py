"""
Reads an HDF5 file with h5py into plain data, as an untrusted file.

Nothing outside the file is followed, and no array is read before its claimed size was
compared with what the file stores and with the limit. The HDF5 library works in a process
of its own (see `isolated`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import prod
from pathlib import Path

import h5py
import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error, expect_file
from snncc.importers.hdf5.graph import Graph, Value
from snncc.importers.hdf5.transport import pack_graph, pack_problems, unpack
from snncc.importers.isolated import IsolationFailure, Part, run_isolated

MAX_BYTES = 256 << 20
"""The default limit on a model's arrays, as stored in memory."""
MAX_AXES = 32
MAX_TEXT = 4096
MEMORY = 64 << 20
COMPRESSION = 1100
"""More than deflate can compress: a dataset that claims more per stored byte lies."""
BLOCK = 1 << 20
"""Elements that are looked at at once."""


def read_hdf5(
    path: Path, read: Callable[[h5py.File], Graph], *, max_bytes: int, remedy: str
) -> Graph:
    """
    What `read` makes of a file, in a process of its own. `remedy` is for files that HDF5 itself
    cannot read.

    Raises SnnccError: SNC-I010 where the file is missing, not HDF5 or damaged, SNC-I017 where
    it takes too much memory, and what `read` raises.
    """
    expect_file(path, "SNC-I010")

    def work() -> list[Part]:
        """Reads in the process that calls it; every fault becomes a problem."""
        try:
            with h5py.File(path, "r") as file:
                return pack_graph(read(file))
        except SnnccError as found:
            return pack_problems(found.problems)
        except MemoryError:
            text = f"{path}: takes more memory than the limit"
            return pack_problems([Problem("SNC-I017", text)])
        except Exception as fault:  # h5py raises many kinds for a damaged file
            text = f"{path}: not a readable HDF5 file ({reason_of(fault)})"
            return pack_problems([Problem("SNC-I010", text, remedy=remedy)])

    try:
        data = run_isolated(
            work,
            seconds=_patience(path.stat().st_size),
            memory=2 * max_bytes + MEMORY,
        )
    except IsolationFailure as fault:
        raise error(
            "SNC-I010", f"{path}: not a readable HDF5 file ({fault})", remedy=remedy
        ) from None
    return unpack(data)


def _patience(size: int) -> float:
    """
    Seconds for a file of `size` bytes. A node takes 2 ms and some KiB, an array far less:
    a few MiB may hold the largest graph, what is beyond is arrays.
    """
    return 4 + min(size / (1 << 20), 10) + size / (20 << 20)


class Members:
    """Reads members of groups of one file; counts what it has read against the limit."""

    def __init__(self, max_bytes: int, whole: Collection[str]):
        """`whole` are the fields that hold one or a few whole numbers."""
        self.max_bytes = max_bytes
        self.bytes = 0
        self._whole = whole

    def text(self, group: h5py.Group, field: str, node: str) -> str:
        value = self.value(group, field, node)
        if not isinstance(value, str):
            raise error("SNC-I011", f"{field}: expected text", node=node or None)
        return value

    def value(self, group: h5py.Group, field: str, node: str) -> Value:
        """An array, in the machine's order and of at most 64 bits, or one text."""
        dataset = self.dataset(group, field, node)
        self.admit(dataset, field, node)
        if dataset.size == 0:
            raise error("SNC-I011", f"{field}: the array is empty", node=node or None)
        if is_text(dataset):
            if dataset.size != 1:
                raise error("SNC-I011", f"{field}: expected one text", node=node or None)
            text = str(np.ravel(dataset.asstr()[()])[0])
            if len(text) > MAX_TEXT:
                raise error("SNC-I011", f"{field}: the text is too long", node=node or None)
            return text
        if dataset.dtype.kind not in "fiub":
            raise error(
                "SNC-I011",
                f"{field}: expected numbers, got {described(dataset)}",
                node=node or None,
            )
        array: Array = np.asarray(dataset[()])
        dtype = array.dtype.newbyteorder("=")
        if dtype.kind == "f" and dtype.itemsize > 8:
            dtype = np.dtype(np.float64)
        array = array.astype(np.float32 if dtype == np.float16 else dtype, copy=False)
        if array.dtype.kind == "f":
            flat = array.ravel()
            finite = (np.isfinite(flat[at : at + BLOCK]) for at in range(0, flat.size, BLOCK))
            bad = flat.size - sum(int(block.sum()) for block in finite)
            if bad:
                raise error(
                    "SNC-I015",
                    f"{field}: {bad} of {array.size} values are not finite",
                    node=node,
                    remedy="export the model again from a checkpoint without NaN or infinity",
                )
        if field in self._whole:
            _expect_whole(array, field, node)
        return array

    def group(self, parent: h5py.Group, name: str, node: str) -> h5py.Group:
        """A group in a group."""
        found = self.member(parent, name, node)
        if not isinstance(found, h5py.Group):
            raise error("SNC-I011", f"expected {name!r} to be a group", node=node or None)
        return found

    def dataset(self, parent: h5py.Group, name: str, node: str) -> h5py.Dataset:
        found = self.member(parent, name, node)
        if not isinstance(found, h5py.Dataset):
            raise error("SNC-I011", f"expected {name!r} to be a dataset", node=node or None)
        if found.shape is None:
            raise error("SNC-I011", f"{name}: the array is empty", node=node or None)
        return found

    def member(self, parent: h5py.Group, name: str, node: str) -> object:
        """A member of a group, which must be stored in this file."""
        link = parent.get(name, getlink=True)
        if link is None:
            raise error("SNC-I011", f"expected {name!r}, which is not there", node=node or None)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            raise error(
                "SNC-I020",
                f"{name!r} is a link to {link.path!r}",
                node=node or None,
                remedy="only data that stands in the file itself is read",
            )
        return parent[name]

    def admit(self, dataset: h5py.Dataset, field: str, node: str) -> None:
        """Checks a dataset's claims before it is read."""
        if dataset.external or dataset.is_virtual:
            raise error(
                "SNC-I020",
                f"{field}: the array is stored in another file",
                node=node or None,
                remedy="only data that stands in the file itself is read",
            )
        elements = max(prod(dataset.shape), prod(dataset.chunks or ()))  # a chunk is read whole
        claimed = elements * dataset.dtype.itemsize
        stored = dataset.id.get_storage_size()
        if claimed > max(stored, 4096) * COMPRESSION:
            raise error(
                "SNC-I017",
                f"{field}: claims {described(dataset)}, the file stores {stored} bytes",
                node=node or None,
            )
        self.bytes += claimed
        if self.bytes > self.max_bytes:
            raise error(
                "SNC-I017",
                f"{field}: the arrays of the model pass the limit of {self.max_bytes >> 20} MiB",
                node=node or None,
                remedy="load it with a larger max_bytes",
            )


def is_text(dataset: h5py.Dataset) -> bool:
    return h5py.check_string_dtype(dataset.dtype) is not None


def described(dataset: h5py.Dataset) -> str:
    what = "text" if is_text(dataset) else str(dataset.dtype)
    return f"{what} of shape {list(dataset.shape)}"


def printable(name: str) -> str:
    """A name that may hold bytes that are not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def reason_of(fault: Exception) -> str:
    """What a library says of a damaged file, on one line."""
    return " ".join(str(fault).split())[:200]


def _expect_whole(array: Array, field: str, node: str) -> None:
    if array.size > MAX_AXES:
        raise error("SNC-I011", f"{field}: expected a few numbers, got {array.size}", node=node)
    if np.any(array != np.trunc(array)):
        raise error("SNC-I015", f"{field}: expected whole numbers, got {array.tolist()}", node=node)
