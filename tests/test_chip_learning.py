"""The examples of learning with chips, in short: the shifted sensor is made up for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import require_tool

CHIPS = Path(__file__).resolve().parent.parent / "examples/chips"
GAIN = 0.05


@pytest.mark.slow
@pytest.mark.parametrize("script", ["tune_on_chip.py", "learn_on_chip.py"])
def test_accuracy_on_the_chips_model_rises(script: str, tmp_path: Path) -> None:
    """One pass over 400 images; the accuracy is that of 400 unseen ones."""
    require_tool("cc")
    command = [sys.executable, str(CHIPS / script), "--epochs", "1", "--out", str(tmp_path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"shifted[^\n]*?: +(0\.\d+) -> (0\.\d+) on 400", " ".join(shown.split()))
    assert found is not None, shown
    before, after = map(float, found.groups())
    assert after > before + GAIN
    assert list(tmp_path.glob("*/manifest.json"))
