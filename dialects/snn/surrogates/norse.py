"""
Norse's surrogates (`norse.torch.functional`, release 1.1.0): functions of u = v - v_th.

Constants of pi are tensors of float32 there, for float64 too. `heaviside` is no function of
autograd: its spikes have no surrogate and no gradient.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import integrals
from snncc.dialects.snn.surrogates.registry import Gradient, surrogate, without

ROOT_OF_PI = float(np.sqrt(np.float32(np.pi)))


def _super(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.hyperbola(b, u, 1.0, 1.0)


@surrogate("norse.super", alpha=100.0, integral=_super)
def super_(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """1 / (|u| + 1)^2: alpha does nothing in this release"""
    d = b.absolute(u) + 1.0
    return g / (d * d)


def _tanh(b: Body, u: Scalar, k: float) -> Scalar:
    return b.tanh(u * k) * (1.0 / k) + 0.5


@surrogate("norse.tanh", k=100.0, integral=_tanh)
def tanh(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """1 - tanh(k u)^2"""
    t = b.tanh(u * k)
    return g * (1.0 - t * t)


def _triangle(b: Body, u: Scalar, alpha: float) -> Scalar:
    return integrals.tent(b, u, 1.0, alpha)


@surrogate("norse.triangle", alpha=0.3, integral=_triangle)
def triangle(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """alpha max(0, 1 - |u|)"""
    return g * alpha * b.maximum(1.0 - b.absolute(u), b.constant(0.0))


def _circ(b: Body, u: Scalar, alpha: float) -> Scalar:
    return u * alpha / b.sqrt(u * u + alpha * alpha) + 0.5


@surrogate("norse.circ", alpha=100.0, integral=_circ)
def circ(b: Body, g: Gradient, u: Scalar, alpha: float) -> Scalar:
    """2 alpha (1 / (2 r) - u^2 / (2 r^3)), r^2 = alpha^2 + u^2"""
    square = u * u
    r2 = alpha**2 + square
    inner = -(square / (2.0 * b.power(r2, b.constant(1.5)))) + 1.0 / (2.0 * b.sqrt(r2))
    return g * inner * 2.0 * alpha


def _heavi_erfc(b: Body, u: Scalar, k: float) -> Scalar:
    return integrals.error(b, u, k, float(np.sqrt(np.pi)) / ROOT_OF_PI / k)


@surrogate("norse.heavi_erfc", k=100.0, integral=_heavi_erfc)
def heavi_erfc(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """2 e^(-(k u)^2) / sqrt(pi)"""
    x = k * u
    return g.times(2.0 * b.exp(-(x * x)) / ROOT_OF_PI)


without("norse.logistic", "its spikes are drawn at random, with probability (1 + tanh(k u)) / 2")
without("norse.circ_dist", "its spikes are drawn at random")
