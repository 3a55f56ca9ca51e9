"""
What the libraries call their surrogates, and the options that each has.

The name of an attribute is "library.function": the order of the operations of its
derivative is that library's (`snncc.dialects.snn.surrogates`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
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
    "spikingjelly.activation_based.quantize.MultiLevelSpikeCountATGF": (
        "spikingjelly.multi_level_spike_count"
    ),
}
"""What users call the functions, by their qualified names."""

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

SINABS = {
    f"sinabs.activation.spike_generation.{name}"
    for name in ("SingleSpike", "MultiSpike", "MaxSpikeInner")
}
"""Functions of (membrane, ..., threshold, surrogate), whose surrogate is an object."""


def spikingjelly_surrogate(alpha: float, surrogate_id: int) -> SurrogateAttr | None:
    """That of an operator sj_*; None for a number that no release has."""
    if not 0 <= surrogate_id < len(SPIKINGJELLY):
        return None
    name = f"spikingjelly.{SPIKINGJELLY[surrogate_id]}"
    return SurrogateAttr(name, {"alpha": FloatAttr(float(alpha), f64)})


def multi_level_surrogate(count: float, lower: float, upper: float) -> SurrogateAttr:
    """That of sj_ilif: the gradient passes where the membrane is in the window."""
    options = {"max_spike_count": count, "grad_min": lower, "grad_max": upper}
    return SurrogateAttr(
        "spikingjelly.multi_level_spike_count",
        {key: FloatAttr(float(value), f64) for key, value in options.items()},
    )


def surrogate_of(function: type, options: Sequence[Any]) -> SurrogateAttr | None:
    """
    The surrogate by its library's name, with its options: the arguments of the function
    behind the first. None for a function of no library, and where an option is no number.
    """
    qualified = _qualified(function)
    if qualified == "spikingjelly._ops.surrogate._SurrogateSpike" and len(options) == 2:
        return spikingjelly_surrogate(options[0], options[1])
    if qualified in SINABS:
        return _sinabs_surrogate(options[-1])
    name = KNOWN.get(qualified)
    if qualified.startswith("spikingjelly.activation_based.surrogate."):
        name = f"spikingjelly.{function.__qualname__}"
    if name is None:
        return None
    return _attribute(name, dict(zip(_parameters(function)[1:], options, strict=False)))


def _sinabs_surrogate(made: Any) -> SurrogateAttr | None:
    kind = type(made)
    if kind.__module__ != "sinabs.activation.surrogate_gradient_fn" or not is_dataclass(made):
        return None
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return _attribute(f"sinabs.{name}", {f.name: getattr(made, f.name) for f in fields(made)})


def _attribute(name: str, options: Mapping[str, Any]) -> SurrogateAttr | None:
    found = {}
    for key, value in options.items():
        # files are read without torch: a tensor is known by its methods
        number = value.item() if hasattr(value, "numel") and value.numel() == 1 else value
        if not isinstance(number, bool | int | float):
            return None
        found[key] = FloatAttr(float(number), f64)
    return SurrogateAttr(name, found)


def _parameters(function: Any) -> list[str]:
    """The names of what a function is applied to: with `setup_context` there is no context."""
    names = list(inspect.signature(function.forward).parameters)
    plain = function.setup_context.__module__.startswith("torch.")
    return names[1:] if plain else names


def _qualified(function: type) -> str:
    return f"{function.__module__}.{function.__qualname__}"
