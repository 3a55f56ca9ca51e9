"""
The importer of what lives in this process: modules, functions, exported programs.

A module is run on its example and recorded. A module that takes one step is run for a few
steps in a row; one that takes a whole sequence for all of its steps. The loop is then
found and proved as in any unrolled graph (`snncc/importers/graph/reroll.py`), so no class
of neurons needs a rule of its own: what the library computes is what is recorded.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from xdsl.dialects.builtin import StringAttr

from snncc.errors import Problem, error
from snncc.importers.graph.importer import Axes, Imported, States, import_model
from snncc.importers.torch.keeping import Snapshot, fed_back, forget
from snncc.importers.torch.record import record, tensors_of
from snncc.importers.torch.walk import walk

STEPS = 6
"""Steps that a model of one step is recorded for: delays are shorter than this."""


def import_live(model: Any, example_input: Any, states: States | None, axes: Axes) -> Imported:
    """
    The network of a module, of a function of tensors, or of an ExportedProgram.

    Raises SnnccError as `import_model` and `walk` do; SNC-C003 where `model` is none of
    these or there is no example.
    """
    if isinstance(model, torch.export.ExportedProgram):
        return _exported(model, states, axes)
    if not callable(model):
        raise error(
            "SNC-C003",
            f"expected a path, a torch module, a function or an ExportedProgram, got {model!r}",
        )
    example = _example(example_input)
    with _fresh(model):
        if states or axes.time is not None:
            return _recorded(model, example, states, axes)
        return _stepped(model, example, axes)


def _exported(program: Any, states: States | None, axes: Axes) -> Imported:
    """Through its file: there is one reader of exported programs."""
    from snncc.importers.torch.pt2 import read_pt2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pt2")
        torch.export.save(program, path)
        model = read_pt2(path)
    return import_model(model, "network", states=states, axes=axes)


def _example(given: Any) -> list[torch.Tensor]:
    if given is None:
        raise error(
            "SNC-C003",
            "a live model needs an example_input",
            remedy="give a tensor (or a tuple of tensors) as the model takes it",
        )
    parts = given if isinstance(given, tuple | list) else (given,)
    tensors = []
    for part in parts:
        tensor = part if isinstance(part, torch.Tensor) else torch.as_tensor(part)
        tensors.append(tensor.detach().to(torch.float32) if tensor.is_floating_point() else tensor)
    return tensors


@contextlib.contextmanager
def _fresh(model: Any) -> Iterator[None]:
    """
    A module in evaluation mode, with the states that a sequence starts from; afterwards it
    is as it was. It is not copied: libraries have classes whose copies compute otherwise.
    """
    if not isinstance(model, torch.nn.Module):
        yield
        return
    kept = Snapshot(model)
    try:
        forget(model)
        model.eval()
        yield
    finally:
        kept.restore()


def _names(model: Any, count: int) -> list[str]:
    """Names of the inputs, as the model's forward calls them."""
    import inspect

    forward = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        parameters = inspect.signature(forward).parameters.values()
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][:count]
    except (TypeError, ValueError):
        names = []
    return [*names, *(f"input{i}" for i in range(len(names), count))]


def _recorded(
    model: Any, example: Sequence[torch.Tensor], states: States | None, axes: Axes
) -> Imported:
    """A step with its states in the open, or a whole sequence."""
    module = model if isinstance(model, torch.nn.Module) else None
    dropped: list[Problem] = []

    def run(*inputs: torch.Tensor) -> Any:
        result = model(*inputs)
        if states or axes.time is None:
            return result
        return _with_time(result, inputs, axes, dropped)

    program = record(run, example, _names(model, len(example)), module)
    imported = import_model(
        walk(program),
        _name(model),
        states=states,
        axes=axes,
        attributes={"source": StringAttr(_qualified(model))},
    )
    imported.warnings.extend(dropped)
    return imported


def _with_time(
    result: Any, inputs: Sequence[torch.Tensor], axes: Axes, dropped: list[Problem]
) -> list[torch.Tensor]:
    """The outputs that have a time axis, where some have: the others are last states."""
    assert axes.time is not None
    found = tensors_of(result)
    steps = axes.steps or inputs[0].shape[axes.time]
    timed = [t for t in found if -t.ndim <= axes.time < t.ndim and t.shape[axes.time] == steps]
    if not timed or len(timed) == len(found):
        return found
    dropped.append(
        Problem(
            "SNC-W004",
            f"{len(found) - len(timed)} of the model's {len(found)} outputs have no time axis: "
            "they are left out (states after the last step are in the trace)",
            severity="warning",
        )
    )
    return timed


def _stepped(model: Any, example: Sequence[torch.Tensor], axes: Axes) -> Imported:
    """A model of one step, run for several: what it keeps by itself, or hands back."""
    module = model if isinstance(model, torch.nn.Module) else None
    steps = axes.steps or STEPS
    sequence = [torch.stack([tensor] * steps) for tensor in example]

    def run(*inputs: torch.Tensor) -> Any:
        outputs: list[list[torch.Tensor]] = []
        states: dict[str, Any] = {}
        for t in range(steps):
            result = model(*(x[t] for x in inputs), **states)
            states = fed_back(model, result)
            outputs.append(_outputs(result, states))
        return [torch.stack(list(parts)) for parts in zip(*outputs, strict=True)]

    program = record(run, sequence, _names(model, len(example)), module)
    return import_model(
        walk(program),
        _name(model),
        axes=replace(axes, time=0, steps=None),
        attributes={"source": StringAttr(_qualified(model))},
    )


def _outputs(result: Any, states: dict[str, Any]) -> list[torch.Tensor]:
    """What a step gives to its caller: without the states that go to the next step."""
    if states and isinstance(result, tuple):
        kept = {id(value) for value in states.values()}
        rest = [part for part in result if id(part) not in kept]
        return tensors_of(rest or [result[0]])
    return tensors_of(result)


def _name(model: Any) -> str:
    name = type(model).__name__ if isinstance(model, torch.nn.Module) else model.__name__
    return "".join(c if c.isalnum() else "_" for c in name)


def _qualified(model: Any) -> str:
    kind = type(model) if isinstance(model, torch.nn.Module) else model
    return f"{kind.__module__}.{kind.__qualname__}"
