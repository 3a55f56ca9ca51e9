"""Loops: unrolled steps drawn at random are found and proved; what is no loop is not one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snncc.dialects.arrays import Array
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.reroll import Loop, Unrolled, reroll
from snncc.importers.graph.values import Value
from tests.importers.graph.evaluate import evaluate

F = np.float32
B, N = 2, 3

Step = Callable[[Graph, Value, Sequence[Value]], tuple[Value, list[Value]]]


def unrolled(step: Step, initial: Sequence[float], steps: int) -> Unrolled:
    """What an exporter writes: every step in turn, constants folded."""
    g = Graph()
    lanes = [g.input(f"x at {t}", (B, N)) for t in range(steps)]
    states = [g.constant(np.full((B, N), value, F)) for value in initial]
    outputs = []
    for x in lanes:
        y, states = step(g, x, states)
        outputs.append(y)
    return Unrolled(g, {"x": lanes}, {"y": outputs}, steps, constants=list(g.constants()))


def run_loop(loop: Loop, x: Array) -> Array:
    states = {
        state.before: np.broadcast_to(F(0) if state.initial is None else state.initial, (B, N))
        for state in loop.states
    }
    outputs = []
    for given_x in x:
        names = {loop.inputs["x"].name or "": given_x}
        names |= {before.name or "": np.ascontiguousarray(v) for before, v in states.items()}
        ends = [loop.outputs["y"], *(state.after for state in loop.states)]
        y, *after = evaluate(ends, names)
        outputs.append(y)
        states = dict(zip(states, after, strict=True))
    return np.stack(outputs)


def check(step: Step, initial: Sequence[float], steps: int) -> Loop:
    u = unrolled(step, initial, steps)
    x = np.random.default_rng(0).normal(0.5, 1, (steps, B, N)).astype(F)
    names = {f"x at {t}": x[t] for t in range(steps)}
    wanted = np.stack(evaluate(list(u.outputs["y"]), names))
    loop = reroll(u)
    assert loop is not None
    np.testing.assert_array_equal(run_loop(loop, x), wanted)
    return loop


def c(g: Graph, value: float) -> Value:
    return g.constant(F(value))


def lif(g: Graph, x: Value, v: Value, decay: float, threshold: float) -> tuple[Value, Value]:
    u = g.binary("add", g.binary("mul", c(g, decay), v), x)
    s = g.cast(g.binary("gt", g.binary("sub", u, c(g, threshold)), c(g, 0)), F)
    return s, g.binary("sub", u, g.binary("mul", s, c(g, threshold)))


def test_one_neuron() -> None:
    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        s, v = lif(g, x, states[0], 0.9, 1.0)
        return s, [v]

    loop = check(step, [0.0], 6)
    assert len(loop.states) == 1


def test_an_initial_state_that_is_not_zero() -> None:
    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        s, v = lif(g, x, states[0], 0.5, 1.0)
        return s, [v]

    loop = check(step, [0.75], 5)
    (state,) = loop.states
    assert state.initial is not None
    assert float(state.initial) == 0.75


def test_layers_with_weights_between() -> None:
    weight = np.random.default_rng(0).normal(size=(N, N)).astype(F)

    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        w = g.constant(weight, "fc.weight")
        s, v = lif(g, x, states[0], 0.9, 0.5)
        y, u = lif(g, g.linear(s, w), states[1], 0.8, 0.5)
        return y, [v, u]

    assert len(check(step, [0.0, 0.0], 5).states) == 2


def test_recurrence_carries_the_spikes() -> None:
    weight = np.random.default_rng(0).normal(size=(N, N)).astype(F)

    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        w = g.constant(weight, "rec.weight")
        current = g.binary("add", x, g.linear(states[1], w))
        s, v = lif(g, current, states[0], 0.9, 0.5)
        return s, [v, s]

    assert len(check(step, [0.0, 0.0], 6).states) == 2


def test_a_delay_line() -> None:
    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        s, v = lif(g, states[1], states[2], 0.9, 0.5)
        return s, [x, states[0], v]

    check(step, [0.0, 0.0, 0.0], 7)


def test_what_changes_on_the_way_is_no_loop() -> None:
    """One step has another constant: the sixth of eight."""
    count = [0]

    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        count[0] += 1
        s, v = lif(g, x, states[0], 0.9 if count[0] != 6 else 0.8, 1.0)
        return s, [v]

    assert reroll(unrolled(step, [0.0], 8)) is None


def test_steps_that_look_ahead_are_no_loop() -> None:
    g = Graph()
    lanes = [g.input(f"x at {t}", (B, N)) for t in range(4)]
    outputs = [g.binary("add", lanes[t], lanes[(t + 1) % 4]) for t in range(4)]
    assert reroll(Unrolled(g, {"x": lanes}, {"y": outputs}, 4)) is None


@st.composite
def steps_of_arithmetic(draw: st.DrawFn) -> tuple[list[tuple[str, int, int]], int]:
    """Operations on a growing list of values that starts with x and the states."""
    states = draw(st.integers(1, 3))
    count = draw(st.integers(states + 1, 8))
    operations = []
    for index in range(count):
        op = draw(st.sampled_from(["add", "sub", "mul", "maximum", "decay", "spike"]))
        last = states + index
        operations.append((op, draw(st.integers(0, last)), draw(st.integers(0, last))))
    return operations, states


@settings(max_examples=60)
@given(steps_of_arithmetic())
def test_random_arithmetic(drawn: tuple[list[tuple[str, int, int]], int]) -> None:
    """Any arithmetic: where a loop is found it is the unrolled graph, bit for bit."""
    operations, count = drawn

    def step(g: Graph, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
        values = [x, *states]
        for op, a, b in operations:
            if op == "decay":
                values.append(g.binary("mul", values[a], c(g, 0.5)))
            elif op == "spike":
                values.append(g.cast(g.binary("gt", values[a], values[b]), F))
            else:
                values.append(g.binary(op, values[a], values[b]))
        y = g.binary("add", values[-1], g.binary("mul", c(g, 0.25), x))
        return y, values[-1 - count : -1]

    u = unrolled(step, [0.0] * count, 6)
    loop = reroll(u)
    if loop is None:
        return
    x = np.random.default_rng(1).normal(0, 1, (6, B, N)).astype(F)
    with np.errstate(all="ignore"):
        wanted = np.stack(evaluate(list(u.outputs["y"]), {f"x at {t}": x[t] for t in range(6)}))
        np.testing.assert_array_equal(run_loop(loop, x), wanted)
