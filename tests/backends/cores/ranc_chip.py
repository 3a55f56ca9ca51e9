"""
RANC, tick by tick, from its two files: what its simulator does, without the simulator.

Equations, timing and file formats are in RANC.md beside this file. Potentials that leave their
width are refused, for there the simulator and the FPGA part; or wrapped, as on the FPGA.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.backends.cores.ranc_files import (
    NUMBERS,
    Configuration,
    Core,
    Network,
    Packet,
    Place,
    read_configuration,
    read_network,
)


@dataclass(frozen=True)
class Merged:
    """A spike that found its bit set: one spike where two were sent (the simulator warns)."""

    tick: int
    """The tick in which it was sent; what is sent before tick 1 has 0."""
    place: Place
    axon: int


@dataclass(frozen=True)
class Run:
    """
    What happened in `ticks` ticks; index k of an array's first axis is tick k + 1.

    Spikes and potentials are kept for the neurons that the files list.
    """

    outputs: NDArray[np.uint8]
    """[ticks, num_outputs], the lines of the simulator's output file: row k holds what was sent
    to the bus in tick k, row 0 what was sent before the first tick."""
    spikes: dict[Place, NDArray[np.bool_]]
    """[ticks, neurons] of each core."""
    potentials: dict[Place, NDArray[np.int64]]
    """[ticks, neurons] of each core, after leak and reset."""
    merged: tuple[Merged, ...]

    def output_file(self) -> bytes:
        """The simulator's output file for this run, byte for byte."""
        lines = ["".join(f"{bit} " for bit in row) + "\n" for row in self.outputs]
        return "".join(lines).encode("utf-8-sig")


def play(
    input_text: str,
    configuration_text: str,
    ticks: int,
    potential_width: int = 32,
    wrap: bool = False,
) -> Run:
    """
    Runs the texts of input.json and config.json.

    Raises RancError (a ValueError) for what stands in the files, and OverflowError where
    simulator, FPGA and arithmetic part: a sum on the way through the axons beyond 32 bits, or a
    potential after leak or reset beyond `potential_width` bits. The simulator has 32 of them, the
    Verilog a parameter; its sums wrap on the way, which the last of them does not show. With
    `wrap` potentials wrap at that width too, as they do there.
    """
    configuration = read_configuration(configuration_text)
    network = read_network(input_text, configuration)
    machine = _Machine(configuration, network, _Width(potential_width, wrap))
    return machine.run(ticks)


def play_files(input_file: Path, configuration_file: Path, ticks: int) -> Run:
    """As `play`, from files."""
    texts = [path.read_text("utf-8") for path in (input_file, configuration_file)]
    return play(texts[0], texts[1], ticks)


@dataclass(frozen=True)
class _Width:
    """Two's complement of some bits."""

    bits: int
    wrap: bool = False

    def fit(self, values: NDArray[np.int64], place: Place) -> NDArray[np.int64]:
        """[neurons, ...] as they are or wrapped; OverflowError for what does not fit."""
        limit = 1 << (self.bits - 1)
        if self.wrap:
            return (values + limit) % (2 * limit) - limit
        outside = np.argwhere((values < -limit) | (values >= limit))
        if outside.size:
            neuron = int(outside[0, 0])
            raise OverflowError(
                f"neuron {neuron} of the core at {list(place)}: a potential of "
                f"{values[neuron].tolist()} leaves {self.bits} bits"
            )
        return values


@dataclass
class _Core:
    """A core's memories, and the ring of its axon buffer: [max_tick_offset, num_axons]."""

    source: Core
    symmetric: bool
    ring: NDArray[np.bool_]
    width: _Width
    synapses: NDArray[np.int64] = field(init=False)
    """[neurons, axons]: the weight with which an axon reaches a neuron, 0 where it does not."""
    numbers: dict[str, NDArray[np.int64]] = field(init=False)
    """[neurons] of each number that neurons have."""
    potential: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        neurons = self.source.neurons
        shape = (len(neurons), self.ring.shape[1])
        connected = np.array(self.source.connections, np.int64).reshape(shape)
        weights = [[n.weights[kind] for kind in self.source.axons] for n in neurons]
        self.synapses = connected * np.array(weights, np.int64).reshape(shape)
        self.numbers = {
            name: np.array([getattr(n, name) for n in neurons], np.int64) for name in NUMBERS
        }
        self.potential = self.numbers["current_potential"]

    def step(self, slot: int) -> NDArray[np.bool_]:
        """Integrates the spikes of a slot of the ring, and clears it; who fires, [neurons]."""
        active = np.flatnonzero(self.ring[slot])
        self.ring[slot] = False
        # every partial sum, in the order of the axons
        sums = self.potential[:, None] + np.cumsum(self.synapses[:, active], axis=1)
        _Width(32).fit(sums, self.source.place)
        v = (sums[:, -1] if active.size else self.potential) + self.numbers["leak"]
        v = self.width.fit(v, self.source.place)
        high, low = self.numbers["positive_threshold"], self.numbers["negative_threshold"]
        reset = self.numbers["reset_potential"]
        subtract = self.numbers["reset_mode"] == 1
        fired = v >= high
        below = ~fired & ((v <= low) if self.symmetric else (v < low))
        after = np.select(
            [fired & subtract, fired, below & subtract, below],
            [v - high, reset, v - low, -reset],
            v,
        )
        self.potential = self.width.fit(after, self.source.place)
        return fired


class _Machine:
    def __init__(self, configuration: Configuration, network: Network, width: _Width) -> None:
        self.network = network
        self.slots = configuration.max_tick_offset
        shape = (self.slots, configuration.num_axons)
        symmetric = configuration.neuron_reset_type == 1
        self.cores = {
            core.place: _Core(core, symmetric, np.zeros(shape, np.bool_), width)
            for core in network.cores
        }
        # places without a core take spikes, and two of them in one bit count as merged there too
        self.rings = {
            (x, y): np.zeros(shape, np.bool_)
            for x in range(configuration.num_cores_x)
            for y in range(configuration.num_cores_y)
            if (x, y) != network.bus
        }
        self.rings |= {place: core.ring for place, core in self.cores.items()}
        self.bus = np.zeros(network.num_outputs, np.bool_)
        self.tick = 0
        self.merged: list[Merged] = []

    def send(self, packet: Packet) -> None:
        """
        Sets the bit of a spike that is sent in tick `self.tick`, or before the first one.

        The longest delay, `slots` - 2, reaches the last slot before the one that is read now.
        """
        if packet.place == self.network.bus:
            bits = self.bus
        else:
            # slot s is read in the ticks s, s + slots, ...
            bits = self.rings[packet.place][(self.tick + 1 + packet.delay) % self.slots]
        if bits[packet.axon]:
            self.merged.append(Merged(self.tick, packet.place, packet.axon))
        bits[packet.axon] = True

    def send_packets(self, t: int) -> None:
        for packet in self.network.packets[t] if t < len(self.network.packets) else ():
            self.send(packet)

    def run(self, ticks: int) -> Run:
        if ticks < 1:
            raise ValueError(f"{ticks} ticks: the simulator needs one at least")
        outputs = np.zeros((ticks, self.bus.size), np.uint8)
        sizes = {place: (ticks, len(core.source.neurons)) for place, core in self.cores.items()}
        spikes = {place: np.zeros(size, np.bool_) for place, size in sizes.items()}
        potentials = {place: np.zeros(size, np.int64) for place, size in sizes.items()}
        self.send_packets(0)
        for k in range(ticks):
            outputs[k] = self.bus
            self.bus[:] = False
            self.tick = k + 1
            # packets[k + 1] are on their way while tick k + 1 runs; beyond `ticks` none is read
            if k + 1 < ticks:
                self.send_packets(k + 1)
            for place, core in self.cores.items():
                fired = core.step(self.tick % self.slots)
                spikes[place][k] = fired
                potentials[place][k] = core.potential
                for neuron in np.flatnonzero(fired):
                    self.send(core.source.neurons[neuron].target)
            for place, ring in self.rings.items():
                if place not in self.cores:
                    ring[self.tick % self.slots] = False
        return Run(outputs, spikes, potentials, tuple(self.merged))
