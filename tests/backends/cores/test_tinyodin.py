"""tinyODIN: its model as a network of events, and what is emitted, played on a model of the RTL."""

from __future__ import annotations

import json

import numpy as np
import pytest

import snncc
from snncc.backends.cores.tinyodin.emit import emit
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration
from snncc.cores.events import EventChip
from snncc.errors import SnnccError
from tests.backends.cores.random_programs import Builder
from tests.backends.cores.tinyodin_chip import TinyODINChip
from tests.seeds import seeds

CHIP = chip_named("tinyodin")


def random_configuration(seed: int) -> Configuration:
    """Layers, or loops on one layer; leaks, and thresholds that leaks reach, are among them."""
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
    pairs = [(name, layers[0]) for name in inputs] + list(zip(layers, layers[1:], strict=False))
    for source, target in pairs:
        w = draw.integers(-5, 8, (b.sizes[source], b.sizes[target]))
        b.connect(source, target, w)
    if loops:  # mostly inhibition, so that it comes to rest
        size = b.sizes[layers[0]]
        b.connect(layers[0], layers[0], draw.integers(-8, 4, (size, size)))
    x = {name: (draw.random((8, b.sizes[name])) < 0.4).astype(np.uint8) for name in inputs}
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
    assert sum(count > 10 for count in found) >= len(found) / 2
