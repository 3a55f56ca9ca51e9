"""Reads a NIR file into plain data, as an untrusted file: see `importers.hdf5.reader`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from snncc.errors import Problem, SnnccError, error
from snncc.importers.hdf5.reader import (
    MAX_BYTES,
    Members,
    described,
    is_text,
    printable,
    read_hdf5,
    reason_of,
)
from snncc.importers.nir.model import NODE_CLASSES, WHOLE_NUMBERS, Graph, Node, Value

MAX_NODES = 4096
MAX_EDGES = 100_000
MAX_DEPTH = 32
MAX_NAME = 255


def read_nir(path: Path, *, max_bytes: int = MAX_BYTES) -> Graph:
    """
    The graph of a NIR file. `max_bytes` bounds the arrays of the whole file.

    Raises SnnccError: SNC-I010 where the file is missing, not HDF5 or damaged, SNC-I011
    where it is not a NIR graph, SNC-I012 for an unknown node type, SNC-I015 for values
    that are not finite, SNC-I017 over a limit, SNC-I020 for links out of the file.
    """
    return read_hdf5(
        path,
        lambda file: _Reader(max_bytes).graph(file, "node", "", 0),
        max_bytes=max_bytes,
        remedy="write it again with nir.write, or fetch it again: it may be cut short",
    )


class _Reader(Members):
    """Reads one file; counts what it has read against the limits."""

    def __init__(self, max_bytes: int):
        super().__init__(max_bytes, WHOLE_NUMBERS)
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
                    f"the name {printable(full)[:64]!r} is not text of at most {MAX_NAME} letters"
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
                text = f"damaged: {reason_of(fault)}"
                problems.append(Problem("SNC-I010", text, printable(full)))
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
        if len(shape) != 2 or shape[1] != 2 or not is_text(dataset):
            raise error(
                "SNC-I011",
                f"edges: expected pairs of names, got {described(dataset)}",
                node=name or None,
            )
        if shape[0] > MAX_EDGES:
            raise error("SNC-I017", f"the file has more than {MAX_EDGES} edges")
        self.admit(dataset, "edges", name)
        pairs = [(str(source), str(target)) for source, target in dataset.asstr()[()]]
        if any(len(end) > MAX_NAME for pair in pairs for end in pair):
            raise error("SNC-I011", f"edges: a name of more than {MAX_NAME} letters")
        return pairs
