"""
Recognises what a function of autograd fires: by what it gives for chosen membranes.

A spike is a step of its first argument, or of that less another one, its threshold; a count
is the number of whole thresholds in it. The backward function does not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

PROBES = (-2.0, -1e-3, 0.0, 1e-3, 2.0)
"""Around a threshold."""
STEPS: dict[tuple[float, ...], Literal["gt", "ge"]] = {
    (0.0, 0.0, 0.0, 1.0, 1.0): "gt",
    (0.0, 0.0, 1.0, 1.0, 1.0): "ge",
}
WHOLE = (-1.5, -0.25, 0.5, 1.0, 1.5, 2.0, 2.25, 5.75)
"""Thresholds in the membrane of a count."""
MANY = 70000.5
"""More of them than 16 bits hold."""
MAX_COUNT = 65535


@dataclass(frozen=True)
class Fires:
    """
    What a function fires. `threshold` is the position of the argument that the membrane is
    compared with, None where that is zero. `maximum` is that of a count.
    """

    comparison: Literal["gt", "ge"] = "ge"
    threshold: int | None = None
    maximum: int | None = None


def fired_by(function: Callable[..., Any], arguments: Sequence[Any]) -> Fires | None:
    """
    What `function` fires, for the other arguments as they are; None for any other function.
    It is run: what it does beside that is done, too.
    """
    v, others = arguments[0], arguments[1:]

    def probed(membranes: Sequence[torch.Tensor]) -> tuple[float, ...] | None:
        found = []
        for membrane in membranes:
            result = function(membrane, *others)
            if not isinstance(result, torch.Tensor) or result.shape != v.shape:
                return None
            first = result.reshape(-1)[0]
            if not bool((result == first).all()):
                return None
            found.append(float(first))
        return tuple(found)

    try:
        around = probed([torch.full_like(v, probe) for probe in PROBES])
        if around in STEPS:
            return Fires(STEPS[around])
        for position, other in enumerate(others, 1):
            threshold = _threshold(other, v)
            if threshold is None:
                continue
            around = probed([threshold + probe for probe in PROBES])
            if around in STEPS:
                return Fires(STEPS[around], position)
            if (threshold > 0).all():
                counted = probed([threshold * number for number in (*WHOLE, MANY)])
                maximum = None if counted is None else _maximum(counted)
                if maximum is not None:
                    return Fires("ge", position, maximum)
    except Exception:  # a function of something else
        return None
    return None


def _threshold(argument: Any, v: torch.Tensor) -> torch.Tensor | None:
    """A number, or a tensor that broadcasts to the membrane, as a membrane."""
    if isinstance(argument, torch.Tensor):
        if argument.dtype != v.dtype:
            return None
        return argument.detach().expand(v.shape).clone()  # raises where it is of another shape
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        return torch.full_like(v, argument)
    return None


def _maximum(counted: Sequence[float]) -> int | None:
    """The limit of a count, from what it gives for `WHOLE` and `MANY`."""
    *counts, most = counted
    if not 1 <= most <= MANY or most % 1:
        return None
    wanted = [min(max(float(int(number)), 0.0), most) for number in WHOLE]
    return min(int(most), MAX_COUNT) if counts == wanted else None
