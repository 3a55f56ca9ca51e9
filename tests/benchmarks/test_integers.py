"""The benchmark of bytes on small networks: what it computes, not how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import integers, timing

pytestmark = pytest.mark.usefixtures("c_compiler")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    load = integers.Workload((20, 40, 30, 5), 40, 0.15, (0.1, 0.1, 0.1))
    monkeypatch.setattr(integers, "WORKLOADS", {"W5": load})
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(integers, "pin", lambda cpu: None)  # the tests share the cores


def test_both_builds_give_the_interpreters_spikes(tmp_path: Path) -> None:
    file = tmp_path / "integers.json"
    assert integers.main(["--rounds", "2", "--json", str(file)]) == 0
    (result,) = json.loads(file.read_text())["results"].values()
    assert result["ratio"] > 0
    assert len(result["seconds"]["int8"]) == 2


def test_bytes_fire_nearly_as_floats_do() -> None:
    rates = integers.run("W5", 1).rates
    assert 0.05 < rates["float32"] < 0.2
    assert abs(rates["int8"] - rates["float32"]) < 0.3 * rates["float32"]


def test_other_spikes_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    run = integers.Build.run
    monkeypatch.setattr(integers.Build, "run", lambda self, x: 1 - run(self, x))
    assert integers.main(["--rounds", "1"]) == 1
