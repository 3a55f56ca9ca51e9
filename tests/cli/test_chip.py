"""`snncc compile --target CHIP`, and what is done with the folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snncc.cores.chips import chip_named, description_text
from snncc.cores.folder import load
from tests.cores.networks import small, spikes
from tests.tools import require_module

COMPILE = ["compile", "small.mlir", "--target", "xylo", "-o", "chip", "--calibrate", "x.npz"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with a network, and spikes x and labels y of its own classes."""
    monkeypatch.chdir(tmp_path)
    network, x = small(), spikes()
    network.save("small.mlir")
    labels = network.run(x)["y"].sum(axis=0).argmax(axis=1)
    np.savez("x.npz", x=x.astype(np.uint8), labels=labels)
    return tmp_path


def test_road_of_a_network(snncc, folder: Path) -> None:
    code, out, err = snncc(*COMPILE, "--labels", "labels")
    assert code == 0
    # hidden neurons of Xylo fire several times a step, and the network's do not
    assert err.startswith("warning: SNC-W030 neurons of xylo move 41.1 % of all spikes")
    assert err.count("warning") == 1
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert ["network", "-", "0.00", "%", "100.0", "%", "1.000"] in rows
    assert ["hidden", "hidden", "20", "0", "0", "to", "19"] in rows
    assert out.splitlines()[-1].startswith("wrote chip: ")

    code, out, err = snncc("inspect", "chip")
    assert (code, err) == (0, "")
    assert ["hidden", "20", "992", "2.0", "%"] in [line.split() for line in out.splitlines()]
    code, out, err = snncc("inspect", "chip", "--json")
    assert json.loads(out)["chip"] == "xylo"

    code, out, err = snncc("run", "chip", "--input", "x.npz", "--labels", "labels", "-o", "y.npz")
    assert (code, err) == (0, "")
    assert "12 samples, 20 steps on Xylo" in out
    assert float(out.split("accuracy ")[1].split()[0]) > 0.6
    require_module("xylosim.v2")
    code, out, err = snncc(
        "run", "chip", "--input", "x.npz", "--engine", "xylosim", "-o", "z.npz", "--trace"
    )
    assert (code, err) == (0, "")
    np.testing.assert_array_equal(np.load("y.npz")["y"], np.load("z.npz")["y"])


def test_values_and_an_encoder(snncc, folder: Path) -> None:
    """Inputs without an axis of time; the folder encodes them as the compiler did."""
    values = np.random.default_rng(0).random((8, 6)).astype(np.float32)
    np.savez("values.npz", x=values, labels=np.arange(8) % 4)
    command = [*COMPILE[:-1], "values.npz", "--steps", "20", "--labels", "labels"]
    code, out, err = snncc(*command)
    assert code == 1
    assert "SNC-N007" in err
    assert "--encode counts|delta|latency|rate|thermometer" in err
    code, out, err = snncc(*command, "--encode", "latency(steps=16, levels=4)")
    assert (code, err) == (0, "")
    code, out, err = snncc("run", "chip", "--input", "values.npz", "--steps", "20", "-o", "y.npz")
    assert (code, err) == (0, "")
    assert "8 samples, 20 steps on Xylo" in out
    q = np.rint(values * np.float32(4))
    spikes = (np.arange(20)[:, None, None] == (4 - q) * 4) & (q > 0)
    model = load(Path("chip")).model
    silent = np.concatenate([spikes, np.zeros_like(spikes[:1])]).astype(np.uint8)
    np.testing.assert_array_equal(np.load("y.npz")["y"], model.run(silent)["y"][1:])
    code, out, err = snncc("inspect", "chip", "--json")
    assert json.loads(out)["encoder"] == "latency(levels=4)"


def test_own_description(snncc, folder: Path) -> None:
    """A chip with fewer neurons, in a file of the user's."""
    text = description_text(chip_named("xylo")).replace("count: 992", "count: 19")
    Path("less.yaml").write_text(text.replace("name: xylo", "name: less", 1))
    code, out, _ = snncc("check", "small.mlir", "--target", "less.yaml")
    assert code == 1
    assert "20 hidden neurons; less has 19: 1 too many" in " ".join(out.split())
    Path("less.yaml").write_text(text.replace("count: 19", "count: none"))
    code, out, _ = snncc("check", "small.mlir", "--target", "less.yaml")
    assert code == 1
    assert "less.yaml:" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (COMPILE[:6], "SNC-C003 --target xylo: scales follow from data"),
        ([*COMPILE, "--quantize", "int8"], "SNC-C003 --quantize: for C"),
        ([*COMPILE, "--prefix", "a"], "SNC-C003 --prefix: for C"),
        ([*COMPILE[:3], "xilo", *COMPILE[4:]], "SNC-C003 target: expected c, "),
        ([*COMPILE, "--labels", "no"], "SNC-R003 labels 'no'"),
        (["compile", "small.mlir", "-o", "c", "--labels", "y"], "SNC-C003 --labels: is for chips"),
        (["compile", "small.mlir", "-o", "c", "--encode", "rate"], "SNC-C003 --encode: is for"),
        ([*COMPILE, "--encode", "poisson"], "SNC-C003 encode: expected one of rate, latency"),
        ([*COMPILE, "--encode", "delta(a=1)"], "SNC-C003 encode: delta has no option 'a'"),
        (["run", ".", "--input", "x.npz"], "SNC-N008"),
        (["inspect", "."], "SNC-N008"),
        (["run", "small.mlir", "--input", "x.npz", "--engine", "xylosim"], "is for chips"),
    ],
)
def test_faults(snncc, folder: Path, arguments: list[str], told: str) -> None:
    code, _, err = snncc(*arguments)
    assert code == 1
    assert told in err
    assert not Path("chip").exists()


def test_repack(snncc, folder: Path) -> None:
    """Weights of another training, in place and elsewhere; what does not fit is told."""
    snncc(*COMPILE)
    np.savez("w.npz", **{"hidden.to.readout.2": np.zeros((20, 4), np.int64)})
    code, out, err = snncc("repack", "chip", "--weights", "w.npz", "-o", "silent")
    assert (code, err) == (0, "")
    assert out.startswith("hidden.to.readout.2: ")
    assert out.splitlines()[-1] == "wrote silent"
    code, out, err = snncc("run", "silent", "--input", "x.npz", "-o", "y.npz")
    assert (code, np.load("y.npz")["y"].any()) == (0, False)
    np.savez("w.npz", **{"hidden.to.readout.2": np.full((20, 4), 128)})
    code, out, err = snncc("repack", "chip", "--weights", "w.npz")
    assert code == 1
    assert "SNC-N006 node 'hidden.to.readout.2': 80 weights are beyond -128 to 127" in err
    np.savez("w.npz", **{"readout.bias": np.arange(4)})
    assert snncc("repack", "chip", "--weights", "w.npz")[0] == 0
    assert json.loads(Path("chip/manifest.json").read_text())["repacked"] is True
