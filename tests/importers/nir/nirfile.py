"""Writes NIR files for tests, by h5py alone; and the nodes that most tests are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Fields = Mapping[str, Any]
"""A node: its `type` and its fields; a NIRGraph has `nodes` and `edges`."""


def write_nir(
    path: Path, nodes: Mapping[str, Fields], edges: Iterable[tuple[str, str]], **options: Any
) -> Path:
    """
    Writes a graph; `options` (compression, ...) are h5py's for the arrays with an axis.

    Numbers keep the type that NumPy gives them; None leaves a field out.
    """
    with h5py.File(path, "w") as file:
        file.create_dataset("version", data="1.0.8", dtype=h5py.string_dtype())
        _write_graph(file.create_group("node"), nodes, edges, options)
    return path


def _write_graph(
    group: h5py.Group,
    nodes: Mapping[str, Fields],
    edges: Iterable[tuple[str, str]],
    options: Mapping[str, Any],
) -> None:
    group.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
    pairs = np.array(list(edges), dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=pairs, dtype=h5py.string_dtype())
    members = group.create_group("nodes")
    for name, fields in nodes.items():
        node = members.create_group(name)
        if fields["type"] == "NIRGraph":
            _write_graph(node, fields["nodes"], fields["edges"], options)
            continue
        for field, value in fields.items():
            if isinstance(value, str):
                node.create_dataset(field, data=value, dtype=h5py.string_dtype())
            elif value is not None:
                array = np.asarray(value)
                node.create_dataset(field, data=array, **(options if array.ndim else {}))


def read_graph(group: h5py.Group) -> tuple[dict[str, Fields], list[tuple[str, str]]]:
    """The nodes and edges of a file's graph, as `write_nir` takes them."""
    nodes: dict[str, Fields] = {}
    for name, node in group["nodes"].items():
        if node["type"].asstr()[()] == "NIRGraph":
            inner, edges = read_graph(node)
            nodes[name] = {"type": "NIRGraph", "nodes": inner, "edges": edges}
            continue
        nodes[name] = {
            field: data.asstr()[()] if data.dtype == object else data[()]
            for field, data in node.items()
        }
    return nodes, [(str(a), str(b)) for a, b in group["edges"].asstr()[()]]


def chain(*nodes: tuple[str, Fields], shape: Iterable[int]) -> dict[str, Any]:
    """input -> nodes -> output, as the arguments of `write_nir`."""
    names = ["input", *(name for name, _ in nodes), "output"]
    return {
        "nodes": {"input": input_node(*shape), **dict(nodes), "output": output_node()},
        "edges": list(pairwise(names)),
    }


def graph(nodes: Mapping[str, Fields], *edges: str) -> dict[str, Any]:
    """A graph as the arguments of `write_nir`; an edge is written `source > target`."""
    return {"nodes": nodes, "edges": [tuple(edge.split(" > ")) for edge in edges]}


def subgraph(nodes: Mapping[str, Fields], *edges: str) -> Fields:
    return {"type": "NIRGraph", **graph(nodes, *edges)}


def input_node(*shape: int) -> Fields:
    return {"type": "Input", "shape": np.array(shape, np.int64)}


def output_node(*shape: int) -> Fields:
    return {"type": "Output", "shape": np.array(shape, np.int64) if shape else None}


def affine(weight: Any, bias: Any) -> Fields:
    return {"type": "Affine", "weight": np.float32(weight), "bias": np.float32(bias)}


def linear(weight: Any) -> Fields:
    return {"type": "Linear", "weight": np.float32(weight)}


def lif(size: int = 1, **fields: Any) -> Fields:
    """tau = 1 ms, r = 1, threshold 0.5: fires often for inputs around 1 with dt = 0.1 ms."""
    values = {"tau": 1e-3, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.5, "v_reset": 0.0}
    return _neuron("LIF", size, values, fields)


def if_(size: int = 1, **fields: Any) -> Fields:
    return _neuron("IF", size, {"r": 1.0, "v_threshold": 1.0, "v_reset": 0.0}, fields)


def li(size: int = 1, **fields: Any) -> Fields:
    return _neuron("LI", size, {"tau": 1e-3, "r": 1.0, "v_leak": 0.0}, fields)


def i(size: int = 1, **fields: Any) -> Fields:
    return _neuron("I", size, {"r": 1.0}, fields)


def cuba_li(size: int = 1, **fields: Any) -> Fields:
    values = {"tau_syn": 5e-4, "tau_mem": 1e-3, "r": 1.0, "v_leak": 0.0, "w_in": 1.0}
    return _neuron("CubaLI", size, values, fields)


def cuba_lif(size: int = 1, **fields: Any) -> Fields:
    values = {
        "tau_syn": 5e-4,
        "tau_mem": 1e-3,
        "r": 1.0,
        "v_leak": 0.0,
        "w_in": 1.0,
        "v_threshold": 0.3,
        "v_reset": 0.0,
    }
    return _neuron("CubaLIF", size, values, fields)


def _neuron(type: str, size: int, values: Mapping[str, float], fields: Fields) -> Fields:
    """Uniform arrays of `size`, with some fields given by the test (None: left out)."""
    arrays = {name: np.full(size, value, np.float64) for name, value in values.items()}
    return {"type": type, **arrays, **fields}
