"""
The two files of RANC's simulator, read strictly: RANC.md beside this file has keys and ranges.

What the simulator ignores (unknown keys, a core under the bus), drops (delays that are too long)
or crashes on is an error here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

INTEGER = 2**31
Place = tuple[int, int]
T = TypeVar("T")
NUMBERS = (
    "current_potential",
    "reset_potential",
    "leak",
    "positive_threshold",
    "negative_threshold",
    "reset_mode",
)
"""The integers of a neuron that are not about its target."""


class RancError(ValueError):
    """Something in a file that RANC does not run as it stands: where, and what was expected."""

    def __init__(self, where: str, expected: str, came: object) -> None:
        super().__init__(f"{where}: expected {expected}, got {came!r}")


@dataclass(frozen=True)
class Configuration:
    """config.json: the sizes of the machine."""

    num_neurons: int
    num_axons: int
    num_cores_x: int
    num_cores_y: int
    num_weights: int
    max_tick_offset: int
    neuron_block_trace_verbosity: int
    core_controller_trace_verbosity: int
    scheduler_trace_verbosity: int
    neuron_reset_type: int


@dataclass(frozen=True)
class Packet:
    """A spike on its way: to an axon of the core at a place, or to an output of the bus."""

    place: Place
    axon: int
    delay: int


@dataclass(frozen=True)
class Neuron:
    """One neuron, and where its spikes go; `weights` by axon type, of `num_weights`."""

    weights: tuple[int, ...]
    leak: int
    positive_threshold: int
    negative_threshold: int
    reset_potential: int
    reset_mode: int
    current_potential: int
    target: Packet


@dataclass(frozen=True)
class Core:
    """`axons` has the type of each of `num_axons`, `connections` the axons of each neuron."""

    place: Place
    axons: tuple[int, ...]
    connections: tuple[tuple[int, ...], ...]
    neurons: tuple[Neuron, ...]


@dataclass(frozen=True)
class Network:
    """input.json: the packets that are sent before each tick, the output bus, the cores."""

    packets: tuple[tuple[Packet, ...], ...]
    bus: Place
    num_outputs: int
    cores: tuple[Core, ...]


def read_configuration(text: str) -> Configuration:
    """Raises RancError for missing and unknown keys, and for values out of their ranges."""
    highest = {
        "neuron_block_trace_verbosity": 2,
        "core_controller_trace_verbosity": 1,
        "scheduler_trace_verbosity": 2,
        "neuron_reset_type": 1,
    }
    names = [field.name for field in fields(Configuration)]
    values = _object(_parse("config.json", text), "config.json", names)
    numbers = {}
    for name in names:
        lowest = 0 if name in highest else 2 if name == "max_tick_offset" else 1
        where = f"config.json: {name}"
        numbers[name] = _integer(values[name], where, lowest, highest.get(name, INTEGER - 1))
    return Configuration(**numbers)


def read_network(text: str, configuration: Configuration) -> Network:
    """Raises RancError for missing and unknown keys, and for values out of their ranges."""
    values = _object(_parse("input.json", text), "input.json", ["packets", "output_bus", "cores"])
    where = "input.json: output_bus"
    bus = _object(values["output_bus"], where, ["coordinates", "num_outputs"])
    reader = _Reader(
        configuration,
        _place(bus["coordinates"], f"{where}.coordinates", configuration),
        _integer(bus["num_outputs"], f"{where}.num_outputs", 1, INTEGER - 1),
    )
    where = "input.json: packets"
    packets = [
        tuple(_each(sent, f"{where}[{t}]", reader.packet))
        for t, sent in enumerate(_list(values["packets"], where))
    ]
    cores = _each(values["cores"], "input.json: cores", reader.core)
    taken = [core.place for core in cores]
    for place in taken:
        if taken.count(place) > 1:
            raise RancError("input.json: cores", "each place once", list(place))
    return Network(tuple(packets), reader.bus, reader.num_outputs, tuple(cores))


@dataclass(frozen=True)
class _Reader:
    configuration: Configuration
    bus: Place
    num_outputs: int

    def packet(self, value: Any, where: str) -> Packet:
        keys = ["destination_core", "destination_axon", "destination_tick"]
        values = _object(value, where, keys)
        place = _place(values[keys[0]], f"{where}.{keys[0]}", self.configuration)
        axons = self.configuration.num_axons
        # the simulator tests packets for the bus against the axons of cores
        return self.target(
            values, where, place, min(axons, self.num_outputs) if place == self.bus else axons
        )

    def target(self, values: dict[str, Any], where: str, place: Place, axons: int) -> Packet:
        sizes = self.configuration
        axon = _integer(values["destination_axon"], f"{where}.destination_axon", 0, axons - 1)
        longest = sizes.max_tick_offset - 2
        delay = _integer(values["destination_tick"], f"{where}.destination_tick", 0, longest)
        return Packet(place, axon, delay)

    def core(self, value: Any, where: str) -> Core:
        sizes = self.configuration
        values = _object(value, where, ["axons", "neurons", "connections", "coordinates"])
        place = _place(values["coordinates"], f"{where}.coordinates", sizes)
        if place == self.bus:
            raise RancError(f"{where}.coordinates", "another place than the bus", list(place))
        axons = _numbers(
            values["axons"], f"{where}.axons", sizes.num_axons, 0, sizes.num_weights - 1
        )
        neurons = _each(
            values["neurons"], f"{where}.neurons", lambda v, w: self.neuron(v, w, place)
        )
        if len(neurons) > sizes.num_neurons:
            raise RancError(f"{where}.neurons", f"at most {sizes.num_neurons}", len(neurons))
        connections = _each(
            values["connections"],
            f"{where}.connections",
            lambda v, w: _numbers(v, w, sizes.num_axons, 0, 1),
        )
        if len(connections) != len(neurons):
            raise RancError(f"{where}.connections", f"{len(neurons)} rows", len(connections))
        return Core(place, axons, tuple(connections), tuple(neurons))

    def neuron(self, value: Any, where: str, place: Place) -> Neuron:
        targets = ["destination_core_offset", "destination_axon", "destination_tick"]
        values = _object(value, where, ["weights", *NUMBERS, *targets])
        sizes = self.configuration
        weights = _numbers(
            values["weights"], f"{where}.weights", sizes.num_weights, -INTEGER, INTEGER - 1
        )
        mode = {"reset_mode": (0, 1)}
        read = {
            name: _integer(
                values[name], f"{where}.{name}", *mode.get(name, (-INTEGER, INTEGER - 1))
            )
            for name in NUMBERS
        }
        offset = values["destination_core_offset"]
        where_offset = f"{where}.destination_core_offset"
        dx, dy = _pair(offset, where_offset)
        destination = (place[0] + dx, place[1] + dy)
        _inside(destination, f"{where_offset} of the core at {list(place)}", sizes, offset)
        axons = self.num_outputs if destination == self.bus else sizes.num_axons
        target = self.target(values, where, destination, axons)
        return Neuron(weights=weights, target=target, **read)


def _parse(file: str, text: str) -> Any:
    if text.startswith("\ufeff"):
        raise RancError(file, "no byte order mark", text[:2])

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise RancError(file, "each key once", key)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=members)


def _object(value: Any, where: str, keys: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RancError(where, "an object", value)
    if set(value) != set(keys):
        raise RancError(where, f"the keys {sorted(keys)}", sorted(value))
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise RancError(where, "an array", value)
    return value


def _each(value: Any, where: str, read: Callable[[Any, str], T]) -> list[T]:
    return [read(v, f"{where}[{i}]") for i, v in enumerate(_list(value, where))]


def _integer(value: Any, where: str, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise RancError(where, f"an integer of {lowest} to {highest}", value)
    return value


def _numbers(value: Any, where: str, most: int, lowest: int, highest: int) -> tuple[int, ...]:
    """Integers of the range; with fewer than `most`, the simulator takes 0 for the others."""
    numbers = _list(value, where)
    if len(numbers) > most:
        raise RancError(where, f"at most {most} numbers", len(numbers))
    for i, number in enumerate(numbers):
        if type(number) is not int or not lowest <= number <= highest:
            _integer(number, f"{where}[{i}]", lowest, highest)
    return (*numbers, *[0] * (most - len(numbers)))


def _pair(value: Any, where: str) -> Place:
    if len(_list(value, where)) != 2:
        raise RancError(where, "two integers", value)
    x, y = (_integer(v, where, -INTEGER, INTEGER - 1) for v in value)
    return x, y


def _place(value: Any, where: str, configuration: Configuration) -> Place:
    place = _pair(value, where)
    _inside(place, where, configuration, value)
    return place


def _inside(place: Place, where: str, configuration: Configuration, came: object) -> None:
    width, height = configuration.num_cores_x, configuration.num_cores_y
    if not (0 <= place[0] < width and 0 <= place[1] < height):
        raise RancError(where, f"a place of the grid of {width} by {height}", came)
