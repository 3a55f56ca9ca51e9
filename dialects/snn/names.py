"""The names by which users know a network's nodes and states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.ir import Operation

from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.network import NetworkOp
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.types import KNOWN_AS, known_as, shape_of

FINAL = "final"
"""Where the states after the last step stand among the results of a run."""


class StateNames:
    """
    The names of a network's nodes and states: `lif1`, its second output `lif1.out1`, its
    state `lif1.v`, and the delay `axon`.

    A neuron or delay without a node is named by its place: `neuron0`, `delay0`. Where a
    model has names of its own for states, the network's `state_names` gives them. No two
    names are equal: beside a node `lif1.v`, that state is `lif1.v_1`. What runs beside
    outputs in a trace does not take their names either, unless it is what they put out.

    Names depend on all operations that are there, so a pipeline first writes them on the
    operations (`record`); from then on they are these, whatever is left out.
    """

    def __init__(self, network: NetworkOp):
        self.node_of: dict[Operation, str] = {}
        self.name_of: dict[tuple[Operation, int], str] = {}
        """(operation, index of the state) -> name."""
        self.outputs_of: dict[Operation, tuple[str, ...]] = {}
        """The names of a neuron's outputs; the first is the node's."""
        self._taken = {FINAL}
        self._outputs = network.outputs
        named = [op for op in network.body.block.ops if isinstance(op, NeuronOp | DelayOp)]
        recorded = {op: names for op in named if (names := known_as(op, _count(op))) is not None}
        for op, names in recorded.items():
            self._set(op, [self._free(name) for name in names])
        # what stands beside recorded names and has no state was made by a pass
        fresh = [
            op
            for op in named
            if op not in recorded and (_states(op) or (op.node is not None and not recorded))
        ]
        self._name(fresh, _given_names(network))

    def _name(self, ops: Sequence[NeuronOp | DelayOp], given: dict[str, str]) -> None:
        """Names of nodes first: what is derived from them gives way."""
        self._taken.update(name for place, name in given.items() if place != name)
        nodes: dict[Operation, str] = {}
        for op in ops:
            if op.node is not None:
                nodes[op] = self._free(op.node.data, op, 0)
        counters = {"neuron": 0, "delay": 0}
        for op in ops:
            what = "delay" if isinstance(op, DelayOp) else "neuron"
            while op not in nodes:
                name = f"{what}{counters[what]}"
                counters[what] += 1
                if self._is_free(name, op, 0):
                    nodes[op] = self._free(name, op, 0)
        for op in ops:
            node = nodes[op]
            place = node if op.node is None else op.node.data
            if isinstance(op, DelayOp):
                self._set(op, [given.pop(place, node)])
                continue
            names = [node]
            for index in range(1, len(op.outputs)):
                names.append(self._free(f"{node}.out{index}", op, index))
            for port in op.state_ports:
                own = given.pop(f"{place}.{port.name}", None)
                names.append(self._free(f"{node}.{port.name}", op) if own is None else own)
            self._set(op, names)

    def _set(self, op: NeuronOp | DelayOp, names: Sequence[str]) -> None:
        outputs = 0 if isinstance(op, DelayOp) else len(op.outputs)
        self.node_of[op] = names[0]
        self.outputs_of[op] = tuple(names[:outputs])
        for index, name in enumerate(names[outputs:]):
            self.name_of[op, index] = name

    def _is_free(self, name: str, op: Operation | None = None, output: int | None = None) -> bool:
        """Whether an output of a neuron, one of its states, or a delay may have a name."""
        if name in self._taken:
            return False
        if not isinstance(op, NeuronOp) or name not in self._outputs:
            return True
        return output is not None and self._outputs[name] is op.outputs[output]

    def _free(self, name: str, op: Operation | None = None, output: int | None = None) -> str:
        candidate, number = name, 0
        while not self._is_free(candidate, op, output):
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    def record(self) -> None:
        """Writes the names on the operations, for passes to keep."""
        for op in self.node_of:
            states = [self.name_of[op, index] for index in range(_states(op))]
            op.attributes[KNOWN_AS] = ArrayAttr(
                [StringAttr(name) for name in (*self.outputs_of[op], *states)]
            )

    @property
    def known(self) -> Iterator[str]:
        """All names."""
        yield from self.node_of.values()
        for names in self.outputs_of.values():
            yield from names
        yield from self.name_of.values()

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


def _states(op: Operation) -> int:
    return len(op.initial_states) if isinstance(op, NeuronOp) else 1


def _count(op: NeuronOp | DelayOp) -> int:
    """How many names an operation has: those of its outputs, then those of its states."""
    return _states(op) + (len(op.outputs) if isinstance(op, NeuronOp) else 0)


def _given_names(network: NetworkOp) -> dict[str, str]:
    """The place of a state (`node.port`, or a delay's node) -> the model's own name."""
    given = network.attributes.get("state_names")
    if not isinstance(given, DictionaryAttr):
        return {}
    return {place.data: name for name, place in given.data.items() if isinstance(place, StringAttr)}
