"""States by the names that a caller gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from snncc.errors import error
from snncc.importers.graph.graph import cone
from snncc.importers.graph.model import Model, State

States: TypeAlias = "Sequence[str] | Mapping[str, tuple[str, str]]"
"""Names of states in order, or name -> (input, output)."""


def paired(
    states: States, inputs: Sequence[str], outputs: Sequence[str]
) -> list[tuple[str, str, str]]:
    """(name, input, output) of each state. Raises SNC-I024 where they do not fit."""
    if isinstance(states, Mapping):
        pairs = [(label, *ends) for label, ends in states.items()]
    else:
        count = len(states)
        if len(set(states)) != count:
            raise error("SNC-I024", f"states: names stand twice in {', '.join(states)}")
        if count >= len(inputs) or count >= len(outputs):
            raise error(
                "SNC-I024",
                f"{count} states, but the model has {len(inputs)} inputs "
                f"({', '.join(inputs)}) and {len(outputs)} outputs",
                remedy="a step takes its streams, then its states, and gives back both",
            )
        ends = zip(inputs[-count:], outputs[-count:], strict=True)
        pairs = [(label, *pair) for label, pair in zip(states, ends, strict=True)]
        for label, before, _ in pairs:
            if label in inputs and label != before:
                raise error(
                    "SNC-I024",
                    f"states name the last inputs in their order: {label!r} would be the input "
                    f"{before!r}, and is the name of another",
                    remedy="say which: states={NAME: (INPUT, OUTPUT)}",
                )
    for label, before, after in pairs:
        for what, name, known in (("input", before, inputs), ("output", after, outputs)):
            if name not in known:
                raise error(
                    "SNC-I024",
                    f"state {label!r}: no {what} is named {name!r}",
                    remedy=f"{what}s: {', '.join(known)}",
                )
    for what, chosen in (("input", [p[1] for p in pairs]), ("output", [p[2] for p in pairs])):
        twice = next((name for name in chosen if chosen.count(name) > 1), None)
        if twice is not None:
            raise error("SNC-I024", f"states: the {what} {twice!r} is that of two of them")
    return pairs


def labelled(model: Model, states: States) -> Model:
    """The model with some inputs and outputs as states."""
    pairs = paired(states, list(model.inputs), list(model.outputs))
    found = list(model.states)
    read = set(cone(model.outputs.values()))
    for label, before, after in pairs:
        a, b = model.inputs[before], model.outputs[after]
        if a.shape != b.shape:
            raise error(
                "SNC-I024",
                f"state {label!r}: {before} is {list(a.shape)}, {after} is {list(b.shape)}",
            )
        if a not in read:
            raise error(
                "SNC-I024",
                f"state {label!r}: nothing reads its input {before!r}, so it is not carried",
                remedy=None
                if model.live
                else "torch.export makes one input of two that are given the same tensor: "
                "export again with an example tensor of its own for each state",
            )
        found.append(State(label, a, model.graph.cast(b, a.dtype)))
    inputs = {n: v for n, v in model.inputs.items() if n not in {b for _, b, _ in pairs}}
    outputs = {n: v for n, v in model.outputs.items() if n not in {a for _, _, a in pairs}}
    if not inputs or not outputs:
        raise error("SNC-I024", "all inputs or outputs are states: no stream is left")
    if list(outputs) == ["output0"]:  # it was numbered among the states
        outputs = {"output": outputs["output0"]}
    return replace(model, inputs=inputs, outputs=outputs, states=found)
