"""tinyODIN: its model as a network of events, and what is emitted, played on a model of the RTL."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

import snncc
from snncc.backends.cores.emitting import Golden
from snncc.backends.cores.tinyodin.emit import emit
from snncc.cores import events
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration
from snncc.cores.events import EventChip
from snncc.errors import SnnccError
from snncc.passes.core_order import set_order
from tests.backends.cores.random_programs import Builder
from tests.backends.cores.tinyodin_chip import TinyODINChip
from tests.seeds import seeds

CHIP = chip_named("tinyodin")


def random_configuration(seed: int) -> Configuration:
    """
    Layers, inputs to all of them or to the first, or loops on one; leaks, and thresholds that
    leaks reach, are among them.
    """
    draw = np.random.default_rng(seed)
    loops = seed % 2 == 1
    b = Builder(CHIP)
    inputs = [f"x{i}" for i in range(draw.integers(1, 3))]
    layers = [f"l{i}" for i in range(1 if loops else draw.integers(1, 4))]
    for name in inputs:
        b.input(name, int(draw.integers(1, 7)))
    for name in layers:
        size = int(draw.integers(1, 13))
        b.population(
            name,
            "neuron",
            threshold=draw.integers(1, 12, size),
            leak=draw.integers(0, 4, size),
            disable=(draw.random(size) < 0.1).astype(int),
        )
    pairs = [(name, layers[0]) for name in inputs] + list(pairwise(layers))
    if seed % 4 == 0:  # as biases come
        pairs += [(inputs[0], name) for name in layers[1:]]
    for source, target in pairs:
        w = draw.integers(-5, 8, (b.sizes[source], b.sizes[target]))
        b.connect(source, target, w)
    if loops:  # mostly inhibition, so that it comes to rest
        size = b.sizes[layers[0]]
        b.connect(layers[0], layers[0], draw.integers(-8, 3, (size, size)))
    x = {name: (draw.random((6, b.sizes[name])) < 0.4).astype(np.uint8) for name in inputs}
    return b.finish(layers[-1:], {}, x)


def expect_the_chip_has_it(files: dict[str, bytes]) -> int:
    """Every spike with its event, in order, and every membrane at the end of each step."""
    program, sample = files["program.txt"].decode(), files["sample.txt"].decode()
    chip, expected = TinyODINChip().play(program + sample), json.loads(files["expected.json"])
    assert [list(spike) for spike in chip.spikes] == expected["spikes"]
    assert not chip.lost
    ends = [k for k, line in enumerate(sample.splitlines()) if line == "event 1ff"]
    assert len(ends) == len(expected["v"])
    for k, v in zip(ends, expected["v"], strict=True):
        assert chip.membranes[k][: len(v)].tolist() == v, k
    return len(expected["spikes"])


def test_emitted_files_give_the_models_run():
    found = []
    for seed in seeds(20):
        try:
            c = random_configuration(seed)
            found.append(expect_the_chip_has_it(emit(c.program, CHIP, c.golden)))
        except Exception as fault:
            fault.add_note(f"seed {seed}")
            raise
    assert sum(count > 6 for count in found) >= len(found) / 2


def test_layers_give_what_the_queue_gives():
    layered = 0
    for seed in range(0, 12, 2):
        c = random_configuration(seed)
        chip = EventChip(c.program, CHIP)
        found = chip.run(c.golden.inputs, trace=True)
        layered += chip.layers is not None
        for name, array in c.golden.trace.items():
            np.testing.assert_array_equal(found[name], array, err_msg=f"{seed} {name}")
    assert layered >= 4


def test_samples_go_on_side_by_side():
    c = random_configuration(1)
    chip = EventChip(c.program, CHIP)
    x = {name: np.stack([a, a[::-1], 0 * a], axis=1) for name, a in c.golden.inputs.items()}
    together = chip.run(x, trace=True)
    for b in range(3):
        alone, _ = chip.ordered({name: a[:, b] for name, a in x.items()})
        for name, array in alone.items():
            np.testing.assert_array_equal(together[name][:, b], array, err_msg=name)


def test_events_are_sent_in_the_programs_order():
    b = Builder(CHIP)
    b.input("x", 2)
    b.population("n", "neuron", threshold=np.array([5]), leak=np.array([0]))
    b.connect("x", "n", np.array([[7], [-7]]))
    x = {"x": np.array([[1, 1]], np.uint8)}
    first = b.finish(["n"], {}, x)
    assert first.golden.trace["n"].tolist() == [[1]]
    assert first.golden.trace["n.v"].tolist() == [[-7]]
    set_order(first.module, {"x": np.array([1, 0])})
    trace, order = EventChip(first.program, CHIP).ordered(x)
    assert trace["n.v"].tolist() == [[0]]
    assert not len(order)
    files = emit(first.program, CHIP, Golden(x, trace, order))
    assert files["sample.txt"].decode().split() == ["event", "2", "event", "1", "event", "1ff"]
    expect_the_chip_has_it(files)


def test_more_spikes_than_the_queue_holds_are_an_error(monkeypatch):
    monkeypatch.setattr(events, "ENDLESS", 150)
    b = Builder(CHIP)
    b.input("x", 1)
    b.population("n", "neuron", threshold=np.full(130, 1))
    b.connect("x", "n", np.full((1, 130), 1) * (np.arange(130) < 127))
    x = {"x": np.array([[1]], np.uint8)}
    c = b.finish(["n"], {}, x)  # 127, and the event itself: all that there is room for
    assert int(c.golden.trace["n"].sum()) == 127
    b = Builder(CHIP)
    b.input("x", 1)
    b.population("n", "neuron", threshold=np.full(130, 1))
    b.connect("x", "n", np.full((1, 130), 1) * (np.arange(130) < 128))
    with pytest.raises(SnnccError, match="SNC-N009 sample 0, step 0: more than 128 spikes wait"):
        b.finish(["n"], {}, x)
    b = Builder(CHIP)
    b.input("x", 1)
    b.population("n", "neuron", threshold=np.full(2, 1))
    b.connect("x", "n", np.array([[1, 0]]))
    b.connect("n", "n", np.array([[0, 1], [1, 0]]))
    with pytest.raises(SnnccError, match=r"SNC-N009 .*without end"):
        b.finish(["n"], {}, x)


def test_the_chip_in_c_is_the_chip_in_the_interpreter():
    # any events, also while spikes wait, as no host sends them
    c = random_configuration(1)
    network = EventChip(c.program, CHIP).network
    draw = np.random.default_rng(0)
    sources = network.inputs["event"][0]
    chosen = np.where(draw.random((40, 2)) < 0.5, draw.integers(0, sources, (40, 2)), -1)
    x = {
        "event": (chosen[..., None] == np.arange(sources)).astype(np.uint8),
        "leaks": ((chosen < 0) & (draw.random((40, 2)) < 0.3))[..., None].astype(np.uint8),
    }
    wanted = network.run(x, trace=True)
    got = snncc.compile(network).run(x, trace=True)
    assert wanted["pending"].max() > 1
    for name in ("spikes", "pending", "lost", "neurons.v"):
        np.testing.assert_array_equal(got[name], wanted[name], err_msg=name)
