"""ReckOn: what is emitted, played on a model of the chip that was written from its RTL."""

from __future__ import annotations

import json

import numpy as np

from snncc.backends.cores.reckon.emit import emit
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration
from snncc.cores.stepped import SteppedChip
from snncc.network import Network
from snncc.passes.chip_model import model_of
from tests.backends.cores.random_programs import Builder
from tests.backends.cores.reckon_chip import ReckonChip
from tests.seeds import seeds

CHIP = chip_named("reckon")


def random_configuration(seed: int) -> Configuration:
    """Up to two populations and two inputs; every third network drives membranes to the ends."""
    draw = np.random.default_rng(seed)
    loud = seed % 3 == 2
    b = Builder(CHIP)
    inputs = [f"x{i}" for i in range(draw.integers(1, 3))]
    hidden = [f"h{i}" for i in range(draw.integers(1, 3))]
    for name in inputs:
        b.input(name, int(draw.integers(1, 9)))
    for name in hidden:
        size = int(draw.integers(1, 10))
        # few values, so that some neurons share a pair, and some pairs have a slot to spare
        b.population(
            name,
            "recurrent",
            threshold=draw.choice([300, 900, 32767 if loud else 2000], size),
            alpha=draw.choice([0x7000, 0x7A31, 0x8000, 0x8FFF if loud else 0x7FFF], size),
        )
    readouts = [f"y{i}" for i in range(draw.integers(1, 3))]
    kappa = int(draw.choice([0, 0x7A, 0x80, 0xFF if loud else 0x60]))
    for name in readouts:
        size = int(draw.integers(1, 7))
        b.population(name, "readout", kappa=np.full(size, kappa))
    for source in (*inputs, *hidden):
        for target in hidden if source in inputs else (*hidden, *readouts):
            shape = (b.sizes[source], b.sizes[target])
            w = draw.integers(-100, 128, shape) * (draw.random(shape) < 0.8)
            b.connect(source, target, w)
    settings = {
        "FP_LOC_WINP": 7 if loud else int(draw.integers(2, 5)),
        "FP_LOC_WREC": 6 if loud else int(draw.integers(1, 4)),
        "FP_LOC_WOUT": int(draw.integers(0, 8)),
        "RST_MODE": int(draw.integers(0, 2)),
    }
    x = {name: (draw.random((14, b.sizes[name])) < 0.4).astype(np.uint8) for name in inputs}
    return b.finish(readouts, settings, x)


def played(files: dict[str, bytes]) -> ReckonChip:
    return ReckonChip().play(files["program.txt"].decode() + files["sample.txt"].decode())


def expect_the_chip_has_it(files: dict[str, bytes]) -> dict[str, int]:
    """Every membrane, spike and output that was written down is the chip's."""
    chip, expected = played(files), json.loads(files["expected.json"])
    steps = len(expected["u"])
    assert len(chip.ticks) == steps + 1
    for k in range(steps):
        here, after = chip.ticks[k], chip.ticks[k + 1]
        neurons, outputs = len(expected["u"][k]), len(expected["o"][k])
        assert here.u[:neurons].tolist() == expected["u"][k], k
        assert not here.u[neurons:].any(), k
        assert np.flatnonzero(after.z).tolist() == expected["z"][k], k
        assert here.o[:outputs].tolist() == expected["o"][k], k
    assert chip.results == [[expected["label"]]]
    assert chip.ticks[-1].counts[: len(expected["counts"])].tolist() == expected["counts"]
    return {
        "spikes": sum(len(z) for z in expected["z"]),
        "at the end": int((np.abs(np.array(expected["u"])) >= 32767).sum()),
    }


def test_emitted_files_give_the_models_run():
    found = []
    for seed in seeds(20):
        c = random_configuration(seed)
        files = emit(c.program, CHIP, c.golden)
        try:
            found.append(expect_the_chip_has_it(files))
        except Exception as fault:
            fault.add_note(f"seed {seed}")
            raise
    # the order in which sources are added shows where a membrane is at an end
    assert sum(f["spikes"] > 0 for f in found) >= len(found) / 2
    assert sum(f["at the end"] > 0 for f in found) >= len(found) / 5


def test_short_sums_are_the_chip_or_run_again():
    again = 0
    for seed in range(1, 4):
        c = random_configuration(seed)
        x = {n: np.stack([a, 0 * a, a[::-1]], axis=1) for n, a in c.golden.inputs.items()}
        wanted = Network(model_of(c.program, CHIP, "events")).run(x, trace=True)
        chip = SteppedChip(c.program, CHIP)
        found = chip.run(x, trace=True)
        again += "network" in vars(chip)
        for name in (*c.golden.trace, *c.program.outputs):
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=f"{seed} {name}")
        assert found.keys() == wanted.keys()
        for name, array in wanted["final"].items():
            np.testing.assert_array_equal(found["final"][name], array, err_msg=f"{seed} {name}")
    assert 0 < again < 3
