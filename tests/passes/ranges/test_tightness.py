"""
Bounds are met: a complete search of the states that inputs lead to reaches every proved end.

The search takes the values that a row of weights really gives. Where a coarse row leaves a gap,
the same neuron driven by every whole number between the row's ends has none: what is missing
are the sums, not the proof.
"""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.interpreters.scalars import ScalarFunctions, run_body
from snncc.passes.ranges import Interval, population_ranges
from snncc.passes.ranges.drives import Drive, Row
from snncc.passes.ranges.populations import PopulationRanges
from snncc.passes.ranges.reach import Extreme, Reached, reach
from tests.passes.ranges import bodies

THETA = 60
DENSE = np.array([1, 2, 4, 8, 13, 21, -1, -3, -9, -17])
"""Every whole number between the ends is a sum of some of these."""


def drive_of(weights: np.ndarray, low: int = 0, high: int = 1) -> Drive:
    count = len(weights)
    return Drive(Row(weights, np.arange(count), np.full(count, low), np.full(count, high), 0))


def proved(op: snn.NeuronOp, least: int, most: int, theta: int, cells: int = 0) -> PopulationRanges:
    def fixed(value: int) -> Interval:
        return Interval(np.array([value]), np.array([value]))

    states = [fixed(0) for _ in op.initial_states]
    x = Interval(np.array([least]), np.array([most]))
    return population_ranges(op, [x, *states, fixed(theta)], cells=cells)


def search(op: snn.NeuronOp, drives: np.ndarray, theta: int, states: int = 100_000) -> Reached:
    ports = bodies.arguments(op)
    fixed = {ports[port.name]: 0 for port in op.state_ports} | {ports["theta"]: theta}
    return reach(op, fixed, ports["x"], drives, most_states=states)


def watched(op: snn.NeuronOp) -> dict[str, SSAValue]:
    """The states, and the membrane before its reset."""
    return {
        **{port.name: port.argument for port in op.state_ports},
        "membrane": op.terminator.outputs[1],
    }


def gaps(ranges: PopulationRanges, found: Reached, value: SSAValue) -> tuple[int, int]:
    interval = ranges.values[value]
    low = found.low[value].value - int(interval.low[0])
    high = int(interval.high[0]) - found.high[value].value
    assert low >= 0, "the proof is wrong"
    assert high >= 0, "the proof is wrong"
    return low, high


def replay(op: snn.NeuronOp, extreme: Extreme, theta: int) -> dict[SSAValue, np.ndarray]:
    """The interpreter's values at the last step of the constructed sequence."""
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(ScalarFunctions())
    states = [np.zeros(1, np.int64) for _ in op.initial_states]
    got: dict[SSAValue, np.ndarray] = {}
    for drive in extreme.drives:
        arguments = (np.array([drive]), *states, np.array([theta]))
        got = run_body(interpreter, op.body.block, arguments)
        states = [got[value] for value in op.terminator.states]
    return got


def assert_met(op: snn.NeuronOp, drive: Drive, theta: int, within: int = 1) -> None:
    """Every watched end is reached within `within`, by inputs that the interpreter confirms."""
    ranges = proved(op, drive.least, drive.most, theta)
    assert not ranges.wraps
    found = search(op, drive.values, theta)
    for name, value in watched(op).items():
        low, high = gaps(ranges, found, value)
        assert max(low, high) <= within, (name, low, high)
        for extreme in (found.low[value], found.high[value]):
            assert replay(op, extreme, theta)[value][0] == extreme.value
            weights = drive.row.weights
            for number in extreme.drives:
                assert drive.input_for(number) @ weights == number


@pytest.mark.parametrize("comparison", ["gt", "ge"])
@pytest.mark.parametrize("reset", bodies.RESETS)
@pytest.mark.parametrize("decay", [name for name in bodies.DECAYS if name != "none"])
def test_lif(decay: str, reset: str, comparison: str) -> None:
    op = bodies.neuron(bodies.spiking(decay, reset, comparison))
    assert_met(op, drive_of(DENSE), THETA)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("decay", ["multiply", "decrement", "shift"])
def test_lif_that_resets_in_the_next_step(decay: str, reset: str) -> None:
    assert_met(bodies.neuron(bodies.next_step(decay, reset)), drive_of(DENSE), THETA)


@pytest.mark.parametrize("comparison", ["gt", "ge"])
@pytest.mark.parametrize("reset", bodies.RESETS)
def test_if_with_saturation(reset: str, comparison: str) -> None:
    op = bodies.neuron(bodies.spiking("none", reset, comparison, clamp=(-300, 200)))
    assert_met(op, drive_of(DENSE), THETA)


@pytest.mark.parametrize("value", [0, 11, -50])
def test_if_of_shifted_inputs(value: int) -> None:
    """Without a leak few numbers below the threshold are sums of shifted inputs."""

    def equations(b, x, v, theta):
        u = bodies.clamped(b, v + (x << 6), -3000, 3000)
        s = b.spike(u - theta)
        return [s, u], [b.select(s, b.constant(value, u.element), u)]

    assert_met(bodies.neuron(equations), drive_of(np.array([1, 2, 4, -1, -3])), 549, within=0)


def test_if_without_saturation_has_no_lower_bound() -> None:
    op = bodies.neuron(bodies.spiking("none", "zero"))
    ranges = proved(op, -30, 49, THETA)
    below, _ = ranges.unbounded[0]
    assert below.all()
    assert ranges.wraps


def test_if_with_inputs_that_only_excite_is_bounded() -> None:
    op = bodies.neuron(bodies.spiking("none", "subtract"))
    drive = drive_of(np.array([1, 2, 4, 8, 13, 21]))
    ranges = proved(op, drive.least, drive.most, THETA)
    assert not ranges.wraps
    assert_met(op, drive, THETA)


@pytest.mark.parametrize("decay", ["multiply", "decrement", "shift"])
def test_inputs_of_eight_bits(decay: str) -> None:
    op = bodies.neuron(bodies.spiking(decay, "subtract"))
    assert_met(op, drive_of(np.array([2, -1]), -128, 127), 300)


@pytest.mark.parametrize("reset", ["subtract", "select"])
@pytest.mark.parametrize(
    ("current", "membrane"), [("shift", "shift"), ("multiply", "decrement"), ("shift", "multiply")]
)
def test_cuba(current: str, membrane: str, reset: str) -> None:
    op = bodies.neuron(bodies.cuba(current, membrane, reset), states=("i", "v"))
    assert_met(op, drive_of(np.array([1, 2, 3, 5, -1, -2, -4])), THETA)


@pytest.mark.parametrize("theta", [60, 120, 300])
@pytest.mark.parametrize("membrane", ["shift", "multiply", "decrement"])
@pytest.mark.parametrize("current", ["shift", "multiply"])
def test_cuba_that_resets_to_a_value(current: str, membrane: str, theta: int) -> None:
    """
    The largest current never meets the largest membrane that did not fire: an interval for
    each state does not say so, the paths to such pairs do. At 300 the few steps behind a
    reset matter, in which the membrane runs through few values.
    """
    op = bodies.neuron(bodies.cuba(current, membrane, "zero"), states=("i", "v"))
    assert_met(op, drive_of(np.array([1, 2, 3, 5, -1, -2, -4])), theta)


@pytest.mark.parametrize("reset", bodies.RESETS)
@pytest.mark.parametrize("membrane", ["shift", "decrement"])
@pytest.mark.parametrize("weights", [(1, 2, 4, 8), (1, 2, 4, -1, -2), (1, 2, 3, -2, -4, -8)])
def test_cuba_that_is_driven_to_one_side(
    weights: tuple[int, ...], membrane: str, reset: str
) -> None:
    op = bodies.neuron(bodies.cuba("shift", membrane, reset), states=("i", "v"))
    assert_met(op, drive_of(np.array(weights)), 90)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("theta", [60, 300])
def test_cuba_that_resets_in_the_next_step(theta: int, reset: str) -> None:
    op = bodies.neuron(bodies.cuba_next("shift", "decrement", reset), states=("i", "v"))
    assert_met(op, drive_of(np.array([1, 2, 3, 5, -1, -2, -4])), theta)


def test_cells_tighten_what_paths_do_not() -> None:
    """A membrane that takes the current of the step before is of no form that paths know."""
    op = bodies.neuron(bodies.cuba_old("shift", "decrement", "zero"), states=("i", "v"))
    drive = drive_of(np.array([1, 2, 3, 5, -1, -2, -4]))
    found = search(op, drive.values, THETA)
    assert found.complete
    value = watched(op)["membrane"]
    loose = gaps(proved(op, drive.least, drive.most, THETA), found, value)[1]
    tight = gaps(proved(op, drive.least, drive.most, THETA, cells=256), found, value)[1]
    assert tight < loose


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("decay", ["multiply", "decrement", "shift"])
def test_a_gap_is_missing_sums(decay: str, seed: int) -> None:
    """Few and coarse weights: the bounds hold, and are met where every sum is there."""
    random = np.random.default_rng(seed)
    op = bodies.neuron(bodies.spiking(decay, "subtract"))
    drive = drive_of(bodies.drives(random, 3, 40))
    ranges = proved(op, drive.least, drive.most, THETA)
    coarse = search(op, drive.values, THETA)
    every = search(op, np.arange(drive.least, drive.most + 1), THETA)
    assert coarse.complete
    assert every.complete
    for value in watched(op).values():
        gaps(ranges, coarse, value)
        assert max(gaps(ranges, every, value)) <= 1


def test_slow_leaks_need_few_steps() -> None:
    """The fixpoint is found by guessing, not by thousands of rounds."""

    def equations(b, x, v, theta):
        u = v - bodies.scaled(b, v, 1, 12) + x
        s = b.spike(u - theta)
        return [s, u], [bodies.reset_subtract(b, u, s, theta)]

    ranges = proved(bodies.neuron(equations), -20, 20, 1000)
    assert ranges.steps < 60
    # the leak rounds to the nearest: at -k it gives k / 4096, and holds 20 from 4096 * 20.5 on
    assert int(ranges.states[0].low[0]) == pytest.approx(-4096 * 20, abs=4096)
