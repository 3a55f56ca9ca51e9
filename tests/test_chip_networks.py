"""The digits networks for chips: the files hold the codes of the page, and do what it says."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.tools import require_tool

CHIPS = Path(__file__).resolve().parent.parent / "examples/chips"
NAMES = ("xylo", "reckon", "ranc", "tinyodin")
LEVELS = (1, 4, 7, 10, 13, 16)
IMAGES = 5

Spike = Callable[[list[list[int]], int, int], int]
"""x[t, i] of an image of 8 rows."""


def counts(p: list[list[int]], t: int, i: int) -> int:
    return min(p[t // 2][i], 15) if t < 16 else 0


def thermometer(p: list[list[int]], t: int, i: int) -> int:
    column, level = divmod(i, len(LEVELS))
    return int(t < 16 and p[t // 2][column] >= LEVELS[level])


def rate(p: list[list[int]], t: int, i: int) -> int:
    if t >= 16:
        return 0
    level = 8
    for _ in range(t + 1):
        level += p[i // 8][i % 8]
        fires = level >= 16
        level -= 16 * fires
    return int(fires)


def latency(p: list[list[int]], t: int, i: int) -> int:
    pixel = p[i // 8][i % 8]
    return int(pixel > 0 and t == 16 - pixel)


@pytest.mark.parametrize(
    ("name", "code", "shape"),
    [
        ("xylo", counts, (20, 8)),
        ("reckon", thermometer, (18, 48)),
        ("ranc", rate, (19, 64)),
        ("tinyodin", latency, (16, 64)),
    ],
)
@pytest.mark.parametrize(("part", "first"), [("calibration", 1000), ("test", 0)])
def test_files_hold_the_code_of_the_page(
    name: str, code: Spike, shape: tuple[int, int], part: str, first: int
) -> None:
    digits = "digits" if part == "test" else "training"
    with np.load(CHIPS.parent / f"digits/{digits}.npz") as file:
        images, labels = (file["x"][first:] * 16).astype(int), file["y"][first:]
    with np.load(CHIPS / f"{name}_{part}.npz") as file:
        x, y = file["x"], file["y"]
    assert x.dtype == np.uint8
    assert x.shape == (shape[0], len(images), shape[1])
    np.testing.assert_array_equal(y, labels)
    rows = images[:IMAGES].reshape(-1, 8, 8).tolist()
    steps, inputs = map(range, shape)
    expected = [[[code(p, t, i) for i in inputs] for p in rows] for t in steps]
    np.testing.assert_array_equal(x[:, :IMAGES], expected)


def test_accuracy_is_that_of_the_page() -> None:
    require_tool("gcc")
    done = subprocess.run(
        [sys.executable, CHIPS / "accuracy.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = {name: re.search(rf"│ {name} +│(.*)", done.stdout) for name in NAMES}
    found = {name: line and re.findall(r"\.\d+", line[1]) for name, line in lines.items()}
    page = (CHIPS / "README.md").read_text()
    said = [
        re.findall(r"\.\d+", row)
        for part in ("297 images for calibration", "500 test images", "400 images of the shifted")
        for row in re.findall(rf"\| accuracy, {part}.*?\|(.*)", page)
    ]
    assert found == dict(zip(NAMES, map(list, zip(*said, strict=True)), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"), [("xylo", 0.02), ("reckon", 0.02), ("ranc", 0.0), ("tinyodin", 0.04)]
)
def test_chips_lose_little(name: str, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the bit-exact models; RANC's weights are whole numbers, so that nothing is lost."""
    monkeypatch.syspath_prepend(CHIPS)
    from on_chips import accuracy, configured
    from tasks import TASKS

    real = accuracy(name, TASKS[name].load())
    assert real >= 0.90
    configuration = configured(name)
    assert accuracy(name, configuration) >= real - most
    assert configuration.steps[0].name == "network"
    assert all(step.cost is not None for step in configuration.steps)
