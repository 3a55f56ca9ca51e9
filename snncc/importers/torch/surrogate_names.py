"""
What the libraries call their surrogates, and the options that each has.

The name of an attribute is "library.function": the order of the operations of its
derivative is that library's.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from xdsl.dialects.builtin import FloatAttr, f64

from snncc.dialects.snn.attributes import SurrogateAttr

KNOWN = {
    "snntorch.surrogate.StraightThroughEstimator": "snntorch.straight_through_estimator",
    "snntorch.surrogate.Triangular": "snntorch.triangular",
    "snntorch.surrogate.FastSigmoid": "snntorch.fast_sigmoid",
    "snntorch.surrogate.ATan": "snntorch.atan",
    "snntorch.surrogate.Heaviside": "snntorch.heaviside",
    "snntorch.surrogate.Sigmoid": "snntorch.sigmoid",
    "snntorch.surrogate.SpikeRateEscape": "snntorch.spike_rate_escape",
    "snntorch.surrogate.StochasticSpikeOperator": "snntorch.sso",
    "snntorch.surrogate.LeakySpikeOperator": "snntorch.lso",
    "snntorch.surrogate.SparseFastSigmoid": "snntorch.sfs",
    "norse.torch.functional.superspike.SuperSpike": "norse.super",
    "norse.torch.functional.threshold.HeaviErfc": "norse.heavi_erfc",
    "norse.torch.functional.threshold.HeaviTanh": "norse.tanh",
    "norse.torch.functional.threshold.HeaviCirc": "norse.circ",
    "norse.torch.functional.threshold.Triangle": "norse.triangle",
}
"""What users call the functions, by their qualified names. SpikingJelly's have these names."""

SPIKINGJELLY = (
    "sigmoid",
    "atan",
    "piecewise_quadratic",
    "piecewise_exp",
    "soft_sign",
    "super_spike",
    "erf",
)
"""SpikingJelly's surrogates by the `surrogate_id` of its operators; each has an alpha."""


def spikingjelly_surrogate(alpha: float, surrogate_id: int) -> SurrogateAttr | None:
    """That of an operator sj_*; None for a number that no release has."""
    if not 0 <= surrogate_id < len(SPIKINGJELLY):
        return None
    name = f"spikingjelly.{SPIKINGJELLY[surrogate_id]}"
    return SurrogateAttr(name, {"alpha": FloatAttr(float(alpha), f64)})


def surrogate_of(function: type, options: Sequence[Any]) -> SurrogateAttr:
    """The surrogate by its library's name, with its options; else by the class's own name."""
    qualified = f"{function.__module__}.{function.__qualname__}"
    if qualified == "spikingjelly._ops.surrogate._SurrogateSpike" and len(options) == 2:
        known = spikingjelly_surrogate(options[0], options[1])
        if known is not None:
            return known
    name = KNOWN.get(qualified, qualified)
    if qualified.startswith("spikingjelly.activation_based.surrogate."):
        name = f"spikingjelly.{function.__qualname__}"
    forward = getattr(function, "forward", None)
    names = list(inspect.signature(forward).parameters)[2:] if callable(forward) else []
    found = {
        parameter: FloatAttr(float(value), f64)
        for parameter, value in zip(names, options, strict=False)
        if isinstance(value, bool | int | float)
    }
    return SurrogateAttr(name, found)
