"""The digits networks of ReckOn and tinyODIN: from their files to what judges of the chips do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.cores.chips import chip_named
from snncc.cores.configuration import configure
from snncc.cores.folder import files_of
from tests.backends.cores.test_reckon import expect_the_chip_has_it as expect_reckon
from tests.backends.cores.test_tinyodin import expect_the_chip_has_it as expect_tinyodin

FOLDER = Path(__file__).parents[3] / "examples" / "chips"
STATES = {"reckon": ["u", "z", "o"], "tinyodin": ["v", "u"]}
PLAYED = {"reckon": expect_reckon, "tinyodin": expect_tinyodin}
MOST_LOST = 0.04
"""Of the accuracy of the network that was given."""


@pytest.mark.parametrize("chip", STATES)
def test_digits(chip):
    network = snncc.load(FOLDER / f"{chip}.pt2", states=STATES[chip])
    with np.load(FOLDER / f"{chip}_calibration.npz") as file:
        x, y = file["x"][:, :128], file["y"][:128]
    c = configure(network, chip_named(chip), x, y)
    first, last = c.steps[0].cost, c.steps[-1].cost
    assert last.accuracy >= first.accuracy - MOST_LOST
    written = files_of(c)
    files = {
        path.removeprefix("config/"): data
        for path, data in written.items()
        if path.startswith("config/")
    }
    PLAYED[chip](files)
    readme = written["README.md"].decode()
    assert all(f"| `config/{name}` |" in readme for name in files)
    with np.load(FOLDER / f"{chip}_test.npz") as file:
        x, y = file["x"][:, :200], file["y"][:200]
    (given,) = c.run(x).values()
    (wanted,) = network.run(x.astype(np.float32)).values()

    def right(outputs):
        return float((outputs.astype(np.float64).sum(axis=0).argmax(axis=1) == y).mean())

    assert right(given) >= right(wanted) - MOST_LOST
