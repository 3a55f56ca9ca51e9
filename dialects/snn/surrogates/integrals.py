"""
Antiderivatives that several surrogates share, .5 at u = 0.

They replace the step in the smoothed twin of a network, whose gradients finite differences
can check. Their rounding is nobody's: they are written for accuracy.
"""

from __future__ import annotations

from math import pi

from snncc.dialects.snn.body import Body, Scalar


def signed(b: Body, u: Scalar, size: Scalar) -> Scalar:
    """`size` with the sign of u."""
    return b.select(b.compare("lt", u, 0.0), -size, size)


def magnitude(b: Body, u: Scalar) -> Scalar:
    """|u|, of slope 1 at 0: `signed` functions of it have a slope there, where |u| has none."""
    return signed(b, u, u)


def line(b: Body, u: Scalar, slope: float = 1.0) -> Scalar:
    """Of a constant slope."""
    return u * slope + 0.5


def ramp(b: Body, u: Scalar, below: float, above: float) -> Scalar:
    """Of one slope below 0 and another above."""
    return b.select(b.compare("lt", u, 0.0), u * below, u * above) + 0.5


def logistic(b: Body, u: Scalar, k: float) -> Scalar:
    """1 / (1 + e^(-k u)): of k s (1 - s). Bounded, as the derivative of e^x at infinity is no 0."""
    return 1.0 / (1.0 + b.exp(b.minimum(u * -k, b.constant(80.0))))


def arctangent(b: Body, u: Scalar, k: float) -> Scalar:
    """atan(pi k u) / pi + .5: of k / (1 + (pi k u)^2)."""
    return b.atan(u * (pi * k)) * (1.0 / pi) + 0.5


def hyperbola(b: Body, u: Scalar, k: float, scale: float) -> Scalar:
    """scale u / (1 + k |u|) + .5: of scale / (1 + k |u|)^2."""
    return u * scale / (b.absolute(u) * k + 1.0) + 0.5


def laplace(b: Body, u: Scalar, k: float, scale: float) -> Scalar:
    """+-scale (1 - e^(-k |u|)) / k + .5: of scale e^(-k |u|)."""
    size = (1.0 - b.exp(magnitude(b, u) * -k)) * (scale / k)
    return signed(b, u, size) + 0.5


def error(b: Body, u: Scalar, k: float, scale: float) -> Scalar:
    """scale erf(k u) + .5: of scale 2 k / sqrt(pi) e^(-(k u)^2)."""
    return b.erf(u * k) * scale + 0.5


def window(b: Body, u: Scalar, half: float, height: float) -> Scalar:
    """Of `height` where |u| < half."""
    low, high = b.constant(-half), b.constant(half)
    return b.minimum(b.maximum(u, low), high) * height + 0.5


def tent(b: Body, u: Scalar, half: float, height: float) -> Scalar:
    """Of height (1 - |u| / half) where |u| < half."""
    x = b.minimum(magnitude(b, u), b.constant(half))
    return signed(b, u, (x - x * x * (0.5 / half)) * height) + 0.5
