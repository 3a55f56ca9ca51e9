"""
erf.

Below 7/8: x + x P(x^2). Above: 1 - e^(-x^2) G((x - c) / (x + c)), where the variable of G
maps the half line to an interval (as in Schonfelder, Math. Comp. 32, 1978, for erfc). Behind
6 it is 1 to the last place. P minimises the relative error of erf, G that of 1 - e^(-x^2) G;
both were found by Remez' exchange with 60 digits, with two sizes for the two float types.
"""

from __future__ import annotations

from dataclasses import dataclass

from snncc.dialects.snn.functions.exponential import exp_of_double, exp_of_pair
from snncc.dialects.snn.functions.pieces import (
    clamp,
    magnitude,
    nan,
    polynomial,
    sign_bit,
    two_product,
    with_sign,
)
from snncc.dialects.snn.functions.program import Type, Value


@dataclass(frozen=True)
class _Fit:
    inner: tuple[float, ...]
    """P."""
    outer: tuple[float, ...]
    """G."""
    centre: float
    """c."""


ERF_F32 = _Fit(
    inner=(
        0.128379167095511,
        -0.3761263890314377,
        0.11283791669252544,
        -0.026866170362842643,
        0.005223975240015265,
        -0.0008548210791437893,
        0.00012051868155398778,
        -1.4861251830641173e-05,
        1.5728965133138494e-06,
        -1.1595586521336392e-07,
    ),
    outer=(
        0.25539567631049503,
        -0.42718584741466853,
        0.2416581942416795,
        -0.07897858080557137,
        0.0037328942384301333,
        0.006997457187540664,
        -0.0008472571195603214,
        -0.0009823872420743319,
        4.410447900626681e-05,
        0.0001819346159812928,
        4.90929140665121e-05,
    ),
    centre=2.0,
)
"""Errors 2^-49.4 and 2^-51.5."""

ERF_F64 = _Fit(
    inner=(
        0.1283791670955126,
        -0.37612638903183737,
        0.11283791670954302,
        -0.026866170644932266,
        0.005223977622952289,
        -0.0008548326839197803,
        0.00012055324316219286,
        -1.4925381235919907e-05,
        1.645651440262203e-06,
        -1.628833810947467e-07,
        1.411781439977726e-08,
        -8.654511022379843e-10,
    ),
    outer=(
        0.1790011511813897,
        -0.3262335600430302,
        0.24560380171297475,
        -0.1501159364889849,
        0.0716658372545529,
        -0.024392500112154016,
        0.004269121505259482,
        0.0007076288115857283,
        -0.0005976364630446178,
        4.33643539706017e-05,
        5.974178162036747e-05,
        -1.966503231316356e-05,
        -1.5141759536165377e-05,
        -2.4551253572765973e-06,
    ),
    centre=3.0,
)
"""Errors 2^-61.4 and 2^-64.1."""

TWO_OVER_ROOT_PI = 1.1283791670955126
"""erf x / x at 0."""


def erf(x: Value) -> Value:
    single = x.type is Type.F32
    fit = ERF_F32 if single else ERF_F64
    size = clamp(magnitude(x.widen() if single else x), 0.0, 6.0)
    square = size * size
    inner = size + size * polynomial(square, fit.inner)
    ratio = (size - fit.centre) / (size + fit.centre)
    if single:
        bell = exp_of_double(-1.0 * square)
    else:
        # x P is rounded to a place of the result where x is next to the smallest numbers
        inner = (size < 2.0**-500).select(size * TWO_OVER_ROOT_PI, inner)
        exact, low = two_product(size, size)
        bell = exp_of_pair(-1.0 * exact, -1.0 * low)
    outer = 1.0 - bell * polynomial(ratio, fit.outer)
    result = (size < 0.875).select(inner, outer)
    result = with_sign(result.narrow() if single else result, sign_bit(x))
    return x.differs(x).select(nan(x), result)
