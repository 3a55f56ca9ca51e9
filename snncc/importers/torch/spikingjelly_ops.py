"""
The neurons that SpikingJelly 2.0 registers as operators, step by step.

Each takes x of the shape [T, ...] and states of the shape [...], and expands to the
operations of one step, T times, in the order in which the library computes on a CPU. A
spike is [h - threshold >= 0]. A reset of None takes the threshold off, a value is put in
the place of the membrane. The surrogate (alpha,
surrogate_id) changes no value; it is kept for the backward program.
"""

from __future__ import annotations

from math import prod

from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.promotion import FLOAT
from snncc.importers.torch.registry import operator
from snncc.importers.torch.stepwise import Steps, run, sequences, voltage
from snncc.importers.torch.surrogate_names import multi_level_surrogate, spikingjelly_surrogate


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
    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + x
        spike = h.spike(threshold, surrogate)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return sequences(graph, x, [v], step, store_v_seq)


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

    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x - (v - rest)) / tau if decay_input else v - (v - rest) / tau + x
        spike = h.spike(threshold, surrogate)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return sequences(graph, x, [v], step, store_v_seq)


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

    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x - (v - rest)) * q if decay_input else v - (v - rest) * q + x
        spike = h.spike(threshold, surrogate)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return sequences(graph, x, [v], step, store_v_seq)


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
    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x + a0 * (v - rest) * (v - critical)) / tau
        spike = h.spike(threshold, surrogate)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return [*sequences(graph, x, [v], step, store_v_seq), None]


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
    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps) -> tuple[Steps, ...]:
        h = v + (x + rest - v + delta * ((v - theta) / delta).unary("exp")) / tau
        spike = h.spike(threshold, surrogate)
        return spike, voltage(h, spike, threshold, reset, detach_reset), h

    return [*sequences(graph, x, [v], step, store_v_seq), None]


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
    surrogate = spikingjelly_surrogate(alpha, surrogate_id)

    def step(x: Steps, v: Steps, w: Steps) -> tuple[Steps, ...]:
        h = v + (x + a0 * (v - rest) * (v - critical) - w) / tau
        spike = h.spike(threshold, surrogate)
        recovery = w + (a * (h - rest) - w) / tau_w + b * spike
        return spike, voltage(h, spike, threshold, reset, detach_reset), recovery, h

    return [*sequences(graph, x, [v, w], step, store_v_seq), None]


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
        q = h / threshold
        whole = q.clamp(0.0, count).unary("round")
        spike = whole.counted(count, q, multi_level_surrogate(count, lower, upper))
        return spike, voltage(h, spike, threshold, None, detach_reset), h

    return sequences(graph, x, [v], step, store_v_seq)


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
        up = q.compared("ge", 1.0).both(total.compared("lt", high)).as_float()
        down = q.compared("lt", 0.0).both(total.compared("gt", low)).as_float()
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
    spike = h.spike(threshold, spikingjelly_surrogate(alpha, surrogate_id))
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
        spike = (h + moved).compared("ge", bound).as_float()
        return spike, voltage(h, spike, bound, reset, False), h

    spikes, (voltages,), _ = run(graph, x, [v], step)
    kept = graph.stack(voltages, 0) if store_v_seq else voltages[-1]
    return [graph.stack(spikes, 0), kept]
