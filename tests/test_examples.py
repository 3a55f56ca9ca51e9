"""The examples do what their pages say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import require_tool

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "least"), [("bptt", 0.8), ("eprop", 0.6)])
def test_recurrent_network_is_tuned_in_c(mode: str, least: float, tmp_path: Path) -> None:
    require_tool("gcc")
    options = ("--network", "rows", "--train", mode, "--seeds", "1", "--epochs", "12")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "fine_tuning/tune.py", *options, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if f"│ {mode}" in line)
    plain, shifted, tuned, _, recovery = map(float, re.findall(r"\d\.\d+", row))
    assert plain - shifted > 0.2
    assert tuned > shifted
    assert recovery >= least
    for name in ("accuracy.svg", "memory.svg", f"rows_{mode}/README.md"):
        assert (tmp_path / name).is_file()
