"""Sizes of a small always-on network on a Cortex-M4, where its compiler is there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import snncc
from benchmarks.integers import WORKLOADS, byte_network, weights_of
from tests.tools import require_tool
from tests.whole_numbers import float_symbols

COMPILER = "arm-none-eabi-gcc"
FLASH, STATE = 12 * 1024, 1024


def test_a_tiny_network_fits(tmp_path: Path) -> None:
    """W5 (16-64-64-4) in bytes: code and weights in 12 KiB of flash, its state in 1 KiB."""
    compiler, size = require_tool(COMPILER), require_tool("arm-none-eabi-size")
    _, weights = weights_of(WORKLOADS["W5"])
    folder = snncc.compile(byte_network(weights), prefix="w5").save(tmp_path / "w5")
    flash = 0
    for source in sorted((folder / "src").glob("*.c")):
        made = tmp_path / f"{source.stem}.o"
        flags = ["-Os", "-mcpu=cortex-m4", "-mfloat-abi=soft", "-mthumb", "-ffreestanding"]
        includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
        subprocess.run([compiler, *flags, *includes, "-c", source, "-o", made], check=True)
        sizes = subprocess.run([size, made], check=True, capture_output=True, text=True)
        text, data, bss = map(int, sizes.stdout.splitlines()[1].split()[:3])
        flash += text + data
        assert bss == 0
        assert not float_symbols(made)
    assert flash <= FLASH
    assert json.loads((folder / "w5.json").read_text())["state_bytes"] <= STATE
