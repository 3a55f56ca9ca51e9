"""Arithmetic on the values of a graph, and neurons that are run step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.importers.graph.bodies import MAX_COUNT
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.promotion import FLOAT, typed

COST = 8192
"""What one step counts against the limit of work."""

Operand: TypeAlias = "Steps | float"


class Steps:
    """Python's operators on the values of one graph; numbers become float32 constants."""

    def __init__(self, graph: Graph, value: Value):
        self.graph = graph
        self.value = value

    def _binary(self, op: str, left: Operand, right: Operand) -> Steps:
        values = [
            v.value if isinstance(v, Steps) else typed(self.graph, v, FLOAT) for v in (left, right)
        ]
        return Steps(self.graph, self.graph.binary(op, *values))

    def __add__(self, other: Operand) -> Steps:
        return self._binary("add", self, other)

    def __radd__(self, other: Operand) -> Steps:
        return self._binary("add", other, self)

    def __sub__(self, other: Operand) -> Steps:
        return self._binary("sub", self, other)

    def __rsub__(self, other: Operand) -> Steps:
        return self._binary("sub", other, self)

    def __mul__(self, other: Operand) -> Steps:
        return self._binary("mul", self, other)

    def __rmul__(self, other: Operand) -> Steps:
        return self._binary("mul", other, self)

    def __truediv__(self, other: Operand) -> Steps:
        return self._binary("div", self, other)

    def compared(self, op: str, other: Operand) -> Steps:
        return self._binary(op, self, other)

    def both(self, other: Operand) -> Steps:
        return self._binary("and", self, other)

    def unary(self, op: str) -> Steps:
        return Steps(self.graph, self.graph.unary(op, self.value))

    def clamp(self, low: float, high: float) -> Steps:
        return self._binary("minimum", self._binary("maximum", self, low), high)

    def as_float(self) -> Steps:
        return Steps(self.graph, self.graph.cast(self.value, FLOAT))

    def detach(self) -> Steps:
        return Steps(self.graph, self.graph.detach(self.value))

    def spike(self, threshold: Operand, surrogate: SurrogateAttr | None = None) -> Steps:
        u = self - threshold
        spike = self.graph.spike(u.value, comparison="ge", surrogate=surrogate)
        return Steps(self.graph, spike).as_float()

    def counted(self, most: float, of: Steps, surrogate: SurrogateAttr) -> Steps:
        """Whole numbers from 0 to `most` as a count of spikes."""
        if most % 1 or not 1 <= most <= MAX_COUNT:
            return self
        count = self.graph.spike_count(self.value, of.value, maximum=int(most), surrogate=surrogate)
        return Steps(self.graph, count)


def voltage(h: Steps, spike: Steps, threshold: Operand, reset: float | None, detach: bool) -> Steps:
    """The membrane after the reset."""
    taken = spike.detach() if detach else spike
    if reset is None:
        return h - taken * threshold
    return taken * reset + (1.0 - taken) * h


Step: TypeAlias = Callable[..., "tuple[Steps, ...]"]


def run(
    graph: Graph, x: Value, states: Sequence[Value], step: Step
) -> tuple[list[Value], list[list[Value]], list[Value]]:
    """
    The outputs, every state after each step and the charged membranes. `step` gives
    (spike, states..., h) of (x, states...).
    """
    if not x.shape or any(value.dtype != FLOAT for value in (x, *states)):
        raise error("SNC-I014", f"a neuron of {x!r}: float32 of the shape [T, ...] is expected")
    if any(state.shape != x.shape[1:] for state in states):
        shapes = [list(state.shape) for state in states]
        raise error("SNC-I014", f"a neuron of {x!r} with states of {shapes}")
    graph.charge(COST * x.shape[0])
    carried = [Steps(graph, state) for state in states]
    spikes: list[Value] = []
    history: list[list[Value]] = [[] for _ in states]
    charged: list[Value] = []
    for t in range(x.shape[0]):
        spike, *rest = step(Steps(graph, graph.select(x, 0, t)), *carried)
        carried, h = rest[:-1], rest[-1]
        spikes.append(spike.value)
        for past, state in zip(history, carried, strict=True):
            past.append(state.value)
        charged.append(h.value)
    return spikes, history, charged


def sequences(
    graph: Graph, x: Value, states: Sequence[Value], step: Step, store: bool
) -> list[Value]:
    """(spikes, states, h), each stacked; of the states the last, where none are stored."""
    spikes, history, charged = run(graph, x, states, step)
    kept = [graph.stack(past, 0) if store else past[-1] for past in history]
    return [graph.stack(spikes, 0), *kept, graph.stack(charged, 0)]
