"""`snncc compile --train`: what it hands to the compiler, what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc as product
from snncc import compiled
from tests.small_networks import RECURRENT, network

TRAIN = ["--train", "bptt", "--loss", "mse(output='v')", "--steps", "8"]
WITH = ["--surrogate", "atan(a=2.0)"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with a recurrent network: parameters fc.w [5, 3], rec.w [5, 5], beta."""
    monkeypatch.chdir(tmp_path)
    network(RECURRENT, tmp_path).save("net.mlir")
    return tmp_path


def test_what_is_trained_is_printed(snncc, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need no compiler."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)
    arguments = [*TRAIN, *WITH, "--optimizer", "adam(lr=0.002)", "--tape-steps", "3"]
    code, out, err = snncc("compile", "net.mlir", *arguments, "-o", "an out")
    assert code == 0, err
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert ["fc.w", "5x3", "15", "60", "B"] in lines
    assert ["rec.w", "5x5", "25", "100", "B"] in lines
    assert ["beta", "5", "5", "20", "B"] in lines
    (manifest,) = (json.loads(path.read_text()) for path in Path("an out").glob("*_train.json"))
    memory = manifest["memory"]
    assert ["tape", str(memory["tape"]), "B"] in lines
    assert memory["checkpoints"] > 0
    assert out.splitlines()[-1] == (
        f"net: one struct of {manifest['bytes']} B, constants {manifest['const_bytes']} B; "
        "8 steps a sample, a tape of 3 (3 segments, all but the last run twice)"
    )
    parts = [line for line in lines if line[-1:] == ["B"] and not line[0].endswith((".c", ".h"))]
    assert len(parts) > 8
    header = next(Path("an out", "include").glob("*_train.h")).read_text()
    assert "TRAIN_RATE 0.002" in header
    assert "TRAIN_TAPE_STEPS 3u" in header
    # the trained network alone stands beside it
    assert Path("an out", "include", "net.h").is_file()


def test_layers_that_are_trained(snncc, folder: Path) -> None:
    code, out, err = snncc(
        "compile", "net.mlir", *TRAIN, *WITH, "--trainable", "fc, beta", "-o", "o"
    )
    assert code == 0, err
    (manifest,) = (json.loads(path.read_text()) for path in Path("o").glob("*_train.json"))
    assert set(manifest["parameters"]) == {"fc.w", "beta"}
    assert "rec.w" not in out


def test_networks_of_integers(snncc, folder: Path) -> None:
    """Trained in integers that follow floats, kept without them."""
    np.savez("x.npz", x=np.random.default_rng(0).random((6, 8, 3), np.float32))
    arguments = ["--trainable", "fc", "--quantize", "int8", "--calibrate", "x.npz"]
    loss = ["--train", "bptt", "--loss", "ce_count(output='spikes')", "--steps", "8"]
    code, out, err = snncc("compile", "net.mlir", *loss, *WITH, *arguments, "-o", "o")
    assert code == 0, err
    (manifest,) = (json.loads(path.read_text()) for path in Path("o").glob("*_train.json"))
    assert set(manifest["parameters"]) == {"fc.weight", "fc.bias"}
    assert "spike-aware" in out
    assert "const int8_t net_fc" in Path("o", "src", "net_weights.c").read_text()


def test_training_without_floats(snncc, folder: Path) -> None:
    random = np.random.default_rng(0)
    np.savez("x.npz", x=random.random((8, 6, 3), np.float32), y=random.random((8, 6, 5)))
    integers = ["--trainable", "fc", "--quantize", "int8", "--method", "max"]
    arguments = [*integers, "--calibrate", "x.npz", "--train", "eprop", "--steps", "8"]
    loss = ["--loss", "mse(output='v')", "--optimizer", "sgd(rounding='stochastic')"]
    arguments += [*loss, *WITH, "--arithmetic", "integer"]
    code, _, err = snncc("compile", "net.mlir", *arguments, "-o", "o")
    assert code == 1
    assert "calibration_target: not given" in err
    code, _, err = snncc("compile", "net.mlir", *arguments, "--calibrate-target", "z", "-o", "o")
    assert code == 1
    assert "x.npz has no such array" in err
    code, out, err = snncc("compile", "net.mlir", *arguments, "--calibrate-target", "y", "-o", "o")
    assert code == 0, err
    (manifest,) = (json.loads(path.read_text()) for path in Path("o").glob("*_train.json"))
    assert {entry["type"] for entry in manifest["parameters"].values()} == {"int8_t"}
    assert all(entry["type"] != "float" for entry in manifest["outputs"])
    assert {entry["type"] for entry in manifest["inputs"]} == {"int8_t"}
    assert ["fc.weight", "5x3", "15", "15", "B"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("train", ["bptt", "eprop"])
def test_options_reach_the_compiler(
    snncc, folder: Path, train: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of `snncc.compile`, which knows what each kind of training takes."""
    given: dict[str, Any] = {}

    def recorded(network: product.Network, **options: Any) -> None:
        given.update(options, network=network.name)
        raise product.errors.error("SNC-T001", "seen")

    monkeypatch.setattr(compiled, "compile", recorded)
    arguments = ["--train", train, "--loss", "mse", "--steps", "5", "--trainable", "fc,rec"]
    arguments += ["--optimizer", "adam", "--time-block", "4", "--prefix", "p", "--tape-steps", "2"]
    arguments += ["--feedback", "random", "--seed", "7", "--surrogate", "atan"]
    arguments += ["--samples", "2", *(["--fused"] if train == "bptt" else ["--no-fused"])]
    code, _, err = snncc("compile", "net.mlir", *arguments, "-o", "o")
    assert (code, err) == (1, "error: SNC-T001 seen\n")
    assert given == {
        "network": "net",
        "target": "c",
        "train": train,
        "loss": "mse",
        "steps": 5,
        "trainable": ["fc", "rec"],
        "optimizer": "adam",
        "surrogate": "atan",
        "tape_steps": 2,
        "samples": 2,
        "fused": train == "bptt",
        "feedback": "random",
        "seed": 7,
        "time_block": 4,
        "prefix": "p",
        "fold": "exact",
        "weights": "auto",
        "pack": "auto",
    }


def test_spikes_without_a_surrogate_are_told(snncc, folder: Path) -> None:
    code, _, err = snncc("compile", "net.mlir", *TRAIN, "-o", "o")
    assert code == 0
    assert err.startswith('warning: SNC-W026 spikes of snn.neuron "lif" have no surrogate')
    net = product.load("net.mlir")
    with pytest.warns(product.SnnccWarning, match="SNC-W026 spikes of .*lif"):
        product.compile(net, train="bptt", loss="mse(output='v')", steps=4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--loss", "mse"], "SNC-C003 --loss: says how to train, and nothing is to be trained"),
        (["--tape-steps", "0"], "add --train bptt"),
        (["--train", "bptt"], "SNC-C003 --train bptt: needs --loss and --steps"),
        (["--train", "bptt", "--loss", "mse"], "SNC-C003 --train bptt: needs --steps"),
        (["--steps", "5"], "SNC-C003 --steps: is for calibration data"),
        ([*TRAIN, "--print-after", "load"], "SNC-C003 --print-after: shows the phases of inf"),
        ([*TRAIN, "--fold", "all"], "SNC-C003 fold: all is for inference"),
        ([*TRAIN, "--trainable", "fc9"], "SNC-C003 trainable: no parameter or layer is named"),
        ([*TRAIN, "--trainable", "fc,,beta"], "SNC-C003 --trainable: expected names"),
        ([*TRAIN, "--loss", "nope"], "SNC-C003 loss: cannot read 'nope'"),
        ([*TRAIN, "--loss", "mse"], "SNC-C003 loss: expected one of the outputs spikes, v"),
        ([*TRAIN, "--optimizer", "lion"], "SNC-C003 optimizer: expected one of sgd, adam"),
        ([*TRAIN, "--optimizer", "sgd(lr=-1)"], "SNC-C003 optimizer: lr: expected a number"),
        ([*TRAIN, "--surrogate", "nope"], "SNC-C003 surrogate 'nope' is not known"),
        ([*TRAIN, "--tape-steps", "0"], "SNC-C003 tape_steps: expected a whole number"),
        ([*TRAIN, "--steps", str(1 << 31)], "SNC-C003 steps: expected a whole number"),
        ([*TRAIN, "-o", "."], "SNC-C004 .: is the current folder"),
    ],
)
def test_what_is_refused(snncc, folder: Path, arguments: list[str], text: str) -> None:
    before = sorted(folder.iterdir())
    target = [] if "-o" in arguments else ["-o", "o"]
    code, out, err = snncc(
        "compile", "net.mlir", *WITH[: 2 * (TRAIN[0] in arguments)], *target, *arguments
    )
    assert (code, out) == (1, "")
    assert text in err
    assert sorted(folder.iterdir()) == before
