"""Surrogates of no library, under plain names: the common forms, in u = v - threshold."""

from __future__ import annotations

from math import pi

from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import integrals
from snncc.dialects.snn.surrogates.registry import Gradient, surrogate


@surrogate("sigmoid", k=4.0, integral=integrals.logistic)
def sigmoid(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """k s (1 - s), s = 1 / (1 + e^(-k u))"""
    s = 1.0 / (1.0 + b.exp(u * -k))
    return g * (s * k * (1.0 - s))


def _boxcar(b: Body, u: Scalar, w: float) -> Scalar:
    return integrals.window(b, u, w, 0.5 / w)


@surrogate("boxcar", w=0.5, integral=_boxcar)
def boxcar(b: Body, g: Gradient, u: Scalar, w: float) -> Scalar:
    """1 / (2 w) where |u| < w"""
    inside = b.compare("lt", b.absolute(u), w)
    return g * b.select(inside, b.constant(0.5 / w), b.constant(0.0))


def _triangle(b: Body, u: Scalar, w: float) -> Scalar:
    return integrals.tent(b, u, w, 1.0 / w)


@surrogate("triangle", w=1.0, integral=_triangle)
def triangle(b: Body, g: Gradient, u: Scalar, w: float) -> Scalar:
    """max(0, 1 - |u| / w) / w"""
    return g * (b.maximum(1.0 - b.absolute(u) / w, b.constant(0.0)) / w)


def _exponential(b: Body, u: Scalar, k: float) -> Scalar:
    return integrals.laplace(b, u, k, k / 2)


@surrogate("exponential", k=3.0, integral=_exponential)
def exponential(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """k / 2 e^(-k |u|)"""
    return g * (b.exp(b.absolute(u) * -k) * (k / 2))


def _superspike(b: Body, u: Scalar, k: float) -> Scalar:
    return integrals.hyperbola(b, u, k, 1.0)


@surrogate("superspike", k=5.0, integral=_superspike)
def superspike(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """1 / (1 + k |u|)^2 (Zenke and Ganguli, 2018)"""
    d = b.absolute(u) * k + 1.0
    return g / (d * d)


def _fast_sigmoid_norm(b: Body, u: Scalar, k: float) -> Scalar:
    return integrals.hyperbola(b, u, k, k / 2)


@surrogate("fast_sigmoid_norm", k=5.0, integral=_fast_sigmoid_norm)
def fast_sigmoid_norm(b: Body, g: Gradient, u: Scalar, k: float) -> Scalar:
    """k / 2 / (1 + k |u|)^2, whose integral is 1"""
    d = b.absolute(u) * k + 1.0
    return g * (k / 2) / (d * d)


def _atan(b: Body, u: Scalar, a: float) -> Scalar:
    return integrals.arctangent(b, u, a / 2)


@surrogate("atan", a=2.0, integral=_atan)
def atan(b: Body, g: Gradient, u: Scalar, a: float) -> Scalar:
    """a / 2 / (1 + (pi / 2 a u)^2) (Fang et al., 2021)"""
    x = u * (pi / 2 * a)
    return g * (a / 2) / (x * x + 1.0)


@surrogate("straight_through", integral=integrals.line)
def straight_through(b: Body, g: Gradient, u: Scalar) -> Scalar:
    """1: the gradient passes, as of `hard.detach() + soft - soft.detach()` to soft"""
    return g * 1.0
