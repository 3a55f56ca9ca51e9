"""The names by which users know a network's nodes and states."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import DictionaryAttr
from xdsl.ir import Operation

from snncc.dialects.snn.network import DelayOp, NetworkOp
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.types import shape_of


class StateNames:
    """
    The names of a network's nodes and states: `lif1`, `lif1.v`, and the delay `axon`.

    A neuron or delay without a node is named by its place: `neuron0`, `delay0`. Where a
    model has names of its own for states, the network's `state_names` gives them.
    """

    def __init__(self, network: NetworkOp):
        self.node_of: dict[Operation, str] = {}
        self.name_of: dict[tuple[Operation, int], str] = {}
        taken = set(_named(network))
        counters = {"neuron": 0, "delay": 0}
        for op in network.body.block.ops:
            if not isinstance(op, NeuronOp | DelayOp):
                continue
            if isinstance(op, NeuronOp) and not op.initial_states and op.node is None:
                continue  # an elementwise function that fusing made: nothing to name
            node = op.node.data if op.node is not None else None
            what = "delay" if isinstance(op, DelayOp) else "neuron"
            while node is None or node in self.node_of.values():
                node = f"{what}{counters[what]}"
                counters[what] += 1
                node = None if node in taken else node
            self.node_of[op] = node
            if isinstance(op, DelayOp):
                self.name_of[op, 0] = node
            else:
                for index, port in enumerate(op.state_ports):
                    self.name_of[op, index] = f"{node}.{port.name}"
        given = network.attributes.get("state_names")
        if isinstance(given, DictionaryAttr):
            renamed = {place.data: name for name, place in given.data.items()}  # type: ignore[attr-defined]
            self.name_of = {key: renamed.get(n, n) for key, n in self.name_of.items()}

    def is_delay(self, op: Operation) -> bool:
        return isinstance(op, DelayOp)

    def is_line(self, key: tuple[Operation, int]) -> bool:
        """Whether a state is a delay of one step: users know it without its axis of steps."""
        op, _ = key
        return isinstance(op, DelayOp) and op.depth == 1

    def shape_of(self, key: tuple[Operation, int]) -> tuple[int, ...]:
        """Without the batch: a neuron's population, a delay's [depth, *shape]."""
        op, _ = key
        if isinstance(op, DelayOp):
            return (op.depth, *shape_of(op.stream))
        assert isinstance(op, NeuronOp)
        return op.population


def _named(network: NetworkOp) -> Iterator[str]:
    for op in network.body.block.ops:
        if isinstance(op, NeuronOp | DelayOp) and op.node is not None:
            yield op.node.data
