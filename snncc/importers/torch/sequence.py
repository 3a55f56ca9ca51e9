"""Models of a whole sequence, or with a loop of steps in their code."""

from __future__ import annotations

from snncc.errors import SnnccError, error
from snncc.importers.graph.importer import (
    Axes,
    Imported,
    inferred,
)
from snncc.importers.torch.courses import of_a_sequence
from snncc.importers.torch.fed import feed_of
from snncc.importers.torch.recordings import departure, network_of, network_of_recording, recording
from snncc.importers.torch.replay import Replayed, replay
from snncc.importers.torch.session import Session

MAX_STRETCHED = 64
"""Steps of a second, longer recording of a sequence."""


def sequence(session: Session, axes: Axes) -> Imported:
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
    if session.carries() or feed_of(session).paths:
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
    imported = network_of_recording(session, recording(session), axes)
    replayed = _replayed(session, imported, axes)
    if replayed.parted is None:
        imported.warnings.extend(replayed.warnings)
        return imported
    longer = of_a_sequence(session, axes).stretched(replayed.parted.step)
    if longer is not None and longer.steps <= MAX_STRETCHED:
        before, session.example = session.example, list(longer.examples.values())
        try:
            again = network_of_recording(session, recording(session), axes)
            if "sequence" not in network_of(again).attributes:
                found = _replayed(session, again, axes)
                if found.parted is None:
                    again.warnings.extend(found.warnings)
                    return again
        except SnnccError:
            pass
        finally:
            session.example = before
    raise departure(replayed.parted, {}, sequence=True)


def _replayed(session: Session, imported: Imported, axes: Axes) -> Replayed:
    return replay(imported, of_a_sequence(session, axes), axes)


def with_loop_inside(session: Session, axes: Axes) -> Imported | None:
    """A model whose inputs are the same at every step of the loop in its code."""
    model = recording(session)
    if inferred(model, axes) is None:
        return None
    imported = network_of_recording(session, model, axes, loop_inside=True)
    replayed = replay(imported, of_a_sequence(session, axes, fixed=True), axes)
    if replayed.parted is not None:
        raise departure(replayed.parted, {}, sequence=True)
    imported.warnings.extend(replayed.warnings)
    return imported
