"""
A placed program and what a sample does on it, as the two files of SANA-FE.

SANA-FE has models of some neurons, and few chips' are among them. Energy and packets follow from
who spikes when: so each neuron is one that never spikes and has its synapses, and beside it stands
one that sends what the neuron sent on the chip's model. What SANA-FE counts is then of the spikes
that the chip has, whatever its neurons are.
"""

from __future__ import annotations

import numpy as np

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.sanafe.files import UNITS, Mesh, Placed, Scalar, architecture, network
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Cost, Description
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import ENTRY, Wiring

MODEL = "truenorth"
SILENT: dict[str, Scalar] = {"threshold": 1e30}
"""A neuron that no input makes spike."""

COSTS = {
    "energy_process_spike": "energy_per_synaptic_operation_pJ",
    "energy_access_neuron": "energy_per_neuron_update_pJ",
    "energy_spike_out": "energy_per_spike_pJ",
    "energy_north_hop": "energy_per_hop_pJ",
    "energy_east_hop": "energy_per_hop_pJ",
    "energy_south_hop": "energy_per_hop_pJ",
    "energy_west_hop": "energy_per_hop_pJ",
}
"""Name of SANA-FE -> of the description. A neuron is accessed in each step, as chips do it."""


def emit_replay(program: ProgramOp, description: Description, golden: Golden) -> dict[str, bytes]:
    """`arch.yaml` and `network.yaml`, for `golden.steps` time-steps."""
    wiring = Wiring(program)
    mesh = Mesh(description.grid.width, description.grid.height)
    placed = replayed(wiring, mesh, golden)
    assert placed.inside is not None
    assert placed.outside is not None
    units = placed.input_units()
    arch = architecture(
        mesh,
        MODEL,
        int(wiring.sizes().max(initial=1)),
        int(units[~placed.inside].max(initial=0)) + 1,
        costs_of(description.cost),
        int(units[placed.inside].max(initial=0)) + 1,
        int(placed.outside.sum()),
    )
    text = _about(description.cost) + arch
    return {"arch.yaml": text.encode(), "network.yaml": network(placed).encode()}


def replayed(wiring: Wiring, mesh: Mesh, golden: Golden) -> Placed:
    """
    Sources are senders: a neuron, or an input's element, with one axon in each core that it
    reaches; one that has several there is several senders, for each of its axons takes a packet.
    """
    tiles = mesh.tiles(np.array(wiring.cores))
    first, total = {}, 0
    for name, neurons in wiring.neurons.items():
        first[name] = total
        total += len(neurons.element)
    at = np.full((len(wiring.cores), int(wiring.sizes().max(initial=0)) + 1), -1, np.int64)
    for name, neurons in wiring.neurons.items():
        at[neurons.core, neurons.slot] = first[name] + np.arange(len(neurons.element))
    tile = [tiles[neurons.core] for neurons in wiring.neurons.values()]
    tile += [np.repeat(mesh.tiles(np.array([wiring.bus or ENTRY])), wiring.outputs)]
    senders = _Senders(wiring, golden, at, total, tiles, int(mesh.tiles(np.array([ENTRY]))[0]))
    for name in wiring.program.endings:
        senders.add(name)
    count = total + wiring.outputs
    return senders.placed(np.concatenate(tile), np.arange(count) >= total)


class _Senders:
    def __init__(
        self,
        wiring: Wiring,
        golden: Golden,
        at: Array,
        ends: int,
        tiles: Array,
        entry: int,
    ):
        self.wiring = wiring
        self.golden = golden
        self.at = at
        self.ends = ends
        self.tiles = tiles
        self.entry = entry
        self.bits = wiring.connections()
        self.spikes: list[Array] = []
        self.source: list[Array] = []
        self.target: list[Array] = []
        self.weight: list[Array] = []
        self.tile: list[int] = []
        self.inside: list[bool] = []

    def add(self, name: str) -> None:
        """The senders of a population or input."""
        neurons = self.wiring.neurons.get(name)
        given = self.golden.inputs[name] if neurons is None else self.golden.trace[name]
        given = np.asarray(given).reshape(self.golden.steps, -1) > 0
        ways: dict[tuple[int, int], list[tuple[int, int]]] = {}
        seen: dict[tuple[int, int], int] = {}
        for neuron, core, axon, _, _ in self.wiring.routes[name].tolist():
            k = seen[neuron, core] = seen.get((neuron, core), -1) + 1
            ways.setdefault((neuron, k), []).append((core, axon))
        lines = self.wiring.lines.get(name)
        shown: dict[int, int] = {} if lines is None else {int(n): int(line) for n, line in lines}
        for neuron in range(0 if neurons is None else len(neurons.element)):
            ways.setdefault((neuron, 0), [])  # it spikes, whether that goes anywhere or not
        for (neuron, k), axons in ways.items():
            number = len(self.tile)
            element = neuron if neurons is None else neurons.element[neuron]
            self.spikes.append(given[:, element])
            self.inside.append(neurons is not None)
            self.tile.append(
                self.entry if neurons is None else int(self.tiles[neurons.core[neuron]])
            )
            for core, axon in axons:
                bits = self.bits[core]
                here = bits.axon == axon
                self._edges(number, self.at[core, bits.slot[here]], bits.weight[here])
            if neuron in shown and k == 0:
                self._edges(number, np.array([self.ends + shown[neuron]]), np.zeros(1, np.int64))

    def _edges(self, number: int, targets: Array, weights: Array) -> None:
        self.source.append(np.full(len(targets), number))
        self.target.append(targets)
        self.weight.append(weights)

    def placed(self, tile: Array, outside: Array) -> Placed:
        none = np.zeros(0, np.int64)
        return Placed(
            np.stack(self.spikes, axis=1)
            if self.spikes
            else np.zeros((self.golden.steps, 0), bool),
            [SILENT] * len(tile),
            np.concatenate([none, *self.source]) + len(tile),
            np.concatenate([none, *self.target]),
            np.concatenate([none, *self.weight]),
            tile,
            np.array(self.tile, np.int64),
            np.array(self.inside, bool),
            outside,
        )


def costs_of(cost: Cost | None) -> dict[str, float]:
    """All costs of SANA-FE in J and s; 0 where the description does not know one."""
    found = dict.fromkeys((name for unit in UNITS.values() for name in unit), 0.0)
    for name, key in COSTS.items():
        value = None if cost is None else getattr(cost, key)
        found[name] = 0.0 if value is None else value * 1e-12
    return found


def _about(cost: Cost | None) -> str:
    """Comments: where costs are from, and which are not known."""
    keys = sorted(set(COSTS.values()))
    missing = [key for key in keys if cost is None or getattr(cost, key) is None]
    lines = ["what a neuron sends is replayed from a sample on the chip's model"]
    if cost is not None:
        lines.append(f"costs: {' '.join(cost.source.split())}")
    if missing:
        lines.append(f"not known, and 0 here: {', '.join(missing)}")
    lines.append("times are not known, and 0 here")
    return "".join(f"# {line}\n" for line in lines)
