"""Encoders against a few lines of NumPy, in the interpreter and in C."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration
from snncc.cores.encoders import ENCODERS, InputEncoder, encoder_of, input_encoder
from snncc.cores.folder import files_of, load, manifest_of
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from tests.cores.networks import INPUTS, small
from tests.tools import require_tool

XYLO = chip_named("xylo")
F = np.float32


def rate(x: Array, threshold: float, gain: float, start: float) -> Array:
    v, found = np.full(x.shape[1:], start, F), []
    for value in x:
        v = v + value * F(gain)
        z = v >= F(threshold)
        v = np.where(z, v - F(threshold), v)
        found.append(z)
    return np.array(found)


def latency(x: Array, steps: int, levels: int, high: float) -> Array:
    """Of values that are held."""
    q = np.clip(np.rint(x[0] * F(levels / high)), 0, levels)
    at = (levels - q) * (steps // levels)
    t = np.arange(len(x)).reshape(-1, *(1,) * (x.ndim - 1))
    return (t == at) & (q > 0)


def thermometer(x: Array, levels: list[float]) -> Array:
    """[T, B, C, ...] to [T, B, C * levels, ...], levels of a value side by side."""
    reached = np.stack([x >= F(level) for level in levels], axis=3)
    return reached.reshape(*x.shape[:2], -1, *x.shape[3:])


def delta(x: Array, threshold: float) -> Array:
    r, found = np.zeros_like(x[0]), []
    for value in x:
        up, down = value - r > F(threshold), r - value > F(threshold)
        r = r + F(threshold) * up - F(threshold) * down
        found.append(np.stack([up, down], axis=2).reshape(len(value), -1, *value.shape[2:]))
    return np.array(found)


def counts(x: Array, gain: float, most: int) -> Array:
    return np.clip(np.rint(x * F(gain)), 0, most)


def rows(x: Array, repeats: int, steps: int) -> Array:
    """Images [B, rows, ...] as a stream [T, B, ...] of rows, and zeros behind the last."""
    found = np.zeros((steps, len(x), *x.shape[2:]), F)
    shown = np.moveaxis(x, 1, 0).repeat(repeats, axis=0)[:steps]
    found[: len(shown)] = shown
    return found


def held(x: Array, steps: int) -> Array:
    return np.broadcast_to(x, (steps, *x.shape))


STREAM = np.cumsum(np.random.default_rng(0).normal(0, 0.2, (30, 5, 6, 2)), axis=0).astype(F)
IMAGES = np.random.default_rng(1).integers(0, 17, (5, 8, 8)).astype(F)
LEVELS = [1, 4, 7, 10, 13, 16]
UNTIL = (np.arange(30) < 12).reshape(-1, 1, 1, 1)

Case = tuple[str, tuple[int, ...], Array, "int | None", Callable[[], Array]]

CASES: list[Case] = [
    ("rate", (6, 2), STREAM, None, lambda: rate(STREAM, 1, 1, 0)),
    (
        "rate(threshold=0.7, gain=0.3, start=0.35, steps=12)",
        (6, 2),
        STREAM,
        None,
        lambda: rate(STREAM * UNTIL, 0.7, 0.3, 0.35),
    ),
    # the codes of examples/chips, of images of pixels 0 to 16
    (
        "rate(threshold=16, start=8, steps=20)",
        (8, 8),
        IMAGES,
        24,
        lambda: rate(np.concatenate([held(IMAGES, 20), held(0 * IMAGES, 4)]), 16, 1, 8),
    ),
    (
        "latency(steps=16, high=16)",
        (8, 8),
        IMAGES,
        20,
        lambda: latency(held(IMAGES, 20), 16, 16, 16),
    ),
    (
        "latency(steps=16, levels=4, high=16)",
        (8, 8),
        IMAGES,
        16,
        lambda: latency(held(IMAGES, 16), 16, 4, 16),
    ),
    (
        "counts(rows=8, repeats=3)",
        (8,),
        IMAGES,
        27,
        lambda: counts(rows(IMAGES, 3, 27), 1, 15),
    ),
    (
        "thermometer(levels=(1, 4, 7, 10, 13, 16), rows=8, repeats=2)",
        (48,),
        IMAGES,
        19,
        lambda: thermometer(rows(IMAGES, 2, 19), LEVELS),
    ),
    (
        "thermometer",
        (24, 2),
        STREAM,
        None,
        lambda: thermometer(STREAM, [0.125, 0.375, 0.625, 0.875]),
    ),
    (
        "thermometer(levels=2, low=-1, high=3)",
        (12, 2),
        STREAM,
        None,
        lambda: thermometer(STREAM, [0, 2]),
    ),
    ("delta", (12, 2), STREAM, None, lambda: delta(STREAM, 0.1)),
    ("delta(threshold=0.25)", (12, 2), STREAM, None, lambda: delta(STREAM, 0.25)),
    ("counts(gain=2.5, most=3)", (6, 2), STREAM, None, lambda: counts(STREAM, 2.5, 3)),
]


@pytest.mark.parametrize(("text", "shape", "x", "steps", "wanted"), CASES)
def test_encoders(
    text: str, shape: tuple[int, ...], x: Array, steps: int | None, wanted: Callable[[], Array]
) -> None:
    made = input_encoder(text, {"x": shape}, XYLO)
    expected = wanted().astype(np.uint8)
    assert expected.shape[2:] == shape
    assert expected.any()
    got = made.encode(x, steps=steps)["x"]
    np.testing.assert_array_equal(got, expected)
    program = snncc.compile(made.network, cflags=("-O1",))
    np.testing.assert_array_equal(
        program.run(x, steps=steps)["x_spikes"].astype(np.uint8), expected
    )
    assert str(encoder_of(str(made.encoder))) == str(made.encoder)


def test_one_spike_of_a_value_that_changes() -> None:
    made = input_encoder("latency(steps=4)", {"x": (2,)}, XYLO)
    x = np.array([[0.2, 1], [0.2, 1], [1, 0], [1, 1], [1, 1]])
    np.testing.assert_array_equal(made.encode(x)["x"].T, [[0, 0, 1, 0, 0], [1, 0, 0, 0, 0]])


def test_every_input_is_encoded() -> None:
    made = input_encoder("thermometer(levels=3)", {"a": (6,), "b": (3, 4)}, XYLO)
    assert made.network.inputs == {"a": (2,), "b": (1, 4)}
    found = made.encode({"a": np.ones((5, 2)), "b": np.zeros((5, 1, 4))})
    assert found["a"].all()
    assert not found["b"].any()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("poisson", "SNC-C003 encode: expected one of rate, latency, thermometer, delta, counts"),
        ("rate(", "SNC-C003 encode: expected one of"),
        ("rate(gain=1, gain=2)", "SNC-C003 rate: an option stands twice"),
        ("rate(speed=1)", "SNC-C003 encode: rate has no option 'speed'"),
        ("rate(threshold=0)", "SNC-C003 encode: rate: threshold: expected a number above 0"),
        ("rate(gain='a')", "SNC-C003 encode: rate: gain: expected a number"),
        ("rate(gain=1e999)", "SNC-C003 encode: rate: gain: expected a number"),
        ("rate(steps=0)", "SNC-C003 encode: rate: steps: expected 1 to"),
        ("rate(rows=2.5)", "SNC-C003 encode: rate: rows: expected 1 to"),
        ("latency(steps=None)", "SNC-C003 encode: latency: steps"),
        (
            "latency(steps=16, levels=5)",
            "SNC-C003 encode: latency: levels: expected a divisor",
        ),
        ("latency(high=0)", "SNC-C003 encode: latency: high: expected a number above 0"),
        ("thermometer(levels=())", "SNC-C003 encode: thermometer: levels"),
        ("thermometer(levels=('a',))", "SNC-C003 encode: thermometer: levels"),
        ("thermometer(low=1)", "SNC-C003 encode: thermometer: expected low < high"),
        ("delta(threshold=-1)", "SNC-C003 encode: delta: threshold"),
        ("counts(most=256)", "SNC-C003 encode: counts: most: expected 1 to 255"),
        ("counts(most=16)", "SNC-N007 encode: counts.most=16. gives up to 16 .* xylo takes 15"),
        ("thermometer(levels=4)", "SNC-N007 .* makes 4 inputs of each value: input 'x' has 6"),
    ],
)
def test_faults(text: str, told: str) -> None:
    with pytest.raises(SnnccError, match=told):
        input_encoder(text, {"x": (6,)}, XYLO)


def values(samples: int = 10) -> Array:
    return np.random.default_rng(3).random((samples, INPUTS)).astype(F)


TEXT = "rate(gain=0.6, start=0.5)"


@pytest.fixture(scope="module")
def chip() -> Configuration:
    return snncc.compile(small(), target="xylo", calibration=values(), encode=TEXT, steps=20)


def test_a_configuration_takes_values(chip: Configuration) -> None:
    """It gives what it gives for the spikes that the encoder makes of them."""
    spikes = input_encoder(TEXT, small().inputs, XYLO).encode(values(), steps=20)["x"]
    plain = replace(chip, encoder=None)
    wanted = plain.run(spikes)["y"]
    assert wanted.any()
    np.testing.assert_array_equal(chip.run(values(), steps=20)["y"], wanted)
    np.testing.assert_array_equal(chip.run(held(values(), 20))["y"], wanted)
    np.testing.assert_array_equal(chip.golden.inputs["x"][:20], spikes[:, 0])
    with pytest.raises(SnnccError, match="SNC-C003 steps: are for values"):
        plain.run(spikes, steps=20)


def test_the_folder_has_all_of_it(chip: Configuration, tmp_path: Path) -> None:
    folder = chip.save(tmp_path / "chip")
    assert manifest_of(folder)["encoder"] == TEXT
    assert manifest_of(folder)["values"] == {"x": [INPUTS]}
    again = load(folder)
    assert isinstance(again.encoder, InputEncoder)
    assert files_of(again) == files_of(chip)
    np.testing.assert_array_equal(again.real["x"], held(values()[0], 20))
    np.testing.assert_array_equal(
        again.run(values(), steps=20)["y"], chip.run(values(), steps=20)["y"]
    )
    assert f"- values `x`: [{INPUTS}]" in (folder / "README.md").read_text().splitlines()

    host = folder / "host"  # its C needs nothing else
    sources = [str(path) for path in sorted(host.glob("src/*.c"))]
    flags = ["-std=c11", "-Wall", "-Werror", f"-I{host / 'include'}", f"-I{host / 'src'}"]
    command = [require_tool("cc"), *flags, "-ffp-contract=off", "-c", *sources]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert list(tmp_path.glob("*.o"))

    manifest = folder / "manifest.json"
    text = manifest.read_text()
    assert f'"encoder": "{TEXT}"' in text
    for other in ("poisson", "thermometer(levels=4)"):
        manifest.write_text(text.replace(f'"encoder": "{TEXT}"', f'"encoder": "{other}"'))
        with pytest.raises(SnnccError, match="SNC-N008 manifest: encode: "):
            load(folder)


def test_what_is_no_spike_names_the_encoders() -> None:
    with pytest.raises(SnnccError, match="SNC-N007") as caught:
        snncc.compile(small(), target="xylo", calibration=values()[None])
    assert all(name in str(caught.value) for name in ENCODERS)
    with pytest.raises(SnnccError, match="SNC-C003 steps: are for values"):
        snncc.compile(small(), target="xylo", calibration=values(), steps=5)
