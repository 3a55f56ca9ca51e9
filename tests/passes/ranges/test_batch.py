"""The cases of all elements at once: chunks, minima that take no cases, repeated steps."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import arith

from snncc.passes.ranges import bodies as analysis
from snncc.passes.ranges.bodies import Repeated, Straight, body_ranges
from snncc.passes.ranges.intervals import Interval
from tests.passes.ranges import bodies

RANDOM = np.random.default_rng(3)


def clamps(b, x, v, theta):
    """A clamp as two comparisons and selects, and a spike."""
    high, low = b.constant(50, x.element), b.constant(-50, x.element)
    below = b.insert(arith.CmpiOp(x.value, high.value, "slt"))
    least = b.select(below, x, high)
    above = b.insert(arith.CmpiOp(least.value, low.value, "sgt"))
    u = v + b.select(above, least, low)
    s = b.spike(u - theta)
    return [s, u], [bodies.reset_zero(b, u, s, theta)]


def intervals(op, count: int) -> dict:
    ports = bodies.arguments(op)
    low = RANDOM.integers(-200, 100, count)
    x = Interval(low, low + RANDOM.integers(0, 200, count))
    v = Interval(np.full(count, -40), np.full(count, 60))
    return {ports["x"]: x, ports["v"]: v, ports["theta"]: Interval(*[np.array([60])] * 2)}


def test_a_clamp_written_as_comparisons_takes_no_cases() -> None:
    op = bodies.neuron(clamps)
    straight = Straight(op.body.block)
    assert len(straight.conditions) == 1
    found = body_ranges(straight, intervals(op, 20))
    membrane = found.values[op.terminator.outputs[1]]
    assert found.cases == 2
    assert membrane.least >= -90
    assert membrane.most <= 110
    # what did not fire is at most theta
    assert found.values[op.terminator.states[0]].most <= 60


@pytest.mark.parametrize("chunk", [1, 7])
def test_chunks_are_the_whole(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    op = bodies.neuron(bodies.spiking("multiply", "subtract"), population=(20,))
    straight, arguments = Straight(op.body.block), intervals(op, 20)
    whole = body_ranges(straight, arguments)
    monkeypatch.setattr(analysis, "CHUNK", chunk)
    parts = body_ranges(straight, arguments)
    for value, known in whole.values.items():
        part = parts.values[value]
        assert (part.low == known.low).all()
        assert (part.high == known.high).all()
    assert (parts.possible == whole.possible).all()


def test_repeated_steps_are_those_of_the_body() -> None:
    op = bodies.neuron(bodies.spiking("decrement", "select"), population=(20,))
    state = bodies.arguments(op)["v"]
    target = op.terminator.states[0]
    straight, arguments = Straight(op.body.block, [target]), intervals(op, 20)
    repeated = Repeated(straight, arguments, [target])
    tries = [Interval(np.full(20, -40 - way), np.full(20, 60 + way)) for way in (0, 10, 100)]
    together = Interval(
        np.concatenate([x.low for x in tries]), np.concatenate([x.high for x in tries])
    )
    copied = repeated.run({state: together}, copies=3)[target]
    for index, x in enumerate(tries):
        expected = body_ranges(straight, {**arguments, state: x}).values[target]
        for _ in range(2):
            alone = repeated.run({state: x})[target]
            assert (alone.low == expected.low).all()
            assert (alone.high == expected.high).all()
        assert (copied.low[20 * index : 20 * index + 20] == expected.low).all()
        assert (copied.high[20 * index : 20 * index + 20] == expected.high).all()
