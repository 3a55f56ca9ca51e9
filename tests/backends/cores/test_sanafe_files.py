"""SANA-FE on networks that our mapper placed: packets, hops, spikes and energy are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.backends.cores.sanafe.files import (
    UNITS,
    Mesh,
    Placed,
    Scalar,
    architecture,
    network,
)
from snncc.passes.mapping import Limits, Mapping, Problem, map_network
from tests.tools import require_module

NAMES = [name for unit in UNITS.values() for name in unit]
# powers of two, so that sums of energies are exact and tell which cost was counted how often
COSTS = {name: 2.0**-k for k, name in enumerate(NAMES)}
STEPS = 24

Numbers = dict[str, int]
Step = Callable[[Numbers, int, int], tuple[int, bool]]
"""(parameters, potential, input) -> (potential, fired)"""


def subtracting(neuron: Numbers, v: int, current: int) -> tuple[int, bool]:
    """RANC's neuron: leak, >=, the threshold subtracted, a lower end that resets."""
    v += current + neuron["leak"]
    if v >= neuron["threshold"]:
        return v - neuron["threshold"], True
    return (neuron["reset"], False) if v <= neuron["low"] else (v, False)


def decaying(neuron: Numbers, v: int, current: int) -> tuple[int, bool]:
    """Loihi's potential: a decay in 1/4096 that is rounded towards zero, >, reset to a value."""
    kept = abs(v) * (4096 - neuron["decay"]) >> 12
    v = (kept if v >= 0 else -kept) + current + neuron["leak"]
    return (neuron["reset"], True) if v > neuron["threshold"] else (v, False)


def truenorth(neuron: Numbers) -> dict[str, Scalar]:
    return {
        "threshold": neuron["threshold"],
        "leak": neuron["leak"],
        "leak_towards_zero": False,
        "reset_mode": "soft",
        "reverse_threshold": neuron["low"],
        "reverse_reset_mode": "hard",
        "reverse_reset": neuron["reset"],
    }


def leaky(neuron: Numbers) -> dict[str, Scalar]:
    """In units of 1/64, in which this model rounds."""
    return {
        "threshold": neuron["threshold"] / 64,
        "bias": neuron["leak"] / 64,
        "leak_decay": (4096 - neuron["decay"]) / 4096,
        "reset_mode": "hard",
        "reset": neuron["reset"] / 64,
    }


MODELS: dict[str, tuple[Step, Callable[[Numbers], dict[str, Scalar]], float]] = {
    "truenorth": (subtracting, truenorth, 1.0),
    "leaky_integrate_fire": (decaying, leaky, 1 / 64),
}


@dataclass
class Drawn:
    """A random network: synapses, neurons' parameters, inputs' spikes [STEPS, inputs]."""

    source: Any
    target: Any
    weight: Any
    neurons: list[Numbers]
    inputs: Any

    def run(self, step: Step) -> tuple[Any, Any]:
        """Spikes of all sources, neurons first, and potentials, [STEPS, ...]."""
        count = len(self.neurons)
        spikes = np.zeros((STEPS, count + self.inputs.shape[1]), np.int64)
        spikes[:, count:] = self.inputs
        potentials = np.zeros((STEPS, count), np.int64)
        v = [0] * count
        for t in range(STEPS):
            current = np.zeros(count, np.int64)
            if t:
                np.add.at(current, self.target, self.weight * spikes[t - 1, self.source])
            for n, neuron in enumerate(self.neurons):
                v[n], fired = step(neuron, v[n], int(current[n]))
                spikes[t, n] = fired
            potentials[t] = v
        return spikes, potentials


def draw(seed: int, count: int = 40, inputs: int = 6, synapses: int = 400) -> Drawn:
    """Some synapses are double, some have weight 0, some go to their own source."""
    rng = np.random.default_rng(seed)
    neurons = [
        {
            "threshold": int(rng.integers(20, 90)),
            "leak": int(rng.integers(-3, 4)),
            "low": -int(rng.integers(20, 60)),
            "reset": int(rng.integers(-9, 10)),
            "decay": int(rng.integers(0, 2000)),
        }
        for _ in range(count)
    ]
    return Drawn(
        rng.integers(0, count + inputs, synapses),
        rng.integers(0, count, synapses),
        rng.integers(-30, 50, synapses),
        neurons,
        rng.random((STEPS, inputs)) < 0.5,
    )


def placed(net: Drawn, problem: Problem, mapping: Mapping, model: str) -> tuple[Mesh, Placed]:
    """Ports may lie one place beside the mesh: all places are moved by one."""
    _, attributes, scale = MODELS[model]
    mesh = Mesh(problem.mesh[0] + 2, problem.mesh[1] + 2)
    ports = np.asarray(problem.ports, np.int64)[problem.port]
    return mesh, Placed(
        net.inputs,
        [attributes(neuron) for neuron in net.neurons],
        net.source,
        net.target,
        net.weight * scale,
        mesh.tiles(mapping.place[mapping.core] + 1),
        mesh.tiles(ports + 1),
    )


def simulate(folder: Path, mesh: Mesh, net: Placed, model: str) -> dict[str, Any]:
    sanafe = require_module("sanafe")
    units = int(net.input_units().max()) + 1
    files = folder / "architecture.yaml", folder / "network.yaml"
    files[0].write_text(architecture(mesh, model, len(net.tile), units, COSTS))
    files[1].write_text(network(net))
    described = sanafe.load_arch(str(files[0]))
    chip = sanafe.SpikingChip(described)
    chip.load(sanafe.load_net(str(files[1]), described))
    traces = ("spike_trace", "potential_trace", "perf_trace", "message_trace")
    result: dict[str, Any] = chip.sim(
        STEPS, timing_model="simple", processing_threads=1, **dict.fromkeys(traces, True)
    )
    return result


def spikes_of(result: dict[str, Any], neurons: int, inputs: int) -> Any:
    """[STEPS, neurons + inputs]"""
    spikes = np.zeros((STEPS, neurons + inputs), np.int64)
    for t, fired in enumerate(result["spike_trace"]):
        for address in fired:
            first = {"neuron": 0, "input": neurons}[address.group_name]
            spikes[t, first + address.neuron_offset] = 1
    return spikes


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(2))
def test_packets_hops_and_energy_of_a_mapping(seed: int, model: str, tmp_path: Path) -> None:
    net = draw(seed)
    count, inputs = len(net.neurons), net.inputs.shape[1]
    spikes, potentials = net.run(MODELS[model][0])
    fired = spikes.sum(axis=0)
    assert 0.05 < spikes[:, :count].mean() < 0.8, "a network that says nothing"
    problem = Problem(
        count,
        net.source,
        net.target,
        fired,
        cores=6,
        mesh=(3, 2),
        limits=Limits(neurons=9),
        ports=[(-1, 1), (2, 0)],  # beside the mesh, and at a core
        port=np.arange(inputs) % 2,
    )
    mapping = map_network(problem, seed=0, effort=0.1)
    mesh, on_chip = placed(net, problem, mapping, model)
    result = simulate(tmp_path, mesh, on_chip, model)

    np.testing.assert_array_equal(spikes_of(result, count, inputs), spikes)
    np.testing.assert_array_equal(
        np.array(result["potential_trace"]), potentials * MODELS[model][2]
    )
    messages = [m for step in result["message_trace"] for m in step if not m["placeholder"]]
    others = [m for m in messages if m["src_core_id"] != m["dest_core_id"]]
    assert len(others) == mapping.packets > 0
    assert sum(m["hops"] for m in messages) == mapping.packets_hops > 0
    assert sum(result["perf_trace"]["hops"]) == mapping.packets_hops

    # what SANA-FE sends beyond the mapper's packets: one to the own core, if it has targets there
    own = np.unique(net.source[np.isin(net.source, np.arange(count))])
    to_own = [
        n for n in own if (mapping.core[net.target[net.source == n]] == mapping.core[n]).any()
    ]
    assert result["packets_sent"] == mapping.packets + fired[to_own].sum()
    check_energy(result, messages, fired, net, potentials)


def check_energy(
    result: dict[str, Any], messages: list[dict[str, Any]], fired: Any, net: Drawn, v: Any
) -> None:
    """Each cost as often as SANAFE.md says; exact, as the costs are powers of two."""
    # synapses are read in the step in which the spike is sent, those of the last one too
    events = int(np.bincount(net.source, minlength=fired.size) @ fired)
    assert result["spikes"] == events
    dx = np.array([m["dest_x"] - m["src_x"] for m in messages])
    dy = np.array([m["dest_y"] - m["src_y"] for m in messages])
    packets = result["packets_sent"]
    energy = {
        "synapse": events * COSTS["energy_process_spike"],
        "dendrite": events * COSTS["energy_update"],
        "network": packets * (COSTS["energy_message_in"] + COSTS["energy_message_out"])
        + np.maximum(dx, 0).sum() * COSTS["energy_east_hop"]
        + np.maximum(-dx, 0).sum() * COSTS["energy_west_hop"]
        + np.maximum(dy, 0).sum() * COSTS["energy_north_hop"]
        + np.maximum(-dy, 0).sum() * COSTS["energy_south_hop"],
        # inputs are counted as updated when they fire; their unit is free
        "soma": v.size * COSTS["energy_access_neuron"]
        + (result["neurons_updated"] - net.inputs.sum()) * COSTS["energy_update_neuron"]
        + fired[: v.shape[1]].sum() * COSTS["energy_spike_out"],
    }
    for unit, expected in energy.items():
        assert result["energy"][unit] == expected, unit


def test_costs_are_named_in_full() -> None:
    mesh = Mesh(2, 2)
    with pytest.raises(ValueError, match="unknown energy_hop"):
        architecture(mesh, "truenorth", 4, 0, COSTS | {"energy_hop": 1.0})
    some = {name: cost for name, cost in COSTS.items() if name != "latency_update"}
    with pytest.raises(ValueError, match=r"missing or unknown latency_update$"):
        architecture(mesh, "truenorth", 4, 0, some)
    with pytest.raises(ValueError, match="energy_update of at least 0, got nan"):
        architecture(mesh, "truenorth", 4, 0, COSTS | {"energy_update": float("nan")})


def test_tiles_go_up_the_columns() -> None:
    mesh = Mesh(3, 2)
    assert mesh.tiles(np.array([[0, 0], [0, 1], [1, 0], [2, 1]])).tolist() == [0, 1, 2, 5]
    with pytest.raises(ValueError, match="3 x 2"):
        mesh.tiles(np.array([[0, 2]]))


def test_text_of_a_network() -> None:
    nothing = np.zeros(0, np.int64)
    one: dict[str, Scalar] = {"threshold": 2**40, "reset_mode": "soft", "noisy": False}
    text = network(
        Placed(
            np.array([[True], [False]]),
            [one, one, {"threshold": -0.1}],
            np.array([3, 0, 0]),
            np.array([0, 2, 2]),
            np.array([5, -1, 2]),
            np.array([0, 0, 7]),
            np.array([3]),
        )
    )
    assert text == (
        "network:\n  name: network\n  groups:\n"
        "    - name: input\n      attributes: {log_spikes: true}\n      neurons:\n"
        "        - 0: {spikes: [1, 0]}\n"
        "    - name: neuron\n      attributes: {log_spikes: true, log_potential: true}\n"
        "      neurons:\n"
        "        - 0..1: {soma: {threshold: 1099511627776.0, reset_mode: soft, noisy: false}}\n"
        "        - 2: {soma: {threshold: -0.1}}\n"
        "  edges:\n"
        "    - neuron -> neuron: {type: sparse, weight: [-1, 2], "
        "source_target_pairs: [[0, 2], [0, 2]]}\n"
        "    - input -> neuron: {type: sparse, weight: [5], source_target_pairs: [[0, 0]]}\n"
        "mappings:\n"
        '  - input.0: {core: "3.1", soma: "input[0]"}\n'
        '  - neuron.0..1: {core: "0.0", soma: soma}\n'
        '  - neuron.2: {core: "7.0", soma: soma}\n'
    )
    alone = Placed(
        np.zeros((2, 0), np.bool_), [{}], nothing, nothing, nothing, np.array([0]), nothing
    )
    assert "  edges: []\n" in network(alone)


@pytest.mark.parametrize("value", [float("inf"), 2**60 + 1, "a: b"])
def test_values_that_would_be_read_as_others(value: Scalar) -> None:
    none = np.zeros(0, np.int64)
    net = Placed(
        np.zeros((1, 0), np.bool_), [{"threshold": value}], none, none, none, np.array([0]), none
    )
    with pytest.raises(ValueError, match="expected"):
        network(net)
