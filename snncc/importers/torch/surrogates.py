"""
Records the spikes of a live model: functions of autograd whose forward is a step or a count
and whose backward is a surrogate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.surrogate import SurrogateOp
from snncc.dialects.snn.surrogates import SURROGATES, WITHOUT, SurrogateError, surrogate_named
from snncc.errors import Problem
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.captured import Captured, Captures
from snncc.importers.torch.promotion import typed
from snncc.importers.torch.registry import Operand, operator
from snncc.importers.torch.steps import MAX_COUNT, Fires, fired_by
from snncc.importers.torch.surrogate_names import surrogate_of

if TYPE_CHECKING:
    from snncc.importers.torch.record import _Recorder

SPIKE, COUNT, ROUNDED = "snncc.spike", "snncc.count", "snncc.rounded"


class Spikes:
    """While it is entered, a function that fires is recorded as one spike or count."""

    def __init__(self, recorder: _Recorder):
        self.recorder = recorder
        self.captures = Captures(taken=recorder.labels)

    @property
    def warnings(self) -> list[Problem]:
        return list(self.captures.warnings.values())

    def __enter__(self) -> None:
        self.original = torch.autograd.Function.__dict__["apply"]
        original, recorder = self.original.__func__, self.recorder

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            def run(*given: Any) -> Any:
                return original(cls, *given, **kwargs)

            fires = None if recorder.paused else self._fired(run, args)
            if fires is not None:
                return self._fire(cls, run, args, fires)
            result = run(*args)
            if not recorder.paused:
                self._round(cls, args, result)
            return result

        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[method-assign,assignment]

    def __exit__(self, *fault: object) -> None:
        torch.autograd.Function.apply = self.original  # type: ignore[method-assign]

    @contextmanager
    def _unrecorded(self) -> Iterator[None]:
        self.recorder.paused = True
        try:
            yield
        finally:
            self.recorder.paused = False

    # --- what a call is

    def _fired(self, run: Callable[..., Any], args: Sequence[Any]) -> Fires | None:
        """What a function of a varying membrane fires."""
        if not args or not _is_float(args[0]):
            return None
        if not self.recorder.is_computed(args[0]) or not args[0].numel():
            return None
        with self._unrecorded():
            return fired_by(run, args)

    def _fire(self, cls: Any, run: Callable[..., Any], args: Sequence[Any], fires: Fires) -> Any:
        recorder = self.recorder
        with self._unrecorded():
            result = run(*args)
        surrogate, of = self._surrogate(cls, run, args, fires)
        arguments: dict[str, Any] = {
            "v": recorder.argument(args[0]),
            "threshold": None,
            "of": [recorder.argument(tensor) for tensor in of],
            "surrogate": surrogate,
        }
        if fires.threshold is not None:
            arguments["threshold"] = recorder.argument(args[fires.threshold])
        if fires.maximum is None:
            recorder.add(SPIKE, {**arguments, "comparison": fires.comparison}, result)
        else:
            recorder.add(COUNT, {**arguments, "maximum": fires.maximum}, result)
        return result

    def _round(self, cls: Any, args: Sequence[Any], result: Any) -> None:
        """Whole numbers that are no count of thresholds, by functions that libraries have."""
        surrogate = surrogate_of(cls, args[1:])
        if surrogate is None or not isinstance(result, torch.Tensor):
            return
        if _is_function_of(surrogate, 1):
            argument = self.recorder.argument
            arguments = {
                "self": argument(result),
                "of": [argument(args[0])],
                "surrogate": surrogate,
            }
            self.recorder.add(ROUNDED, arguments, result)

    # --- its derivative

    def _surrogate(
        self, cls: Any, run: Callable[..., Any], args: Sequence[Any], fires: Fires
    ) -> tuple[SurrogateAttr | SurrogateOp | None, Sequence[torch.Tensor]]:
        """The surrogate, and what it is a function of: nothing where that is the spike's."""
        known = surrogate_of(cls, args[1:])
        if known is not None and known.text in WITHOUT:
            return known, ()
        if known is not None and fires.threshold is None and _is_function_of(known, 1):
            return known, ()
        if known is not None and fires.threshold is not None and _is_function_of(known, 2):
            return known, [args[0], self._tensor(args[fires.threshold], args[0])]
        varying = [i for i, argument in enumerate(args) if i == 0 or self._varies(argument)]
        with self._unrecorded():
            found = self.captures.capture(cls, run, args, varying, self.recorder.scope)
        if not isinstance(found, Captured):
            return found, ()
        if fires.threshold is None and found.of == [0]:
            return found.surrogate, ()
        return found.surrogate, [args[i] if isinstance(i, int) else i for i in found.of]

    def _varies(self, argument: Any) -> bool:
        """Whether an argument is no number that could stand in a body."""
        if not _is_float(argument):
            return False
        learns = isinstance(argument, torch.nn.Parameter) and argument.requires_grad
        return argument.numel() > 1 or learns or self.recorder.is_computed(argument)

    def _tensor(self, threshold: Any, v: torch.Tensor) -> torch.Tensor:
        if isinstance(threshold, torch.Tensor):
            return threshold
        return torch.tensor(float(threshold), dtype=v.dtype)


def _is_float(value: Any) -> TypeGuard[torch.Tensor]:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float32, torch.float64)


def _is_function_of(surrogate: SurrogateAttr, count: int) -> bool:
    """Whether the derivative is known, with these options, as one of so many arguments."""
    try:
        surrogate_named(surrogate)
    except SurrogateError:
        return False
    return len(SURROGATES[surrogate.text].arguments) == count


@operator(SPIKE)
def spike(
    graph: Graph,
    v: Value,
    threshold: Operand | None,
    of: Sequence[Value],
    surrogate: SurrogateAttr | SurrogateOp | None,
    comparison: str,
) -> Value:
    """A float of 0.0 or 1.0."""
    u = v if threshold is None else graph.binary("sub", v, typed(graph, threshold, v.dtype))
    return graph.cast(graph.spike(u, *of, comparison=comparison, surrogate=surrogate), v.dtype)


@operator(COUNT)
def count(
    graph: Graph,
    v: Value,
    threshold: Operand,
    of: Sequence[Value],
    surrogate: SurrogateAttr | SurrogateOp | None,
    maximum: int,
) -> Value:
    """A float: whole thresholds in v."""
    q = graph.binary("div", v, typed(graph, threshold, v.dtype))
    return graph.spike_count(q, *of, maximum=maximum, surrogate=surrogate)


@operator(ROUNDED)
def rounded(graph: Graph, self: Value, of: Sequence[Value], surrogate: SurrogateAttr) -> Value:
    """A count, where the value is seen to be one; else as it is, without a surrogate."""
    maximum = _largest(self)
    if maximum is None:
        return self
    return graph.spike_count(self, *of, maximum=maximum, surrogate=surrogate)


def _largest(value: Value) -> int | None:
    """The bound of a number that is rounded, not negative and bounded by a whole number."""
    if value.op not in ("round", "floor", "trunc"):
        return None
    bounded = value.operands[0]
    if bounded.op != "minimum" or bounded.operands[0].op != "maximum":
        return None
    low, high = bounded.operands[0].operands[1], bounded.operands[1]
    if not (low.is_fixed and high.is_fixed) or low.content.size != 1 or high.content.size != 1:
        return None
    most = high.content.item()
    return (
        int(most) if low.content.item() == 0 and 1 <= most <= MAX_COUNT and not most % 1 else None
    )
