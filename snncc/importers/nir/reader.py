"""
Reads a NIR file with h5py into plain data, as an untrusted file.

Nothing outside the file is followed, and no array is read before its claimed size was
compared with what the file stores and with the limit. The HDF5 library works in a process
of its own (see `isolated`).
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import h5py
import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error, expect_file
from snncc.importers.isolated import IsolationFailure, Part, run_isolated
from snncc.importers.nir.model import NODE_CLASSES, WHOLE_NUMBERS, Graph, Node, Value
from snncc.importers.nir.transport import pack_graph, pack_problems, unpack

MAX_BYTES = 256 << 20
"""The default limit on a model's arrays, as stored in memory."""
MAX_NODES = 4096
MAX_EDGES = 100_000
MAX_DEPTH = 32
MAX_AXES = 32
MAX_NAME = 255
MAX_TEXT = 4096
MEMORY = 64 << 20
COMPRESSION = 1100
"""More than deflate can compress: a dataset that claims more per stored byte lies."""
BLOCK = 1 << 20
"""Elements that are looked at at once."""


def read_nir(path: Path, *, max_bytes: int = MAX_BYTES) -> Graph:
    """
    The graph of a NIR file. `max_bytes` bounds the arrays of the whole file.

    Raises SnnccError: SNC-I010 where the file is missing, not HDF5 or damaged, SNC-I011
    where it is not a NIR graph, SNC-I012 for an unknown node type, SNC-I015 for values
    that are not finite, SNC-I017 over a limit, SNC-I020 for links out of the file.
    """
    expect_file(path, "SNC-I010")
    try:
        data = run_isolated(
            lambda: _read(path, max_bytes),
            seconds=_patience(path.stat().st_size),
            memory=2 * max_bytes + MEMORY,
        )
    except IsolationFailure as fault:
        raise error(
            "SNC-I010",
            f"{path}: not a readable HDF5 file ({fault})",
            remedy="write it again with nir.write, or fetch it again: it may be cut short",
        ) from None
    return unpack(data)


def _patience(size: int) -> float:
    """
    Seconds for a file of `size` bytes. A node takes 2 ms and some KiB, an array far less:
    a few MiB may hold the largest graph, what is beyond is arrays.
    """
    return 4 + min(size / (1 << 20), 10) + size / (20 << 20)


def _read(path: Path, max_bytes: int) -> list[Part]:
    """Reads in the process that calls it; every fault becomes a problem."""
    try:
        with h5py.File(path, "r") as file:
            return pack_graph(_Reader(max_bytes).graph(file, "node", "", 0))
    except SnnccError as found:
        return pack_problems(found.problems)
    except MemoryError:
        text = f"{path}: takes more memory than the limit"
        return pack_problems([Problem("SNC-I017", text)])
    except Exception as fault:  # h5py raises many kinds for a damaged file
        reason = " ".join(str(fault).split())[:200]
        text = f"{path}: not a readable HDF5 file ({reason})"
        remedy = "write it again with nir.write, or fetch it again: it may be cut short"
        return pack_problems([Problem("SNC-I010", text, remedy=remedy)])


class _Reader:
    """Reads one file; counts what it has read against the limits."""

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.bytes = 0
        self.nodes = 0

    def graph(self, parent: h5py.Group, key: str, name: str, depth: int) -> Graph:
        if depth > MAX_DEPTH:
            raise error("SNC-I017", f"sub-graphs nest deeper than {MAX_DEPTH}", node=name)
        group = self.group(parent, key, name)
        if "type" in group and self.text(group, "type", name) != "NIRGraph":
            raise error("SNC-I011", "expected a NIRGraph at the top of the file")
        graph = Graph(name)
        members = self.group(group, "nodes", name)
        if self.nodes + len(members) > MAX_NODES:
            raise error("SNC-I017", f"the file has more than {MAX_NODES} nodes")
        problems: list[Problem] = []
        for member in map(str, members):
            full = f"{name}.{member}" if name else member
            if not member.isprintable() or len(full) > MAX_NAME:
                text = (
                    f"the name {_printable(full)[:64]!r} is not text of at most {MAX_NAME} letters"
                )
                problems.append(Problem("SNC-I011", text))
                continue
            try:
                graph.nodes[member] = self.node(members, member, full, depth)
            except SnnccError as found:
                if found.code == "SNC-I017":
                    raise  # a limit ends the reading: what follows could be without end
                problems.extend(found.problems)
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as fault:
                reason = " ".join(str(fault).split())[:200]
                problems.append(Problem("SNC-I010", f"damaged: {reason}", _printable(full)))
        if problems:
            raise SnnccError(problems)
        graph.edges = self.edges(group, name)
        return graph

    def node(self, parent: h5py.Group, key: str, name: str, depth: int) -> Node | Graph:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise error("SNC-I017", f"the file has more than {MAX_NODES} nodes")
        group = self.group(parent, key, name)
        type = self.text(group, "type", name)
        if type == "NIRGraph":
            return self.graph(parent, key, name, depth + 1)
        known = NODE_CLASSES.get(type)
        if known is None:
            raise error(
                "SNC-I012",
                f"unknown node type {type!r}",
                node=name,
                remedy=f"known: {', '.join([*NODE_CLASSES, 'NIRGraph'])}",
            )
        fields: dict[str, Value] = {}
        for field in (*known.required, *known.optional):
            if field in group:
                fields[field] = self.value(group, field, name)
            elif field in known.required:
                raise error("SNC-I011", f"{type} has no field {field!r}", node=name)
            if isinstance(fields.get(field), str) and field not in known.texts:
                raise error("SNC-I011", f"{field}: expected numbers, got text", node=name)
        for field in known.positive:
            if not np.all(np.asarray(fields[field]) > 0):
                raise error("SNC-I015", f"{field}: expected values above 0", node=name)
        return Node(name, type, fields)

    def edges(self, group: h5py.Group, name: str) -> list[tuple[str, str]]:
        dataset = self.dataset(group, "edges", name)
        if dataset.size == 0:
            return []
        shape = dataset.shape
        if len(shape) != 2 or shape[1] != 2 or not _is_text(dataset):
            raise error(
                "SNC-I011",
                f"edges: expected pairs of names, got {_described(dataset)}",
                node=name or None,
            )
        if shape[0] > MAX_EDGES:
            raise error("SNC-I017", f"the file has more than {MAX_EDGES} edges")
        self.admit(dataset, "edges", name)
        pairs = [(str(source), str(target)) for source, target in dataset.asstr()[()]]
        if any(len(end) > MAX_NAME for pair in pairs for end in pair):
            raise error("SNC-I011", f"edges: a name of more than {MAX_NAME} letters")
        return pairs

    def text(self, group: h5py.Group, field: str, node: str) -> str:
        value = self.value(group, field, node)
        if not isinstance(value, str):
            raise error("SNC-I011", f"{field}: expected text", node=node or None)
        return value

    def value(self, group: h5py.Group, field: str, node: str) -> Value:
        dataset = self.dataset(group, field, node)
        self.admit(dataset, field, node)
        if dataset.size == 0:
            raise error("SNC-I011", f"{field}: the array is empty", node=node or None)
        if _is_text(dataset):
            if dataset.size != 1:
                raise error("SNC-I011", f"{field}: expected one text", node=node or None)
            text = str(np.ravel(dataset.asstr()[()])[0])
            if len(text) > MAX_TEXT:
                raise error("SNC-I011", f"{field}: the text is too long", node=node or None)
            return text
        if dataset.dtype.kind not in "fiub":
            raise error(
                "SNC-I011",
                f"{field}: expected numbers, got {_described(dataset)}",
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
        if field in WHOLE_NUMBERS:
            _expect_whole(array, field, node)
        return array

    def group(self, parent: h5py.Group, name: str, node: str) -> h5py.Group:
        """A group in a group."""
        found = self._member(parent, name, node)
        if not isinstance(found, h5py.Group):
            raise error("SNC-I011", f"expected {name!r} to be a group", node=node or None)
        return found

    def dataset(self, parent: h5py.Group, name: str, node: str) -> h5py.Dataset:
        found = self._member(parent, name, node)
        if not isinstance(found, h5py.Dataset):
            raise error("SNC-I011", f"expected {name!r} to be a dataset", node=node or None)
        if found.shape is None:
            raise error("SNC-I011", f"{name}: the array is empty", node=node or None)
        return found

    def _member(self, parent: h5py.Group, name: str, node: str) -> object:
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
                f"{field}: claims {_described(dataset)}, the file stores {stored} bytes",
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


def _is_text(dataset: h5py.Dataset) -> bool:
    return h5py.check_string_dtype(dataset.dtype) is not None


def _described(dataset: h5py.Dataset) -> str:
    what = "text" if _is_text(dataset) else str(dataset.dtype)
    return f"{what} of shape {list(dataset.shape)}"


def _printable(name: str) -> str:
    """A name that may hold bytes that are not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _expect_whole(array: Array, field: str, node: str) -> None:
    if array.size > MAX_AXES:
        raise error("SNC-I011", f"{field}: expected a few numbers, got {array.size}", node=node)
    if np.any(array != np.trunc(array)):
        raise error("SNC-I015", f"{field}: expected whole numbers, got {array.tolist()}", node=node)
