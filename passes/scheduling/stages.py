"""Which operations run together: the stages of a schedule."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.snn.graph import components
from snncc.dialects.snn.types import node_name


@dataclass
class Stage:
    """
    Operations that run step by step together, in the order of one step.

    A stage outside of cycles runs all steps of a block before the next stage starts.
    """

    name: str
    operations: list[Operation] = field(default_factory=list[Operation])
    recurrent: bool = False
    converts: bool = False
    """Whether it is an end of the network alone, between floats and whole numbers."""

    @property
    def nodes(self) -> list[str]:
        """The names of the model's nodes in it."""
        names = [node_name(op) for op in self.operations]
        return list(dict.fromkeys(name for name in names if name is not None))


def form_stages(
    network: snn.NetworkOp,
    blocks: Container[Operation] = (),
    ends: Container[Operation] = (),
) -> list[Stage]:
    """
    The stages of a network, in the order in which they run. `blocks` are operations that
    take all steps of a block at once: they end their stages. `ends` are stages of their own.

    A recurrent component is a stage. Any other operation without state joins the stage of
    the only operation that reads it, unless that is recurrent: what a recurrent part takes
    from outside is computed before it, for the whole block.
    """
    parts = components(network)
    part_of = {op: index for index, part in enumerate(parts) for op in part.operations}
    yielded = set(network.yield_op.streams)
    root: dict[int, int] = {}
    for index in reversed(range(len(parts))):
        part = parts[index]
        root[index] = index
        if part.recurrent:
            continue
        op = part.operations[0]
        if isinstance(op, snn.DelayOp) or (isinstance(op, snn.NeuronOp) and op.initial_states):
            continue
        if op in blocks or op in ends or any(result in yielded for result in op.results):
            continue
        users = {use.operation for result in op.results for use in result.uses}
        if len(users) != 1:
            continue
        reader = users.pop()
        user = part_of[reader]
        if not parts[user].recurrent and reader not in ends:
            root[index] = root[user]
    members: dict[int, list[int]] = {}
    for index in range(len(parts)):
        members.setdefault(root[index], []).append(index)
    taken: set[str] = set()
    stages: list[Stage] = []
    for last in sorted(members):
        operations = [op for index in members[last] for op in parts[index].operations]
        name = _stage_name(operations, parts[last].recurrent, taken)
        converts = operations[0] in ends
        stages.append(Stage(name, operations, parts[last].recurrent, converts))
    return stages


def _stage_name(operations: list[Operation], recurrent: bool, taken: set[str]) -> str:
    """The node of its neuron where it has one, else of its last operation."""
    neurons = [op for op in operations if isinstance(op, snn.NeuronOp)]
    named = [*reversed(neurons), *reversed(operations)]
    base = next((n for n in map(node_name, named) if n is not None), None)
    base = base or operations[-1].name.removeprefix("snn.")
    name, number = base, 0
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name
