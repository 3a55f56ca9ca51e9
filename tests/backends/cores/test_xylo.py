"""Programs for Xylo: the model that follows from the description is the vendor's simulator."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.xylo.emit import emit
from snncc.cores.chips import chip_named
from snncc.cores.xylosim import simulate as engine
from snncc.dialects.arrays import Array
from snncc.dialects.snn.neurons.xylo_configuration import Configuration, Population
from snncc.network import Network
from snncc.passes.chip_model import model_of
from tests.seeds import is_long
from tests.tools import require_module
from tests.xylo_networks import draw_alive, simulate
from tests.xylo_programs import core_program, program_of

SEEDS = range(20)
STEPS = 200
XYLO = chip_named("xylo")


def drawn(seed: int, steps: int) -> tuple[Configuration, Array]:
    """Without aliases, and with biases of as many bits as the chip's file has."""
    configuration, x = draw_alive(seed, steps)
    hidden, readout = configuration.hidden, configuration.readout
    if hidden.bias is not None:
        hidden = replace(hidden, bias=np.clip(hidden.bias, -128, 127))
    return replace(configuration, aliases=(), hidden=hidden, readout=readout), x


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS if is_long() else SEEDS[:8])
def test_model_equals_simulator(seed: int) -> None:
    """Every current, membrane and spike, and the engine of `snncc run` gives the same."""
    configuration, x = drawn(seed, STEPS)
    program = core_program(program_of(configuration, XYLO))
    trace = Network(model_of(program, XYLO)).run(x.astype(np.uint8), trace=True)
    wanted = simulate(configuration, x)
    for k, current in enumerate(wanted.hidden_currents):
        np.testing.assert_array_equal(trace[f"hidden.i{k}"], current)
    np.testing.assert_array_equal(trace["hidden.v"], wanted.hidden_membrane)
    np.testing.assert_array_equal(trace["hidden"], wanted.hidden_spikes)
    np.testing.assert_array_equal(trace["readout.i0"], wanted.readout_currents[0])
    np.testing.assert_array_equal(trace["readout.v"], wanted.readout_membrane)
    np.testing.assert_array_equal(trace["y"], wanted.readout_spikes)
    for name, array in engine(program, XYLO, {"x": x}).items():
        np.testing.assert_array_equal(array, trace[name], name)


@pytest.mark.slow
def test_all_networks_are_alive() -> None:
    """2 to 90 % in both layers, with and without recurrence, one synapse and two."""
    found = [(drawn(seed, 60), seed) for seed in SEEDS]
    rates = [simulate(*each).rates() for each, _ in found]
    assert sum(0.02 <= hidden <= 0.9 and 0.02 <= out <= 0.9 for hidden, out in rates) >= 18
    assert {bool(c.recurrent.weights.any()) for (c, _), _ in found} == {True, False}
    assert {len(c.hidden.dash_syn) for (c, _), _ in found} == {1, 2}


def written_by_vendor(configuration: Configuration, x: Array, folder: Path) -> dict[str, bytes]:
    """The files that xylosim's own writer makes."""
    v2, tools = require_module("xylosim.v2"), require_module("xylosim.tools")
    c = configuration

    def two(values: Array) -> Array:
        return np.concatenate([values, np.zeros_like(values)])[:2]

    def synapses(weights: Array) -> list[list[Any]]:
        return [
            [
                v2.XyloSynapse(int(target), k, int(w[source, target]))
                for k, w in enumerate(two(weights))
                for target in np.flatnonzero(w[source])
            ]
            for source in range(weights.shape[1])
        ]

    def bias(values: Array | None, size: int) -> list[int]:
        return [0] * size if values is None else values.tolist()

    held = [synapses(m.weights) for m in (c.input, c.recurrent, c.output)]
    biases = [bias(p.bias, p.size) for p in (c.hidden, c.readout)]
    layer = v2.XyloLayer(
        synapses_in=held[0],
        synapses_rec=held[1],
        synapses_out=held[2],
        aliases=[[] for _ in range(c.hidden.size)],
        threshold=c.hidden.threshold.tolist(),
        threshold_out=c.readout.threshold.tolist(),
        has_bias=any(map(any, biases)),
        bias=biases[0],
        bias_out=biases[1],
        weight_shift_inp=c.input.shift,
        weight_shift_rec=c.recurrent.shift,
        weight_shift_out=c.output.shift,
        dash_mem=c.hidden.dash_mem.tolist(),
        dash_mem_out=c.readout.dash_mem.tolist(),
        dash_syns=two(c.hidden.dash_syn).T.tolist(),
        dash_syns_out=two(c.readout.dash_syn).T.tolist(),
        name="layer",
    )
    layer.evolve(x.tolist())
    with contextlib.redirect_stdout(io.StringIO()):
        tools.save_to_RAM_files_V2(str(folder), layer, x, 1e-3)
    del layer, held  # in this order: the layer has pointers to the synapses
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS if is_long() else SEEDS[:8])
def test_images_equal_those_of_the_vendors_writer(seed: int, tmp_path: Path) -> None:
    configuration, x = drawn(seed, 40)
    x = np.minimum(x, 15)  # a file of counts above what the chip takes would be a lie
    x[:2] = x[12:] = 0  # steps in which the simulator hibernates have no files
    if seed % 4 == 3:  # neurons with biases that come to rest
        configuration = replace(
            configuration,
            hidden=at_rest(configuration.hidden),
            readout=at_rest(configuration.readout),
        )
    program = core_program(program_of(configuration, XYLO))
    trace = Network(model_of(program, XYLO)).run(x.astype(np.uint8), trace=True)
    files = emit(program, XYLO, Golden({"x": x}, trace))
    wanted = written_by_vendor(configuration, x, tmp_path)
    assert sorted(files) == sorted(wanted)
    for name in wanted:
        assert files[name] == wanted[name], name
    assert seed % 4 not in (1, 3) or "vmem/nmpram_39.txt" not in files


def at_rest(p: Population) -> Population:
    """Neurons that forget within a few steps what came in, and do not fire."""
    decays = {"dash_mem": np.minimum(p.dash_mem, 1), "dash_syn": np.minimum(p.dash_syn, 1)}
    return replace(p, threshold=np.full(p.size, 32767), bias=np.minimum(p.bias, 100), **decays)
