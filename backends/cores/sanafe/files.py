"""
The two files of SANA-FE, written: a mesh of cores with their costs, and a network placed on it.

Arrays in, YAML out; the simulator is not needed. The formats are those of SANA-FE 2.2.9, of which
`tests/backends/cores/SANAFE.md` tells what it does with them. Each tile of the mesh has two cores:
core 0 for neurons, core 1 for what stands outside: inputs that enter there, and where outputs end.
SANA-FE ignores what it does not know, so names are checked here.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scalar = bool | int | float | str
Integers = NDArray[np.int64]

UNITS = {
    "tile": tuple(
        f"{what}_{side}_hop"
        for side in ("north", "east", "south", "west")
        for what in ("energy", "latency")
    ),
    "axon_in": ("energy_message_in", "latency_message_in"),
    "synapse": ("energy_process_spike", "latency_process_spike"),
    "dendrite": ("energy_update", "latency_update"),
    "soma": (
        "energy_access_neuron",
        "latency_access_neuron",
        "energy_update_neuron",
        "latency_update_neuron",
        "energy_spike_out",
        "latency_spike_out",
    ),
    "axon_out": ("energy_message_out", "latency_message_out"),
}
"""The costs of each unit: J and s for each event, named as in SANA-FE."""

MODELS = {"synapse": "current_based", "dendrite": "accumulator"}
"""With a buffer in front of the soma: a spike is integrated in the step after its own."""


FREE = "nothing"
"""No part of the name of any cost."""


@dataclass(frozen=True)
class Mesh:
    """A mesh of width x height tiles."""

    width: int
    height: int

    def tiles(self, places: Integers) -> Integers:
        """[n] the numbers of the tiles at places [n, 2] (x, y): they go up the columns."""
        places = np.asarray(places, np.int64).reshape(-1, 2)
        if ((places < 0) | (places >= (self.width, self.height))).any():
            raise ValueError(f"expected places of a mesh of {self.width} x {self.height}")
        return np.asarray(places[:, 0] * self.height + places[:, 1])


@dataclass(frozen=True)
class Placed:
    """A network on a mesh. Sources are the neurons, and from `neurons` on the inputs."""

    spikes: NDArray[np.bool_]
    """[steps, inputs] when inputs spike"""
    attributes: Sequence[Mapping[str, Scalar]]
    """[neurons] the attributes of each neuron's soma model"""
    source: Integers
    """[synapses]"""
    target: Integers
    """[synapses]"""
    weight: NDArray[np.int64] | NDArray[np.float64]
    """[synapses]"""
    tile: Integers
    """[neurons]"""
    input_tile: Integers
    """[inputs]"""
    inside: NDArray[np.bool_] | None = None
    """[inputs] those that stand in the core of neurons, as what a neuron sent; None: none."""
    outside: NDArray[np.bool_] | None = None
    """[neurons] those that are none of the chip's: where outputs end; None: none."""

    def input_cores(self) -> Integers:
        """[inputs] 0 in the core of neurons, 1 beside it."""
        if self.inside is None:
            return np.ones(len(self.input_tile), np.int64)
        return 1 - self.inside.astype(np.int64)

    def input_units(self) -> Integers:
        """[inputs] the unit of each: a unit has one spike train."""
        seen: dict[tuple[int, int], int] = {}
        units = []
        for at in zip(self.input_tile.tolist(), self.input_cores().tolist(), strict=True):
            units.append(seen.setdefault(at, 0))
            seen[at] += 1
        return np.array(units, np.int64)


def architecture(
    mesh: Mesh,
    model: str,
    neurons: int,
    inputs: int,
    costs: Mapping[str, float],
    replayed: int = 0,
    ends: int = 0,
) -> str:
    """
    A mesh whose tiles hold `neurons` neurons of a soma model and `inputs` inputs; and `replayed`
    inputs that stand for what neurons sent, in the core of neurons, and `ends` of outputs.

    `costs` gives each name of UNITS; inputs are free up to the axon, replayed ones up to the spike,
    and ends wholly. ValueError for names that are missing or unknown, and for numbers that are no
    costs.
    """
    names = [name for unit in UNITS.values() for name in unit]
    if set(costs) != set(names):
        wrong = sorted(set(costs) ^ set(names))
        raise ValueError(f"costs: missing or unknown {', '.join(wrong)}")
    for name, cost in costs.items():
        if not (math.isfinite(cost) and cost >= 0):
            raise ValueError(f"costs: expected {name} of at least 0, got {cost}")

    def attributes(unit: str, model: str | None = None, charged: str = "") -> str:
        """`charged` names the part of the costs that counts."""
        values: dict[str, Scalar] = {} if model is None else {"model": model}
        values |= {n: float(costs[n]) if charged in n else 0.0 for n in UNITS[unit]}
        return _flow(values)

    def trains(count: int, charged: str) -> str:
        return (
            f'{{name: "input[0..{count - 1}]", attributes: {attributes("soma", "input", charged)}}}'
        )

    def core(name: str, size: int, somas: list[str]) -> list[str]:
        units = {
            unit: [f"{{name: {unit}, attributes: {attributes(unit, MODELS.get(unit))}}}"]
            for unit in ("axon_in", "synapse", "dendrite", "axon_out")
        }
        units["soma"] = somas
        limit = _flow({"buffer_position": "soma", "max_neurons_supported": size})
        lines = [f"        - name: {name}[0..0]", f"          attributes: {limit}"]
        for unit in ("axon_in", "synapse", "dendrite", "soma", "axon_out"):
            lines += [f"          {unit}:", *[f"            - {text}" for text in units[unit]]]
        return lines

    soma = f"{{name: soma, attributes: {attributes('soma', model)}}}"
    count = max(inputs, 1)
    within, beside = [soma], [trains(count, FREE)]
    if replayed:
        within.append(trains(replayed, "spike_out"))
    if ends:
        beside.append(f"{{name: end, attributes: {attributes('soma', model, FREE)}}}")
    size = _flow({"width": mesh.width, "height": mesh.height, "link_buffer_size": 16})
    lines = [
        "architecture:",
        "  name: mesh",
        f"  attributes: {size}",
        "  tile:",
        f"    - name: tile[0..{mesh.width * mesh.height - 1}]",
        f"      attributes: {attributes('tile')}",
        "      core:",
        *core("neurons", neurons + replayed, within),
        *core("inputs", count + ends, beside),
    ]
    return "\n".join(lines) + "\n"


def network(placed: Placed) -> str:
    """The network and its mapping, for `architecture`; spikes and potentials are logged."""
    count, inputs = len(placed.attributes), placed.spikes.shape[1]
    lines = ["network:", "  name: network", "  groups:"]
    if inputs:
        lines += ["    - name: input", "      attributes: {log_spikes: true}", "      neurons:"]
        for i in range(inputs):
            train = ", ".join(str(int(bit)) for bit in placed.spikes[:, i])
            lines.append(f"        - {i}: {{spikes: [{train}]}}")
    log = _flow({"log_spikes": True, "log_potential": True})
    lines += ["    - name: neuron", f"      attributes: {log}", "      neurons:"]
    for run, soma in _runs([_flow(values) for values in placed.attributes]):
        lines.append(f"        - {run}: {{soma: {soma}}}")
    edges = [
        *_edges("neuron", placed, placed.source < count, 0),
        *_edges("input", placed, placed.source >= count, count),
    ]
    lines += ["  edges:", *edges] if edges else ["  edges: []"]
    lines.append("mappings:")
    units = (placed.input_tile, placed.input_cores(), placed.input_units())
    for i, (tile, core, unit) in enumerate(zip(*(u.tolist() for u in units), strict=True)):
        lines.append(f'  - input.{i}: {{core: "{tile}.{core}", soma: "input[{unit}]"}}')
    outside = [False] * count if placed.outside is None else placed.outside.tolist()
    ends = [
        f'"{tile}.1", soma: end' if end else f'"{tile}.0", soma: soma'
        for tile, end in zip(placed.tile.tolist(), outside, strict=True)
    ]
    for run, where in _runs(ends):
        lines.append(f"  - neuron.{run}: {{core: {where}}}")
    return "\n".join(lines) + "\n"


def _edges(group: str, placed: Placed, chosen: NDArray[np.bool_], first: int) -> list[str]:
    """One hyperedge from a group to the neurons; its weights stand beside it."""
    if not chosen.any():
        return []
    sources = (placed.source[chosen] - first).tolist()
    pairs = zip(sources, placed.target[chosen].tolist(), strict=True)
    weights = ", ".join(_scalar(weight) for weight in placed.weight[chosen].tolist())
    text = ", ".join(f"[{source}, {target}]" for source, target in pairs)
    return [
        f"    - {group} -> neuron: "
        f"{{type: sparse, weight: [{weights}], source_target_pairs: [{text}]}}"
    ]


def _runs(texts: list[str]) -> list[tuple[str, str]]:
    """Neighbours of equal text, as SANA-FE's ranges."""
    runs = []
    for text, members in itertools.groupby(enumerate(texts), key=lambda pair: pair[1]):
        numbers = [number for number, _ in members]
        one = len(numbers) == 1
        runs.append((str(numbers[0]) if one else f"{numbers[0]}..{numbers[-1]}", text))
    return runs


def _flow(values: Mapping[str, Scalar]) -> str:
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in values.items()) + "}"


def _scalar(value: Scalar) -> str:
    """
    A YAML scalar that SANA-FE reads as it is.

    Integers beyond 32 bits are written as floats, for it reads them as others otherwise.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if not re.fullmatch(r"[A-Za-z_]+", value):
            raise ValueError(f"expected a name, got {value!r}")
        return value
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return str(value)
        if int(float(value)) != value:
            raise ValueError(f"expected an integer that a double holds, got {value}")
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return repr(float(value))
