"""
Reads a NIR file into plain data, as an untrusted file.

Nothing outside the file is followed, and no array is read before its claimed size was
compared with what the file stores and with the limit.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error
from snncc.importers.nir.hdf5.datasets import Dataset
from snncc.importers.nir.hdf5.file import File, Group
from snncc.importers.nir.hdf5.normal import rewrite
from snncc.importers.nir.hdf5.source import Damaged, Oversized, Unfamiliar
from snncc.importers.nir.hdf5.types import Text
from snncc.importers.nir.model import NODE_CLASSES, WHOLE_NUMBERS, Graph, Node, Value

MAX_BYTES = 256 << 20
"""The default limit on a model's arrays, as stored in memory."""
MAX_NODES = 4096
MAX_EDGES = 100_000
MAX_DEPTH = 32
MAX_AXES = 32
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
    if not path.is_file():
        raise error("SNC-I010", f"{path.name}: no such file")
    try:
        try:
            return _read(path, max_bytes)
        except Unfamiliar:
            with tempfile.TemporaryDirectory() as folder:
                normal = Path(folder, "model.h5")
                rewrite(path, normal, max_bytes)
                return _read(normal, max_bytes)
    except Oversized as fault:
        raise error("SNC-I017", f"{path.name}: {fault}") from None
    except (Damaged, Unfamiliar, OSError) as fault:
        raise error(
            "SNC-I010",
            f"{path.name}: not a readable HDF5 file ({fault})",
            remedy="write it again with nir.write, or fetch it again: it may be cut short",
        ) from None


def _read(path: Path, max_bytes: int) -> Graph:
    with path.open("rb") as opened:
        file = File(opened)
        return _Reader(file, max_bytes).graph(file.root, "node", "", 0)


class _Reader:
    """Reads one file; counts what it has read against the limits."""

    def __init__(self, file: File, max_bytes: int):
        self.file = file
        self.max_bytes = max_bytes
        self.bytes = 0
        self.nodes = 0

    def graph(self, parent: Group | Dataset, key: str, name: str, depth: int) -> Graph:
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
        for member in members:
            full = f"{name}.{member}" if name else member
            try:
                graph.nodes[member] = self.node(members, member, full, depth)
            except SnnccError as found:
                problems.extend(found.problems)
            except Damaged as fault:
                problems.append(Problem("SNC-I010", f"damaged: {fault}", full))
            except Oversized as fault:
                problems.append(Problem("SNC-I017", str(fault), full))
        if problems:
            raise SnnccError(problems)
        graph.edges = self.edges(group, name)
        return graph

    def node(self, parent: Group, key: str, name: str, depth: int) -> Node | Graph:
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

    def edges(self, group: Group, name: str) -> list[tuple[str, str]]:
        dataset = self.dataset(group, "edges", name)
        if dataset.size == 0:
            return []
        shape = dataset.shape or ()
        if len(shape) != 2 or shape[1] != 2 or not isinstance(dataset.element, Text):
            raise error(
                "SNC-I011",
                f"edges: expected pairs of names, got {_described(dataset)}",
                node=name or None,
            )
        if shape[0] > MAX_EDGES:
            raise error("SNC-I017", f"the file has more than {MAX_EDGES} edges")
        self.admit(dataset, "edges", name)
        names = dataset.texts()
        return list(zip(names[::2], names[1::2], strict=True))

    def text(self, group: Group, field: str, node: str) -> str:
        value = self.value(group, field, node)
        if not isinstance(value, str):
            raise error("SNC-I011", f"{field}: expected text", node=node or None)
        return value

    def value(self, group: Group, field: str, node: str) -> Value:
        dataset = self.dataset(group, field, node)
        self.admit(dataset, field, node)
        if dataset.size == 0:
            raise error("SNC-I011", f"{field}: the array is empty", node=node or None)
        if isinstance(dataset.element, Text):
            if dataset.size != 1:
                raise error("SNC-I011", f"{field}: expected one text", node=node or None)
            return dataset.texts()[0]
        array = dataset.read()
        dtype = dataset.element.newbyteorder("=")
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

    def group(self, parent: Group | Dataset, name: str, node: str) -> Group:
        """The members of a group in a group."""
        found = self._member(parent, name, node)
        if isinstance(found, Dataset):
            raise error("SNC-I011", f"expected {name!r} to be a group", node=node or None)
        return found

    def dataset(self, parent: Group, name: str, node: str) -> Dataset:
        found = self._member(parent, name, node)
        if not isinstance(found, Dataset):
            raise error("SNC-I011", f"expected {name!r} to be a dataset", node=node or None)
        return found

    def _member(self, parent: Group | Dataset, name: str, node: str) -> Group | Dataset:
        """A member of a group, which must be stored in this file."""
        link = None if isinstance(parent, Dataset) else parent.get(name)
        if link is None:
            raise error("SNC-I011", f"expected {name!r}, which is not there", node=node or None)
        if link.path is not None:
            raise error(
                "SNC-I020",
                f"{name!r} is a link to {link.path!r}",
                node=node or None,
                remedy="only data that stands in the file itself is read",
            )
        return self.file.open(link.address)

    def admit(self, dataset: Dataset, field: str, node: str) -> None:
        """Checks a dataset's claims before it is read."""
        if dataset.is_external:
            raise error(
                "SNC-I020",
                f"{field}: the array is stored in another file",
                node=node or None,
                remedy="only data that stands in the file itself is read",
            )
        if dataset.claimed > max(dataset.stored, 4096) * COMPRESSION:
            raise error(
                "SNC-I017",
                f"{field}: claims {_described(dataset)}, the file stores {dataset.stored} bytes",
                node=node or None,
            )
        self.bytes += dataset.claimed
        if self.bytes > self.max_bytes:
            raise error(
                "SNC-I017",
                f"{field}: the arrays of the model pass the limit of {self.max_bytes >> 20} MiB",
                node=node or None,
                remedy="load it with a larger max_bytes",
            )


def _described(dataset: Dataset) -> str:
    what = "text" if isinstance(dataset.element, Text) else str(dataset.element)
    return f"{what} of shape {list(dataset.shape or ())}"


def _expect_whole(array: Array, field: str, node: str) -> None:
    if array.size > MAX_AXES:
        raise error("SNC-I011", f"{field}: expected a few numbers, got {array.size}", node=node)
    if np.any(array != np.trunc(array)):
        raise error("SNC-I015", f"{field}: expected whole numbers, got {array.tolist()}", node=node)
