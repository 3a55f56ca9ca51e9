"""States by the names that a caller gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from snncc.errors import Problem, error
from snncc.importers.graph.model import Model, State
from snncc.importers.graph.values import Value, cone

States: TypeAlias = "Sequence[str] | Mapping[str, tuple[str, str]]"
"""Names of states in order, or name -> (input, output)."""


_AFFIXES = frozenset(("", "new", "next", "out", "output", "in", "input", "prev", "old", "t"))


def stem(name: str) -> str:
    """`v` of `v_next`, `new_v`, `v_out` and `v.in`."""
    words = [word for word in re.split(r"[^0-9a-z]+", name.lower()) if word not in _AFFIXES]
    return "_".join(words) or name


def paired(
    states: States,
    inputs: Sequence[str],
    outputs: Sequence[str],
    told: Mapping[str, str] | None = None,
) -> list[tuple[str, str, str]]:
    """
    (name, input, output) of each state; `told` are the model's own names of outputs. An
    output may be a state as well where no other one is left: the spikes of a recurrent layer.

    Raises SNC-I024 where they do not fit.
    """
    told = told or {}
    if isinstance(states, Mapping):
        pairs = [(label, *ends) for label, ends in states.items()]
    else:
        count = len(states)
        if len(set(states)) != count:
            raise error("SNC-I024", f"states: names stand twice in {', '.join(states)}")
        if count >= len(inputs) or count > len(outputs):
            raise error(
                "SNC-I024",
                f"{count} states, but the model has {len(inputs)} inputs "
                f"({', '.join(inputs)}) and {len(outputs)} outputs",
                remedy="a step takes its streams, then its states, and gives back both",
            )
        ends = zip(inputs[-count:], outputs[-count:], strict=True)
        pairs = [(label, *pair) for label, pair in zip(states, ends, strict=True)]
        for label, before, after in pairs:
            if label in inputs and label != before:
                raise error(
                    "SNC-I024",
                    f"states name the last inputs in their order: {label!r} would be the input "
                    f"{before!r}, and is the name of another",
                    remedy="say which: states={NAME: (INPUT, OUTPUT)}",
                )
            _expect_no_other(label, before, after, outputs, told)
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
    _expect_none_left(pairs, inputs, outputs, told)
    return pairs


def _expect_no_other(
    label: str, before: str, after: str, outputs: Sequence[str], told: Mapping[str, str]
) -> None:
    """Refuses an output by its place where another one has the name of the state."""
    wanted = {stem(label), stem(before)}
    if stem(told.get(after, after)) in wanted:
        return
    for other in outputs:
        name = told.get(other, other)
        if other != after and stem(name) in wanted:
            raise error(
                "SNC-I024",
                f"states name the last outputs in their order: {label!r} would be the output "
                f"{told.get(after, after)!r}, and {name!r} is another one",
                remedy=f"say which: states={{{label!r}: ({before!r}, {other!r}), ...}}",
            )


def _expect_none_left(
    pairs: Sequence[tuple[str, str, str]],
    inputs: Sequence[str],
    outputs: Sequence[str],
    told: Mapping[str, str],
) -> None:
    """Refuses an input behind the first that an output is the next value of, by its name."""
    given = {before for _, before, _ in pairs}
    for left in inputs[1:]:
        if left in given:
            continue
        for output in outputs:
            name = told.get(output, output)
            if stem(name) == stem(left):
                known = [label for label, _, _ in pairs]
                raise error(
                    "SNC-I024",
                    f"the input {left!r} is no state, and the output {name!r} has its name",
                    remedy=f"name it as well, in the order of the inputs: states={[left, *known]}",
                )


def labelled(model: Model, states: States) -> Model:
    """The model with some inputs and outputs as states."""
    pairs = paired(states, list(model.inputs), list(model.outputs), model.told)
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
    if not inputs:
        raise error(
            "SNC-I024",
            "all inputs are states: no stream is left",
            remedy="a step takes its streams in front of its states",
        )
    if not outputs:  # the first is an output as well: the spikes that a layer is given again
        outputs = dict([next(iter(model.outputs.items()))])
    if list(outputs) == ["output0"]:  # it was numbered among the states
        outputs = {"output": outputs["output0"]}
    warnings = [*model.warnings, *_perhaps_left(model, inputs, outputs)]
    return replace(model, inputs=inputs, outputs=outputs, states=found, warnings=warnings)


def _perhaps_left(
    model: Model, inputs: Mapping[str, Value], outputs: Mapping[str, Value]
) -> list[Problem]:
    """Inputs in the shape of an output, where outputs have no names of their own."""
    if model.told or not all(name.startswith("output") for name in outputs):
        return []
    shapes = {value.shape for value in outputs.values()}
    return [
        Problem(
            "SNC-W014",
            f"the input {name!r} is no state, and has the shape of an output",
            name,
            "if it is what the last step gave, name it as well (states=[...]): an output may be "
            "a state",
            "warning",
        )
        for name, value in list(inputs.items())[1:]
        if value.shape in shapes
    ]
