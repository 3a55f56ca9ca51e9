"""Configurations: what is written is read back and runs the same; what was changed is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.cores.chips import chip_named, description_text
from snncc.cores.configuration import Configuration, configure
from snncc.cores.folder import files_of, load
from snncc.dialects.core.document import parse_description
from snncc.errors import SnnccError
from snncc.folders import save_files
from tests.cores.networks import OUTPUTS, small, spikes
from tests.tools import require_module


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    network, x = small(), spikes()
    labels = network.run(x)["y"].sum(axis=0).argmax(axis=1)
    return configure(network, chip_named("xylo"), x, labels)


def test_costs_are_told_step_by_step(configuration: Configuration) -> None:
    names = [step.name for step in configuration.steps]
    assert names == ["network", "normal form", "latencies", "neurons", "whole numbers"]
    first, last = configuration.steps[0].cost, configuration.steps[-1].cost
    assert first is not None
    assert last is not None
    assert first.moved == 0
    assert first.accuracy == 1.0  # the labels are its own classes
    assert 0 < last.moved < 0.5
    assert any("31 spikes a step" in change for change in configuration.steps[3].changes)


def test_the_chip_follows_the_network(configuration: Configuration) -> None:
    x = spikes(1)
    wanted, got = small().run(x)["y"], configuration.run(x)["y"]
    assert got.shape == wanted.shape
    assert 0.1 < wanted.mean() < 0.9
    assert (wanted != got).mean() < 0.15


def test_model_is_the_simulator(configuration: Configuration) -> None:
    require_module("xylosim.v2")
    x = spikes(2)
    trace = configuration.run(x, trace=True)
    found = configuration.run(x, engine="xylosim", trace=True)
    assert set(found) >= {"y", "hidden.i1", "hidden.v", "readout.v"}
    for name, array in found.items():
        assert array.dtype == trace[name].dtype
        np.testing.assert_array_equal(trace[name], array)
    assert set(configuration.run(x, engine="xylosim")) == {"y"}


def test_folder_is_read_back(configuration: Configuration, tmp_path: Path) -> None:
    folder = configuration.save(tmp_path / "chip")
    again = load(folder)
    assert files_of(again) == files_of(configuration)
    x = spikes(3)
    np.testing.assert_array_equal(again.run(x)["y"], configuration.run(x)["y"])
    golden = again.golden
    got = again.model.run(golden.inputs["x"].astype(np.uint8), trace=True)
    for name, array in golden.trace.items():
        np.testing.assert_array_equal(got[name], array)
    assert configuration.save(folder) == folder  # its own folder is written again
    save_files({"manifest.json": b'{"files": {}}'}, folder)  # and one of another kind
    assert configuration.save(folder) == folder
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SnnccError, match=r"SNC-C004 .*notes.txt, which snncc did not write"):
        configuration.save(folder)


def test_every_changed_file_is_found(configuration: Configuration, tmp_path: Path) -> None:
    folder = configuration.save(tmp_path / "chip")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("network.mlir", "network.safetensors", "chip.yaml", "config/iwtram.ini"):
        assert name in manifest["files"]
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept.replace(b"0", b"1", 1))
        with pytest.raises(SnnccError, match="SNC-N008"):
            load(folder)
        (folder / name).unlink()
        with pytest.raises(SnnccError, match="SNC-N008"):
            load(folder)
        (folder / name).write_bytes(kept)
    load(folder)
    for text in ("", "{}", "[]", '{"schema": 3}', "{" * 100_000):
        (folder / "manifest.json").write_text(text)
        with pytest.raises(SnnccError, match="SNC-N008"):
            load(folder)
    manifest["files"]["../../secret"] = {"sha256": "", "bytes": 0}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SnnccError, match="SNC-N008"):
        load(folder)


def test_labels_are_classes() -> None:
    for label, told in ((OUTPUTS, "expected 0 to 3, got 4 to 4"), (-1, "got -1 to -1")):
        labels = np.full(spikes().shape[1], label)
        with pytest.raises(SnnccError, match=f"SNC-R003 labels: .*{told}"):
            configure(small(), chip_named("xylo"), spikes(), labels)


def test_inputs_are_spikes() -> None:
    network, chip = small(), chip_named("xylo")
    for x, told in (
        (spikes() * 0.5, "SNC-N007 input 'x': xylo takes counts of spikes, 0 to 15; got 0 to 0.5"),
        (spikes() * 16, "got 0 to 16"),
        (-spikes(), "got -1 to"),
        (spikes() * np.nan, "SNC-N007"),
        (spikes()[..., :3], "SNC-R001"),
    ):
        with pytest.raises(SnnccError, match=told):
            configure(network, chip, x)


def test_all_that_does_not_fit_is_listed() -> None:
    """
    Too many neurons and synapses, a current that is too short for a chip whose description lets
    nothing stand for it: one error each.
    """
    text = description_text(chip_named("xylo")).replace("current: shortest", "current: null")
    with pytest.raises(SnnccError) as caught:
        configure(small(hidden=1100, alpha=0.1), parse_description(text), spikes())
    found = {(p.code, p.node): p for p in caught.value.problems}
    assert all(p.remedy for p in caught.value.problems)
    told = [p.message for p in caught.value.problems]
    assert "1100 hidden neurons; xylo has 992: 108 too many" in told
    assert any("1210000 recurrent synapses; xylo has 31744" in message for message in told)
    assert "a neuron reaches 1100 others by recurrent synapses; xylo has 255 for each" in str(told)
    decay = found["SNC-N005", "hidden"]
    assert "current 0: a decay of 0.1 a step; xylo has 0.5 to 0.9999695" in decay.message


def test_compile_takes_a_chip() -> None:
    program = snncc.compile(small(), target="xylo", calibration=spikes())
    assert isinstance(program, Configuration)
    assert program.run(spikes())["y"].shape == (20, 12, OUTPUTS)
    with pytest.raises(SnnccError, match="SNC-C003 target xylo: scales follow from calibration"):
        snncc.compile(small(), target="xylo")
    with pytest.raises(SnnccError, match="SNC-C003 fold: "):
        snncc.compile(small(), target="xylo", calibration=spikes(), fold="all")
