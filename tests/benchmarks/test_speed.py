"""The benchmark's command on a small network: what it writes and returns, not how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import networks, speed, timing
from benchmarks.dense_c import DenseC

pytestmark = pytest.mark.usefixtures("c_compiler")


@pytest.fixture(scope="module")
def case() -> networks.Case:
    return networks.cuba((30, 40, 30), steps=50)


@pytest.fixture(autouse=True)
def small(case: networks.Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "cuba", lambda: case)
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(speed, "pin", lambda cpu: None)  # the tests share the cores


def test_numbers_of_every_contender(tmp_path: Path):
    file = tmp_path / "speed.json"
    assert speed.main(["--network", "cuba", "--rounds", "2", "--json", str(file)]) == 0
    (result,) = json.loads(file.read_text())["results"]
    assert result["densities"].keys() == {"input", "lif1", "lif2"}
    assert "dense C" in result["contenders"]
    for contender in result["contenders"].values():
        assert contender["us_per_step"] > 0
        assert len(contender["us_per_step_rounds"]) == 2
        assert contender["spikes"]["equal"]


def test_wrong_spikes_fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    run = DenseC.run
    monkeypatch.setattr(DenseC, "run", lambda self, x: 1 - run(self, x))
    assert speed.main(["--network", "cuba", "--rounds", "1"]) == 1
    assert "the spikes differ" in capsys.readouterr().out


def test_a_missing_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert speed.main(["--network", "cnn", "--nets", str(tmp_path)]) == 2
    assert "cnn_sinabs.nir" in capsys.readouterr().out
