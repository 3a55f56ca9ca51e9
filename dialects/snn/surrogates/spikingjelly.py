"""
SpikingJelly's surrogates (`spikingjelly.activation_based.surrogate`, release 2.0.0):
functions of u = v - v_threshold.

Its fused operators (sj_*) have seven of them in forms of their own; soft_sign and erf may
differ from these in the last place there.
"""

from __future__ import annotations

from math import pi, sqrt

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import integrals
from snncc.dialects.snn.surrogates.registry import Gradient, ratio, surrogate, without


def _piecewise_quadratic(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.tent(b, u, 1.0 / alpha, alpha)


@surrogate("spikingjelly.piecewise_quadratic", alpha=1.0, integral=_piecewise_quadratic)
def piecewise_quadratic(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha - alpha^2 |u|, 0 where |u| > 1 / alpha"""
    size = b.absolute(u)
    inside = g * (-(alpha**2) * size + alpha)
    return b.select(b.compare("gt", size, 1 / alpha), b.constant(0.0), inside)


def _piecewise_exp(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.laplace(b, u, alpha, alpha / 2)


@surrogate("spikingjelly.piecewise_exp", alpha=1.0, integral=_piecewise_exp)
def piecewise_exp(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha / 2 e^(-alpha |u|)"""
    return g.times(alpha / 2 * b.exp(-alpha * b.absolute(u)))


def _sigmoid(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.logistic(b, u, alpha)


@surrogate("spikingjelly.sigmoid", alpha=4.0, integral=_sigmoid)
def sigmoid(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """(1 - s) s alpha, s = 1 / (1 + e^(-alpha u))"""
    s = 1.0 / (1.0 + b.exp(-(u * alpha)))
    return g * (1.0 - s) * s * alpha


def _soft_sign(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.hyperbola(b, u, alpha, alpha / 2)


@surrogate("spikingjelly.soft_sign", alpha=2.0, integral=_soft_sign)
def soft_sign(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """1 / (2 alpha (1 / alpha + |u|)^2)"""
    d = 1 / alpha + b.absolute(u)
    return g / (2 * alpha * (d * d))


def _super_spike(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.hyperbola(b, u, 1.0, alpha)


@surrogate("spikingjelly.super_spike", alpha=1.0, integral=_super_spike)
def super_spike(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha / (|u| + 1)^2"""
    d = b.absolute(u) + 1.0
    return g * alpha / (d * d)


def _atan(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.arctangent(b, u, alpha / 2)


@surrogate("spikingjelly.atan", alpha=2.0, integral=_atan)
def atan(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """a / (1 + (pi a u)^2), a = alpha / 2"""
    a = alpha / 2
    x = pi * a * u
    return g.times(ratio(a, 1.0 + x * x))


def _nonzero_sign_log_abs(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.signed(b, u, b.log(integrals.magnitude(b, u) * alpha + 1.0)) + 0.5


@surrogate("spikingjelly.nonzero_sign_log_abs", alpha=1.0, integral=_nonzero_sign_log_abs)
def nonzero_sign_log_abs(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """1 / (1 / alpha + |u|)"""
    return g / (1 / alpha + b.absolute(u))


def _erf(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.error(b, u, alpha, 0.5)


@surrogate("spikingjelly.erf", alpha=2.0, integral=_erf)
def erf(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """e^(-(alpha u)^2) alpha / sqrt(pi)"""
    x = u * alpha
    return g * b.exp(-(x * x)) * (alpha / sqrt(pi))


def _piecewise_leaky_relu(b: Body, u: Scalar, w: float, c: float) -> Scalar:
    inside = integrals.window(b, u, w, 0.5 / w - c)
    return inside + u * c


@surrogate("spikingjelly.piecewise_leaky_relu", w=1.0, c=0.01, integral=_piecewise_leaky_relu)
def piecewise_leaky_relu(b: Body, g: Gradient, u: Scalar, w: float, c: float) -> Scalar:
    """1 / (2 w) where |u| < w, else c"""
    inside = b.compare("lt", b.absolute(u), w)
    return g * b.select(inside, b.constant(1 / (2 * w)), b.constant(c))


def _squarewave_fourier_series(b: Body, u: Scalar, n: float, T_period: float) -> Scalar:
    w = pi * 2.0 / T_period
    total = b.constant(0.5)
    for i in range(1, int(n)):
        c = (2 * i - 1.0) * w
        total = total + b.sin(u * c) * (4.0 / T_period / c)
    return total


@surrogate(
    "spikingjelly.squarewave_fourier_series",
    n=2.0,
    T_period=8.0,
    integral=_squarewave_fourier_series,
)
def squarewave_fourier_series(b: Body, g: Gradient, u: Scalar, n: float, T_period: float) -> Scalar:
    """4 / T sum of cos((2 i - 1) 2 pi / T u), i from 1 to n - 1"""
    w = pi * 2.0 / T_period
    terms = [b.cos((2 * i - 1.0) * w * u) for i in range(1, int(n))]
    total = terms[0] if terms else b.constant(0.0)
    for term in terms[1:]:
        total = total + term
    return g.times(total * (4.0 / T_period))


def _s2nn(b: Body, u: Scalar, alpha: float, beta: float) -> Scalar:
    above = b.log(b.maximum(u, b.constant(0.0)) + 1.0) * beta + 0.5
    below = integrals.logistic(b, u, alpha)
    return b.select(b.compare("lt", u, 0.0), below, above)


@surrogate("spikingjelly.s2nn", alpha=4.0, beta=1.0, integral=_s2nn)
def s2nn(b: Body, g: Gradient, u: Scalar, alpha: float, beta: float) -> Scalar:
    """alpha s (1 - s) where u < 0, s = 1 / (1 + e^(-alpha u)); else beta / (u + 1)"""
    s = 1.0 / (1.0 + b.exp(-(alpha * u)))
    below = alpha * s * (1.0 - s)
    return g.times(b.select(b.compare("lt", u, 0.0), below, ratio(beta, u + 1.0)))


def _q_pseudo_spike(b: Body, u: Scalar, alpha: float) -> Scalar:
    base = integrals.magnitude(b, u) * (2 / (alpha - 1)) + 1.0
    size = (1.0 - b.power(base, b.constant(1.0 - alpha))) * 0.5
    return integrals.signed(b, u, size) + 0.5


@surrogate("spikingjelly.q_pseudo_spike", alpha=2.0, integral=_q_pseudo_spike)
def q_pseudo_spike(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """(1 + 2 / (alpha - 1) |u|)^-alpha"""
    base = 1.0 + 2 / (alpha - 1) * b.absolute(u)
    if alpha == 2.0:  # as torch has it
        return g.times(1.0 / (base * base))
    return g.times(b.power(base, b.constant(-alpha)))


def _leaky_k_relu(b: Body, u: Scalar, leak: float, k: float) -> Scalar:
    return integrals.ramp(b, u, leak, k)


@surrogate("spikingjelly.leaky_k_relu", leak=0.0, k=1.0, integral=_leaky_k_relu)
def leaky_k_relu(b: Body, g: Gradient, u: Scalar, leak: float, k: float) -> Scalar:
    """k where u >= 0, else leak"""
    return g * b.select(b.compare("ge", u, 0.0), b.constant(k), b.constant(leak))


def _fake_numerical_gradient(b: Body, u: Scalar, alpha: float) -> Scalar:
    size = integrals.magnitude(b, u)
    tail = b.log(b.maximum(size, b.constant(1.0 / alpha)) * alpha) + 1.0
    inside = b.compare("lt", size, 1.0 / alpha)
    return integrals.signed(b, u, b.select(inside, size * alpha, tail)) + 0.5


@surrogate("spikingjelly.fake_numerical_gradient", alpha=0.3, integral=_fake_numerical_gradient)
def fake_numerical_gradient(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """min(sign(u) / u, alpha)"""
    sign = b.to_float(b.compare("ge", u, 0.0)) * 2.0 - 1.0
    return g * b.minimum(sign / u, b.constant(alpha))


def _log_tailed_relu(b: Body, u: Scalar, alpha: float) -> Scalar:
    high = b.log(b.maximum(u, b.constant(1.0)))
    straight = b.minimum(u, b.constant(1.0))
    return b.select(b.compare("le", u, 0.0), u * alpha, straight + high) + 0.5


@surrogate("spikingjelly.log_tailed_relu", alpha=0.0, integral=_log_tailed_relu)
def log_tailed_relu(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha where u <= 0, 1 up to 1, then 1 / u"""
    one = b.constant(1.0)
    above = b.select(b.compare("gt", u, 1.0), 1.0 / u, one)
    return g * b.select(b.compare("le", u, 0.0), b.constant(alpha), above)


@surrogate("spikingjelly.deterministic_pass", integral=integrals.line)
def deterministic_pass(b: Body, g: Gradient, u: Scalar) -> Scalar:
    """1"""
    return g * 1.0


def _rect(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.window(b, u, 0.5 / alpha, alpha)


@surrogate("spikingjelly.rect", alpha=1.0, integral=_rect)
def rect(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha where |u| < .5 / alpha"""
    inside = b.to_float(b.compare("lt", b.absolute(u), 0.5 / alpha))
    return g.times(alpha * inside)


def _multi_level_spike_count(
    b: Body, q: Scalar, max_spike_count: float, grad_min: float, grad_max: float
) -> Scalar:
    return b.minimum(b.maximum(q, b.constant(grad_min)), b.constant(grad_max))


@surrogate(
    "spikingjelly.multi_level_spike_count",
    arguments=("q",),
    max_spike_count=4.0,
    grad_min=0.0,
    grad_max=4.0,
    integral=_multi_level_spike_count,
)
def multi_level_spike_count(
    b: Body, g: Gradient, q: Scalar, max_spike_count: float, grad_min: float, grad_max: float
) -> Scalar:
    """1 where grad_min <= q <= grad_max"""
    inside = b.compare("ge", q, grad_min) & b.compare("le", q, grad_max)
    return g * b.to_float(inside)


without("spikingjelly.poisson_pass", "its spikes are drawn at random")
