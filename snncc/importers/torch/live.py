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

from snncc.dialects import snn
from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.importer import (
    Axes,
    Imported,
    import_model,
    inferred,
)
from snncc.importers.graph.labels import States, paired, stem
from snncc.importers.graph.lost import membrane
from snncc.importers.graph.model import Model
from snncc.importers.graph.operations import ELEMENTWISE
from snncc.importers.graph.values import Value, cone
from snncc.importers.torch.courses import of_a_sequence, of_steps, same_results
from snncc.importers.torch.feeding import Feed, find_feed, free_arguments
from snncc.importers.torch.holding import numbers_of, shown
from snncc.importers.torch.record import Observer, record
from snncc.importers.torch.replay import Parted, Replayed, replay
from snncc.importers.torch.results import named_parts, paths_of, tensors_of
from snncc.importers.torch.session import Session, example_of, floats_of, name_of, qualified
from snncc.importers.torch.walk import walk

STEPS = (6, 12, 24)
"""
Steps that a model of one step is recorded for; more where there is no loop, or another than
the model has in more steps: a delay is seen where it is shorter.
"""

CHAINED = 3
"""Spikes in a row, one made of the other, that are the steps of one neuron."""
MAX_STRETCHED = 64
"""Steps of a second, longer recording of a sequence."""


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
    session = Session(model, example_of(example_input, floats_of(model, example_input)))
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
            remedy="compute with torch's operators on the tensors that the model is given; where a "
            "delay is longer than the example, give more steps",
        )


def _expect_tensors(found: list[torch.Tensor]) -> list[torch.Tensor]:
    if not found:
        raise error(
            "SNC-I026",
            "the model gives no tensor back",
            remedy="return the spikes of the step (or of the sequence)",
        )
    return found


def _network_of(imported: Imported) -> snn.NetworkOp:
    return next(op for op in imported.module.ops if isinstance(op, snn.NetworkOp))


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
    imported = _longer_sequence(session, axes)
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


def _longer_sequence(session: Session, axes: Axes) -> Imported:
    """
    The network of a model of a whole sequence. Where a longer one shows more than the example
    does, a delay for example, it is read from that.
    """
    imported = _import(session, _recording(session), axes)
    replayed = _replayed(session, imported, axes)
    if replayed.parted is None:
        imported.warnings.extend(replayed.warnings)
        return imported
    longer = of_a_sequence(session, axes).stretched(replayed.parted.step)
    if longer is not None and longer.steps <= MAX_STRETCHED:
        before, session.example = session.example, list(longer.examples.values())
        try:
            again = _import(session, _recording(session), axes)
            if "sequence" not in _network_of(again).attributes:
                found = _replayed(session, again, axes)
                if found.parted is None:
                    again.warnings.extend(found.warnings)
                    return again
        except SnnccError:
            pass
        finally:
            session.example = before
    raise _parted(replayed.parted, {}, sequence=True)


def _replayed(session: Session, imported: Imported, axes: Axes) -> Replayed:
    return replay(imported, of_a_sequence(session, axes), axes)


def _parted(parted: Parted, strange: Mapping[str, str], *, sequence: bool = False) -> SnnccError:
    """The model does otherwise than the network: what may be the reason."""
    if strange:
        path, how = next(iter(strange.items()))
        return error(
            "SNC-I027",
            f"{parted}; the model's {path!r} {how}",
            node=path,
            remedy="keep what the next steps need in tensors that follow from the inputs, or "
            "give it as an input of the step",
        )
    return error(
        "SNC-I027",
        str(parted),
        remedy="what the model does must not depend on how many steps there are: load one step, "
        "or give an example as long as its longest delay"
        if sequence
        else "the model may keep numbers or states where they are not seen (outside of the "
        "module, or out of torch): keep them as tensors in the module, or hand them on",
    )


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
    feed = find_feed(session.model, free, session.fresh_call)
    if feed.paths and session.carries():
        return _beside_others(session, feed)
    return feed


def _beside_others(session: Session, feed: Feed) -> Feed:
    """
    What a model is fed that keeps states by itself, too. An argument that adds a current, or
    that stands in for a state that is kept anyway, is none of what the next step needs.
    """
    alone = Feed(others=[*feed.paths, *feed.others])
    if same_results(session, feed, alone):
        return feed
    if feed.doubtful:
        alone.warnings.append(_not_fed(feed))
        return alone
    if not feed.named:
        names = ", ".join(feed.paths)
        raise error(
            "SNC-I001",
            f"the model keeps states by itself, and could take its own results as {names} as "
            "well: with them it does otherwise than without",
            remedy=f"if it is a state: give an example of it as an input, and name it "
            f"(states=[{next(iter(feed.paths))!r}]); if not: leave the argument out "
            "(snncc.load(lambda x: model(x), x))",
        )
    feed.warnings.append(
        Problem(
            "SNC-W014",
            f"the model keeps states by itself, and is fed its own results as "
            f"{', '.join(feed.paths)} as well, by their names",
            remedy="name them (states=[...]) to say that this is meant, or leave the argument "
            "out: snncc.load(lambda x: model(x), x)",
            severity="warning",
        )
    )
    return feed


def _stepped(session: Session, axes: Axes) -> Imported:
    """A model of one step, run for several: what it keeps by itself, or hands back."""
    if axes.steps is not None:
        found = _with_loop_inside(session, axes)
        if found is not None:
            return found
    feed = _feed_of(session)
    if axes.steps is not None and not feed.paths and not session.carries():
        raise error(
            "SNC-I003",
            f"the model keeps nothing from call to call, and in one call no loop of {axes.steps} "
            "steps (T) was found that gives an output for each",
            remedy="return the outputs of all steps, stacked, and take sums and means of what the "
            "network gives; an input that is encoded in time: encode it outside, and use "
            "time_axis; a model of one step: leave T out",
        )
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
        if not imported.states:
            _expect_no_loop_inside(imported)
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
    imported = _import(session, model, axes, loop_inside=True)
    replayed = replay(imported, of_a_sequence(session, axes, fixed=True), axes)
    if replayed.parted is not None:
        raise _parted(replayed.parted, {}, sequence=True)
    imported.warnings.extend(replayed.warnings)
    return imported


def _rolled(
    session: Session, feed: Feed, initial: Mapping[str, torch.Tensor], axes: Axes
) -> Imported:
    """The loop of as many steps as are needed to find the one that more steps confirm."""
    course = of_steps(session, feed, initial)
    for steps in STEPS:
        last = steps == STEPS[-1]
        model, numbers = _row(session, feed, initial, steps)
        strange = _never_again(numbers)
        try:
            found = _import(session, model, replace(axes, time=0, steps=None), one_step=True)
        except SnnccError as fault:
            if fault.code not in ("SNC-I003", "SNC-I027") or last:
                raise _named(fault, numbers) from None
            continue
        replayed = replay(found, course, axes)
        if replayed.parted is None:
            break
        if last:
            raise _parted(replayed.parted, strange or _changing(numbers))
    found.warnings.extend([*feed.warnings, *replayed.warnings])
    counted = {state.name for state in model.states}
    seen = max(steps, replayed.steps)
    for path, how in strange.items():
        if path in counted:
            raise error(
                "SNC-I027",
                f"{path} follows from no input and {how}",
                node=path,
                remedy="give it as an input of the step: a counter is none of a neuron's states",
            )
        found.warnings.append(
            Problem(
                "SNC-W013",
                f"the model's {path!r} {how}: what it changes after {seen} steps is not seen",
                path,
                "make it an input of the step, or compute it with tensors that follow from one",
                "warning",
            )
        )
    return found


def _named(fault: SnnccError, numbers: Sequence[dict[str, Any]]) -> SnnccError:
    """A step without a loop, with what the model holds that changes at every step."""
    changing = _changing(numbers)
    if fault.code != "SNC-I003" or not changing:
        return fault
    path, how = next(iter(changing.items()))
    problem = fault.problems[0]
    return SnnccError(replace(problem, message=f"{problem.message}; {path!r} {how}", node=path))


def _never_again(numbers: Sequence[dict[str, Any]]) -> dict[str, str]:
    """
    What a model held last and never before, beside what follows from its inputs: place ->
    what it does. Where all comes again, the steps that were seen are all that there are.
    """
    last = numbers[-1]
    if len(numbers) < 2 or any(earlier == last for earlier in numbers[:-1]):
        return {}
    before = numbers[-2]
    found = {}
    for path, value in last.items():
        if path not in before:
            if path not in numbers[0]:
                found[path.rpartition(".")[0] or path] = "grows at every step"
        elif all(n.get(path) != value for n in numbers[:-1]):
            found[path] = _told(before[path], value)
    return found


def _changing(numbers: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What a model holds that is something else after the last step than before it."""
    if len(numbers) < 2:
        return {}
    before, last = numbers[-2:]
    changing = {}
    for path, value in last.items():
        if path not in before:
            changing[path.rpartition(".")[0] or path] = "grows at every step"
        elif before[path] != value:
            changing[path] = _told(before[path], value)
    return changing


def _told(before: Any, after: Any) -> str:
    return f"is another number after every step ({shown(before)}, then {shown(after)})"


def _expect_no_loop_inside(imported: Imported) -> None:
    """Raises SNC-I003 where spikes follow from spikes as of one neuron in several steps."""
    depth: dict[Value, int] = {}
    for spike in imported.stateless:
        before = [
            depth[operand]
            for value in (spike, *membrane(spike))
            if value is spike or value.op in ELEMENTWISE
            for operand in value.operands
            if operand in depth and operand.shape == spike.shape
        ]
        depth[spike] = 1 + max(before, default=0)
        if depth[spike] >= CHAINED:
            raise error(
                "SNC-I003",
                "spikes follow from spikes without weights in between, and no step from the step "
                "before: the model runs a neuron for several steps in one call",
                node=spike.scope,
                remedy="return the outputs of all steps, stacked, and take sums and means of "
                "what the network gives (T=... where the input is constant)",
            )


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
    result = session.fresh_call({})
    places = paths_of(result)
    outputs = ["output"] if len(places) == 1 else [f"output{i}" for i in range(len(places))]
    names = named_parts(session.model, result)
    told = {o: names[place] for o, place in zip(outputs, places, strict=True) if place in names}
    feed, initial = Feed(), {}
    session.warnings.extend(_crossed(states, told))
    for label, before, after in paired(states, session.names, outputs, told):
        initial[before] = torch.zeros_like(session.example[session.names.index(before)])
        feed.paths[before] = places[outputs.index(after)]
        feed.labels[before] = label
    if session.carries():
        return _rolled(session, feed, initial, axes)
    model = replace(_recording(session), told=told)
    imported = _import(session, model, axes, states=states)
    replayed = replay(imported, of_steps(session, feed, initial), axes)
    if replayed.parted is not None:
        raise _parted(replayed.parted, {})
    imported.warnings.extend(replayed.warnings)
    return imported


def _crossed(states: States, told: Mapping[str, str]) -> list[Problem]:
    """States whose outputs a caller names, where the model calls these as other states."""
    if not isinstance(states, Mapping):
        return []
    stems = {stem(label): label for label in states}
    return [
        Problem(
            "SNC-W014",
            f"the state {label!r} gets the output {after!r}, which the model calls {told[after]!r}",
            label,
            f"{told[after]!r} is the name of another state: outputs are counted from output0",
            "warning",
        )
        for label, (_, after) in states.items()
        if after in told and stems.get(stem(told[after]), label) != label
    ]
