"""
Where two networks part: the first step and neuron, and what stood in the membrane.

A network of integers counts in steps of its own (`scales_of`), so numbers are compared in
the unit of the float network: whole numbers times what one of them is worth. Spikes and
counts are compared as they are, and so are whole numbers of one scale. Where scales differ,
or one side is a float, numbers part where they are further from each other than half a
whole number of each side: no grid can be nearer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.errors import error
from snncc.network import Network
from snncc.passes.quantization.scales import is_whole, output_scales, scales_of


@dataclass(frozen=True)
class Apart:
    """A state of two neurons that parts."""

    name: str
    """Of the state alone, such as `v`."""
    step: int
    gap: float
    """The largest distance over the run."""


@dataclass(frozen=True)
class Difference:
    """
    Two neurons (or outputs), one of each network, over a run. Values are in the unit of the
    float network; `whole_...` are what stands for them in a network of integers.
    """

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
    whole_a: dict[str, int] | None = None
    """Of these states and, by its name, of the value: those that are whole numbers."""
    whole_b: dict[str, int] | None = None
    gap: float = 0.0
    """The largest distance of two values over the run."""
    unit: float | None = None
    """
    Where the two do not count in the same steps: what one whole number is worth, the largest
    of both sides. None where spikes, counts, floats or numbers of one scale are compared.
    """
    apart: Apart | None = None
    """The state of one name that parts first."""


@dataclass(frozen=True)
class _Traced:
    """A network's run, and what its whole numbers are worth."""

    run: Mapping[str, Any]
    scales: Mapping[str, Array]
    """Of all that is counted, outputs that are floats again too."""

    @classmethod
    def of(cls, network: Network, x: Any, steps: int | None) -> _Traced:
        scales = {**output_scales(network.op), **scales_of(network.op)}
        return cls(network.run(x, trace=True, steps=steps), scales)

    def is_whole(self, name: str) -> bool:
        """Whether the run has whole numbers of a known unit."""
        return name in self.scales and is_whole(np.asarray(self.run[name]))

    def numbers(self, name: str) -> Array:
        array: Array = np.asarray(self.run[name], np.float64)
        return array * self.scales[name] if self.is_whole(name) else array

    def states(self, name: str) -> dict[str, str]:
        """The neuron's states as they are traced beside it: their own name -> that in the run."""
        start = f"{name}."
        return {key.removeprefix(start): key for key in self.run if key.startswith(start)}


def diff(a: Network, b: Network, x: Any, *, steps: int | None = None) -> list[Difference]:
    """
    Compares every neuron of `a` with its like in `b`, in the order of one step.

    Neurons are matched by their names, or, where the names differ, by their order among
    those of one shape; outputs by name or order. Where several differ at one step, the
    first in the list is the cause. Either may be a network of integers: numbers are compared
    as the head of this file says. Raises SNC-R001 where the networks cannot be compared.
    """
    if list(a.inputs.values()) != list(b.inputs.values()):
        raise error("SNC-R001", f"the inputs differ: {a!r} and {b!r}")
    pairs = _pairs(a, b)
    if not pairs:
        raise error("SNC-R001", "the networks have no neuron and no output in common")
    given = x if not isinstance(x, Mapping) else dict(zip(b.inputs, x.values(), strict=True))
    left, right = _Traced.of(a, x, steps), _Traced.of(b, given, steps)
    shapes = {**_neurons(a), **a.outputs}
    return [_compare(left, right, *pair, shapes[pair[0]]) for pair in pairs]


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
    a: _Traced, b: _Traced, name_a: str, name_b: str, shape: tuple[int, ...]
) -> Difference:
    left, right = a.numbers(name_a), b.numbers(name_b)
    if left.shape != right.shape:
        raise error(
            "SNC-R001", f"{name_a} has shape {list(left.shape)}, {name_b} {list(right.shape)}"
        )
    reach = _reach(a, name_a, b, name_b)
    gaps = np.abs(left - right)
    places = np.argwhere(gaps > (0.0 if reach is None else reach))
    found = Difference(
        name_a,
        name_b,
        shape,
        len(places),
        left.size,
        gap=float(gaps.max(initial=0.0)),
        unit=None if reach is None else max(_largest(a, name_a), _largest(b, name_b)),
        apart=_states_apart(a, b, name_a, name_b),
    )
    if not len(places):
        return found
    place = tuple(int(i) for i in places[0])
    return replace(
        found,
        step=place[0],
        place=place[1:],
        value_a=float(left[place]),
        value_b=float(right[place]),
        states_a=_states(a, name_a, place),
        states_b=_states(b, name_b, place),
        whole_a=_whole(a, name_a, place),
        whole_b=_whole(b, name_b, place),
    )


def _reach(a: _Traced, name_a: str, b: _Traced, name_b: str) -> Array | None:
    """How far two numbers may be from each other and mean the same; None: they are compared."""
    scale_a, scale_b = a.scales.get(name_a), b.scales.get(name_b)
    if scale_a is None and scale_b is None:
        return None
    if scale_a is not None and scale_b is not None and np.array_equal(scale_a, scale_b):
        return None
    half = [0.5 * scale for scale in (scale_a, scale_b) if scale is not None]
    reach: Array = np.sum(np.broadcast_arrays(*half), axis=0)
    return reach


def _largest(traced: _Traced, name: str) -> float:
    return float(np.max(traced.scales.get(name, 0.0)))


def _states_apart(a: _Traced, b: _Traced, name_a: str, name_b: str) -> Apart | None:
    """The state that parts first, where some do."""
    found: list[Apart] = []
    others = b.states(name_b)
    for state, key in a.states(name_a).items():
        other = others.get(state)
        if other is None or np.shape(a.run[key]) != np.shape(b.run[other]):
            continue
        reach = _reach(a, key, b, other)
        gaps = np.abs(a.numbers(key) - b.numbers(other))
        beyond = gaps > (0.0 if reach is None else reach)
        if beyond.any():
            step = int(np.argwhere(beyond)[0][0])
            found.append(Apart(state, step, float(gaps.max())))
    return min(found, key=lambda apart: apart.step, default=None)


def _states(traced: _Traced, name: str, place: tuple[int, ...]) -> dict[str, float]:
    return {
        state: float(traced.numbers(key)[place])
        for state, key in traced.states(name).items()
        if np.ndim(traced.run[key]) == len(place)
    }


def _whole(traced: _Traced, name: str, place: tuple[int, ...]) -> dict[str, int]:
    return {
        own: int(traced.run[key][place])
        for own, key in {name: name, **traced.states(name)}.items()
        if traced.is_whole(key) and np.ndim(traced.run[key]) == len(place)
    }
