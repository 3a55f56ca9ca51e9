"""A graph, or the problems that stopped its reading, as bytes: JSON, then the arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError
from snncc.importers.hdf5.graph import Graph, Node
from snncc.importers.isolated import Part


def pack_graph(graph: Graph) -> list[Part]:
    arrays: list[Array] = []
    header = _header({"graph": _describe(graph, arrays)})
    return [header, *(np.ascontiguousarray(array).ravel().data for array in arrays)]


def pack_problems(problems: Sequence[Problem]) -> list[Part]:
    return [_header({"problems": [problem.as_dict() for problem in problems]})]


def unpack(data: bytes | bytearray) -> Graph:
    """The graph; raises SnnccError with the problems where there is none."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if "problems" in header:
        raise SnnccError([Problem(**problem) for problem in header["problems"]])
    return _graph(header["graph"], memoryview(data)[8 + size :])


def _header(content: dict[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    text += b" " * (-(len(text) + 8) % 16)  # the arrays start aligned
    return len(text).to_bytes(8, "little") + text


def _describe(graph: Graph, arrays: list[Array]) -> dict[str, Any]:
    nodes: list[Any] = []
    for key, node in graph.nodes.items():
        if isinstance(node, Graph):
            nodes.append([key, _describe(node, arrays)])
            continue
        fields: dict[str, Any] = {}
        for name, value in node.fields.items():
            if isinstance(value, str):
                fields[name] = value
                continue
            pad = -value.nbytes % 16
            fields[name] = [value.dtype.str, list(value.shape), pad]
            arrays.append(value)
            if pad:
                arrays.append(np.zeros(pad, np.uint8))
        nodes.append([key, {"name": node.name, "type": node.type, "fields": fields}])
    return {"graph": graph.name, "nodes": nodes, "edges": graph.edges}


def _graph(described: dict[str, Any], data: memoryview) -> Graph:
    place = 0

    def build(part: dict[str, Any]) -> Graph:
        nonlocal place
        graph = Graph(part["graph"])
        graph.edges = [(source, target) for source, target in part["edges"]]
        for key, entry in part["nodes"]:
            if "graph" in entry:
                graph.nodes[key] = build(entry)
                continue
            fields: dict[str, Array | str] = {}
            for name, value in entry["fields"].items():
                if isinstance(value, str):
                    fields[name] = value
                    continue
                dtype, shape, pad = np.dtype(value[0]), tuple(value[1]), value[2]
                size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
                fields[name] = np.frombuffer(data[place : place + size], dtype).reshape(shape)
                place += size + pad
            graph.nodes[key] = Node(entry["name"], entry["type"], fields)
        return graph

    return build(described)
