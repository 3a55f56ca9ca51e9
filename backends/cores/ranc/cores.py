"""The cores of RANC as the objects of its input.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import PopulationOp
from snncc.dialects.core.wiring import Wiring

Json = dict[str, Any]

NUMBERS = {
    "leak": "leak",
    "positive_threshold": "threshold",
    "negative_threshold": "negative_threshold",
    "reset_mode": "reset_mode",
}
"""Key of a neuron -> parameter of the description."""


class Cores:
    """
    What each core holds, by slots. Neurons whose spikes go nowhere get a destination of their own
    that nobody listens to, for the format has no neuron without: a free axon of their core, or a
    further line of the output bus.

    `lines` has the population and element that each line of the bus shows.
    """

    def __init__(self, wiring: Wiring, description: Description):
        self.wiring = wiring
        self.description = description
        assert wiring.bus is not None
        assert description.grid.axons is not None
        self.bus = wiring.bus
        self.axons = description.grid.axons
        self.lines = [
            (name, int(wiring.neurons[name].element[number]))
            for line, name, number in sorted(
                (line, name, number)
                for name, rows in wiring.lines.items()
                for number, line in rows.tolist()
            )
        ]
        self._free = [list(range(n, self.axons)) for n in wiring.axons().tolist()]
        self._neurons: list[dict[int, Json]] = [{} for _ in wiring.cores]
        for name, op in wiring.program.populations.items():
            self._add(name, op)

    def objects(self) -> list[Json]:
        """Of each core, by the order of the program."""
        types = self.wiring.types(self.axons)
        found = []
        for core, bits in enumerate(self.wiring.connections()):
            neurons = self._neurons[core]
            slots = range(len(neurons))
            connected = np.zeros((len(neurons), self.axons), np.int64)
            connected[bits.slot, bits.axon] = 1
            found.append(
                {
                    "coordinates": list(self.wiring.cores[core]),
                    "axons": types[core].tolist(),
                    "neurons": [neurons[slot] for slot in slots],
                    "connections": connected.tolist(),
                }
            )
        return found

    def packets(self, inputs: Mapping[str, Array]) -> list[list[Json]]:
        """[T] the packets before each tick, for the spikes of each input, [T, ...]."""
        steps = len(next(iter(inputs.values())))
        found: list[list[Json]] = [[] for _ in range(steps)]
        for name, spikes in inputs.items():
            flat = np.asarray(spikes).reshape(steps, -1)
            rows = self.wiring.routes[name]
            for step, row in np.argwhere(flat[:, rows[:, 0]]):
                _, core, axon, _, delay = rows[row].tolist()
                packet = _target("destination_core", self.wiring.cores[core], axon, delay)
                found[step].append(packet)
        return found

    def _add(self, name: str, op: PopulationOp) -> None:
        parameters = self.description.neurons[op.neuron_class.data].parameters
        numbers = {
            key: op.numbers(parameter)
            if parameter in op.parameters.data
            else np.full(op.size, parameters[parameter].default)
            for key, parameter in NUMBERS.items()
        }
        table = self.wiring.tables.get(name)
        neurons = self.wiring.neurons[name]
        targets = self._targets(name)
        for number, (element, core, slot) in enumerate(
            zip(neurons.element.tolist(), neurons.core.tolist(), neurons.slot.tolist(), strict=True)
        ):
            self._neurons[core][slot] = {
                "reset_potential": 0,
                "weights": [0] * 4 if table is None else table[:, element].tolist(),
                "current_potential": 0,
                **{key: int(values[element]) for key, values in numbers.items()},
                **(targets.get(number) or self._nowhere(name, element, core)),
            }

    def _targets(self, name: str) -> dict[int, Json]:
        """Neuron -> its destination's keys."""
        cores, neurons = self.wiring.cores, self.wiring.neurons[name]
        found = {}
        for number, core, axon, _, delay in self.wiring.routes[name].tolist():
            own = cores[neurons.core[number]]
            found[number] = _target(OFFSET, _offset(own, cores[core]), axon, delay)
        for number, line in self.wiring.lines[name].tolist():
            own = cores[neurons.core[number]]
            found[number] = _target(OFFSET, _offset(own, self.bus), line, 0)
        return found

    def _nowhere(self, name: str, element: int, core: int) -> Json:
        if self._free[core]:
            return _target(OFFSET, (0, 0), self._free[core].pop(), 0)
        self.lines.append((name, element))
        offset = _offset(self.wiring.cores[core], self.bus)
        return _target(OFFSET, offset, len(self.lines) - 1, 0)


OFFSET = "destination_core_offset"


def _offset(start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
    return end[0] - start[0], end[1] - start[1]


def _target(key: str, place: tuple[int, int], axon: int, delay: int) -> Json:
    return {key: list(place), "destination_axon": axon, "destination_tick": delay}
