"""
Reads a NIR file's HDF5 into plain data, as an untrusted file.

Nothing outside the file is followed, and no array is read before its claimed size was
compared with what the file stores and with the limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error
from snncc.importers.nir.model import NODE_CLASSES, Graph, Node, Value

MAX_BYTES = 256 << 20
"""The default limit on a model's arrays, as stored in memory."""
MAX_NODES = 10_000
MAX_EDGES = 1_000_000
MAX_DEPTH = 32
MAX_TEXT = 4096
COMPRESSION = 1100
"""More than deflate can compress: a dataset that claims more per stored byte lies."""


def read_nir(path: Path, *, max_bytes: int = MAX_BYTES) -> Graph:
    """
    The graph of a NIR file. `max_bytes` bounds the arrays of the whole file.

    Raises SnnccError: SNC-I010 where the file is missing or not HDF5, SNC-I011 where it
    is not a NIR graph or damaged, SNC-I012 for an unknown node type, SNC-I015 for values
    that are not finite, SNC-I017 over the limit, SNC-I020 for links out of the file.
    """
    if not path.is_file():
        raise error("SNC-I010", f"{path.name}: no such file")
    try:
        with h5py.File(path, "r") as file:
            return _Reader(max_bytes).graph(_member(file, "node", "", h5py.Group), "", 0)
    except SnnccError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, EOFError) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise error(
            "SNC-I010",
            f"{path.name}: not a readable HDF5 file ({reason})",
            remedy="write it again with nir.write, or fetch it again: it may be cut short",
        ) from None


def _member(group: h5py.Group, name: str, node: str, kind: type) -> Any:
    """A member of a group, which must be stored in this file."""
    link = group.get(name, getlink=True)
    if link is None:
        raise error("SNC-I011", f"expected {name!r}, which is not there", node=node or None)
    if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
        raise error(
            "SNC-I020",
            f"{name!r} is a link to {link.path!r}",
            node=node or None,
            remedy="only data that stands in the file itself is read",
        )
    member = group[name]
    if not isinstance(member, kind):
        what = "a group" if kind is h5py.Group else "a dataset"
        raise error("SNC-I011", f"expected {name!r} to be {what}", node=node or None)
    return member


class _Reader:
    """Reads one file; counts what it has read against the limits."""

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.bytes = 0
        self.nodes = 0

    def graph(self, group: h5py.Group, name: str, depth: int) -> Graph:
        if depth > MAX_DEPTH:
            raise error("SNC-I017", f"sub-graphs nest deeper than {MAX_DEPTH}", node=name)
        if "type" in group and self.text(group, "type", name) != "NIRGraph":
            raise error("SNC-I011", "expected a NIRGraph at the top of the file")
        graph = Graph(name)
        members = _member(group, "nodes", name, h5py.Group)
        problems: list[Problem] = []
        for key in members:
            full = f"{name}.{key}" if name else key
            try:
                graph.nodes[key] = self.node(_member(members, key, full, h5py.Group), full, depth)
            except SnnccError as found:
                problems.extend(found.problems)
        if problems:
            raise SnnccError(problems)
        graph.edges = self.edges(group, name)
        return graph

    def node(self, group: h5py.Group, name: str, depth: int) -> Node | Graph:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise error("SNC-I017", f"the file has more than {MAX_NODES} nodes")
        type = self.text(group, "type", name)
        if type == "NIRGraph":
            return self.graph(group, name, depth + 1)
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
        for field in known.positive:
            value = fields[field]
            if isinstance(value, str) or not np.all(value > 0):
                raise error("SNC-I015", f"{field}: expected values above 0", node=name)
        return Node(name, type, fields)

    def edges(self, group: h5py.Group, name: str) -> list[tuple[str, str]]:
        dataset = _member(group, "edges", name, h5py.Dataset)
        if dataset.size == 0:
            return []
        if dataset.ndim != 2 or dataset.shape[1] != 2:
            raise error("SNC-I011", f"edges: expected shape [n, 2], got {list(dataset.shape)}")
        if dataset.shape[0] > MAX_EDGES:
            raise error("SNC-I017", f"the file has more than {MAX_EDGES} edges")
        self.admit(dataset, "edges", name)
        if h5py.check_string_dtype(dataset.dtype) is None:
            raise error("SNC-I011", "edges: expected pairs of names", node=name or None)
        pairs = dataset.asstr()[()]
        return [(str(source), str(target)) for source, target in pairs]

    def text(self, group: h5py.Group, field: str, node: str) -> str:
        value = self.value(group, field, node)
        if not isinstance(value, str):
            raise error("SNC-I011", f"{field}: expected text", node=node or None)
        return value

    def value(self, group: h5py.Group, field: str, node: str) -> Value:
        dataset = _member(group, field, node, h5py.Dataset)
        self.admit(dataset, field, node)
        if h5py.check_string_dtype(dataset.dtype) is not None:
            if dataset.size != 1:
                raise error("SNC-I011", f"{field}: expected one text", node=node or None)
            text = dataset.asstr()[()]
            text = str(text if dataset.ndim == 0 else text.ravel()[0])
            if len(text) > MAX_TEXT:
                raise error("SNC-I011", f"{field}: the text is too long", node=node or None)
            return text
        if dataset.dtype.kind not in "fiub":
            raise error(
                "SNC-I011", f"{field}: expected numbers, got {dataset.dtype}", node=node or None
            )
        if dataset.size == 0:
            raise error("SNC-I011", f"{field}: the array is empty", node=node or None)
        array: Array = np.asarray(dataset[()])
        array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        if array.dtype.kind == "f":
            bad = int(array.size - np.isfinite(array).sum())
            if bad:
                raise error(
                    "SNC-I015",
                    f"{field}: {bad} of {array.size} values are not finite",
                    node=node,
                    remedy="export the model again from a checkpoint without NaN or infinity",
                )
        return array

    def admit(self, dataset: h5py.Dataset, field: str, node: str) -> None:
        """Checks a dataset's claims before it is read."""
        if dataset.external or dataset.is_virtual:
            raise error(
                "SNC-I020",
                f"{field}: the array is stored in another file",
                node=node or None,
                remedy="only data that stands in the file itself is read",
            )
        claimed = int(dataset.size or 0) * dataset.dtype.itemsize
        stored = dataset.id.get_storage_size()
        if claimed > max(stored, 4096) * COMPRESSION:
            raise error(
                "SNC-I017",
                f"{field}: claims shape {list(dataset.shape)}, but the file stores {stored} bytes",
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
