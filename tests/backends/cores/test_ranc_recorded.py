"""The player of RANC beside runs of its simulator and of its Verilog (tests/data/README.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.backends.cores.ranc_chip import play
from tests.tools import REPOSITORY

RUNS = json.loads((REPOSITORY / "tests/data/ranc_runs.json").read_text("utf-8"))


@pytest.mark.parametrize("run", RUNS, ids=[f"{i}-{run['by']}" for i, run in enumerate(RUNS)])
def test_outputs_and_potentials_of_each_tick(run: dict[str, Any]) -> None:
    texts = json.dumps(run["input"]), json.dumps(run["config"])
    if run["by"] == "verilog":
        # there potentials wrap: the simulator is told from it by this run
        with pytest.raises(OverflowError):
            play(*texts, run["ticks"], run["width"])
        result = play(*texts, run["ticks"], run["width"], wrap=True)
    else:
        result = play(*texts, run["ticks"])
        assert len(result.merged) == run["warnings"] > 0
    assert result.outputs.sum() > 10
    assert result.output_file().decode() == run["output"]
    for place, potentials in run["potentials"].items():
        x, y = place.split(",")
        assert result.potentials[int(x), int(y)].tolist() == potentials
