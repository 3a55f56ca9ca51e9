"""The order in which a network can be computed: its strongly connected components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from xdsl.ir import Operation

from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.network import NetworkOp, YieldOp


@dataclass(frozen=True)
class Component:
    """
    Operations that depend on each other: one operation, or a recurrent part.

    The operations keep the order of the text, which is the order of one step.
    """

    operations: tuple[Operation, ...]
    recurrent: bool

    @property
    def delays(self) -> tuple[DelayOp, ...]:
        return tuple(op for op in self.operations if isinstance(op, DelayOp))


def stream_operations(network: NetworkOp) -> list[Operation]:
    """The operations that compute streams, in the order of the text."""
    return [op for op in network.body.block.ops if not is_fixed(op) and not isinstance(op, YieldOp)]


def _sources(op: Operation) -> Iterator[Operation]:
    for operand in op.operands:
        if isinstance(operand.owner, Operation) and not is_fixed(operand.owner):
            yield operand.owner


def components(network: NetworkOp) -> list[Component]:
    """
    The strongly connected components of a network, sources first.

    Delays count as edges: a component with more than one operation, or with an operation
    that feeds itself, is recurrent and runs step by step; any other can run over a block
    of steps. Among the possible orders the one nearest to the text is taken.
    """
    operations = stream_operations(network)
    position = {op: index for index, op in enumerate(operations)}
    sources = [[position[s] for s in _sources(op)] for op in operations]
    owner = _strong_components(sources)

    members: dict[int, list[int]] = {}
    for index, component in enumerate(owner):
        members.setdefault(component, []).append(index)
    pending = dict.fromkeys(members, 0)
    users: dict[int, set[int]] = {component: set() for component in members}
    for index, component in enumerate(owner):
        for source in sources[index]:
            if owner[source] != component and component not in users[owner[source]]:
                users[owner[source]].add(component)
                pending[component] += 1

    ready: list[tuple[int, int]] = []
    for component, indices in members.items():
        if pending[component] == 0:
            heappush(ready, (indices[0], component))
    result: list[Component] = []
    while ready:
        _, component = heappop(ready)
        indices = members[component]
        recurrent = len(indices) > 1 or indices[0] in sources[indices[0]]
        result.append(Component(tuple(operations[i] for i in indices), recurrent))
        for user in users[component]:
            pending[user] -= 1
            if pending[user] == 0:
                heappush(ready, (members[user][0], user))
    return result


def _strong_components(sources: list[list[int]]) -> list[int]:
    """Tarjan's algorithm (1972) without recursion: a component number for each node."""
    count = len(sources)
    number = [-1] * count
    low = [0] * count
    on_stack = [False] * count
    stack: list[int] = []
    owner = [-1] * count
    numbered = found = 0
    for root in range(count):
        if number[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, edge = work.pop()
            if edge == 0:
                number[node] = low[node] = numbered
                numbered += 1
                stack.append(node)
                on_stack[node] = True
            if edge < len(sources[node]):
                work.append((node, edge + 1))
                source = sources[node][edge]
                if number[source] < 0:
                    work.append((source, 0))
                elif on_stack[source]:
                    low[node] = min(low[node], number[source])
                continue
            if low[node] == number[node]:
                while True:
                    member = stack.pop()
                    on_stack[member] = False
                    owner[member] = found
                    if member == node:
                        break
                found += 1
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
    return owner
