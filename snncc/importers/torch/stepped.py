"""Models of one step, run for several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.importer import (
    Axes,
    Imported,
)
from snncc.importers.graph.labels import States, paired, stem
from snncc.importers.torch.courses import of_steps
from snncc.importers.torch.fed import feed_of, not_fed
from snncc.importers.torch.feeding import Feed
from snncc.importers.torch.numbers import changes, never_again, with_numbers
from snncc.importers.torch.recordings import departure, in_a_row, network_of_recording, recording
from snncc.importers.torch.replay import replay
from snncc.importers.torch.results import named_parts, paths_of
from snncc.importers.torch.sequence import with_loop_inside
from snncc.importers.torch.session import Session
from snncc.importers.torch.stateless import expect_all_fed, expect_no_loop_inside

STEPS = (6, 12, 24)
"""
Steps that a model of one step is recorded for; more where there is no loop, or another than
the model has in more steps: a delay is seen where it is shorter.
"""


def stepped(session: Session, axes: Axes) -> Imported:
    """A model of one step, run for several: what it keeps by itself, or hands back."""
    if axes.steps is not None:
        found = with_loop_inside(session, axes)
        if found is not None:
            return found
    feed = feed_of(session)
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
        feed = Feed(others=[*feed.paths, *feed.others], warnings=[not_fed(feed)])
        imported = _rolled(session, feed, {}, axes)
    if imported.stateless:
        found = None if imported.states else with_loop_inside(session, axes)
        if found is not None:
            return found
        if not imported.states:
            expect_no_loop_inside(imported)
        expect_all_fed(session, feed, imported)
    return imported


def _rolled(
    session: Session, feed: Feed, initial: Mapping[str, torch.Tensor], axes: Axes
) -> Imported:
    """The loop of as many steps as are needed to find the one that more steps confirm."""
    course = of_steps(session, feed, initial)
    for steps in STEPS:
        last = steps == STEPS[-1]
        model, numbers = in_a_row(session, feed, initial, steps)
        strange = never_again(numbers)
        try:
            found = network_of_recording(
                session, model, replace(axes, time=0, steps=None), one_step=True
            )
        except SnnccError as fault:
            if fault.code not in ("SNC-I003", "SNC-I027") or last:
                raise with_numbers(fault, numbers) from None
            continue
        replayed = replay(found, course, axes)
        if replayed.parted is None:
            break
        if last:
            raise departure(replayed.parted, strange or changes(numbers))
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


def with_states(session: Session, states: States, axes: Axes) -> Imported:
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
    model = replace(recording(session), told=told)
    imported = network_of_recording(session, model, axes, states=states)
    replayed = replay(imported, of_steps(session, feed, initial), axes)
    if replayed.parted is not None:
        raise departure(replayed.parted, {})
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
