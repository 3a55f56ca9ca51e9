"""Weights that are whole numbers: their update in C, by NumPy, and what it is good for."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.network import Network
from snncc.training import OnlineProgram, TrainProgram
from snncc.training.optimizers import SGD, Adam, Optimizer
from tests.tools import require_tool
from tests.training.test_program import STEPS, data, net

__all__ = ["data", "net"]  # fixtures

WEIGHTS = ("w1", "rec", "w2")
WORD = 0xFFFFFFFF


def program(
    net: Network, optimizer: Optimizer, kind: type[TrainProgram] = TrainProgram
) -> TrainProgram:
    require_tool("gcc")
    options = {"steps": STEPS, "prefix": "net", "cc": "gcc", "cflags": ("-O1",)}
    return kind(net, "ce_per_step", optimizer=optimizer, **options)  # type: ignore[arg-type]


def next_word(word: int) -> int:
    word ^= word << 13 & WORD
    word ^= word >> 17
    return word ^ word << 5 & WORD


def uniform(word: int, places: Array) -> Array:
    bits = (word + places.astype(np.uint64) * 0x9E3779B9) & WORD
    bits = (bits ^ (bits >> 16)) * 0x85EBCA6B & WORD
    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35 & WORD
    return ((bits ^ (bits >> 16)) >> 8).astype(np.float32) * np.float32(2.0**-24)


@pytest.mark.parametrize(
    ("bits", "rounding", "decay"),
    [(8, "stochastic", 0.0), (4, "stochastic", 0.5), (12, "nearest", 0.0)],
)
def test_updates_by_numpy(
    net: Network, data: tuple[Array, Array], bits: int, rounding: str, decay: float
) -> None:
    """Bit for bit from update to update: nothing but the whole numbers is remembered."""
    x, labels = data
    word, rate = 77, np.float32(0.02)
    trained = program(
        net, SGD(lr=float(rate), rounding=rounding, bits=bits, seed=word, weight_decay=decay)
    )
    learned, manifest = trained.programs.learned, trained.package.manifest["parameters"]
    assert set(learned.integers) == set(WEIGHTS)
    half, moved = (1 << (bits - 1)) - 1, 0
    for _ in range(4):
        trained.train_step(x[:, :1], labels[:1])  # of one sample: its sum is the mean
        before = {
            name: np.array(trained._running.array(manifest[name]), np.int64) for name in WEIGHTS
        }
        floats, gradients = trained.parameters(), trained.gradients()
        trained.apply()
        word, places = next_word(word), 0
        for name in WEIGHTS:
            assert manifest[name]["type"] == ("int8_t" if bits <= 8 else "int16_t")
            scale, order = np.float32(learned.integers[name].scale), learned.storage[name]
            w = before[name].astype(np.float32) * scale
            assert (floats[name].ravel()[order] == w).all()
            g = gradients[name].ravel()[order]
            g = g + w * np.float32(decay) if decay else g
            drawn = uniform(word, places + np.arange(g.size))
            places += g.size
            u = drawn if rounding == "stochastic" else np.float32(0.5)
            change = (np.float32(0) - rate * g) * np.float32(1 / float(scale))
            wanted = before[name] + np.floor(change + u).astype(np.int64)
            after = trained._running.array(manifest[name])
            np.testing.assert_array_equal(after, np.clip(wanted, -half, half), name)
            moved += int((after != before[name]).sum())
    assert moved > 5


def test_small_changes_are_not_lost(net: Network, data: tuple[Array, Array]) -> None:
    """Changes far below a step: rounded to the nearest they are lost, at random they add up."""
    x, labels = data
    found = {}
    for rounding in ("nearest", "stochastic"):
        trained = program(net, SGD(lr=0.005, rounding=rounding), OnlineProgram)
        first = trained.train_step(x, labels)
        for _ in range(120):
            trained.apply()
            trained.train_step(x, labels)
        found[rounding] = trained.loss / first
    assert found["stochastic"] < 0.3
    assert found["nearest"] > 0.5


def test_what_is_kept(net: Network, data: tuple[Array, Array], tmp_path) -> None:
    """Parameters that are set become the nearest numbers; moments and biases stay floats."""
    x, labels = data
    trained = program(net, Adam(lr=0.01, rounding="stochastic", headroom=4.0))
    own = trained.parameters()
    for name in WEIGHTS:
        scale = trained.programs.learned.integers[name].scale
        assert scale == pytest.approx(4 * abs(own[name]).max() / 127, rel=0.02)
    trained.set_parameters({"w1": own["w1"] + 0.3 * trained.programs.learned.integers["w1"].scale})
    np.testing.assert_array_equal(trained.parameters()["w1"], own["w1"])
    for _ in range(30):
        first = trained.train_step(x, labels)
        trained.apply()
    assert trained.loss < 4
    assert trained.run(x)["y"].tobytes() == trained.trained().run(x)["y"].tobytes()
    scales = trained.package.manifest["scales"]  # of what lies in the struct
    assert scales == {n: s.scale for n, s in trained.programs.learned.integers.items()}
    header = (trained.save(tmp_path / "out") / "include/net_train.h").read_text("utf-8")
    for line in ("int8_t w1[30];", "float w1_m[30];", "float b1[6];", "int32_t clock_word[1];"):
        assert line in header
    assert first == trained.loss


def test_weights_that_would_all_be_0(net: Network) -> None:
    coarse = SGD(rounding="nearest", bits=2)
    with pytest.raises(snncc.SnnccError, match=r"headroom: with 2\.0 times the largest"):
        snncc.compile(net, train="bptt", loss="ce_count", steps=2, optimizer=coarse)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounding": "up"}, "rounding: expected nearest or stochastic, got 'up'"),
        ({"rounding": "nearest", "bits": 1}, "bits: expected 2 to 16, got 1"),
        ({"rounding": "nearest", "headroom": 0.5}, "headroom: expected at least 1, got 0.5"),
        ({"rounding": "stochastic", "seed": 0}, "seed: expected a whole number from 1"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=f"SNC-C003 optimizer: {message}"):
        SGD(**options)
