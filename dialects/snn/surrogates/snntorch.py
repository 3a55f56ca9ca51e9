"""
snnTorch's surrogates (`snntorch.surrogate`, release 1.0.0): functions of u = mem - threshold.

Where exp overflows, `sigmoid` is NaN as it is there.
"""

from __future__ import annotations

from math import pi

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import integrals
from snncc.dialects.snn.surrogates.registry import Gradient, ratio, surrogate, without


def _atan(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.arctangent(b, u, alpha / 2)


@surrogate("snntorch.atan", alpha=2.0, integral=_atan)
def atan(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha / 2 / (1 + (pi / 2 alpha u)^2)"""
    x = u * (pi / 2 * alpha)
    return g.times(ratio(alpha / 2, 1.0 + x * x))


def _fast_sigmoid(b: Body, u: Scalar, slope: float) -> Scalar:
    return integrals.hyperbola(b, u, slope, 1.0)


@surrogate("snntorch.fast_sigmoid", slope=25.0, integral=_fast_sigmoid)
def fast_sigmoid(b: Body, g: Gradient, u: Scalar, slope: float) -> Scalar:
    """1 / (slope |u| + 1)^2"""
    d = slope * b.absolute(u) + 1.0
    return g / (d * d)


def _sigmoid(b: Body, u: Scalar, slope: float) -> Scalar:
    return integrals.logistic(b, u, slope)


@surrogate("snntorch.sigmoid", slope=25.0, integral=_sigmoid)
def sigmoid(b: Body, g: Gradient, u: Scalar, slope: float) -> Scalar:
    """slope e^(-slope u) / (e^(-slope u) + 1)^2"""
    e = b.exp(-slope * u)
    d = e + 1.0
    return g * slope * e / (d * d)


@surrogate("snntorch.straight_through_estimator", integral=integrals.line)
def straight_through_estimator(b: Body, g: Gradient, u: Scalar) -> Scalar:
    """1"""
    return g * 1.0


def _triangular(b: Body, u: Scalar, threshold: float) -> Scalar:
    return integrals.ramp(b, u, threshold, -threshold)


@surrogate("snntorch.triangular", threshold=1.0, integral=_triangular)
def triangular(b: Body, g: Gradient, u: Scalar, threshold: float) -> Scalar:
    """threshold where u < 0, else -threshold"""
    slope = g * threshold
    return b.select(b.compare("ge", u, 0.0), -slope, slope)


def _heaviside(b: Body, u: Scalar) -> Scalar:
    return integrals.ramp(b, u, 0.0, 1.0)


@surrogate("snntorch.heaviside", integral=_heaviside)
def heaviside(b: Body, g: Gradient, u: Scalar) -> Scalar:
    """1 where u > 0, else 0"""
    return g * b.to_float(b.compare("gt", u, 0.0))


def _spike_rate_escape(b: Body, u: Scalar, beta: float, slope: float) -> Scalar:
    at_zero = integrals.laplace(b, b.constant(-1.0), beta, slope)
    return integrals.laplace(b, u - 1.0, beta, slope) - at_zero + 0.5


@surrogate("snntorch.spike_rate_escape", beta=1.0, slope=25.0, integral=_spike_rate_escape)
def spike_rate_escape(b: Body, g: Gradient, u: Scalar, beta: float, slope: float) -> Scalar:
    """slope e^(-beta |u - 1|)"""
    return g * slope * b.exp(-beta * b.absolute(u - 1.0))


def _lso(b: Body, u: Scalar, slope: float) -> Scalar:
    return integrals.ramp(b, u, slope, 1.0)


@surrogate("snntorch.lso", slope=0.1, integral=_lso)
def lso(b: Body, g: Gradient, u: Scalar, slope: float) -> Scalar:
    """1 where u > 0, else slope: what LeakySpikeOperator computes, which torch cannot run"""
    above = b.compare("gt", u, 0.0)
    return g * b.select(above, b.constant(1.0), b.constant(slope))


def _sfs(b: Body, u: Scalar, slope: float, B: float) -> Scalar:
    high = b.maximum(u, b.constant(B))
    return integrals.hyperbola(b, high, slope, 1.0) - _at(b, 0.0, slope, B) + 0.5


def _at(b: Body, u: float, slope: float, B: float) -> Scalar:
    return integrals.hyperbola(b, b.constant(max(u, B)), slope, 1.0)


@surrogate("snntorch.sfs", slope=25.0, B=1.0, integral=_sfs)
def sfs(b: Body, g: Gradient, u: Scalar, slope: float, B: float) -> Scalar:
    """1 / (slope |u| + 1)^2 where u > B, else 0"""
    d = slope * b.absolute(u) + 1.0
    return g / (d * d) * b.to_float(b.compare("gt", u, B))


without("snntorch.sso", "it is random below the threshold (StochasticSpikeOperator)")
