"""Where a recurrent edge takes its step: NIR's edges have no latency, a program's need one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from snncc.errors import Problem, SnnccError
from snncc.importers.nir.model import NEURON_CLASSES, FlatGraph, shortened

Edge = tuple[str, str]


def recurrent_edges(
    graph: FlatGraph,
    is_late: Callable[[str, str], bool],
    at_source: Callable[[Sequence[str]], bool],
) -> list[Edge]:
    """
    The edges that take one step so that no loop is left within a step.

    `is_late` tells the edges that take a step already. A depth-first walk from the inputs,
    in the order of names, finds the edge that closes each loop. Where `at_source` says so
    of a loop, the step moves to the edge that leaves the loop's last neuron, if nothing
    else hangs on the way between; then a bias on that way acts at the first step too.

    Raises SNC-I016 for a loop that passes no neuron and no delay.
    """
    successors = {name: sorted(set(targets)) for name, targets in graph.successors().items()}
    late: set[Edge] = {edge for edge in graph.edges if is_late(*edge)}
    found: list[Edge] = []
    done: set[str] = set()
    for root in sorted(graph.nodes, key=lambda name: (graph.nodes[name].type != "Input", name)):
        if root in done:
            continue
        path = [root]
        place = {root: 0}
        iterators = [iter(successors[root])]
        while path:
            target = next(iterators[-1], None)
            if target is None:
                done.add(path[-1])
                del place[path.pop()]
                iterators.pop()
            elif (path[-1], target) in late or target in done:
                continue
            elif target in place:
                loop = path[place[target] :]
                edge = _edge_to_delay(graph, successors, loop, at_source(loop))
                found.append(edge)
                late.add(edge)
                # the way behind the edge has no other branch: it is met again if it is fed
                while path[-1] != edge[0]:
                    del place[path.pop()]
                    iterators.pop()
            else:
                place[target] = len(path)
                path.append(target)
                iterators.append(iter(successors[target]))
    return found


def _edge_to_delay(
    graph: FlatGraph, successors: Mapping[str, Sequence[str]], loop: list[str], at_source: bool
) -> Edge:
    """Of a loop that starts where the walk met it: the edge that closes it, or the source's."""
    last = next((i for i in reversed(range(len(loop))) if _is_neuron(graph, loop[i])), None)
    if last is None:
        raise SnnccError(
            Problem(
                "SNC-I016",
                f"loop without a delay: {shortened((*loop, loop[0]), ' -> ')}",
                loop[0],
                "a loop needs a neuron or a Delay of at least one step",
            )
        )
    if at_source and all(len(successors[name]) == 1 for name in loop[last + 1 :]):
        return loop[last], loop[(last + 1) % len(loop)]
    return loop[-1], loop[0]


def is_recurrent_layer(
    graph: FlatGraph,
    predecessors: Mapping[str, Sequence[str]],
    successors: Mapping[str, Sequence[str]],
    loop: Iterable[str],
) -> bool:
    """Whether a loop is a neuron and the weights that take its spikes back to it alone."""
    names = set(loop)
    weights = [n for n in names if graph.nodes[n].type in ("Affine", "Linear")]
    neurons = [n for n in names if _is_neuron(graph, n)]
    if len(names) != 2 or len(weights) != 1 or len(neurons) != 1:
        return False
    return predecessors[weights[0]] == successors[weights[0]] == neurons


def _is_neuron(graph: FlatGraph, name: str) -> bool:
    return graph.nodes[name].type in NEURON_CLASSES


def loops_of(graph: FlatGraph) -> dict[str, int]:
    """Node -> the number of the recurrent part it belongs to; nodes outside are left out."""
    successors = graph.successors()
    predecessors = graph.predecessors()
    order: list[str] = []
    seen: set[str] = set()
    for root in graph.nodes:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(successors[root]))]
        while stack:
            name, targets = stack[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                order.append(name)
                stack.pop()
            else:
                seen.add(target)
                stack.append((target, iter(successors[target])))
    part: dict[str, int] = {}
    assigned: set[str] = set()
    for number, root in enumerate(reversed(order)):
        if root in assigned:
            continue
        members = [root]
        assigned.add(root)
        for name in members:
            fresh = [p for p in predecessors[name] if p not in assigned]
            assigned.update(fresh)
            members.extend(fresh)
        if len(members) > 1 or root in successors[root]:
            part.update(dict.fromkeys(members, number))
    return part


def instantaneous_order(graph: FlatGraph, late: set[Edge]) -> list[str]:
    """The nodes so that each stands behind the sources of its edges that are not late."""
    waiting = dict.fromkeys(graph.nodes, 0)
    successors: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        if (source, target) not in late:
            successors[source].append(target)
            waiting[target] += 1
    ready = [name for name, count in waiting.items() if count == 0]
    order: list[str] = []
    for name in ready:
        order.append(name)
        for target in successors[name]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    assert len(order) == len(graph.nodes), "every loop was given its step"
    return order
