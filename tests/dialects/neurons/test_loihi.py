"""
The body of Loihi's neuron: a network that Lava has run, and the equations at their ends.

Lava's record starts with a step of zeros: its step t is step t - 1 here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import TensorType, i32

from snncc.compiled import compile
from snncc.dialects.arrays import Array
from snncc.dialects.snn.neurons import loihi
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.network import Network
from tests.loihi_networks import Layer, layers_of_netx, load_layers, network_of
from tests.tools import shared_file

DATA = Path(__file__).parents[2] / "data" / "lava_tinynet.npz"
STEPS = 15
SPIKES = {"layer0": 6783, "layer1": 1633, "layer2": 92}


def recorded() -> tuple[list[Layer], dict[str, Array]]:
    """The network and its record as this repository keeps them."""
    layers, arrays = load_layers(DATA)
    for name, layer in zip(("layer0", "layer1", "layer2"), layers, strict=True):
        bits = np.unpackbits(arrays[name])[: STEPS * int(np.prod(layer.shape))]
        arrays[name] = bits.reshape(STEPS, *layer.shape)
    return layers, arrays


def from_lava() -> tuple[list[Layer], dict[str, Array]]:
    """The same from Lava-DL's files beside the repository."""
    folder = shared_file("nets/lava_tinynet")

    def record(name: str) -> Array:
        """[1, C, H, W, T] as [T, C, H, W], without the first step, of zeros."""
        array = np.moveaxis(np.load(folder / f"{name}.npy")[0], -1, 0)
        assert not array[0].any()
        return array[1:]

    arrays = {
        "bias": np.load(folder / "input_bias.npy").transpose(2, 1, 0).astype(np.int16),
        "layer0": record("input"),
        "layer1": record("layer1"),
        "layer2": record("output"),
        "current": record("current"),
    }
    return layers_of_netx(folder / "tiny.net"), arrays


def expect_record(trace: dict[str, Any], arrays: dict[str, Array]) -> None:
    for name, count in SPIKES.items():
        assert arrays[name].sum() == count
        np.testing.assert_array_equal(trace[name], arrays[name])
    # Lava's record is of currents before their alignment
    np.testing.assert_array_equal(trace["layer1.u"], arrays["current"].astype(np.int64) << 6)


@pytest.mark.parametrize("source", [recorded, from_lava])
def test_interpreter_equals_lava(source: Any) -> None:
    layers, arrays = source()
    expect_record(network_of(layers).run(arrays["bias"], steps=STEPS, trace=True), arrays)


@pytest.mark.parametrize("source", [recorded, from_lava])
def test_c_equals_lava(source: Any) -> None:
    layers, arrays = source()
    program = compile(network_of(layers), cflags=("-O1",))
    expect_record(program.run(arrays["bias"], steps=STEPS, trace=True), arrays)
    result = program.run(arrays["bias"], steps=STEPS)
    for name in SPIKES:
        np.testing.assert_array_equal(result[name], arrays[name])


def reference(population: loihi.Population, x: Array) -> dict[str, Array]:
    """The equations on Python's integers, as Lava writes them: one wrap, a clip."""

    def toward_zero(value: int, factor: int) -> int:
        magnitude = abs(value) * factor >> 12
        return magnitude if value >= 0 else -magnitude

    steps, size = x.shape
    du, dv, threshold, mantissa, exponent = (
        np.broadcast_to(getattr(population, name), size).tolist()
        for name in ("du", "dv", "threshold", "bias_mantissa", "bias_exponent")
    )
    result = {name: np.zeros((steps, size), np.int64) for name in ("z", "u", "v")}
    for n in range(size):
        u = v = 0
        for t in range(steps):
            u = toward_zero(u, 4096 - (du[n] + 1)) + (int(x[t, n]) << 6)
            u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
            v = toward_zero(v, 4096 - dv[n]) + u + (mantissa[n] << exponent[n])
            v = min(max(v, 1 - 2**23), 2**23 - 1)
            z = v > threshold[n] << 6
            v = 0 if z else v
            for name, value in (("z", z), ("u", u), ("v", v)):
                result[name][t, n] = value
    return result


def drawn(seed: int) -> tuple[loihi.Population, Array]:
    rng = np.random.default_rng(seed)
    size, steps = 24, 150
    population = loihi.Population(
        du=rng.integers(0, 4096, size) >> rng.integers(0, 12, size),
        dv=rng.integers(0, 4096, size) >> rng.integers(0, 12, size),
        threshold=np.where(rng.random(size) < 0.3, 131071, rng.integers(0, 60000, size)),
        bias_mantissa=rng.integers(-4096, 4096, size),
        bias_exponent=rng.integers(0, 8, size),
    )
    # sums of 16 bits, and now and then one that wraps
    x = rng.integers(-(2**15), 2**15, (steps, size)) >> rng.integers(0, 10, size)
    return population, np.where(rng.random(x.shape) < 0.02, x * 7, x)


def one_layer(population: loihi.Population, size: int) -> Network:
    a = Assembly("one", {"x": TensorType(i32, [size])})
    return Network(
        a.finish({"z": loihi.add_neuron(a, "n", population, (size,), {"x": a.inputs["x"]})})
    )


@pytest.mark.parametrize("seed", range(20))
def test_interpreter_equals_equations(seed: int) -> None:
    population, x = drawn(seed)
    wanted = reference(population, x)
    trace = one_layer(population, x.shape[1]).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])
    np.testing.assert_array_equal(trace["z"], wanted["z"])


@pytest.mark.parametrize("seed", range(4))
def test_c_equals_equations(seed: int) -> None:
    population, x = drawn(seed)
    wanted = reference(population, x)
    trace = compile(one_layer(population, x.shape[1]), cflags=("-O1",)).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])
    np.testing.assert_array_equal(trace["z"], wanted["z"])


def test_what_the_drawn_populations_reach() -> None:
    """Both ends of the membrane, currents that wrap both ways, and live neurons."""
    results = [reference(*drawn(seed)) for seed in range(20)]
    assert min(r["v"].min() for r in results) == 1 - 2**23
    rates = [r["z"].mean() for r in results]
    assert 0.02 < min(rates) < max(rates) < 0.9
    jumps = np.concatenate([np.diff(r["u"], axis=0).ravel() for r in results])
    assert jumps.max() > 2**23
    assert jumps.min() < -(2**23)


def test_a_current_may_be_at_the_upper_end_and_not_at_the_lower() -> None:
    """Lava wraps above 2^23 and at -2^23: the register's range is -2^23 + 1 to 2^23."""
    x = np.array([[2**17, -(2**17), 2**17 + 1, -(2**17) - 1]])
    none = np.zeros(1, np.int64)
    population = loihi.Population(none, none, none + 131071, none, none)
    wanted = reference(population, x)
    assert wanted["u"].tolist() == [[2**23, 2**23, -(2**23) + 64, 2**23 - 64]]
    trace = one_layer(population, 4).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])


def test_what_the_registers_cannot_hold() -> None:
    zero = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="threshold: expected 0 to 131071, got 131072 to 131072"):
        loihi.Population(zero, zero, zero + 131072, zero, zero)
