"""What a sample sends over the mesh: packets, hops and, where costs are known, energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snncc.backends.cores.emitting import Golden
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Cost
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import ENTRY, Wiring


@dataclass(frozen=True)
class Layer:
    """What a population or an input does in a sample."""

    neurons: int
    """Copies included; 0 of an input."""
    spikes: int
    """Of its elements."""
    sent: int
    """Of its neurons, copies too."""
    packets: int
    """To other cores, the output bus and, of an input, from outside."""
    hops: int
    operations: int
    """Synapses that its spikes reach."""

    def energy(self, cost: Cost, steps: int) -> float | None:
        """In pJ; None where the description knows none of it."""
        parts = (
            (cost.energy_per_synaptic_operation_pJ, self.operations),
            (cost.energy_per_neuron_update_pJ, self.neurons * steps),
            (cost.energy_per_spike_pJ, self.sent),
            (cost.energy_per_hop_pJ, self.hops),
        )
        known = [each * count for each, count in parts if each is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class Traffic:
    """
    Of a sample of `steps` steps: `packets` [cores + 1, cores + 1] from each core and from outside
    to each core and the output bus; those of a core to itself stand on the diagonal.
    """

    steps: int
    cores: list[tuple[int, int]]
    bus: tuple[int, int] | None
    packets: Array
    layers: Mapping[str, Layer]

    @property
    def between(self) -> Array:
        """[cores + 1, cores + 1] packets without those that stay in their core."""
        found = self.packets.copy()
        inside = np.arange(len(self.cores))
        found[inside, inside] = 0
        return found


def traffic_of(program: ProgramOp, golden: Golden) -> Traffic:
    """A packet is a spike that goes to one axon, or to one line of the output bus."""
    wiring = Wiring(program)
    cores = len(wiring.cores)
    starts = np.array([*wiring.cores, ENTRY])
    ends = np.array([*wiring.cores, wiring.bus or ENTRY])
    away = np.abs(starts[:, None] - ends[None]).sum(axis=2)
    width = 1 + max((int(rows[:, 2].max(initial=0)) for rows in wiring.routes.values()), default=0)
    fan_out = np.zeros((cores, width), np.int64)
    for core, bits in enumerate(wiring.connections()):
        fan_out[core] = np.bincount(bits.axon, minlength=width)
    packets = np.zeros((cores + 1, cores + 1), np.int64)
    layers = {}
    for name in program.endings:
        neurons = wiring.neurons.get(name)
        given = golden.inputs[name] if neurons is None else golden.trace[name]
        spikes = np.asarray(given).reshape(golden.steps, -1).astype(np.int64).sum(axis=0)
        routes, lines = wiring.routes[name], wiring.lines.get(name, np.zeros((0, 2), np.int64))
        sender = np.concatenate([routes[:, 0], lines[:, 0]])
        end = np.concatenate([routes[:, 1], np.full(len(lines), cores)])
        element = sender if neurons is None else neurons.element[sender]
        start = np.full(len(sender), cores) if neurons is None else neurons.core[sender]
        count = spikes[element]
        own = np.zeros_like(packets)
        np.add.at(own, (start, end), count)
        packets += own
        reached = fan_out[routes[:, 1], routes[:, 2]]
        leaves = start != end
        leaves |= start == cores
        layers[name] = Layer(
            0 if neurons is None else len(neurons.element),
            int(spikes.sum()),
            0 if neurons is None else int(spikes[neurons.element].sum()),
            int(count[leaves].sum()),
            int((own * away).sum()),
            int((reached * count[: len(routes)]).sum()),
        )
    return Traffic(golden.steps, wiring.cores, wiring.bus, packets, layers)
