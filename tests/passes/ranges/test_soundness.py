"""Whatever a body does within its declared inputs lies in what was proved of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.types import is_float
from snncc.interpreters.scalars import ScalarFunctions, run_body
from snncc.passes.ranges import Interval, population_ranges
from snncc.passes.ranges.bodies import Straight, evaluate
from snncc.passes.ranges.intervals import read_signed, type_limits
from snncc.passes.ranges.populations import PopulationRanges
from tests.passes.ranges import bodies
from tests.passes.ranges.random_bodies import Draw, arrays

STEPS, SAMPLES, POPULATION = 12, 24, 4


def proved(op: snn.NeuronOp, inputs, values, cells: int = 0) -> PopulationRanges:
    operands = [Interval(*inputs[port.name]) for port in op.input_ports]
    operands += [
        Interval(values[port.name], values[port.name])
        for port in (*op.state_ports, *op.parameter_ports)
    ]
    return population_ranges(op, operands, cells=cells)


def check(op: snn.NeuronOp, ranges: PopulationRanges, inputs, values, random) -> None:
    """Runs the body in the interpreter from the initial states, with inputs of both kinds."""
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(ScalarFunctions())
    shape = (SAMPLES, POPULATION)
    states = [np.broadcast_to(values[port.name], shape) for port in op.state_ports]
    parameters = [values[port.name] for port in op.parameter_ports]
    for _ in range(STEPS):
        xs = []
        for port in op.input_ports:
            low, high = inputs[port.name]
            x = random.integers(low, high + 1, shape)
            x = np.where(random.random(shape) < 0.3, low, x)
            xs.append(np.where(random.random(shape) < 0.4, high, x))
        got = run_body(interpreter, op.body.block, (*xs, *states, *parameters))
        for value, array in got.items():
            assert_inside(ranges, value, np.broadcast_to(array, shape))
        states = [np.broadcast_to(got[value], shape) for value in op.terminator.states]


def assert_inside(ranges: PopulationRanges, value: SSAValue, array: np.ndarray) -> None:
    interval = read_signed(ranges.values[value], value.type)
    if is_float(value.type):
        slack = 1e-6 * (1 + np.abs(array))
        interval = Interval(interval.low - slack, interval.high + slack)
    inside = interval.contains(array)
    assert inside.all(), f"{value.owner}: {array[~inside]} outside of {interval} in\n{ranges.op}"


def drawn(data: st.DataObject, floats: bool = False) -> Draw:
    return Draw(
        lambda low, high: data.draw(st.integers(low, high)),
        lambda names: data.draw(st.sampled_from(names)),
        floats,
    )


quiet = settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a body's text tells enough
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("floats", [False, True])
@quiet
@given(data=st.data())
def test_every_value_lies_in_its_interval(data: st.DataObject, floats: bool) -> None:
    draw = drawn(data, floats)
    op = draw.neuron(draw.integer(0, 2), POPULATION, draw.integer(3, 16))
    op.verify()
    random = np.random.default_rng(draw.integer(0, 2**32 - 1))
    inputs, values = arrays(random, op, POPULATION)
    with np.errstate(all="ignore"):
        check(op, proved(op, inputs, values), inputs, values, random)


@settings(quiet, max_examples=12)
@given(data=st.data())
def test_cells_are_sound(data: st.DataObject) -> None:
    """Two states, of which one does not depend on the other: all the kinds of CuBa bodies."""
    names = list(bodies.DECAYS)
    current, membrane, reset = (
        data.draw(st.sampled_from(choices)) for choices in (names, names, list(bodies.RESETS))
    )
    comparison = data.draw(st.sampled_from(["gt", "ge"]))
    equations = bodies.cuba(current, membrane, reset, comparison)
    op = bodies.neuron(equations, states=("i", "v"), population=(POPULATION,))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    inputs, values = arrays(random, op, POPULATION)
    values["i"], values["v"] = values["i"][:1], values["v"][:1]
    values["theta"] = random.integers(1, 200, 1)
    ranges = proved(op, inputs, values, cells=data.draw(st.integers(1, 40)))
    check(op, ranges, inputs, values, random)


@quiet
@given(data=st.data())
def test_cells_of_any_body_are_sound(data: st.DataObject) -> None:
    draw = drawn(data)
    op = draw.neuron(2, POPULATION, draw.integer(3, 12))
    random = np.random.default_rng(draw.integer(0, 2**32 - 1))
    inputs, values = arrays(random, op, POPULATION)
    with np.errstate(all="ignore"):
        ranges = proved(op, inputs, values, cells=draw.integer(1, 9))
        check(op, ranges, inputs, values, random)


def shifted_logically(
    following: Callable[[Body, Scalar, Scalar], list[Scalar]],
) -> snn.NeuronOp:
    """States of which one is next what a logical shift gives: kept as an unsigned number."""

    def equations(b: Body, x: Scalar, a: Scalar, c: Scalar) -> tuple[list[Scalar], list[Scalar]]:
        return [a + x], following(b, a, c)

    return bodies.neuron(equations, states=("a", "c"), parameters=(), population=(POPULATION,))


def logical(b: Body, a: Scalar, amount: int) -> Scalar:
    return b.insert(arith.ShRUIOp(a.value, b.constant(amount, a.element).value))


@pytest.mark.parametrize("cells", [0, 1, 5])
@pytest.mark.parametrize(
    "following",
    [
        lambda b, a, c: [c, logical(b, c, 0)],  # the cells of c were thought not to be reached
        lambda b, a, c: [c, bodies.clamped(b, logical(b, c, 0), -5, 50)],
        lambda b, a, c: [logical(b, bodies.clamped(b, a, -30, 30), 0), a + c],
        lambda b, a, c: [a, logical(b, bodies.clamped(b, a + c, -30, 30), 0)],
    ],
)
def test_states_behind_logical_shifts(following, cells: int) -> None:
    op = shifted_logically(following)
    random = np.random.default_rng(1)
    inputs = {"x": (np.full(POPULATION, -3), np.full(POPULATION, 4))}
    values = {"a": np.array([-4, 34, -25, 0]), "c": np.array([6, -5, -1, -4])}
    check(op, proved(op, inputs, values, cells=cells), inputs, values, random)


@quiet
@given(data=st.data())
def test_findings_say_what_leaves_the_type(data: st.DataObject) -> None:
    """A wrap has elements, and a range that its type does not hold."""
    draw = drawn(data)
    op = draw.neuron(draw.integer(0, 2), POPULATION, draw.integer(3, 12))
    random = np.random.default_rng(draw.integer(0, 2**32 - 1))
    inputs, values = arrays(random, op, POPULATION)
    ranges = proved(op, inputs, values)
    for place, finding in ranges.wraps.items():
        assert finding.elements.any(), place
        least, most = type_limits(place.results[0].type)
        assert finding.low < least or finding.high > most, place


@quiet
@given(data=st.data())
def test_points_are_the_interpreter(data: st.DataObject) -> None:
    """At single points the analysis computes what the interpreter does."""
    draw = drawn(data)
    op = draw.neuron(1, POPULATION, draw.integer(3, 16))
    random = np.random.default_rng(draw.integer(0, 2**32 - 1))
    inputs, values = arrays(random, op, POPULATION)
    given = {name: low for name, (low, _) in inputs.items()} | values
    ports = (*op.input_ports, *op.state_ports, *op.parameter_ports)
    got = evaluate(Straight(op.body.block), {p.argument: given[p.name] for p in ports})
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(ScalarFunctions())
    expected = run_body(interpreter, op.body.block, tuple(given[p.name] for p in ports))
    for value, array in got.items():
        read = read_signed(Interval(array, array), value.type).low
        assert np.array_equal(
            np.broadcast_to(read, POPULATION), np.broadcast_to(expected[value], POPULATION)
        ), value.owner
