"""Where two networks part: the first step and neuron, and what stood in the membrane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.errors import error
from snncc.network import Network


@dataclass(frozen=True)
class Difference:
    """Two neurons (or outputs), one of each network, over a run."""

    name_a: str
    name_b: str
    shape: tuple[int, ...]
    differing: int
    """Values that differ, of all steps and samples."""
    compared: int
    step: int | None = None
    """The first step that differs; None where they are equal throughout."""
    place: tuple[int, ...] = ()
    """Sample and element of the first difference, in C order."""
    value_a: float = 0.0
    value_b: float = 0.0
    states_a: dict[str, float] | None = None
    """The neuron's states after that step."""
    states_b: dict[str, float] | None = None
    apart: tuple[str, int, float] | None = None
    """
    Where values are equal throughout: the first state of one name that differs, its first
    step, and by how much at most.
    """


def diff(a: Network, b: Network, x: Any, *, steps: int | None = None) -> list[Difference]:
    """
    Compares every neuron of `a` with its like in `b`, in the order of one step.

    Neurons are matched by their names, or, where the names differ, by their order among
    those of one shape; outputs by name or order. Where several differ at one step, the
    first in the list is the cause. Raises SNC-R001 where the networks cannot be compared.
    """
    if list(a.inputs.values()) != list(b.inputs.values()):
        raise error("SNC-R001", f"the inputs differ: {a!r} and {b!r}")
    traced_a = a.run(x, trace=True, steps=steps)
    given = x if not isinstance(x, Mapping) else dict(zip(b.inputs, x.values(), strict=True))
    traced_b = b.run(given, trace=True, steps=steps)
    pairs = _pairs(a, b)
    if not pairs:
        raise error("SNC-R001", "the networks have no neuron and no output in common")
    shapes = {**_neurons(a), **a.outputs}
    return [_compare(traced_a, traced_b, *pair, shapes[pair[0]]) for pair in pairs]


def first_of(differences: list[Difference]) -> Difference | None:
    """The earliest; of those at one step the first in the order of the networks."""
    found = [d for d in differences if d.step is not None]
    return min(found, key=lambda d: d.step or 0) if found else None


def _pairs(a: Network, b: Network) -> list[tuple[str, str]]:
    neurons = _match(_neurons(a), _neurons(b))
    outputs = _match(a.outputs, b.outputs)
    known = {pair[0] for pair in neurons}
    return [*neurons, *(pair for pair in outputs if pair[0] not in known)]


def _neurons(network: Network) -> dict[str, tuple[int, ...]]:
    names = StateNames(network.op)
    return {
        name: op.population
        for op, name in names.node_of.items()
        if isinstance(op, snn.NeuronOp) and op.initial_states
    }


def _match(
    a: Mapping[str, tuple[int, ...]], b: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, str]]:
    """By name where the shape agrees too; the others by their order, shape by shape."""
    same = {name for name, shape in a.items() if b.get(name) == shape}
    rest = [name for name in b if name not in same]
    pairs = []
    for name, shape in a.items():
        if name in same:
            pairs.append((name, name))
            continue
        like = next((other for other in rest if b[other] == shape), None)
        if like is not None:
            rest.remove(like)
            pairs.append((name, like))
    return pairs


def _compare(
    traced_a: Mapping[str, Any],
    traced_b: Mapping[str, Any],
    name_a: str,
    name_b: str,
    shape: tuple[int, ...],
) -> Difference:
    left: Array = np.asarray(traced_a[name_a], np.float64)
    right: Array = np.asarray(traced_b[name_b], np.float64)
    if left.shape != right.shape:
        raise error(
            "SNC-R001", f"{name_a} has shape {list(left.shape)}, {name_b} {list(right.shape)}"
        )
    places = np.argwhere(left != right)
    if not len(places):
        apart = _states_apart(traced_a, traced_b, name_a, name_b)
        return Difference(name_a, name_b, shape, 0, left.size, apart=apart)
    place = tuple(int(i) for i in places[0])
    return Difference(
        name_a,
        name_b,
        shape,
        len(places),
        left.size,
        place[0],
        place[1:],
        float(left[place]),
        float(right[place]),
        _states(traced_a, name_a, place),
        _states(traced_b, name_b, place),
    )


def _states_apart(
    traced_a: Mapping[str, Any], traced_b: Mapping[str, Any], name_a: str, name_b: str
) -> tuple[str, int, float] | None:
    """The state that parts first, where some do."""
    found = []
    for key, array in traced_a.items():
        state = key.removeprefix(f"{name_a}.")
        other = traced_b.get(f"{name_b}.{state}")
        if key == state or other is None or np.shape(other) != np.shape(array):
            continue
        gap = np.abs(np.asarray(array, np.float64) - np.asarray(other, np.float64))
        if (gap > 0).any():
            step = int(np.argwhere(gap > 0)[0][0])
            found.append((state, step, float(gap.max())))
    return min(found, key=lambda apart: apart[1], default=None)


def _states(traced: Mapping[str, Any], name: str, place: tuple[int, ...]) -> dict[str, float]:
    found = {}
    for key, array in traced.items():
        if key.startswith(f"{name}.") and key != "final" and np.ndim(array) == len(place):
            found[key.removeprefix(f"{name}.")] = float(array[place])
    return found
