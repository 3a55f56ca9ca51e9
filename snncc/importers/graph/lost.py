"""
What a model says on its way here, and what it lost: states that exporters drop without a
word, and numbers that a network does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.model import Model, State
from snncc.importers.graph.values import Value, cone

REMEDY = (
    "load the live module, or export the step with its states as inputs and outputs and name "
    "them (states=[...]); a model of a whole sequence needs time_axis, and one step none"
)


def is_spike(value: Value) -> bool:
    """A comparison of floats that depends on more than constants, or a count."""
    compares = value.op in ("gt", "ge", "lt", "le", "spike", "spike_count")
    return compares and value.operands[0].dtype.kind == "f"


def stateless_spikes(ends: Iterable[Value], states: Sequence[State]) -> list[Value]:
    """The spikes of a step whose membranes depend on no state of their own."""
    order = cone(ends)
    carried = {state.before for state in states}
    following: set[Value] = set()
    stateless = []
    for value in order:
        follows = value in carried or any(operand in following for operand in value.operands)
        if is_spike(value):
            if not follows:
                stateless.append(value)
        elif follows:
            following.add(value)
    return stateless


def membrane(spike: Value) -> list[Value]:
    """What a spike compares, back to the spikes of others."""
    found: list[Value] = []
    stack, seen = list(spike.operands), {spike}
    while stack:
        value = stack.pop()
        if value not in seen and not is_spike(value):
            seen.add(value)
            found.append(value)
            stack.extend(value.operands)
    return found


def float_type(ends: Iterable[Value]) -> np.dtype[Any]:
    """
    The type of all floats of a step: float32, or float64. Raises SNC-I012 for others, and
    where a step computes in both.
    """
    found: np.dtype[Any] | None = None
    for value in cone(ends):
        if value.dtype.kind != "f" or value.is_constant:
            continue
        found = value.dtype if found is None else found
        if value.dtype != found or value.dtype not in (np.float32, np.float64):
            what = value.name or value.op
            both = f" beside {found}" if value.dtype != found else ""
            raise error(
                "SNC-I012",
                f"{what} is of {value.dtype}{both}: networks compute in float32 or in float64",
                node=value.scope,
                remedy="convert the whole model (model.float(), or model.double()), its example, "
                "and what its code makes of its own (torch.zeros, .double())",
            )
    return np.dtype(np.float32) if found is None else found


def expect_no_lost_state(
    model: Model, spikes: Sequence[Value], states: Sequence[State], warnings: list[Problem]
) -> None:
    """
    Raises SNC-I001 or SNC-I002 where spikes of a file have no state and should have one:
    where no spike has a state, or a tensor that is read and never written has the shape of
    such spikes with their batch. Else, where weights made the current, there is a warning.
    """
    spike = spikes[0]
    if not states:
        raise _lost(model, spike, _alike(model, spike))
    for spike in spikes:
        held = [name for name in _alike(model, spike) if _has_batch(model, name, spike)]
        if held:
            raise _lost(model, spike, held)
    weighed = [value for value in spikes if _is_weighed(value)]
    if weighed:
        warnings.append(
            Problem(
                "SNC-W016",
                f"{len(weighed)} of the model's spikes have no state, where others have one: a "
                "threshold of a current, or neurons whose states the export has lost",
                weighed[0].scope,
                "compare the spikes with the model's, or load the live module",
                "warning",
            )
        )


def _alike(model: Model, spike: Value) -> list[str]:
    """Tensors that are no parameters, in the shape of a spike but for the batch."""
    return [
        name
        for name, array in model.constants.items()
        if array.ndim > 1 and array.shape[1:] == spike.shape[1:]
    ]


def _has_batch(model: Model, name: str, spike: Value) -> bool:
    """Whether a tensor is as large as the spike, samples and all."""
    array = model.constants[name]
    return array.shape == spike.shape and array.shape[0] > 1 and array.dtype.kind == "f"


def _is_weighed(spike: Value) -> bool:
    """Whether weights gave what the spike compares: it is no encoding of the input."""
    return any(value.op in ("linear", "conv", "matmul") for value in membrane(spike))


def _lost(model: Model, spike: Value, held: Sequence[str]) -> SnnccError:
    """A spike without a state: the export lost it, or it is a model of a whole sequence."""
    lifted = next((name for name in held if "lifted_tensor" in name), None)
    if lifted is not None:
        return error(
            "SNC-I002",
            f"the constant {lifted!r} {list(model.constants[lifted].shape)} looks like a state: "
            "a tensor that the model assigned anew (an attribute, a memory of SpikingJelly), "
            "which the export has lost",
            node=spike.scope,
            remedy=REMEDY,
        )
    where = f"; {held[0]!r} is read but never written" if held else ""
    return error(
        "SNC-I001",
        f"a spike has no state that is carried between steps{where}",
        node=spike.scope,
        remedy=_named_inputs(model, spike) or REMEDY,
    )


def _named_inputs(model: Model, spike: Value) -> str | None:
    """What to say where inputs behind the first have the shape of the spike."""
    _, *behind = model.inputs.items()
    names = [name for name, value in behind if value.shape == spike.shape]
    if not names or len(names) > len(model.outputs):
        return None
    return f"its last inputs look like its states: give states={names}"
