"""Bodies of every kind, as their equations are usually written, and what kind is found."""

from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import TensorType, f32
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects.snn.body import Body, Scalar, build_neuron
from snncc.dialects.snn.kind import CUSTOM, Kind, kind_of
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
