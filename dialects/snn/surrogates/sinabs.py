"""
Sinabs' surrogates (`sinabs.activation`, release 3.1.3): functions of the membrane and the
threshold, for single spikes and for counts. No gradient flows to the threshold.

The factor of a Gaussian is a tensor of float32 there, for float64 too.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import integrals
from snncc.dialects.snn.surrogates.registry import Gradient, ratio, surrogate

OF = ("v", "threshold")


def _single_exponential(
    b: Body, v: Scalar, threshold: Scalar, grad_width: float, grad_scale: float
) -> Scalar:
    u = v - threshold
    size = 1.0 - b.exp(-(integrals.magnitude(b, u) / (threshold * grad_width)))
    return integrals.signed(b, u, size * grad_scale) + 0.5


@surrogate(
    "sinabs.single_exponential",
    arguments=OF,
    grad_width=0.5,
    grad_scale=1.0,
    integral=_single_exponential,
)
def single_exponential(
    b: Body, g: Gradient, v: Scalar, threshold: Scalar, grad_width: float, grad_scale: float
) -> Scalar:
    """grad_scale / w e^(-|v - threshold| / w), w = threshold grad_width"""
    w = threshold * grad_width
    return g * (ratio(grad_scale, w) * b.exp(-b.absolute(v - threshold) / w))


def _periodic_exponential(
    b: Body, v: Scalar, threshold: Scalar, grad_width: float, grad_scale: float
) -> Scalar:
    w = grad_width
    period = 1.0 - b.exp(threshold * (-1.0 / w))
    turns = v / threshold - 0.5
    whole = b.floor(turns)
    place = threshold * (2.0 * (turns - whole) - 1.0)
    inner = integrals.signed(b, place, 1.0 - b.exp(integrals.magnitude(b, place) * (-1.0 / w)))
    above = whole * period * w + inner * (w / 2)
    u = v - threshold
    below = (b.exp(b.minimum(u, b.constant(0.0)) * (1.0 / w)) - 1.0) * w
    return b.select(b.compare("lt", u, 0.0), below, above) * grad_scale + 0.5


@surrogate(
    "sinabs.periodic_exponential",
    arguments=OF,
    grad_width=0.5,
    grad_scale=1.0,
    integral=_periodic_exponential,
)
def periodic_exponential(
    b: Body, g: Gradient, v: Scalar, threshold: Scalar, grad_width: float, grad_scale: float
) -> Scalar:
    """grad_scale e^(-|d| / grad_width), d from the nearest multiple (below the first, from it)"""
    turns = v / threshold - 0.5
    periodic = threshold * (2.0 * (turns - b.floor(turns)) - 1.0)
    below = (v - threshold) * b.to_float(b.compare("lt", v, threshold))
    above = periodic * b.to_float(b.compare("ge", v, threshold))
    return g * (grad_scale * b.exp(-b.absolute(above + below) / grad_width))


def _heaviside(b: Body, v: Scalar, threshold: Scalar, window: float) -> Scalar:
    start = threshold - window
    at_zero = max(window, 0.0)
    return (b.maximum(v - start, b.constant(0.0)) - at_zero) / threshold + 0.5


@surrogate("sinabs.heaviside", arguments=OF, window=1.0, integral=_heaviside)
def heaviside(b: Body, g: Gradient, v: Scalar, threshold: Scalar, window: float) -> Scalar:
    """1 / threshold where v >= threshold - window"""
    return g * (b.to_float(b.compare("ge", v, threshold - window)) / threshold)


def _factor(sigma: float) -> float:
    """sigma sqrt(2 pi), as tensors of float32 have it."""
    return float(np.float32(sigma) * np.sqrt(np.float32(2.0) * np.float32(pi)))


def _bell(b: Body, u: Scalar, mu: float, sigma: float) -> Scalar:
    d = u - mu
    return b.exp(-(d * d) / (2 * sigma**2)) / _factor(sigma)


def _bell_integral(b: Body, u: Scalar, mu: float, sigma: float) -> Scalar:
    """0 at u = 0."""
    k = 1.0 / (sigma * sqrt(2.0))
    area = sigma * sqrt(2 * pi) / _factor(sigma)
    at_zero = b.erf(b.constant(-mu) * k)
    return (b.erf((u - mu) * k) - at_zero) * (0.5 * area)


def _gaussian(
    b: Body, v: Scalar, threshold: Scalar, mu: float, sigma: float, grad_scale: float
) -> Scalar:
    return _bell_integral(b, v - threshold, mu, sigma) * grad_scale + 0.5


@surrogate("sinabs.gaussian", arguments=OF, mu=0.0, sigma=0.5, grad_scale=1.0, integral=_gaussian)
def gaussian(
    b: Body,
    g: Gradient,
    v: Scalar,
    threshold: Scalar,
    mu: float,
    sigma: float,
    grad_scale: float,
) -> Scalar:
    """grad_scale N(v - threshold; mu, sigma)"""
    return g * (_bell(b, v - threshold, mu, sigma) * grad_scale)


def _multi_gaussian(
    b: Body,
    v: Scalar,
    threshold: Scalar,
    mu: float,
    sigma: float,
    h: float,
    s: float,
    grad_scale: float,
) -> Scalar:
    u = v - threshold
    middle = _bell_integral(b, u, mu, sigma) * (1 + h)
    right = _bell_integral(b, u, sigma, s * sigma) * h
    left = _bell_integral(b, u, -sigma, s * sigma) * h
    return (middle - right - left) * grad_scale + 0.5


@surrogate(
    "sinabs.multi_gaussian",
    arguments=OF,
    mu=0.0,
    sigma=0.5,
    h=0.15,
    s=6.0,
    grad_scale=1.0,
    integral=_multi_gaussian,
)
def multi_gaussian(
    b: Body,
    g: Gradient,
    v: Scalar,
    threshold: Scalar,
    mu: float,
    sigma: float,
    h: float,
    s: float,
    grad_scale: float,
) -> Scalar:
    """grad_scale ((1 + h) N(u; mu, sigma) - h N(u; sigma, s sigma) - h N(u; -sigma, s sigma))"""
    u = v - threshold
    middle = (1 + h) * _bell(b, u, mu, sigma)
    right = h * _bell(b, u, sigma, s * sigma)
    left = h * _bell(b, u, -sigma, s * sigma)
    return g * ((middle - right - left) * grad_scale)
