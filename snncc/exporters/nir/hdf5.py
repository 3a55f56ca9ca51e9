"""A flat graph as an HDF5 file in the layout of nir 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from snncc.importers.nir.model import Node

VERSION = "1.0.8"
"""The release of nir whose layout this is."""


def write_file(path: Path, nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> None:
    """Writes nodes by name and edges between them. Raises OSError."""
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.create_dataset("version", data=VERSION, dtype=text)
        graph = file.create_group("node")
        graph.create_dataset("type", data="NIRGraph", dtype=text)
        members = graph.create_group("nodes")
        for name, node in nodes.items():
            group = members.create_group(name)
            group.create_dataset("type", data=node.type, dtype=text)
            for field, value in node.fields.items():
                if isinstance(value, str):
                    group.create_dataset(field, data=value, dtype=text)
                elif value.ndim:
                    group.create_dataset(field, data=value, compression="gzip")
                else:
                    group.create_dataset(field, data=value)
        pairs = np.array(edges, dtype=object).reshape(-1, 2)
        graph.create_dataset("edges", data=pairs, dtype=text)
