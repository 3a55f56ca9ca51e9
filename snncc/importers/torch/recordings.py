"""What a live model does, as a recorded graph, and the network of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from xdsl.dialects.builtin import StringAttr

from snncc.dialects import snn
from snncc.errors import SnnccError, error
from snncc.importers.graph.importer import (
    Axes,
    Imported,
    import_model,
)
from snncc.importers.graph.model import Model
from snncc.importers.graph.values import cone
from snncc.importers.torch.feeding import Feed
from snncc.importers.torch.holding import numbers_of
from snncc.importers.torch.record import Observer, record
from snncc.importers.torch.replay import Parted
from snncc.importers.torch.results import tensors_of
from snncc.importers.torch.session import Session, name_of, qualified
from snncc.importers.torch.walk import walk


def recording(session: Session) -> Model:
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


def network_of(imported: Imported) -> snn.NetworkOp:
    return next(op for op in imported.module.ops if isinstance(op, snn.NetworkOp))


def network_of_recording(session: Session, model: Model, axes: Axes, **options: Any) -> Imported:
    _expect_dependence(model)
    source = StringAttr(qualified(session.model))
    attributes = {"source": source}
    return import_model(model, name_of(session.model), axes=axes, attributes=attributes, **options)


def in_a_row(
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


def departure(parted: Parted, strange: Mapping[str, str], *, sequence: bool = False) -> SnnccError:
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
