"""A live model while it is imported: run as often as wanted, and put back as it was."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.importer import AUTO, Axes
from snncc.importers.torch.aten_quantization import OBSERVER
from snncc.importers.torch.feeding import REST
from snncc.importers.torch.holding import Holdings, Snapshot
from snncc.importers.torch.influence import Influence
from snncc.importers.torch.keeping import forget
from snncc.importers.torch.record import dtype_of
from snncc.importers.torch.results import tensors_of


class Session:
    """
    `model` is a module or any other callable, `example` its inputs, called `names`.
    `modules` are those that its code runs; `warnings` what there is to say about them.
    """

    def __init__(self, model: Any, example: Sequence[torch.Tensor]):
        self.model = model
        self.example = list(example)
        self.names = _names(model, len(self.example))
        self.modules = Holdings(model).modules
        self.warnings: list[Problem] = []

    @property
    def module(self) -> torch.nn.Module | None:
        """The module whose names parameters and states have."""
        if isinstance(self.model, torch.nn.Module):
            return self.model
        return self.modules[0] if len(self.modules) == 1 else None

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """
        In evaluation mode, with the states that a sequence starts from; afterwards all is as
        it was. Modules are not copied: libraries have classes whose copies compute otherwise.
        """
        for module in self.modules:
            _expect_runnable(module)
            _expect_fixed_grids(module)
        kept = Snapshot(self.model)
        try:
            for module in self.modules:
                forget(module)
                self.warnings.extend(_evaluated(module))
            self.fresh = Snapshot(self.model)
            yield
        finally:
            kept.restore()

    def doubled(self, axes: Axes) -> bool:
        """Gives every input a second sample, where the example has one; whether it has."""
        if axes.batch is None:
            return False
        axis = 0 if axes.batch == AUTO else int(axes.batch)
        changed = []
        for x in self.example:
            place = axis
            if axes.time is not None and -x.ndim <= axes.time < x.ndim and axis >= 0:
                place += axes.time % x.ndim <= axis
            one = place < x.ndim and x.ndim > 1 and x.shape[place] == 1
            changed.append(x.repeat_interleave(2, place) if one else x)
        before, self.example = self.example, changed
        return any(a is not b for a, b in zip(before, changed, strict=True))

    def start(self) -> None:
        """Before another sequence."""
        self.fresh.restore()

    def call(self, inputs: Sequence[torch.Tensor], states: dict[str, Any]) -> Any:
        """One call. What the model raises is SNC-I026."""
        rest = states.get(REST)
        named = {name: value for name, value in states.items() if name != REST}
        try:
            return self.model(*inputs, *([rest] if REST in states else []), **named)
        except SnnccError:
            raise
        except Exception as fault:
            raise self._failed(inputs, fault) from fault

    def fresh_call(self, states: dict[str, Any]) -> Any:
        """One call on the example, from the start; nothing of it stays."""
        self.start()
        try:
            with torch.no_grad():
                return self.call([tensor.clone() for tensor in self.example], states)
        finally:
            self.start()

    def carries(self) -> bool:
        """Whether a second call depends on what the first was given."""
        influence = Influence()
        first = [tensor.clone() for tensor in self.example]
        for tensor in first:
            influence.mark(tensor, "first")
        self.start()
        try:
            with torch.no_grad(), influence:
                self.call(first, {})
                result = self.call([tensor.clone() for tensor in self.example], {})
            return any(influence.of(tensor) for tensor in tensors_of(result))
        finally:
            self.start()

    def _failed(self, inputs: Sequence[torch.Tensor], fault: Exception) -> SnnccError:
        text = " ".join(str(fault).split())[:400]
        shapes = ", ".join(f"{n}: {list(x.shape)}" for n, x in zip(self.names, inputs, strict=True))
        known = floats_of(self.model, list(self.example))
        strange = next((t for t in self._floats() if t.dtype != known), None)
        if strange is not None:
            return error(
                "SNC-I012",
                f"the model computes in {strange.dtype} beside {known}, and networks in one type "
                f"({type(fault).__name__}: {text})",
                remedy="convert it as a whole: model.float()",
            )
        return error(
            "SNC-I026",
            f"the model fails on its example ({shapes}): {type(fault).__name__}: {text}",
            remedy="call the model on the example itself: the example must be what it takes for "
            "one step, or with time_axis for a sequence",
        )

    def _floats(self) -> Iterator[torch.Tensor]:
        for module in self.modules:
            for tensor in (*module.parameters(), *module.buffers()):
                if tensor.is_floating_point():
                    yield tensor


def floats_of(model: Any, given: Any) -> torch.dtype:
    """
    The type of the floats of a model's inputs: float64 where its parameters are; or, of a
    function, where its example is made of such tensors. Else float32, which is what arrays
    and other tensors are converted to.
    """
    if isinstance(model, torch.nn.Module):
        floats = [t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
    else:
        parts = given if isinstance(given, tuple | list) else (given,)
        floats = [t for t in parts if isinstance(t, torch.Tensor) and t.is_floating_point()]
    double = bool(floats) and all(t.dtype == torch.float64 for t in floats)
    return torch.float64 if double else torch.float32


def example_of(given: Any, floats: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """The inputs of a call: a tensor, an array or a number, or a tuple or list of them."""
    if given is None or (isinstance(given, tuple | list) and not given):
        raise error(
            "SNC-C003",
            "a live model needs an example_input",
            remedy="give a tensor (or a tuple of tensors) as the model takes it",
        )
    parts = given if isinstance(given, tuple | list) else (given,)
    return [_tensor(part, floats) for part in parts]


def _tensor(part: Any, floats: torch.dtype) -> torch.Tensor:
    if isinstance(part, np.ndarray | np.generic | bool | int | float):
        part = np.asarray(part)
        if part.dtype.kind not in "biuf":
            raise _no_example(part, f"an array of {part.dtype}")
        part = torch.as_tensor(part)
    elif isinstance(part, list):
        try:
            return _tensor(np.asarray(part), floats)
        except ValueError:
            raise _no_example(part, "a list of different sizes") from None
    if not isinstance(part, torch.Tensor):
        raise _no_example(part, f"a {type(part).__name__}")
    if part.is_meta or part.is_sparse or part.is_quantized:
        raise _no_example(part, "a tensor without plain values")
    if part.is_floating_point():
        return part.detach().to(floats).clone()
    dtype_of(part)
    return part.detach().clone()


def _no_example(part: Any, what: str) -> SnnccError:
    del part
    return error(
        "SNC-C003",
        f"example_input: expected tensors or arrays of numbers, got {what}",
        remedy="give what the model takes by position: a tensor, or a tuple of tensors",
    )


def _expect_runnable(module: torch.nn.Module) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise error(
            "SNC-C003",
            "expected a module of Python, got a ScriptModule",
            remedy="give the module that was scripted or traced",
        )
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            raise error(
                "SNC-C003",
                f"{name} has no shape yet",
                node=name,
                remedy="run the module once before it is loaded",
            )
        if tensor.is_meta:
            raise error("SNC-C003", f"{name} has no values: it is on the meta device", node=name)


def _expect_fixed_grids(module: torch.nn.Module) -> None:
    """Observers of fake quantization learn from what they see, in evaluation mode too."""
    for name, part in module.named_modules():
        switch = getattr(part, "observer_enabled", None)
        if isinstance(switch, torch.Tensor) and bool(switch.any()):
            raise error(
                "SNC-I012",
                f"{type(part).__name__}: its observer is on, and moves the grid at every call",
                node=name or None,
                remedy=OBSERVER,
            )


_NOISE = ("Dropout",)


def _evaluated(module: torch.nn.Module) -> list[Problem]:
    """Into evaluation mode: says so where that changes what is computed."""
    changed = [
        f"{name or 'it'} ({type(part).__name__})"
        for name, part in module.named_modules()
        if part.training
        and (
            isinstance(part, torch.nn.modules.batchnorm._BatchNorm)
            or (any(word in type(part).__name__ for word in _NOISE) and getattr(part, "p", 1))
        )
    ]
    module.eval()
    if not changed:
        return []
    return [
        Problem(
            "SNC-W015",
            f"the model is in training mode, and is read in evaluation mode: {len(changed)} parts "
            f"compute otherwise ({', '.join(changed[:4])})",
            remedy="call model.eval() to say that this is meant",
            severity="warning",
        )
    ]


def _names(model: Any, count: int) -> list[str]:
    """Names of the inputs, as the model's forward calls them."""
    forward = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        parameters = inspect.signature(forward).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
        names = [p.name for p in parameters if p.kind in kinds][:count]
    except (TypeError, ValueError):
        names = []
    return [*names, *(f"input{i}" for i in range(len(names), count))]


def _inner(model: Any) -> Any:
    """What has a name: of a partial function its function, of an object its class."""
    while isinstance(model, functools.partial):
        model = model.func
    if isinstance(model, torch.nn.Module) or not hasattr(model, "__qualname__"):
        return type(model)
    return model


def name_of(model: Any) -> str:
    name = _inner(model).__name__
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return name if name.strip("_") else "network"


def qualified(model: Any) -> str:
    kind = _inner(model)
    return f"{kind.__module__}.{kind.__qualname__}"
