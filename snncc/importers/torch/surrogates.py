"""
Recognises the spikes of a live model: functions whose forward is a step and whose backward
is a surrogate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.importers.graph.graph import Graph, Value
from snncc.importers.torch.registry import operator
from snncc.importers.torch.surrogate_names import surrogate_of

if TYPE_CHECKING:
    from snncc.importers.torch.record import _Recorder

SPIKE = "snncc.spike"

PROBES = (-2.0, -1e-3, 0.0, 1e-3, 2.0)
STEPS: dict[tuple[float, ...], str] = {
    (0.0, 0.0, 0.0, 1.0, 1.0): "gt",
    (0.0, 0.0, 1.0, 1.0, 1.0): "ge",
}


class Spikes:
    """While it is entered, a function that is a step is recorded as one spike."""

    def __init__(self, recorder: _Recorder):
        self.recorder = recorder

    def __enter__(self) -> None:
        self.original = torch.autograd.Function.__dict__["apply"]
        original, recorder = self.original.__func__, self.recorder

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if recorder.paused:
                return original(cls, *args, **kwargs)
            spike = _step_of(recorder, lambda *a: original(cls, *a, **kwargs), args)
            if spike is None:
                return original(cls, *args, **kwargs)
            recorder.paused = True
            try:
                result = original(cls, *args, **kwargs)
            finally:
                recorder.paused = False
            arguments = {
                "u": recorder.argument(args[0]),
                "comparison": spike,
                "surrogate": surrogate_of(cls, [number_of(a) for a in args[1:]]),
            }
            recorder.add(SPIKE, arguments, result)
            return result

        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[method-assign,assignment]

    def __exit__(self, *fault: object) -> None:
        torch.autograd.Function.apply = self.original  # type: ignore[method-assign]


def _step_of(recorder: _Recorder, function: Any, args: tuple[Any, ...]) -> str | None:
    """`gt` or `ge` where a function of one varying tensor is a Heaviside step of it."""
    if not args or not isinstance(args[0], torch.Tensor) or args[0].dtype != torch.float32:
        return None
    others = args[1:]
    if not recorder.is_computed(args[0]):
        return None
    if any(
        isinstance(a, torch.Tensor) and (recorder.is_computed(a) or a.numel() > 1) for a in others
    ):
        return None
    recorder.paused = True
    try:
        probed = function(torch.tensor(PROBES), *others)
    except Exception:  # a function of something else
        return None
    finally:
        recorder.paused = False
    if not isinstance(probed, torch.Tensor) or probed.shape != (len(PROBES),):
        return None
    return STEPS.get(tuple(float(v) for v in probed))


def number_of(value: Any) -> Any:
    """An option of a function as a number, where it is one."""
    return value.item() if isinstance(value, torch.Tensor) else value


@operator(SPIKE)
def spike(graph: Graph, u: Value, comparison: str, surrogate: SurrogateAttr) -> Value:
    """A float of 0.0 or 1.0."""
    return graph.cast(graph.spike(u, comparison, surrogate), u.dtype)
