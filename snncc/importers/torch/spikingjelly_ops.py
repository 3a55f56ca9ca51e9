"""
The neurons that SpikingJelly 2.0 registers as operators, step by step.

Each takes x of the shape [T, ...] and states of the shape [...], and expands to the
operations of one step, T times, in the order in which the library computes on a CPU. A
spike is [h - threshold >= 0]. A reset of None takes the threshold off, a value is put in
the place of the membrane. The surrogate (alpha, surrogate_id) changes no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

from snncc.errors import error
from snncc.importers.graph.graph import Graph, Value
from snncc.importers.torch.promotion import FLOAT, typed
from snncc.importers.torch.registry import Number, operator


class Steps:
    """Python's operators on the values of one graph; numbers become float32 constants."""

    def __init__(self, graph: Graph, value: Value):
        self.graph = graph
        self.value = value

    def _binary(self, op: str, left: Any, right: Any) -> Steps:
        values = [
            v.value if isinstance(v, Steps) else typed(self.graph, v, FLOAT) for v in (left, right)
        ]
        return Steps(self.graph, self.graph.binary(op, *values))

    def __add__(self, other: Any) -> Steps:
        return self._binary("add", self, other)

    def __radd__(self, other: Any) -> Steps:
        return self._binary("add", other, self)

    def __sub__(self, other: Any) -> Steps:
        return self._binary("sub", self, other)

    def __rsub__(self, other: Any) -> Steps:
        return self._binary("sub", other, self)

    def __mul__(self, other: Any) -> Steps:
        return self._binary("mul", self, other)

    def __rmul__(self, other: Any) -> Steps:
        return self._binary("mul", other, self)

    def __truediv__(self, other: Any) -> Steps:
        return self._binary("div", self, other)

    def compared(self, op: str, other: Any) -> Steps:
        return self._binary(op, self, other)

    def both(self, other: Any) -> Steps:
        return self._binary("and", self, other)

    def unary(self, op: str) -> Steps:
        return Steps(self.graph, self.graph.unary(op, self.value))

    def clamp(self, low: float, high: float) -> Steps:
        return self._binary("minimum", self._binary("maximum", self, low), high)

    def float(self) -> Steps:
        return Steps(self.graph, self.graph.cast(self.value, FLOAT))

    def detach(self) -> Steps:
        return Steps(self.graph, self.graph.detach(self.value))

    def spike(self, threshold: Any) -> Steps:
        return (self - threshold).compared("ge", 0.0).float()


def voltage(h: Steps, spike: Steps, threshold: Any, reset: Number | None, detach: bool) -> Steps:
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


def _results(
    graph: Graph, x: Value, states: Sequence[Value], step: Step, store: bool
) -> list[Value]:
    """(spikes, states, h), each stacked; of the states the last, where none are stored."""
    spikes, history, charged = run(graph, x, states, step)
    kept = [graph.stack(past, 0) if store else past[-1] for past in history]
    return [graph.stack(spikes, 0), *kept, graph.stack(charged, 0)]


@operator("sj_if.forward")
def if_(
    graph: Graph,
    x: Value,
    v: Value,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool = True,
    surrogate_id: int = 0,
) -> list[Value]:
    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + x
        spike = h.spike(threshold)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return _results(graph, x, [v], step, store_v_seq)


@operator("sj_lif.forward")
def lif(
    graph: Graph,
    x: Value,
    v: Value,
    tau: float,
    decay_input: bool,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool = True,
    surrogate_id: int = 0,
) -> list[Value]:
    rest = 0.0 if reset is None else reset

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x - (v - rest)) / tau if decay_input else v - (v - rest) / tau + x
        spike = h.spike(threshold)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return _results(graph, x, [v], step, store_v_seq)


@operator("sj_plif.forward")
def plif(
    graph: Graph,
    x: Value,
    v: Value,
    w: Value,
    decay_input: bool,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool = True,
    surrogate_id: int = 0,
) -> list[Value]:
    rest = 0.0 if reset is None else reset
    q = Steps(graph, graph.unary("sigmoid", graph.cast(w, FLOAT)))

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x - (v - rest)) * q if decay_input else v - (v - rest) * q + x
        spike = h.spike(threshold)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return _results(graph, x, [v], step, store_v_seq)


@operator("sj_qif.forward")
def qif(
    graph: Graph,
    x: Value,
    v: Value,
    tau: float,
    rest: float,
    critical: float,
    a0: float,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool,
    surrogate_id: int,
) -> list[Value | None]:
    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x + a0 * (v - rest) * (v - critical)) / tau
        spike = h.spike(threshold)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return [*_results(graph, x, [v], step, store_v_seq), None]


@operator("sj_eif.forward")
def eif(
    graph: Graph,
    x: Value,
    v: Value,
    tau: float,
    rest: float,
    theta: float,
    delta: float,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool,
    surrogate_id: int,
) -> list[Value | None]:
    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x + rest - v + delta * ((v - theta) / delta).unary("exp")) / tau
        spike = h.spike(threshold)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return [*_results(graph, x, [v], step, store_v_seq), None]


@operator("sj_izhikevich.forward")
def izhikevich(
    graph: Graph,
    x: Value,
    v: Value,
    w: Value,
    tau: float,
    rest: float,
    critical: float,
    a0: float,
    a: float,
    b: float,
    tau_w: float,
    threshold: float,
    reset: float | None,
    detach_reset: bool,
    alpha: float,
    store_v_seq: bool,
    surrogate_id: int,
) -> list[Value | None]:
    def step(x: Steps, v: Steps, w: Steps) -> tuple[Steps, ...]:
        h = v + (x + a0 * (v - rest) * (v - critical) - w) / tau
        spike = h.spike(threshold)
        recovery = w + (a * (h - rest) - w) / tau_w + b * spike
        return spike, voltage(h, spike, threshold, reset, detach_reset), recovery, h

    return [*_results(graph, x, [v, w], step, store_v_seq), None]


@operator("sj_ilif.forward")
def ilif(
    graph: Graph,
    x: Value,
    v: Value,
    tau: float,
    count: float,
    lower: float,
    upper: float,
    threshold: float,
    detach_reset: bool,
    store_v_seq: bool,
) -> list[Value]:
    """Up to `count` spikes at once; `lower` and `upper` bound the surrogate only."""

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = (1.0 - 1.0 / tau) * v + x
        spike = (h / threshold).clamp(0.0, count).unary("round")
        return spike, voltage(h, spike, threshold, None, detach_reset), h

    return _results(graph, x, [v], step, store_v_seq)


@operator("sj_stbif.forward")
def stbif(
    graph: Graph,
    x: Value,
    q: Value,
    acc_q: Value,
    q_threshold: Value,
    pos_max: Value,
    neg_min: Value,
) -> list[Value]:
    """Positive and negative spikes of `q_threshold`, within bounds of their sum."""
    scale, high, low = (
        Steps(graph, graph.cast(graph.reshape(value, ()), FLOAT))
        for value in (q_threshold, pos_max, neg_min)
    )

    def step(x: Steps, q: Steps, total: Steps) -> tuple[Steps, ...]:
        q = q + x / scale
        total = total.unary("round")
        up = q.compared("ge", 1.0).both(total.compared("lt", high)).float()
        down = q.compared("lt", 0.0).both(total.compared("gt", low)).float()
        current = up - down
        return current * scale, q - up + down, total + current, current

    outputs, (charges, totals), currents = run(graph, x, [q, acc_q], step)
    return [graph.stack(outputs, 0), charges[-1], totals[-1], currents[-1]]


@operator("sj_clif.forward")
def clif(
    graph: Graph,
    x: Value,
    v: Value,
    leak_v: Value,
    m: Value,
    tau: float,
    threshold: float,
    alpha: float,
    surrogate_id: int,
) -> list[Value]:
    """One step: all tensors have one shape. `leak_v` is v, or zeros where nothing leaks."""
    current, membrane, leak, memory = (Steps(graph, value) for value in (x, v, leak_v, m))
    h = membrane - leak / tau + current
    decayed = memory * (h / tau).unary("sigmoid")
    spike = h.spike(threshold)
    memory = decayed + spike
    after = h - spike * (threshold + memory.unary("sigmoid"))
    return [spike.value, after.value, memory.value, h.value]


@operator("sj_activation_aware_if.forward")
def activation_aware_if(
    graph: Graph,
    x: Value,
    v: Value,
    threshold: Value,
    offset: Value,
    channels: int,
    inner: int,
    reset: float | None,
    store_v_seq: bool,
) -> list[Value]:
    """A threshold and an offset for each channel: `inner` elements stand behind one."""

    def spread(value: Value) -> Steps:
        if prod(value.shape) == 1:
            return Steps(graph, graph.reshape(value, ()))
        lead = graph.reshape(value, (1, channels, 1))
        whole = graph.expand(lead, (prod(v.shape) // (channels * inner), channels, inner))
        return Steps(graph, graph.reshape(whole, v.shape))

    bound, moved = spread(threshold), spread(offset)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + x
        spike = (h + moved).compared("ge", bound).float()
        return spike, voltage(h, spike, bound, reset, False), h

    spikes, (voltages,), _ = run(graph, x, [v], step)
    kept = graph.stack(voltages, 0) if store_v_seq else voltages[-1]
    return [graph.stack(spikes, 0), kept]
