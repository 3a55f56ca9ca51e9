"""
Pairs of states that no path leads to are left out, and no others: everything that a complete
search of random CuBa neurons reaches lies in the proved ranges.
"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snncc.dialects.snn.body import Body, Scalar
from snncc.passes.ranges import Interval, population_ranges
from snncc.passes.ranges.reach import reach
from tests.passes.ranges import bodies


def point(value: int) -> Interval:
    return Interval(np.array([value]), np.array([value]))


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_what_is_reached_is_inside(data: st.DataObject) -> None:
    def number(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    decays = [number(0, 256), number(0, 256)]
    gain, reset, leak = number(-2, 3), number(-40, 60), number(-3, 3)
    timing = data.draw(st.sampled_from(["same", "next"]))
    how = data.draw(st.sampled_from(["value", "subtract", "lost"]))
    comparison = data.draw(st.sampled_from(["gt", "ge"]))
    held = data.draw(st.booleans())
    coarse = data.draw(st.sampled_from([1, 1, 5, 16, 64]))

    def equations(
        b: Body, x: Scalar, i: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        value = b.constant(reset, v.element)
        current = bodies.scaled(b, i, decays[0], 8) + x * coarse
        before, fired = v, b.spike(v - theta, comparison)
        if timing == "next" and how == "value":
            before = b.select(fired, value, v)
        u = before - bodies.scaled(b, before, decays[1], 8) + current * gain + leak
        if timing == "next" and how == "subtract":
            u = u - bodies.wide(b, fired) * theta
        if timing == "next" and how == "lost":
            u = b.select(fired, value, u)
        if held:
            u = bodies.clamped(b, u, -150 * coarse, 400 * coarse)
        s = b.spike(u - theta, comparison)
        after = u
        if timing == "same":
            after = u - bodies.wide(b, s) * theta if how == "subtract" else b.select(s, value, u)
        return [s, u], [current, after]

    op = bodies.neuron(equations, states=("i", "v"))
    ports = bodies.arguments(op)
    weights = [number(-9, 9) for _ in range(number(1, 4))]
    sums = {0}
    for weight in weights:
        sums |= {s + weight for s in sums}
    drives = np.array(sorted(sums))
    theta, first = number(1, 120) * number(1, coarse), [number(-20, 20), number(-20, 20)]
    inputs = Interval(drives[:1], drives[-1:])
    ranges = population_ranges(op, [inputs, point(first[0]), point(first[1]), point(theta)])
    if ranges.wraps:
        return
    fixed = {ports["i"]: first[0], ports["v"]: first[1], ports["theta"]: theta}
    found = reach(op, fixed, ports["x"], drives, most_states=6_000)
    for value, extreme in found.low.items():
        interval = ranges.values[value]
        assert interval.low[0] <= extreme.value, value.owner
        assert found.high[value].value <= interval.high[0], value.owner
