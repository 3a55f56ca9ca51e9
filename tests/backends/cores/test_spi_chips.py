"""ReckOn and tinyODIN from a model to their folders, and all that may not fit them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from snncc.cores.chips import chip_named, description_text
from snncc.cores.configuration import configure
from snncc.cores.legalize import problems_of
from snncc.dialects.core.document import DescriptionError, parse_description
from snncc.errors import SnnccError
from tests.backends.cores.test_reckon import expect_the_chip_has_it as expect_reckon
from tests.backends.cores.test_tinyodin import expect_the_chip_has_it as expect_tinyodin
from tests.cli.conftest import snncc  # noqa: F401  (the fixture)
from tests.spiking_graphs import dynamics, graph, network_of, small

X = (np.random.default_rng(0).random((6, 2, 4)) < 0.5).astype(np.uint8)
PLAYED = {"reckon": expect_reckon, "tinyodin": expect_tinyodin}


@pytest.fixture
def given(tmp_path, request):
    """A network's file and data for a chip."""
    draw = np.random.default_rng(3)
    network_of(small(request.param)).save(tmp_path / "net.mlir")
    x = (draw.random((10, 6, 4)) < 0.4).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x, y=draw.integers(0, 3, 6))
    return request.param, tmp_path


@pytest.mark.parametrize("given", PLAYED, indirect=True)
def test_commands(given, snncc):  # noqa: F811
    chip, folder = given
    model, data, out = (str(folder / name) for name in ("net.mlir", "x.npz", "out"))
    code, shown, _ = snncc("check", model, "--target", chip)
    assert code == 0, shown
    code, shown, err = snncc(
        "compile", model, "--target", chip, "--calibrate", data, "--labels", "y", "-o", out
    )
    assert code == 0, err
    config = folder / "out" / "config"
    PLAYED[chip]({path.name: path.read_bytes() for path in config.iterdir()})
    code, shown, err = snncc("run", out, "--input", data, "--labels", "y")
    assert code == 0, err
    assert "accuracy" in shown + err
    code, shown, err = snncc("inspect", out)
    assert code == 0, err
    assert "slots" in shown
    readme = (folder / "out" / "README.md").read_text()
    assert all(f"config/{path.name}" in readme for path in config.iterdir())
    assert ("Slots are taken" in readme) == (chip == "tinyodin")


def weights(targets: int, sources: int):
    draw = np.random.default_rng(0)
    return draw.normal(0.2, 0.4, (targets, sources)) * (draw.random((targets, sources)) < 0.1)


def test_all_that_does_not_fit_reckon_is_listed():
    layers = {
        "h": dynamics(257, 0.5, "subtract", 1.0, bias=0.1),
        "g": dynamics(5, [0.9, 0.9, 0.99, 0.99, 0.999], "subtract", 1.0),
        "y": dynamics(17, [0.9] * 16 + [0.98]),
    }
    edges = [
        ("x", "h", 0, weights(257, 300)),
        ("h", "g", 4, weights(5, 257)),
        ("g", "h", 1, weights(257, 5)),
        ("h", "y", 1, weights(17, 257)),
    ]
    found = problems_of(network_of(graph("big", {"x": 300}, layers, edges)), chip_named("reckon"))
    told = {(p.code, p.node): p.message for p in found}
    assert len(told) == len(found)
    assert told["SNC-N002", None] == (
        "301 inputs with the one that carries biases; reckon has 256: 45 too many"
    )
    # pairs are of one layer: 258 + 6
    assert told["SNC-N002", "h"] == "264 recurrent neurons; reckon has 256: 8 too many"
    assert told["SNC-N002", "y"] == "17 readout neurons; reckon has 16: 1 too many"
    assert "3 steps early" in told["SNC-N003", "g"]
    assert "0.5 a step; reckon has 0.875 to 1.125" in told["SNC-N005", "h"]
    assert "one for all of a class" in told["SNC-N005", "y"]
    assert all(p.remedy for p in found)


def test_all_that_does_not_fit_tinyodin_is_listed():
    layers = {
        "h": dynamics(100, 0.9, "zero", 1.0, bias=-0.2),
        "y": dynamics(10, 1.0, "zero", 0.001),
        "m": dynamics(2, 1.0),
    }
    edges = [
        ("x", "h", 0, weights(100, 200)),
        ("h", "h", 3, weights(100, 100)),
        ("h", "y", 0, weights(10, 100)),
    ]
    only = {name: layers[name] for name in "hy"}
    found = problems_of(network_of(graph("big", {"x": 200}, only, edges)), chip_named("tinyodin"))
    told = {(p.code, p.node): p.message for p in found}
    assert len(told) == len(found)
    wanted = (
        "311 inputs and neurons together with the one that carries biases; "
        "tinyodin has 256 places for them: 55 too many"
    )
    assert told["SNC-N002", None] == wanted
    assert "3 steps early" in told["SNC-N003", "h"]
    assert "a threshold of 1 on the chip" in told["SNC-N006", "y"]
    edges += [("h", "m", 0, weights(2, 100))]
    found = problems_of(network_of(graph("big", {"x": 200}, layers, edges)), chip_named("tinyodin"))
    assert ("SNC-N004", "m") in {(p.code, p.node) for p in found}


def test_neurons_that_share_a_pair_share_what_the_chip_has_once():
    # three decays in five neurons: seven slots are enough to change none of them
    decay = np.array([0.9, 0.95, 0.9, 0.97, 0.95, 0.9])
    draw = np.random.default_rng(1)
    layers = {
        "h": dynamics(6, decay, "subtract", [1.0, 2.0, 1.0, 1.0, 0.5, 1.0]),
        "y": dynamics(2, 0.9),
    }
    edges = [
        ("x", "h", 0, draw.normal(0.3, 0.4, (6, 4))),
        ("h", "h", 1, draw.normal(0, 0.3, (6, 6))),
        ("h", "y", 1, draw.normal(0, 0.3, (2, 6))),
    ]
    network = network_of(graph("pairs", {"x": 4}, layers, edges))
    x = (draw.random((12, 4, 4)) < 0.4).astype(np.uint8)
    c = configure(network, chip_named("reckon"), x)
    alpha = next(c.program.members("recurrent")).numbers("alpha")
    assert (alpha == np.rint(decay * 2**15)).all()
    told = next(step for step in c.steps if step.name == "neurons").changes
    assert "h: 6 neurons no longer reach themselves" in told
    expect_reckon(_config(c))


def _config(c):
    from snncc.cores.folder import files_of

    files = files_of(c)
    return {
        name.removeprefix("config/"): data
        for name, data in files.items()
        if name.startswith("config/")
    }


# A description with something wrong: the old text, the new one, what is in the line, the fault.
WRONG = {
    "reckon": [
        ("{name: alpha, low: 116", "{name: alpha, low: 115", "name: alpha", "overlaps"),
        ("parameter: readout.kappa", "parameter: readout.tau", "KAPPA", "no parameter"),
        ("address: 69, bits: 8", "address: 69, bits: 7", "KAPPA", "expected 0 to 127, got 255"),
        ("words: 128\n", "words: 64\n", "words: 64", "256 neurons do not fit"),
        ("[input], row: 64", "[input], row: 32", "row: 32", "targets of a source do not fit"),
    ],
    "tinyodin": [
        ("weight, low: 0, bits: 4", "weight, low: 0, bits: 3", "name: weight", "-4 to 3, got -8"),
        ("code: {low: 16", "code: {low: 14", "code: {low: 14", "overlaps another part"),
        ("{name: leak, low: 24", "{name: loss, low: 24", "leak: {low: 0", "no memory"),
    ],
}


@pytest.mark.parametrize(
    ("chip", "old", "new", "line_of", "message"),
    [(chip, *wrong) for chip, cases in WRONG.items() for wrong in cases],
)
def test_faults_of_memories_name_their_line(chip, old, new, line_of, message):
    from importlib.resources import files

    text = (files("snncc.backends") / "cores" / chip / "chip.yaml").read_text()
    assert text.count(old) == 1
    text = text.replace(old, new)
    with pytest.raises(DescriptionError) as caught:
        parse_description(text)
    lines = [k for k, line in enumerate(text.splitlines(), start=1) if line_of in line]
    (fault,) = caught.value.faults
    assert int(fault.split(":")[1]) in lines, fault
    assert message in fault


def test_descriptions_are_written_and_read_back():
    for chip in PLAYED:
        description = chip_named(chip)
        assert parse_description(description_text(description)) == description


def test_golden_files_are_the_samples_run():
    network = network_of(small("tinyodin"))
    c = configure(network, chip_named("tinyodin"), X)
    expected = json.loads(_config(c)["expected.json"])
    counts = sum(c.golden.trace[name].sum() for name in ("h", "y"))
    assert len(expected["spikes"]) == counts > 0


def test_loops_of_a_chip_of_events():
    draw = np.random.default_rng(2)
    layers = {"h": dynamics(8, 1.0, "zero", 1.0), "y": dynamics(3, 1.0, "zero", 1.0)}
    loop = draw.normal(-0.2, 0.2, (8, 8))
    edges = [
        ("x", "h", 0, draw.normal(0.3, 0.3, (8, 4))),
        ("h", "h", 1, loop),
        ("h", "h", 2, loop),  # arrives in the same step as the other, and is one synapse with it
        ("h", "y", 0, draw.normal(0.3, 0.3, (3, 8))),
    ]
    with pytest.raises(
        SnnccError, match="SNC-N003 node 'h': spikes of h would arrive 2 steps early"
    ):
        configure(network_of(graph("loop", {"x": 4}, layers, edges)), chip_named("tinyodin"), X)
    edges[2] = ("h", "h", 1, loop)
    c = configure(network_of(graph("loop", {"x": 4}, layers, edges)), chip_named("tinyodin"), X)
    assert sum(s.source_name == s.target_name for s in c.program.synapses) == 1
    assert expect_tinyodin(_config(c)) > 5
    assert "h -> h: 1 step early" in next(s for s in c.steps if s.name == "latencies").changes
