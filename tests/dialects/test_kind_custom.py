"""Bodies that have no name stay custom, however near to a kind."""

from collections.abc import Callable
from typing import Any

import pytest
from xdsl.dialects import math

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.kind import CUSTOM, Kind
from tests.dialects.kind_bodies import found, name_of

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
