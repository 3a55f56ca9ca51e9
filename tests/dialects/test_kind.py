"""Kinds are found from what a body computes, not from how it is written."""

from collections.abc import Callable
from typing import Any

import pytest
from xdsl.dialects import math
from xdsl.dialects.builtin import TensorType, f32
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.dialects.snn.kind import CUSTOM, KINDS, Kind, kind_of
from snncc.dialects.snn.neuron import NeuronOp

Case = tuple[Callable[..., Any], Kind]

INPUTS = ("x", "x2")
STATES = ("v", "i", "w", "age")
PARAMETERS = ("alpha", "beta", "theta", "rest", "gain", "tau", "low")


def neuron(equations: Callable[..., Any]) -> NeuronOp:
    """A population of two whose body is `equations`; the names of its arguments are ports."""
    code = equations.__code__
    names = code.co_varnames[1 : code.co_argcount]
    assert {*names} <= {*INPUTS, *STATES, *PARAMETERS}
    ports = {name: create_ssa_value(TensorType(f32, [2])) for name in names}
    built = build_neuron(
        equations,
        inputs={name: ports[name] for name in names if name in INPUTS},
        states={name: ports[name] for name in names if name in STATES},
        parameters={name: ports[name] for name in names if name in PARAMETERS},
        population=(2,),
        float_type=f32,
    )
    built.verify()
    return built


def found(equations: Callable[..., Any]) -> Kind:
    """The kind of a body; its name stands in the hint, where it has one."""
    built = neuron(equations)
    kind = kind_of(built)
    hint = None if built.kind is None else built.kind.data
    assert hint == (None if kind.name == CUSTOM else kind.name)
    return kind


def name_of(equations: Callable[..., Any]) -> str:
    return equations.__name__


def each(cases: list[Case]) -> dict[str, Any]:
    """Arguments of `parametrize`: each case is known by the name of its equations."""
    return {
        "argnames": ("equations", "kind"),
        "argvalues": cases,
        "ids": [name_of(equations) for equations, _ in cases],
    }


# bodies without a state


def threshold(b: Body, x: Scalar, theta: Scalar):
    return [b.spike(x - theta)], []


def threshold_of_a_weighted_input(b: Body, x: Scalar, x2: Scalar, gain: Scalar, theta: Scalar):
    return [b.spike(-theta + (x2 + gain * x), "ge")], []


def scale(b: Body, x: Scalar, gain: Scalar):
    return [gain * x], []


def product(b: Body, x: Scalar, x2: Scalar):
    return [x * x2], []


# integrators: the output is the membrane


def integrator(b: Body, x: Scalar, v: Scalar):
    u = v + x
    return [u], [u]


def weighted_integrator(b: Body, x: Scalar, x2: Scalar, v: Scalar, gain: Scalar, rest: Scalar):
    u = (gain * x + rest) + (v - x2)
    return [u], [u]


def leaky_integrator(b: Body, x: Scalar, v: Scalar, beta: Scalar):
    u = beta * v + x
    return [u], [u]


def leaky_integrator_by_tau(b: Body, x: Scalar, v: Scalar, tau: Scalar, rest: Scalar):
    u = v + ((rest - v) + x) / tau
    return [u], [u]


def leak_of_a_constant(b: Body, x: Scalar, v: Scalar):
    u = 0.5 * v + x
    return [u], [u]


def current_integrator(b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar):
    current = alpha * i + x
    u = beta * v + current
    return [u], [current, u]


def current_of_the_last_step(
    b: Body, x: Scalar, v: Scalar, i: Scalar, alpha: Scalar, beta: Scalar, rest: Scalar
):
    u = beta * (v - rest) + i
    return [u], [u, alpha * i + x]


STATELESS_AND_GRADED: list[Case] = [
    (threshold, Kind("threshold")),
    (threshold_of_a_weighted_input, Kind("threshold")),
    (scale, Kind("map")),
    (product, Kind("map")),
    (integrator, Kind("i")),
    (weighted_integrator, Kind("i")),
    (leaky_integrator, Kind("li")),
    (leaky_integrator_by_tau, Kind("li")),
    (leak_of_a_constant, Kind("li")),
    (current_integrator, Kind("cuba_li")),
    (current_of_the_last_step, Kind("cuba_li")),
]


@pytest.mark.parametrize(**each(STATELESS_AND_GRADED))
def test_bodies_without_spikes_of_a_membrane(equations: Callable[..., Any], kind: Kind):
    assert found(equations) == kind


# resets in the step of the spike


def if_subtract(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta]


def if_value(b: Body, x: Scalar, v: Scalar, theta: Scalar, rest: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [b.select(z, rest, u)]


def if_none(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    return [b.spike(u - theta)], [u]


def lif_subtract(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta]


def lif_value(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    z = b.spike(u - theta)
    return [z], [u * (1.0 - b.to_float(z))]


def lif_none(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    return [b.spike(u - theta)], [u]


def lif_subtract_other_than_threshold(
    b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, rest: Scalar
):
    """The reset takes off what it likes, if it is fixed."""
    u = beta * v + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * (theta - rest)]


def cuba_lif_subtract(
    b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
):
    current = alpha * i + x
    u = beta * v + current
    z = b.spike(u - theta)
    return [z], [current, u - b.to_float(z) * theta]


def cuba_lif_value(
    b: Body, x: Scalar, v: Scalar, i: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
):
    """norse.LIFCell: the membrane reads the current of the last step."""
    u = v + beta * (i - v)
    z = b.spike(u - theta)
    return [z], [(1.0 - b.to_float(z)) * u, alpha * i + x]


# resets in the step after the spike: the old membrane is compared again


def lif_subtract_next(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """snntorch.Leaky with reset_delay."""
    fired = b.to_float(b.detach(b.spike(v - theta)))
    u = beta * v + x - fired * theta
    return [b.spike(u - theta)], [u]


def lif_value_next(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    fired = b.to_float(b.detach(b.spike(v - theta)))
    u = beta * ((1.0 - fired) * v) + x
    return [b.spike(u - theta)], [u]


def if_subtract_next(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    fired = b.to_float(b.spike(v - theta))
    u = (v - fired * theta) + x
    return [b.spike(u - theta)], [u]


def cuba_lif_subtract_next(
    b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
):
    fired = b.to_float(b.spike(v - theta))
    current = alpha * i + x
    u = beta * v + current - fired * theta
    return [b.spike(u - theta)], [current, u]


def lif_value_with_echo(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """snntorch.Leaky resets to zero in both steps; the second finds nothing to reset."""
    fired = b.to_float(b.spike(v - theta))
    u = beta * ((1.0 - fired) * v) + x
    z = b.spike(u - theta)
    late = b.to_float(z) - fired
    return [z], [u - late * u]


def cuba_lif_value_with_echo(
    b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
):
    """snntorch.Synaptic, which resets to zero in both steps too."""
    fired = b.to_float(b.detach(b.spike(v - theta)))
    current = alpha * i + x
    u = beta * v + current
    u = u - u * fired
    z = b.spike(u - theta)
    late = b.to_float(z) - fired
    return [z], [current, u - late * u]


# several spikes a step, and a membrane that is held from below


def if_counts(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    n = b.count(u / theta, 65535)
    return [n], [u - b.to_float(n) * theta]


def lif_counts(b: Body, x: Scalar, v: Scalar, beta: Scalar):
    """A threshold of 1 divides nothing."""
    u = beta * v + x
    n = b.count(u, 3, width=8)
    return [n], [u - b.to_float(n)]


def if_counts_of_a_number(b: Body, x: Scalar, v: Scalar):
    """The threshold is a number of the body, not a parameter."""
    u = v + x
    n = b.count(u / 2.0, 65535)
    return [n], [u - b.to_float(n) * 2.0]


def count_without_a_state(b: Body, x: Scalar, theta: Scalar):
    return [b.count(x / theta, 3, width=8)], []


def if_floor(b: Body, x: Scalar, v: Scalar, theta: Scalar, low: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [b.maximum(u - b.to_float(z) * theta, low)]


def lif_counts_floor(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    n = b.count(u / theta, 65535)
    return [n], [b.maximum(b.constant(-1.0), u - b.to_float(n) * theta)]


SPIKING: list[Case] = [
    (if_subtract, Kind("if", "subtract", "same")),
    (if_value, Kind("if", "value", "same")),
    (if_none, Kind("if", "none", "same")),
    (lif_subtract, Kind("lif", "subtract", "same")),
    (lif_value, Kind("lif", "value", "same")),
    (lif_none, Kind("lif", "none", "same")),
    (lif_subtract_other_than_threshold, Kind("lif", "subtract", "same")),
    (cuba_lif_subtract, Kind("cuba_lif", "subtract", "same")),
    (cuba_lif_value, Kind("cuba_lif", "value", "same")),
    (lif_subtract_next, Kind("lif", "subtract", "next")),
    (lif_value_next, Kind("lif", "value", "next")),
    (if_subtract_next, Kind("if", "subtract", "next")),
    (cuba_lif_subtract_next, Kind("cuba_lif", "subtract", "next")),
    (lif_value_with_echo, Kind("lif", "value", "same")),
    (cuba_lif_value_with_echo, Kind("cuba_lif", "value", "same")),
    (if_counts, Kind("if", "subtract", "same", counts=True)),
    (lif_counts, Kind("lif", "subtract", "same", counts=True)),
    (if_counts_of_a_number, Kind("if", "subtract", "same", counts=True)),
    (count_without_a_state, Kind("threshold", counts=True)),
    (if_floor, Kind("if", "subtract", "same", floor=True)),
    (lif_counts_floor, Kind("lif", "subtract", "same", counts=True, floor=True)),
]


@pytest.mark.parametrize(**each(SPIKING))
def test_spiking_bodies_and_their_resets(equations: Callable[..., Any], kind: Kind):
    assert found(equations) == kind


def test_every_named_kind_is_tested():
    assert {kind.name for _, kind in (*STATELESS_AND_GRADED, *SPIKING)} == set(KINDS)


# the same neuron, written otherwise


def lif_from_the_right(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = x + v * beta
    z = b.spike(-theta + u)
    return [z], [-(theta * b.to_float(z)) + u]


def lif_distributed(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """v beta + x as v + (x - v (1 - beta))."""
    u = v + (x - v * (1.0 - beta))
    z = b.spike(u - theta)
    return [z], [u - theta * b.to_float(z)]


def lif_selected(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    z = b.spike(u - theta)
    return [z], [b.select(z, u - theta, u)]


def lif_threshold_first(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    z = b.spike((beta * v - theta) + x)
    reset = b.to_float(z) * theta
    return [z], [(x - reset) + beta * v]


def lif_detached(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = b.detach(beta * v) + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(b.detach(z)) * theta]


def lif_spike_used_twice(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """A spike squared is the spike."""
    u = beta * v + x
    z = b.spike(u - theta)
    f = b.to_float(z)
    return [z], [u - f * f * theta]


def lif_with_a_term_that_cancels(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    u = (beta * v + x * x) - (x * x - x)
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta]


@pytest.mark.parametrize(
    "equations",
    [
        lif_from_the_right,
        lif_distributed,
        lif_selected,
        lif_threshold_first,
        lif_detached,
        lif_spike_used_twice,
        lif_with_a_term_that_cancels,
    ],
    ids=name_of,
)
def test_the_order_of_the_operations_does_not_matter(equations: Callable[..., Any]):
    assert found(equations) == found(lif_subtract)


def value_by_product(b: Body, x: Scalar, v: Scalar, theta: Scalar, rest: Scalar):
    u = v + x
    z = b.spike(u - theta)
    f = b.to_float(z)
    return [z], [(1.0 - f) * u + f * rest]


def value_by_difference(b: Body, x: Scalar, v: Scalar, theta: Scalar, rest: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [u - (u - rest) * b.to_float(z)]


@pytest.mark.parametrize("equations", [value_by_product, value_by_difference], ids=name_of)
def test_a_reset_to_a_value_is_found_however_it_is_written(equations: Callable[..., Any]):
    assert found(equations) == found(if_value)


def test_the_order_of_the_states_does_not_matter():
    def swapped(
        b: Body, x: Scalar, v: Scalar, i: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
    ):
        current = alpha * i + x
        u = beta * v + current
        z = b.spike(u - theta)
        return [z], [u - b.to_float(z) * theta, current]

    assert neuron(swapped).state_names != neuron(cuba_lif_subtract).state_names
    assert found(swapped) == found(cuba_lif_subtract)


# bodies without a name


def refractory(b: Body, x: Scalar, v: Scalar, age: Scalar, theta: Scalar):
    """Silent for a while after each spike: the age counts down."""
    silent = b.spike(age)
    u = b.select(silent, v, v + x)
    z = b.spike(u - theta)
    f = b.to_float(z)
    return [z], [u - f * theta, b.select(z, b.constant(3.0), b.maximum(age - 1.0, age * 0.0))]


def refractory_gate(b: Body, x: Scalar, v: Scalar, age: Scalar, theta: Scalar):
    """The spike itself is held back."""
    u = v + x
    z = b.spike(u - theta) & b.spike(0.5 - age)
    return [z], [u - b.to_float(z) * theta, b.to_float(z)]


def adaptive_threshold(b: Body, x: Scalar, v: Scalar, w: Scalar, beta: Scalar, theta: Scalar):
    u = beta * v + x
    z = b.spike(u - (theta + w))
    f = b.to_float(z)
    return [z], [u - f * theta, beta * w + f]


def quadratic(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v * v + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta]


def decay_by_the_input(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = x * v + x
    return [b.spike(u - theta)], [u]


def exponential(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + b.insert(math.ExpOp(v.value)) + x
    return [b.spike(u - theta)], [u]


def reset_to_a_part(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [b.select(z, 0.5 * u, u)]


def reset_to_the_input(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [b.select(z, x, u)]


def spike_of_something_else(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    """Compares the old membrane, resets the new one."""
    u = v + x
    z = b.spike(v - theta)
    return [z], [u - b.to_float(z) * theta]


def reset_by_another_spike(b: Body, x: Scalar, v: Scalar, theta: Scalar, rest: Scalar):
    u = v + x
    return [b.spike(u - theta)], [u - b.to_float(b.spike(u - rest)) * theta]


def late_reset_of_another_event(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    """The event compares the input, not the old membrane."""
    u = v + x - b.to_float(b.spike(x - theta)) * theta
    return [b.spike(u - theta)], [u]


def three_states(b: Body, x: Scalar, i: Scalar, v: Scalar, w: Scalar, theta: Scalar):
    u = v + i
    z = b.spike(u - theta)
    return [z], [x + w, u - b.to_float(z) * theta, w + x]


def two_compartments(b: Body, x: Scalar, v: Scalar, w: Scalar, beta: Scalar, theta: Scalar):
    """Each reads the other: the second state is no current."""
    u = beta * v + w + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta, beta * w + v]


def current_that_is_not_read(b: Body, x: Scalar, v: Scalar, i: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [u - b.to_float(z) * theta, i + x]


def graded_spikes(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.to_float(b.spike(u - theta))
    return [z * u], [u - z * theta]


def output_before_the_update(b: Body, x: Scalar, v: Scalar, beta: Scalar):
    return [v], [beta * v + x]


def subtract_with_echo(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """snntorch.Leaky: a membrane above twice the threshold is heard again."""
    fired = b.to_float(b.spike(v - theta))
    u = beta * v + x - fired * theta
    z = b.spike(u - theta)
    return [z], [u - (b.to_float(z) - fired) * theta]


def bounded_above(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta)
    return [z], [b.minimum(u - b.to_float(z) * theta, theta)]


CUSTOM_BODIES = [
    refractory,
    refractory_gate,
    adaptive_threshold,
    quadratic,
    decay_by_the_input,
    exponential,
    reset_to_a_part,
    reset_to_the_input,
    spike_of_something_else,
    reset_by_another_spike,
    late_reset_of_another_event,
    three_states,
    two_compartments,
    current_that_is_not_read,
    graded_spikes,
    output_before_the_update,
    subtract_with_echo,
    bounded_above,
]


@pytest.mark.parametrize("equations", CUSTOM_BODIES, ids=name_of)
def test_bodies_without_a_name(equations: Callable[..., Any]):
    assert found(equations) == Kind(CUSTOM)


# what a name does not say


def test_a_decay_of_one_is_no_leak():
    def no_leak(b: Body, x: Scalar, v: Scalar):
        u = 1.0 * v + x
        return [u], [u]

    assert found(no_leak) == Kind("i")


def test_more_outputs_do_not_change_the_kind():
    def with_membrane(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
        u = beta * v + x
        z = b.spike(u - theta)
        return [z, u, v], [u - b.to_float(z) * theta]

    assert found(with_membrane) == found(lif_subtract)


def test_the_first_output_names_the_neuron():
    def membrane_first(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
        u = beta * v + x
        return [u, b.spike(u - theta)], [u]

    assert found(membrane_first) == Kind("li")


@pytest.mark.parametrize("comparison", ["gt", "ge"])
def test_the_comparison_does_not_change_the_kind(comparison: str):
    def lif(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
        u = beta * v + x
        z = b.spike(u - theta, comparison)
        return [z], [u - b.to_float(z) * theta]

    assert found(lif) == found(lif_subtract)


def test_expressions_of_parameters_are_coefficients():
    def from_tau(b: Body, x: Scalar, v: Scalar, tau: Scalar, theta: Scalar):
        decay = b.insert(math.ExpOp((-1.0 / tau).value))
        u = decay * v + (1.0 - decay) * x
        z = b.spike(u - theta)
        return [z], [u - b.to_float(z) * theta]

    assert found(from_tau) == found(lif_subtract)
