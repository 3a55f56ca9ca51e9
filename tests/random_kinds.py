"""Kinds of neurons that random networks draw from: equations, and what draws their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar


def lif(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, v_reset: Scalar):
    """Value reset in the same step."""
    u = beta * v + x
    z = b.spike(u - theta)
    return [z], [b.select(z, v_reset, u)]


def if_subtract(b: Body, x: Scalar, v: Scalar, theta: Scalar):
    u = v + x
    z = b.spike(u - theta, "ge")
    return [z], [u - b.to_float(z) * theta]


def lif_next(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """Subtract in the next step, seen again in the old membrane."""
    fired = b.to_float(b.detach(b.spike(v - theta)))
    u = (beta * v + x) - fired * theta
    return [b.spike(u - theta)], [u]


def cuba_lif(b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar):
    current = alpha * i + x
    u = beta * v + current
    z = b.spike(u - theta, "ge")
    return [z], [current, (1 - b.to_float(z)) * u]


def counting(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, floor: Scalar):
    """Several spikes a step, subtract, held from below."""
    u = beta * v + x
    n = b.count(u / theta, 255)
    after = u - b.to_float(n) * theta
    return [n], [b.maximum(after - floor, b.constant(0.0)) + floor]


def adaptive(b: Body, x: Scalar, v: Scalar, a: Scalar, beta: Scalar, rho: Scalar, theta: Scalar):
    """A threshold that grows with each spike: a custom body."""
    u = beta * v + x
    z = b.spike(u - (theta + a))
    fired = b.to_float(z)
    return [z], [u - fired * theta, rho * a + fired]


def refractory(b: Body, x: Scalar, v: Scalar, r: Scalar, beta: Scalar, theta: Scalar):
    """Two outputs: the spike, and the membrane before its reset; silent while r > 0."""
    active = b.spike(-r, "ge")
    u = b.select(active, beta * v + x, v)
    z = b.spike(u - theta, "ge") & active
    fired = b.to_float(z)
    rest = b.minimum(b.maximum(r - 1.0, b.constant(0.0)), b.constant(8.0))
    return [z, u], [b.select(z, b.constant(0.0), u), fired * 2.0 + (1 - fired) * rest]


def li(b: Body, x: Scalar, v: Scalar, beta: Scalar, leak: Scalar):
    u = beta * v + (x + leak)
    return [u], [u]


def cuba_li(b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar):
    current = alpha * i + x
    u = beta * v + current
    return [u], [current, u]


def integrator(b: Body, x: Scalar, v: Scalar, g: Scalar):
    u = v + g * x
    return [u], [u]


def exponential(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, slope: Scalar):
    """Driven more by what it holds, up to a bound."""
    drive = slope * b.exp(b.minimum(v, b.constant(2.0)) - 1.0)
    u = (beta * v + x) + drive
    z = b.spike(u - theta)
    return [z], [b.select(z, b.constant(0.0), u)]


def gated(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """A bounded input through a sigmoid gate."""
    gate = 1.0 / (1.0 + b.exp(-x))
    u = beta * v + b.tanh(x) * gate
    z = b.spike(u - theta, "ge")
    return [z], [u - b.to_float(z) * theta]


def turning(b: Body, x: Scalar, p: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """A phase that the input moves on; the membrane takes what stands at its angle."""
    phase = p + (x + 0.5)
    u = beta * v + (b.erf(x) + b.cos(phase) * 0.5)
    z = b.spike(u - theta)
    return [z], [phase, b.select(z, b.sin(phase) * 0.25, u)]


def quantized(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar):
    """Compressed input in steps, every rounding among them."""
    size = b.absolute(x)
    drive = (b.log(1.0 + size) + b.sqrt(size)) - b.power(size, beta) * 0.125
    steps = b.round_even(drive * 16.0) + (b.floor(x) + b.ceil(x * 0.5)) + b.trunc(x * 4.0)
    u = beta * v + steps * 0.0625
    z = b.spike(u - theta, "ge")
    return [z], [u - b.to_float(z) * theta]


def trained(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar, width: Scalar):
    """A surrogate that reads what nothing else does."""
    u = beta * v + x
    soft = b.tanh(u - theta) * width
    z = b.spike(u - theta, "gt", snn.SurrogateAttr("straight_through"), [soft])
    return [z], [u - b.to_float(z) * theta]


@dataclass(frozen=True)
class Kind:
    equations: Callable[..., tuple[list[Scalar], list[Scalar]]]
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    spiking: bool


KINDS: dict[str, Kind] = {
    "lif": Kind(lif, ("v",), ("beta", "theta", "v_reset"), True),
    "if_subtract": Kind(if_subtract, ("v",), ("theta",), True),
    "lif_next": Kind(lif_next, ("v",), ("beta", "theta"), True),
    "cuba_lif": Kind(cuba_lif, ("i", "v"), ("alpha", "beta", "theta"), True),
    "counting": Kind(counting, ("v",), ("beta", "theta", "floor"), True),
    "adaptive": Kind(adaptive, ("v", "a"), ("beta", "rho", "theta"), True),
    "refractory": Kind(refractory, ("v", "r"), ("beta", "theta"), True),
    "trained": Kind(trained, ("v",), ("beta", "theta", "width"), True),
    "exponential": Kind(exponential, ("v",), ("beta", "theta", "slope"), True),
    "gated": Kind(gated, ("v",), ("beta", "theta"), True),
    "turning": Kind(turning, ("p", "v"), ("beta", "theta"), True),
    "quantized": Kind(quantized, ("v",), ("beta", "theta"), True),
    "li": Kind(li, ("v",), ("beta", "leak"), False),
    "cuba_li": Kind(cuba_li, ("i", "v"), ("alpha", "beta"), False),
    "i": Kind(integrator, ("v",), ("g",), False),
}
