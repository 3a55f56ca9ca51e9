"""
The importer of what lives in this process: modules, functions, exported programs.

A module is run on its example and recorded. A module that takes one step is run for a few
steps in a row; one that takes a whole sequence for all of its steps. The loop is then
found and proved as in any unrolled graph (`snncc/importers/graph/reroll.py`), so no class
of neurons needs a rule of its own: what the library computes is what is recorded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from xdsl.dialects.builtin import StringAttr

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.graph import Value, cone
from snncc.importers.graph.importer import (
    Axes,
    Imported,
    import_model,
    inferred,
)
from snncc.importers.graph.labels import States, paired
from snncc.importers.graph.lost import membrane
from snncc.importers.graph.model import Model
from snncc.importers.torch.feeding import Feed, find_feed, free_arguments
from snncc.importers.torch.holding import numbers_of
from snncc.importers.torch.record import Observer, record
from snncc.importers.torch.results import paths_of, tensors_of
from snncc.importers.torch.session import Session, example_of, name_of, qualified
from snncc.importers.torch.walk import walk

STEPS = (6, 12, 24)
"""
Steps that a model of one step is recorded for; more where there is no loop, for a delay is
seen where it is shorter, or where the model has numbers that never come again.
"""


def import_live(
    model: Any,
    example_input: Any,
    states: States | None,
    axes: Axes,
    max_bytes: int | None = None,
) -> Imported:
    """
    The network of a module, of a function of tensors, or of an ExportedProgram.

    Raises SnnccError as `import_model` and `walk` do; SNC-C003 where `model` is none of
    these or the example is none, SNC-I026 where the model cannot be run on it, SNC-I027
    where running it does not show what it does.
    """
    if isinstance(model, torch.export.ExportedProgram):
        return _exported(model, states, axes, max_bytes)
    if isinstance(model, type) or not callable(model):
        raise error(
            "SNC-C003",
            f"expected a path, a torch module, a function or an ExportedProgram, got {model!r}",
            remedy="make an instance of the class" if isinstance(model, type) else None,
        )
    session = Session(model, example_of(example_input))
    with session.entered():
        try:
            imported = _imported(session, states, axes)
        except SnnccError as fault:
            if fault.code != "SNC-I023" or not session.doubled(axes):
                raise
            # one sample alone is not told from other axes of size 1
            try:
                imported = _imported(session, states, axes)
            except SnnccError:
                raise fault from None
    imported.warnings[:0] = session.warnings
    return imported


def _imported(session: Session, states: States | None, axes: Axes) -> Imported:
    if states:
        return _with_states(session, states, axes)
    if axes.time is not None:
        return _sequence(session, axes)
    return _stepped(session, axes)


def _exported(program: Any, states: States | None, axes: Axes, max_bytes: int | None) -> Imported:
    """Through its file: there is one reader of exported programs."""
    from snncc.importers.torch.archive import MAX_BYTES
    from snncc.importers.torch.pt2 import read_pt2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pt2")
        torch.export.save(program, path)
        model = read_pt2(path, max_bytes=max_bytes or MAX_BYTES)
    return import_model(model, "network", states=states, axes=axes)


# --- recordings


def _recording(session: Session) -> Model:
    """One call."""

    def run(*inputs: torch.Tensor) -> list[torch.Tensor]:
        return _expect_tensors(tensors_of(session.call(inputs, {})))

    session.start()
    program = record(run, session.example, session.names, session.module)
    return walk(program)


def _expect_dependence(model: Model) -> None:
    read = set(cone(model.outputs.values()))
    if not any(value in read for value in model.inputs.values()):
        raise error(
            "SNC-I027",
            "no output depends on an input",
            remedy="compute with torch's operators on the tensors that the model is given",
        )


def _expect_tensors(found: list[torch.Tensor]) -> list[torch.Tensor]:
    if not found:
        raise error(
            "SNC-I026",
            "the model gives no tensor back",
            remedy="return the spikes of the step (or of the sequence)",
        )
    return found


def _import(session: Session, model: Model, axes: Axes, **options: Any) -> Imported:
    _expect_dependence(model)
    source = StringAttr(qualified(session.model))
    attributes = {"source": source}
    return import_model(model, name_of(session.model), axes=axes, attributes=attributes, **options)


def _row(
    session: Session, feed: Feed, initial: Mapping[str, torch.Tensor], steps: int
) -> tuple[Model, list[dict[str, Any]]]:
    """Steps in a row; and the numbers that the model held after each of them."""
    streams = [n for n in range(len(session.example)) if session.names[n] not in initial]
    observer = Observer()
    numbers: list[dict[str, Any]] = []

    def run(*inputs: torch.Tensor) -> list[torch.Tensor]:
        outputs: list[list[torch.Tensor]] = []
        states: dict[str, Any] = {name: tensor.clone() for name, tensor in initial.items()}
        for t in range(steps):
            given = dict(zip(names, (x[t] for x in inputs), strict=True))
            given |= {name: states.pop(name) for name in initial}
            result = session.call([given[name] for name in session.names], states)
            states = feed.next(result)
            for name, label in feed.labels.items():
                observer.keep(label, states[name])
            outputs.append(_expect_tensors(feed.given(result)))
            with observer.unseen():
                numbers.append(numbers_of(session.model, observer.follows))
        return [_stacked(parts) for parts in zip(*outputs, strict=True)]

    session.start()
    sequence = [torch.stack([session.example[n]] * steps) for n in streams]
    names = [session.names[n] for n in streams]
    return walk(record(run, sequence, names, session.module, observer)), numbers


def _stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    for t, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise error(
                "SNC-I014",
                f"an output is {list(parts[0].shape)} at the first step and {list(part.shape)} "
                f"at step {t}",
                remedy="start the states with the batch of the example, or with None or 0.0",
            )
    return torch.stack(list(parts))


# --- a whole sequence


def _sequence(session: Session, axes: Axes) -> Imported:
    assert axes.time is not None
    for name, x in zip(session.names, session.example, strict=True):
        if not -x.ndim <= axes.time < x.ndim and axes.steps is None:
            raise error(
                "SNC-C003",
                f"time_axis={axes.time}: {name} has the shape {list(x.shape)}",
                remedy="give T, the number of steps, where an input is constant",
            )
    imported = _import(session, _recording(session), axes)
    if not imported.stateless or imported.states:
        return imported
    if session.carries() or _feed_of(session).paths:
        raise error(
            "SNC-I001",
            f"no step depends on another one along time_axis={axes.time}, but the model keeps "
            "states from call to call: it takes one step",
            node=imported.stateless[0].scope,
            remedy="load it without time_axis",
        )
    return imported


# --- one step


def _feed_of(session: Session) -> Feed:
    free, needed = free_arguments(session.model, len(session.example))
    if needed:
        raise error(
            "SNC-C003",
            f"the example has {len(session.example)} inputs, the model needs "
            f"{', '.join(needed)} as well",
            remedy="give an example of each; of a state too, and name it: states=[...]",
        )
    return find_feed(session.model, free, session.fresh_call)


def _stepped(session: Session, axes: Axes) -> Imported:
    """A model of one step, run for several: what it keeps by itself, or hands back."""
    if axes.steps is not None:
        found = _with_loop_inside(session, axes)
        if found is not None:
            return found
    feed = _feed_of(session)
    try:
        imported = _rolled(session, feed, {}, axes)
    except SnnccError as fault:
        if fault.code != "SNC-I003" or not feed.doubtful:
            raise
        feed = Feed(others=[*feed.paths, *feed.others], warnings=[_not_fed(feed)])
        imported = _rolled(session, feed, {}, axes)
    if imported.stateless:
        found = None if imported.states else _with_loop_inside(session, axes)
        if found is not None:
            return found
        _expect_all_fed(session, feed, imported)
    return imported


def _not_fed(feed: Feed) -> Problem:
    return Problem(
        "SNC-W014",
        f"the model could take its own results as {', '.join(feed.paths)}; it is run without "
        "that, for it starts as it would from no constant state",
        remedy="if it is a state: give an example of it as an input, and name it (states=[...])",
        severity="warning",
    )


def _with_loop_inside(session: Session, axes: Axes) -> Imported | None:
    """A model whose inputs are the same at every step of the loop in its code."""
    model = _recording(session)
    if inferred(model, axes) is None:
        return None
    return _import(session, model, axes, loop_inside=True)


def _rolled(
    session: Session, feed: Feed, initial: Mapping[str, torch.Tensor], axes: Axes
) -> Imported:
    """The loop of as many steps as are needed to find one."""
    for steps in STEPS:
        model, numbers = _row(session, feed, initial, steps)
        strange = _never_again(numbers)
        try:
            found = _import(session, model, replace(axes, time=0, steps=None), one_step=True)
        except SnnccError as fault:
            if fault.code not in ("SNC-I003", "SNC-I027") or steps == STEPS[-1]:
                raise
            continue
        if not strange or steps == STEPS[-1]:
            break
    found.warnings.extend(feed.warnings)
    counted = {state.name for state in model.states}
    for path, (before, after) in strange.items():
        if path in counted:
            raise error(
                "SNC-I027",
                f"{path} follows from no input and is another number after every step",
                node=path,
                remedy="give it as an input of the step: a counter is none of a neuron's states",
            )
        found.warnings.append(
            Problem(
                "SNC-W013",
                f"the model's {path!r} is another number after every step ({before}, then "
                f"{after}): what it changes after {STEPS[-1]} steps is not seen",
                path,
                "make it an input of the step, or compute it with tensors that follow from one",
                "warning",
            )
        )
    return found


def _never_again(numbers: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """
    What a model held last and never before, beside what follows from its inputs. Where
    all comes again, the steps that were seen are all that there are.
    """
    last = numbers[-1]
    if len(numbers) < 2 or any(earlier == last for earlier in numbers[:-1]):
        return {}
    before = numbers[-2]
    found = {}
    for path, value in last.items():
        earlier = before.get(path)
        if path in before and all(n.get(path) != value for n in numbers[:-1]):
            found[path] = (_shown(earlier), _shown(value))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 3:
        value = value[2]
    return str(value)[:40]


def _expect_all_fed(session: Session, feed: Feed, imported: Imported) -> None:
    """Raises SNC-I001 where a spike has no state, and something could have been one."""
    with torch.no_grad():
        session.start()
        result = session.call([x.clone() for x in session.example], {})
        session.start()
    results = [list(tensor.shape) for tensor in tensors_of(result)]
    if len(results) < 2:
        return
    behind = set(session.names[1:])
    for spike in imported.stateless:
        read = _inputs_of(spike)
        doubtful = sorted(read & behind)
        same = [
            n
            for n in doubtful
            if results.count(list(session.example[session.names.index(n)].shape))
        ]
        if same:
            raise error(
                "SNC-I001",
                f"a spike depends on no state but on the input {same[0]!r}, and a result has its "
                "shape: the next step would need it",
                node=spike.scope,
                remedy=f"name it as a state (states=[{same[0]!r}]), or leave it out of the example "
                "and give it a default (None)",
            )
    if feed.others and not feed.paths and not imported.states:
        raise error(
            "SNC-I001",
            f"a spike has no state: of the {len(results)} results nothing could be fed back to "
            f"{', '.join(feed.others)}",
            node=imported.stateless[0].scope,
            remedy="give an example of each state as an input, and name them: states=[...]",
        )


def _inputs_of(value: Value) -> set[str]:
    names = {str(v.name) for v in membrane(value) if v.op == "input"}
    return {name.rpartition(" at ")[0] or name for name in names}


# --- states by name


def _with_states(session: Session, states: States, axes: Axes) -> Imported:
    """
    A step whose states the caller names; one that keeps others by itself is run for several
    steps, in which the named ones are handed on.
    """
    if not session.carries():
        return _import(session, _recording(session), axes, states=states)
    places = paths_of(session.fresh_call({}))
    outputs = [f"output{i}" for i in range(len(places))]
    feed, initial = Feed(), {}
    for label, before, after in paired(states, session.names, outputs):
        initial[before] = torch.zeros_like(session.example[session.names.index(before)])
        feed.paths[before] = places[outputs.index(after)]
        feed.labels[before] = label
    return _rolled(session, feed, initial, axes)
