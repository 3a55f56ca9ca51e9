"""SANA-FE on what placed programs do: it counts the packets, hops and energy that we count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.sanafe.replay import emit_replay
from snncc.cores.traffic import Traffic, traffic_of
from snncc.dialects.core.description import Cost, Description
from snncc.dialects.core.program import ProgramOp
from snncc.passes.core_route import place_on_mesh
from tests.backends.cores.ranc_programs import golden_of, program_of
from tests.backends.cores.test_ranc import STEPS, draw
from tests.tools import require_module

# powers of two: sums are exact, and tell which cost was counted how often
COST = Cost(
    source="made up",
    energy_per_synaptic_operation_pJ=1.0,
    energy_per_neuron_update_pJ=2.0**10,
    energy_per_spike_pJ=2.0**20,
    energy_per_hop_pJ=2.0**30,
)


def placed(seed: int) -> tuple[ProgramOp, Description, Golden]:
    net, chip = draw(seed)
    chip = chip.model_copy(update={"cost": COST})
    program = program_of(place_on_mesh(net.module(), chip, {}).module)
    x = {
        name: (net.rng.random((STEPS, op.size)) < 0.4).astype(np.uint8)
        for name, op in program.inputs.items()
    }
    return program, chip, golden_of(program, chip, x)


def simulate(folder: Path, files: dict[str, bytes], steps: int) -> dict[str, Any]:
    sanafe = require_module("sanafe")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    described = sanafe.load_arch(str(folder / "arch.yaml"))
    chip = sanafe.SpikingChip(described)
    chip.load(sanafe.load_net(str(folder / "network.yaml"), described))
    result: dict[str, Any] = chip.sim(
        steps, timing_model="simple", processing_threads=1, message_trace=True
    )
    return result


def expect_same_counts(result: dict[str, Any], counted: Traffic) -> None:
    messages = [m for step in result["message_trace"] for m in step if not m["placeholder"]]
    others = [m for m in messages if m["src_core_id"] != m["dest_core_id"]]
    assert len(others) == counted.between.sum() > 0
    assert len(messages) == counted.packets.sum()
    layers = counted.layers.values()
    assert len(others) == sum(layer.packets for layer in layers)
    assert sum(m["hops"] for m in messages) == sum(layer.hops for layer in layers)
    # SANA-FE counts an output as a synapse of the bus
    outputs = int(counted.packets[:, -1].sum())
    assert result["spikes"] == sum(layer.operations for layer in layers) + outputs


# of two and three cores, where each layer fires
@pytest.mark.parametrize("seed", [15, 25])
def test_packets_and_energy(seed: int, tmp_path: Path) -> None:
    program, chip, golden = placed(seed)
    counted = traffic_of(program, golden)
    assert len(counted.cores) > 1
    assert all(layer.spikes for layer in counted.layers.values())
    files = emit_replay(program, chip, golden)
    result = simulate(tmp_path, files, golden.steps)
    expect_same_counts(result, counted)
    layers = counted.layers.values()
    energy = result["energy"]
    outputs = int(counted.packets[:, -1].sum())
    assert energy["network"] == sum(layer.hops for layer in layers) * 2.0**30 * 1e-12
    soma = sum(y.neurons for y in layers) * STEPS * 2.0**10 + sum(y.sent for y in layers) * 2.0**20
    assert energy["soma"] == pytest.approx(soma * 1e-12, rel=1e-12)
    ours = sum(layer.energy(COST, STEPS) or 0.0 for layer in layers) + outputs
    assert energy["total"] == pytest.approx(ours * 1e-12, rel=1e-12)


def test_costs_that_are_not_known_are_0_and_said_so() -> None:
    program, chip, golden = placed(1)
    some = Cost(source="a sheet", energy_per_hop_pJ=2.0)
    text = emit_replay(program, chip.model_copy(update={"cost": some}), golden)["arch.yaml"]
    head = text.decode().split("architecture:")[0]
    assert "# costs: a sheet\n" in head
    assert (
        "# not known, and 0 here: energy_per_neuron_update_pJ, energy_per_spike_pJ, "
        "energy_per_synaptic_operation_pJ\n"
    ) in head
    assert text.count(b"_hop: 2e-12") == 4
    nothing = emit_replay(program, chip.model_copy(update={"cost": None}), golden)["arch.yaml"]
    assert b"_hop: 0.0" in nothing
    assert b"energy_per_hop_pJ" in nothing
