"""Nested and dotted sub-graphs into one flat graph."""

from __future__ import annotations

from functools import cached_property

from snncc.errors import Problem, SnnccError
from snncc.importers.nir.model import IDENTITY, FlatGraph, Graph, Node, shortened

MAX_PROBLEMS = 100
"""A file with more wrong edges than these is not looked at further."""


def flatten(graph: Graph, warnings: list[Problem]) -> FlatGraph:
    """
    One level of nodes: `outer.inner` names, terminals of sub-graphs as `Identity` nodes.

    An edge may name a node of its own level (whose name may hold dots), a sub-graph with
    one terminal, or `sub.node`. Raises SNC-I013 for names that do not exist and SNC-I011
    for a sub-graph that is ambiguous; a doubled edge is taken once, with a warning.
    """
    flat = FlatGraph({}, [])
    problems: list[Problem] = []
    _add(graph, flat, problems, warnings, top=True)
    if problems:
        raise SnnccError(problems)
    return flat


def _add(
    graph: Graph, flat: FlatGraph, problems: list[Problem], warnings: list[Problem], *, top: bool
) -> None:
    for key, node in graph.nodes.items():
        if isinstance(node, Graph):
            _add(node, flat, problems, warnings, top=False)
            continue
        name = _full(graph, key)
        if not top and node.type in ("Input", "Output"):
            node = Node(node.name, IDENTITY, node.fields)
        if name in flat.nodes:
            problems.append(Problem("SNC-I011", "two nodes have this name", name))
        flat.nodes[name] = node
    names = _Names(graph)
    seen: set[tuple[str, str]] = set()
    for edge in graph.edges:
        source = names.resolve(edge[0], edge, "Output", problems)
        target = names.resolve(edge[1], edge, "Input", problems)
        if len(problems) > MAX_PROBLEMS:
            return
        if source is None or target is None:
            continue
        if (source, target) in seen:
            warnings.append(
                Problem(
                    "SNC-W003",
                    f"the edge {edge[0]} -> {edge[1]} stands twice; it is taken once",
                    severity="warning",
                )
            )
            continue
        seen.add((source, target))
        flat.edges.append((source, target))


def _full(graph: Graph, key: str) -> str:
    return f"{graph.name}.{key}" if graph.name else key


class _Names:
    """What the ends of a graph's edges may name."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._terminals: dict[tuple[str, str], list[str]] = {}

    @cached_property
    def _inner(self) -> dict[str, tuple[Graph | Node, str]]:
        """`sub.node` -> the node and its full name; names at each level may hold dots."""
        found: dict[str, tuple[Graph | Node, str]] = {}
        pending: list[tuple[str, Graph]] = [("", self._graph)]
        while pending:
            prefix, graph = pending.pop()
            for key, node in graph.nodes.items():
                found.setdefault(prefix + key, (node, _full(graph, key)))
            pending.extend(
                (f"{prefix}{key}.", node)
                for key, node in reversed(graph.nodes.items())
                if isinstance(node, Graph)
            )
        return found

    def resolve(
        self, reference: str, edge: tuple[str, str], terminal: str, problems: list[Problem]
    ) -> str | None:
        """The full name of the node that an edge's end names."""
        graph = self._graph
        place: Graph | Node | None = graph.nodes.get(reference)
        name = _full(graph, reference)
        if place is None and "." in reference:
            place, name = self._inner.get(reference, (None, name))
        if isinstance(place, Node):
            return name
        if place is None:
            where = f"sub-graph {graph.name!r}" if graph.name else "the graph"
            known = shortened(map(repr, graph.nodes)) or "none"
            problems.append(
                Problem(
                    "SNC-I013",
                    f"edge {edge[0]!r} -> {edge[1]!r} names {reference!r}, which {where} does "
                    f"not have (it has {known})",
                    graph.name or None,
                    "rename the node or the edge's end in the file",
                )
            )
            return None
        if (place.name, terminal) not in self._terminals:
            self._terminals[place.name, terminal] = [
                key
                for key, node in place.nodes.items()
                if isinstance(node, Node) and node.type == terminal
            ]
        terminals = self._terminals[place.name, terminal]
        if len(terminals) != 1:
            problems.append(
                Problem(
                    "SNC-I011",
                    f"edge {edge[0]!r} -> {edge[1]!r}: the sub-graph has {len(terminals)} "
                    f"{terminal} nodes, expected one",
                    place.name,
                    f"name the terminal in the edge: {place.name}.NAME",
                )
            )
            return None
        return _full(place, terminals[0])
