"""Networks on RANC, from a model to the folder: legalized, placed, written, inspected."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

import snncc
from snncc.cli import cli
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.folder import load
from snncc.cores.legalize import problems_of
from snncc.cores.traffic import traffic_of
from snncc.dialects.core.wiring import Wiring
from snncc.errors import SnnccError
from tests.backends.cores.ranc_chip import play
from tests.backends.cores.ranc_networks import layered, spikes
from tests.backends.cores.ranc_programs import expect_same
from tests.backends.cores.test_sanafe_replay import expect_same_counts, simulate
from tests.tools import REPOSITORY, require_module

DIGITS = REPOSITORY / "examples" / "chips"
STATES = ["va", "vb", "vc", "vd", "vy", "sa", "sb", "sc", "sd"]


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """Weights are normal: each neuron gets four of its own."""
    network = layered(tmp_path_factory.mktemp("net"), [20, 44, 20, 10])
    return configure(network, chip_named("ranc"), spikes(30, 16, 20))


@pytest.fixture(scope="module")
def folder(floats: Configuration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return floats.save(tmp_path_factory.mktemp("chip") / "out")


def test_floats_become_four_weights(floats: Configuration) -> None:
    wiring = Wiring(floats.program)
    assert len(wiring.cores) > 1
    for table in wiring.tables.values():
        assert table.shape[0] == 4
    assert np.count_nonzero(wiring.tables["if0"], axis=0).max() == 4
    cost = {step.name: step.cost for step in floats.steps}["cores"]
    assert cost is not None
    assert abs(cost.rate - 1) < 0.02
    assert not [change for step in floats.steps for change in step.changes if "wrap" in change]
    # the simulator has 32 bits, the Verilog 9: the sample is the same on both
    run = expect_same(floats.program, floats.description, floats.golden, wrap=False)
    assert run.outputs.any()


def test_folder(floats: Configuration, folder: Path) -> None:
    again = load(folder)
    expect_same(again.program, again.description, again.golden)
    x = spikes(30, 2, 20, seed=5)
    y, other = floats.run(x), again.run(x)
    np.testing.assert_array_equal(y["y"], other["y"])
    wiring = Wiring(floats.program)
    with (folder / "address_map.csv").open() as file:
        rows = list(csv.DictReader(file))
    neurons = [row for row in rows if row["class"] == "neuron"]
    # every neuron and every copy of it, each in a place of its own
    assert len(neurons) == wiring.sizes().sum()
    assert len({(row["core"], row["slot"]) for row in neurons}) == len(neurons)
    assert len(rows) - len(neurons) == len(wiring.routes["x"])
    packets = sum(
        layer.packets for layer in traffic_of(floats.program, floats.golden).layers.values()
    )
    assert f"The sample sends {packets} packets" in (folder / "README.md").read_text()


def test_another_sample_by_what_the_folder_says(floats: Configuration, folder: Path) -> None:
    """Packets and lines of the bus as README.md and address_map.csv have them."""
    x = spikes(30, 1, 20, seed=5)[:, 0]
    with (folder / "address_map.csv").open() as file:
        rows = list(csv.DictReader(file))
    network = json.loads((folder / "config/input.json").read_text())
    network["packets"] = [
        [
            {
                "destination_core": [int(row["x"]), int(row["y"])],
                "destination_axon": int(row["slot"]),
                "destination_tick": int(row["delay"]),
            }
            for row in rows
            if row["layer"] == "x" and step[int(row["neuron"])]
        ]
        for step in x
    ]
    configuration = (folder / "config/config.json").read_text()
    found = play(json.dumps(network), configuration, len(x) + 1).outputs
    shown = {int(row["neuron"]): int(row["line"]) for row in rows if row["line"]}
    (wanted,) = floats.run(x).values()
    late = floats.lag
    assert wanted[late:].any()
    lines = [shown[neuron] for neuron in range(wanted.shape[1])]
    np.testing.assert_array_equal(found[1 + late :, lines], wanted[: len(x) - late])


def test_sanafe_counts_what_we_count(floats: Configuration, folder: Path, tmp_path: Path) -> None:
    files = {
        name: (folder / "sanafe" / name).read_bytes() for name in ("arch.yaml", "network.yaml")
    }
    result = simulate(tmp_path, files, floats.golden.steps)
    expect_same_counts(result, traffic_of(floats.program, floats.golden))


def test_inspect_and_its_drawing(floats: Configuration, folder: Path, tmp_path: Path) -> None:
    require_module("matplotlib")
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    texts = []
    for file in files:
        result = CliRunner().invoke(cli, ["inspect", str(folder), "--svg", str(file)])
        assert result.exit_code == 0, result.output
        texts.append(result.output)
    assert files[0].read_bytes() == files[1].read_bytes()
    drawn = "".join(ElementTree.parse(files[0]).getroot().itertext())
    counted = traffic_of(floats.program, floats.golden)
    assert f"{counted.between.sum()} packets in {counted.steps} steps" in drawn
    for name in floats.program.populations:
        assert name in drawn
    assert "output bus" in drawn
    wiring = Wiring(floats.program)
    for size, axons in zip(wiring.sizes(), wiring.axons(), strict=True):
        assert f"{size} of 256" in texts[0]
        assert f"{axons} of 256" in texts[0]


def test_only_folders_are_drawn(tmp_path: Path) -> None:
    model = REPOSITORY / "examples" / "digits" / "mlp_lif_digits.nir"
    result = CliRunner().invoke(cli, ["inspect", str(model), "--svg", str(tmp_path / "a.svg")])
    assert isinstance(result.exception, SnnccError)
    assert str(result.exception).startswith("SNC-C003 --svg: draws a chip's folder")


def test_check_tells_what_never_fits(tmp_path: Path) -> None:
    chip = chip_named("ranc")
    (problem,) = problems_of(layered(tmp_path, [300, 4, 4]), chip)
    assert (problem.code, problem.node) == ("SNC-N002", "if0")
    assert problem.message == (
        "a neuron with 300 sources; a core of ranc has 256 axons: 44 too many"
    )
    grid = chip.grid.model_copy(update={"width": 2, "height": 1, "bus": 8})
    neuron = chip.neurons["neuron"].model_copy(update={"count": 16})
    small = chip.model_copy(update={"grid": grid, "neurons": {"neuron": neuron}})
    problems = problems_of(layered(tmp_path, [3, 12, 9]), small)
    assert [problem.message for problem in problems] == [
        "21 neurons, with a copy for each destination; ranc has 1 cores x 16 = 16: 5 too many",
        "9 outputs; the output bus of ranc has 8 lines: 1 too many",
    ]


@pytest.fixture(scope="module")
def digits() -> tuple[Configuration, dict[str, Any]]:
    require_module("torch")
    network = snncc.load(DIGITS / "ranc.pt2", states=STATES)
    data = dict(np.load(DIGITS / "ranc_calibration.npz"))
    return configure(network, chip_named("ranc"), data["x"][:, :64], data["y"][:64]), data


def test_digits_are_exact(digits: tuple[Configuration, dict[str, Any]]) -> None:
    """Weights of -1, 0 and 1 and whole thresholds: not a spike moves."""
    configuration, _ = digits
    for step in configuration.steps:
        assert step.cost is not None
        assert step.cost.moved == 0
    wiring = Wiring(configuration.program)
    # most neurons are heard with both weights, and are two: they fill three cores at least
    assert wiring.sizes().sum() > 2 * 256
    expect_same(configuration.program, configuration.description, configuration.golden, wrap=False)


def test_digits_on_the_test_set(digits: tuple[Configuration, dict[str, Any]]) -> None:
    configuration, _ = digits
    test = np.load(DIGITS / "ranc_test.npz")
    (y,) = configuration.run(test["x"]).values()
    assert (y.sum(axis=0, dtype=np.int64).argmax(axis=1) == test["y"]).mean() > 0.95
