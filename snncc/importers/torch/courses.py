"""How a live model is run again: step by step with what it feeds back, or as a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from snncc.errors import SnnccError
from snncc.importers.graph.importer import Axes
from snncc.importers.torch.feeding import Feed
from snncc.importers.torch.replay import FEWEST, STEPS, Course
from snncc.importers.torch.results import tensors_of
from snncc.importers.torch.rounded import RoundedSums
from snncc.importers.torch.session import Session


def of_steps(session: Session, feed: Feed, initial: Mapping[str, torch.Tensor]) -> Course:
    """A model of one step: one call for each, from a fresh start."""
    streams = [name for name in session.names if name not in initial]
    examples = {
        name: x for name, x in zip(session.names, session.example, strict=True) if name in streams
    }

    def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
        outputs: list[list[torch.Tensor]] = []
        states: dict[str, Any] = {name: tensor.clone() for name, tensor in initial.items()}
        session.start()
        try:
            with torch.no_grad(), RoundedSums():
                for t in range(given[0].shape[0]):
                    now = dict(zip(streams, (x[t].clone() for x in given), strict=True))
                    now |= {name: states.pop(name) for name in initial}
                    try:
                        result = session.call([now[name] for name in session.names], states)
                    except SnnccError:
                        if t < FEWEST:
                            raise
                        break  # it takes no more steps
                    states = feed.next(result)
                    outputs.append([y.detach().clone() for y in feed.given(result)])
        finally:
            session.start()
        return [torch.stack(parts) for parts in zip(*outputs, strict=True)]

    return Course(examples, run, STEPS, 0, stepwise=True)


def same_results(session: Session, one: Feed, other: Feed) -> bool:
    """Whether a model gives the same, however it is fed."""
    found = []
    for feed in (one, other):
        whole = replace(feed, shows_all=True)
        course = of_steps(session, whole, {})
        given = course.inputs(FEWEST)
        found.append(course.run(given))
    return all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def of_a_sequence(session: Session, axes: Axes, *, fixed: bool = False) -> Course:
    """A model of a whole sequence: one call. `fixed`: of as many steps as the example."""
    examples = dict(zip(session.names, session.example, strict=True))

    def run(given: list[torch.Tensor]) -> list[torch.Tensor]:
        session.start()
        try:
            with torch.no_grad(), RoundedSums():
                result = session.call([x.clone() for x in given], {})
        finally:
            session.start()
        return [y.detach().clone() for y in tensors_of(result)]

    time = axes.time
    sizes = [
        x.shape[time] for x in session.example if time is not None and -x.ndim <= time < x.ndim
    ]
    steps = axes.steps or (sizes[0] if sizes else 0)
    longer = not fixed and steps in sizes
    return Course(examples, run, steps, time, longer=longer)
