"""Kinds are found from what a body computes, not from how it is written."""

from collections.abc import Callable
from typing import Any

import pytest
from xdsl.dialects import math

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.kind import KINDS, Kind
from tests.dialects.kind_bodies import (
    Case,
    count_without_a_state,
    cuba_lif_subtract,
    cuba_lif_subtract_next,
    cuba_lif_value,
    cuba_lif_value_with_echo,
    current_integrator,
    current_of_the_last_step,
    each,
    found,
    if_counts,
    if_counts_of_a_number,
    if_floor,
    if_none,
    if_subtract,
    if_subtract_next,
    if_value,
    integrator,
    leak_of_a_constant,
    leaky_integrator,
    leaky_integrator_by_tau,
    lif_counts,
    lif_counts_floor,
    lif_none,
    lif_subtract,
    lif_subtract_next,
    lif_subtract_other_than_threshold,
    lif_value,
    lif_value_next,
    lif_value_with_echo,
    name_of,
    neuron,
    product,
    scale,
    threshold,
    threshold_of_a_weighted_input,
    weighted_integrator,
)

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
